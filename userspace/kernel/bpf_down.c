/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Taking the data plane down, for good or because nftables has taken over: also
 * where the kernel no longer tells what of it there is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/carried.h"
#include "kernel/grace.h"

uint64_t wm_bpf_source(const struct wm_bpf_set *set)
{
	return (uint64_t)1 << 63 | set->meta.map_id[WM_BPF_COUNTERS];
}

/* What was counted to the end, now that no filter is left. */
static void hand_on_counters(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_bpf_set *set)
{
	struct wm_counters last = { 0 };
	struct wm_error err = { 0 };
	int rc;

	wm_grace();
	rc = wm_bpf_counters(set, &last, &err);
	if (!rc)
		rc = wm_carried_add(inst, plan, wm_bpf_source(set), &last, &err);
	if (rc)
		wm_carried_tell(&err);
	wm_counters_free(&last);
}

int wm_bpf_can_look(const struct wm_instance *inst, struct wm_error *err)
{
	int rc = wm_bpf_may_ask();

	if (!rc)
		return 1;
	if (!wm_bpf_pins_in_force(inst))
		return 0;
	return wm_fail(err, -rc,
		       "BPF programs of this mesh may still judge all packets at %s and on the LANs, by an old config, and "
		       "cannot be looked at or taken away: bpf(2): %s; give wm-gateway CAP_SYS_ADMIN and bpf(2) back and "
		       "run 'wm-gateway sync', or restart the machine (they are pinned in %s/%s)",
		       inst->ifname, strerror(-rc), inst->bpffs, *inst->name ? inst->name : "default");
}

/* plan NULL: on any device. */
static bool may_have_shield(const struct wm_plan *plan)
{
	WM_AUTO_FREE struct wm_nic *nics = NULL;
	size_t n = 0;
	bool found = wm_nics_with_xdp(&nics, &n, NULL) != 0;

	for (size_t i = 0; i < n; i++) {
		for (unsigned int k = 0; plan && k < plan->nlans; k++)
			found |= nics[i].ifindex == plan->lans[k].ifindex;
		found |= !plan;
	}
	return found;
}

/* Where the kernel does not tell: tc filters are rtnetlink's, and where ours hang there, tcx lists have none. What they
 * have counted cannot be read; whose a program of XDP is cannot be told. */
static int take_down_blindly(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err)
{
	const struct wm_error lost = { .text = "the BPF maps may not be read any more" };
	int n = may_have_shield(plan) ? 0 : wm_bpf_filters_take_named(inst->tc_prio, err), rc;

	if (n <= 0)
		return n ? n : wm_bpf_can_look(inst, err);
	if (plan)
		wm_carried_tell(&lost);
	rc = plan ? wm_bpf_pins_retire(inst, err) : wm_bpf_pins_remove(inst, err);
	return rc < 0 ? rc : n;
}

int wm_bpf_take_down(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	struct wm_flow_views given = { 0 };
	int changes, rc = wm_bpf_can_look(inst, err);

	wm_bpf_set_init(&set);
	if (rc < 0)
		return take_down_blindly(inst, plan, err);
	if (!rc)
		return plan ? 0 : wm_bpf_pins_remove(inst, err);
	rc = wm_bpf_set_open(inst, &set, err);
	/* Nothing that judges or has counted. */
	if (plan && (rc || !set.whole) && !wm_bpf_attached(inst, NULL))
		return 0;
	if (rc)
		return rc;
	if (plan && set.whole)
		wm_bpf_flows_give(inst, &set, &given);
	rc = wm_bpf_shield_remove(inst, err);
	if (rc >= 0)
		rc = wm_bpf_detach_all(inst, &set, plan, err);
	changes = rc + 1;
	if (rc >= 0 && plan && set.whole) {
		wm_bpf_flows_give(inst, &set, &given);
		hand_on_counters(inst, plan, &set);
	}
	if (rc >= 0)
		rc = plan && set.meta_fd >= 0 ? wm_bpf_pins_retire(inst, err) : wm_bpf_pins_remove(inst, err);
	wm_flow_views_free(&given);
	return rc < 0 ? rc : changes;
}
