/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/util.h"

#define STAGE "restoring" /* a directory in the data directory */

/* Whoever owns the data directory may put anything under the stage's name at any time, while root restores: what is made or
 * taken away there, and what is given to that owner, is so by the open directory. */
struct paths {
	char live[PATH_MAX], stage[PATH_MAX], staged[PATH_MAX];
	int fd; /* of the stage, or -1 */
};

static int name_paths(const char *dir, struct paths *ret, struct wm_error *err)
{
	if (wm_format(ret->live, sizeof(ret->live), "%s/" STORE_FILE, dir) ||
	    wm_format(ret->stage, sizeof(ret->stage), "%s/" STAGE, dir) ||
	    wm_format(ret->staged, sizeof(ret->staged), "%s/" STORE_FILE, ret->stage))
		return wm_fail(err, ENAMETOOLONG, "the data directory's name is too long: %s", dir);
	return 0;
}

/* What a database may have beside it. */
static const char *const beside[] = { "", "-wal", "-shm", "-journal" };

static void empty_stage(int fd)
{
	char name[32];

	for (size_t i = 0; i < WM_ARRAY_LEN(beside); i++) {
		if (!wm_format(name, sizeof(name), STORE_FILE "%s", beside[i]))
			unlinkat(fd, name, 0);
	}
	unlinkat(fd, "lock", 0);
}

/* What an interrupted one has left; nothing behind a link. */
static void remove_left_over(const char *stage)
{
	WM_AUTO_CLOSE int fd = open(stage, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0) {
		empty_stage(fd);
		rmdir(stage);
	}
}

static int make_stage(struct paths *p, struct wm_error *err)
{
	struct stat st;

	remove_left_over(p->stage);
	if (mkdir(p->stage, 0700))
		return errno == EEXIST ? wm_fail(err, EEXIST, "%s is in the way: it is a link, not a directory, or holds what wm-registry did not put there; remove it",
						 p->stage)
				       : wm_fail(err, errno, "cannot write in the data directory: %s: %s", p->stage, strerror(errno));
	p->fd = open(p->stage, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->fd < 0 || fstat(p->fd, &st))
		return wm_fail(err, errno, "cannot use the directory %s: %s", p->stage, strerror(errno));
	if (st.st_uid != geteuid())
		return wm_fail(err, EPERM, "the directory %s was exchanged for another while the backup was restored; find out who does that",
			       p->stage);
	return 0;
}

static void remove_stage(struct paths *p)
{
	if (p->fd < 0)
		return;
	empty_stage(p->fd);
	close(p->fd);
	p->fd = -1;
	rmdir(p->stage);
}

/* --- the copy ---------------------------------------------------------------------------- */

static int copy_all(int in, int out)
{
	ssize_t n;

	do
		n = sendfile(out, in, NULL, 1 << 20);
	while (n > 0);
	return n < 0 || fsync(out) ? -errno : 0;
}

