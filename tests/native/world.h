/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The gateway's machine around the programs: devices with their hooks, and as
 * much of a kernel's IP stack as packets of the tests meet. A packet goes in at
 * a place and what comes out is kept as it would be seen on a wire there, with
 * what was left to devices done.
 */
#pragma once

#include <linux/virtio_net.h>

#include "native/native.h"
#include "packets/expect.h"

/* What was left to a device, and what the world needs to know of a packet besides. */
struct packet_in {
	enum place from;   /* where it came in; LOCAL: made here */
	bool mesh;         /* the data plane has to judge it */
	unsigned int counted; /* under how many reasons it is by now */
};

/* A program has run. Called for each, when it is set. */
struct program_run {
	enum wm_bpf_prog prog;
	unsigned int mesh;
	int action;
	unsigned int reason;  /* under which it was counted; WM_REASON_COUNT: none */
	unsigned int reasons; /* how many of them rose: 0 or 1 */
	unsigned int counted; /* how often programs before this one have counted the packet */
};

/* Why a packet is no more. */
enum fate { FATE_OUT, FATE_LOCAL, FATE_DROPPED, FATE_STACK };

extern struct world {
	struct seen_list out;
	/* How a program is run on a packet; native_run unless set. */
	int (*run)(struct native_plane *plane, enum wm_bpf_prog prog, struct skb *skb);
	/* And the shield on a frame; native_run_shield unless set. */
	int (*run_shield)(struct native_plane *plane, uint32_t ifindex, const uint8_t *frame, size_t len);
	/* The programs at wg find an Ethernet header before each packet (params.wg_l2_len), as under prog_run. */
	bool wg_has_ethernet;
	/* What the gateway sends next comes from a socket that knows no MTU but the device's. */
	bool probing;
	/* May be NULL. end: a packet that came in or was made, when it is gone. */
	void (*ran)(const struct program_run *run);
	void (*end)(const struct packet_in *in, enum fate fate);
} world;

/* at: WG, WG2: an IP packet; LAN0... BOX: a frame; LOCAL: an IP packet of the gateway's own. */
void world_send(enum place at, const uint8_t *data, size_t len, const struct virtio_net_hdr *vnet);
/* Forgets fragments that wait for others. What came out stays. */
void world_reset(void);

/* --- dataplane.c: what is in force -------------------------------------------------------- */

/* NULL: that mesh is not up. */
struct native_plane *plane_of(unsigned int mesh);

/* Who else has to know: a plan was applied (have: what stood in the maps before; NULL at first), time has passed.
 * 0 or -errno. May be NULL. */
extern struct plane_hooks {
	int (*applied)(unsigned int mesh, const struct wm_params *params, const struct wm_bpf_content *have,
		       const struct wm_bpf_content *want);
	int (*aged)(unsigned int seconds);
} plane_hooks;

/* Empties all maps of all meshes. The next plane_up fills them as at first. */
void plane_forget(void);

/* --- world.c, for stack.c and lan.c ------------------------------------------------------------------ */

struct flight {
	struct skb *skb; /* owned */
	struct packet_in in;
};

void flight_end(struct flight *f, enum fate fate);    /* frees the packet */
void out_of_lan(struct flight *f, enum place at);     /* a whole frame */
void out_of_wg(struct flight *f, unsigned int mesh);  /* an IP packet, through wg egress */
void finish_sum(struct skb *skb);                     /* CHECKSUM_PARTIAL becomes a checksum */
/* Cuts a TCP packet that stands for several; calls each for every segment, which that owns. */
void cut_segments(struct flight *f, void (*each)(struct flight *segment, void *arg), void *arg);

/* Runs it, tells world.ran, and returns what it says. The shield's verdict is in the words of tc. */
int world_run_program(struct flight *f, enum wm_bpf_prog prog, unsigned int mesh);
void world_redirect(struct flight *f); /* where a program has sent it */
struct seen *world_keep(enum place at, const uint8_t *data, size_t len, bool ip); /* as seen there */

/* --- lan.c --------------------------------------------------------------------------------- */

/* A frame that comes in there, as it was on the wire. */
void lan_receive(struct flight *f, enum place at);

/* --- stack.c ------------------------------------------------------------------------------- */

/* An IP packet (its header first in the data) that the filters let through. group: not to our MAC alone. */
void stack_receive(struct flight *f, bool group);
/* One that the gateway itself has made. */
void stack_send(struct flight *f);
/* The gateway has this address. */
bool stack_is_own(wm_ip4 addr);
#define SAID_ID 1 /* the IP id of what the gateway says of itself */

/* --- reassembly.c ----------------------------------------------------------------------------- */

bool reassemble(struct flight *f); /* true when f has become whole; else it waits */
void stack_reset(void);            /* forgets what waits */
