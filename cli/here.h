/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The machine that wm runs on, and its place in a mesh: which of the mesh's
 * addresses it has.
 */
#pragma once

#include "core/model.h"

struct own_address {
	char ifname[16];
	wm_ip4 addr;
};

struct here {
	struct own_address *addr;
	size_t n, cap;
};

int here_load(struct here *here); /* IPv4 addresses of all interfaces but loopback; 0 or -errno */
void here_free(struct here *here);
const struct own_address *here_has(const struct here *here, wm_ip4 addr);

/* How packets to `addr` leave: by the route that /proc/net/route knows best. */
struct way {
	char ifname[16]; /* "": there is no route */
	wm_ip4 via;      /* 0: directly */
	uint8_t len;     /* of the route's prefix; 0: the default route */
};
void here_way(wm_ip4 addr, struct way *ret);

/* What this machine may be in the mesh. A LAN address may exist at several sites,
 * so there may be several; on_place is called for each. Returns how many. */
struct place {
	const char *kind;               /* "gateway", "device", "host" */
	char name[WM_FQDN_SIZE];
	const char *domain;             /* of its site, "" without a hub */
	wm_ip4 overlay;
	const struct own_address *by;   /* the address that tells */
	bool isolated;
};
size_t here_places(const struct here *here, const struct wm_config *config,
		   void (*on_place)(void *arg, const struct place *place), void *arg);
