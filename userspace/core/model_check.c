/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The check of a whole config: what no single object shows.
 */
#include <errno.h>
#include <string.h>

#include "core/model_check.h"
#include "core/model_index.h"
#include "core/util.h"

static int by_domain(const void *a, const void *b)
{
	return strcmp(((const struct wm_site *)a)->domain, ((const struct wm_site *)b)->domain);
}

static int host_by_overlay(const void *a, const void *b)
{
	const struct wm_host *x = a, *y = b;

	return x->overlay < y->overlay ? -1 : x->overlay > y->overlay;
}

static int device_by_overlay(const void *a, const void *b)
{
	const struct wm_device *x = a, *y = b;

	return x->overlay < y->overlay ? -1 : x->overlay > y->overlay;
}

static int site_by_subnet(const void *a, const void *b)
{
	const struct wm_site *x = *(const struct wm_site *const *)a, *y = *(const struct wm_site *const *)b;

	return x->subnet.addr < y->subnet.addr ? -1 : x->subnet.addr > y->subnet.addr;
}

static int device_by_name(const void *a, const void *b)
{
	const struct wm_device *x = *(const struct wm_device *const *)a, *y = *(const struct wm_device *const *)b;

	return strcmp(x->name, y->name);
}

static int key_order(const void *a, const void *b)
{
	return memcmp(*(const struct wm_key *const *)a, *(const struct wm_key *const *)b, sizeof(struct wm_key));
}

/* An array of pointers to the n elements of `size` bytes at base, sorted. NULL: no memory. */
static const void **sorted_view(const void *base, size_t n, size_t size, int (*order)(const void *, const void *))
{
	const void **view = calloc(n ? n : 1, sizeof(*view));

	if (!view)
		return NULL;
	for (size_t i = 0; i < n; i++)
		view[i] = (const char *)base + i * size;
	qsort(view, n, sizeof(*view), order);
	return view;
}

static int check_sites(struct wm_config *c, struct wm_error *err)
{
	WM_AUTO_FREE const void **view = sorted_view(c->sites, c->nsites, sizeof(*c->sites), site_by_subnet);
	const struct wm_site *hub = NULL;

	if (!view)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->nsites; i++) {
		const struct wm_site *s = &c->sites[i];
		int rc;

		if (!wm_domain_valid(s->domain))
			return wm_fail_field(err, EINVAL, "domain", "site '%.63s': not a name a site may have", s->domain);
		if (i && !strcmp(s->domain, s[-1].domain))
			return wm_fail_field(err, EINVAL, "domain", "site '%s' is there twice", s->domain);
		rc = wm_subnet_check(c->mesh.supernet, s->subnet, err);
		if (rc)
			return wm_fail_in(err, rc, "site '%s'", s->domain);
		if (s->hub && hub)
			return wm_fail_field(err, EINVAL, "is_hub", "sites '%s' and '%s' are both a hub; there can be one",
					     hub->domain, s->domain);
		if (s->hub)
			hub = s;
	}
	for (size_t i = 1; i < c->nsites; i++) {
		const struct wm_site *a = view[i - 1], *b = view[i];
		char text[WM_PREFIX_TEXT], other[WM_PREFIX_TEXT];

		if (wm_prefix_overlaps(a->subnet, b->subnet))
			return wm_fail_field(err, EINVAL, "subnet", "subnet %s of site '%s' overlaps %s of site '%s'",
					     wm_prefix_format(b->subnet, text), b->domain,
					     wm_prefix_format(a->subnet, other), a->domain);
	}
	return 0;
}

int wm_check_host(const struct wm_config *c, const struct wm_host *h, struct wm_error *err)
{
	const struct wm_site *s = wm_config_site(c, h->domain);
	int rc;

	if (!wm_host_valid(h->name))
		return wm_fail_field(err, EINVAL, "name", "host '%.63s': not a name a host may have", h->name);
	if (!s)
		return wm_fail_field(err, EINVAL, "domain", "host '%s': there is no site '%.63s'", h->name, h->domain);
	rc = wm_overlay_check(s->subnet, h->overlay, err);
	if (!rc && h->local)
		rc = wm_local_check(c->mesh.supernet, h->local, err);
	return rc ? wm_fail_in(err, rc, "host '%s.%s'", h->name, h->domain) : 0;
}

int wm_check_host_free(const struct wm_config *c, const struct wm_host *h, struct wm_error *err)
{
	const struct wm_host *other;
	char text[WM_IP4_TEXT];

	if (wm_index_name(c, h->name, h->domain))
		return wm_fail_field(err, EINVAL, "name", "host '%s.%s' is there twice", h->name, h->domain);
	other = h->local ? wm_index_local(c, h->local, h->domain) : NULL;
	if (other)
		return wm_fail_field(err, EINVAL, "local_ip", "hosts '%s' and '%s' of site '%s' both have LAN address %s",
				     other->name, h->name, h->domain, wm_ip4_format(h->local, text));
	return 0;
}

