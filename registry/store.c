/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Opening the store, and snapshots of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/plan.h"
#include "core/util.h"
#include "registry/store_internal.h"

#define LOCK_FILE "lock"

int store_give(int fd, int dir)
{
	struct stat st;

	if (geteuid())
		return 0;
	return fstat(dir, &st) || fchown(fd, st.st_uid, st.st_gid) ? -errno : 0;
}

/* Whoever owns the directory chooses what lies under that name, and root may be the one who opens it: only what was made here
 * is given away, and what is there already has to be a file that has no other name. */
static int open_lock(const char *dir, int in, int *ret, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = openat(in, LOCK_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool made = fd >= 0;
	struct stat st;
	int rc = 0;

	if (fd < 0 && errno == EEXIST)
		fd = openat(in, LOCK_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ELOOP)
		return wm_fail(err, errno, "cannot write in the data directory %s: %s; give another with --data, or run as its owner",
			       dir, strerror(errno));
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return wm_fail(err, EINVAL, "%s/%s is a link, or no file: it was not made by wm-registry; find out who did, and remove it",
			       dir, LOCK_FILE);
	if (made)
		rc = store_give(fd, in);
	if (rc)
		return wm_fail(err, -rc, "cannot give %s/%s to the owner of its directory: %s", dir, LOCK_FILE, strerror(-rc));
	*ret = wm_steal_fd(&fd);
	return 0;
}

int store_lock(const char *dir, int *ret, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = -1;
	WM_AUTO_CLOSE int in = -1;
	int rc = wm_make_dirs(dir, 0700);

	if (rc)
		return wm_fail(err, -rc, "cannot create the data directory %s: %s; give another with --data", dir, strerror(-rc));
	in = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in < 0)
		return wm_fail(err, errno, "cannot open the data directory %s: %s; run as its owner", dir, strerror(errno));
	rc = open_lock(dir, in, &fd, err);
	if (rc)
		return rc;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return wm_fail(err, EBUSY, "another wm-registry serves the data directory %s; stop it, or give another with --data", dir);
	*ret = wm_steal_fd(&fd);
	return 0;
}

static int open_db(struct store *store, const struct store_options *options, struct wm_error *err)
{
	int rc = 0;

	if (!options->url) {
		rc = options->alone ? 0 : store_lock(options->dir, &store->lock, err);
		if (!rc)
			rc = wm_format(store->path, sizeof(store->path), "%s/" STORE_FILE, options->dir);
	}
	if (!rc)
		rc = db_open(options->url ? options->url : store->path, &store->db, err);
	return rc ? rc : wm_copy(store->path, sizeof(store->path), db_name(store->db));
}

int store_open(const struct store_options *options, struct store **ret, struct wm_error *err)
{
	struct store *store = calloc(1, sizeof(*store));
	int rc;

	if (!store)
		return wm_fail(err, ENOMEM, "out of memory");
	store->lock = -1;
	store->name_is_set = options->mesh_name != NULL;
	store->supernet_is_set = options->supernet.len != 0;
	store->audit_keep = options->audit_keep;
	store->audit_added = AUDIT_STEP - 1; /* the first one shows; a start writes nothing where the disk is full */
	rc = open_db(store, options, err);
	if (!rc)
		rc = mesh_start(store, options, err);
	if (rc) {
		store_close(store);
		return rc;
	}
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	db_close(store->idle);
	db_close(store->look);
	db_close(store->db);
	if (store->lock >= 0)
		close(store->lock);
	free(store);
}

const struct wm_mesh *store_mesh(const struct store *store)
{
	return &store->shown;
}

/* --- what others change ------------------------------------------------------------- */

int store_fd(const struct store *store)
{
	return db_fd(store->db);
}

int store_follow(struct store *store)
{
	int rc;

	/* Answers bring further news along. */
	while ((rc = db_follow(store->db)) > 0) {
		store->commits++;
		rc = store_take_in(store);
		if (rc)
			break;
	}
	return rc;
}

int store_refresh(struct store *store, struct wm_error *err)
{
	uint64_t commits = store->commits;
	int rc = store_fd(store) < 0 && !store->beside ? 0 : store_take_in(store);

	/* A long change can be read some time before it is over. */
	if (store->commits != commits)
		store->tokens_version++;
	/* The server tells what was committed before it answers. */
	if (!rc)
		rc = store_follow(store);
	return rc ? store_fail(store, rc, err) : 0;
}

/* --- snapshots ------------------------------------------------------------------------ */

