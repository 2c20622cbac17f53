/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The wg device as a network interface, its address, routes and rules, and
 * what is to be known of the LANs (rtnetlink; sysctls by /proc).
 */
#pragma once

#include "core/error.h"
#include "core/instance.h"
#include "core/plan.h"

/* Finds the LANs that the instance wishes for (or, without wishes, the one of
 * the default route). -ENODEV names the address or interface that is missing,
 * -EINVAL the one that cannot be a LAN: it is loopback, wg or no Ethernet.
 * Fills self->lans and nlans. Reads only. */
int wm_link_find_lans(const struct wm_instance *inst, struct wm_self *self, struct wm_error *err);
/* The same for who stays: what is missing may come yet, is left out, and *ret_missing says so of the first ("" if all are
 * there). */
int wm_link_find_lans_there(const struct wm_instance *inst, struct wm_self *self, struct wm_error *ret_missing,
			    struct wm_error *err);

/* Makes sure that the wg device exists (kernel WireGuard, else wireguard-go),
 * DOWN when it is made here. *ret_ifindex. Returns changes made or -errno;
 * -EEXIST when an interface of that name is not WireGuard. */
int wm_link_prepare(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t *ret_ifindex,
		    struct wm_error *err);

/* The data plane is in force: sysctls (ip_forward on; rp_filter loose on wg and
 * LANs; redirects off), MTU, address g in S, rules, device up, route O dev wg
 * src g, unreachable O behind it. Removes addresses and routes of ours on the wg
 * device that are not in the plan. Returns changes made or -errno. */
int wm_link_up(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t ifindex, struct wm_error *err);

/* The wg device goes down and away, with rules and the unreachable route. Fine
 * if nothing is there. ip_forward stays as it is: others may need it. */
int wm_link_remove(const struct wm_instance *inst, const struct wm_prefix *supernet, struct wm_error *err);

/* Has this machine the address of an endpoint, on whichever interface? */
bool wm_link_is_own(const struct wm_endpoint *ep);

/* The wg device's index; 0: there is none. up (may be NULL): administratively up. */
uint32_t wm_link_index(const char *ifname, bool *ret_up);
