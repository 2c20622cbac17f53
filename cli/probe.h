/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who answers from here: ICMP echo, many at a time, of any size. A user who may
 * not send ICMP asks by TCP instead: a refusal is an answer too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/addr.h"

struct echo {
	wm_ip4 addr;
	unsigned int size; /* of the whole IP packet; 0: a small one, which may be fragmented */
	bool answered;
	int error;         /* errno of sending, or 0 */
};

enum probe_how { PROBE_ICMP, PROBE_TCP };

/* Asks all of them, twice where nothing comes; about two seconds for every 256. */
enum probe_how probe_echo(struct echo *echo, size_t n);

/* The MTU that the kernel knows for the way to addr; 0: there is no way. */
unsigned int probe_route_mtu(wm_ip4 addr);

/* The largest packet that gets to a machine that answers. `said`: the network says so
 * itself (what is too large is answered by an ICMP error); else larger ones vanish. */
struct path {
	wm_ip4 addr;
	unsigned int mtu; /* 0: not even a small one */
	bool said;
};
void probe_paths(struct path *path, size_t n); /* with PROBE_ICMP only */

/* Sends a byte to a UDP port, which WireGuard ignores; refused: nothing listens there. */
struct knock {
	struct wm_endpoint to;
	bool refused;
};
void probe_knock(struct knock *knock, size_t n);
