/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A gateway under measurement and its surroundings:
 *
 *   this process               the gateway's namespace              far namespace
 *   TUN fd, writing      -->  wg0 (L3, as a wg device)
 *   reading, verifying   <--  wg0
 *                             lan0  --------- veth ----------  far0  generator (XDP live frames)
 *                                                              far0  XDP program that verifies
 *
 * The gateway's work is done by the NAPI threads of wg0 and lan0, the far end's
 * by that of far0. All are on one processor with whoever sends, and take turns:
 * were the far end elsewhere, waking it would be the gateway's work too.
 */
#pragma once

#include "bench/napi.h"
#include "bench/wire.h"
#include "core/error.h"
#include "core/instance.h"
#include "core/plan.h"
#include "kernel/dataplane.h"

#define RIG_WG "wg0"
#define RIG_LAN "lan0"
#define RIG_FAR "far0"
#define RIG_WG_MTU 1420
#define RIG_BURST 240 /* a veth has room for 256, of which 15 may not be free yet; and one run of live frames */
#define RIG_CPU 0

struct bench;
struct rig;
struct wm_nl;

/* What a gateway stands between. */
struct rig_shape {
	int (*gateway)(struct rig *rig, struct wm_error *err); /* in its namespace: makes wg0 and lan0 */
	int (*far)(struct rig *rig, struct wm_error *err);     /* in the far one, when the programs are loaded */
};

/* Of a rig for streams (bulk.h): the other side of its devices. -1: there is none. */
struct rig_ends {
	int away_ns, away, lan, far; /* but for the first, TUN and TAPs */
};

struct rig {
	int gateway_ns, far_ns, tun;
	uint32_t wg_ifindex, lan_ifindex, far_ifindex;
	struct wire_world world;
	struct wire_order order;
	struct bench *progs;
	uint64_t *got;	/* by host: what came out right */
	uint64_t *want; /* by host: what was sent */
	struct napi wg, lan, far;
	struct rig_ends ends;

	const struct wm_dataplane *plane; /* wm's own back end, when it is in force here */
	struct wm_instance inst;
	struct wm_plan plan;
};

/* Everything but what the gateway does with packets. Leaves the process outside. */
int rig_open(struct rig *rig, const struct wire_world *world, struct wm_error *err);
int rig_open_as(struct rig *rig, const struct wire_world *world, const struct rig_shape *shape, struct wm_error *err);
void rig_close(struct rig *rig);

/* For a shape. A TUN or TAP without packet information; flags as IFF_TUN. Its fd, not blocking, or -errno.
 * Then, in the gateway's namespace and with both devices there: addresses, and threads on a processor. */
int rig_tun(const char *name, unsigned int flags, struct wm_error *err);
int rig_gateway(struct rig *rig, struct wm_error *err);

/* What gets into the tunnel is verified at once, by a program on the TUN, within the gateway's time: where it is to be
 * known when a packet came. Else it waits in the TUN's queue for load_send, which verifies it. */
int rig_verify_at_once(struct rig *rig, struct wm_error *err);

/* In the gateway's namespace: addresses, routes, neighbours and forwarding, as for a rival that uses the stack. */
int rig_route(struct rig *rig, struct wm_error *err);
int rig_route_to(struct wm_nl *nl, struct wm_prefix to, uint32_t ifindex, wm_ip4 via, struct wm_error *err);
int rig_neighbours(struct rig *rig, struct wm_error *err);

/* A program at ingress, where wm's own would hang: 0 or -errno. */
int rig_attach(uint32_t ifindex, int prog);
/* One packet's way through, or nothing at all: programs of bench.bpf.c by name, at tc ingress or XDP. */
int rig_tc(struct rig *rig, const char *ifname, const char *program, struct wm_error *err);
int rig_xdp(struct rig *rig, const char *ifname, const char *program, struct wm_error *err);
