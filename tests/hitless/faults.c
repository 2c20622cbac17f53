/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a careless gateway would do. Each has to be found: the proof's own proof.
 */
#include "hitless/acts.h"

#include <net/if.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "hitless.skel.h"

#define BPF (1u << RIG_BPF)
#define NFT (1u << RIG_NFT)

static int take_off(const struct scene *s, uint32_t ifindex, bool out)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = out ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = s->rig.inst.tc_prio);
	enum wm_bpf_side side = out ? WM_BPF_OUT : WM_BPF_IN;
	int64_t in_list = wm_bpf_tcx_at(ifindex, side, s->rig.inst.tc_prio);

	return in_list > 0 ? wm_bpf_tcx_take(ifindex, side, (uint32_t)in_list) : bpf_tc_detach(&hook, &opts);
}

/* A filter is deleted and added instead of replaced. */
static int delete_filter(struct scene *s, const char *ifname, bool out, struct wm_error *err)
{
	int rc = take_off(s, if_nametoindex(ifname), out);

	if (rc < 0)
		return wm_fail(err, -rc, "cannot delete the filter of %s", ifname);
	rc = load_pass(&s->load, 1, err);
	return rc < 0 ? rc : scene_apply(s, err);
}

static int lan_filter(struct scene *s, unsigned int times, struct wm_error *err)
{
	(void)times;
	return delete_filter(s, "lan0", false, err);
}

static int wg_filter(struct scene *s, unsigned int times, struct wm_error *err)
{
	(void)times;
	return delete_filter(s, RIG_WG, true, err);
}

static int table(struct scene *s, unsigned int times, struct wm_error *err)
{
	(void)times;
	int rc = s->rig.plane->remove(&s->rig.inst, err);
	if (rc == 0)
		rc = load_pass(&s->load, 1, err);
	return rc < 0 ? rc : scene_apply(s, err);
}

/* Everybody out, and in again. */
static int clear(struct scene *s, unsigned int times, struct wm_error *err)
{
	(void)times;
	s->town.plan.nends = 0;
	int rc = scene_apply(s, err);
	if (rc == 0)
		rc = load_pass(&s->load, 1, err);
	town_plan(&s->town);
	return rc < 0 ? rc : scene_apply(s, err);
}

static int swap(struct scene *s, unsigned int times, struct wm_error *err)
{
	struct wm_end *ends = s->town.plan.ends;
	wm_ip4 first = ends[0].local;

	(void)times;
	ends[0].local = ends[1].local;
	ends[1].local = first;
	s->rig.progs->bss->tally.fault[0] = 0;
	int rc = scene_apply(s, err);
	for (int i = 0; i < 20 && rc == 0 && !s->rig.progs->bss->tally.fault[0]; i++)
		rc = load_pass(&s->load, 0, err);
	town_plan(&s->town);
	return rc < 0 ? rc : scene_apply(s, err);
}

/* With nothing under way, so that nothing but what was counted is lost. */
static int zero(struct scene *s, unsigned int times, struct wm_error *err)
{
	struct wm_end first = s->town.plan.ends[0];
	int rc = load_hold(&s->load, err);

	(void)times;
	s->town.plan.ends++;
	s->town.plan.nends--;
	if (rc == 0)
		rc = s->rig.plane->apply(&s->rig.inst, &s->town.plan, s->rig.wg_ifindex, err);
	s->town.plan.ends--;
	s->town.plan.nends++;
	s->town.plan.ends[0] = first;
	if (rc >= 0)
		rc = s->rig.plane->apply(&s->rig.inst, &s->town.plan, s->rig.wg_ifindex, err);
	return rc < 0 ? rc : load_go_on(&s->load, err);
}

/* The change is not where the sinks were told that it would be. */
static int elsewhere(struct scene *s, unsigned int times, struct wm_error *err)
{
	(void)times;
	town_change(&s->town, 20);
	town_settle(&s->town);
	return load_pass(&s->load, 1, err);
}

static int idle(struct scene *s, unsigned int times, struct wm_error *err)
{
	int rc = load_hold(&s->load, err);

	for (unsigned int i = 0; i < times && rc == 0; i++)
		rc = scene_apply(s, err);
	return rc < 0 ? rc : load_go_on(&s->load, err);
}

const struct act faults[] = {
	{ "a LAN's filter deleted and added", lan_filter, BPF, 1, 1, .found = ACCOUNT_LOST },
	{ "the tunnel's filter deleted and added", wg_filter, 1u << RIG_BPF_STACK, 1, 1, .found = ACCOUNT_WRONG },
	{ "the ruleset deleted and added", table, NFT, 1, 1, .found = ACCOUNT_LOST },
	{ "all hosts deleted and added", clear, BPF | NFT, 1, 1, .found = ACCOUNT_LOST },
	{ "two hosts taken for each other", swap, BPF | NFT, 1, 1, .found = ACCOUNT_WRONG },
	{ "a host's counters zeroed", zero, BPF | NFT, 1, 1, .found = ACCOUNT_COUNTERS },
	{ "a change forgotten", elsewhere, BPF | NFT, 1, 1, .found = ACCOUNT_ROLL },
	{ "no load during %u changes", idle, BPF, 3, 3, .found = ACCOUNT_IDLE },
};
const unsigned int nfaults = WM_ARRAY_LEN(faults);
