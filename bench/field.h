/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The field: all rivals that take part in a comparison, each with a gateway of
 * its own. Who is left out is named with the reason.
 */
#pragma once

#include "bench/result.h"
#include "bench/rival.h"
#include "bench/run.h"

#define RIVALS_MAX 16
#define RULES_FEW 100 /* hosts with a rule each cost little yet */

struct entrant {
	const struct rival *rival;
	struct rig rig;
	uint64_t heard_ms;
};

struct absent {
	const struct rival *rival;
	const char *why;
};

struct field {
	struct entrant entrant[RIVALS_MAX];
	struct absent absent[RIVALS_MAX];
	unsigned int n, nabsent;
};

/* What the rivals have to be to take part, and where they stand. */
struct field_kind {
	enum scope scope;
	unsigned int without; /* no rival with one of these flags */
	int (*open)(struct rig *rig, const struct wire_world *world, struct wm_error *err);
};

/* 0 or -errno; field_close either way. */
int field_open(struct field *f, const struct field_kind *kind, uint32_t hosts, const struct run *run,
	       struct wm_error *err);
void field_close(struct field *f);

/* Names the rival in front of an error. */
int field_said(const struct entrant *e, int rc, struct wm_error *err);

/* The rivals that can carry packets this way, in order; how many. */
unsigned int field_able(struct field *f, enum wire_way way, struct entrant *ret[RIVALS_MAX]);

/* Puts the names of those that take part, and of those that do not, into a measure made for so many of each. */
void field_name(const struct field *f, struct entrant *const e[], unsigned int n, struct measure *m);

/* A packet from each host, when it has been some time: wm learns where they are. */
int field_hear(struct entrant *e, struct wm_error *err);

/* Flows are asked, answered and asked on, a part of them at a time: whatever a rival remembers, it knows by then, and
 * none forgets one that waits for its answer. */
int field_answer(struct entrant *e, struct wm_error *err);
