/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/maintain.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/linux.h"
#include "core/util.h"
#include "registry/migrations.h"
#include "registry/restore.h"
#include "registry/store.h"

/* An absolute name lasts while the working directory changes. */
static int make_absolute(const char **io, char *buf, struct wm_error *err)
{
	char cwd[PATH_MAX];

	if (!*io || **io == '/')
		return 0;
	if (!getcwd(cwd, sizeof(cwd)))
		return wm_fail(err, errno, "cannot tell where '%s' is: %s; give a name that begins with /", *io, strerror(errno));
	if (wm_format(buf, PATH_MAX, "%s/%s", cwd, *io))
		return wm_fail(err, ENAMETOOLONG, "the name is too long: %s", *io);
	*io = buf;
	return 0;
}

static int name_files(struct options *o, struct wm_error *err)
{
	static char file[PATH_MAX], dir[PATH_MAX];
	int rc = make_absolute(&o->file, file, err);

	return rc ? rc : make_absolute(&o->store.dir, dir, err);
}

/* In a directory that is somebody else's nothing of theirs leads anywhere else. */
static int stand_in(const char *dir, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) || st.st_uid == geteuid())
		return 0;
	if (!fstatat(fd, STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) && (!S_ISREG(st.st_mode) || st.st_nlink != 1))
		return wm_fail(err, EINVAL, "%s/" STORE_FILE " is a link, or no file: it was not made by wm-registry; find out who did",
			       dir);
	rc = store_file_stand(fd, dir);
	return rc ? wm_fail(err, -rc, "cannot go to the data directory %s: %s", dir, strerror(-rc)) : 0;
}

/* Of a store that is a file: its path, to be used by whoever stands there. */
static int database_of(struct options *o, char *ret, struct wm_error *err)
{
	int rc = name_files(o, err);

	if (!rc && wm_format(ret, PATH_MAX, "%s/" STORE_FILE, o->store.dir))
		rc = wm_fail(err, ENAMETOOLONG, "the data directory's name is too long: %s", o->store.dir);
	return rc ? rc : stand_in(o->store.dir, err);
}

static void say_problem(void *arg, const char *text)
{
	(void)arg;
	printf("problem: %s\n", text);
}

static void say_mesh(const char *what, const struct store_counts *c)
{
	printf("%s mesh '%s', generation %llu: %llu sites, %llu hosts, %llu devices\n", what, c->mesh.name,
	       (unsigned long long)c->mesh.generation, (unsigned long long)c->objects[OBJECT_SITE],
	       (unsigned long long)c->objects[OBJECT_HOST], (unsigned long long)c->objects[OBJECT_DEVICE]);
}

/* --- check ------------------------------------------------------------------------------ */

/* How much is wrong with a database, or -errno; *ret is filled in when its schema is the one known here. */
static int examine(const char *path, struct store_counts *ret, struct wm_error *err)
{
	unsigned int version;
	int rc = store_file_version(path, &version, err), found = 0;

	*ret = (struct store_counts){ 0 };
	if (!rc)
		rc = found = store_file_check(path, say_problem, NULL, err);
	if (rc >= 0 && version != nmigrations) {
		printf("problem: its schema is %u, this wm-registry knows %zu: wm-registry migrate (serve does it too)\n", version,
		       nmigrations);
		return found + 1;
	}
	if (rc >= 0)
		rc = store_verify(path, say_problem, NULL, ret, err);
	return rc < 0 ? rc : found + rc;
}

int maintain_check(struct options *o, struct wm_error *err)
{
	struct store_counts counts = { 0 };
	char path[PATH_MAX] = "the PostgreSQL database";
	int rc;

	if (o->store.url) {
		rc = store_verify(o->store.url, say_problem, NULL, &counts, err);
	} else {
		rc = database_of(o, path, err);
		if (!rc)
			rc = examine(path, &counts, err);
	}
	if (rc < 0)
		return rc;
	if (counts.mesh.generation)
		say_mesh("has", &counts);
	printf(rc ? "%s: %d found to be wrong; restore it from a backup, or correct what is named\n" : "%s: all is well\n", path, rc);
	return rc > 0;
}

/* --- backup ------------------------------------------------------------------------------- */

/* Is it directly in the data directory, by the name by which SQLite takes what is there from where we stand (stand_in)? */
static bool lies_where_we_stand(const char *file, const struct options *o)
{
	size_t len = strlen(o->store.dir);

	return !o->store.url && !strncmp(file, o->store.dir, len) && file[len] == '/' && !strchr(file + len + 1, '/');
}

/* SQLite follows a link under a database's name, and whoever owns the directory can put one there while it writes; who is not
 * root has nothing to fear from root. */
static int check_place(const char *file, const struct options *o, struct wm_error *err)
{
	const char *slash = strrchr(file, '/');
	char dir[PATH_MAX];
	struct stat st;

	if (lies_where_we_stand(file, o))
		return 0;
	if (wm_format(dir, sizeof(dir), "%.*s", slash ? (int)(slash - file) + 1 : 1, slash ? file : "."))
		return wm_fail(err, ENAMETOOLONG, "the backup's name is too long: %s", file);
	if (stat(dir, &st))
		return wm_fail(err, errno, "cannot write beside the backup %s: %s", file, strerror(errno));
	if (st.st_uid && st.st_uid != geteuid())
		return wm_fail(err, EPERM,
			       "the directory of the backup %s is somebody else's, who could lead elsewhere what is written there; save into one of your own, and move it from there",
			       file);
	return 0;
}

