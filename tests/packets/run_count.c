/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a step has counted, against what its row says.
 */
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "packets/plane.h"
#include "packets/run_count.h"

void free_counters(struct counters *all)
{
	wm_counters_free(&all->mesh[0]);
	wm_counters_free(&all->mesh[1]);
}

int read_counters(struct counters *ret)
{
	int rc = 0;

	for (unsigned int n = 0; n < plane_meshes() && rc >= 0; n++)
		rc = plane_read(n, &ret->mesh[n]);
	if (rc >= 0 && plane_mode() == NFT_FAST)
		rc = plane_read_around(&ret->around);
	return rc;
}

static const struct wm_end_counters *find_end(const struct wm_counters *counters, wm_ip4 overlay)
{
	static const struct wm_end_counters none;

	for (size_t n = 0; n < counters->nends; n++)
		if (counters->ends[n].overlay == overlay)
			return &counters->ends[n];
	return &none;
}

static void wrong_count(struct run *r, const char *what, unsigned long long got, unsigned long long want)
{
	printf("# %s: %s rose by %llu, expected %llu\n", r->where, what, got, want);
	r->good = false;
}

/* nftables counts a packet that stands for several as one, unless the kernel has cut it before. */
static bool in_one(const struct step *step)
{
	return plane_mode() & NFT && step->pkt.gso;
}

/* The headers that all segments but the first have in addition. */
static size_t bytes_of_segments(const struct step *step)
{
	return step->segments ? (step->segments - 1) * (20u + step->pkt.nopt + 20u + step->pkt.ntcpopt) : 0;
}

/* Whether what rose by `n` packets was what came in, of a known length: the stack's own
 * packets and fragments have lengths of their own, invalid ones may have none. */
static bool is_length_known(const struct step *step, unsigned int reason, unsigned int n)
{
	return n == (step->segments ? step->segments : 1) && !in_one(step) && reason != WM_REASON_LOCAL && reason != WM_REASON_INVALID &&
	       !step->out[0].error && !step->out[1].at && (step->segments || !step->pkt.gso);
}

/* How much a reason must rise, and (0: not known) by how many bytes; len: of what came in. */
static struct wm_count wanted(const struct run *r, unsigned int mesh, unsigned int reason, size_t len, bool one)
{
	unsigned int times = r->step->times ? r->step->times : 1;
	struct wm_count want = { 0 };
	bool known = true;

	for (size_t n = 0; n < COUNTS && r->step->count[n].packets; n++) {
		const struct count *c = &r->step->count[n];

		if ((c->reason & ~OTHER_MESH) != reason || (c->reason & OTHER_MESH ? 1 : 0) != mesh)
			continue;
		want.packets += (one ? 1u : c->packets) * times;
		want.bytes += (len + bytes_of_segments(r->step)) * times;
		known = is_length_known(r->step, reason, c->packets);
	}
	want.packets += markers_of(mesh, reason);
	want.bytes += markers_of(mesh, reason) * (20u + 8 + MARKER_LEN);
	if (!known)
		want.bytes = 0;
	return want;
}

void judge_counters(struct run *r, const struct counters *before, const struct counters *after)
{
	static uint8_t buf[BYTES_MAX];
	char what[64];

	/* A GSO packet may be longer than its header can say. */
	size_t built = r->step->at ? build_packet(&r->step->pkt, r->number, buf) : 0;
	size_t len = built < 4 ? 0 : r->step->pkt.gso ? built : get16(buf + 2);

	for (unsigned int mesh = 0; mesh < plane_meshes(); mesh++)
		for (unsigned int n = 0; n < WM_REASON_COUNT; n++) {
			struct wm_count want = wanted(r, mesh, n, len, false), one = wanted(r, mesh, n, len, true);
			const struct wm_count *is = &after->mesh[mesh].reason[n], *was = &before->mesh[mesh].reason[n];

			snprintf(what, sizeof(what), "%s%s", wm_reason_name(n), mesh ? " of the second mesh" : "");
			/* What is malformed the stack drops before nftables sees it. */
			if (n == WM_REASON_INVALID && plane_mode() & NFT && is->packets - was->packets <= want.packets)
				continue;
			if (in_one(r->step) && is->packets - was->packets == one.packets)
				continue;
			if (is->packets - was->packets != want.packets)
				wrong_count(r, what, is->packets - was->packets, want.packets);
			snprintf(what, sizeof(what), "%s%s (bytes)", wm_reason_name(n), mesh ? " of the second mesh" : "");
			if (want.bytes && is->packets - was->packets == want.packets &&
			    is->bytes - was->bytes != want.bytes)
				wrong_count(r, what, is->bytes - was->bytes, want.bytes);
		}
}

void judge_end(struct run *r, const struct counters *before, const struct counters *after)
{
	const struct end_count *want = &r->step->end;
	const struct wm_end_counters *was = find_end(&before->mesh[0], want->overlay);
	const struct wm_end_counters *is = find_end(&after->mesh[0], want->overlay);

	bool one = in_one(r->step);

	if (!want->overlay)
		return;
	if (is->to.packets - was->to.packets != (one ? !!want->to : want->to))
		wrong_count(r, "packets to the end", is->to.packets - was->to.packets, want->to);
	if (is->from.packets - was->from.packets != (one ? !!want->from : want->from))
		wrong_count(r, "packets from the end", is->from.packets - was->from.packets, want->from);
	if (is->drops - was->drops != (one ? !!want->drops : want->drops))
		wrong_count(r, "drops of the end", is->drops - was->drops, want->drops);
	if (want->from && !is->last_seen && !(plane_mode() & NFT))
		wrong_count(r, "the end's last_seen", 0, 1);
}

/* The markers to and from hosts of mesh 0 are plain. */
void judge_way(struct run *r, const struct counters *before, const struct counters *after)
{
	unsigned int times = r->step->times ? r->step->times : 1;
	uint64_t want = r->step->way == AROUND ? times : 0;

	if (r->step->way == ANY_WAY || plane_mode() != NFT_FAST)
		return;
	want += markers_of(0, WM_REASON_TO_LAN) + markers_of(0, WM_REASON_TO_MESH);
	if (after->around - before->around != want)
		wrong_count(r, "packets around the stack, with the markers,", after->around - before->around, want);
}
