/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets through a rig, a burst at a time, and what they cost its gateway.
 */
#pragma once

#include "bench/rig.h"

/* Sends so many packets and waits for each burst to come out (of a flood: for
 * the gateway to be done). *ret_ns: processor time of the gateway, of all.
 * 0, or -errno: -EBADMSG when a packet was lost or is wrong. */
int load_send(struct rig *rig, enum wire_way way, bool one, uint32_t packets, uint64_t *ret_ns, struct wm_error *err);

/* Whether each host got what was sent to or by it, and nothing else came out. 0 or -EBADMSG. */
int load_verify(const struct rig *rig, struct wm_error *err);

int load_verify_right(const struct rig *rig, struct wm_error *err); /* only whether all that came out is right */

/* Until the gateway and the far end have nothing to do. */
int load_wait(struct rig *rig, struct wm_error *err);

/* Of wm's own planes, where all that was sent was to or from hosts: whether each has counted just that. */
int load_verify_counters(const struct rig *rig, struct wm_error *err);

const char *load_fault(enum wire_fault fault); /* "a wrong TTL" */
