/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * "Nothing more comes" is proved by markers: known-good packets that are sent
 * behind each step's and must have come out of every place before it is judged.
 */
#include "packets/run.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "packets/describe.h"
#include "packets/plane.h"
#include "packets/rig.h"
#include "packets/verify.h"

#define MARKER_PORT 9
#define MARKER_LEN 6
#define WAIT_MS 5000

static const struct marker {
	enum place from, at;
	wm_ip4 src, dst;
	int reason; /* -1: none */
	unsigned int mesh;
	unsigned int only; /* FAST, STACK, NFT; 0: all of them */
} markers[] = {
	{ WG, LAN0, FAR, MARK0, WM_REASON_TO_LAN, 0 },	 { WG, LAN1, FAR, MARK1, WM_REASON_TO_LAN, 0 },
	{ WG, LAN2, FAR, MARK2, WM_REASON_TO_LAN, 0 },	 { LAN0, WG, MARK0_L, FAR, WM_REASON_TO_MESH, 0 },
	{ WG, LOCAL, FAR, GW, WM_REASON_LOCAL, 0 },	 { LAN0, LOCAL, STRANGER_L, GW0, -1, 0 },
	{ LOCAL, BOX, BOX_GW, BOX_L, -1, 0 },		 { LAN0, TAP, STRANGER_L, GW0, -1, 0 },
	{ LAN0, WG2, MARK0_L, FARX, WM_REASON_TO_MESH, 1 }, { WG2, LAN0, FARX, MARKX, WM_REASON_TO_LAN, 1 },
};

static bool is_used(const struct marker *m)
{
	return m->mesh < plane_meshes() && (!m->only || m->only & plane_mode());
}

/* One row on its way. */
struct run {
	const struct row *row;
	unsigned int number;
	const struct step *step;
	char where[96];
	struct seen_list all; /* of the whole row, for the pcap */
	bool good;
};

struct counters {
	struct wm_counters mesh[2];
	uint64_t around; /* the stack, of mesh 0; NFT_FAST */
};

bool (*run_before)(const struct step *step, unsigned int number, const char *where);

/* --- counters ----------------------------------------------------------------------- */

static void free_counters(struct counters *all)
{
	wm_counters_free(&all->mesh[0]);
	wm_counters_free(&all->mesh[1]);
}

#define AUTO_COUNTERS __attribute__((cleanup(free_counters)))

static int read_counters(struct counters *ret)
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
	for (size_t n = 0; n < WM_ARRAY_LEN(markers); n++) {
		if (!is_used(&markers[n]) || markers[n].mesh != mesh || markers[n].reason != (int)reason)
			continue;
		want.packets++;
		want.bytes += 20 + 8 + MARKER_LEN;
	}
	if (!known)
		want.bytes = 0;
	return want;
}

static void judge_counters(struct run *r, const struct counters *before, const struct counters *after)
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

static void judge_end(struct run *r, const struct counters *before, const struct counters *after)
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
static void judge_way(struct run *r, const struct counters *before, const struct counters *after)
{
	unsigned int times = r->step->times ? r->step->times : 1;
	uint64_t want = r->step->way == AROUND ? times : 0;

	if (r->step->way == ANY_WAY || plane_mode() != NFT_FAST)
		return;
	for (size_t n = 0; n < WM_ARRAY_LEN(markers); n++)
		want += is_used(&markers[n]) && markers[n].mesh == 0 &&
			(markers[n].reason == WM_REASON_TO_LAN || markers[n].reason == WM_REASON_TO_MESH);
	if (after->around - before->around != want)
		wrong_count(r, "packets around the stack, with the markers,", after->around - before->around, want);
}

/* --- packets ------------------------------------------------------------------------ */

static void send_one(struct run *r, enum place at, const struct pkt *p)
{
	int rc = rig_send(at, p, r->number);

	/* netfilter tells the gateway's own socket that its packet was dropped, the stack that it was too big for a LAN. */
	if ((rc == -EPERM || rc == -EMSGSIZE) && at == LOCAL && plane_mode() & NFT)
		return;
	if (rc < 0) {
		printf("# %s: cannot send from %s: %s\n", r->where, describe_place(at), strerror(-rc));
		r->good = false;
	}
}

