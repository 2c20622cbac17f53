/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/field.h"

#include <string.h>

#include "bench/load.h"
#include "bench/place.h"
#include "bench/world.h"
#include "core/util.h"

#define RULES_MANY 10000  /* hosts with rules each: too slow from here on */
#define HEARD_MS 4000	  /* hosts are heard anew; wm believes for 10 s */
#define WARM_AT_ONCE 4000 /* flows that wait for an answer */

int field_said(const struct entrant *e, int rc, struct wm_error *err)
{
	return rc < 0 ? wm_fail_in(err, rc, "%s", e->rival->name) : rc;
}

/* --- who takes part -------------------------------------------------------------------------- */

static bool is_asked_for(const struct rival *r, const struct run *run)
{
	if (strcmp(r->name, RIVAL_FLOOR) == 0 || strcmp(r->name, RIVAL_BPF) == 0)
		return true;
	if ((run->quick && !(r->flags & RIVAL_KEY)) || (!run->rival && r->flags & RIVAL_FAULTY))
		return false;
	return !run->rival || strstr(r->name, run->rival);
}

/* NULL: nothing is against it. */
static const char *why_not(const struct rival *r, uint32_t hosts, const struct run *run)
{
	if (r->hosts_max && hosts > r->hosts_max)
		return "left out: rules for each host, which a packet passes one by one";
	if (r->flags & RIVAL_RULES && hosts > RULES_MANY && !run->rules)
		return "left out: rules for each host, which a packet passes one by one; --full has it";
	return NULL;
}

/* --- up and down ----------------------------------------------------------------------------- */

static int enter(struct entrant *e, const struct field_kind *kind, uint32_t hosts, struct wm_error *err)
{
	struct wire_world world;

	world_make(&world, hosts);
	world.translates = !(e->rival->flags & RIVAL_UNTRANSLATED);
	if (e->rival->flags & RIVAL_KEEPS_TTL)
		world.ttl = WIRE_TTL_IN;
	if (e->rival->flags & RIVAL_RULES && hosts > RULES_FEW)
		world.peers = 1;
	int rc = kind->open(&e->rig, &world, err);
	if (rc < 0)
		return rc;
	rc = place_enter(e->rig.gateway_ns, err);
	if (rc == 0)
		rc = e->rival->up(&e->rig, e->rival, kind->scope, err);
	return place_leave(rc, err);
}

static int enter_one(struct field *f, const struct rival *r, const struct field_kind *kind, uint32_t hosts,
		     struct wm_error *err)
{
	struct entrant *e = &f->entrant[f->n];

	*e = (struct entrant){ .rival = r };
	int rc = field_said(e, enter(e, kind, hosts, err), err);
	if (rc < 0)
		rig_close(&e->rig);
	else
		f->n++;
	return rc;
}

int field_open(struct field *f, const struct field_kind *kind, uint32_t hosts, const struct run *run,
	       struct wm_error *err)
{
	int rc = 0;

	*f = (struct field){ .n = 0 };
	for (unsigned int i = 0; i < nrivals && f->n + f->nabsent < RIVALS_MAX && rc == 0; i++) {
		const struct rival *r = &rivals[i];
		const char *why = why_not(r, hosts, run);

		if (!(r->scopes & kind->scope) || r->flags & kind->without || !is_asked_for(r, run))
			continue;
		if (why)
			f->absent[f->nabsent++] = (struct absent){ r, why };
		else
			rc = enter_one(f, r, kind, hosts, err);
	}
	return rc;
}

void field_close(struct field *f)
{
	while (f->n)
		rig_close(&f->entrant[--f->n].rig);
}

/* --- what all need --------------------------------------------------------------------------- */

unsigned int field_able(struct field *f, enum wire_way way, struct entrant *ret[RIVALS_MAX])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < f->n; i++)
		if (way == WIRE_TO_LAN || !(f->entrant[i].rival->flags & RIVAL_TO_LAN_ONLY))
			ret[n++] = &f->entrant[i];
	return n;
}

void field_name(const struct field *f, struct entrant *const e[], unsigned int n, struct measure *m)
{
	for (unsigned int i = 0; i < n; i++) {
		m->series[i].rival = e[i]->rival->name;
		m->series[i].title = e[i]->rival->title;
		m->series[i].lacks = e[i]->rival->lacks;
	}
	for (unsigned int i = 0; i < f->nabsent && n + i < m->nseries; i++) {
		m->series[n + i].rival = f->absent[i].rival->name;
		m->series[n + i].title = f->absent[i].rival->title;
		m->series[n + i].lacks = f->absent[i].why;
	}
}

int field_hear(struct entrant *e, struct wm_error *err)
{
	uint64_t ms = wm_monotonic_ms(), ns;

	if (!(e->rival->flags & RIVAL_HEARD) || ms - e->heard_ms < HEARD_MS)
		return 0;
	int rc = load_send(&e->rig, WIRE_TO_WG, false, e->rig.world.hosts, &ns, err);
	e->heard_ms = ms;
	return rc;
}

int field_answer(struct entrant *e, struct wm_error *err)
{
	static const enum wire_way ways[] = { WIRE_TO_LAN, WIRE_TO_WG, WIRE_TO_LAN };
	size_t nways = e->rival->flags & RIVAL_TO_LAN_ONLY ? 1 : WM_ARRAY_LEN(ways);
	uint32_t left = e->rig.world.hosts * e->rig.world.peers, n;
	int rc = 0;

	for (; left && rc == 0; left -= n) {
		uint32_t first = e->rig.order.next;
		uint64_t ns;

		n = WM_MIN(left, (uint32_t)WARM_AT_ONCE);
		for (size_t i = 0; i < nways && rc == 0; i++) {
			e->rig.order.next = first;
			rc = load_send(&e->rig, ways[i], false, n, &ns, err);
		}
	}
	return rc;
}
