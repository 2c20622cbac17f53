/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What can become of a packet, by name. The list itself is bpf/wm_reasons.h,
 * shared with the data plane.
 */
#pragma once

#include "wm_reasons.h"

const char *wm_reason_name(unsigned int reason); /* "to_lan"; "?" when unknown */
const char *wm_reason_help(unsigned int reason); /* one sentence for an operator */
int wm_reason_is_drop(unsigned int reason);
