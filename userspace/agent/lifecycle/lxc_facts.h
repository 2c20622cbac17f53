/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is to be remembered of the container that we made: in
 * /var/lib/wm[/NAME]/container.state, lines of KEY=VALUE, beside the settings
 * that it was made by, container.env. And what the host does for one behind its NAT.
 */
#pragma once

#include "agent/lifecycle/box.h"

#define WM_NICS_TEXT 512

struct wm_lxc_facts {
	struct wm_box box;
	bool made;                   /* false: it was begun, at most */
	bool tamed;                  /* LXC: its own network manager leaves its interfaces alone */
	bool behind;                 /* the host's NAT */
	wm_ip4 addr;                 /* of its first interface */
	uint16_t port;               /* UDP, of WireGuard */
	char ifname[WM_IFNAME_SIZE]; /* the WireGuard device in it */
	char bridge[WM_IFNAME_SIZE]; /* of its first interface */
	char table[80];              /* of nftables, that leads the port in */
	char nics[WM_NICS_TEXT];     /* as it was last given them; only compared */
};

/* container.state, container.env, or another file beside them. ret: WM_PATH_SIZE */
int wm_lxc_path(const struct wm_life *l, const char *file, char *ret, struct wm_error *err);

/* What stands in a container that is ours beside the word wm-gateway: the path of container.state. ret: WM_PATH_SIZE. -EINVAL
 * for a path that LXC's file or a shell would read as something else. */
int wm_lxc_mark(const struct wm_life *l, char *ret, struct wm_error *err);
/* 1: the container is there and has our mark. 0: there is none, or one of somebody else's where ours was never made. -errno;
 * -EEXIST: it was made and has our mark no more, so nobody knows whose it is. */
int wm_lxc_ours(const struct wm_life *l, const struct wm_lxc_facts *facts, struct wm_error *err);

/* -ENOENT: there is no container of ours. */
int wm_lxc_facts_load(const char *path, struct wm_lxc_facts *ret, struct wm_error *err);
/* Those of the other instances of this machine, until fn returns other than 0: that, else 0. facts: NULL where the file cannot be
 * read as one. */
int wm_lxc_others(const struct wm_life *l, int (*fn)(const char *path, const struct wm_lxc_facts *facts, void *arg), void *arg);
int wm_step_lxc_facts(struct wm_life *l, const struct wm_lxc_facts *facts, struct wm_error *err);

/* The host's part, with the container running: nothing where it has an address on the LAN of its own or its WireGuard device
 * has its socket here; else the port leads in. Says what it changes. */
int wm_step_lxc_host(struct wm_life *l, const struct wm_lxc_facts *facts, struct wm_error *err);
/* What stands in its way here, a line each. */
void wm_lxc_host_look(const struct wm_lxc_facts *facts, FILE *out);
int wm_step_lxc_host_gone(struct wm_life *l, const struct wm_lxc_facts *facts, struct wm_error *err);
