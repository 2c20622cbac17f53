/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The registry: what every handler works on.
 */
#pragma once

#include "registry/aside.h"
#include "registry/auth.h"
#include "registry/counts.h"
#include "registry/group.h"
#include "registry/http.h"
#include "registry/news.h"
#include "registry/pieces.h"
#include "registry/reports.h"
#include "registry/shelf.h"
#include "registry/store.h"
#include "registry/stream.h"
#include "registry/throttle.h"
#include "registry/watch.h"

#define REGISTRY_URL_MAX 280

struct registry {
	struct store *store;
	struct wm_token_hash master; /* of WM_REGISTRY_TOKEN */
	char url[REGISTRY_URL_MAX];  /* where others reach it, or "" */
	struct throttle throttle;    /* of bad tokens */
	struct watch watch; /* who waits for the next change */
	struct watch later; /* who waits to change something, until the long change beside is over */
	struct group group;
	struct aside aside;
	struct news news;
	struct reports reports;
	struct {
		char instance[WM_INSTANCE_ID_SIZE];
		uint64_t generation, since_ms; /* the newest, and since when (monotonic) this process knows of it */
	} newest;
	struct http_request *importing; /* the one that may send a large body, or NULL */
	struct counts counts;
	struct shelf shelf;
};

/* Who waits, as was found when he came: holds while the store's tokens are the same. */
struct known_client {
	struct identity who;
	uint64_t tokens; /* store_tokens_version */
};

/* One request that somebody may make. */
struct call {
	struct registry *registry;
	struct http_request *request;
	struct identity who;
	enum object_kind kind;      /* of the route */
	char arg[OBJECT_NAME_SIZE]; /* what stands for {} in the route's path, or "" */
	bool changes;               /* it was let change something */
};

/* --- answers (answer.c); each also takes the place of one given before ----------------- */
struct http_answer *answer_fresh(struct call *call);                  /* none yet, to be filled in */
void answer_unknown(struct call *call); /* 401: one text for every token that is refused, whatever is wrong with it */
void answer_json(struct call *call, unsigned int status, char *body); /* takes body; NULL: out of memory */
void answer_text(struct call *call, int rc, char *text, const struct wm_error *err); /* 200, or why it was not made; takes text */
void answer_none(struct call *call);                                   /* 204 */
void answer_stream(struct call *call, enum stream_form form, const char *type); /* 200, of the mesh as it is now */
/* 200 what changed since (mark: as stream_changes_new's), or 410 when that cannot be told */
void answer_changes(struct call *call, uint64_t after, const char *mark);
void answer_with(struct call *call, const struct http_stream *stream, const char *type); /* 200; takes the stream */
void answer_pieces(struct call *call, const char *type, pieces_write_fn write, void *arg); /* 200; arg NULL: no memory */
void answer_failure(struct call *call, int rc, const struct wm_error *err);
void answer_later(struct call *call); /* 503: what cannot be changed now can be in a moment */

extern const struct http_ops registry_ops; /* app: struct registry */
/* The first report behind that site ("": the first of all), as those who share the store were told it: 1, 0 there is
 * none, -EAGAIN: it had to be read anew, ask again when others had their turn; -errno. */
int registry_report_next(struct registry *registry, const char *after, const struct report **ret);
void registry_follow(void *registry);      /* takes in what others changed, and wakes who waits for it */

/* --- what a request says (call.c) ------------------------------------------------------- */
/* A number of the query; absent: 0. Answers and returns false when it is none, or over `most`. */
bool call_number(struct call *call, const char *key, uint64_t most, uint64_t *ret);
/* key=1 in the query: yes; absent or 0: no. What is neither is never taken for one: answers and returns false. */
bool call_asks(struct call *call, const char *key, bool *ret);
#define CALL_TAG_SIZE 80
void call_tag(const struct wm_mesh *mesh, char *ret); /* the ETag of all that is made of the mesh; CALL_TAG_SIZE */
bool call_tag_is_in(const char *list, const char *tag); /* the list of an If-Match or If-None-Match */
bool call_is_meant(void *list, const struct wm_mesh *mesh); /* by the list of an If-Match; NULL: there is none */

/* --- handlers -------------------------------------------------------------------------- */
/* api_objects.c */
void api_list(struct call *call);
void api_get(struct call *call);
void api_create(struct call *call);
void api_patch(struct call *call);
void api_delete(struct call *call);
/* api_config.c */
void api_health(struct call *call);
void api_whoami(struct call *call);
void api_document(struct call *call);
void api_mesh(struct call *call);
void api_config(struct call *call);
void api_changes(struct call *call);
/* api_history.c */
void api_audit(struct call *call);
void api_undo(struct call *call);
void api_export(struct call *call);
void api_import(struct call *call);
/* api_tokens.c */
void api_tokens(struct call *call);
void api_token_create(struct call *call);
void api_token_delete(struct call *call);
void api_enrolments(struct call *call);
void api_enrolment_create(struct call *call);
void api_enrolment_delete(struct call *call);
void api_enrol(struct call *call);
/* api_downloads.c */
void api_page(struct call *call);
void api_web(struct call *call);
void api_openapi(struct call *call);
void api_setup_device(struct call *call);
void api_setup(struct call *call);
void api_downloads(struct call *call);
void api_download(struct call *call);
/* api_metrics.c */
void api_metrics(struct call *call);
/* api_status.c */
void api_status_put(struct call *call);
void api_status(struct call *call);
