/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A changed plan is in force with the next packet; and two meshes on one machine.
 */
#include <string.h>

#include "packets/plane.h"
#include "packets/shapes.h"

#define NEW_L IP(192, 168, 1, 254) /* of a machine that the rig knows */

static void isolate_ann(struct wm_plan *plan)
{
	plan_find(plan, ANN)->access = WM_ACCESS_ISOLATED;
}

static void free_ann(struct wm_plan *plan)
{
	plan_find(plan, ANN)->access = WM_ACCESS_FULL;
}

static void free_iso(struct wm_plan *plan)
{
	plan_find(plan, ISO)->access = WM_ACCESS_FULL;
}

static void drop_bob(struct wm_plan *plan)
{
	plan_drop(plan, BOB);
}

static void readdress_bob(struct wm_plan *plan)
{
	plan_find(plan, BOB)->local = NEW_L;
}

static void move_bob(struct wm_plan *plan)
{
	struct wm_end *bob = plan_find(plan, BOB);

	bob->local = MARK1_L + 1;
	bob->lan = LAN1 - LAN0;
}

static void swap_ann_and_bob(struct wm_plan *plan)
{
	plan_find(plan, ANN)->local = BOB_L;
	plan_find(plan, BOB)->local = ANN_L;
}

static void bind_bob(struct wm_plan *plan)
{
	struct wm_end *bob = plan_find(plan, BOB);

	bob->has_mac = true;
	memset(bob->mac.byte, 0x22, sizeof(bob->mac.byte));
}

/* Another machine gets the overlay address of an isolated one. */
static void replace_iso(struct wm_plan *plan)
{
	struct wm_end other = *plan_find(plan, ISO);

	plan_drop(plan, ISO);
	strcpy(other.name, "other");
	plan_add(plan, other);
}

static void register_stranger(struct wm_plan *plan)
{
	plan_add(plan, (struct wm_end){ .overlay = NOBODY, .local = STRANGER_L, .access = WM_ACCESS_FULL, .name = "new" });
}

static void become_hub(struct wm_plan *plan)
{
	plan->hub = true;
	plan_add(plan, (struct wm_end){ .overlay = ROAM, .kind = WM_END_DEVICE, .access = WM_ACCESS_FULL, .name = "roam" });
}

static void change_nothing(struct wm_plan *plan)
{
	(void)plan;
}

#define TO_ANN { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53) }, TO_LAN(LAN0, ANN_L) }