static void forget(struct store *store, size_t i)
{
	memmove(&store->snapshots[i], &store->snapshots[i + 1], (store->nsnapshots - i - 1) * sizeof(store->snapshots[0]));
	store->nsnapshots--;
}

/* Ends the read transaction, which would keep the write-ahead log from being emptied. */
static void release(struct store *store, struct db *db)
{
	db_rollback(db);
	if (store->idle)
		db_close(db);
	else
		store->idle = db;
}

static void cut_oldest(struct store *store)
{
	struct snapshot *oldest = store->snapshots[0];

	forget(store, 0);
	release(store, oldest->db);
	oldest->db = NULL;
	oldest->store = NULL;
}

static void snapshot_free(struct snapshot *s)
{
	wm_wipe(&s->secret, sizeof(s->secret));
	free(s);
}

static int begin_snapshot(struct store *store, struct snapshot *s, struct wm_error *err)
{
	struct wm_site hub;
	int rc = 0;

	s->db = WM_STEAL(store->idle);
	if (!s->db)
		rc = db_open_reader(store->db, &s->db, err);
	if (rc)
		return rc;
	rc = db_begin(s->db);
	if (!rc)
		rc = rows_mesh(s->db, &s->mesh);
	if (rc > 0)
		rc = rows_hub(s->db, &hub);
	if (rc > 0)
		memcpy(s->hub, hub.domain, sizeof(s->hub));
	if (rc >= 0)
		rc = rows_secret(s->db, &s->secret);
	if (rc < 0)
		return store_fail_on(store, s->db, rc, err);
	return 0;
}

int store_snapshot(struct store *store, struct snapshot **ret, struct wm_error *err)
{
	struct snapshot *s = store->nsnapshots ? store->snapshots[store->nsnapshots - 1] : NULL;
	int rc;

	if (s && s->commits == store->commits) {
		s->readers++;
		*ret = s;
		return 0;
	}
	if (store->nsnapshots == SNAPSHOTS_MAX)
		cut_oldest(store);
	s = calloc(1, sizeof(*s));
	if (!s)
		return wm_fail(err, ENOMEM, "out of memory");
	rc = begin_snapshot(store, s, err);
	if (rc) {
		db_close(s->db);
		snapshot_free(s);
		return rc;
	}
	s->store = store;
	s->commits = store->commits;
	s->readers = 1;
	store->snapshots[store->nsnapshots++] = s;
	*ret = s;
	return 0;
}

void snapshot_drop(struct snapshot *snapshot)
{
	struct store *store = snapshot ? snapshot->store : NULL;

	if (!snapshot || --snapshot->readers)
		return;
	for (size_t i = 0; store && i < store->nsnapshots; i++) {
		if (store->snapshots[i] == snapshot) {
			forget(store, i);
			release(store, snapshot->db);
			break;
		}
	}
	snapshot_free(snapshot);
}

const struct wm_mesh *snapshot_mesh(const struct snapshot *snapshot)
{
	return &snapshot->mesh;
}

const char *snapshot_hub(const struct snapshot *snapshot)
{
	return snapshot->hub;
}

/* Where the registry was never started with this schema, there is no secret. */
void snapshot_preshare(const struct snapshot *snapshot, const struct wm_site *self, struct wm_site *io_other)
{
	if (self->preshared && io_other->preshared && strcmp(self->domain, io_other->domain) &&
	    wm_sites_direct(self, io_other) && !wm_key_is_zero(&snapshot->secret))
		wm_key_preshared(&snapshot->secret, &self->public_key, &io_other->public_key, &io_other->preshared_key);
}

int snapshot_get(struct snapshot *snapshot, const struct object_key *key, struct object *ret)
{
	return snapshot->store ? rows_get(snapshot->db, key, ret) : -ESTALE;
}

int snapshot_next(struct snapshot *snapshot, struct object *io)
{
	return snapshot->store ? rows_next(snapshot->db, snapshot->hub, io) : -ESTALE;
}

int snapshot_changes(struct snapshot *snapshot, uint64_t after, const char *mark, const char *self, uint64_t *ret_seq)
{
	return snapshot->store ? rows_changes(snapshot->db, after, mark, self, ret_seq) : -ESTALE;
}

int snapshot_next_change(struct snapshot *snapshot, uint64_t *io_seq, struct object_key *ret)
{
	return snapshot->store ? rows_next_change(snapshot->db, io_seq, ret) : -ESTALE;
}
