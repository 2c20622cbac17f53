/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a mesh is and who may speak for it, durably. The store speaks of
 * sites, hosts, devices, tokens and enrolments; how they lie in a database is
 * its own affair (db.h). A thread a store. On SQLite one process: the directory is
 * locked; a PostgreSQL database may be shared by several, whose changes take
 * turns.
 *
 * Every change is whole or not at all: check against the whole mesh, write, bump
 * the generation, log what changed and who did it. When a call returns 0 it
 * is on disk (or will be with its group, store_group); when it fails nothing has changed.
 *
 * Errors: -ENOENT there is no such object; -EINVAL the input is wrong;
 * -EEXIST, -ENODEV, -ENOTEMPTY, -EADDRNOTAVAIL it conflicts with what is
 * there; -EREMCHG the mesh is another than store_expect says; -EACCES a token that is not, or no longer, good; -ENOSPC disk full;
 * -ENOTCONN no connection to the database; -EINPROGRESS it was lost while a
 * change was confirmed, and whether it was made is not known.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/key.h"
#include "registry/objects.h"
#include "registry/store_file.h"

struct store;

struct store_options {
	const char *dir;           /* of the SQLite file */
	bool alone;                /* nobody else can reach it: it is not locked */
	const char *url;           /* of a PostgreSQL database instead, or NULL */
	const char *mesh_name;     /* NULL: as it is, "home" at first */
	struct wm_prefix supernet; /* len 0: as it is, 172.30.0.0/16 at first */
	uint64_t audit_keep;       /* rows of the audit; 0: all */
};

int store_open(const struct store_options *options, struct store **ret, struct wm_error *err);
void store_close(struct store *store); /* NULL-safe */
const struct wm_mesh *store_mesh(const struct store *store); /* as of the last change that is on disk */

/* --- changes by groups (store_group.c) --------------------------------------------
 * What costs is the disk's confirmation, and one can be for many. From store_group on, a change that has returned 0 waits to
 * be committed, with those made since, by store_commit. Until then only changes see it: all else is read as it is on disk. A
 * change that fails leaves the others of its group alone. A store that is shared goes on as before: nothing ever waits. */
int store_group(struct store *store, struct wm_error *err);
unsigned int store_waits(const struct store *store); /* how many do */
/* 0: all is on disk that waited, if anything did. Else none of it, and it is forgotten. */
int store_commit(struct store *store, struct wm_error *err);

/* For one long change on another thread (not of a store that is shared): a store of its own on the same database, until it
 * is closed. The first one meanwhile changes nothing (-EBUSY), and takes in what was changed by store_refresh, or at the
 * end by store_rejoin. */
int store_open_beside(struct store *store, struct store **ret, struct wm_error *err);
int store_rejoin(struct store *store, struct wm_error *err);

/* --- sharing a database ----------------------------------------------------------
 * What others commit is taken in when store_fd is readable, by store_follow; so what store_mesh says may be a little
 * behind. After store_refresh nothing is shown that is older than what anybody was told to be done before. */
int store_fd(const struct store *store); /* -1: the store is not shared */
int store_follow(struct store *store);   /* 0, -ENOTCONN: goes on by itself */
int store_refresh(struct store *store, struct wm_error *err);

/* What gateways reported to any of those who share the store (only then), as JSON; by domain. */
struct store_report {
	char domain[WM_NAME_SIZE];
	int64_t seen;
	int64_t written; /* another number each time that it is */
	char *body;      /* malloc'd; NULL: it is the one that was known */
};
int store_report_put(struct store *store, const char *domain, int64_t seen, const char *body, struct wm_error *err);
/* The first one behind `after`, where `known` (domain and written) is what is known of it. 1, 0 there is none, -errno. */
int store_report_next(struct store *store, const char *after, const struct store_report *known, struct store_report *ret,
		      struct wm_error *err);

/* --- the data directory as a whole (store.c, store_keep.c) ------------------------------- */
#define STORE_FILE "registry.db"

/* Nobody else may serve it until *ret is closed: -EBUSY when somebody does. Creates it. */
int store_lock(const char *dir, int *ret, struct wm_error *err);
/* What root has made in the directory belongs to the directory's owner, who serves it. 0 or -errno. */
int store_give(int fd, int dir);

