/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Isolated ends answer, and do not initiate: an account of its own of who may
 * answer whom, by what docs/dataplane.md says, without tables that fill up.
 * What it would let pass is the most that a data plane may.
 */
#pragma once

#include "packets/expect.h"

void isolation_reset(void);
void isolation_clock(uint64_t ms); /* before each packet: what time it is; never goes back */

/* One came in that no filter dropped, though the stack may have, later. */
void isolation_let_in(enum place at, const uint8_t *ip, size_t len);
/* A packet of the mesh has come out. The rule that it breaks, or NULL. */
const char *isolation_saw(const struct seen *s);

/* How long ago the flow was last asked for to which this packet from an isolated end belongs (or the one that it quotes
 * as an ICMP error), if that flow is alive; else UINT64_MAX. ms */
uint64_t isolation_age(enum place at, const uint8_t *ip, size_t len);