static int check_hosts(struct wm_config *c, struct wm_error *err)
{
	for (size_t i = 0; i < c->nhosts; i++) {
		const struct wm_host *h = &c->hosts[i];
		char text[WM_IP4_TEXT];
		int rc = wm_check_host(c, h, err);

		if (rc)
			return rc;
		if (i && h->overlay == h[-1].overlay)
			return wm_fail_field(err, EINVAL, "wg_ip", "hosts '%s.%s' and '%s.%s' both have overlay address %s",
					     h[-1].name, h[-1].domain, h->name, h->domain,
					     wm_ip4_format(h->overlay, text));
	}
	return 0;
}

/* In entering them all, two that claim the same meet. */
static int check_host_pairs(struct wm_config *c, struct wm_error *err)
{
	int rc;

	wm_index_free(c);
	if (wm_index_reserve(c, c->nhosts))
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->nhosts; i++) {
		rc = wm_check_host_free(c, &c->hosts[i], err);
		if (rc)
			return rc;
		wm_index_put(c, &c->hosts[i]);
	}
	return 0;
}

/* Devices share the hub's domain with the hub's own hosts: names must differ there too. */
static int check_devices(struct wm_config *c, struct wm_error *err)
{
	WM_AUTO_FREE const void **view = sorted_view(c->devices, c->ndevices, sizeof(*c->devices), device_by_name);
	const struct wm_site *hub = wm_config_hub(c);

	if (!view)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->ndevices; i++) {
		const struct wm_device *d = &c->devices[i];
		char text[WM_IP4_TEXT];
		int rc;

		if (!wm_host_valid(d->name))
			return wm_fail_field(err, EINVAL, "name", "device '%.63s': not a name a device may have", d->name);
		if (!hub)
			return wm_fail(err, EINVAL, "device '%s': the mesh has no hub to attach it to", d->name);
		rc = wm_overlay_check(hub->subnet, d->overlay, err);
		if (rc)
			return wm_fail_in(err, rc, "device '%s'", d->name);
		if ((i && d->overlay == d[-1].overlay) || wm_config_host_at(c, d->overlay))
			return wm_fail_field(err, EINVAL, "wg_ip", "device '%s': overlay address %s is taken", d->name,
					     wm_ip4_format(d->overlay, text));
		if (wm_index_name(c, d->name, hub->domain))
			return wm_fail_field(err, EINVAL, "name", "'%s.%s' is both a host and a device", d->name, hub->domain);
		if (i && !device_by_name(&view[i - 1], &view[i]))
			return wm_fail_field(err, EINVAL, "name", "device '%s' is there twice",
					     ((const struct wm_device *)view[i])->name);
	}
	return 0;
}

/* One WireGuard key is one peer: two owners would steal each other's traffic. */
static int check_keys(struct wm_config *c, struct wm_error *err)
{
	size_t n = 0;
	WM_AUTO_FREE const struct wm_key **keys = calloc(c->nsites + c->ndevices + 1, sizeof(*keys));

	if (!keys)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->nsites; i++) {
		if (!wm_key_is_zero(&c->sites[i].public_key))
			keys[n++] = &c->sites[i].public_key;
	}
	for (size_t i = 0; i < c->ndevices; i++) {
		if (!wm_key_is_zero(&c->devices[i].public_key))
			keys[n++] = &c->devices[i].public_key;
	}
	qsort(keys, n, sizeof(*keys), key_order);
	for (size_t i = 1; i < n; i++) {
		char text[WM_KEY_TEXT];

		if (!key_order(&keys[i - 1], &keys[i]))
			return wm_fail_field(err, EINVAL, "public_key", "public key %s belongs to two peers",
					     wm_key_format(keys[i], text));
	}
	return 0;
}

int wm_check_peers(struct wm_config *config, struct wm_error *err)
{
	int rc = check_sites(config, err);

	if (!rc)
		rc = check_devices(config, err);
	return rc ? rc : check_keys(config, err);
}

int wm_config_finish(struct wm_config *config, struct wm_error *err)
{
	int (*const checks[])(struct wm_config *, struct wm_error *) = {
		check_sites, check_hosts, check_host_pairs, check_devices, check_keys,
	};
	int rc = wm_supernet_check(config->mesh.supernet, err);

	if (rc)
		return rc;
	if (config->mesh.requires & ~WM_FEATURES_KNOWN)
		return wm_fail_field(err, EINVAL, "requires", "the config needs features that this version does not have; update wm");
	if (!wm_title_valid(config->mesh.name))
		return wm_fail_field(err, EINVAL, "mesh_name", "the mesh's name is empty or not printable text");
	/* qsort(NULL, 0) is undefined */
	if (config->nsites)
		qsort(config->sites, config->nsites, sizeof(*config->sites), by_domain);
	if (config->nhosts)
		qsort(config->hosts, config->nhosts, sizeof(*config->hosts), host_by_overlay);
	if (config->ndevices)
		qsort(config->devices, config->ndevices, sizeof(*config->devices), device_by_overlay);
	for (size_t i = 0; i < WM_ARRAY_LEN(checks); i++) {
		rc = checks[i](config, err);
		if (rc)
			return rc;
	}
	return 0;
}
