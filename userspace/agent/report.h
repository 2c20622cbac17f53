/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the gateway tells the registry: its key and endpoint, and how it is.
 */
#pragma once

#include "agent/gateway.h"

/* Has the registry another key or endpoint of ours than it should? Only what is known here counts. */
bool wm_gateway_self_differs(const struct wm_gateway *g);

/* Sends what the registry should know next, if anything is due and g->teller is free. */
void wm_gateway_tell(struct wm_gateway *g);
void wm_gateway_told(struct wm_gateway *g, struct wm_answer *answer);
