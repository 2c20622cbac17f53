/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where others reach this gateway: when it is looked for, what came of it, and
 * what was said of it last (kept on disk, so that what we said ourselves is
 * told from what an operator entered).
 */
#pragma once

#include "core/instance.h"
#include "core/locate.h"
#include "core/output.h"
#include "core/record.h"

struct wm_locating {
	struct wm_located located;
	bool known;              /* located is */
	bool by_services;        /* and they have said so */
	int64_t found;           /* when: unix seconds; 0: never */
	bool asked;              /* the question is out */
	uint64_t next_ms;        /* monotonic: when to ask again */
	struct wm_endpoint said; /* family 0: none */
	struct wm_error problem; /* logged once */
};

void wm_locating_load(struct wm_locating *l, const struct wm_instance *inst);
bool wm_locating_due(const struct wm_locating *l, const struct wm_instance *inst);
void wm_locating_ask(struct wm_locating *l, const struct wm_instance *inst, struct wm_fetch_locate *ret); /* all but the target */
void wm_locating_take(struct wm_locating *l, const struct wm_fetch_located *found);
void wm_locating_failed(struct wm_locating *l, const struct wm_error *why);

/* As wm_locate_decide. */
bool wm_locating_wish(const struct wm_locating *l, const struct wm_instance *inst, const struct wm_endpoint *registry,
		      struct wm_endpoint *ret);
/* For status: what was found, by whom, when, and what the registry is told. */
void wm_locating_print(struct wm_out *out, const struct wm_locating *l, const struct wm_instance *inst);

/* Before the registry is told. */
void wm_locating_say(struct wm_locating *l, const struct wm_instance *inst, const struct wm_endpoint *endpoint);
