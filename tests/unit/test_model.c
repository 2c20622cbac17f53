/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rules of a config: the single ones at their boundaries, and each one that
 * only a whole config can break, as one change to a config that is good.
 */
#include "core/model.h"
#include "core/util.h"
#include "unit/mesh.h"

static void supernets_from_8_to_29(void **state)
{
	static const char *const good[] = { "10.0.0.0/8", "172.30.0.0/16", "172.30.2.248/29", "100.64.0.0/10", "223.0.0.0/8", "1.0.0.0/8" };
	static const char *const bad[] = {
		"0.0.0.0/0", "10.0.0.0/7", "172.30.2.4/30", "172.30.2.4/32", "0.0.0.0/8", "127.0.0.0/8", "127.1.0.0/16",
		"169.254.0.0/16", "169.254.169.0/24", "169.0.0.0/8", "224.0.0.0/8", "240.0.0.0/8", "255.255.255.0/24",
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++)
		assert_ok(wm_supernet_check(prefix(good[i]), &err));
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_refused(wm_supernet_check(prefix(bad[i]), &err), EINVAL, "supernet", bad[i]);
}

static void subnets_from_12_to_30_inside_the_supernet(void **state)
{
	struct wm_prefix outer = prefix("10.0.0.0/8"), narrow = prefix("172.30.0.0/16");

	(void)state;
	assert_ok(wm_subnet_check(outer, prefix("10.16.0.0/12"), &err));
	assert_ok(wm_subnet_check(outer, prefix("10.255.255.252/30"), &err));
	assert_ok(wm_subnet_check(narrow, narrow, &err)); /* a mesh of one site */
	assert_refused(wm_subnet_check(outer, prefix("10.0.0.0/11"), &err), EINVAL, "subnet", "/12 to /30");
	assert_refused(wm_subnet_check(outer, prefix("10.0.0.0/31"), &err), EINVAL, "subnet", "/12 to /30");
	assert_refused(wm_subnet_check(narrow, prefix("172.31.0.0/24"), &err), EINVAL, "subnet", "172.30.0.0/16");
	assert_refused(wm_subnet_check(narrow, prefix("172.30.0.0/15"), &err), EINVAL, "subnet", "not inside");
	assert_refused(wm_subnet_check(narrow, prefix("0.0.0.0/0"), &err), EINVAL, "subnet", NULL);
}

static void overlay_addresses_between_gateway_and_broadcast(void **state)
{
	struct wm_prefix subnet = prefix("172.30.2.0/24"), least = prefix("172.30.2.4/30");

	(void)state;
	assert_ok(wm_overlay_check(subnet, ip("172.30.2.2"), &err));
	assert_ok(wm_overlay_check(subnet, ip("172.30.2.254"), &err));
	assert_refused(wm_overlay_check(subnet, ip("172.30.2.0"), &err), EINVAL, "wg_ip", "network");
	assert_refused(wm_overlay_check(subnet, ip("172.30.2.1"), &err), EINVAL, "wg_ip", "gateway's");
	assert_refused(wm_overlay_check(subnet, ip("172.30.2.255"), &err), EINVAL, "wg_ip", "broadcast");
	assert_refused(wm_overlay_check(subnet, ip("172.30.1.255"), &err), EINVAL, "wg_ip", "not in");
	assert_refused(wm_overlay_check(subnet, ip("172.30.3.0"), &err), EINVAL, "wg_ip", "not in");
	assert_refused(wm_overlay_check(subnet, 0, &err), EINVAL, "wg_ip", "not in");
	assert_ok(wm_overlay_check(least, ip("172.30.2.6"), &err));
	assert_refused(wm_overlay_check(least, ip("172.30.2.7"), &err), EINVAL, "wg_ip", "broadcast");
}

static void lan_addresses_a_host_may_have(void **state)
{
	static const char *const good[] = { "192.168.1.10", "10.0.0.1", "172.29.255.255", "172.31.0.0", "203.0.113.9" };
	static const char *const bad[] = {
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.169.254", "224.0.0.251", "240.0.0.1", "255.255.255.255", "172.30.0.0",
		"172.30.2.2", "172.30.255.255",
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++)
		assert_ok(wm_local_check(prefix("172.30.0.0/16"), ip(good[i]), &err));
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_refused(wm_local_check(prefix("172.30.0.0/16"), ip(bad[i]), &err), EINVAL, "local_ip", bad[i]);
}

