/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a registry says about a mesh, as plain pointer-free structs.
 *
 * They cross the boundary between the unprivileged fetcher and the gateway as
 * records (core/record.h) and are kept on disk in that form, so a struct only
 * ever grows at its end, and zero in a new field means "as before".
 * Zero of an enum is always the value that grants the least.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/error.h"
#include "core/key.h"
#include "core/name.h"

#define WM_INSTANCE_ID_SIZE 40 /* the registry's instance id: 36 characters of a UUID, NUL */
#define WM_MARK_SIZE 24        /* of a generation: 16 hexadecimal digits, NUL */

enum wm_access {
	WM_ACCESS_ISOLATED = 0, /* may answer, may not initiate; also every type we do not know */
	WM_ACCESS_FULL = 1,     /* "standard" (host), "roaming" (device) */
};

struct wm_mesh {
	char instance[WM_INSTANCE_ID_SIZE]; /* changes when a registry is restored from a backup */
	char name[WM_NAME_SIZE];            /* for people */
	char self[WM_NAME_SIZE];            /* the site this config was made for, or "" (the whole mesh) */
	uint64_t generation;
	struct wm_prefix supernet;
	uint32_t requires;                  /* features a reader must know; bits of enum wm_feature */
	/* What tells this generation from another of the same number, in a registry that was put back and went on from
	 * there; "": not known. Behind the padding with which the struct once ended. */
	_Alignas(8) char mark[WM_MARK_SIZE];
};

/* A gateway that meets a bit it does not know refuses the config. */
enum wm_feature {
	WM_FEATURE_NONE = 0,
};
#define WM_FEATURES_KNOWN 0u

struct wm_site {
	char domain[WM_NAME_SIZE];
	struct wm_prefix subnet;
	struct wm_key public_key;    /* zero until its gateway has enrolled */
	struct wm_endpoint endpoint; /* family 0: not reachable from outside */
	bool hub;
	/* Between this site and the one that the config was made for; zero: none. Secret. Behind the padding with which the
	 * struct once ended. */
	_Alignas(8) struct wm_key preshared_key;
	bool preshared; /* at the registry only: its gateway knows preshared keys */
};

struct wm_host {
	char name[WM_NAME_SIZE];
	char domain[WM_NAME_SIZE];
	wm_ip4 overlay;   /* "wg_ip" */
	wm_ip4 local;     /* "local_ip"; 0 in a config made for another site */
	struct wm_mac mac; /* valid if has_mac: frames must come from it */
	bool has_mac;
	uint8_t access;   /* enum wm_access */
};

struct wm_device {
	char name[WM_NAME_SIZE];
	wm_ip4 overlay;
	struct wm_key public_key; /* zero until enrolled; only the hub's config has keys */
	uint8_t access;
};

/* Hosts by something else than their overlay address: model_index.h's. */
struct wm_index_slot {
	wm_ip4 overlay; /* 0: free */
	uint32_t hash;
};
struct wm_index {
	struct wm_index_slot *slot;
	size_t size; /* a power of two, or 0 */
};

/* Arrays are sorted: sites by domain, hosts and devices by overlay address. */
struct wm_config {
	struct wm_mesh mesh;
	struct wm_site *sites;
	size_t nsites;
	struct wm_host *hosts;
	size_t nhosts;
	struct wm_device *devices;
	size_t ndevices;
	size_t cap_sites, cap_hosts, cap_devices; /* allocated; not for readers */
	struct wm_index by_name, by_local;        /* made by wm_config_finish; not for readers */
};

void wm_config_free(struct wm_config *config); /* frees what it holds, not config; NULL-safe */
int wm_config_add_site(struct wm_config *config, const struct wm_site *site);
int wm_config_add_host(struct wm_config *config, const struct wm_host *host);
int wm_config_add_device(struct wm_config *config, const struct wm_device *device);

/* Sorts the arrays and checks everything that can be checked without a
 * kernel: names, prefixes inside the supernet and apart from each other, one
 * hub at most, addresses inside their site and not its network, gateway or
 * broadcast address, no duplicates of any kind, LAN addresses that a host may
 * have. 0, or -EINVAL with a sentence. The config is usable only after 0. */
int wm_config_finish(struct wm_config *config, struct wm_error *err);

/* Of a finished config: by overlay address, by name; NULL: nobody. */
const struct wm_host *wm_config_host_at(const struct wm_config *config, wm_ip4 overlay);
const struct wm_host *wm_config_host(const struct wm_config *config, const char *name, const char *domain);
const struct wm_site *wm_config_site(const struct wm_config *config, const char *domain);
const struct wm_site *wm_config_hub(const struct wm_config *config); /* NULL: none yet */
wm_ip4 wm_site_gateway(const struct wm_site *site); /* the first address of its subnet */

bool wm_site_equal(const struct wm_site *a, const struct wm_site *b);
bool wm_host_equal(const struct wm_host *a, const struct wm_host *b);
bool wm_device_equal(const struct wm_device *a, const struct wm_device *b);

/* Single rules, for registry and gateway alike; field is named in err. */
int wm_supernet_check(struct wm_prefix supernet, struct wm_error *err); /* /8../29 */
int wm_subnet_check(struct wm_prefix supernet, struct wm_prefix subnet, struct wm_error *err); /* inside; /12../30 */
int wm_overlay_check(struct wm_prefix subnet, wm_ip4 overlay, struct wm_error *err);
int wm_local_check(struct wm_prefix supernet, wm_ip4 local, struct wm_error *err);

const char *wm_host_type_name(uint8_t access);   /* "standard", "isolated" */
const char *wm_device_type_name(uint8_t access); /* "roaming", "isolated" */
