/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/cost.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bench/programs.h"
#include "bench/place.h"
#include "bench/rival.h"
#include "bench/world.h"
#include "core/util.h"
#include "kernel/bpf_priv.h"

#define REPEAT 100000	   /* runs of a program in a round, at least */
#define FLOWS_AT_ONCE 4000 /* wait for an answer */
#define ISOLATED_MAX 10000 /* isolated ends have 24 kB each for their flows */
#define SHIELD_MAX 65000   /* exact up to a /16 */

static const struct program {
	enum wm_bpf_prog prog;
	enum wire_way way;
	bool isolated, egress;
	int want; /* what it returns */
	const char *name, *title;
	uint32_t hosts_max;
	uint32_t mark; /* the low byte, at egress */
} programs[] = {
	{ WM_BPF_LAN_IN, WIRE_TO_WG, false, false, TC_ACT_REDIRECT, "lan_in", "LAN ingress, to the mesh", 0 },
	{ WM_BPF_WG_OUT, WIRE_TO_WG, false, true, TC_ACT_UNSPEC, "wg_out", "wg egress, translated already", 0,
	  WM_MARK_DONE },
	{ WM_BPF_WG_OUT, WIRE_TO_WG, false, true, TC_ACT_UNSPEC, "wg_out_stack", "wg egress, through the stack", 0 },
	{ WM_BPF_WG_IN, WIRE_TO_LAN, false, false, TC_ACT_REDIRECT, "wg_in", "wg ingress, to a host", 0 },
	{ WM_BPF_XDP, WIRE_FLOOD, false, false, XDP_DROP, "shield", "the XDP shield, unregistered", SHIELD_MAX },
	{ WM_BPF_WG_IN, WIRE_TO_LAN, true, false, TC_ACT_REDIRECT, "wg_in_isolated", "wg ingress, to an isolated host",
	  ISOLATED_MAX },
	{ WM_BPF_LAN_IN, WIRE_TO_WG, true, false, TC_ACT_REDIRECT, "lan_in_isolated",
	  "LAN ingress, an isolated host's answer", ISOLATED_MAX },
};

/* wm's programs as test runs need them, on maps in force. */
struct bed {
	struct rig rig;
	struct wm_bpf_set live, set;
};

static const struct program *find_program(enum wm_bpf_prog prog, bool isolated)
{
	size_t i = 0;

	while (programs[i].prog != prog || programs[i].isolated != isolated)
		i++;
	return &programs[i];
}

/* --- the bed ------------------------------------------------------------------------------- */

/* Test runs put an Ethernet header before every packet. */
static int load(struct bed *bed, struct wm_error *err)
{
	struct wm_params params;
	bool share[WM_BPF_MAPS];
	int rc = wm_bpf_set_open(&bed->rig.inst, &bed->live, err);

	if (rc < 0)
		return rc;
	params = bed->live.meta.params;
	params.wg_l2_len = ETH_HLEN;
	memset(share, true, sizeof(share));
	return wm_bpf_load(&params, &bed->live, share, bed->live.size, &bed->set, err);
}

static int bed_open(struct bed *bed, uint32_t hosts, bool isolated, struct wm_error *err)
{
	struct wire_world world;

	wm_bpf_set_init(&bed->live);
	wm_bpf_set_init(&bed->set);
	world_make(&world, hosts);
	int rc = rig_open(&bed->rig, &world, err);
	if (rc < 0)
		return rc;
	rc = place_enter(bed->rig.gateway_ns, err);
	if (rc == 0)
		rc = plane_apply(&bed->rig, 0, isolated ? SCOPE_ISOLATED : SCOPE_SITE, err);
	return rc < 0 ? rc : load(bed, err);
}

static void bed_close(struct bed *bed)
{
	struct wm_error left;

	wm_bpf_set_close(&bed->set);
	wm_bpf_set_close(&bed->live);
	rig_close(&bed->rig);
	place_leave(0, &left);
}

/* --- runs ---------------------------------------------------------------------------------- */

/* Average of so many runs, each for another host. */
static int run_tc(struct bed *bed, const struct program *p, int prog, uint32_t repeat, uint32_t *ret_ns, int *ret_got)
{
	static const uint8_t gateway[] = WIRE_MAC_GATEWAY;
	struct bench *b = bed->rig.progs;
	uint8_t frame[ETH_HLEN + sizeof(struct wire_packet)] = { [12] = ETH_P_IP >> 8 };
	uint32_t wg = bed->rig.wg_ifindex, lan = bed->rig.lan_ifindex, zero = 0;
	struct __sk_buff skb = { .ifindex = p->way == WIRE_TO_WG && !p->egress ? lan : wg,
				 .ingress_ifindex = p->egress ? lan : 0 };
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &skb,
			    .ctx_size_in = sizeof(skb), .repeat = (int)repeat);

	memcpy(frame, gateway, sizeof(gateway));
	b->bss->drive_mark = p->egress ? bed->rig.inst.fwmark | p->mark : 0;
	int rc = bpf_map_update_elem(bpf_map__fd(b->maps.target), &zero, &prog, BPF_ANY);
	if (rc == 0)
		rc = bpf_prog_test_run_opts(bpf_program__fd(b->progs.bench_drive), &opts);
	*ret_ns = opts.duration;
	*ret_got = (int)opts.retval;
	return rc;
}

