/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What must hold whatever comes in. A broken rule is said and ends the process.
 */
#pragma once

#include <linux/virtio_net.h>

#include "native/world.h"
#include "packets/isolation.h"
#include "packets/rules.h"

/* From here on nothing has happened. */
void oracle_reset(void);

/* data as for world_send. Returns what is to be judged against; valid until the next. */
const struct sent *oracle_before(enum place at, const uint8_t *data, size_t len, const struct virtio_net_hdr *vnet);

/* What came out since, in world.out. */
void oracle_after(const struct sent *sent);

/* For world.ran and world.end. */
void oracle_ran(const struct program_run *run);
void oracle_end(const struct packet_in *in, enum fate fate);

/* Says the rule and aborts. */
_Noreturn void broken(const char *rule, const struct seen *s);
