/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A run's comparisons with the kernel: on its notices and from time to time, at
 * the pace of core/pace.h.
 */
#pragma once

#include "agent/gateway.h"
#include "core/pace.h"
#include "kernel/nl_notice.h"

struct wm_repair {
	struct wm_gateway *g;
	struct wm_notice notice;
	int epoll;
	struct wm_pace pace;
	/* monotonic ms */
	uint64_t look_at; /* then also what takes as long as there are hosts */
	uint64_t hear_at; /* until then nobody listens to notices; UINT64_MAX: they are listened to */
};

/* Enters the notices into epoll, by their descriptors. Without them it works too, only later. */
void wm_repair_open(struct wm_repair *r, struct wm_gateway *g, int epoll);
void wm_repair_close(struct wm_repair *r);

void wm_repair_on_notice(struct wm_repair *r); /* one of its descriptors is readable */
void wm_repair_on_time(struct wm_repair *r);   /* compares, if it is time */
void wm_repair_now(struct wm_repair *r);       /* compares */
void wm_repair_all(struct wm_repair *r);       /* compares everything */
void wm_repair_renew(struct wm_repair *r);     /* what is in force may be another now */
uint64_t wm_repair_next(const struct wm_repair *r); /* when on_time has something to do */
