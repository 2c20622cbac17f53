/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Flows of isolated ends go on when one back end takes over from the other.
 *
 * BPF's filters judge from their first instant on until their last, whatever
 * nftables has in force meanwhile: so flows come from there before the filters
 * are put on, and go there before they are taken off; those that began in
 * between follow right behind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <bpf/bpf.h>

#include "core/log.h"
#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/dataplane.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_state.h"

/* No reason to hold up a change: who asked asks again. */
static void tell(const struct wm_error *err)
{
	wm_warning("isolated hosts and devices have to be asked anew before they answer: %s", err->text);
}

/* --- from nftables ------------------------------------------------------------------------- */

static uint8_t flags_of(const struct wm_flow_view *v)
{
	return (v->saw & WM_FLOW_SAW_ANSWER ? WM_FLOW_ANSWERED : 0) | (v->saw & WM_FLOW_SAW_PEER_CLOSE ? WM_FLOW_FIN_PEER : 0) |
	       (v->saw & WM_FLOW_SAW_END_CLOSE ? WM_FLOW_FIN_END : 0) | (v->state == WM_FLOW_ESTABLISHED ? WM_FLOW_ACKED : 0) |
	       (v->state == WM_FLOW_CLOSED ? WM_FLOW_RST : 0);
}

/* Into its end's share. 1: it is there, 0: there is no room, or -errno. */
static int put_confirmed(int fd, uint32_t share, const struct wm_flow_key *key, uint8_t flags, uint64_t last)
{
	const struct wm_flow_slot flow = {
		.peer = key->peer, .end_port = key->end_port, .peer_port = key->peer_port, .proto = key->proto, .flags = flags, .last = last,
	};
	uint32_t index = (share - 1) * WM_FLOW_BUCKETS + wm_flow_place(key);
	struct wm_flow_bucket bucket;
	int rc = bpf_map_lookup_elem(fd, &index, &bucket);

	if (rc || !wm_bpf_bucket_add(&bucket, &flow))
		return rc;
	rc = bpf_map_update_elem(fd, &index, &bucket, BPF_ANY);
	return rc ? rc : 1;
}

/* Established TCP has the room of its end; all else is confirmed by its next packet. in_force: nothing that packets may
 * have written meanwhile is touched. */
static int put_flow(const struct wm_bpf_set *set, const struct wm_host_info *end, const struct wm_flow_view *v, uint64_t now,
		    bool in_force)
{
	const struct wm_flow_key key = {
		.owner = WM_FLOW_OWNER(end->owner, htonl(v->end)), .peer = htonl(v->peer), .end_port = htons(v->end_port),
		.peer_port = htons(v->peer_port), .proto = v->proto,
	};
	const uint8_t flags = flags_of(v);
	const uint32_t whole = WM_FLOW_SECONDS(v->proto, flags);
	const struct wm_flow half = {
		.last = now - (uint64_t)(whole - WM_MIN(whole, v->seconds)) * set->meta.params.hz, .flags = flags,
	};
	int rc = 0;

	if (v->state == WM_FLOW_ESTABLISHED && !in_force)
		rc = put_confirmed(set->map[WM_BPF_FLOWS], end->share, &key, flags, half.last);
	if (!rc)
		rc = bpf_map_update_elem(set->map[WM_BPF_FLOWS_HALF], &key, &half, BPF_NOEXIST);
	return rc == -EEXIST ? 0 : rc;
}

static int put_flows(const struct wm_bpf_set *set, const struct wm_bpf_content *want, const struct wm_flow_views *flows,
		     bool in_force, struct wm_error *err)
{
	wm_ip4 subnet = ntohl(set->meta.params.subnet);
	uint64_t now;
	int rc = wm_bpf_jiffies(&now);

	for (size_t i = 0; i < flows->n && rc >= 0; i++) {
		uint32_t index = flows->item[i].end - subnet;

		if (index < want->naddrs && want->hosts[index].share)
			rc = put_flow(set, &want->hosts[index], &flows->item[i], now, in_force);
	}
	return rc < 0 ? wm_bpf_fail(err, rc, "cannot write the flow table") : 0;
}

/* A table that is not there has no flows. */
static int flows_of_nft(const struct wm_instance *inst, struct wm_flow_views *ret, struct wm_error *err)
{
	int rc = wm_dataplane_nft.flows(inst, ret, err);

	return rc == -ENOENT || wm_nft_has_none(rc) ? 0 : rc;
}

void wm_bpf_flows_take(const struct wm_instance *inst, const struct wm_bpf_set *set, const struct wm_bpf_content *want,
		       struct wm_flow_views *ret)
{
	struct wm_error err = { 0 };

	if (flows_of_nft(inst, ret, &err) || put_flows(set, want, ret, false, &err))
		tell(&err);
}

void wm_bpf_flows_take_more(const struct wm_instance *inst, const struct wm_bpf_set *set, const struct wm_bpf_content *want,
			    const struct wm_flow_views *taken)
{
	struct wm_flow_views now = { 0 };
	struct wm_error err = { 0 };
	int rc = flows_of_nft(inst, &now, &err);

	wm_flow_views_drop(&now, taken);
	if (rc || put_flows(set, want, &now, true, &err))
		tell(&err);
	wm_flow_views_free(&now);
}

/* --- to nftables --------------------------------------------------------------------------- */

void wm_bpf_flows_give(const struct wm_instance *inst, const struct wm_bpf_set *set, struct wm_flow_views *given)
{
	struct wm_flow_views now = { 0 };
	struct wm_error err = { 0 };
	int rc = wm_bpf_flows(set, &now, &err);

	wm_flow_views_drop(&now, given);
	if (!rc)
		rc = wm_nft_flows_put(inst->nft_table, &now, &err);
	if (rc) { /* all of them again next time */
		tell(&err);
		wm_flow_views_free(&now);
		return;
	}
	wm_flow_views_free(given);
	*given = now;
}