static int copy_to_stage(int in, const struct paths *p, const char *to, struct wm_error *err)
{
	WM_AUTO_CLOSE int out = openat(p->fd, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc = out < 0 ? -errno : copy_all(in, out);

	return rc ? wm_fail(err, -rc, "cannot copy the backup to %s/%s: %s", p->stage, to, strerror(-rc)) : 0;
}

static int open_backup(const char *file, int *ret, struct stat *ret_st, struct wm_error *err)
{
	*ret = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (*ret < 0 || fstat(*ret, ret_st))
		return wm_fail(err, errno, "cannot read the backup %s: %s; check the path", file, strerror(errno));
	if (!S_ISREG(ret_st->st_mode))
		return wm_fail(err, EINVAL, "%s is not a file; give one that wm-registry backup has made", file);
	return 0;
}

/* The file format's write and read version: 2 for a database with a write-ahead log, which a backup does not have. */
static bool has_log(int fd)
{
	uint8_t versions[2];

	return pread(fd, versions, sizeof(versions), 18) == sizeof(versions) && versions[0] == 2 && versions[1] == 2;
}

/* SQLite takes whatever log has the database's name, so who may make names beside a backup could decide what is restored. */
static bool belongs(int fd, const struct stat *st, int log)
{
	struct stat beside_it;

	return has_log(fd) && !fstat(log, &beside_it) && S_ISREG(beside_it.st_mode) && beside_it.st_nlink == 1 &&
	       beside_it.st_uid == st->st_uid && beside_it.st_mode == st->st_mode;
}

static int copy_log(const char *file, int fd, const struct stat *st, const struct paths *p, struct wm_error *err)
{
	WM_AUTO_CLOSE int log = -1;
	char path[PATH_MAX];

	if (wm_format(path, sizeof(path), "%s-wal", file))
		return wm_fail(err, ENAMETOOLONG, "the backup's name is too long: %s", file);
	log = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (log < 0 && errno == ENOENT)
		return 0;
	if (log < 0 && errno != ELOOP)
		return wm_fail(err, errno, "cannot read %s, which lies beside the backup: %s", path, strerror(errno));
	if (log < 0 || !belongs(fd, st, log))
		return wm_fail(err, EPERM,
			       "%s was not made with %s: that is a backup, which has none, or has another owner or mode; find out whose it is, and move it away",
			       path, file);
	return copy_to_stage(log, p, STORE_FILE "-wal", err);
}

/* A backup is one file; one that somebody copied from a data directory may have its newest changes beside it. */
static int copy_backup(const char *file, const struct paths *p, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = -1;
	struct stat st;
	int rc = open_backup(file, &fd, &st, err);

	if (!rc)
		rc = copy_to_stage(fd, p, STORE_FILE, err);
	return rc ? rc : copy_log(file, fd, &st, p, err);
}

/* --- making it ready ------------------------------------------------------------------------ */

static int bad(const char *file, struct wm_error *err)
{
	return wm_fail(err, EBADMSG, "%s is not whole (above) and was not restored; take another backup", file);
}

static int renew(const struct paths *p, struct store_counts *ret, store_say_fn say, const char *file, struct wm_error *err)
{
	struct store *store = NULL;
	int rc = store_open(&(struct store_options){ .dir = p->stage }, &store, err);

	if (!rc)
		rc = store_renew(store, "restore", err);
	store_close(store); /* nothing is left beside the file then */
	if (!rc)
		rc = store_verify(p->staged, say, NULL, ret, err);
	return rc > 0 ? bad(file, err) : rc;
}

static int make_ready(const char *file, const struct paths *p, store_say_fn say, struct store_counts *ret, struct wm_error *err)
{
	unsigned int version;
	int rc = copy_backup(file, p, err);

	if (!rc)
		rc = store_file_version(p->staged, &version, err);
	if (!rc)
		rc = store_file_check(p->staged, say, NULL, err);
	if (rc)
		return rc > 0 ? bad(file, err) : rc;
	rc = renew(p, ret, say, file, err);
	if (!rc)
		rc = store_file_settle(p->staged);
	return rc;
}

/* --- putting it in place ----------------------------------------------------------------------- */

/* A name that nothing has yet; taken with it is the database itself. */
static int name_aside(const struct paths *p, char *ret, struct wm_error *err)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	for (unsigned int n = 1; n < 100; n++) {
		if (wm_format(ret, PATH_MAX, n > 1 ? "%s.before-%s-%u" : "%s.before-%s", p->live, stamp, n))
			return wm_fail(err, ENAMETOOLONG, "the data directory's name is too long: %s", p->live);
		if (!link(p->live, ret))
			return 0;
		if (errno != EEXIST)
			break;
	}
	return wm_fail(err, errno, "cannot keep %s as %s: %s", p->live, ret, strerror(errno));
}

/* What lies beside a database that is too damaged to have it folded in goes with it; it would be taken for the new one's. */
static int keep_aside(const struct paths *p, char *ret, struct wm_error *err)
{
	char from[PATH_MAX], to[PATH_MAX];
	int rc;

	store_file_settle(p->live);
	rc = name_aside(p, ret, err);
	for (size_t i = 1; !rc && i < WM_ARRAY_LEN(beside); i++) {
		if (wm_format(from, sizeof(from), "%s%s", p->live, beside[i]) || wm_format(to, sizeof(to), "%s%s", ret, beside[i]))
			rc = wm_fail(err, ENAMETOOLONG, "the data directory's name is too long: %s", p->live);
		else if (rename(from, to) && errno != ENOENT)
			rc = wm_fail(err, errno, "cannot keep %s as %s: %s", from, to, strerror(errno));
	}
	return rc;
}

static int sync_dir(const char *dir)
{
	WM_AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

static int put_in_place(const char *dir, const struct paths *p, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = openat(p->fd, STORE_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -errno : store_give(fd, dir);

	if (!rc)
		rc = fsync(fd) || renameat(p->fd, STORE_FILE, AT_FDCWD, p->live) ? -errno : sync_dir(dir);
	return rc ? wm_fail(err, -rc, "cannot put the database in place as %s: %s", p->live, strerror(-rc)) : 0;
}

int restore(const char *file, const char *dir, bool replace, store_say_fn say, struct restored *ret, struct wm_error *err)
{
	struct restored restored = { 0 };
	WM_AUTO_CLOSE int lock = -1;
	struct paths p = { .fd = -1 };
	bool there;
	int rc = name_paths(dir, &p, err);

	if (!rc)
		rc = store_lock(dir, &lock, err);
	if (rc)
		return rc;
	there = !access(p.live, F_OK);
	if (there && !replace)
		return wm_fail(err, EEXIST, "there is a database already: %s; --force replaces it, and keeps it under another name", p.live);
	rc = make_stage(&p, err);
	if (!rc)
		rc = make_ready(file, &p, say, &restored.counts, err);
	if (!rc && there)
		rc = keep_aside(&p, restored.aside, err);
	if (!rc)
		rc = put_in_place(dir, &p, err);
	remove_stage(&p);
	if (!rc)
		*ret = restored;
	return rc;
}