static void a_good_config_is_sorted_and_found(void **state)
{
	struct wm_config c;

	(void)state;
	mesh_small_finished(&c);
	assert_int_equal(c.nsites, 3);
	assert_string_equal(c.sites[0].domain, "a");
	assert_string_equal(c.sites[1].domain, "b");
	assert_string_equal(c.sites[2].domain, "hub");
	for (size_t i = 1; i < c.nhosts; i++)
		assert_true(c.hosts[i - 1].overlay < c.hosts[i].overlay);
	for (size_t i = 1; i < c.ndevices; i++)
		assert_true(c.devices[i - 1].overlay < c.devices[i].overlay);
	assert_ptr_equal(wm_config_site(&c, "b"), &c.sites[1]);
	assert_null(wm_config_site(&c, "c"));
	assert_null(wm_config_site(&c, ""));
	assert_null(wm_config_site(&c, "a-name-that-is-longer-than-any-site-can-have-because-it-has-more-than-63-characters"));
	assert_ptr_equal(wm_config_hub(&c), &c.sites[2]);
	assert_int_equal(wm_site_gateway(&c.sites[0]), ip("172.30.2.1"));
	c.sites[2].hub = false;
	assert_null(wm_config_hub(&c));
	wm_config_free(&c);
	assert_null(c.sites);
	wm_config_free(&c);
	wm_config_free(NULL);
}

/* What an admin starts with: nothing but a name and a supernet. */
static void an_empty_mesh_is_good(void **state)
{
	struct wm_config c = { .mesh = { .name = "new", .supernet = prefix("10.0.0.0/8") } };

	(void)state;
	assert_ok(wm_config_finish(&c, &err));
	assert_null(wm_config_site(&c, "a"));
	assert_null(wm_config_hub(&c));
}

/* --- one change that must be refused ------------------------------------------------ */

static void no_title(struct wm_config *c) { strcpy(c->mesh.name, ""); }
static void title_with_escape(struct wm_config *c) { strcpy(c->mesh.name, "home\x1b[31m"); }
static void title_with_newline(struct wm_config *c) { strcpy(c->mesh.name, "home\nroot"); }
static void supernet_everything(struct wm_config *c) { c->mesh.supernet = prefix("0.0.0.0/0"); }
static void supernet_loopback(struct wm_config *c) { c->mesh.supernet = prefix("127.0.0.0/8"); }
static void unknown_feature(struct wm_config *c) { c->mesh.requires = 1u << 31; }

static void site_newline(struct wm_config *c) { strcpy(mesh_site(c, "a")->domain, "a\nb"); }
static void site_quote(struct wm_config *c) { strcpy(mesh_site(c, "a")->domain, "a\"b"); }
static void site_semicolon(struct wm_config *c) { strcpy(mesh_site(c, "a")->domain, "a;b"); }
static void site_com(struct wm_config *c) { strcpy(mesh_site(c, "a")->domain, "com"); }
static void site_localhost(struct wm_config *c) { strcpy(mesh_site(c, "a")->domain, "localhost"); }
static void site_without_name(struct wm_config *c) { strcpy(mesh_site(c, "a")->domain, ""); }
static void site_upper_case(struct wm_config *c) { strcpy(mesh_site(c, "a")->domain, "A"); }
static void site_twice(struct wm_config *c) { strcpy(mesh_site(c, "a")->domain, "b"); }
static void two_hubs(struct wm_config *c) { mesh_site(c, "a")->hub = true; }
static void subnet_everything(struct wm_config *c) { mesh_site(c, "a")->subnet = prefix("0.0.0.0/0"); }
static void subnet_outside(struct wm_config *c) { mesh_site(c, "a")->subnet = prefix("192.168.1.0/24"); }
static void subnet_missing(struct wm_config *c) { mesh_site(c, "a")->subnet = (struct wm_prefix){ 0 }; }
static void subnet_same(struct wm_config *c) { mesh_site(c, "a")->subnet = prefix("172.30.3.0/24"); }
static void subnet_around(struct wm_config *c) { mesh_site(c, "a")->subnet = prefix("172.30.2.0/23"); }
static void subnet_within(struct wm_config *c) { mesh_site(c, "a")->subnet = prefix("172.30.3.128/25"); }

