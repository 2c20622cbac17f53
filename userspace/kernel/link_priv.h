/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What link*.c share: one interface as rtnetlink tells it, and the steps of
 * bringing the wg device up. Each step compares with what is there and changes
 * only what differs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/instance.h"
#include "core/plan.h"
#include "kernel/nl.h"

/* The number by which our routes and rules are known (rtm_protocol,
 * FRA_PROTOCOL); in no list of known routing daemons. */
#define WM_ROUTE_PROTOCOL 87
/* Of the unreachable route that stands behind the one to the wg device. */
#define WM_UNREACHABLE_METRIC 4278198272u

#define WM_MARK_MASK 0xffffff00u

struct wm_link {
	uint32_t index;
	uint32_t mtu;
	bool up; /* administratively */
	char kind[16]; /* "wireguard", "tun", "veth"; "" for a NIC */
	char alias[128];
	struct wm_mac mac; /* zero: none, or not of six bytes */
	bool ethernet; /* frames with MACs; loopback has none to speak of */
	bool loopback;
};

/* 0, -ENODEV, -errno. */
int wm_link_get(struct wm_nl *nl, const char *ifname, struct wm_link *ret);
int wm_link_get_index(struct wm_nl *nl, uint32_t index, struct wm_link *ret, char *ret_ifname /* WM_IFNAME_SIZE */);

/* link_device.c. Those that change something return 0 or -errno. */
void wm_link_alias(const struct wm_instance *inst, char *ret, size_t size); /* marks a device as ours */
int wm_link_create(struct wm_nl *nl, const char *ifname); /* kind wireguard; -EOPNOTSUPP: the kernel has none */
int wm_link_set_alias(struct wm_nl *nl, uint32_t index, const char *alias);
int wm_link_set_up(struct wm_nl *nl, uint32_t index);
int wm_link_set_mtu(struct wm_nl *nl, uint32_t index, uint32_t mtu);
int wm_link_delete(struct wm_nl *nl, uint32_t index);

/* link_go.c: starts a wireguard-go that outlives us, for a device that is not
 * there; 0 once it answers on its socket. -ENOENT: there is no such program;
 * -EADDRINUSE: one of that name is there, without a device that we can see. */
int wm_link_start_go(const char *ifname, struct wm_error *err);

/* What the steps of wm_link_up work on. */
struct wm_link_up {
	const struct wm_instance *inst;
	const struct wm_plan *plan;
	uint32_t ifindex;
	struct wm_nl *nl;
	unsigned int changes; /* of sysctls; netlink counts its own */
};

/* link_sysctl.c */
int wm_link_sysctls(struct wm_link_up *up, struct wm_error *err);

/* link_addr.c: IPv4 addresses of one interface (0: of all), as they come. */
struct wm_link_addr {
	uint32_t ifindex;
	wm_ip4 addr;
	uint8_t len;
	bool secondary;
};
struct wm_link_addrs {
	struct wm_link_addr *item;
	size_t n, cap;
};
int wm_link_read_addrs(struct wm_nl *nl, uint32_t ifindex, struct wm_link_addrs *ret);
void wm_link_addrs_free(struct wm_link_addrs *addrs); /* frees what it holds */
#define WM_AUTO_LINK_ADDRS __attribute__((cleanup(wm_link_addrs_free)))

/* g with the length of S, without a route of its own, first; addresses of before go once the routes have left them. */
int wm_link_add_address(struct wm_link_up *up, struct wm_error *err);
int wm_link_sweep_addresses(struct wm_link_up *up, struct wm_error *err);

/* link_twin.c: LANs of the plan that share addresses have a routing table each,
 * which a packet's mark chooses and is the number of. 0: this LAN needs none. */
uint32_t wm_link_twin_table(const struct wm_instance *inst, const struct wm_plan *plan, unsigned int lan);
int wm_link_set_twins(struct wm_link_up *up, struct wm_error *err);   /* before the rules that lead there */
int wm_link_sweep_twins(struct wm_link_up *up, struct wm_error *err); /* after them: what nothing leads to any more */
int wm_link_remove_twins(struct wm_nl *nl, const struct wm_instance *inst, struct wm_error *err);

/* link_rule.c: forwarding from wg, and from the LANs into the mesh, only with our plane's mark. */
int wm_link_set_rules(struct wm_link_up *up, struct wm_error *err);
int wm_link_remove_rules(struct wm_nl *nl, const struct wm_instance *inst, struct wm_error *err);

/* link_route.c */
int wm_link_check_overlap(struct wm_link_up *up, struct wm_error *err); /* -EADDRINUSE: another mesh's routes */
int wm_link_set_guard(struct wm_link_up *up, struct wm_error *err);    /* unreachable O */
int wm_link_set_route(struct wm_link_up *up, struct wm_error *err);    /* O dev wg src g; the device is up */
int wm_link_sweep_routes(struct wm_link_up *up, struct wm_error *err); /* ours that are not in the plan */
/* The unreachable routes of `supernet` (NULL: not known) and of whatever is
 * routed to the device (0: gone) by us. Asked before the device goes, used after. */
#define WM_GUARDS_MAX 16
struct wm_link_guards {
	struct wm_prefix prefix[WM_GUARDS_MAX];
	unsigned int n;
};
int wm_link_find_guards(struct wm_nl *nl, uint32_t ifindex, const struct wm_prefix *supernet,
			struct wm_link_guards *ret, struct wm_error *err);
int wm_link_remove_guards(struct wm_nl *nl, const struct wm_link_guards *guards, struct wm_error *err);
