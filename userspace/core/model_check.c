/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The check of a whole config: what no single object shows.
 */
#include <errno.h>
#include <string.h>

#include "core/model.h"
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

static int host_by_name(const void *a, const void *b)
{
	const struct wm_host *x = *(const struct wm_host *const *)a, *y = *(const struct wm_host *const *)b;
	int c = strcmp(x->domain, y->domain);

	return c ? c : strcmp(x->name, y->name);
}

static int host_by_local(const void *a, const void *b)
{
	const struct wm_host *x = *(const struct wm_host *const *)a, *y = *(const struct wm_host *const *)b;
	int c = strcmp(x->domain, y->domain);

	return c ? c : x->local < y->local ? -1 : x->local > y->local;
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

static int check_sites(const struct wm_config *c, struct wm_error *err)
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

static int check_hosts(const struct wm_config *c, struct wm_error *err)
{
	for (size_t i = 0; i < c->nhosts; i++) {
		const struct wm_host *h = &c->hosts[i];
		const struct wm_site *s = wm_config_site(c, h->domain);
		char text[WM_IP4_TEXT];
		int rc;

		if (!wm_host_valid(h->name))
			return wm_fail_field(err, EINVAL, "name", "host '%.63s': not a name a host may have", h->name);
		if (!s)
			return wm_fail_field(err, EINVAL, "domain", "host '%s': there is no site '%.63s'", h->name,
					     h->domain);
		rc = wm_overlay_check(s->subnet, h->overlay, err);
		if (!rc && h->local)
			rc = wm_local_check(c->mesh.supernet, h->local, err);
		if (rc)
			return wm_fail_in(err, rc, "host '%s.%s'", h->name, h->domain);
		if (i && h->overlay == h[-1].overlay)
			return wm_fail_field(err, EINVAL, "wg_ip", "hosts '%s.%s' and '%s.%s' both have overlay address %s",
					     h[-1].name, h[-1].domain, h->name, h->domain,
					     wm_ip4_format(h->overlay, text));
	}
	return 0;
}

static int check_host_pairs(const struct wm_config *c, struct wm_error *err)
{
	WM_AUTO_FREE const void **names = sorted_view(c->hosts, c->nhosts, sizeof(*c->hosts), host_by_name);
	WM_AUTO_FREE const void **locals = sorted_view(c->hosts, c->nhosts, sizeof(*c->hosts), host_by_local);

	if (!names || !locals)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 1; i < c->nhosts; i++) {
		const struct wm_host *a = locals[i - 1], *b = locals[i];
		char text[WM_IP4_TEXT];

		if (!host_by_name(&names[i - 1], &names[i]))
			return wm_fail_field(err, EINVAL, "name", "host '%s.%s' is there twice",
					     ((const struct wm_host *)names[i])->name,
					     ((const struct wm_host *)names[i])->domain);
		if (b->local && !host_by_local(&locals[i - 1], &locals[i]))
			return wm_fail_field(err, EINVAL, "local_ip", "hosts '%s' and '%s' of site '%s' both have LAN address %s",
					     a->name, b->name, b->domain, wm_ip4_format(b->local, text));
	}
	return 0;
}

static bool is_host_address(const struct wm_config *c, wm_ip4 overlay)
{
	struct wm_host key = { .overlay = overlay };

	return c->nhosts && bsearch(&key, c->hosts, c->nhosts, sizeof(key), host_by_overlay);
}

/* Devices share the hub's domain with the hub's own hosts: names must differ there too. */
static bool is_hub_host(const struct wm_config *c, const void **names, const char *name, const char *domain)
{
	struct wm_host key = { 0 };
	const struct wm_host *p = &key;

	return !wm_copy(key.name, sizeof(key.name), name) && !wm_copy(key.domain, sizeof(key.domain), domain) &&
	       bsearch(&p, names, c->nhosts, sizeof(*names), host_by_name);
}

static int check_devices(const struct wm_config *c, struct wm_error *err)
{
	WM_AUTO_FREE const void **view = sorted_view(c->devices, c->ndevices, sizeof(*c->devices), device_by_name);
	WM_AUTO_FREE const void **hosts = sorted_view(c->hosts, c->nhosts, sizeof(*c->hosts), host_by_name);
	const struct wm_site *hub = wm_config_hub(c);

	if (!view || !hosts)
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
		if ((i && d->overlay == d[-1].overlay) || is_host_address(c, d->overlay))
			return wm_fail_field(err, EINVAL, "wg_ip", "device '%s': overlay address %s is taken", d->name,
					     wm_ip4_format(d->overlay, text));
		if (is_hub_host(c, hosts, d->name, hub->domain))
			return wm_fail_field(err, EINVAL, "name", "'%s.%s' is both a host and a device", d->name, hub->domain);
		if (i && !device_by_name(&view[i - 1], &view[i]))
			return wm_fail_field(err, EINVAL, "name", "device '%s' is there twice",
					     ((const struct wm_device *)view[i])->name);
	}
	return 0;
}

/* One WireGuard key is one peer: two owners would steal each other's traffic. */
static int check_keys(const struct wm_config *c, struct wm_error *err)
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

int wm_config_finish(struct wm_config *config, struct wm_error *err)
{
	int (*const checks[])(const struct wm_config *, struct wm_error *) = {
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
