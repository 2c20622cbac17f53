/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files of the store share. For store*.c only.
 */
#pragma once

#include <limits.h>

#include "registry/db.h"
#include "registry/plan.h"
#include "registry/store.h"

#define SNAPSHOTS_MAX 16
#define FULL_MAX 64
#define AUDIT_STEP 256 /* rows: how many of the audit come before its oldest go */

struct snapshot {
	struct store *store; /* NULL: cut off; the last reader frees it */
	struct db *db;
	struct wm_mesh mesh;
	char hub[WM_NAME_SIZE];
	struct wm_key secret; /* what preshared keys are made of */
	uint64_t commits; /* of the store when it was taken */
	unsigned int readers;
};

struct store {
	struct db *db;
	int lock; /* the directory's lock file; -1: none */
	char path[PATH_MAX]; /* of the SQLite file, or where the database is, for messages */
	struct wm_mesh mesh;  /* as of the last change, also one that waits */
	struct wm_mesh shown; /* as of the last commit */
	uint64_t commits; /* known of since it was opened; tokens change without a generation */
	uint64_t tokens_version;
	bool tokens_changed; /* since the last commit, or might have */
	bool grouped;
	unsigned int waiting; /* changes, for store_commit */
	int lost;             /* what went wrong with those that wait: they are not there any more; 0: nothing */
	struct db *look;      /* of a grouped one: sees what is committed */
	bool beside;          /* another one changes things */
	bool name_is_set, supernet_is_set; /* by the settings of this start */
	struct snapshot *snapshots[SNAPSHOTS_MAX]; /* oldest first; readers > 0 */
	size_t nsnapshots;
	/* Of subnets that were asked for a free address lately: all below is taken, so that who comes next need not walk
	 * over it. Never too high: what is freed lowers it, what is rolled back empties the list. */
	struct { struct wm_prefix subnet; wm_ip4 below; } full[FULL_MAX];
	unsigned int next_full;
	bool (*still_here)(void *arg); /* or NULL */
	void *still_arg;
	bool (*is_meant)(void *arg, const struct wm_mesh *mesh); /* store_expect, or NULL */
	void *is_meant_arg;
	uint64_t audit_keep, audit_added; /* as store_options; rows since the oldest went */
	struct db *idle; /* a reader's connection to use again, or NULL */
};

void store_make_instance(char *ret); /* a new one; WM_INSTANCE_ID_SIZE */

/* --- one change (store_change.c) ------------------------------------------------ */
struct change {
	struct store *store;
	const char *who;
	uint64_t generation; /* 0: nothing of the mesh has changed yet */
	int64_t step;
	int64_t now;
};

int change_begin(struct store *store, const char *who, struct change *ret, struct wm_error *err);
/* Bumps the generation (once per change) and writes change log and audit; NULL: was not, is no more. */
int change_object(struct change *c, const char *what, const struct object *before, const struct object *after);
int change_mesh(struct change *c, const struct wm_mesh *before, const struct wm_mesh *after); /* before NULL: it is new */
/* Audit only: tokens and enrolments are not part of the config. before, after: JSON, or NULL. */
int change_note(struct change *c, const char *what, const char *kind, const char *name, const char *before,
		const char *after);
/* Commits when rc is 0, else rolls back; returns the outcome, with a sentence in err. */
int change_end(struct change *c, int rc, struct wm_error *err);
void change_drop(struct change *c); /* rolls back */

/* Where what is no part of a change is read. */
struct db *store_reading(struct store *store);
/* The mesh is what the database says, and this is on disk. */
void store_settled(struct store *store);

/* A sentence for a failure of the database itself. */
int store_fail(struct store *store, int rc, struct wm_error *err);
int store_fail_on(struct store *store, const struct db *db, int rc, struct wm_error *err); /* on that connection */
int store_take_in(struct store *store); /* the mesh as it is in the database now: somebody else may have changed it */

