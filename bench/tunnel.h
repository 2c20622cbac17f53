/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A gateway with a real tunnel:
 *
 *   peer's namespace                  the gateway's namespace               LAN's namespace
 *   UDP, TCP -- wg0 == WireGuard == wg0                 lan0 --- veth --- far0 -- UDP, TCP
 *                under0 --- veth --- under1
 *
 * WireGuard is the kernel's, or wireguard-go on both ends. With wireguard-go the
 * gateway's work is that of its wireguard-go and of the NAPI threads of under1
 * and lan0, all on one processor, and can be told from all other work, which is
 * on another. The kernel's WireGuard works for both ends in the same threads, so
 * there the whole machine's work is what is measured.
 */
#pragma once

#include <sys/types.h>

#include "bench/result.h"
#include "bench/rig.h"
#include "bench/world.h"

#define TUNNEL_UNDER_PEER "under0"
#define TUNNEL_UNDER_GATEWAY "under1"

#define TUNNEL_BURST 64 /* packets on their way, at most: every queue has room for them */

enum tunnel_load {
	TUNNEL_UDP_TO_LAN, /* in bursts */
	TUNNEL_UDP_TO_WG,
	TUNNEL_ONE_TO_LAN, /* one at a time: none shares what it takes to look after them; of the kernel's WireGuard only */
	TUNNEL_ONE_TO_WG,
	TUNNEL_TCP_TO_LAN,
	TUNNEL_TCP_TO_WG,
	TUNNEL_LOADS
};
#define TUNNEL_IS_TCP(load) ((load) >= TUNNEL_TCP_TO_LAN)

struct tunnel_wish {
	bool kernel;	   /* its WireGuard, not wireguard-go */
	bool instructions; /* this machine is emulated, a nanosecond an instruction */
	uint32_t hosts, rounds, packets, kilobytes;
	const char *rival; /* only the floor and those with this in their name; NULL: those that matter most */
};

/* One end's WireGuard. */
struct tunnel_wg {
	pid_t go; /* 0: the kernel's */
	struct wm_key key, public_key;
};

struct tunnel {
	struct rig rig; /* as rivals want it. Not used of it: TUN, programs, what hosts got */
	int peer_ns;
	struct tunnel_wg gateway, peer;
	struct tunnel_floor *progs;
	struct napi under_gateway, under_peer; /* of wireguard-go only, and rig.lan, rig.far */
	/* traffic */
	int udp_host, udp_peer[WORLD_PEERS], tcp_host, tcp_peer;
	uint32_t next;	 /* number of the next packet */
	uint64_t *heard; /* by host: packets that came */
};

/* Everything but what the gateway does with packets. tunnel_close either way. */
int tunnel_open(struct tunnel *t, const struct wire_world *world, bool kernel, struct wm_error *err);
void tunnel_close(struct tunnel *t);
/* One machine is all hosts: whatever MAC addresses a rival has noted become that machine's. In the gateway's namespace. */
int tunnel_neighbours(struct tunnel *t, struct wm_error *err);
/* Both ways handed over, not looked at. In the gateway's namespace. */
int tunnel_floor(struct tunnel *t, struct wm_error *err);

/* tunnel_wg.c: first both get keys; then in the namespace of each wg0 is made, for a processor if it is a process, and
 * told of the other at once: later another one answers. */
int tunnel_wg_keys(struct tunnel_wg *wg, struct wm_error *err);
int tunnel_wg_make(struct tunnel_wg *wg, bool kernel, unsigned int cpu, struct wm_error *err);
int tunnel_wg_meet(const struct tunnel_wg *self, const struct tunnel_wg *other, wm_ip4 other_addr,
		   const struct wm_prefix *behind_other, size_t n, struct wm_error *err);
void tunnel_wg_end(struct tunnel_wg *wg);
/* What a process and all its threads have run, in ns. */
uint64_t tunnel_process_ns(pid_t pid);
uint64_t tunnel_machine_ns(void); /* and all that this machine has */

/* tunnel_traffic.c: sockets; packets and bytes through the tunnel, each verified. -EBADMSG: lost or wrong. */
int tunnel_meet(struct tunnel *t, struct wm_error *err);    /* UDP, when the gateway is in force */
int tunnel_connect(struct tunnel *t, struct wm_error *err); /* and TCP */
int tunnel_udp(struct tunnel *t, enum wire_way way, uint32_t packets, uint32_t at_once, struct wm_error *err);
int tunnel_tcp(struct tunnel *t, enum wire_way way, uint64_t bytes, struct wm_error *err);
void tunnel_part(struct tunnel *t); /* closes them */

/* tunnel_run.c: all rivals, round by round. */
int tunnel_run(const struct tunnel_wish *wish, struct result *ret, struct wm_error *err);

/* tunnel_report.c */
struct machine;
int tunnel_report(FILE *f, bool json, const struct tunnel_wish *wish, const struct result *r, const struct machine *m);
