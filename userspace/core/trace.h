/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What would become of a packet, program by program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/flows.h"
#include "core/packet.h"
#include "core/reason.h"

enum wm_trace_place { WM_TRACE_LAN, WM_TRACE_WG, WM_TRACE_SELF };

/* A packet, and where it comes in. */
struct wm_trace_in {
	uint8_t place;          /* enum wm_trace_place */
	uint32_t ifindex;       /* of the LAN; 0: the one whose subnet has the source */
	bool has_mac;
	struct wm_mac mac;      /* of the frame's sender; without: what the host is bound to, or was last heard from */
	const uint8_t *data;    /* IP */
	size_t len;
};

enum wm_trace_hook { WM_TRACE_LAN_IN, WM_TRACE_WG_IN, WM_TRACE_WG_OUT };

enum wm_trace_end {
	WM_TRACE_DROPPED,
	WM_TRACE_UNTOUCHED,    /* not for the mesh: the machine does with it as it would without us */
	WM_TRACE_ON,           /* to wg, whose egress is the next hop */
	WM_TRACE_ON_BY_STACK,  /* the same, forwarded by the kernel's stack */
	WM_TRACE_INTO_TUNNEL,
	WM_TRACE_OUT_OF_LAN,
	WM_TRACE_OUT_OF_LAN_BY_STACK,
	WM_TRACE_TO_SELF,
	WM_TRACE_ANSWERED,     /* by the stack, with an ICMP error: its last hop ends here, or it is too big */
};

/* Who has an address of this site, as the data plane knows it. */
struct wm_trace_who {
	bool known, device, isolated, has_mac, mac_fits;
	wm_ip4 overlay, local;
	uint32_t ifindex;       /* of its LAN */
	struct wm_mac mac;      /* it is bound to */
};

struct wm_trace_hop {
	uint8_t hook;           /* enum wm_trace_hook */
	uint8_t end;            /* enum wm_trace_end */
	uint8_t reason;         /* that it was counted under; WM_REASON_COUNT: none */
	uint8_t flow_before, flow_after; /* enum wm_flow_state of its flow; WM_FLOW_STATES: none */
	bool has_flow;          /* an isolated end has part in it, and it can be of a flow */
	uint32_t ifindex;       /* where it came in; 0: from this machine */
	uint32_t mark;
	struct wm_mac mac;      /* at a LAN: its sender's */
	struct wm_packet in, out;
	struct wm_trace_who from, to; /* at a LAN `from` by LAN address */
};

#define WM_TRACE_HOPS 2
struct wm_trace {
	struct wm_trace_hop hop[WM_TRACE_HOPS];
	size_t n;
	bool cut;               /* this kernel cannot run the program that follows */
	uint32_t wg_mtu;
};
