/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What ends that stay take along when their maps are replaced by others.
 */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

static bool same_flow(const struct wm_flow_slot *a, const struct wm_flow_slot *b)
{
	return a->proto == b->proto && a->peer == b->peer && a->end_port == b->end_port && a->peer_port == b->peer_port;
}

bool wm_bpf_bucket_add(struct wm_flow_bucket *bucket, const struct wm_flow_slot *flow)
{
	struct wm_flow_slot *room = NULL;

	for (int i = 0; i < WM_FLOW_WAYS; i++) {
		if (same_flow(&bucket->slot[i], flow))
			return false;
		if (!bucket->slot[i].proto && !room)
			room = &bucket->slot[i];
	}
	if (room)
		*room = *flow;
	return room;
}

/* 1 written, 0, -errno */
static int carry_bucket(int from, int to, uint32_t index)
{
	struct wm_flow_bucket old, new;
	bool changed = false;
	int rc = bpf_map_lookup_elem(from, &index, &old);

	/* A killed apply had given this share, but had not yet made the bigger map. */
	if (rc == -ENOENT)
		return 0;
	if (!rc)
		rc = bpf_map_lookup_elem(to, &index, &new);
	for (int i = 0; !rc && i < WM_FLOW_WAYS; i++) {
		if (old.slot[i].proto)
			changed |= wm_bpf_bucket_add(&new, &old.slot[i]);
	}
	if (!rc && changed)
		rc = bpf_map_update_elem(to, &index, &new, BPF_ANY);
	return rc ? rc : changed;
}

int wm_bpf_carry_flows(int from, int to, const struct wm_bpf_content *have, const struct wm_bpf_content *want,
		       struct wm_error *err)
{
	int changes = 0, rc = 0;

	for (uint32_t i = 0; i < WM_MIN(have->naddrs, want->naddrs); i++) {
		uint32_t share = want->hosts[i].share, first = (share - 1) * WM_FLOW_BUCKETS;

		if (!share || have->hosts[i].share != share || !wm_bpf_same_owner(&have->hosts[i], &want->hosts[i]))
			continue;
		for (uint32_t b = first; rc >= 0 && b < first + WM_FLOW_BUCKETS; b++) {
			rc = carry_bucket(from, to, b);
			changes += rc > 0;
		}
	}
	return rc < 0 ? wm_bpf_fail(err, rc, "cannot carry flows over") : changes;
}