/* --- rows (store_rows.c) ---------------------------------------------------------- */
/* 1 found, 0 not, -errno. *ret is filled only on 1, derived members too. */
int rows_get(struct db *db, const struct object_key *key, struct object *ret);
int rows_next(struct db *db, const char *hub, struct object *io);
int rows_hub(struct db *db, struct wm_site *ret);
int rows_at(struct db *db, wm_ip4 overlay, struct object *ret);              /* host or device */
int rows_local(struct db *db, const char *domain, wm_ip4 local, struct object *ret);
int rows_subnet(struct db *db, struct wm_prefix subnet, struct object *ret); /* a site that overlaps it */
int rows_key_owner(struct db *db, const struct wm_key *key, struct object_key *ret);
int rows_of_site(struct db *db, const char *domain, struct object *ret);     /* any one of its hosts */
int rows_outside(struct db *db, const struct wm_site *site, struct object *ret); /* one that has no address of its subnet */
int rows_changes(struct db *db, uint64_t after, const char *mark, const char *self, uint64_t *ret_seq); /* as snapshot_changes */
int rows_next_change(struct db *db, uint64_t *io_seq, struct object_key *ret); /* as snapshot_next_change */
int rows_mesh(struct db *db, struct wm_mesh *ret);
int rows_secret(struct db *db, struct wm_key *ret); /* 0: there is none yet */

int rows_add(struct db *db, const struct object *object);
int rows_set(struct db *db, const struct object *object);
int rows_remove(struct db *db, const struct object_key *key);
/* Of a site or device that will be set: takes its address, key and place as the hub away, so that others can have them
 * before. Until then only rows_get finds it. */
int rows_park(struct db *db, const struct object_key *key);

/* --- rules (store_check.c) ---------------------------------------------------------- */
/* Chooses what was left to the registry. */
int check_fill(struct store *store, struct object *io, struct wm_error *err);
/* Against the whole mesh; old NULL: it is new. */
int check_object(struct store *store, const struct object *object, const struct object *old, struct wm_error *err);
/* The tunnel cannot run through itself. */
int check_endpoint(struct wm_prefix supernet, const struct wm_endpoint *ep, struct wm_error *err);
/* Devices carry the hub's domain: a device and a host of the hub's site cannot share a name. */
int check_twin(struct store *store, const struct object_key *self, const struct wm_site *site, struct wm_error *err);
/* store_recheck.c: of what did not change, when what it hangs on did: of hosts their site, of devices the hub, of all the
 * supernet. */
int check_hosts_of(struct store *store, const struct wm_site *site, struct wm_error *err);
int check_devices(struct store *store, struct wm_error *err);
int check_supernet(struct store *store, struct wm_prefix supernet, struct wm_error *err);

/* An address is free again; a change that was rolled back may have freed and taken any. */
void check_freed(struct store *store, wm_ip4 overlay);
void check_forget(struct store *store);

/* --- objects within a change (store_objects.c) ---------------------------------------- */
int objects_add(struct change *c, struct object *io, struct wm_error *err);
int objects_set(struct change *c, const struct object *old, struct object *io, struct wm_error *err);
int objects_remove(struct change *c, const struct object *object);

/* --- reports within a change (store_reports.c) ------------------------------------------- */
int reports_end(struct store *store, const char *domain); /* of a site; where the store keeps none, nothing */

/* --- tokens within a change (store_tokens.c) -------------------------------------------- */
int tokens_add(struct change *c, enum wm_token_kind role, const char *name, const struct wm_token_hash *hash,
	       struct store_token *ret);
int tokens_end_all(struct change *c, const struct object_key *subject);
int tokens_end(struct change *c, const struct object_key *subject); /* and enrolments that nobody has used */
/* What a token of a role speaks for must exist. */
int tokens_check_subject(struct store *store, const struct object_key *key, struct wm_error *err);
bool tokens_hash_matches(struct db_query *q, int column, const struct wm_token_hash *hash);

/* The key as the two columns (site, device), one of them null. */
#define SUBJECT(key) (key)->kind == OBJECT_SITE ? (key)->name : NULL, (key)->kind == OBJECT_DEVICE ? (key)->name : NULL

/* --- the audit (store_audit.c) ------------------------------------------------------------ */
int audit_next(struct db *db, struct store_audit *io); /* the one behind io->id: 1, 0 there is none, -errno */

/* --- the mesh within a change (store_mesh.c) -------------------------------------------- */
int mesh_start(struct store *store, const struct store_options *options, struct wm_error *err);
int mesh_set(struct change *c, const struct wm_mesh *old, const struct wm_mesh *mesh); /* old NULL: it is new */
int mesh_set_secret(struct store *store); /* another one: all preshared keys with it */