static const struct row rows[] = {
	{ "a host becomes isolated, and standard again", 0,
	  { { .change = isolate_ann, .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, ROW) }, DROPPED(ISOLATED) },
	    { .at = WG, .pkt = { UDP(FAR, ROW, ANN, 5000) }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, ROW) }, TO_WG(ANN) },
	    { .change = free_ann, .at = LAN0, .pkt = { UDP(ANN_L, 5001, FAR, ROW) }, TO_WG(ANN) } } },
	{ "an isolated host becomes standard", 0,
	  { { .at = LAN0, .pkt = { UDP(ISO_L, 5000, FAR, ROW) }, DROPPED(ISOLATED) },
	    { .change = free_iso, .at = LAN0, .pkt = { UDP(ISO_L, 5000, FAR, ROW) }, TO_WG(ISO) } } },
	{ "a host is removed", 0,
	  { { .change = drop_bob, .at = WG, .pkt = { UDP(FAR, 5000, BOB, 53) }, DROPPED(NO_HOST) },
	    { .at = LAN0, .pkt = { UDP(BOB_L, 53, FAR, 5000) }, DROPPED(UNREGISTERED) }, TO_ANN } },
	{ "a machine is registered", 0,
	  { { .at = LAN0, .pkt = { UDP(STRANGER_L, 53, FAR, 5000) }, DROPPED(UNREGISTERED) },
	    { .change = register_stranger, .at = LAN0, .pkt = { UDP(STRANGER_L, 53, FAR, 5000) }, TO_WG(NOBODY) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, NOBODY, 53) }, TO_LAN(LAN0, STRANGER_L) } } },
	{ "a host's LAN address changes", 0,
	  { { .at = LAN0, .pkt = { UDP(BOB_L, 53, FAR, 5000) }, TO_WG(BOB) },
	    { .change = readdress_bob, .at = WG, .pkt = { UDP(FAR, 5000, BOB, 53) },
	      .out = { { .at = LAN0, .dst = NEW_L } }, COUNTED(TO_LAN) },
	    { .at = LAN0, .pkt = { UDP(NEW_L, 53, FAR, 5000) }, TO_WG(BOB) },
	    { .at = LAN0, .pkt = { UDP(BOB_L, 53, FAR, 5000) }, DROPPED(UNREGISTERED) } } },
	{ "a host moves to another LAN", 0,
	  { { .change = move_bob, .at = LAN1, .pkt = { UDP(MARK1_L + 1, 53, FAR, 5000) }, TO_WG(BOB) },
	    { .at = LAN0, .pkt = { UDP(BOB_L, 53, FAR, 5000) }, DROPPED(UNREGISTERED) } } },
	{ "two hosts swap their LAN addresses", 0,
	  { { .at = LAN0, .pkt = { UDP(BOB_L, 53, FAR, 5000) }, TO_WG(BOB) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000) }, TO_WG(ANN) },
	    { .change = swap_ann_and_bob, .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53) }, TO_LAN(LAN0, BOB_L) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, BOB, 53) }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { UDP(BOB_L, 53, FAR, 5000) }, TO_WG(ANN) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000) }, TO_WG(BOB) } } },
	{ "a MAC is registered", 0,
	  { { .at = LAN0, .pkt = { UDP(BOB_L, 53, FAR, 5000) }, TO_WG(BOB) },
	    { .change = bind_bob, .at = LAN0, .pkt = { UDP(BOB_L, 53, FAR, 5000) }, DROPPED(UNREGISTERED) } } },
	{ "a known flow is not inherited with an address", 0,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 161) }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 161, FAR, ROW) }, TO_WG(ISO) },
	    { .change = replace_iso, .at = LAN0, .pkt = { UDP(ISO_L, 161, FAR, ROW) }, DROPPED(ISOLATED) } } },
	{ "an established connection is not inherited with an address", 0,
	  { { .at = WG, .pkt = { TCP(FAR, ROW, ISO, 161), .flags = SYN }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { TCP(ISO_L, 161, FAR, ROW), .flags = SYN | ACK }, TO_WG(ISO) },
	    { .at = WG, .pkt = { TCP(FAR, ROW, ISO, 161) }, TO_LAN(LAN0, ISO_L) },
	    { .change = replace_iso, .at = LAN0, .pkt = { TCP(ISO_L, 161, FAR, ROW) }, DROPPED(ISOLATED) } } },
	{ "nor is a question without an answer", 0,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 162) }, TO_LAN(LAN0, ISO_L) },
	    { .change = replace_iso, .at = LAN0, .pkt = { UDP(ISO_L, 162, FAR, ROW) }, DROPPED(ISOLATED) } } },
	{ "nor the way for fragments of an answer", 0,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 163) }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 163, FAR, ROW), .len = 100, .id = 0x7077, SLICE(0, 64) }, TO_WG(ISO) },
	    { .change = replace_iso, .at = LAN0, .pkt = { UDP(ISO_L, 163, FAR, ROW), .len = 100, .id = 0x7077, SLICE(64, 44) },
	      DROPPED(ISOLATED) } } },
	{ "a known flow outlives changes around it", 0,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 161) }, TO_LAN(LAN0, ISO_L) },
	    { .change = isolate_ann, .at = LAN0, .pkt = { UDP(ISO_L, 161, FAR, ROW) }, TO_WG(ISO) },
	    { .change = drop_bob, .at = LAN0, .pkt = { UDP(ISO_L, 161, FAR, ROW) }, TO_WG(ISO) },
	    { .change = become_hub, .at = LAN0, .pkt = { UDP(ISO_L, 161, FAR, ROW) }, TO_WG(ISO) } } },
	{ "the same plan once more", 0, { { .change = change_nothing, .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53) },
	      TO_LAN(LAN0, ANN_L) } } },
	{ "a spoke becomes the hub", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, FAR2, 53) }, DROPPED(NOT_RELAY) },
	    { .change = become_hub, .at = WG, .pkt = { UDP(FAR, 5000, FAR2, 53) }, RELAYED },
	    { .at = WG, .pkt = { UDP(ROAM, 5000, ANN, 53) }, TO_LAN(LAN0, ANN_L) } } },
};

