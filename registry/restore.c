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

struct paths {
	char live[PATH_MAX], stage[PATH_MAX], staged[PATH_MAX];
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

static void remove_stage(const struct paths *p)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < WM_ARRAY_LEN(beside); i++) {
		if (!wm_format(path, sizeof(path), "%s%s", p->staged, beside[i]))
			unlink(path);
	}
	if (!wm_format(path, sizeof(path), "%s/lock", p->stage))
		unlink(path);
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

static int copy_file(const char *from, const char *to, struct wm_error *err)
{
	WM_AUTO_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	struct stat st;
	int rc;

	if (in < 0 || fstat(in, &st))
		return wm_fail(err, errno, "cannot read the backup %s: %s; check the path", from, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return wm_fail(err, EINVAL, "%s is not a file; give one that wm-registry backup has made", from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	rc = out < 0 ? -errno : copy_all(in, out);
	return rc ? wm_fail(err, -rc, "cannot copy the backup to %s: %s", to, strerror(-rc)) : 0;
}

/* A backup is one file; one that somebody copied from a data directory may have its newest changes beside it. */
static int copy_backup(const char *file, const struct paths *p, struct wm_error *err)
{
	char from[PATH_MAX], to[PATH_MAX];
	int rc = copy_file(file, p->staged, err);

	if (!rc && (wm_format(from, sizeof(from), "%s-wal", file) || wm_format(to, sizeof(to), "%s-wal", p->staged)))
		return wm_fail(err, ENAMETOOLONG, "the backup's name is too long: %s", file);
	if (!rc && !access(from, F_OK))
		rc = copy_file(from, to, err);
	return rc;
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
	int rc;

	if (mkdir(p->stage, 0700))
		return wm_fail(err, errno, "cannot write in the data directory: %s: %s", p->stage, strerror(errno));
	rc = copy_backup(file, p, err);
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
	WM_AUTO_CLOSE int fd = open(p->staged, O_RDWR | O_CLOEXEC);
	int rc = fd < 0 ? -errno : store_give(fd, dir);

	if (!rc)
		rc = fsync(fd) || rename(p->staged, p->live) ? -errno : sync_dir(dir);
	return rc ? wm_fail(err, -rc, "cannot put the database in place as %s: %s", p->live, strerror(-rc)) : 0;
}

int restore(const char *file, const char *dir, bool replace, store_say_fn say, struct restored *ret, struct wm_error *err)
{
	struct restored restored = { 0 };
	WM_AUTO_CLOSE int lock = -1;
	struct paths p;
	bool there;
	int rc = name_paths(dir, &p, err);

	if (!rc)
		rc = store_lock(dir, &lock, err);
	if (rc)
		return rc;
	there = !access(p.live, F_OK);
	if (there && !replace)
		return wm_fail(err, EEXIST, "there is a database already: %s; --force replaces it, and keeps it under another name", p.live);
	remove_stage(&p); /* of one that was interrupted */
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
