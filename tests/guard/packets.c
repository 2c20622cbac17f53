/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One packet each of what a gateway has most of, through the programs of bpf/
 * compiled for this machine (tests/native), for callgrind: instructions in the
 * programs, calls of helpers and maps. What these do is the kernel's and not
 * counted. An argument chooses the rows whose name contains it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard/guard.h"
#include "native/world.h"
#include "packets/plane.h"
#include "packets/rig.h"
#include "packets/shapes.h"

#define PROGRAMS 2 /* that one packet meets, at most */
#define BEFORE 4

struct sent {
	enum place at;
	struct pkt pkt;
};

struct path {
	const char *name;
	enum config config;
	unsigned int mode;
	struct sent before[BEFORE]; /* so that neighbours and flows are known; not counted */
	struct sent sent;
	/* what it must meet, and what that must say; of the others no program */
	unsigned int programs;
	struct {
		enum wm_bpf_prog prog;
		unsigned int reason; /* WM_REASON_COUNT: none */
	} met[PROGRAMS];
};

#define IS_MET(p, r) { WM_BPF_##p, WM_REASON_##r }
#define MEETS(p, r) .programs = 1, .met = { IS_MET(p, r) }
#define MEETS_BOTH(p, r, q, s) .programs = 2, .met = { IS_MET(p, r), IS_MET(q, s) }
#define ANN_SPEAKS { LAN0, { UDP(ANN_L, 53, FAR, 5000) } }
#define BOB_SPEAKS { LAN0, { UDP(BOB_L, 53, FAR, 5000) } }
#define ISO_SPEAKS { LAN0, { UDP(ISO_L, 53, FAR, 5000) } }
#define MSS_OPTION .flags = SYN, .tcpopt = { 2, 4, 0x05, 0xb4 }, .ntcpopt = 4

