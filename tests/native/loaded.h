/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The same programs in the kernel, beside those of this process: every packet
 * that a program here is run on goes through BPF_PROG_TEST_RUN too, and both
 * must do the same. Needs root and a network namespace with loaded_devices().
 */
#pragma once

#include "native/world.h"

/* Makes devices that prog_run takes for those of the rig; false after saying what failed. */
bool loaded_devices(void);

/* From here on planes are loaded into the kernel as well (plane_hooks), and programs run twice (world.run). */
void loaded_start(void);

/* What prog_run cannot do: checksums left to a device and packets for several, tags beside the packet, more than a
 * page. Then the kernel's maps would not see what happened, so a row with such a packet is not for it. */
bool loaded_is_faithful(const struct row *row);

/* How often the two have done the same, and not, since the last call; differences have been said. */
unsigned int loaded_same(void);
unsigned int loaded_different(void);
