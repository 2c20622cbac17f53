/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What must hold whatever comes in. A broken rule is said and ends the process.
 */
#pragma once

#include <linux/virtio_net.h>

#include "native/world.h"

/* A packet as it was sent. */
struct sent {
	enum place at;
	const uint8_t *ip; /* NULL: no IPv4 behind its Ethernet header */
	size_t len;
	bool right;        /* all its checksums are, or would be when devices have done their part */
	bool quote_right;  /* and those of the packet that it quotes */
	bool mesh;         /* it is for a mesh, or came through a tunnel */
};

/* From here on nothing has happened. */
void oracle_reset(void);

/* data as for world_send. Returns what is to be judged against; valid until the next. */
const struct sent *oracle_before(enum place at, const uint8_t *data, size_t len, const struct virtio_net_hdr *vnet);

/* What came out since, in world.out. */
void oracle_after(const struct sent *sent);

/* For world.ran and world.end. */
void oracle_ran(const struct program_run *run);
void oracle_end(const struct packet_in *in, enum fate fate);

/* Who has this LAN address there, by overlay address; else the address itself. */
wm_ip4 overlay_at(enum place at, wm_ip4 addr);

/* Says the rule and aborts. */
_Noreturn void broken(const char *rule, const struct seen *s);

/* --- isolation.c: isolated ends answer, and do not initiate -------------------------------- */

void isolation_reset(void);
/* A packet has come out. */
void isolation_saw(const struct seen *s);
/* One came in that no program dropped, though the stack may have, later. */
void isolation_let_in(const struct sent *sent);
