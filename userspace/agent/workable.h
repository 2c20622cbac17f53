/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * `wm-gateway self-test`: what wm-agent has a new release say before it is started.
 */
#pragma once

#include "core/instance.h"

/* Prints "wm-gateway <version>" and which data plane can be used: 0; or on stderr why none can, or not the one that is
 * needed here: 1. The BPF programs go through the kernel's verifier; nothing of that stays. */
int wm_workable(const struct wm_instance *inst);