/* An empty file beside the one that is to be, with a name of its own. */
static int make_part(const char *file, char *ret, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = -1;

	if (wm_format(ret, PATH_MAX, "%s.part-XXXXXX", file))
		return wm_fail(err, ENAMETOOLONG, "the backup's name is too long: %s", file);
	fd = mkostemp(ret, O_CLOEXEC);
	return fd < 0 ? wm_fail(err, errno, "cannot write beside the backup %s: %s", file, strerror(errno)) : 0;
}

static int put_in_place(const char *part, const char *file, bool force, struct wm_error *err)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(file, '/');
	WM_AUTO_CLOSE int fd = -1;

	if (wm_renameat2(AT_FDCWD, part, AT_FDCWD, file, force ? 0 : RENAME_NOREPLACE))
		return errno == EEXIST ? wm_fail(err, EEXIST, "%s is there already; give another name, or --force to replace it", file)
				       : wm_fail(err, errno, "cannot make the backup %s: %s", file, strerror(errno));
	wm_format(dir, sizeof(dir), "%.*s", slash ? (int)(slash - file) + 1 : 1, slash ? file : ".");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		return wm_fail(err, errno, "cannot bring the backup %s to the disk: %s", file, strerror(errno));
	return 0;
}

/* Only what can be put back is a backup. */
static int check_copy(const char *of, const char *part, struct store_counts *counts, struct wm_error *err)
{
	int rc = examine(part, counts, err);

	if (rc > 0)
		return wm_fail(err, EBADMSG, "what is in %s is not whole (above), so that it could not be put back; no backup was made", of);
	return rc;
}

/* Out of a PostgreSQL database into a file as those of SQLite are. */
static int copy_from(const char *url, const char *part, struct wm_error *err)
{
	char copy[PATH_MAX], beside[PATH_MAX];
	int rc = 0;

	if (wm_format(copy, sizeof(copy), "%s.db", part))
		return wm_fail(err, ENAMETOOLONG, "the backup's name is too long: %s", part);
	rc = store_copy(url, copy, err);
	if (!rc)
		rc = store_file_copy(copy, part, err);
	unlink(copy);
	for (size_t i = 0; i < 2; i++) {
		if (!wm_format(beside, sizeof(beside), "%s%s", copy, i ? "-wal" : "-shm"))
			unlink(beside);
	}
	return rc;
}

static int copy_store(struct options *o, const char *path, const char *part, struct store_counts *counts, struct wm_error *err)
{
	int rc = o->store.url ? copy_from(o->store.url, part, err) : store_file_copy(path, part, err);

	return rc ? rc : check_copy(o->store.url ? "the PostgreSQL database" : path, part, counts, err);
}

int maintain_backup(struct options *o, struct wm_error *err)
{
	char path[PATH_MAX], part[PATH_MAX];
	struct store_counts counts;
	unsigned int version;
	int rc = 0;

	if (!o->store.url) {
		rc = database_of(o, path, err);
		if (!rc)
			rc = store_file_version(path, &version, err);
	}
	if (!rc && !o->force && !access(o->file, F_OK))
		rc = wm_fail(err, EEXIST, "%s is there already; give another name, or --force to replace it", o->file);
	if (!rc)
		rc = check_place(o->file, o, err);
	if (!rc)
		rc = make_part(o->file, part, err);
	if (rc)
		return rc;
	rc = copy_store(o, path, part, &counts, err);
	if (!rc)
		rc = put_in_place(part, o->file, o->force, err);
	if (rc) {
		unlink(part);
		return rc;
	}
	say_mesh("saved", &counts);
	return 0;
}

/* --- restore, renew, migrate ------------------------------------------------------------------------ */

int maintain_restore(struct options *o, struct wm_error *err)
{
	struct restored restored = { 0 };
	int rc = name_files(o, err);

	if (!rc && o->store.url)
		rc = restore_into(o->file, o->store.url, say_problem, &restored.counts, err);
	else if (!rc)
		rc = restore(o->file, o->store.dir, o->force, say_problem, &restored, err);
	if (rc)
		return rc;
	say_mesh("restored", &restored.counts);
	printf("its instance is new (%s), so that gateways take all of it\n", restored.counts.mesh.instance);
	if (*restored.aside)
		printf("what was there before is kept as %s\n", restored.aside);
	return 0;
}

/* A file that is not there would be made. */
static int open_existing(struct options *o, char *path, unsigned int *ret_version, struct store **ret, struct wm_error *err)
{
	int rc = 0;

	if (!o->store.url) {
		rc = database_of(o, path, err);
		if (!rc)
			rc = store_file_version(path, ret_version, err);
	}
	return rc ? rc : store_open(&(struct store_options){ .dir = o->store.dir, .url = o->store.url }, ret, err);
}

int maintain_renew(struct options *o, struct wm_error *err)
{
	struct store *store = NULL;
	char path[PATH_MAX];
	unsigned int version;
	int rc = open_existing(o, path, &version, &store, err);

	if (!rc)
		rc = store_renew(store, "renew", o->preshared_keys, err);
	if (!rc)
		printf("mesh '%s' has a new instance (%s): gateways take all of it\n", store_mesh(store)->name,
		       store_mesh(store)->instance);
	store_close(store);
	return rc;
}

int maintain_migrate(struct options *o, struct wm_error *err)
{
	struct store *store = NULL;
	char path[PATH_MAX];
	unsigned int version;
	int rc = open_existing(o, path, &version, &store, err);

	store_close(store);
	if (rc)
		return rc;
	if (o->store.url) {
		printf("the PostgreSQL database has schema %zu\n", nmigrations_postgresql);
		return 0;
	}
	if (version == nmigrations)
		printf("%s: schema %u, nothing to do\n", path, version);
	else
		printf("%s: brought from schema %u to %zu\n", path, version, nmigrations);
	return 0;
}
