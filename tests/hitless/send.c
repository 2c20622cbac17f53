/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hitless/send.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bench/place.h"
#include "core/util.h"
#include "hitless.skel.h"

#define LOST_MS 2000   /* what has not come by then never will */
#define QUIET_MS 30    /* what may come has come by then */
#define WARM_MS 15000

#define TO_LAN_BURST 160
#define TO_WG_BURST 96 /* from each LAN; a fourth of it turns back to the LANs */
#define RELAY_BURST 32

/* The process's own. */
struct sender {
	struct rig *rig;
	struct load *load;
	struct load_shared *shared;
	int tun;
	uint32_t next[PROOF_EACH + 1][WIRE_WAYS]; /* packet of each set and way */
	uint64_t want; /* of tally.must */
};

static uint64_t now_must(const struct sender *s)
{
	return __atomic_load_n(&s->rig->progs->bss->tally.must, __ATOMIC_ACQUIRE);
}

static uint64_t now_came(const struct sender *s)
{
	return now_must(s) + __atomic_load_n(&s->rig->progs->bss->tally.may, __ATOMIC_ACQUIRE);
}

static _Noreturn void give_up(struct sender *s, const struct wm_error *err)
{
	s->shared->why = *err;
	_exit(1);
}

/* --- sending ----------------------------------------------------------------------------------- */

static void count(struct proof_count *c, uint32_t way)
{
	*(proof_from_lan(way) ? &c->from : &c->to) += 1;
}

static void note_sent(struct sender *s, const struct proof_order *o, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct wire_packet p;

		proof_who(&s->rig->world, o, o->next + i, &p);
		uint32_t way = p.way & PROOF_WAY;
		bool must = p.way & PROOF_MUST;
		if (way != WIRE_RELAY) {
			count(&s->load->sent[p.host], way);
			if (must)
				count(&s->load->sent_must[p.host], way);
		}
		if (way == PROOF_HAIRPIN) {
			s->load->sent[p.peer].to++;
			s->load->sent_must[p.peer].to += must;
		}
		s->want += must;
	}
	s->shared->sent += n;
}

/* While the device is excused, nobody may be there. */
static void send_by_tun(struct sender *s, const struct proof_order *o, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct wire_packet p;
		struct wm_error err;

		proof_build(&s->rig->world, o, o->next + i, &p);
		if (write(s->tun, &p, sizeof(p)) == sizeof(p) || o->excused & PROOF_NO_WG)
			continue;
		wm_fail(&err, errno, "cannot write to " RIG_WG ": %s", strerror(errno));
		give_up(s, &err);
	}
}

/* The program counts what it makes: where the kernel had no memory for more, it goes on from there. */
static void send_by_xdp(struct sender *s, const struct proof_order *o, unsigned int lan, uint32_t n)
{
	uint8_t frame[ETH_HLEN + sizeof(struct wire_packet)] = { 0 };
	struct xdp_md at = { .data_end = sizeof(frame), .ingress_ifindex = if_nametoindex(lan ? "far1" : "far0") };
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &at,
			    .ctx_size_in = sizeof(at), .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = PROOF_BURST);
	volatile uint32_t *next = &s->rig->progs->bss->order.next;
	struct wm_error err;
	int rc = 0;

	s->rig->progs->bss->order = *o;
	while (at.ingress_ifindex && *next - o->next < n && (rc == 0 || rc == -ENOMEM)) {
		if (rc)
			nap();
		opts.repeat = (int)(n - (*next - o->next));
		rc = bpf_prog_test_run_opts(bpf_program__fd(s->rig->progs->progs.hitless_gen), &opts);
	}
	if (rc == 0 || rc == -ENOMEM || (lan && o->excused & PROOF_NO_LAN1))
		return;
	wm_fail(&err, -rc, "cannot make frames (kernel 5.18): %s", strerror(-rc));
	give_up(s, &err);
}

static void send_some(struct sender *s, uint32_t way, uint32_t set, unsigned int lan, uint32_t n)
{
	uint32_t *next = &s->next[set][way];
	struct proof_order o = { .next = *next, .way = way, .set = set, .excused = told(&s->shared->excused) };

	note_sent(s, &o, n);
	if (way == WIRE_TO_WG)
		send_by_xdp(s, &o, lan, n);
	else
		send_by_tun(s, &o, n);
	*next += n;
}

/* Until all has come that must. */
static void wait_for_all(struct sender *s)
{
	uint64_t start = wm_monotonic_ms();

	while (now_must(s) < s->want && wm_monotonic_ms() - start < LOST_MS)
		nap();
	uint64_t come = now_must(s);
	if (come < s->want)
		s->shared->lost += s->want - come;
	s->want = come;
}

