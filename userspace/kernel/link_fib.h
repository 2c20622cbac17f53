/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One route: as rtnetlink tells it, put in its place, taken away.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/error.h"
#include "kernel/nl.h"

struct wm_route {
	struct wm_prefix dst;
	uint32_t table;
	uint32_t metric;
	uint32_t oif;
	wm_ip4 src;
	uint32_t mtu; /* bytes of IP; 0: the device's */
	uint8_t type, protocol, scope, tos;
	bool via; /* has a gateway or several hops */
};

struct wm_routes {
	uint32_t table; /* whose routes are read; 0: of all of them */
	uint32_t oif;   /* 0: those of our protocol */
	struct wm_route *item;
	size_t n, cap;
};

void wm_routes_free(struct wm_routes *routes); /* frees what it holds */
#define WM_AUTO_ROUTES __attribute__((cleanup(wm_routes_free)))

/* Reads those that ret->table and ret->oif say. */
int wm_routes_read(struct wm_nl *nl, struct wm_routes *ret, struct wm_error *err);

/* IPv4 routes of the main table, as they are told; 0 also where there never was one, or what fn returned, or -errno. */
int wm_routes_dump_main(struct wm_nl *nl, wm_nl_fn fn, void *arg);
/* Of these, one to everywhere: its attributes in tb[n]. */
bool wm_route_is_default(const struct nlmsghdr *nlh, const struct nlattr **tb, unsigned int n);

bool wm_route_equal(const struct wm_route *a, const struct wm_route *b);

/* Replacing in place is atomic, but only for what is ours. -EEXIST: a foreign
 * route is there, an error that its owner has to solve. ifname: for messages. */
int wm_route_put(struct wm_nl *nl, const struct wm_route *want, const char *ifname, struct wm_error *err);
int wm_route_drop(struct wm_nl *nl, const struct wm_route *route, struct wm_error *err); /* fine if it has gone */
