/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The flow table under attack: what lives goes on, one end cannot take another's
 * share, and what finds no room is refused and counted.
 */
#include "packets/shapes.h"

/* A thousand connections through three hosts' shares of the table, each established, and then each host speaks. */
#define LIVE 334
#define LIVE_OPENED(to, place, local) \
	{ .flood = &(const struct flood){ .n = LIVE, .at = WG, .pkt = { TCP(FAR, 0, to, 600), .flags = SYN }, \
	    .answer_at = place, .answer = { TCP(local, 600, FAR, 0), .flags = SYN | ACK }, \
	    .reason = WM_REASON_TO_MESH, .other = WM_REASON_FLOW_FULL } }
#define LIVE_ACKED(to) \
	{ .flood = &(const struct flood){ .n = LIVE, .at = WG, .pkt = { TCP(FAR, 0, to, 600) }, \
	    .reason = WM_REASON_TO_LAN, .other = WM_REASON_ISOLATED } }
#define LIVE_SPEAKS(place, local) \
	{ .flood = &(const struct flood){ .n = LIVE, .answers = true, .at = place, .pkt = { TCP(local, 600, FAR, 0) }, \
	    .reason = WM_REASON_TO_MESH, .other = WM_REASON_ISOLATED } }

/* Each from another port or address. */
static const struct flood attack = {
	.n = 1000000, .at = WG, .pkt = { TCP(FAR2, 0, ISO, 601), .flags = SYN },
	.reason = WM_REASON_TO_LAN, .other = WM_REASON_ISOLATED,
};

/* Connections, too, of an end that has LIVE already: its share is 1024. */
static const struct flood taking = {
	.n = 3000, .at = WG, .pkt = { TCP(FAR2, 0, ISO2, 777), .flags = SYN },
	.answer_at = LAN0, .answer = { TCP(ISO2_L, 777, FAR2, 0), .flags = SYN | ACK },
	.reason = WM_REASON_TO_MESH, .other = WM_REASON_FLOW_FULL, .most = 300,
};
static const struct flood taken = {
	.n = 3000, .at = WG, .pkt = { TCP(FAR2, 0, ISO2, 777) }, .reason = WM_REASON_TO_LAN, .other = WM_REASON_ISOLATED,
};
static const struct flood refused = {
	.n = 3000, .at = WG, .pkt = { TCP(FAR2, 0, ISO2, 778), .flags = SYN },
	.answer_at = LAN0, .answer = { TCP(ISO2_L, 778, FAR2, 0), .flags = SYN | ACK },
	.reason = WM_REASON_TO_MESH, .other = WM_REASON_FLOW_FULL, .least = 3000, .most = 3000,
};

static const struct row rows[] = {
	{ "a thousand connections through isolated hosts survive a million new ones", FAST,
	  { LIVE_OPENED(ISO, LAN0, ISO_L), LIVE_ACKED(ISO), LIVE_OPENED(ISO1, LAN1, ISO1_L), LIVE_ACKED(ISO1),
	    LIVE_OPENED(ISO2, LAN0, ISO2_L), LIVE_ACKED(ISO2), { .flood = &attack }, { .flood = &taking }, { .flood = &taken },
	    { .flood = &refused },
	    LIVE_SPEAKS(LAN0, ISO_L), LIVE_SPEAKS(LAN1, ISO1_L), LIVE_SPEAKS(LAN0, ISO2_L) } },
};

const struct group group_attack = { "the flow table under attack", HUB, rows, WM_ARRAY_LEN(rows) };
