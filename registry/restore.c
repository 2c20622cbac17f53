/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/util.h"

#define STAGE "restoring" /* a directory in the data directory */

/* Whoever owns the data directory may put anything under the stage's name at any time, while root restores: what is made,
 * opened or taken away there, and what is given to that owner, is so by the open directories. The names are for messages, and
 * for SQLite, which store_file_stand has take them so, too. */
struct paths {
	const char *dir;
	char live[PATH_MAX], stage[PATH_MAX], staged[PATH_MAX];
	int in, fd; /* the data directory and the stage in it, or -1 */
};

static int name_paths(const char *dir, struct paths *ret, struct wm_error *err)
{
	ret->dir = dir;
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

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* What an interrupted one has left; nothing behind a link. */
static void remove_left_over(int in)
{
	WM_AUTO_CLOSE int fd = openat(in, STAGE, OPEN_DIR | O_NOFOLLOW);

	if (fd >= 0) {
		empty_stage(fd);
		unlinkat(in, STAGE, AT_REMOVEDIR);
	}
}

static int make_stage(struct paths *p, struct wm_error *err)
{
	struct stat st;
	int rc;

	remove_left_over(p->in);
	if (mkdirat(p->in, STAGE, 0700))
		return errno == EEXIST ? wm_fail(err, EEXIST, "%s is in the way: it is a link, not a directory, or holds what wm-registry did not put there; remove it",
						 p->stage)
				       : wm_fail(err, errno, "cannot write in the data directory: %s: %s", p->stage, strerror(errno));
	p->fd = openat(p->in, STAGE, OPEN_DIR | O_NOFOLLOW);
	if (p->fd < 0 || fstat(p->fd, &st))
		return wm_fail(err, errno, "cannot use the directory %s: %s", p->stage, strerror(errno));
	if (st.st_uid != geteuid()) {
		close(p->fd); /* nothing in it is ours to remove */
		p->fd = -1;
		return wm_fail(err, EPERM, "the directory %s was exchanged for another while the backup was restored; find out who does that",
			       p->stage);
	}
	rc = store_file_stand(p->fd, p->stage);
	return rc ? wm_fail(err, -rc, "cannot go to the directory %s: %s", p->stage, strerror(-rc)) : 0;
}

static void remove_stage(struct paths *p)
{
	if (p->fd < 0)
		return;
	empty_stage(p->fd);
	close(p->fd);
	p->fd = -1;
	unlinkat(p->in, STAGE, AT_REMOVEDIR);
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

static bool lies_in_ours(const char *file)
{
	const char *slash = strrchr(file, '/');
	char dir[PATH_MAX];
	struct stat st;

	return slash && !wm_format(dir, sizeof(dir), "%.*s", (int)(slash - file) + 1, file) && !stat(dir, &st) && st.st_uid == geteuid();
}

/* In somebody else's directory it may be a link to the database of a third. */
static int open_backup(const char *file, int *ret, struct stat *ret_st, struct wm_error *err)
{
	*ret = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | (lies_in_ours(file) ? 0 : O_NOFOLLOW));
	if (*ret < 0 && errno == ELOOP)
		return wm_fail(err, ELOOP, "the backup %s is a link, in a directory that is somebody else's; name the file itself", file);
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
	int rc = store_open(&(struct store_options){ .dir = p->stage, .alone = true }, &store, err);

	if (!rc)
		rc = store_renew(store, "restore", false, err);
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

/* A name that nothing has yet; taken with it is the database itself. *ret is the whole of it. */
static int name_aside(const struct paths *p, char *ret, struct wm_error *err)
{
	char stamp[32];
	const char *file;
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	for (unsigned int n = 1; n < 100; n++) {
		if (wm_format(ret, PATH_MAX, n > 1 ? "%s.before-%s-%u" : "%s.before-%s", p->live, stamp, n))
			return wm_fail(err, ENAMETOOLONG, "the data directory's name is too long: %s", p->live);
		file = strrchr(ret, '/') + 1;
		if (!linkat(p->in, STORE_FILE, p->in, file, 0))
			return 0;
		if (errno != EEXIST)
			break;
	}
	return wm_fail(err, errno, "cannot keep %s as %s: %s", p->live, ret, strerror(errno));
}

/* What lies beside a database that is too damaged to have it folded in goes with it; it would be taken for the new one's. */
static int keep_aside(const struct paths *p, char *ret, struct wm_error *err)
{
	char from[32], to[NAME_MAX + 1];
	const char *file;
	int rc;

	store_file_settle(p->live);
	rc = name_aside(p, ret, err);
	file = rc ? "" : strrchr(ret, '/') + 1;
	for (size_t i = 1; !rc && i < WM_ARRAY_LEN(beside); i++) {
		if (wm_format(from, sizeof(from), STORE_FILE "%s", beside[i]) || wm_format(to, sizeof(to), "%s%s", file, beside[i]))
			rc = wm_fail(err, ENAMETOOLONG, "the name is too long: %s", ret);
		else if (renameat(p->in, from, p->in, to) && errno != ENOENT)
			rc = wm_fail(err, errno, "cannot keep %s/%s as %s: %s", p->dir, from, to, strerror(errno));
	}
	return rc;
}

static int put_in_place(const struct paths *p, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = openat(p->fd, STORE_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -errno : store_give(fd, p->in);

	if (!rc)
		rc = fsync(fd) || renameat(p->fd, STORE_FILE, p->in, STORE_FILE) || fsync(p->in) ? -errno : 0;
	return rc ? wm_fail(err, -rc, "cannot put the database in place as %s: %s", p->live, strerror(-rc)) : 0;
}

static bool is_there(const struct paths *p)
{
	return !faccessat(p->in, STORE_FILE, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* Stands in the data directory again, and puts there what is ready in the stage. */
static int exchange(const struct paths *p, bool there, char *ret_aside, struct wm_error *err)
{
	int rc = store_file_stand(p->in, p->dir);

	if (rc)
		return wm_fail(err, -rc, "cannot go to the data directory %s: %s", p->dir, strerror(-rc));
	if (there)
		rc = keep_aside(p, ret_aside, err);
	return rc ? rc : put_in_place(p, err);
}

int restore(const char *file, const char *dir, bool replace, store_say_fn say, struct restored *ret, struct wm_error *err)
{
	struct restored restored = { 0 };
	WM_AUTO_CLOSE int lock = -1;
	WM_AUTO_CLOSE int in = -1;
	struct paths p = { .fd = -1 };
	bool there;
	int rc = name_paths(dir, &p, err);

	/* a directory is made for a backup that is there only */
	if (!rc && access(dir, F_OK) && access(file, R_OK))
		rc = wm_fail(err, errno, "cannot read the backup %s: %s; check the path", file, strerror(errno));
	if (!rc)
		rc = store_lock(dir, &lock, err);
	if (rc)
		return rc;
	in = p.in = open(dir, OPEN_DIR);
	if (in < 0)
		return wm_fail(err, errno, "cannot open the data directory %s: %s", dir, strerror(errno));
	there = is_there(&p);
	if (there && !replace)
		return wm_fail(err, EEXIST, "there is a database already: %s; --force replaces it, and keeps it under another name", p.live);
	rc = make_stage(&p, err);
	if (!rc)
		rc = make_ready(file, &p, say, &restored.counts, err);
	if (!rc)
		rc = exchange(&p, there, restored.aside, err);
	remove_stage(&p);
	if (!rc)
		*ret = restored;
	return rc;
}

/* --- into a database of another kind ---------------------------------------------------------------- */

static int make_temporary(struct paths *p, struct wm_error *err)
{
	const char *dir = getenv("TMPDIR");

	p->dir = dir && *dir == '/' ? dir : "/tmp";
	if (wm_format(p->stage, sizeof(p->stage), "%s/wm-registry.XXXXXX", p->dir) || !mkdtemp(p->stage))
		return wm_fail(err, errno, "cannot make a directory in %s: %s; set TMPDIR", p->dir, strerror(errno));
	p->fd = open(p->stage, OPEN_DIR | O_NOFOLLOW);
	if (p->fd < 0 || wm_format(p->staged, sizeof(p->staged), "%s/" STORE_FILE, p->stage))
		return wm_fail(err, errno, "cannot use the directory %s: %s", p->stage, strerror(errno));
	return 0;
}

int restore_into(const char *file, const char *url, store_say_fn say, struct store_counts *ret, struct wm_error *err)
{
	struct paths p = { .in = -1, .fd = -1 };
	struct store_counts counts;
	int rc = make_temporary(&p, err);

	if (!rc)
		rc = make_ready(file, &p, say, &counts, err);
	if (!rc)
		rc = store_copy(p.staged, url, err);
	if (p.fd >= 0) {
		empty_stage(p.fd);
		close(p.fd);
		rmdir(p.stage);
	}
	if (!rc)
		*ret = counts;
	return rc;
}
