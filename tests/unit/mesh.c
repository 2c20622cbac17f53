/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/mesh.h"

wm_ip4 ip(const char *text)
{
	wm_ip4 addr;

	if (wm_ip4_parse(text, &addr))
		fail_msg("'%s' is no address", text);
	return addr;
}

struct wm_prefix prefix(const char *text)
{
	struct wm_prefix p;

	if (wm_prefix_parse(text, &p))
		fail_msg("'%s' is no prefix", text);
	return p;
}

struct wm_mac mac(const char *text)
{
	struct wm_mac m;

	if (wm_mac_parse(text, &m))
		fail_msg("'%s' is no MAC", text);
	return m;
}

struct wm_endpoint endpoint(const char *text)
{
	struct wm_endpoint ep;

	if (wm_endpoint_parse(text, &ep))
		fail_msg("'%s' is no endpoint", text);
	return ep;
}

struct wm_key key(unsigned int n)
{
	struct wm_key k = { 0 };

	k.byte[0] = (uint8_t)(n * 8);
	k.byte[1] = (uint8_t)(n >> 5);
	k.byte[15] = (uint8_t)n;
	k.byte[31] = 0x40;
	return k;
}

static void add_site(struct wm_config *c, const char *domain, const char *subnet, unsigned int k, const char *ep, bool hub)
{
	struct wm_site s = { .subnet = prefix(subnet), .public_key = key(k), .hub = hub };

	strcpy(s.domain, domain);
	if (ep)
		s.endpoint = endpoint(ep);
	assert_int_equal(wm_config_add_site(c, &s), 0);
}

static void add_host(struct wm_config *c, const char *name, const char *domain, const char *overlay, const char *local,
		     uint8_t access, const char *bound)
{
	struct wm_host h = { .overlay = ip(overlay), .local = ip(local), .access = access, .has_mac = bound != NULL };

	strcpy(h.name, name);
	strcpy(h.domain, domain);
	if (bound)
		h.mac = mac(bound);
	assert_int_equal(wm_config_add_host(c, &h), 0);
}

static void add_device(struct wm_config *c, const char *name, const char *overlay, unsigned int k, uint8_t access)
{
	struct wm_device d = { .overlay = ip(overlay), .public_key = key(k), .access = access };

	strcpy(d.name, name);
	assert_int_equal(wm_config_add_device(c, &d), 0);
}

void mesh_small(struct wm_config *ret)
{
	*ret = (struct wm_config){ .mesh = { .generation = 17, .supernet = prefix("172.30.0.0/16") } };
	strcpy(ret->mesh.instance, "5e0c0f0e-8d3f-4b7e-9a51-0d3f6f1c2b4a");
	strcpy(ret->mesh.name, "home");
	add_site(ret, "hub", "172.30.1.0/24", 1, "198.51.100.1:51820", true);
	add_site(ret, "b", "172.30.3.0/24", 3, "198.51.100.3:51820", false);
	add_site(ret, "a", "172.30.2.0/24", 2, NULL, false);
	add_host(ret, "nas", "b", "172.30.3.2", "192.168.1.10", WM_ACCESS_FULL, NULL);
	add_host(ret, "cam", "a", "172.30.2.3", "192.168.1.11", WM_ACCESS_ISOLATED, "02:00:00:12:34:56");
	add_host(ret, "nas", "a", "172.30.2.2", "192.168.1.10", WM_ACCESS_FULL, NULL);
	add_device(ret, "sensor", "172.30.1.3", 12, WM_ACCESS_ISOLATED);
	add_device(ret, "laptop", "172.30.1.2", 11, WM_ACCESS_FULL);
}

void mesh_small_finished(struct wm_config *ret)
{
	mesh_small(ret);
	assert_ok(wm_config_finish(ret, &err));
}

static void random_site(struct rng *r, struct wm_config *c, uint32_t i, bool hub)
{
	struct wm_site s = { .subnet = { ip("10.128.0.0") + (i << 8), 24 }, .hub = hub };
	uint32_t nhosts = rng_below(r, 5);

	/* Not in the order of the subnets. */
	snprintf(s.domain, sizeof(s.domain), "s%x", (i * 7 + 3) % 16);
	if (rng_chance(r, 85))
		rng_fill(r, &s.public_key, sizeof(s.public_key));
	if (rng_chance(r, 30))
		rng_fill(r, &s.preshared_key, sizeof(s.preshared_key));
	if (rng_chance(r, 45)) {
		s.endpoint = (struct wm_endpoint){ .family = rng_chance(r, 30) ? 6 : 4, .port = (uint16_t)(1 + rng_below(r, 65535)) };
		rng_fill(r, s.endpoint.addr, s.endpoint.family == 4 ? 4 : 16);
	}
	assert_int_equal(wm_config_add_site(c, &s), 0);
	for (uint32_t n = 0; n < nhosts; n++) {
		struct wm_host h = { .overlay = s.subnet.addr + 254 - n, .access = (uint8_t)rng_below(r, 2) };

		snprintf(h.name, sizeof(h.name), "h%u", n);
		strcpy(h.domain, s.domain);
		h.local = rng_chance(r, 80) ? ip("192.168.1.0") + 10 + n : 0;
		h.has_mac = rng_chance(r, 30);
		if (h.has_mac)
			rng_fill(r, h.mac.byte + 1, 5);
		h.mac.byte[5] |= h.has_mac;
		assert_int_equal(wm_config_add_host(c, &h), 0);
	}
}

