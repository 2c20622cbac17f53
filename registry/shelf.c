/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"

int shelf_open(struct shelf *shelf, const char *dir, struct wm_error *err)
{
	if (!dir)
		return 0;
	shelf->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (shelf->dir < 0)
		return wm_fail(err, errno, "cannot open the directory of downloads %s: %s; make it, or leave out --downloads", dir,
			       strerror(errno));
	shelf->there = true;
	return 0;
}

void shelf_close(struct shelf *shelf)
{
	if (shelf->there)
		close(shelf->dir);
	if (shelf->work.under_way)
		close(shelf->work.fd);
	free(shelf->known);
	*shelf = (struct shelf){ 0 };
}

/* As in an URL and in JSON without escapes; nothing that is hidden or leads elsewhere. */
bool shelf_name_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = strlen(name);

	return len && len < SHELF_NAME_SIZE && strchr(letters, *name) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-") == len;
}

int shelf_file(const struct shelf *shelf, const char *name, int *ret_fd, struct stat *ret)
{
	WM_AUTO_CLOSE int fd = -1;

	if (!shelf->there || !shelf_name_valid(name))
		return -ENOENT;
	/* O_NONBLOCK: a FIFO would hold up everybody. */
	fd = openat(shelf->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO ? -ENOENT : -errno;
	if (fstat(fd, ret))
		return -errno;
	if (!S_ISREG(ret->st_mode))
		return -ENOENT;
	*ret_fd = wm_steal_fd(&fd);
	return 0;
}

/* --- hashes ------------------------------------------------------------------------------- */

#define HASH_AT_ONCE (256 * 1024) /* bytes: about a millisecond */
#define HASH_REST_MS 2            /* after so much; then others have at least as long */

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Where name is, or would have to be. */
static size_t place(const struct shelf *shelf, const char *name)
{
	return wm_place(shelf->known, shelf->nknown, sizeof(shelf->known[0]), name);
}

static int learn(struct shelf *shelf, const struct shelf_known *one)
{
	size_t i = place(shelf, one->name);

	if (i == shelf->nknown || strcmp(shelf->known[i].name, one->name)) {
		if (wm_grow((void **)&shelf->known, &shelf->cap, shelf->nknown + 1, sizeof(*one)))
			return -ENOMEM;
		memmove(&shelf->known[i + 1], &shelf->known[i], (shelf->nknown - i) * sizeof(*one));
		shelf->nknown++;
	}
	shelf->known[i] = *one;
	return 0;
}

static int begin(struct shelf *shelf, const char *name)
{
	struct shelf_work *w = &shelf->work;
	int fd, rc = shelf_file(shelf, name, &fd, &w->of.st);

	if (rc)
		return rc;
	w->fd = fd;
	w->under_way = true;
	w->of.began_ms = wm_monotonic_ms();
	wm_copy(w->of.name, sizeof(w->of.name), name);
	wm_sha256_begin(&w->sha);
	return 0;
}

/* The next piece of the file that is being hashed: -EAGAIN there is more, 0 it is known, -errno. */
static int go_on(struct shelf *shelf)
{
	struct shelf_work *w = &shelf->work;
	WM_AUTO_FREE char *part = NULL;
	size_t done = 0;
	ssize_t n = -1;

	if (wm_monotonic_ms() < w->rests_until_ms)
		return -EAGAIN;
	part = malloc(HASH_AT_ONCE);
	while (part && done < HASH_AT_ONCE && (n = read(w->fd, part, HASH_AT_ONCE - done)) > 0) {
		wm_sha256_add(&w->sha, part, (size_t)n);
		done += (size_t)n;
	}
	w->rests_until_ms = wm_monotonic_ms() + HASH_REST_MS * done / HASH_AT_ONCE;
	if (n > 0)
		return -EAGAIN;
	wm_sha256_end(&w->sha, w->of.sha256);
	close(w->fd);
	w->under_way = false;
	return n ? -EIO : learn(shelf, &w->of);
}

int shelf_hash(struct shelf *shelf, const char *name, uint64_t since_ms, const struct shelf_known **ret)
{
	size_t i = place(shelf, name);
	struct stat st;
	bool its_own;
	int rc;

	if (fstatat(shelf->dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return -ENOENT;
	*ret = &shelf->known[i];
	if (i < shelf->nknown && !strcmp((*ret)->name, name) && (same(&(*ret)->st, &st) || (*ret)->began_ms >= since_ms))
		return 0;
	rc = shelf->work.under_way ? 0 : begin(shelf, name);
	if (rc)
		return rc;
	its_own = !strcmp(shelf->work.of.name, name);
	rc = go_on(shelf);
	return rc && its_own ? rc : -EAGAIN;
}

void shelf_keep(struct shelf *shelf, char (*names)[SHELF_NAME_SIZE], size_t n)
{
	size_t kept = 0;

	for (size_t i = 0, at = 0; i < shelf->nknown; i++) {
		while (at < n && strcmp(names[at], shelf->known[i].name) < 0)
			at++;
		if (at < n && !strcmp(names[at], shelf->known[i].name))
			shelf->known[kept++] = shelf->known[i];
	}
	shelf->nknown = kept;
}
