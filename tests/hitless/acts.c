/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hitless/acts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/link.h"

#define RETIRE_US 60000

#define WAY(way) (1u << RIG_##way)
#define BPF (WAY(BPF) | WAY(BPF_STACK))
#define BOTH (WAY(BPF) | WAY(NFT))
#define EVERY (BOTH | WAY(BPF_STACK) | WAY(BPF_SHIELD))

/* Mostly a few hosts at once, sometimes very many. */
static unsigned int how_many(struct town *town)
{
	static const unsigned int many[] = { 1, 1, 2, 5, 20, 200 };

	return WM_MIN(many[town_dice(town, WM_ARRAY_LEN(many))], town->n / 2);
}

static int change(struct scene *s, struct wm_error *err)
{
	town_change(&s->town, how_many(&s->town));
	town_plan(&s->town);
	int rc = scene_apply(s, err);
	return rc < 0 ? rc : scene_settle(s, err);
}

static int reconfigure(struct scene *s, unsigned int times, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < times && rc == 0; i++)
		rc = change(s, err);
	return rc;
}

static int grow_to(struct scene *s, uint32_t hosts, bool isolated, struct wm_error *err)
{
	town_grow(&s->town, hosts, isolated);
	town_plan(&s->town);
	int rc = scene_apply(s, err);
	return rc < 0 ? rc : scene_settle(s, err);
}

/* Each step half as many again, every other one of them isolated, while there is room for that; then all at once back. */
static int grow(struct scene *s, unsigned int times, struct wm_error *err)
{
	uint32_t hosts = 1;
	int rc = 0;

	s->town.isolated_max = 600;
	for (unsigned int i = 0; i < times && rc == 0; i++) {
		rc = grow_to(s, hosts, true, err);
		hosts = WM_MIN(hosts + hosts / 2 + 1, s->town.n - 1);
	}
	if (rc == 0)
		rc = grow_to(s, s->town.n - 1, false, err);
	if (rc == 0)
		rc = grow_to(s, 0, false, err);
	return rc < 0 ? rc : grow_to(s, s->town.n / 2, false, err);
}

/* Other programs: of BPF those that are in force are not what this process would load; of nftables each rule differs. */
static int become_old(struct scene *s, struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;

	wm_bpf_set_init(&set);
	if (s->way == RIG_NFT) {
		s->town.plan.mtu ^= 1;
		return 0;
	}
	int rc = wm_bpf_open(&s->rig.inst, &set, err);
	set.meta.object ^= 1;
	return rc < 0 ? rc : wm_bpf_meta_write(&set, err);
}

static int upgrade(struct scene *s, unsigned int times, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < times && rc == 0; i++) {
		rc = become_old(s, err);
		if (rc == 0 && i % 4 == 3)
			rc = change(s, err);
		else if (rc == 0)
			rc = scene_apply(s, err);
		if (rc == 0)
			rc = scene_settle(s, err);
	}
	return rc;
}

/* From here on all has to get through again. */
static int back(struct scene *s, struct wm_error *err)
{
	int rc = load_warm(&s->load, err);

	if (rc == 0)
		rc = load_excuse(&s->load, 0, err);
	return rc < 0 ? rc : scene_settle(s, err);
}

/* --- from one back end to the other ---------------------------------------------------------------- */

static void choose(struct scene *s, bool other)
{
	rig_choose(&s->rig, other ? (s->way == RIG_NFT ? RIG_BPF : RIG_NFT) : s->way);
}

static int switch_over(struct scene *s, unsigned int times, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < 2 * times && rc == 0; i++) {
		choose(s, i % 2 == 0);
		if (i % 3 == 0) {
			town_change(&s->town, how_many(&s->town));
			town_plan(&s->town);
		}
		rc = scene_switch(s, err);
		if (rc == 0)
			rc = scene_settle(s, err);
	}
	return rc;
}

/* --- kill -9 ---------------------------------------------------------------------------------------- */

static int heal(struct scene *s, int (*fn)(struct scene *s, struct wm_error *err), struct wm_error *err)
{
	int rc = fn(s, err);

	return rc < 0 ? rc : scene_settle(s, err);
}

