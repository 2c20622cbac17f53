/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hitless/town.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

/* xorshift64*: the same seed, the same changes. */
uint32_t town_dice(struct town *town, uint32_t sides)
{
	town->dice ^= town->dice >> 12;
	town->dice ^= town->dice << 25;
	town->dice ^= town->dice >> 27;
	return (uint32_t)((town->dice * 2685821657736338717u) >> 33) % sides;
}

/* --- what the sinks expect --------------------------------------------------------------------- */

/* 0: before, 1: after. */
static void expect(struct town *town, int when)
{
	for (uint32_t k = 0; k < town->n; k++) {
		uint32_t i = town->index[k];
		const struct town_host *to = town->at_overlay[i] ? &town->hosts[town->at_overlay[i] - 1] : NULL;
		const struct town_host *from = town->at_local[i] ? &town->hosts[town->at_local[i] - 1] : NULL;

		town->rig->pairs[i].to[when] = to ? to->local + 1 : 0;
		town->rig->pairs[i].from[when] = from && from->mac != TOWN_BOUND_WRONG ? from->overlay + 1 : 0;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void town_settle(struct town *town)
{
	expect(town, 0);
}

static void expect_stable(struct town *town)
{
	const struct proof_world *w = &town->rig->world;

	for (uint32_t i = 0; i < w->all; i++)
		if (proof_is_stable(w, i))
			town->rig->pairs[i] = (struct proof_pair){ { i + 1, i + 1 }, { i + 1, i + 1 } };
}

/* --- changes ----------------------------------------------------------------------------------- */

static uint32_t free_index(struct town *town, const uint32_t *at)
{
	for (;;) {
		uint32_t i = town->index[town_dice(town, town->n)];

		if (!at[i])
			return i;
	}
}

static void set_isolated(struct town *town, struct town_host *h, bool isolated)
{
	isolated = isolated && (h->isolated || town->isolated < town->isolated_max);
	town->isolated += isolated;
	town->isolated -= h->isolated;
	h->isolated = isolated;
}

static void add_at(struct town *town, uint32_t host, uint32_t overlay, uint32_t local)
{
	struct town_host *h = &town->hosts[host];

	h->here = true;
	h->overlay = overlay;
	h->local = local;
	h->name = town->names++;
	town->at_overlay[overlay] = town->at_local[local] = host + 1;
}

static bool add(struct town *town, uint32_t host)
{
	if (town->hosts[host].here)
		return false;
	add_at(town, host, free_index(town, town->at_overlay), free_index(town, town->at_local));
	set_isolated(town, &town->hosts[host], town_dice(town, 4) == 0);
	return true;
}

static bool take_away(struct town *town, uint32_t host)
{
	struct town_host *h = &town->hosts[host];

	if (!h->here)
		return false;
	set_isolated(town, h, false);
	town->at_overlay[h->overlay] = town->at_local[h->local] = 0;
	*h = (struct town_host){ 0 };
	return true;
}

/* To any address of that kind; who is there takes the one that becomes free. */
static bool move(struct town *town, uint32_t host, uint32_t *at, size_t field)
{
	uint32_t to = town->index[town_dice(town, town->n)];
	uint32_t *mine = (uint32_t *)((char *)&town->hosts[host] + field);

	if (!town->hosts[host].here || *mine == to)
		return false;
	if (at[to])
		*(uint32_t *)((char *)&town->hosts[at[to] - 1] + field) = *mine;
	at[*mine] = at[to];
	at[to] = host + 1;
	*mine = to;
	return true;
}

static bool change_one(struct town *town, enum town_change what, uint32_t host)
{
	struct town_host *h = &town->hosts[host];

	switch (what) {
	case TOWN_ADD:
		return add(town, host);
	case TOWN_REMOVE:
		return take_away(town, host);
	case TOWN_LOCAL:
		return move(town, host, town->at_local, offsetof(struct town_host, local));
	case TOWN_OVERLAY:
		return move(town, host, town->at_overlay, offsetof(struct town_host, overlay));
	case TOWN_TYPE:
		set_isolated(town, h, h->here && !h->isolated);
		return h->here;
	case TOWN_MAC:
		h->mac = (uint8_t)((h->mac + 1 + town_dice(town, 2)) % 3);
		return h->here;
	case TOWN_CHANGES_END:
		break;
	}
	return false;
}

void town_change(struct town *town, unsigned int changes)
{
	while (changes) {
		enum town_change what = (enum town_change)town_dice(town, TOWN_CHANGES_END);

		if (!change_one(town, what, town_dice(town, town->n)))
			continue;
		town->done[what]++;
		changes--;
	}
	expect(town, 1);
}

void town_grow(struct town *town, uint32_t here, bool isolated)
{
	for (uint32_t host = 0; host < town->n; host++) {
		struct town_host *h = &town->hosts[host];
		uint32_t i = town->index[host];

		if (host >= here) {
			town->done[TOWN_REMOVE] += take_away(town, host);
			continue;
		}
		if (!h->here && !town->at_overlay[i] && !town->at_local[i]) {
			add_at(town, host, i, i);
			town->done[TOWN_ADD]++;
		}
		if (h->here)
			set_isolated(town, h, isolated && host % 2);
	}
	expect(town, 1);
}

/* --- the plan ---------------------------------------------------------------------------------- */

static void end_of(const struct town *town, uint32_t overlay, uint32_t local, struct wm_end *ret)
{
	const struct proof_world *w = &town->rig->world;

	*ret = (struct wm_end){
		.overlay = proof_overlay(w, overlay),
		.local = proof_local(w, local),
		.kind = WM_END_HOST,
		.access = WM_ACCESS_FULL,
		.lan = local >= w->lan1_from,
	};
}

static void bind_to(struct wm_end *end, const struct town_host *h)
{
	end->has_mac = h->mac != TOWN_UNBOUND;
	if (end->has_mac)
		wire_host_mac(h->local, end->mac.byte);
	if (h->mac == TOWN_BOUND_WRONG)
		end->mac.byte[0] |= 0x40;
}

void town_plan(struct town *town)
{
	const struct proof_world *w = &town->rig->world;
	struct wm_plan *plan = &town->plan;

	plan->nends = 0;
	for (uint32_t i = 0; i < w->all; i++) {
		struct wm_end *end = &plan->ends[plan->nends];
		const struct town_host *h = town->at_overlay[i] ? &town->hosts[town->at_overlay[i] - 1] : NULL;

		if (proof_is_stable(w, i)) {
			end_of(town, i, i, end);
			wm_format(end->name, sizeof(end->name), "h%u", i);
			end->access = proof_is_isolated(w, i) ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
		} else if (h) {
			end_of(town, i, h->local, end);
			wm_format(end->name, sizeof(end->name), "c%u", h->name);
			end->access = h->isolated ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
			bind_to(end, h);
		} else {
			continue;
		}
		plan->nends++;
	}
	plan->generation++;
}

static uint8_t prefix_for(uint32_t addresses)
{
	uint8_t len = 30;

	while ((1u << (32 - len)) < addresses + 3)
		len--;
	return len;
}

int town_open(struct town *town, struct rig *rig, uint32_t seed, struct wm_error *err)
{
	const struct proof_world *w = &rig->world;

	*town = (struct town){ .rig = rig, .dice = seed * 2654435761u + 88172645463325252u, .isolated_max = 200 };
	town->n = w->lan1_from - w->stable0 + w->all - w->stable1;
	town->hosts = calloc(town->n + 1, sizeof(*town->hosts));
	town->index = calloc(town->n + 1, sizeof(*town->index));
	town->at_overlay = calloc(w->all, sizeof(*town->at_overlay));
	town->at_local = calloc(w->all, sizeof(*town->at_local));
	town->plan = (struct wm_plan){
		.supernet = { w->subnet & wm_prefix_mask(10), 10 },
		.subnet = { w->subnet, prefix_for(w->all) },
		.gateway = w->subnet + 1,
		.hub = true,
		.mtu = RIG_WG_MTU,
		.ends = calloc(w->all, sizeof(*town->plan.ends)),
	};
	if (!town->hosts || !town->index || !town->at_overlay || !town->at_local || !town->plan.ends)
		return wm_fail(err, ENOMEM, "no memory for %u hosts", w->all);
	for (uint32_t i = 0, k = 0; i < w->all; i++)
		if (!proof_is_stable(w, i))
			town->index[k++] = i;
	expect_stable(town);
	return rig_find_lans(rig, &town->plan, err);
}

void town_close(struct town *town)
{
	wm_plan_free(&town->plan);
	free(town->hosts);
	free(town->index);
	free(town->at_overlay);
	free(town->at_local);
	*town = (struct town){ 0 };
}