static void wait_for_quiet(struct sender *s)
{
	uint64_t before, start;

	do {
		before = now_came(s);
		start = wm_monotonic_ms();
		while (wm_monotonic_ms() - start < QUIET_MS)
			nap();
	} while (now_came(s) != before);
}

static void send_round(struct sender *s)
{
	send_some(s, WIRE_TO_LAN, PROOF_ALL, 0, TO_LAN_BURST);
	send_some(s, WIRE_TO_WG, PROOF_LAN_0, 0, TO_WG_BURST);
	send_some(s, WIRE_RELAY, PROOF_ALL, 0, RELAY_BURST);
	send_some(s, WIRE_TO_WG, PROOF_LAN_1, 1, TO_WG_BURST);
	wait_for_all(s);
	if (told(&s->shared->excused) & PROOF_NO_WG)
		nap(); /* nobody has to come: this is all the pace there is */
	__atomic_fetch_add(&s->shared->rounds, 1, __ATOMIC_RELEASE);
}

/* To or from each of a range of indexes, of one LAN. */
static void send_each(struct sender *s, uint32_t way, uint32_t from, uint32_t to)
{
	for (uint32_t n, at = from; at < to; at += n) {
		n = WM_MIN(to - at, (uint32_t)TO_WG_BURST);
		s->next[PROOF_EACH][way] = at;
		send_some(s, way, PROOF_EACH, at >= s->rig->world.lan1_from, n);
		wait_for_quiet(s);
	}
}

/* Isolated hosts answer only when all have been asked. */
static void roll_call(struct sender *s)
{
	static const uint32_t ways[] = { WIRE_TO_LAN, WIRE_TO_WG };
	const struct proof_world *w = &s->rig->world;

	for (size_t i = 0; i < WM_ARRAY_LEN(ways); i++) {
		send_each(s, ways[i], w->stable0, w->lan1_from);
		send_each(s, ways[i], w->stable1, w->all);
	}
}

/* Devices that have just been made carry only when the kernel's link watch has come by; and isolated hosts have to be
 * asked before they may answer. */
static void warm_up(struct sender *s)
{
	const struct proof_world *w = &s->rig->world;
	const struct proof_count *zero = &s->rig->came[0], *one = &s->rig->came[w->lan1_from];
	const struct proof_count was[] = { *zero, *one };
	uint64_t start = wm_monotonic_ms();

	while ((zero->to == was[0].to || zero->from == was[0].from || one->to == was[1].to || one->from == was[1].from) &&
	       wm_monotonic_ms() - start < WARM_MS) {
		for (int i = 0; i < 4; i++)
			send_each(s, i % 2 ? WIRE_TO_WG : WIRE_TO_LAN, i < 2 ? 0 : w->lan1_from,
				  i < 2 ? 1 : w->lan1_from + 1);
	}
	for (uint32_t i = 0, n = 0; i < w->all; i++) {
		if (!proof_is_isolated(w, i))
			continue;
		s->next[PROOF_EACH][WIRE_TO_LAN] = i;
		send_some(s, WIRE_TO_LAN, PROOF_EACH, 0, 1);
		if (++n % TO_WG_BURST == 0)
			wait_for_quiet(s);
	}
	wait_for_quiet(s);
}

/* --- the process ------------------------------------------------------------------------------ */

_Noreturn void send_run(struct load *load)
{
	struct sender s = { .rig = load->rig, .load = load, .shared = load->shared };
	struct wm_error err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	s.tun = rig_tun_open(s.rig, &err);
	if (s.tun < 0)
		give_up(&s, &err);
	tell(&s.shared->reopened, 1);
	for (; !told(&s.shared->stop);) {
		if (told(&s.shared->reopen) >= told(&s.shared->reopened)) {
			close(s.tun);
			s.tun = rig_tun_open(s.rig, &err);
			if (s.tun < 0)
				give_up(&s, &err);
			tell(&s.shared->reopened, told(&s.shared->reopen) + 1);
		}
		if (told(&s.shared->roll) > told(&s.shared->rolled)) {
			roll_call(&s);
			tell(&s.shared->rolled, told(&s.shared->roll));
		}
		if (told(&s.shared->hold)) {
			if (!told(&s.shared->held)) {
				wait_for_quiet(&s);
				tell(&s.shared->held, 1);
			}
			nap();
			continue;
		}
		tell(&s.shared->held, 0);
		if (!told(&s.shared->warm)) {
			warm_up(&s);
			tell(&s.shared->warm, 1);
		}
		send_round(&s);
	}
	_exit(0);
}
