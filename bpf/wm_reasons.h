/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Every packet of ours ends in exactly one of these. One list: the number is
 * the index of the counter, the name is what tools print, the text is what an
 * operator reads. New ones go at the end of their kind only in a new layout
 * version (wm_shared.h), because counters survive upgrades.
 *
 *   X(NAME, name, is_drop, help)
 */
#pragma once

#define WM_REASONS(X)                                                                                     \
	X(TO_LAN, to_lan, 0, "from the mesh to a host of this site, translated")                           \
	X(TO_MESH, to_mesh, 0, "from a host of this site to the mesh, translated")                         \
	X(HAIRPIN, hairpin, 0, "between two hosts of this site by overlay address")                        \
	X(RELAY, relay, 0, "relayed from tunnel to tunnel by this hub")                                    \
	X(LOCAL, local, 0, "to or from this gateway itself")                                               \
	X(ROUTER_ERROR, router_error, 0, "ICMP error of a router on the LAN, sent on as the gateway's own") \
	X(INVALID, invalid, 1, "malformed IPv4, a source route, or a fragment inside the L4 header")       \
	X(SPOOFED, spoofed, 1, "came through a tunnel with a source that cannot be behind it")             \
	X(UNREGISTERED, unregistered, 1, "LAN machine that is not registered: wm add-host")                \
	X(ISOLATED, isolated, 1, "an isolated host or device tried to initiate")                           \
	X(NO_HOST, no_host, 1, "nobody is registered at that overlay address")                             \
	X(NOT_RELAY, not_relay, 1, "for another site, but only a hub relays")                              \
	X(UNTRANSLATED, untranslated, 1, "would have left through a tunnel without an overlay source")     \
	X(REDIRECT, redirect, 1, "ICMP redirect of the stack, never let out to a tunnel")                  \
	X(FLOW_FULL, flow_full, 1, "an isolated end has used up its share of the flow table")              \
	X(NO_NEIGHBOUR, no_neighbour, 1, "the packet could not be rewritten or handed to the LAN")

enum wm_reason {
#define WM_REASON_ENUM(NAME, name, drop, help) WM_REASON_##NAME,
	WM_REASONS(WM_REASON_ENUM)
#undef WM_REASON_ENUM
	WM_REASON_COUNT
};
