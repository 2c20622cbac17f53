/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One gateway: what it knows, and the body that `sync` and `run` share. Asking
 * the registry and applying what it says are two steps, so that the caller can
 * wait in between by its own means.
 */
#pragma once

#include "agent/fetcher.h"
#include "agent/identity.h"
#include "agent/locate.h"
#include "agent/reconcile.h"
#include "core/instance.h"
#include "core/record_file.h"
#include "core/plan.h"
#include "core/removal.h"

struct wm_gateway {
	const struct wm_instance *inst;
	struct wm_identity id;
	struct wm_fetcher fetcher;     /* follows the registry */
	struct wm_fetcher teller;      /* key, endpoint and reports: while the other waits in a long-poll */

	struct wm_config config;       /* the last good one; have_config */
	bool have_config;
	struct wm_journal journal;     /* of what has changed since the config was saved whole */
	bool unsaved;                  /* the disk has an older config than we: the next is saved whole */
	struct wm_removal removal;     /* what waits for the operator, or was confirmed */
	struct wm_removal_series series; /* of removals, of which this may be one too many */
	struct wm_removal_series series_next; /* with the generation that was asked about last */
	struct wm_error waits;         /* says so; "" when nothing waits */
	bool need_whole;               /* what the registry says has changed does not fit: ask for all of it */
	struct wm_plan plan;           /* made from it and self; planned */
	struct wm_self self;
	bool planned;
	struct wm_reconcile_memory memory;
	struct wm_reconciled last;
	bool applied;                  /* config is in force */
	bool stays;                    /* `run`: what is missing now may come, and need not hold up the rest */
	struct wm_error missing;       /* a LAN that is not there; "" when all are */
	bool look_at_all;              /* also at what only we change: now and then, and when told to */
	struct wm_error problem;       /* why it is not, or what is missing of it; "" when all is well */

	struct wm_error registry;      /* what is wrong with the registry's answers, "" when nothing is */
	int64_t registry_seen;         /* unix seconds of the last good answer; 0: never */
	bool enrolling;                /* the request that is out is an enrolment */
	bool need_enrol;
	bool enrolled;                 /* just now: a 401 on top of that is not cured by enrolling again */
	struct wm_locating locating;   /* where others reach this gateway (locate.h) */
	bool tell_self;                /* the registry has an old key or endpoint of ours */
	bool report_due;
	uint64_t opened_ms;            /* monotonic */
};

/* Loads key, token and the last good config; -errno only when the gateway
 * cannot work at all. A damaged saved config is logged and done without. */
int wm_gateway_open(struct wm_gateway *g, const struct wm_instance *inst, struct wm_error *err);
void wm_gateway_close(struct wm_gateway *g);
/* The files in the state directory that a gateway keeps by replacing them whole. */
enum { WM_GATEWAY_STATE = 8 };
extern const char *const wm_gateway_state[WM_GATEWAY_STATE];

int wm_gateway_config_path(const struct wm_instance *inst, char *ret); /* of the last good config; WM_PATH_SIZE; 0, -E2BIG */

/* What gateway.env and this machine's LANs say of a gateway; its private key is left zero. *ret_missing as of wm_link_find_lans_there. */
int wm_gateway_find_self(const struct wm_instance *inst, struct wm_self *ret, struct wm_error *ret_missing, struct wm_error *err);

/* Makes the kernel match the config that we have; g->problem tells why not. 0 or -errno.
 * What others do to it by the way (a device, a rule, a filter, a ruleset that goes) is
 * seen each time; what only we have a hand in (the entries of the BPF maps) when
 * g->look_at_all is set, because reading it takes as long as there are hosts. */
int wm_gateway_apply(struct wm_gateway *g);

/* Sends the next request to the registry; wait_s 0: answer at once. */
int wm_gateway_ask(struct wm_gateway *g, unsigned int wait_s, struct wm_error *err);

enum wm_gateway_next {
	WM_NEXT_WAIT,    /* the answer is not complete */
	WM_NEXT_AGAIN,   /* ask again at once: something came of it */
	WM_NEXT_IDLE,    /* nothing new */
	WM_NEXT_BACKOFF, /* it failed, or waits for the operator; g->registry, g->problem or g->waits says why */
};

/* Why not all is well, the most telling first; "" when all is. */
const char *wm_gateway_wrong(const struct wm_gateway *g);

/* Takes an answer of g->fetcher (and frees what it holds). */
enum wm_gateway_next wm_gateway_take(struct wm_gateway *g, struct wm_answer *answer);
