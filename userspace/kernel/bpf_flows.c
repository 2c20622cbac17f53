/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The flow table as it stands: half-open flows, and those in the slots of each
 * isolated end's share.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

struct owner {
	uint32_t id; /* WM_FLOW_OWNER */
	wm_ip4 end;
};

struct reading {
	const struct wm_bpf_set *set;
	struct wm_flow_views *ret;
	uint64_t now; /* jiffies */
	struct owner *owners; /* sorted: all that are isolated */
	size_t nowners;
};

static int by_id(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int find_owners(struct reading *r, const struct wm_bpf_content *content)
{
	wm_ip4 subnet = ntohl(r->set->meta.params.subnet);

	r->owners = calloc(content->naddrs + 1u, sizeof(*r->owners));
	if (!r->owners)
		return -ENOMEM;
	for (uint32_t i = 0; i < content->naddrs; i++) {
		if (content->hosts[i].share)
			r->owners[r->nowners++] = (struct owner){ WM_FLOW_OWNER(content->hosts[i].owner, htonl(subnet + i)), subnet + i };
	}
	qsort(r->owners, r->nowners, sizeof(*r->owners), by_id);
	return 0;
}

/* 0: gone, its flows are nobody's. */
static wm_ip4 end_of(const struct reading *r, uint32_t id)
{
	const struct owner wanted = { .id = id };
	const struct owner *found = bsearch(&wanted, r->owners, r->nowners, sizeof(wanted), by_id);

	return found ? found->end : 0;
}

static unsigned int state_of(uint8_t flags)
{
	if (WM_FLOW_IS_CLOSED(flags))
		return WM_FLOW_CLOSED;
	if (flags & (WM_FLOW_FIN_PEER | WM_FLOW_FIN_END))
		return WM_FLOW_CLOSING;
	if (WM_FLOW_IS_LIVE(flags))
		return WM_FLOW_ESTABLISHED;
	return flags & WM_FLOW_ANSWERED ? WM_FLOW_IS_ANSWERED : WM_FLOW_ASKED;
}

static unsigned int seen_of(uint8_t flags)
{
	return (flags & WM_FLOW_ANSWERED ? WM_FLOW_SAW_ANSWER : 0) | (flags & WM_FLOW_FIN_PEER ? WM_FLOW_SAW_PEER_CLOSE : 0) |
	       (flags & WM_FLOW_FIN_END ? WM_FLOW_SAW_END_CLOSE : 0);
}

/* Expired ones are still there until somebody needs the room. */
static int add(const struct reading *r, struct wm_flow_view *view, uint8_t flags, uint64_t last)
{
	uint64_t ends = last + (uint64_t)WM_FLOW_SECONDS(view->proto, flags) * r->set->meta.params.hz;

	if (ends < r->now)
		return 0;
	view->state = (uint8_t)state_of(flags);
	view->saw = (uint8_t)seen_of(flags);
	view->seconds = (uint32_t)((ends - r->now) / r->set->meta.params.hz);
	return wm_flow_views_add(r->ret, view);
}

static int read_half(const struct reading *r)
{
	int fd = r->set->map[WM_BPF_FLOWS_HALF], rc = 0;
	struct wm_flow_key key, previous;

	/* A flow that goes while we look makes the walk begin again: it is bounded by what the map can hold. */
	for (uint32_t i = 0; !rc && i < WM_FLOW_HALF_MAX && !bpf_map_get_next_key(fd, i ? &previous : NULL, &key); i++) {
		struct wm_flow_view view = {
			.end = end_of(r, key.owner), .peer = ntohl(key.peer), .proto = key.proto,
			.end_port = ntohs(key.end_port), .peer_port = ntohs(key.peer_port),
		};
		struct wm_flow flow;

		previous = key;
		if (view.end && !bpf_map_lookup_elem(fd, &key, &flow))
			rc = add(r, &view, flow.flags, flow.last);
	}
	return rc;
}

static int read_share(const struct reading *r, wm_ip4 end, uint32_t share)
{
	struct wm_flow_bucket bucket;
	int rc = 0;

	for (uint32_t b = 0; !rc && b < WM_FLOW_BUCKETS; b++) {
		uint32_t index = (share - 1) * WM_FLOW_BUCKETS + b;

		if (bpf_map_lookup_elem(r->set->map[WM_BPF_FLOWS], &index, &bucket))
			return -errno;
		for (int n = 0; !rc && n < WM_FLOW_WAYS; n++) {
			const struct wm_flow_slot *slot = &bucket.slot[n];
			struct wm_flow_view view = {
				.end = end, .peer = ntohl(slot->peer), .proto = slot->proto,
				.end_port = ntohs(slot->end_port), .peer_port = ntohs(slot->peer_port),
			};

			if (slot->proto)
				rc = add(r, &view, slot->flags, slot->last);
		}
	}
	return rc;
}

int wm_bpf_flows(const struct wm_bpf_set *set, struct wm_flow_views *ret, struct wm_error *err)
{
	WM_AUTO_BPF_CONTENT struct wm_bpf_content content = { 0 };
	struct wm_flow_views views = { 0 };
	struct reading r = { .set = set, .ret = &views };
	int rc = wm_bpf_content_read(set, &content, err);

	if (rc)
		return rc;
	rc = wm_bpf_jiffies(&r.now);
	if (!rc)
		rc = find_owners(&r, &content);
	if (!rc)
		rc = read_half(&r);
	for (uint32_t i = 0; !rc && i < content.naddrs; i++)
		if (content.hosts[i].share)
			rc = read_share(&r, ntohl(set->meta.params.subnet) + i, content.hosts[i].share);
	free(r.owners);
	if (rc) {
		wm_flow_views_free(&views);
		return wm_bpf_fail(err, rc, "cannot read the flow table");
	}
	wm_flow_views_sort(&views);
	*ret = views;
	return 0;
}
