/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What making a plan and changing one share. For plan*.c only.
 */
#pragma once

#include "core/plan.h"

/* What is being planned, and with what. */
struct planner {
	const struct wm_config *config;
	const struct wm_self *self;
	const struct wm_site *me;
	const struct wm_site *hub;
	struct wm_plan *plan;
	size_t cap_problems;
};

int wm_plan_wg(struct planner *p, struct wm_error *err); /* fills p->plan->wg */

/* Where a host of this site stands: NULL, or why it cannot. */
const char *wm_plan_place(const struct wm_self *self, const struct wm_host *h, struct wm_end *ret);
void wm_plan_device(const struct wm_device *d, struct wm_end *ret);
wm_ip4 wm_plan_host_addr(const struct wm_site *me, const struct wm_host *h); /* what its name says */
/* Devices ask here: names of hosts that have a place at this site have their overlay addresses too. */
bool wm_plan_serves_devices(const struct wm_site *me, size_t ndevices);

/* "name.domain" as one of the texts. 0 or -errno. */
int wm_plan_name(struct wm_texts *texts, const char *name, const char *domain, wm_ip4 addr, bool for_devices,
		 struct wm_dns_name *ret);

int wm_end_order(const void *a, const void *b);
int wm_dns_name_order(const void *a, const void *b);