static void send_markers(struct run *r)
{
	for (size_t n = 0; n < WM_ARRAY_LEN(markers); n++) {
		struct pkt p = {
			.proto = IPPROTO_UDP, .src = markers[n].src, .dst = markers[n].dst,
			.sport = (uint16_t)(MARKER_PORT + 1 + n), .dport = MARKER_PORT, .len = MARKER_LEN,
		};

		if (is_used(&markers[n]))
			send_one(r, markers[n].from, &p);
	}
}

static bool is_marker(const struct seen *s, size_t *ret_number)
{
	if (!s->ip || s->len < 20 + 8 + MARKER_LEN || s->data[9] != IPPROTO_UDP || get16(s->data + 22) != MARKER_PORT)
		return false;
	*ret_number = get16(s->data + 20) - (MARKER_PORT + 1u);
	return *ret_number < WM_ARRAY_LEN(markers);
}

/* TAP hears everything that LAN0 hands to the stack; only some rows ask. */
static bool is_heard(const struct run *r, const struct seen *s)
{
	return s->at != TAP || r->step->tap;
}

/* Moves what is worth a look from `fresh` to `got`; strikes markers off. */
static void sort_out(struct run *r, struct seen_list *fresh, struct seen_list *got, bool *arrived)
{
	for (size_t n = 0; n < fresh->n; n++) {
		struct seen *s = &fresh->item[n];
		size_t number;

		/* What LAN0 hands over for another place passes TAP as well. */
		if (is_marker(s, &number)) {
			arrived[number] |= s->at == markers[number].at;
			continue;
		}
		if (!is_heard(r, s))
			continue;
		*seen_add(got) = *s;
		s->data = NULL;
	}
	seen_clear(fresh);
}

static bool all_arrived(const bool *arrived)
{
	for (size_t n = 0; n < WM_ARRAY_LEN(markers); n++)
		if (is_used(&markers[n]) && !arrived[n])
			return false;
	return true;
}

static void collect(struct run *r, struct seen_list *got)
{
	bool arrived[WM_ARRAY_LEN(markers)] = { false };
	const char *slow = getenv("WM_SLOW");
	uint64_t end = wm_monotonic_ms() + WAIT_MS * (slow ? (uint64_t)atoi(slow) : 1);
	struct seen_list fresh = { 0 };
	int rc = 0;

	while (rc == 0 && !all_arrived(arrived) && wm_monotonic_ms() < end) {
		rc = rig_receive(&fresh, 50);
		sort_out(r, &fresh, got, arrived);
	}
	/* The markers may have overtaken something at another mouth. */
	if (rc == 0)
		rc = rig_receive(&fresh, 0);
	sort_out(r, &fresh, got, arrived);
	for (size_t n = 0; n < WM_ARRAY_LEN(markers); n++)
		if (is_used(&markers[n]) && !arrived[n]) {
			printf("# %s: the marker from %s to %s has not come\n", r->where, describe_place(markers[n].from),
			       describe_place(markers[n].at));
			r->good = false;
		}
	if (rc < 0) {
		printf("# %s: cannot receive: %s\n", r->where, strerror(-rc));
		r->good = false;
	}
}

/* For the pcap: a copy of a packet that came in. */
static void keep_sent(struct run *r)
{
	static uint8_t buf[BYTES_MAX];
	struct seen *s = seen_add(&r->all);

	s->at = r->step->at;
	s->len = build_packet(&r->step->pkt, r->number, buf);
	s->data = malloc(s->len + 1);
	if (!s->data)
		abort();
	memcpy(s->data, buf, s->len);
}

static void keep_seen(struct run *r, struct seen_list *got)
{
	for (size_t n = 0; n < got->n; n++)
		*seen_add(&r->all) = got->item[n];
	free(got->item);
}

static void packets_of_step(struct run *r)
{
	struct seen_list want = { 0 }, got = { 0 };
	unsigned int times = r->step->times ? r->step->times : 1;

	for (unsigned int n = 0; r->step->at && n < times; n++) {
		expect_step(r->step, r->number, &want);
		send_one(r, r->step->at, &r->step->pkt);
		keep_sent(r);
	}
	send_markers(r);
	collect(r, &got);
	if (!verify_all(&want, &got, r->where))
		r->good = false;
	keep_seen(r, &got);
	seen_clear(&want);
}