static void host_newline(struct wm_config *c) { strcpy(mesh_host(c, "cam", "a")->name, "cam\n1.2.3.4 bank"); }
static void host_gw(struct wm_config *c) { strcpy(mesh_host(c, "cam", "a")->name, "gw"); }
static void host_dot(struct wm_config *c) { strcpy(mesh_host(c, "cam", "a")->name, "cam.a"); }
static void host_without_name(struct wm_config *c) { strcpy(mesh_host(c, "cam", "a")->name, ""); }
static void host_of_no_site(struct wm_config *c) { strcpy(mesh_host(c, "cam", "a")->domain, "c"); }
static void host_without_site(struct wm_config *c) { strcpy(mesh_host(c, "cam", "a")->domain, ""); }
static void host_twice(struct wm_config *c) { strcpy(mesh_host(c, "cam", "a")->name, "nas"); }
static void host_elsewhere(struct wm_config *c) { mesh_host(c, "cam", "a")->overlay = ip("172.30.3.9"); }
static void host_is_network(struct wm_config *c) { mesh_host(c, "cam", "a")->overlay = ip("172.30.2.0"); }
static void host_is_gateway(struct wm_config *c) { mesh_host(c, "cam", "a")->overlay = ip("172.30.2.1"); }
static void host_is_broadcast(struct wm_config *c) { mesh_host(c, "cam", "a")->overlay = ip("172.30.2.255"); }
static void host_without_address(struct wm_config *c) { mesh_host(c, "cam", "a")->overlay = 0; }
static void host_same_overlay(struct wm_config *c) { mesh_host(c, "cam", "a")->overlay = ip("172.30.2.2"); }
static void host_same_local(struct wm_config *c) { mesh_host(c, "cam", "a")->local = ip("192.168.1.10"); }
static void local_loopback(struct wm_config *c) { mesh_host(c, "cam", "a")->local = ip("127.0.0.1"); }
static void local_metadata(struct wm_config *c) { mesh_host(c, "cam", "a")->local = ip("169.254.169.254"); }
static void local_multicast(struct wm_config *c) { mesh_host(c, "cam", "a")->local = ip("224.0.0.1"); }
static void local_in_overlay(struct wm_config *c) { mesh_host(c, "cam", "a")->local = ip("172.30.3.2"); }

static void device_newline(struct wm_config *c) { strcpy(mesh_device(c, "laptop")->name, "lap\ntop"); }
static void device_gw(struct wm_config *c) { strcpy(mesh_device(c, "laptop")->name, "gw"); }
static void device_twice(struct wm_config *c) { strcpy(mesh_device(c, "laptop")->name, "sensor"); }
static void device_elsewhere(struct wm_config *c) { mesh_device(c, "laptop")->overlay = ip("172.30.2.9"); }
static void device_is_gateway(struct wm_config *c) { mesh_device(c, "laptop")->overlay = ip("172.30.1.1"); }
static void device_same_overlay(struct wm_config *c) { mesh_device(c, "laptop")->overlay = ip("172.30.1.3"); }

static void device_without_hub(struct wm_config *c) { mesh_site(c, "hub")->hub = false; }

static void hub_host(struct wm_config *c, const char *name, const char *overlay)
{
	struct wm_host *h = mesh_host(c, "cam", "a");

	strcpy(h->name, name);
	strcpy(h->domain, "hub");
	h->overlay = ip(overlay);
}

static void device_on_a_host(struct wm_config *c) { hub_host(c, "cam", "172.30.1.2"); }
static void device_named_as_a_host(struct wm_config *c) { hub_host(c, "laptop", "172.30.1.9"); }

