/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How a container that is to be a gateway hangs in the networks of its host:
 * worked out from LXC_IFACES and from what the host has. Pure: nothing is read
 * or changed here.
 */
#pragma once

#include "core/instance.h"

#define WM_HOST_LANS_MAX 64

/* An IPv4 address of the host, or a bridge that has none (addr 0). */
struct wm_host_lan {
	char ifname[WM_IFNAME_SIZE];
	bool bridge;
	wm_ip4 addr;
	uint8_t len;
	wm_ip4 gateway; /* of the host's best default route by this interface; 0: there is none */
};

struct wm_host_net {
	struct wm_host_lan lan[WM_HOST_LANS_MAX];
	unsigned int n;
};

/* What lxc-net gives containers that ask for nothing: a bridge behind the host's NAT. */
struct wm_lxc_net {
	bool use;
	char bridge[WM_IFNAME_SIZE];
	wm_ip4 addr; /* the host's */
	uint8_t len;
};

/* One interface of the container: eth0, eth1, ... in this order. */
struct wm_container_nic {
	char bridge[WM_IFNAME_SIZE];
	wm_ip4 addr;    /* 0: still to be chosen in the subnet of `host` */
	uint8_t len;
	wm_ip4 gateway; /* one of all interfaces has one; 0: not this */
	wm_ip4 host;    /* the host's own address on that bridge; 0: it has none */
};

struct wm_container_net {
	struct wm_container_nic nic[WM_LANS_MAX];
	unsigned int n;
	bool behind; /* the host's NAT: what comes to the host's UDP port has to be let through */
};

/* text: of /etc/default/lxc-net; NULL: there is none, and its own defaults hold. Lines that are no assignment of a
 * key that counts are skipped: it is a script. -EINVAL names the key. */
int wm_lxc_net_parse(const char *text, struct wm_lxc_net *ret, struct wm_error *err);

/* gateway: LXC_GATEWAY, 0 when it is not set. Without wishes the container is behind `lxc_net`. The sentence of a failure
 * names what to set: -ENODEV no bridge, -EINVAL an address that cannot be, -EADDRINUSE the host's own. */
int wm_container_plan(const struct wm_host_net *host, const struct wm_lxc_net *lxc_net, const struct wm_lan_wish *wishes,
		      unsigned int nwishes, wm_ip4 gateway, struct wm_container_net *ret, struct wm_error *err);

/* LXC_IFACES as the container's own gateway.env has it: its addresses. */
#define WM_CONTAINER_LANS_TEXT (WM_LANS_MAX * WM_IP4_TEXT)
const char *wm_container_lans_format(const struct wm_container_net *net, char *buf);

/* --- as programs that manage containers write it (container_text.c) ------------------------ */

/* Made from its address: on a LAN nobody else has that, and it stays when the container is made anew. */
struct wm_mac wm_container_mac(const struct wm_container_nic *nic);

/* LXC's file of a container, with our part in it: interfaces (all that were there are replaced), start at boot, what BPF and
 * wireguard-go need, and `hook`, run on the host when it starts ("": none; one line, no line breaks). Malloc'd; -ENOMEM. */
int wm_container_lxc_config(const char *old, const struct wm_container_net *net, const char *hook, char **ret);

/* The value of Proxmox's net<i>: "name=eth0,bridge=vmbr0,...". */
#define WM_PCT_NIC_TEXT 160
const char *wm_container_pct_nic(const struct wm_container_nic *nic, unsigned int i, char *buf);
/* Whether `config`, what `pct config` says, has that net<i>, in whatever order. */
bool wm_container_pct_has(const char *config, const struct wm_container_nic *nic, unsigned int i);