/* A new instance: readers take all of the mesh anew. For a mesh that was put back to an earlier state. secret: all preshared
 * keys become others, too. */
int store_renew(struct store *store, const char *who, bool secret, struct wm_error *err);

/* Does all in a database hold together, by the rules that a change must keep? Beside a server, too; the schema is the one
 * that this program knows. where: a file, or a URL. say: a sentence for each thing that is wrong. How many there were, or -errno. */
struct store_counts {
	struct wm_mesh mesh;
	uint64_t objects[OBJECT_KINDS];
};
int store_verify(const char *where, store_say_fn say, void *arg, struct store_counts *ret, struct wm_error *err);

/* All of a mesh but what is only about its past generations, into a database (a file or a URL) that holds none: -EEXIST.
 * On disk when it returns 0; when it fails, that one still holds none. */
int store_copy(const char *from, const char *to, struct wm_error *err);

/* How many there are now, by looking at all: for who asks now and then. */
int store_count(struct store *store, struct store_counts *ret, struct wm_error *err);

/* still_here is called now and then during a change that takes long (of thousands of objects), for who would take that
 * for being stuck. False: give it up (-ECANCELED). */
void store_on_long_change(struct store *store, bool (*still_here)(void *arg), void *arg);

/* --- sites, hosts, devices ---------------------------------------------------
 * `who` is written to the audit. */
int store_get(struct store *store, const struct object_key *key, struct object *ret, struct wm_error *err);
/* Fills in what was left to the registry: subnet, wg_ip, derived members. */
int store_add(struct store *store, const char *who, struct object *io, struct wm_error *err);
/* patch changes the object in place; an object that is as before is no change. */
typedef int (*store_patch_fn)(void *arg, struct object *io, struct wm_error *err);
int store_change(struct store *store, const char *who, const struct object_key *key, store_patch_fn patch, void *arg,
		 struct object *ret, struct wm_error *err);
/* What goes with a site; what it has besides is -ENOTEMPTY. */
enum store_cascade { STORE_CASCADE_NONE, STORE_CASCADE_HOSTS, STORE_CASCADE_ALL /* the hub's devices too */ };
int store_remove(struct store *store, const char *who, const struct object_key *key, enum store_cascade cascade,
		 struct wm_error *err);

/* Until it is called again, changes are made only to a mesh that this is true of (NULL: to any): else -EREMCHG. */
void store_expect(struct store *store, bool (*is_meant)(void *arg, const struct wm_mesh *mesh), void *arg);

/* --- many at once ----------------------------------------------------------------
 * All of a plan, or nothing: objects may take each other's names, addresses and keys. */
struct plan;

struct store_apply {
	const char *who, *what; /* "import", for the audit */
	bool dry_run;           /* all but doing it */
	/* Is the mesh that is there the one that is meant (NULL: any)? Else -ESTALE. */
	bool (*still)(void *arg, const struct wm_mesh *mesh);
	void *arg;
};

/* Of a sorted plan; fills in what was there, what was left to the registry, and what goes because a list is complete. */
int store_apply(struct store *store, const struct store_apply *how, struct plan *io, struct wm_error *err);

/* --- what was done -----------------------------------------------------------------*/
#define STORE_WHO_SIZE (WM_NAME_SIZE + 48)

struct store_audit {
	uint64_t id;
	int64_t at;
	char who[STORE_WHO_SIZE];
	char what[16], kind[16];
	char name[OBJECT_NAME_SIZE];
	uint64_t generation;           /* 0: it did not change the mesh */
	char before[1024], after[1024]; /* JSON; "": was not, is no more */
};

/* The last one before io->id, 0: of all. 1 found, 0 no more, -errno. */
int store_audit_before(struct store *store, struct store_audit *io);
/* Takes back all that a generation did, which must be the last (0: whichever is); *ret (zeroed) is then what was done. */
int store_undo(struct store *store, const char *who, uint64_t generation, bool dry_run, struct plan *ret,
	       uint64_t *ret_undone, struct wm_error *err);

/* --- tokens --------------------------------------------------------------------
 * A token's kind is its role; the text is never kept, only its hash. */
struct store_token {
	uint64_t id;
	enum wm_token_kind role;
	char name[WM_NAME_SIZE]; /* the site or device it speaks for; else a label */
	int64_t created, last_used; /* seconds since 1970; 0: never (kept to the hour) */
};