static void key_of_two_sites(struct wm_config *c) { mesh_site(c, "a")->public_key = key(3); }
static void key_of_two_devices(struct wm_config *c) { mesh_device(c, "laptop")->public_key = key(12); }
static void key_of_site_and_device(struct wm_config *c) { mesh_device(c, "laptop")->public_key = key(2); }

static const struct rule {
	const char *name;
	void (*change)(struct wm_config *c);
	const char *field, *says;
} rules[] = {
#define RULE(change, field, says) { #change, change, field, says }
	RULE(no_title, "mesh_name", NULL),
	RULE(title_with_escape, "mesh_name", NULL),
	RULE(title_with_newline, "mesh_name", NULL),
	RULE(supernet_everything, "supernet", "0.0.0.0/0"),
	RULE(supernet_loopback, "supernet", "127.0.0.0/8"),
	RULE(unknown_feature, "requires", "update"),
	RULE(site_newline, "domain", "site"),
	RULE(site_quote, "domain", "site"),
	RULE(site_semicolon, "domain", "site"),
	RULE(site_com, "domain", "com"),
	RULE(site_localhost, "domain", "localhost"),
	RULE(site_without_name, "domain", "site"),
	RULE(site_upper_case, "domain", "site"),
	RULE(site_twice, "domain", "'b' is there twice"),
	RULE(two_hubs, "is_hub", "'a' and 'hub'"),
	RULE(subnet_everything, "subnet", "site 'a'"),
	RULE(subnet_outside, "subnet", "site 'a'"),
	RULE(subnet_missing, "subnet", "site 'a'"),
	RULE(subnet_same, "subnet", "overlaps"),
	RULE(subnet_around, "subnet", "overlaps"),
	RULE(subnet_within, "subnet", "overlaps"),
	RULE(host_newline, "name", "host"),
	RULE(host_gw, "name", "gw"),
	RULE(host_dot, "name", "cam.a"),
	RULE(host_without_name, "name", "host"),
	RULE(host_of_no_site, "domain", "no site 'c'"),
	RULE(host_without_site, "domain", "host 'cam'"),
	RULE(host_twice, "name", "'nas.a' is there twice"),
	RULE(host_elsewhere, "wg_ip", "host 'cam.a'"),
	RULE(host_is_network, "wg_ip", "network"),
	RULE(host_is_gateway, "wg_ip", "gateway's"),
	RULE(host_is_broadcast, "wg_ip", "broadcast"),
	RULE(host_without_address, "wg_ip", "host 'cam.a'"),
	RULE(host_same_overlay, "wg_ip", "172.30.2.2"),
	RULE(host_same_local, "local_ip", "192.168.1.10"),
	RULE(local_loopback, "local_ip", "host 'cam.a'"),
	RULE(local_metadata, "local_ip", "169.254.169.254"),
	RULE(local_multicast, "local_ip", "224.0.0.1"),
	RULE(local_in_overlay, "local_ip", "172.30.3.2"),
	RULE(device_newline, "name", "device"),
	RULE(device_gw, "name", "gw"),
	RULE(device_twice, "name", "'sensor' is there twice"),
	RULE(device_elsewhere, "wg_ip", "device 'laptop'"),
	RULE(device_is_gateway, "wg_ip", "gateway's"),
	RULE(device_same_overlay, "wg_ip", "172.30.1.3"),
	RULE(device_without_hub, "", "no hub"),
	RULE(device_on_a_host, "wg_ip", "device 'laptop'"),
	RULE(device_named_as_a_host, "name", "'laptop.hub'"),
	RULE(key_of_two_sites, "public_key", NULL),
	RULE(key_of_two_devices, "public_key", NULL),
	RULE(key_of_site_and_device, "public_key", NULL),
#undef RULE
};

static void breaking_one_rule_is_refused(void **state)
{
	const struct rule *rule = *state;
	struct wm_config c;

	unit_setup(NULL);
	mesh_small(&c);
	rule->change(&c);
	assert_refused(wm_config_finish(&c, &err), EINVAL, rule->field, rule->says);
	wm_config_free(&c);
}

/* --- and what looks alike and is right ------------------------------------------------ */