void mesh_random(struct rng *r, struct wm_config *ret)
{
	uint32_t nsites = 1 + rng_below(r, 12), hub = rng_chance(r, 85) ? rng_below(r, nsites) : nsites;
	uint32_t ndevices = hub < nsites ? rng_below(r, 5) : 0;

	*ret = (struct wm_config){ .mesh = { .generation = rng_next(r), .supernet = prefix("10.128.0.0/12") } };
	strcpy(ret->mesh.instance, "00000000-0000-4000-8000-000000000000");
	strcpy(ret->mesh.name, "random");
	for (uint32_t i = 0; i < nsites; i++)
		random_site(r, ret, i, i == hub);
	for (uint32_t i = 0; i < ndevices; i++) {
		struct wm_device d = { .overlay = ip("10.128.0.0") + (hub << 8) + 2 + i, .access = (uint8_t)rng_below(r, 2) };

		snprintf(d.name, sizeof(d.name), "d%u", i);
		if (rng_chance(r, 80))
			rng_fill(r, &d.public_key, sizeof(d.public_key));
		assert_int_equal(wm_config_add_device(ret, &d), 0);
	}
	assert_ok(wm_config_finish(ret, &err));
}

struct wm_site *mesh_site(struct wm_config *c, const char *domain)
{
	for (size_t i = 0; i < c->nsites; i++) {
		if (!strcmp(c->sites[i].domain, domain))
			return &c->sites[i];
	}
	fail_msg("no site %s", domain);
	return NULL;
}

struct wm_host *mesh_host(struct wm_config *c, const char *name, const char *domain)
{
	for (size_t i = 0; i < c->nhosts; i++) {
		if (!strcmp(c->hosts[i].name, name) && !strcmp(c->hosts[i].domain, domain))
			return &c->hosts[i];
	}
	fail_msg("no host %s.%s", name, domain);
	return NULL;
}

struct wm_device *mesh_device(struct wm_config *c, const char *name)
{
	for (size_t i = 0; i < c->ndevices; i++) {
		if (!strcmp(c->devices[i].name, name))
			return &c->devices[i];
	}
	fail_msg("no device %s", name);
	return NULL;
}

void assert_sites_equal(const struct wm_site *a, const struct wm_site *b)
{
	assert_string_equal(a->domain, b->domain);
	assert_true(wm_prefix_equal(a->subnet, b->subnet));
	assert_true(wm_key_equal(&a->public_key, &b->public_key));
	assert_true(wm_endpoint_equal(&a->endpoint, &b->endpoint));
	assert_int_equal(a->hub, b->hub);
	assert_true(wm_key_equal(&a->preshared_key, &b->preshared_key));
}

void assert_hosts_equal(const struct wm_host *a, const struct wm_host *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->domain, b->domain);
	assert_int_equal(a->overlay, b->overlay);
	assert_int_equal(a->local, b->local);
	assert_int_equal(a->has_mac, b->has_mac);
	assert_memory_equal(&a->mac, &b->mac, sizeof(a->mac));
	assert_int_equal(a->access, b->access);
}

void assert_devices_equal(const struct wm_device *a, const struct wm_device *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->overlay, b->overlay);
	assert_true(wm_key_equal(&a->public_key, &b->public_key));
	assert_int_equal(a->access, b->access);
}

void assert_meshes_equal(const struct wm_mesh *a, const struct wm_mesh *b)
{
	assert_string_equal(a->instance, b->instance);
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->self, b->self);
	assert_int_equal(a->generation, b->generation);
	assert_true(wm_prefix_equal(a->supernet, b->supernet));
	assert_int_equal(a->requires, b->requires);
	assert_string_equal(a->mark, b->mark);
}

void assert_configs_equal(const struct wm_config *a, const struct wm_config *b)
{
	assert_meshes_equal(&a->mesh, &b->mesh);
	assert_int_equal(a->nsites, b->nsites);
	assert_int_equal(a->nhosts, b->nhosts);
	assert_int_equal(a->ndevices, b->ndevices);
	for (size_t i = 0; i < a->nsites; i++)
		assert_sites_equal(&a->sites[i], &b->sites[i]);
	for (size_t i = 0; i < a->nhosts; i++)
		assert_hosts_equal(&a->hosts[i], &b->hosts[i]);
	for (size_t i = 0; i < a->ndevices; i++)
		assert_devices_equal(&a->devices[i], &b->devices[i]);
}
