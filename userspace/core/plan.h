/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Desired state: what this machine's kernel should look like, as one plain
 * struct, computed by a pure function from (config, who I am). Appliers
 * (userspace/kernel/) compare it with the kernel and change what differs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/instance.h"
#include "core/model.h"
#include "core/texts.h"
#include "core/wg.h"

/* A LAN of this gateway as found on the machine (userspace/kernel/link.h reads it). */
struct wm_lan {
	char ifname[WM_IFNAME_SIZE];
	uint32_t ifindex;
	wm_ip4 addr;             /* the gateway's own address there */
	struct wm_prefix prefix;
	struct wm_mac mac;
	uint16_t mtu;
	struct wm_mac routers[WM_LAN_ROUTERS_MAX]; /* may send for hosts with a bound MAC; if any, only they speak as routers */
	unsigned int nrouters;
};

/* Who I am: from the instance's settings and the machine, never from the registry. */
struct wm_self {
	char domain[WM_NAME_SIZE];
	struct wm_prefix subnet;   /* pinned; len 0: not */
	struct wm_prefix supernet; /* pinned; len 0: not */
	struct wm_prefix lan_prefixes[WM_LAN_PREFIXES_MAX]; /* pinned: where LAN addresses may be */
	unsigned int nlan_prefixes; /* 0: not */
	struct wm_key private_key;
	uint16_t listen_port;
	uint16_t mtu;
	struct wm_lan lans[WM_LANS_MAX];
	unsigned int nlans;
};

enum wm_end_kind {
	WM_END_HOST,   /* behind a LAN of this gateway */
	WM_END_DEVICE, /* behind wg, at the hub only */
};

/* Somebody in this site's own subnet. */
struct wm_end {
	wm_ip4 overlay;
	wm_ip4 local;       /* LAN address; 0 for a device */
	uint8_t kind;       /* enum wm_end_kind */
	uint8_t access;     /* enum wm_access */
	uint8_t lan;        /* index of wm_plan.lans */
	bool has_mac;
	struct wm_mac mac;
	char name[WM_NAME_SIZE];
};

/* A line of the hosts file. */
struct wm_dns_name {
	const char *fqdn; /* in the plan's texts */
	wm_ip4 addr;
	bool for_devices; /* beside the LAN address of the same name, which a device cannot reach */
};

struct wm_plan {
	uint64_t generation;
	char domain[WM_NAME_SIZE];
	struct wm_prefix supernet; /* O: all of it is routed to wg */
	struct wm_prefix subnet;   /* S */
	wm_ip4 gateway;            /* g, on the wg device with the length of S */
	bool hub;
	uint16_t mtu;
	struct wm_lan lans[WM_LANS_MAX];
	unsigned int nlans;
	struct wm_wg_device wg;    /* want */
	struct wm_end *ends;       /* sorted by overlay address */
	size_t nends;
	struct wm_dns_name *names; /* sorted by (fqdn, addr) */
	size_t nnames;
	struct wm_texts texts;     /* of names */
	char (*domains)[WM_NAME_SIZE]; /* every site's domain, sorted */
	size_t ndomains;
	size_t cap_ends, cap_names; /* allocated; not for readers */
	char (*problems)[160];     /* hosts that could not be placed, for status; not fatal */
	size_t nproblems;
};

void wm_plan_free(struct wm_plan *plan); /* frees what it holds; NULL-safe */

/* Pure: no clock, no kernel, no file. config has passed wm_config_finish.
 * -ENOENT: our site is not in it; -EPERM: it breaks a local pin; -EINVAL: not
 * for this gateway. *ret only on 0. */
int wm_plan_make(const struct wm_config *config, const struct wm_self *self, struct wm_plan *ret,
		 struct wm_error *err);

/* Can it be made? The errors of wm_plan_make but for -ENOMEM of hosts and names, of which nothing is made. */
int wm_plan_check(const struct wm_config *config, const struct wm_self *self, struct wm_error *err);

bool wm_self_equal(const struct wm_self *a, const struct wm_self *b);

/* What has become different in a plan: appliers that know the plan before are told, instead of looking at all. */
struct wm_plan_diff {
	struct wm_end *gone, *come; /* sorted by overlay address; an end that is another now is in both */
	size_t ngone, ncome;
	struct wm_dns_name *names_gone, *names_come; /* sorted as in the plan; in one of them only; good as long as the plan */
	size_t nnames_gone, nnames_come;
	bool domains; /* are others */
};
void wm_plan_diff_free(struct wm_plan_diff *diff); /* frees what it holds; NULL-safe */

struct wm_config_diff;
/* The plan of a config, made for the same self, becomes that of what the config
 * has become by diff: the one that wm_plan_make would make now. -EAGAIN: this is
 * no matter of parts (our own site, the hub, a host that has no place): make it
 * anew; the plan is as it was. -ENOMEM: the same. */
int wm_plan_change(struct wm_plan *plan, const struct wm_config *config, const struct wm_self *self,
		   const struct wm_config_diff *diff, struct wm_plan_diff *ret);

/* Two sites talk directly when at least one of them can be reached; else both
 * go through the hub. Both sides must find the same: cryptokey routing drops
 * asymmetry. True too when either is the hub. Needs both keys. */
bool wm_sites_direct(const struct wm_site *a, const struct wm_site *b);