/* --- floods ------------------------------------------------------------------------- */

#define FLOOD_PORTS 40000
#define FLOOD_FIRST 20000

static void drain(void)
{
	struct seen_list all = { 0 };

	rig_receive(&all, 0);
	seen_clear(&all);
}

/* On a machine that is so much slower, big ones are a tenth as big: what they fill, they fill all the same. */
static unsigned int size_of(const struct flood *f)
{
	return getenv("WM_SLOW") && f->n > 500000 ? f->n / 10 : f->n;
}

static void send_flood(struct run *r, const struct flood *f)
{
	struct pkt p = f->pkt, answer = f->answer;

	for (unsigned int n = 0; n < size_of(f) && r->good; n++) {
		wm_ip4 *who = f->answers ? &p.dst : &p.src;
		uint16_t *port = f->answers ? &p.dport : &p.sport;

		*who = answer.dst = (f->answers ? f->pkt.dst : f->pkt.src) + n / FLOOD_PORTS;
		*port = answer.dport = (uint16_t)(FLOOD_FIRST + n % FLOOD_PORTS);
		if (f->new_ids)
			p.id = (uint16_t)(n + 1);
		send_one(r, f->at, &p);
		if (f->answer_at)
			send_one(r, f->answer_at, &answer);
		if (n % 128 == 0)
			drain();
	}
	drain();
}

static void flood_step(struct run *r)
{
	const struct flood *f = r->step->flood;
	AUTO_COUNTERS struct counters before = { 0 };
	AUTO_COUNTERS struct counters after = { 0 };

	r->good &= read_counters(&before) >= 0;
	send_flood(r, f);
	r->good &= read_counters(&after) >= 0;
	if (!r->good)
		return;
	uint64_t one = after.mesh[0].reason[f->reason].packets - before.mesh[0].reason[f->reason].packets;
	uint64_t other = after.mesh[0].reason[f->other].packets - before.mesh[0].reason[f->other].packets;
	if (one + other == size_of(f) && other >= f->least && other <= f->most)
		return;
	printf("# %s: %s rose by %llu and %s by %llu, expected %u together, the latter %u to %u\n", r->where,
	       wm_reason_name(f->reason), (unsigned long long)one, wm_reason_name(f->other), (unsigned long long)other,
	       size_of(f), f->least, f->most);
	r->good = false;
}

/* --- steps -------------------------------------------------------------------------- */

static bool prepare_step(const struct step *step)
{
	if (step->change && plane_change(step->change) < 0)
		return false;
	return !step->age_s || plane_age(step->age_s) == 0;
}

static void run_step(struct run *r)
{
	AUTO_COUNTERS struct counters before = { 0 };
	AUTO_COUNTERS struct counters after = { 0 };

	if (!prepare_step(r->step) || read_counters(&before) < 0) {
		r->good = false;
		return;
	}
	if (r->step->flood) {
		flood_step(r);
		return;
	}
	if (run_before && r->step->at)
		r->good &= run_before(r->step, r->number, r->where);
	packets_of_step(r);
	if (read_counters(&after) < 0) {
		r->good = false;
		return;
	}
	judge_counters(r, &before, &after);
	judge_end(r, &before, &after);
	judge_way(r, &before, &after);
}

static bool is_step(const struct step *step)
{
	return step->at || step->change || step->flood;
}

bool run_row(const struct row *row, unsigned int number, const char *pcap)
{
	struct run r = { .row = row, .number = number, .good = true };
	bool changed = false;

	for (unsigned int n = 0; n < STEPS && is_step(&row->step[n]) && r.good; n++) {
		r.step = &row->step[n];
		changed |= r.step->change != NULL;
		snprintf(r.where, sizeof(r.where), "step %u", n + 1);
		run_step(&r);
	}
	if (changed && plane_restore() < 0)
		r.good = false;
	if (!r.good && describe_pcap(pcap, &r.all) == 0)
		printf("# packets: %s\n", pcap);
	seen_clear(&r.all);
	return r.good;
}
