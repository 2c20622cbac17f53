/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/model.h"

#include <errno.h>
#include <string.h>

#include "core/model_index.h"
#include "core/util.h"

void wm_config_free(struct wm_config *config)
{
	if (!config)
		return;
	/* Each may have a preshared key. */
	if (config->sites)
		wm_wipe(config->sites, config->cap_sites * sizeof(*config->sites));
	free(config->sites);
	free(config->hosts);
	free(config->devices);
	wm_index_free(config);
	*config = (struct wm_config){ 0 };
}

#define DEFINE_ADD(what)                                                                                          \
	int wm_config_add_##what(struct wm_config *config, const struct wm_##what *what)                           \
	{                                                                                                          \
		int rc = wm_grow((void **)&config->what##s, &config->cap_##what##s, config->n##what##s + 1,        \
				 sizeof(*what));                                                                   \
		if (!rc)                                                                                           \
			config->what##s[config->n##what##s++] = *what;                                             \
		return rc;                                                                                         \
	}

DEFINE_ADD(site)
DEFINE_ADD(host)
DEFINE_ADD(device)

static int by_domain(const void *a, const void *b)
{
	return strcmp(((const struct wm_site *)a)->domain, ((const struct wm_site *)b)->domain);
}

const struct wm_site *wm_config_site(const struct wm_config *config, const char *domain)
{
	struct wm_site key;

	if (!config->nsites || wm_copy(key.domain, sizeof(key.domain), domain))
		return NULL;
	return bsearch(&key, config->sites, config->nsites, sizeof(key), by_domain);
}

static int by_overlay(const void *a, const void *b)
{
	const struct wm_host *x = a, *y = b;

	return x->overlay < y->overlay ? -1 : x->overlay > y->overlay;
}

const struct wm_host *wm_config_host_at(const struct wm_config *config, wm_ip4 overlay)
{
	struct wm_host key = { .overlay = overlay };

	return config->nhosts ? bsearch(&key, config->hosts, config->nhosts, sizeof(key), by_overlay) : NULL;
}

const struct wm_host *wm_config_host(const struct wm_config *config, const char *name, const char *domain)
{
	return wm_index_name(config, name, domain);
}

const struct wm_site *wm_config_hub(const struct wm_config *config)
{
	for (size_t i = 0; i < config->nsites; i++) {
		if (config->sites[i].hub)
			return &config->sites[i];
	}
	return NULL;
}

wm_ip4 wm_site_gateway(const struct wm_site *site)
{
	return site->subnet.addr + 1;
}

int wm_supernet_check(struct wm_prefix supernet, struct wm_error *err)
{
	char text[WM_PREFIX_TEXT];

	if (supernet.len < 8 || supernet.len > 29)
		return wm_fail_field(err, EINVAL, "supernet", "supernet %s: its length must be from /8 to /29",
				     wm_prefix_format(supernet, text));
	if (!wm_prefix_is_unicast(supernet))
		return wm_fail_field(err, EINVAL, "supernet", "supernet %s: not all of its addresses may belong to machines",
				     wm_prefix_format(supernet, text));
	return 0;
}

int wm_subnet_check(struct wm_prefix supernet, struct wm_prefix subnet, struct wm_error *err)
{
	char text[WM_PREFIX_TEXT], outer[WM_PREFIX_TEXT];

	wm_prefix_format(subnet, text);
	if (subnet.len < 12 || subnet.len > 30)
		return wm_fail_field(err, EINVAL, "subnet", "subnet %s: its length must be from /12 to /30", text);
	if (!wm_prefix_covers(supernet, subnet))
		return wm_fail_field(err, EINVAL, "subnet", "subnet %s is not inside the mesh's supernet %s", text,
				     wm_prefix_format(supernet, outer));
	return 0;
}

int wm_overlay_check(struct wm_prefix subnet, wm_ip4 overlay, struct wm_error *err)
{
	char text[WM_IP4_TEXT], outer[WM_PREFIX_TEXT];
	const char *what;

	if (!wm_prefix_has(subnet, overlay))
		return wm_fail_field(err, EINVAL, "wg_ip", "overlay address %s is not in the site's subnet %s",
				     wm_ip4_format(overlay, text), wm_prefix_format(subnet, outer));
	if (overlay == subnet.addr)
		what = "network";
	else if (overlay == subnet.addr + 1)
		what = "gateway's";
	else if (overlay == wm_prefix_last(subnet))
		what = "broadcast";
	else
		return 0;
	return wm_fail_field(err, EINVAL, "wg_ip", "overlay address %s is the %s address of %s; take another",
			     wm_ip4_format(overlay, text), what, wm_prefix_format(subnet, outer));
}

int wm_local_check(struct wm_prefix supernet, wm_ip4 local, struct wm_error *err)
{
	char text[WM_IP4_TEXT], outer[WM_PREFIX_TEXT];

	if (!wm_ip4_is_unicast(local))
		return wm_fail_field(err, EINVAL, "local_ip",
				     "LAN address %s is loopback, link-local, multicast or reserved; a host cannot have it",
				     wm_ip4_format(local, text));
	if (wm_prefix_has(supernet, local))
		return wm_fail_field(err, EINVAL, "local_ip",
				     "LAN address %s lies inside the mesh's supernet %s; give the address on its LAN",
				     wm_ip4_format(local, text), wm_prefix_format(supernet, outer));
	return 0;
}

const char *wm_host_type_name(uint8_t access)
{
	return access == WM_ACCESS_FULL ? "standard" : "isolated";
}

const char *wm_device_type_name(uint8_t access)
{
	return access == WM_ACCESS_FULL ? "roaming" : "isolated";
}

bool wm_site_equal(const struct wm_site *a, const struct wm_site *b)
{
	return !strcmp(a->domain, b->domain) && wm_prefix_equal(a->subnet, b->subnet) &&
	       wm_key_equal(&a->public_key, &b->public_key) && wm_endpoint_equal(&a->endpoint, &b->endpoint) &&
	       a->hub == b->hub && wm_key_equal(&a->preshared_key, &b->preshared_key) && a->preshared == b->preshared;
}

bool wm_host_equal(const struct wm_host *a, const struct wm_host *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->domain, b->domain) && a->overlay == b->overlay &&
	       a->local == b->local && a->has_mac == b->has_mac && !memcmp(&a->mac, &b->mac, sizeof(a->mac)) &&
	       a->access == b->access;
}

bool wm_device_equal(const struct wm_device *a, const struct wm_device *b)
{
	return !strcmp(a->name, b->name) && a->overlay == b->overlay && wm_key_equal(&a->public_key, &b->public_key) &&
	       a->access == b->access;
}
