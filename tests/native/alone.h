/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One program by itself: what it must do with a packet that the others would
 * not have let through (somebody has taken our filter off a device, or the ip
 * rule), or on maps that are halfway through a change, empty or garbage. These
 * no row can say, because the whole gateway stands in front of it.
 */
#pragma once

#include "native/world.h"

struct alone {
	const char *name;
	enum config config;
	enum wm_bpf_prog prog;
	enum place from;       /* ctx.ingress_ifindex; LOCAL: 0 */
	uint32_t mark;         /* MARK: ours, in the low byte what is added */
	struct pkt pkt;
	void (*spoil)(struct native_plane *plane); /* the maps, before; may be NULL */
	uint16_t protocol;     /* ctx.protocol in host order; 0: IPv4 */
	int action;
	unsigned int reason;   /* WM_REASON_COUNT: none */
	bool noted;            /* how often its drop was listed and told: */
	unsigned int listed, told;
};

extern const struct alone alone[];
extern const size_t nalone;

/* On the plane of the config, which is up. Says what was wrong. */
bool alone_run(const struct alone *a);