static const struct path paths[] = {
	{ "wg -> LAN, UDP", SPOKE, FAST, { ANN_SPEAKS }, { WG, { UDP(FAR, 5000, ANN, 53) } }, MEETS(WG_IN, TO_LAN) },
	{ "wg -> LAN, TCP", SPOKE, FAST, { ANN_SPEAKS }, { WG, { TCP(FAR, 5000, ANN, 22) } }, MEETS(WG_IN, TO_LAN) },
	{ "wg -> LAN, TCP SYN whose MSS is lowered", SPOKE, FAST, { ANN_SPEAKS }, { WG, { TCP(FAR, 5000, ANN, 22), MSS_OPTION } },
	  MEETS(WG_IN, TO_LAN) },
	{ "wg -> LAN, nothing was heard from the host", SPOKE, FAST, { { 0 } }, { WG, { UDP(FAR, 5000, ANN, 53) } },
	  MEETS(WG_IN, TO_LAN) },
	{ "wg -> LAN, through the stack", SPOKE, STACK, { ANN_SPEAKS }, { WG, { UDP(FAR, 5000, ANN, 53) } }, MEETS(WG_IN, TO_LAN) },
	{ "wg -> LAN, later fragment", SPOKE, FAST, { ANN_SPEAKS },
	  { WG, { UDP(FAR, 5000, ANN, 53), .len = 1200, SLICE(800, 408) } }, MEETS(WG_IN, TO_LAN) },
	{ "wg -> LAN, ICMP error with a quoted packet", SPOKE, FAST, { ANN_SPEAKS },
	  { WG, { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(UDP(ANN, 53, FAR, 5000))) } }, MEETS(WG_IN, TO_LAN) },
	{ "LAN -> wg, UDP", SPOKE, FAST, { ANN_SPEAKS }, { LAN0, { UDP(ANN_L, 53, FAR, 5000) } },
	  MEETS_BOTH(LAN_IN, TO_MESH, WG_OUT, COUNT) },
	{ "LAN -> wg, TCP", SPOKE, FAST, { ANN_SPEAKS }, { LAN0, { TCP(ANN_L, 22, FAR, 5000) } },
	  MEETS_BOTH(LAN_IN, TO_MESH, WG_OUT, COUNT) },
	{ "LAN -> wg, TCP SYN whose MSS is lowered", SPOKE, FAST, { ANN_SPEAKS }, { LAN0, { TCP(ANN_L, 22, FAR, 5000), MSS_OPTION } },
	  MEETS_BOTH(LAN_IN, TO_MESH, WG_OUT, COUNT) },
	{ "LAN -> wg, through the stack", SPOKE, STACK, { ANN_SPEAKS }, { LAN0, { UDP(ANN_L, 53, FAR, 5000) } },
	  MEETS_BOTH(LAN_IN, COUNT, WG_OUT, TO_MESH) },
	{ "LAN -> wg, from a bound MAC", SPOKE, FAST, { { LAN0, { UDP(BOUND_L, 53, FAR, 5000) } } },
	  { LAN0, { UDP(BOUND_L, 53, FAR, 5000) } }, MEETS_BOTH(LAN_IN, TO_MESH, WG_OUT, COUNT) },
	{ "LAN -> LAN by overlay address", SPOKE, FAST, { ANN_SPEAKS, BOB_SPEAKS }, { LAN0, { UDP(ANN_L, 53, BOB, 5000) } },
	  MEETS(LAN_IN, HAIRPIN) },
	{ "the gateway's own, to wg", SPOKE, FAST, { { 0 } }, { LOCAL, { UDP(GW, 53, FAR, 5000) } }, MEETS(WG_OUT, LOCAL) },
	{ "to the gateway, from wg", SPOKE, FAST, { { 0 } }, { WG, { UDP(FAR, 5000, GW, 53) } }, MEETS(WG_IN, LOCAL) },
	{ "wg -> wg at the hub", HUB, FAST, { { 0 } }, { WG, { UDP(FAR, 5000, FAR2, 53) } },
	  MEETS_BOTH(WG_IN, COUNT, WG_OUT, RELAY) },
	{ "wg -> wg at the hub, to a device", HUB, FAST, { { 0 } }, { WG, { UDP(FAR, 5000, ROAM, 53) } },
	  MEETS_BOTH(WG_IN, COUNT, WG_OUT, RELAY) },
	{ "to an isolated host, flow known", SPOKE, FAST, { { WG, { UDP(FAR, 5000, ISO, 53) } }, ISO_SPEAKS },
	  { WG, { UDP(FAR, 5000, ISO, 53) } }, MEETS(WG_IN, TO_LAN) },
	{ "to an isolated host, flow new", SPOKE, FAST, { ISO_SPEAKS }, { WG, { UDP(FAR, 5001, ISO, 53) } }, MEETS(WG_IN, TO_LAN) },
	{ "from an isolated host, flow known", SPOKE, FAST, { { WG, { UDP(FAR, 5000, ISO, 53) } }, ISO_SPEAKS },
	  { LAN0, { UDP(ISO_L, 53, FAR, 5000) } }, MEETS_BOTH(LAN_IN, TO_MESH, WG_OUT, COUNT) },
	{ "from an isolated host, TCP, flow known", SPOKE, FAST,
	  { { WG, { TCP(FAR, 5000, ISO, 22), .flags = SYN } }, { LAN0, { TCP(ISO_L, 22, FAR, 5000), .flags = SYN | ACK } },
	    { WG, { TCP(FAR, 5000, ISO, 22) } } },
	  { LAN0, { TCP(ISO_L, 22, FAR, 5000) } }, MEETS_BOTH(LAN_IN, TO_MESH, WG_OUT, COUNT) },
	{ "from an isolated host, no flow: dropped", SPOKE, FAST, { { LAN0, { UDP(ISO_L, 53, FAR, 6000) } } },
	  { LAN0, { UDP(ISO_L, 53, FAR, 6000) } }, MEETS(LAN_IN, ISOLATED) },
	{ "unregistered: dropped", SPOKE, FAST, { { LAN0, { UDP(STRANGER_L, 5000, FAR, 53) } } },
	  { LAN0, { UDP(STRANGER_L, 5000, FAR, 53) } }, MEETS(LAN_IN, UNREGISTERED) },
	{ "unregistered: dropped by the shield", SPOKE, FAST | SHIELD, { { LAN0, { UDP(STRANGER_L, 5000, FAR, 53) } } },
	  { LAN0, { UDP(STRANGER_L, 5000, FAR, 53) } }, MEETS(XDP, UNREGISTERED) },
	{ "registered: passed by the shield", SPOKE, STACK | SHIELD, { ANN_SPEAKS }, { LAN0, { UDP(ANN_L, 53, OUTSIDE, 5000) } },
	  MEETS_BOTH(XDP, COUNT, LAN_IN, COUNT) },
	{ "not of the mesh: left alone at the LAN", SPOKE, FAST, { { 0 } }, { LAN0, { TCP(STRANGER_L, 5000, OUTSIDE, 443) } },
	  MEETS(LAN_IN, COUNT) },
};

