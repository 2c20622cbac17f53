/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Everything that one gateway instance owns on a machine, by name. A machine
 * can be gateway in several meshes; two instances share nothing that is named
 * here. Read from gateway.env and the environment; nothing is created.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/error.h"
#include "core/key.h"
#include "core/locate.h"
#include "core/name.h"

#define WM_IFNAME_SIZE 16
#define WM_LANS_MAX 8
#define WM_LAN_ROUTERS_MAX 4
#define WM_LAN_PREFIXES_MAX 16
#define WM_PATH_SIZE 512

enum wm_dataplane_choice { WM_DATAPLANE_AUTO, WM_DATAPLANE_BPF, WM_DATAPLANE_NFT };
enum wm_xdp_choice { WM_XDP_AUTO, WM_XDP_NATIVE, WM_XDP_GENERIC, WM_XDP_OFF };

/* One item of LXC_IFACES: "192.168.1.250", "vmbr0:192.168.1.250/24" or "eth0". */
struct wm_lan_wish {
	char ifname[WM_IFNAME_SIZE]; /* "" or a hint; the address decides when both are given */
	wm_ip4 addr;                 /* 0: whatever the interface has */
	uint8_t len;                 /* 0: not said. For a container that is to be made; a machine knows its netmask better */
};

struct wm_instance {
	char name[WM_NAME_SIZE];          /* "" for the default instance (the flat paths) */
	char ifname[WM_IFNAME_SIZE];      /* WM_INTERFACE; default wg0, or wg-<name> (hashed when longer than 15) */
	char nft_table[WM_NAME_SIZE + 4]; /* "wm", or wm_<name> */
	uint16_t tc_prio;                 /* our filters' priority; tc_handle is 1 */
	uint32_t fwmark;                  /* marks what our plane has let through; the low byte is 0: free for the LAN */
	uint32_t rule_prio;               /* of our ip rules; those that forbid have the next */

	char env_file[WM_PATH_SIZE];   /* /etc/wm[/<name>]/gateway.env */
	char key_file[WM_PATH_SIZE];   /* /etc/wm[/<name>]/private.key, 0600 */
	char hosts_file[WM_PATH_SIZE]; /* /etc/wm[/<name>]/hosts */
	char servers_file[WM_PATH_SIZE]; /* /etc/wm[/<name>]/dnsmasq-servers */
	char dnsmasq_conf[WM_PATH_SIZE]; /* /etc/wm[/<name>]/dnsmasq.conf */
	char dnsmasq_pid[WM_PATH_SIZE]; /* WM_DNSMASQ_PID, /run/dnsmasq/dnsmasq.pid */
	char state_dir[WM_PATH_SIZE];  /* /var/lib/wm[/<name>] */
	char run_dir[WM_PATH_SIZE];    /* /run/wm[/<name>] */
	char bpffs[WM_PATH_SIZE];      /* WM_BPFFS, /sys/fs/bpf/wm */
	char fetch_path[WM_PATH_SIZE]; /* wm-fetch: beside this program, or WM_LIBEXEC */
	char release_keys[WM_PATH_SIZE]; /* /etc/wm[/<name>]/release.pub: whose releases are taken */
	char releases[WM_PATH_SIZE];   /* <state_dir>/releases */

	char domain[WM_NAME_SIZE];     /* SITE_DOMAIN */
	struct wm_prefix subnet;       /* SITE_SUBNET; len 0: whatever the registry says */
	struct wm_prefix supernet;     /* WM_MESH_SUPERNET; len 0: not pinned */
	bool hub;                      /* IS_HUB */
	struct wm_locate locate;       /* PUBLIC_IP, WM_ENDPOINT_SERVICES */
	uint16_t listen_port;          /* WM_LISTEN_PORT, 51820 */
	uint16_t mtu;                  /* WM_MTU, 1420 */
	struct wm_lan_wish lans[WM_LANS_MAX];
	unsigned int nlans;            /* 0: the interface of the default route */
	struct wm_mac routers[WM_LAN_ROUTERS_MAX]; /* WM_LAN_ROUTERS: whose frames may carry packets of hosts with a bound MAC, and routers' errors */
	unsigned int nrouters;
	struct wm_prefix lan_prefixes[WM_LAN_PREFIXES_MAX]; /* WM_LAN_PREFIXES: no host of the site may be elsewhere */
	unsigned int nlan_prefixes;    /* 0: wherever the LANs reach */

	char carrier[WM_NAME_SIZE];    /* WM_CARRIER: the machine that carries this container; "": none */
	wm_ip4 carrier_ip;             /* ... and its address on the LAN */

	char registry_url[WM_PATH_SIZE];
	char registry_token[WM_TOKEN_MAX]; /* from gateway.env: an enrolment, the master token, or this gateway's own */
	char registry_ca[256];         /* WM_REGISTRY_CA */
	bool allow_http;               /* WM_REGISTRY_ALLOW_HTTP */
	unsigned int poll_s;           /* WM_POLL, 5: between polls when long-poll does not work */
	unsigned int wait_s;           /* WM_WAIT, 50: how long one long-poll waits */

	bool update;                   /* false: WM_UPDATE_URL is "off" */
	char update_url[WM_PATH_SIZE + 16]; /* WM_UPDATE_URL; default: the registry's downloads */
	unsigned int update_interval_s; /* WM_UPDATE_INTERVAL, 600 */
	unsigned int update_prove_s;   /* WM_UPDATE_PROVE, 120: in which a new release must get in sync */

	enum wm_dataplane_choice dataplane; /* WM_DATAPLANE */
	bool fastpath;                 /* WM_FASTPATH */
	bool no_tcx;                   /* WM_TCX=off: tc filters also where the kernel has tcx */
	enum wm_xdp_choice xdp;        /* WM_XDP: the shield on the LANs, BPF only */
};

/* name: "" or NULL for the default instance (else WM_INSTANCE). env_file: NULL
 * for the default path. Paths can be moved by WM_ETC, WM_STATE, WM_RUN and
 * WM_BPFFS in the environment, and by WM_ROOT, a directory that stands in front
 * of those of the first three that were not moved. A missing file or a missing or malformed value
 * is an error that names key and file; nothing else is checked here. */
int wm_instance_load(struct wm_instance *ret, const char *name, const char *env_file, struct wm_error *err);

/* The same from the text of a gateway.env that is not on disk (yet); env_file is what errors call it, and ret->env_file. */
int wm_instance_parse(struct wm_instance *ret, const char *name, const char *env_file, const char *text, struct wm_error *err);

/* The items of an LXC_IFACES. -EINVAL names the one that is none. */
int wm_lan_wishes_parse(const char *value, struct wm_lan_wish ret[WM_LANS_MAX], unsigned int *ret_n, struct wm_error *err);

/* Only the names and paths, for tools that look at a running instance. */
int wm_instance_names(struct wm_instance *ret, const char *name, struct wm_error *err);

/* A name that the kernel takes for an interface, and that reads as one word everywhere. */
bool wm_ifname_valid(const char *name);

/* An interface name for `prefix`+`name`: shortened with a hash when it would exceed 15 characters. */
void wm_ifname_make(char ret[WM_IFNAME_SIZE], const char *prefix, const char *name);
