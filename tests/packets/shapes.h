/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What most rows of the cases are made of: the kinds of packets, and what
 * becomes of them.
 */
#pragma once

#include <netinet/in.h>

#include "core/util.h"
#include "packets/packets.h"


/* --- packets: source, destination -------------------------------------------------- */

#define FROM_TO(s, d) .src = (s), .dst = (d)
#define PORTED(p, s, sp, d, dp) .proto = (p), FROM_TO(s, d), .sport = (sp), .dport = (dp)
#define TCP(s, sp, d, dp) PORTED(IPPROTO_TCP, s, sp, d, dp)
#define UDP(s, sp, d, dp) PORTED(IPPROTO_UDP, s, sp, d, dp)
#define UDPLITE(s, sp, d, dp) PORTED(IPPROTO_UDPLITE, s, sp, d, dp)
#define ECHO_REQUEST(s, d, id) PORTED(IPPROTO_ICMP, s, id, d, 1), .type = 8
#define ECHO_REPLY(s, d, id) PORTED(IPPROTO_ICMP, s, id, d, 1), .type = 0
/* An ICMP error about a packet (a pointer to it), sent with all of it. */
#define ICMP_ERROR(s, d, t, c, about) .proto = IPPROTO_ICMP, FROM_TO(s, d), .type = (t), .code = (c), .quote = (about)
#define ABOUT(...) &(const struct pkt){ __VA_ARGS__ }
/* A fragment of the packet that it is written in. */
#define SLICE(at, n) .sliced = true, .slice_at = (at), .slice_len = (n)

/* --- what becomes of them ---------------------------------------------------------- */

#define COUNTED(reason) .count = { { WM_REASON_##reason, 1 } }
#define DROPPED(reason) COUNTED(reason)
/* From wg, translated, TTL one less. */
#define TO_LAN(place, local) .out = { { .at = (place), .dst = (local) } }, COUNTED(TO_LAN)
/* From a LAN, translated, TTL one less. */
#define TO_WG(overlay) .out = { { .at = WG, .src = (overlay) } }, COUNTED(TO_MESH)
#define HAIRPIN(place, overlay, local) .out = { { .at = (place), .src = (overlay), .dst = (local) } }, COUNTED(HAIRPIN)
/* To the gateway itself, from wg or (with the overlay address) from a LAN. */
#define TO_SELF(overlay) .out = { { .at = LOCAL, .src = (overlay), .ttl = SAME_TTL } }, COUNTED(LOCAL)
#define RELAYED .out = { { .at = WG } }, COUNTED(RELAY)
/* The stack gets it as it came, and nobody counts it. */
#define UNTOUCHED .tap = true, .out = { { .at = TAP, .ttl = SAME_TTL } }