/* --- what the world asks the rig ------------------------------------------------------------- */

uint32_t rig_ifindex(enum place at)
{
	return 10 + (uint32_t)at;
}

int rig_wg_down(enum place at)
{
	(void)at;
	return 0;
}

/* --- a row ------------------------------------------------------------------------------------ */

static bool counting;
static unsigned int ran, wrong;
static const struct path *now;

static int run(struct native_plane *plane, enum wm_bpf_prog prog, struct skb *skb)
{
	int action;

	if (counting)
		guard_toggle();
	action = native_run(plane, prog, skb);
	if (counting)
		guard_toggle();
	return action;
}

static int run_shield(struct native_plane *plane, uint32_t ifindex, const uint8_t *frame, size_t len)
{
	int action;

	if (counting)
		guard_toggle();
	action = native_run_shield(plane, ifindex, frame, len);
	if (counting)
		guard_toggle();
	return action;
}

static void note_run(const struct program_run *met)
{
	if (!counting)
		return;
	if (ran >= now->programs || met->prog != now->met[ran].prog || met->reason != now->met[ran].reason) {
		printf("# %s: program %d said %s\n", now->name, met->prog,
		       met->reason < WM_REASON_COUNT ? wm_reason_name(met->reason) : "nothing");
		wrong++;
	}
	ran++;
}

static void send_it(const struct sent *sent)
{
	static uint8_t data[BYTES_MAX + FRAME_HEADER_MAX];
	size_t before = rig_is_lan(sent->at) ? build_frame_header(sent->at, &sent->pkt, data) : 0;
	struct virtio_net_hdr vnet = build_vnet(&sent->pkt, before);
	size_t len = before + build_packet(&sent->pkt, 1, data + before);

	world_send(sent->at, data, len, &vnet);
	seen_clear(&world.out);
}

static bool run_path(const struct path *path)
{
	plane_forget();
	if (plane_up(path->config, path->mode) < 0)
		return false;
	now = path;
	ran = wrong = 0;
	for (size_t n = 0; n < BEFORE && path->before[n].at; n++)
		send_it(&path->before[n]);
	counting = true;
	guard_begin();
	send_it(&path->sent);
	guard_end(path->name);
	counting = false;
	plane_down();
	if (ran == path->programs && !wrong)
		return true;
	printf("# %s: met %u programs instead of %u\n", path->name, ran, path->programs);
	return false;
}

int main(int argc, char **argv)
{
	bool good = true;

	world.run = run;
	world.run_shield = run_shield;
	world.ran = note_run;
	native_now = 1000u * NATIVE_HZ;
	for (size_t n = 0; n < WM_ARRAY_LEN(paths); n++)
		if (argc < 2 || strstr(paths[n].name, argv[1]))
			good &= run_path(&paths[n]);
	return good ? 0 : 1;
}