static void what_may_be_the_same(void **state)
{
	struct wm_config c;

	(void)state;
	mesh_small(&c);
	/* The same name and LAN address at two sites are in it already. Keys and endpoints may be missing. */
	mesh_site(&c, "a")->public_key = (struct wm_key){ 0 };
	mesh_site(&c, "b")->public_key = (struct wm_key){ 0 };
	mesh_site(&c, "b")->endpoint = (struct wm_endpoint){ 0 };
	mesh_device(&c, "laptop")->public_key = (struct wm_key){ 0 };
	mesh_device(&c, "sensor")->public_key = (struct wm_key){ 0 };
	/* A device may be called like a host of a spoke, and hosts of others have no LAN address. */
	strcpy(mesh_device(&c, "laptop")->name, "nas");
	mesh_host(&c, "cam", "a")->local = 0;
	mesh_host(&c, "nas", "a")->local = 0;
	assert_ok(wm_config_finish(&c, &err));
	wm_config_free(&c);
}

static void subnets_of_unequal_size_side_by_side(void **state)
{
	struct wm_config c;

	(void)state;
	mesh_small(&c);
	mesh_site(&c, "b")->subnet = prefix("172.30.2.0/25");
	mesh_site(&c, "a")->subnet = prefix("172.30.2.128/30");
	c.nhosts = 0;
	assert_ok(wm_config_finish(&c, &err));
	wm_config_free(&c);
}

static void an_overlap_shows_among_many(void **state)
{
	struct wm_config c = { .mesh = { .name = "many", .supernet = prefix("10.0.0.0/8") } };

	(void)state;
	for (uint32_t i = 0; i < 500; i++) {
		struct wm_site s = { .subnet = { ip("10.0.0.0") + (i << 8), 24 } };

		snprintf(s.domain, sizeof(s.domain), "s%u", (i * 211) % 500);
		assert_int_equal(wm_config_add_site(&c, &s), 0);
	}
	assert_ok(wm_config_finish(&c, &err));
	mesh_site(&c, "s7")->subnet = prefix("10.0.0.0/12");
	assert_refused(wm_config_finish(&c, &err), EINVAL, "subnet", "overlaps");
	wm_config_free(&c);
}

static void every_random_mesh_is_good(void **state)
{
	struct rng r = { 11 };

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct wm_config c;

		mesh_random(&r, &c); /* asserts it */
		wm_config_free(&c);
	}
}

static void types_by_name(void **state)
{
	(void)state;
	assert_string_equal(wm_host_type_name(WM_ACCESS_FULL), "standard");
	assert_string_equal(wm_host_type_name(WM_ACCESS_ISOLATED), "isolated");
	assert_string_equal(wm_device_type_name(WM_ACCESS_FULL), "roaming");
	assert_string_equal(wm_device_type_name(WM_ACCESS_ISOLATED), "isolated");
	/* What we do not know grants nothing. */
	assert_string_equal(wm_host_type_name(200), "isolated");
	assert_string_equal(wm_device_type_name(2), "isolated");
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		TEST(supernets_from_8_to_29),
		TEST(subnets_from_12_to_30_inside_the_supernet),
		TEST(overlay_addresses_between_gateway_and_broadcast),
		TEST(lan_addresses_a_host_may_have),
		TEST(a_good_config_is_sorted_and_found),
		TEST(an_empty_mesh_is_good),
		TEST(what_may_be_the_same),
		TEST(subnets_of_unequal_size_side_by_side),
		TEST(an_overlap_shows_among_many),
		TEST(every_random_mesh_is_good),
		TEST(types_by_name),
	};
	struct CMUnitTest tests[WM_ARRAY_LEN(others) + WM_ARRAY_LEN(rules)];

	memcpy(tests, others, sizeof(others));
	for (size_t i = 0; i < WM_ARRAY_LEN(rules); i++)
		tests[WM_ARRAY_LEN(others) + i] = (struct CMUnitTest){
			.name = rules[i].name,
			.test_func = breaking_one_rule_is_refused,
			.initial_state = (void *)&rules[i],
		};
	return UNIT_RUN("model", tests);
}
