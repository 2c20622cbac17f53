/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/shelf.h"

#include <errno.h>
#include <fcntl.h>
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
	shelf->there = false;
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

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

const char *shelf_hash(const struct shelf *shelf, const char *name, const struct stat *st)
{
	for (size_t i = 0; i < SHELF_KEPT; i++) {
		const struct shelf_known *k = &shelf->known[i];

		if (!strcmp(k->name, name) && same(&k->st, st))
			return k->sha256;
	}
	return NULL;
}

void shelf_learn(struct shelf *shelf, const char *name, const struct stat *st, const char *sha256)
{
	struct shelf_known *k = &shelf->known[shelf->next];

	for (size_t i = 0; i < SHELF_KEPT; i++) {
		if (!strcmp(shelf->known[i].name, name))
			k = &shelf->known[i];
	}
	if (k == &shelf->known[shelf->next])
		shelf->next = (shelf->next + 1) % SHELF_KEPT;
	wm_copy(k->name, sizeof(k->name), name);
	wm_copy(k->sha256, sizeof(k->sha256), sha256);
	k->st = *st;
}
