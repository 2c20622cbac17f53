/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Time for the flow table without waiting.
 */
#pragma once

#include "kernel/bpf_priv.h"

/* Flows, fragments and neighbours in these maps become so much older. 0 or -errno. */
int flows_age(const struct wm_bpf_set *set, unsigned int seconds);