int store_token_add(struct store *store, const char *who, enum wm_token_kind role, const char *name,
		    const struct wm_token_hash *hash, struct store_token *ret, struct wm_error *err);
/* -EACCES without a sentence: there is none. */
int store_token_find(struct store *store, const struct wm_token_hash *hash, int64_t now, struct store_token *ret,
		     struct wm_error *err);
/* Another number since tokens have come or gone; 0: that cannot be told, for others may have them come and go. */
uint64_t store_tokens_version(const struct store *store);
int store_token_remove(struct store *store, const char *who, uint64_t id, struct wm_error *err);

/* --- joining ------------------------------------------------------------------- */
/* For an existing site or device; replaces an unused older one. */
int store_enrolment_add(struct store *store, const char *who, const struct object_key *key,
			const struct wm_token_hash *hash, int64_t expires, struct wm_error *err);
int store_enrolment_find(struct store *store, const struct wm_token_hash *hash, int64_t now, struct object_key *ret,
			 struct wm_error *err); /* as store_token_find */

/* Each that can still be used, gateways' and devices' by name. 0 or -errno; also what `each` returns that is not 0. */
int store_enrolments(struct store *store, int64_t now, int (*each)(void *arg, const struct object_key *key, int64_t expires),
		     void *arg, struct wm_error *err);
int store_enrolment_end(struct store *store, const char *who, const struct object_key *key, struct wm_error *err); /* -ENOENT */

struct store_enrol {
	const struct wm_token_hash *enrolment; /* NULL: an admin does it; `site` must be named */
	struct wm_token_hash token;            /* what the gateway or device will speak with */
	struct wm_key public_key;
	/* what a gateway says of itself; domain "", subnet len 0, no endpoint, hub false: nothing said */
	struct wm_site site;
	/* the machine that carries a gateway's container: becomes a host of its site, if it is not there, nobody has its name or
	 * address, and it may be one; name "": there is none */
	struct wm_host carrier;
};

/* Consumes the enrolment, stores the key, ends older tokens: all or nothing. */
int store_enrol(struct store *store, const char *who, const struct store_enrol *enrol, struct object_key *ret,
		struct wm_error *err);

/* --- snapshots -------------------------------------------------------------------
 * The mesh at one moment, however long reading takes and whatever changes
 * meanwhile. Readers between two changes share one; there are few at a time, and
 * when there would be more, the oldest is cut off. */
struct snapshot;

int store_snapshot(struct store *store, struct snapshot **ret, struct wm_error *err);
void snapshot_drop(struct snapshot *snapshot); /* NULL-safe */
const struct wm_mesh *snapshot_mesh(const struct snapshot *snapshot);
const char *snapshot_hub(const struct snapshot *snapshot); /* the hub's domain; "": there is none */
int snapshot_get(struct snapshot *snapshot, const struct object_key *key, struct object *ret); /* as snapshot_next */
/* What follows *io in the order of its kind (sites by domain, others by overlay
 * address), starting from a zeroed one with only `kind` set. 1 found, 0 no
 * more, -ESTALE cut off, -errno. */
int snapshot_next(struct snapshot *snapshot, struct object *io);
/* Puts into a site what the gateway of site self shares with it: nothing, unless they are peers and both take it. */
void snapshot_preshare(const struct snapshot *snapshot, const struct wm_site *self, struct wm_site *io_other);
/* What has changed after a generation, up to the snapshot's: each object once, what became of it is snapshot_get's.
 * snapshot_changes: 1 the log has it, and *ret_seq starts the walk; 0 it does not reach so far back, the difference
 * cannot be told (also to site `self`, "" nobody's, when that itself has changed: all its preshared keys may have), or
 * `mark` (if not "") is not that generation's; -ESTALE, -errno. */
int snapshot_changes(struct snapshot *snapshot, uint64_t after, const char *mark, const char *self, uint64_t *ret_seq);
/* One step of the walk: 1 an object that changed, 2 none here, because it changed again later; 0, -ESTALE, -errno. */
int snapshot_next_change(struct snapshot *snapshot, uint64_t *io_seq, struct object_key *ret);
int snapshot_next_token(struct snapshot *snapshot, struct store_token *io); /* by id, from 0 */