static int kill_once(struct scene *s, int (*fn)(struct scene *s, struct wm_error *err), uint64_t most_us,
		     struct wm_error *err)
{
	uint32_t most = most_us ? (uint32_t)most_us : 20000;
	int rc = 0;

	/* One of four is killed again while it heals what the last has left. */
	do
		rc = scene_killed(s, fn, 300 + town_dice(&s->town, most), err);
	while (rc >= 0 && town_dice(&s->town, 4) == 0);
	return rc < 0 ? rc : heal(s, fn, err);
}

static int kill_changes(struct scene *s, unsigned int times, struct wm_error *err)
{
	int rc = change(s, err);

	for (unsigned int i = 0; i < times && rc == 0; i++) {
		if (i % 3 == 2)
			rc = become_old(s, err);
		town_change(&s->town, how_many(&s->town));
		town_plan(&s->town);
		if (rc == 0)
			rc = kill_once(s, scene_apply, s->apply_us, err);
	}
	return rc;
}

static int kill_switches(struct scene *s, unsigned int times, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < 2 * times && rc == 0; i++) {
		choose(s, i % 2 == 0);
		/* Every other time where the old back end is retired. */
		if (i / 2 % 2 == 0)
			rc = kill_once(s, scene_switch, s->apply_us, err);
		else if ((rc = scene_apply(s, err)) == 0)
			rc = kill_once(s, scene_retire, RETIRE_US, err);
	}
	return rc;
}

/* --- devices ---------------------------------------------------------------------------------------- */

static int again(struct scene *s, struct wm_error *err)
{
	int rc = rig_find_lans(&s->rig, &s->town.plan, err);

	if (rc >= 0)
		rc = scene_apply(s, err);
	if (rc >= 0)
		rc = wm_link_up(&s->rig.inst, &s->town.plan, s->rig.wg_ifindex, err);
	return rc < 0 ? rc : 0;
}

/* Its hosts are excused; those of the other LAN are not. */
static int new_lan(struct scene *s, unsigned int times, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < times && rc == 0; i++) {
		rc = load_excuse(&s->load, PROOF_NO_LAN1, err);
		if (rc == 0)
			rc = rig_lan_delete(&s->rig, 1, err);
		if (rc == 0)
			rc = load_pass(&s->load, 1, err);
		if (rc == 0)
			rc = rig_lan_make(&s->rig, 1, err);
		if (rc == 0)
			rc = load_pass(&s->load, 1, err);
		if (rc == 0)
			rc = again(s, err);
		if (rc == 0)
			rc = back(s, err);
	}
	return rc;
}

/* Nobody can get a packet through; but nothing may get out as it should not. */
static int new_wg(struct scene *s, unsigned int times, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < times && rc == 0; i++) {
		rc = load_excuse(&s->load, PROOF_NO_WG, err);
		if (rc == 0)
			rc = load_reopen(&s->load, err);
		if (rc == 0)
			rc = rig_tun_ready(&s->rig, err);
		if (rc == 0)
			rc = load_pass(&s->load, 2, err);
		if (rc == 0)
			rc = again(s, err);
		if (rc == 0)
			rc = back(s, err);
	}
	return rc;
}

#define GOOD .found = ACCOUNT_FINDINGS_END
#define DEVICE .without = ACCOUNT_NO_COUNTERS

const struct act acts[] = {
	{ "%u reconfigurations", reconfigure, EVERY, 20, 1000, GOOD },
	{ "%u steps from a few hosts to all, and back", grow, BOTH, 12, 22, .small = true, GOOD },
	{ "%u upgrades", upgrade, BOTH, 4, 100, GOOD },
	{ "%u times to the other back end, and back", switch_over, BPF, 2, 100, GOOD },
	{ "%u changes killed", kill_changes, BOTH, 5, 100, GOOD },
	{ "%u times killed on the way to the other back end, and on the way back", kill_switches, WAY(BPF), 2, 100, GOOD },
	{ "%u times a LAN made anew", new_lan, BOTH, 2, 25, DEVICE, GOOD },
	{ "%u times the tunnel's device made anew", new_wg, BOTH, 1, 25, DEVICE, GOOD },
};
const unsigned int nacts = WM_ARRAY_LEN(acts);
