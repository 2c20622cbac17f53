/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table: all rows of all configs, in the order in which they run.
 */
#include "core/util.h"
#include "packets/packets.h"

#define GROUP(name) &group_##name,
const struct group *const groups[] = { PACKET_GROUPS(GROUP) };

const size_t ngroups = WM_ARRAY_LEN(groups);
