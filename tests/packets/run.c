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
#include "packets/run_count.h"
#include "packets/verify.h"

#define MARKER_PORT 9
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

unsigned int markers_of(unsigned int mesh, unsigned int reason)
{
	unsigned int n = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(markers); i++)
		n += is_used(&markers[i]) && markers[i].mesh == mesh && markers[i].reason == (int)reason;
	return n;
}

bool (*run_before)(const struct step *step, unsigned int number, const char *where);

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
