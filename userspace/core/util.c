/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void wm_freep(void *p)
{
	free(*(void **)p);
}

void wm_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void wm_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

int wm_steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int wm_copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (len >= size) {
		dst[0] = '\0';
		return -E2BIG;
	}
	memcpy(dst, src, len + 1);
	return 0;
}

int wm_format(char *dst, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(dst, size, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= size) {
		dst[0] = '\0';
		return -E2BIG;
	}
	return 0;
}

int wm_grow(void **array, size_t *capacity, size_t n, size_t size)
{
	size_t cap = *capacity ? *capacity : 8;
	void *bigger;

	if (n <= *capacity)
		return 0;
	while (cap < n) {
		if (cap > SIZE_MAX / 2)
			return -ENOMEM;
		cap *= 2;
	}
	bigger = cap <= SIZE_MAX / size ? realloc(*array, cap * size) : NULL;
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*capacity = cap;
	return 0;
}

size_t wm_place(const void *list, size_t n, size_t size, const char *name)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp((const char *)list + middle * size, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int wm_read_file(const char *path, size_t max, char **ret, size_t *ret_len)
{
	WM_AUTO_FREE char *data = NULL;
	WM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0, cap = 0;
	ssize_t n;
	int rc;

	if (fd < 0)
		return -errno;
	/* Not by st_size: files of /proc have none. */
	do {
		rc = wm_grow((void **)&data, &cap, len + 4096 + 1, 1);
		if (rc)
			return rc;
		n = read(fd, data + len, cap - len - 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			len += (size_t)n;
		if (len > max)
			return -EFBIG;
	} while (n);
	data[len] = '\0';
	*ret = WM_STEAL(data);
	if (ret_len)
		*ret_len = len;
	return 0;
}

static int sync_parent(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int rc = wm_copy(dir, sizeof(dir), path);

	if (rc)
		return rc;
	slash = strrchr(dir, '/');
	if (!slash)
		strcpy(dir, ".");
	else
		slash[slash == dir] = '\0';

	WM_AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fsync(fd) ? -errno : 0;
}

/* What no operator calls his copies. */
#define UNFINISHED ".new-"
#define RANDOM "XXXXXX"

static bool is_unfinished(const char *name, const char *of)
{
	size_t len = strlen(of);

	return !strncmp(name, of, len) && !strncmp(name + len, UNFINISHED, strlen(UNFINISHED)) &&
	       strlen(name + len) == strlen(UNFINISHED RANDOM);
}

int wm_remove_unfinished(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir_path[PATH_MAX];
	struct dirent *e;
	struct stat st;
	int n = 0, rc = wm_format(dir_path, sizeof(dir_path), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	DIR *dir;

	if (rc)
		return rc;
	dir = opendir(dir_path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(dir))) {
		if (!is_unfinished(e->d_name, slash ? slash + 1 : path) ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		if (!unlinkat(dirfd(dir), e->d_name, 0))
			n++;
		else
			rc = -errno;
	}
	closedir(dir);
	return rc ? rc : n;
}

int wm_replace_file_by(const char *path, mode_t mode, int (*write)(FILE *f, void *arg), void *arg)
{
	char temp[PATH_MAX];
	FILE *f;
	int fd, rc = wm_format(temp, sizeof(temp), "%s" UNFINISHED RANDOM, path);

	if (rc)
		return rc;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w+");
	rc = f ? write(f, arg) : -errno;
	if (!rc && (fflush(f) || fchmod(fd, mode) || fsync(fd)))
		rc = -errno;
	if ((f ? fclose(f) : close(fd)) && !rc)
		rc = -errno;
	if (!rc && rename(temp, path))
		rc = -errno;
	if (rc) {
		unlink(temp);
		return rc;
	}
	return sync_parent(path);
}

struct bytes {
	const void *data;
	size_t len;
};

static int write_bytes(FILE *f, void *arg)
{
	const struct bytes *b = arg;

	return wm_write_full(fileno(f), b->data, b->len);
}

int wm_replace_file(const char *path, mode_t mode, const void *data, size_t len)
{
	struct bytes b = { data, len };

	return wm_replace_file_by(path, mode, write_bytes, &b);
}

int wm_make_dirs(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	struct stat st;
	int rc = wm_copy(part, sizeof(part), path);

	if (rc || !*part)
		return rc ? rc : -ENOENT;
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(part, mode) && errno != EEXIST)
		return -errno;
	if (stat(part, &st))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int wm_read_full(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EPIPE;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int wm_write_full(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

uint64_t wm_monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int64_t wm_unix_time(void)
{
	return time(NULL);
}

uint32_t wm_hash32(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 16777619u;
	return hash;
}
