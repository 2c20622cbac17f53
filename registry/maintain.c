/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/maintain.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util.h"
#include "registry/migrations.h"
#include "registry/restore.h"
#include "registry/store.h"

static int database_of(const struct options *o, char *ret, struct wm_error *err)
{
	if (o->store.url)
		return wm_fail(err, EINVAL,
			       "the store is a PostgreSQL database: save it with pg_dump, put it back with pg_restore, then wm-registry renew");
	if (wm_format(ret, PATH_MAX, "%s/" STORE_FILE, o->store.dir))
		return wm_fail(err, ENAMETOOLONG, "the data directory's name is too long: %s", o->store.dir);
	return 0;
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

	if (renameat2(AT_FDCWD, part, AT_FDCWD, file, force ? 0 : RENAME_NOREPLACE))
		return errno == EEXIST ? wm_fail(err, EEXIST, "%s is there already; give another name, or --force to replace it", file)
				       : wm_fail(err, errno, "cannot make the backup %s: %s", file, strerror(errno));
	wm_format(dir, sizeof(dir), "%.*s", slash ? (int)(slash - file) + 1 : 1, slash ? file : ".");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		return wm_fail(err, errno, "cannot bring the backup %s to the disk: %s", file, strerror(errno));
	return 0;
}

/* Only what can be put back is a backup. */
static int copy_whole(const char *path, const char *part, struct store_counts *counts, struct wm_error *err)
{
	int rc = store_file_copy(path, part, err);

	if (!rc)
		rc = examine(part, counts, err);
	if (rc > 0)
		return wm_fail(err, EBADMSG, "what is in %s is not whole (above), so that it could not be put back; no backup was made",
			       path);
	return rc;
}

int maintain_backup(struct options *o, struct wm_error *err)
{
	char path[PATH_MAX], part[PATH_MAX];
	struct store_counts counts;
	unsigned int version;
	int rc = database_of(o, path, err);

	if (!rc)
		rc = store_file_version(path, &version, err);
	if (!rc && !o->force && !access(o->file, F_OK))
		rc = wm_fail(err, EEXIST, "%s is there already; give another name, or --force to replace it", o->file);
	if (!rc)
		rc = make_part(o->file, part, err);
	if (rc)
		return rc;
	rc = copy_whole(path, part, &counts, err);
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
	struct restored restored;
	char path[PATH_MAX];
	int rc = database_of(o, path, err);

	if (!rc)
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
		rc = store_renew(store, "renew", err);
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
