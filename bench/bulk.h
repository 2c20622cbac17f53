/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Streams of TCP through a gateway, in super-packets (GSO) as a machine with
 * offloads has them:
 *
 *   away namespace                the gateway's namespace               far namespace
 *   TCP -- mesh0  <-- pipe -->  wg0                lan0  <-- pipe -->  far0 -- TCP
 *
 * wg0 is a TUN, lan0 a TAP, both by NAPI and with virtio_net_hdr; the pipes are
 * this process, and so is whoever sends and receives: both ends' TCP runs in its
 * system calls. The NAPI threads of wg0 and lan0 do the gateway's work and no
 * other; they have the processor when this process gives it to them.
 */
#pragma once

#include "bench/pipe.h"
#include "bench/rig.h"

#define BULK_STREAMS 8 /* at most at once, each with a host of its own */
#define BULK_PORT 7000

enum bulk_way { BULK_TO_LAN, BULK_TO_WG, BULK_WAYS };

struct bulk_stream {
	int away, host;		 /* its two ends; -1: not there */
	uint64_t out[BULK_WAYS]; /* bytes that were sent */
	uint64_t in[BULK_WAYS];	 /* and that came, right */
};

struct bulk {
	struct rig *rig;
	struct pipe pipes[4]; /* by enum pipe_kind */
	struct bulk_stream streams[BULK_STREAMS];
};

/* What one transfer took. */
struct bulk_sum {
	uint64_t ns;		 /* processor time of the gateway */
	uint64_t packets, bytes; /* that came out of the gateway with data, and their headers */
	uint64_t again;		 /* segments that TCP has sent twice */
};

/* The host of a stream. */
uint32_t bulk_host(const struct wire_world *w, unsigned int stream);

/* In place of rig_open, and closed by rig_close. */
int bulk_rig_open(struct rig *rig, const struct wire_world *world, struct wm_error *err);

/* Connects all streams, when the gateway is in force. bulk_close either way. */
int bulk_open(struct bulk *b, struct rig *rig, struct wm_error *err);
void bulk_close(struct bulk *b);

/* Sends so many bytes over the first n streams, and waits until all have come. -EBADMSG: not what was sent, or a packet
 * is wrong. */
int bulk_send(struct bulk *b, enum bulk_way way, unsigned int n, uint64_t bytes, struct bulk_sum *ret,
	      struct wm_error *err);