static int run_xdp(struct bed *bed, int prog, uint32_t repeat, uint32_t *ret_ns, int *ret_got)
{
	static const uint8_t gateway[] = WIRE_MAC_GATEWAY;
	struct bench *b = bed->rig.progs;
	uint8_t frame[ETH_HLEN + sizeof(struct wire_packet)] = { [12] = ETH_P_IP >> 8 };
	struct xdp_md at = { .data_end = sizeof(frame), .ingress_ifindex = bed->rig.lan_ifindex };
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &at,
			    .ctx_size_in = sizeof(at), .repeat = (int)repeat);
	uint32_t zero = 0;

	memcpy(frame, gateway, sizeof(gateway));
	int rc = bpf_map_update_elem(bpf_map__fd(b->maps.target_xdp), &zero, &prog, BPF_ANY);
	if (rc == 0)
		rc = bpf_prog_test_run_opts(bpf_program__fd(b->progs.bench_drive_xdp), &opts);
	*ret_ns = opts.duration;
	*ret_got = (int)opts.retval;
	return rc;
}

/* The program, or an empty one in its place. */
static int run(struct bed *bed, const struct program *p, bool empty, uint32_t repeat, uint32_t *ret_ns,
	       struct wm_error *err)
{
	struct bench *b = bed->rig.progs;
	bool xdp = p->prog == WM_BPF_XDP;
	int prog = bed->set.prog[p->prog], got, rc;

	if (empty)
		prog = bpf_program__fd(xdp ? b->progs.bench_xdp_drop : b->progs.bench_empty);
	b->bss->order = bed->rig.order;
	b->bss->order.way = p->way;
	rc = xdp ? run_xdp(bed, prog, repeat, ret_ns, &got) : run_tc(bed, p, prog, repeat, ret_ns, &got);
	bed->rig.order.next += repeat;
	if (rc < 0)
		return wm_fail(err, -rc, "%s: cannot run it: %s", p->name, strerror(-rc));
	if (!empty && got != p->want)
		return wm_fail(err, EBADMSG, "%s: it returns %d, not %d", p->name, got, p->want);
	return 0;
}

/* Each host has been heard, and each flow asked, answered and asked on. */
static int prepare(struct bed *bed, bool isolated, struct wm_error *err)
{
	const struct program *in = find_program(WM_BPF_WG_IN, isolated),
			     *answer = find_program(WM_BPF_LAN_IN, isolated);
	const struct program *turns[] = { in, answer, in };
	uint32_t left = bed->rig.world.hosts * (isolated ? bed->rig.world.peers : 1), n, ns;
	int rc = 0;

	bed->rig.order.next = 0;
	for (; left && rc == 0; left -= n) {
		uint32_t first = bed->rig.order.next;

		n = WM_MIN(left, (uint32_t)FLOWS_AT_ONCE);
		for (size_t i = 0; i < WM_ARRAY_LEN(turns) && rc == 0; i++) {
			bed->rig.order.next = first;
			rc = run(bed, turns[i], false, n, &ns, err);
		}
	}
	return rc;
}

static int measure_program(struct bed *bed, const struct program *p, uint32_t rounds, struct costs *ret,
			   struct wm_error *err)
{
	WM_AUTO_FREE double *net = calloc(rounds, sizeof(*net)), *harness = calloc(rounds, sizeof(*harness));
	int rc = net && harness ? 0 : wm_fail(err, ENOMEM, "no memory");

	for (uint32_t i = 0; i < rounds && rc == 0; i++) {
		uint32_t empty_ns = 0, ns = 0;

		rc = p->prog == WM_BPF_WG_IN ? prepare(bed, p->isolated, err) : 0;
		if (rc == 0)
			rc = run(bed, p, true, REPEAT, &empty_ns, err);
		if (rc == 0)
			rc = run(bed, p, false, REPEAT, &ns, err);
		net[i] = (double)ns - empty_ns;
		harness[i] = empty_ns;
	}
	if (rc == 0 && ret->n < COSTS_MAX)
		ret->cost[ret->n++] = (struct cost){ p->name, p->title, bed->rig.world.hosts, spread_of(net, rounds),
						     spread_of(harness, rounds).median };
	return rc;
}

static int measure_bed(uint32_t hosts, bool isolated, uint32_t rounds, struct costs *ret, struct wm_error *err)
{
	struct bed bed;
	int rc = bed_open(&bed, hosts, isolated, err);

	if (rc == 0)
		rc = prepare(&bed, isolated, err);
	for (size_t i = 0; i < WM_ARRAY_LEN(programs) && rc == 0; i++)
		if (programs[i].isolated == isolated && (!programs[i].hosts_max || hosts <= programs[i].hosts_max))
			rc = measure_program(&bed, &programs[i], rounds, ret, err);
	bed_close(&bed);
	return rc < 0 ? wm_fail_in(err, rc, "%u hosts", hosts) : 0;
}

int cost_measure(uint32_t hosts, uint32_t rounds, struct costs *ret, struct wm_error *err)
{
	int rc = measure_bed(hosts, false, rounds, ret, err);

	return rc < 0 || hosts > ISOLATED_MAX ? rc : measure_bed(hosts, true, rounds, ret, err);
}
