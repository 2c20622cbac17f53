/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A gateway and its surroundings, in namespaces that end with the program:
 *
 *   load's process             the gateway's namespace                far namespace
 *   TUN fd, writing      -->  wg0 (L3, as a wg device)
 *   filter that looks    <--  wg0
 *                             lan0  --------- veth ----------  far0  generator (XDP live frames), sink
 *                             lan1  --------- veth ----------  far1  the same
 *
 * Each of the functions returns 0 or -errno. The process is in the gateway's namespace between them.
 */
#pragma once

#include <stdbool.h>

#include "core/error.h"
#include "core/instance.h"
#include "core/plan.h"
#include "hitless/proof.h"
#include "kernel/dataplane.h"

#define RIG_WG "wg0"
#define RIG_WG_MTU 1420

enum rig_way { RIG_BPF, RIG_BPF_STACK, RIG_BPF_SHIELD, RIG_NFT, RIG_WAYS };
extern const char *const rig_ways[RIG_WAYS]; /* a name for people */

struct hitless;

struct rig {
	int gateway_ns, far_ns;
	struct hitless *progs;
	struct proof_world world;
	struct proof_pair *pairs;		/* written here, read by the sinks */
	const struct proof_count *came, *came_must; /* written by the sinks */
	uint32_t wg_ifindex;
	struct wm_instance inst;
	const struct wm_dataplane *plane;
};

int rig_open(struct rig *rig, const struct proof_world *world, enum rig_way way, struct wm_error *err);
void rig_close(struct rig *rig);

/* The back end and how it works; nothing is done in the kernel. */
void rig_choose(struct rig *rig, enum rig_way way);

/* The LANs as they are now, into a plan. */
int rig_find_lans(const struct rig *rig, struct wm_plan *plan, struct wm_error *err);

/* A LAN as it was never there before: device, address, neighbours, the far end. lan: 0, 1. */
int rig_lan_make(struct rig *rig, unsigned int lan, struct wm_error *err);
int rig_lan_delete(const struct rig *rig, unsigned int lan, struct wm_error *err);

/* The tunnel's device, made or made again in the gateway's namespace: its fd. For load's process, which ends up in the
 * far namespace. */
int rig_tun_open(const struct rig *rig, struct wm_error *err);
int rig_tun_ready(struct rig *rig, struct wm_error *err); /* for the gateway's: the index of a new one */
