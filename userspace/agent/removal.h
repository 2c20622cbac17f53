/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The mass removal that waits for the operator and the series of removals
 * before it (core/removal.h), in this gateway's state directory, so that they
 * and the confirmation outlive restarts.
 */
#pragma once

#include "agent/gateway.h"

/* What is on disk; none: fine. A damaged file is none: it will be asked for again. */
void wm_gateway_removal_load(struct wm_gateway *g);

/* Whether a config that is valid otherwise may go into force: true, or it waits from now on and g->waits says so. It removes
 * so many of those that are known, and has `left` objects. */
bool wm_gateway_may_remove(struct wm_gateway *g, const struct wm_mesh *mesh, size_t removed, size_t known, size_t left);

/* The config that was asked about last is in force. */
void wm_gateway_removal_accepted(struct wm_gateway *g);

/* Nothing waits any more: the registry has taken it back. */
void wm_gateway_removal_done(struct wm_gateway *g);

/* The operator means it. 0: the generation goes into force when the registry says it again; -ENOENT, -ESTALE: that one
 * does not wait; -errno: it cannot be kept. */
int wm_gateway_confirm(struct wm_gateway *g, uint64_t generation, struct wm_error *err);