/* The first mesh is 172.30.0.0/16 behind wg, the second 10.50.0.0/16 behind wg2. */
#define COUNTED_THERE(reason) .count = { { OTHER_MESH | WM_REASON_##reason, 1 } }
#define TO_LAN_THERE(local) .out = { { .at = LAN0, .dst = (local) } }, COUNTED_THERE(TO_LAN)
#define TO_WG_THERE(overlay) .out = { { .at = WG2, .src = (overlay) } }, COUNTED_THERE(TO_MESH)

static const struct row pair_rows[] = {
	{ "one host in both, to both", 0,
	  { { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, 5000), .len = 9 }, TO_WG(ANN) },
	    { .at = LAN0, .pkt = { TCP(ANN_L, 80, FARX, 5000), .len = 9 }, TO_WG_THERE(ANNX) } } },
	{ "one host in both, from both", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 5000, ANN, 80), .len = 9 }, TO_LAN(LAN0, ANN_L) },
	    { .at = WG2, .pkt = { TCP(FARX, 5000, ANNX, 80), .len = 9 }, TO_LAN_THERE(ANN_L) } } },
	{ "a host of the second only", 0,
	  { { .at = LAN0, .pkt = { UDP(ONLYX_L, 80, FARX, 5000) }, TO_WG_THERE(ONLYX) },
	    { .at = LAN0, .pkt = { UDP(ONLYX_L, 80, FAR, 5000) }, DROPPED(UNREGISTERED) } } },
	{ "a host of the first only", 0,
	  { { .at = LAN0, .pkt = { UDP(BOB_L, 80, FAR, 5000) }, TO_WG(BOB) },
	    { .at = LAN0, .pkt = { UDP(BOB_L, 80, FARX, 5000) }, COUNTED_THERE(UNREGISTERED) } } },
	{ "from one mesh to the other", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANNX, 80) }, DROPPED(NO_HOST) },
	    { .at = WG, .pkt = { UDP(FARX, 5000, ANN, 80) }, DROPPED(SPOOFED) },
	    { .at = WG2, .pkt = { UDP(FAR, 5000, ANNX, 80) }, COUNTED_THERE(SPOOFED) },
	    { .at = WG2, .pkt = { UDP(FARX, 5000, FAR, 80) }, COUNTED_THERE(NO_HOST) } } },
	{ "the gateway of each", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, GW, 53) }, TO_SELF(ANN) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, GWX, 53) },
	      .out = { { .at = LOCAL, .src = ANNX, .ttl = SAME_TTL } }, COUNTED_THERE(LOCAL) },
	    { .at = LOCAL, .pkt = { UDP(GWX, 53, ANNX, 5000) },
	      .out = { { .at = LAN0, .dst = ANN_L, .ttl = SAME_TTL } }, COUNTED_THERE(TO_LAN) } } },
	{ "between hosts of the site, in each", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, BOB, 53) }, HAIRPIN(LAN0, ANN, BOB_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, ONLYX, 53) },
	      .out = { { .at = LAN0, .src = ANNX, .dst = ONLYX_L } }, COUNTED_THERE(HAIRPIN) } } },
	{ "what is not ours is neither's", 0,
	  { { .at = LAN0, .pkt = { UDP(STRANGER_L, 5000, BOX_L, 80) }, .tap = true,
	      .out = { { .at = TAP, .ttl = SAME_TTL }, { .at = BOX } } },
	    { .at = LAN0, .pkt = { .src = STRANGER_L, .ethertype = 0x86dd, .len = 60 }, UNTOUCHED } } },
};

const struct group group_change = { "a changed plan", SPOKE, rows, WM_ARRAY_LEN(rows) };
const struct group group_pair = { "two meshes", PAIR, pair_rows, WM_ARRAY_LEN(pair_rows) };
