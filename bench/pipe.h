/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A wire between two TUN or TAP devices: what comes out of one goes into the
 * other as it is, with its virtio_net_hdr, so super-packets stay whole and
 * checksums that are still to be made stay so. On the way it is verified, and
 * a LAN's hosts, which are one machine here, get MAC addresses of their own.
 */
#pragma once

#include <stdint.h>

#include "bench/wire.h"
#include "core/error.h"

#define PIPE_FAR_MAC                                                                                                   \
	{                                                                                                              \
		2, 2, 0, 0, 0, 1                                                                                       \
	}

enum pipe_kind {
	PIPE_INTO_WG,
	PIPE_OUT_OF_WG,	 /* must be from a host to the mesh */
	PIPE_INTO_LAN,	 /* gets the MAC address of the host that sends it */
	PIPE_OUT_OF_LAN, /* must be for a host, and have its MAC address */
};

struct pipe {
	enum pipe_kind kind;
	int from, to;
	const struct wire_world *world;
	uint64_t packets, bytes; /* of those that carry data; with their headers */
	uint64_t faults[8];	 /* by enum wire_fault */
};

/* Moves so many at most. How many, or -errno. */
int pipe_move(struct pipe *p, unsigned int most, struct wm_error *err);
