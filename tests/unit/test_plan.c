/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a gateway makes of the small mesh of mesh.h, exactly. That the plans of
 * all gateways fit each other is test_plan_routing's.
 */
#include "core/plan.h"
#include "core/util.h"
#include "unit/mesh.h"

static struct wm_config config;
static struct wm_self self;
static struct wm_plan plan;

static int setup(void **state)
{
	mesh_small_finished(&config);
	self = (struct wm_self){
		.domain = "a", .private_key = key(100), .listen_port = 51820, .mtu = 1420, .nlans = 1,
		.lans = { { .ifname = "eth1", .ifindex = 7, .addr = ip("192.168.1.250"), .prefix = prefix("192.168.1.0/24"), .mtu = 1500 } },
	};
	return unit_setup(state);
}

static int teardown(void **state)
{
	(void)state;
	wm_plan_free(&plan);
	wm_config_free(&config);
	return 0;
}

static void make(const char *domain)
{
	wm_plan_free(&plan);
	strcpy(self.domain, domain);
	assert_ok(wm_plan_check(&config, &self, &err));
	assert_ok(wm_plan_make(&config, &self, &plan, &err));
}

/* Who only asks whether it can be hears the same. */
static int refused(void)
{
	struct wm_error why;
	int rc = wm_plan_check(&config, &self, &why);

	assert_int_equal(wm_plan_make(&config, &self, &plan, &err), rc);
	assert_string_equal(why.text, err.text);
	return rc;
}

static uint8_t peer_preshared; /* the first byte of the next ones' preshared key */

/* The peer with key k has this endpoint ("" none), keepalive, and these prefixes, and no others. */
static void assert_peer(unsigned int k, const char *ep, unsigned int keepalive, const char *const *allowed)
{
	const struct wm_wg_peer *peer = NULL;
	struct wm_key wanted = key(k);
	char text[WM_ENDPOINT_TEXT];
	size_t n = 0;

	for (size_t i = 0; i < plan.wg.npeers; i++) {
		if (wm_key_equal(&plan.wg.peers[i].public_key, &wanted))
			peer = &plan.wg.peers[i];
	}
	if (!peer)
		fail_msg("no peer with key %u", k);
	assert_string_equal(wm_endpoint_format(&peer->endpoint, text), ep);
	assert_int_equal(peer->keepalive_s, keepalive);
	assert_int_equal(peer->preshared_key.byte[0], peer_preshared);
	for (; allowed[n]; n++) {
		assert_true(n < peer->nallowed);
		assert_string_equal(wm_prefix_format(plan.wg.allowed[peer->first_allowed + n], text), allowed[n]);
	}
	assert_int_equal(peer->nallowed, n);
}

#define PEER(k, ep, keepalive, ...) assert_peer(k, ep, keepalive, (const char *const[]){ __VA_ARGS__, NULL })

static void the_head_of_a_plan(void **state)
{
	struct wm_key private_key = key(100);

	(void)state;
	make("a");
	assert_int_equal(plan.generation, 17);
	assert_string_equal(plan.domain, "a");
	assert_true(wm_prefix_equal(plan.supernet, prefix("172.30.0.0/16")));
	assert_true(wm_prefix_equal(plan.subnet, prefix("172.30.2.0/24")));
	assert_int_equal(plan.gateway, ip("172.30.2.1"));
	assert_false(plan.hub);
	assert_int_equal(plan.mtu, 1420);
	assert_int_equal(plan.nlans, 1);
	assert_string_equal(plan.lans[0].ifname, "eth1");
	assert_true(wm_key_equal(&plan.wg.private_key, &private_key));
	assert_int_equal(plan.wg.listen_port, 51820);
	make("hub");
	assert_true(plan.hub);
	assert_int_equal(plan.gateway, ip("172.30.1.1"));
}

static void peers_of_the_hub_are_all_sites_and_devices(void **state)
{
	(void)state;
	make("hub");
	assert_int_equal(plan.wg.npeers, 4);
	PEER(2, "", 0, "172.30.2.0/24");
	PEER(3, "198.51.100.3:51820", 0, "172.30.3.0/24");
	PEER(11, "", 0, "172.30.1.2/32");
	PEER(12, "", 0, "172.30.1.3/32");
}

static void peers_of_a_spoke_behind_nat_are_kept_awake(void **state)
{
	(void)state;
	make("a");
	assert_int_equal(plan.wg.npeers, 2);
	PEER(1, "198.51.100.1:51820", 25, "172.30.1.0/24");
	PEER(3, "198.51.100.3:51820", 25, "172.30.3.0/24"); /* direct: b can be reached */
}

static void a_preshared_key_is_the_peers_that_it_came_with(void **state)
{
	(void)state;
	memset(&mesh_site(&config, "b")->preshared_key, 0x5a, WM_KEY_LEN);
	make("a");
	PEER(1, "198.51.100.1:51820", 25, "172.30.1.0/24");
	peer_preshared = 0x5a;
	PEER(3, "198.51.100.3:51820", 25, "172.30.3.0/24");
	peer_preshared = 0;
}

static void peers_of_a_spoke_with_an_endpoint(void **state)
{
	(void)state;
	make("b");
	assert_int_equal(plan.wg.npeers, 2);
	PEER(1, "198.51.100.1:51820", 0, "172.30.1.0/24");
	PEER(2, "", 0, "172.30.2.0/24"); /* it comes to us */
}

static void two_spokes_without_endpoints_meet_at_the_hub(void **state)
{
	(void)state;
	mesh_site(&config, "b")->endpoint = (struct wm_endpoint){ 0 };
	make("a");
	assert_int_equal(plan.wg.npeers, 1);
	PEER(1, "198.51.100.1:51820", 25, "172.30.1.0/24", "172.30.3.0/24");
	make("b");
	assert_int_equal(plan.wg.npeers, 1);
	PEER(1, "198.51.100.1:51820", 25, "172.30.1.0/24", "172.30.2.0/24");
	make("hub");
	PEER(2, "", 0, "172.30.2.0/24");
	PEER(3, "", 0, "172.30.3.0/24");
}

static void who_has_no_key_is_no_peer_yet(void **state)
{
	(void)state;
	mesh_site(&config, "b")->public_key = (struct wm_key){ 0 };
	mesh_device(&config, "laptop")->public_key = (struct wm_key){ 0 };
	make("a");
	assert_int_equal(plan.wg.npeers, 1);
	PEER(1, "198.51.100.1:51820", 25, "172.30.1.0/24");
	make("hub");
	assert_int_equal(plan.wg.npeers, 2);
	PEER(2, "", 0, "172.30.2.0/24");
	PEER(12, "", 0, "172.30.1.3/32");
	make("b"); /* itself not enrolled: nobody would know it */
	assert_int_equal(plan.wg.npeers, 0);
}

static void without_a_hub_the_reachable_are_still_direct(void **state)
{
	(void)state;
	mesh_site(&config, "hub")->public_key = (struct wm_key){ 0 };
	make("a");
	assert_int_equal(plan.wg.npeers, 1);
	PEER(3, "198.51.100.3:51820", 25, "172.30.3.0/24");
	mesh_site(&config, "b")->endpoint = (struct wm_endpoint){ 0 };
	make("a");
	assert_int_equal(plan.wg.npeers, 0);
	assert_int_equal(plan.wg.nallowed, 0);
	/* A mesh that has none at all. */
	mesh_site(&config, "hub")->hub = false;
	config.ndevices = 0;
	make("a");
	assert_false(plan.hub);
	assert_int_equal(plan.wg.npeers, 0);
}

static void direct_when_one_can_be_reached_and_both_have_keys(void **state)
{
	struct wm_site a = { .public_key = key(1) }, b = { .public_key = key(2) };

	(void)state;
	assert_false(wm_sites_direct(&a, &b));
	b.endpoint = endpoint("[2001:db8::1]:1");
	assert_true(wm_sites_direct(&a, &b));
	assert_true(wm_sites_direct(&b, &a));
	b.endpoint.family = 0;
	b.hub = true;
	assert_true(wm_sites_direct(&a, &b));
	assert_true(wm_sites_direct(&b, &a));
	a.public_key = (struct wm_key){ 0 };
	assert_false(wm_sites_direct(&a, &b));
	assert_false(wm_sites_direct(&b, &a));
}

static void a_config_that_is_not_ours_is_refused(void **state)
{
	(void)state;
	strcpy(self.domain, "c");
	assert_refused(refused(), ENOENT, "", "wm add-site c");
	strcpy(self.domain, "a");
	strcpy(config.mesh.self, "b");
	assert_refused(refused(), EINVAL, "", "SITE_DOMAIN");
	strcpy(config.mesh.self, "a");
	make("a");
	strcpy(config.mesh.self, ""); /* the whole mesh, as an admin gets it */
	make("a");
}

static void pins_hold(void **state)
{
	(void)state;
	self.supernet = prefix("172.30.0.0/16");
	self.subnet = prefix("172.30.2.0/24");
	make("a");
	wm_plan_free(&plan);
	self.supernet = prefix("172.16.0.0/12"); /* around it is not the same */
	assert_refused(refused(), EPERM, "", "WM_MESH_SUPERNET");
	self.supernet.len = 0;
	self.subnet = prefix("172.30.2.0/25");
	assert_refused(refused(), EPERM, "", "SITE_SUBNET");
	self.subnet = prefix("172.30.3.0/24");
	assert_refused(refused(), EPERM, "", "SITE_SUBNET");
	assert_null(plan.ends);
	self.subnet.len = 0;
	/* nas .10 and cam .11 */
	self.lan_prefixes[0] = prefix("10.0.0.0/8");
	self.lan_prefixes[1] = prefix("192.168.1.8/30");
	self.nlan_prefixes = 2;
	make("a");
	wm_plan_free(&plan);
	self.lan_prefixes[1] = prefix("192.168.1.8/31");
	assert_refused(refused(), EPERM, "local_ip", "WM_LAN_PREFIXES");
	assert_null(plan.ends);
	self.nlan_prefixes = 0;
}

static void lans_that_cannot_work_are_refused(void **state)
{
	(void)state;
	self.lans[0].prefix = prefix("172.30.9.0/24");
	assert_refused(refused(), EINVAL, "", "eth1 overlaps");
	self.lans[0].prefix = prefix("172.16.0.0/12");
	assert_refused(refused(), EINVAL, "", "overlaps");
	self.lans[0].prefix = prefix("192.168.1.0/24");
	self.lans[1] = self.lans[0];
	strcpy(self.lans[1].ifname, "eth2");
	self.nlans = 2;
	assert_refused(refused(), EINVAL, "", "on both eth1 and eth2");
	self.lans[1].addr = ip("192.168.1.251"); /* the same subnet, another address */
	make("a");
	assert_int_equal(plan.nlans, 2);
}

static void ends_are_this_sites_hosts(void **state)
{
	(void)state;
	make("a");
	assert_int_equal(plan.nends, 2);
	assert_string_equal(plan.ends[0].name, "nas");
	assert_int_equal(plan.ends[0].overlay, ip("172.30.2.2"));
	assert_int_equal(plan.ends[0].local, ip("192.168.1.10"));
	assert_int_equal(plan.ends[0].kind, WM_END_HOST);
	assert_int_equal(plan.ends[0].access, WM_ACCESS_FULL);
	assert_int_equal(plan.ends[0].lan, 0);
	assert_false(plan.ends[0].has_mac);
	assert_string_equal(plan.ends[1].name, "cam");
	assert_int_equal(plan.ends[1].access, WM_ACCESS_ISOLATED);
	assert_true(plan.ends[1].has_mac);
	assert_memory_equal(plan.ends[1].mac.byte, "\x02\0\0\x12\x34\x56", 6);
	assert_int_equal(plan.nproblems, 0);
}

static void devices_end_at_the_hub_only(void **state)
{
	(void)state;
	make("hub");
	assert_int_equal(plan.nends, 2);
	assert_string_equal(plan.ends[0].name, "laptop");
	assert_int_equal(plan.ends[0].kind, WM_END_DEVICE);
	assert_int_equal(plan.ends[0].local, 0);
	assert_int_equal(plan.ends[0].access, WM_ACCESS_FULL);
	assert_string_equal(plan.ends[1].name, "sensor");
	assert_int_equal(plan.ends[1].access, WM_ACCESS_ISOLATED);
	/* Hosts and devices of the hub, in order of their addresses. */
	strcpy(mesh_host(&config, "nas", "a")->domain, "hub");
	mesh_host(&config, "nas", "hub")->overlay = ip("172.30.1.9");
	mesh_device(&config, "sensor")->overlay = ip("172.30.1.200");
	assert_ok(wm_config_finish(&config, &err));
	make("hub");
	assert_int_equal(plan.nends, 3);
	assert_string_equal(plan.ends[1].name, "nas");
	assert_string_equal(plan.ends[2].name, "sensor");
}

static void who_cannot_be_placed_is_a_problem_and_not_fatal(void **state)
{
	static const struct {
		const char *local, *says;
	} rows[] = {
		{ "0.0.0.0", "no LAN address" }, { "192.168.2.10", "no LAN of this gateway" }, { "192.168.1.250", "own" },
		{ "192.168.1.0", "network" },	 { "192.168.1.255", "broadcast" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		mesh_host(&config, "cam", "a")->local = ip(rows[i].local);
		make("a");
		assert_int_equal(plan.nends, 1);
		assert_string_equal(plan.ends[0].name, "nas");
		assert_int_equal(plan.nproblems, 1);
		assert_non_null(strstr(plan.problems[0], "cam"));
		assert_non_null(strstr(plan.problems[0], rows[i].says));
	}
	/* No LAN at all: every host, and still a plan. */
	self.nlans = 0;
	make("a");
	assert_int_equal(plan.nends, 0);
	assert_int_equal(plan.nproblems, 2);
}

static void a_host_is_on_the_narrowest_lan_that_has_it(void **state)
{
	(void)state;
	self.lans[0].prefix = prefix("192.168.0.0/16");
	self.lans[1] = (struct wm_lan){ .ifname = "eth2", .addr = ip("192.168.1.1"), .prefix = prefix("192.168.1.0/28") };
	self.lans[2] = (struct wm_lan){ .ifname = "eth3", .addr = ip("192.168.1.251"), .prefix = prefix("192.168.1.11/32") };
	self.nlans = 3;
	make("a");
	assert_int_equal(plan.nends, 2);
	assert_int_equal(plan.ends[0].lan, 1); /* .10 */
	assert_int_equal(plan.ends[1].lan, 2); /* .11: of a /32 neither end is special */
}

static void names_as_this_site_should_see_them(void **state)
{
	static const struct {
		const char *fqdn, *at_a, *at_b;
	} rows[] = {
		{ "cam.a", "192.168.1.11", "172.30.2.3" },   { "gw.a", "172.30.2.1", "172.30.2.1" },
		{ "gw.b", "172.30.3.1", "172.30.3.1" },	     { "gw.hub", "172.30.1.1", "172.30.1.1" },
		{ "laptop.hub", "172.30.1.2", "172.30.1.2" }, { "nas.a", "192.168.1.10", "172.30.2.2" },
		{ "nas.b", "172.30.3.2", "192.168.1.10" },   { "sensor.hub", "172.30.1.3", "172.30.1.3" },
	};

	(void)state;
	for (int at_b = 0; at_b < 2; at_b++) {
		make(at_b ? "b" : "a");
		assert_int_equal(plan.nnames, WM_ARRAY_LEN(rows));
		for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
			assert_string_equal(plan.names[i].fqdn, rows[i].fqdn);
			assert_int_equal(plan.names[i].addr, ip(at_b ? rows[i].at_b : rows[i].at_a));
		}
		assert_int_equal(plan.ndomains, 3);
		assert_string_equal(plan.domains[0], "a");
		assert_string_equal(plan.domains[1], "b");
		assert_string_equal(plan.domains[2], "hub");
	}
}

/* The addresses that the plan has for a name: the first for all, the second for devices. */
static void assert_named(const char *fqdn, const char *addr, const char *for_devices)
{
	const char *found[2] = { "", "" };
	char text[2][WM_IP4_TEXT];

	for (size_t i = 0; i < plan.nnames; i++) {
		const struct wm_dns_name *n = &plan.names[i];

		if (!strcmp(n->fqdn, fqdn))
			found[n->for_devices] = wm_ip4_format(n->addr, text[n->for_devices]);
	}
	assert_string_equal(found[0], addr);
	assert_string_equal(found[1], for_devices);
}

/* Devices ask the hub for hosts of its own site, and have no way to their LAN addresses. */
static void hosts_of_the_hub_have_a_second_address_for_devices(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct wm_host *h = mesh_host(&config, i ? "cam" : "nas", "a");

		strcpy(h->domain, "hub");
		h->overlay = ip(i ? "172.30.1.10" : "172.30.1.9");
		h->local = ip(i ? "10.9.9.9" : "192.168.1.10"); /* cam is in no LAN of the hub: nobody gets there */
	}
	assert_ok(wm_config_finish(&config, &err));
	make("hub");
	assert_named("nas.hub", "192.168.1.10", "172.30.1.9");
	assert_named("cam.hub", "10.9.9.9", "");
	assert_named("gw.hub", "172.30.1.1", "");
	assert_named("laptop.hub", "172.30.1.2", "");
	assert_named("nas.b", "172.30.3.2", "");
	make("b"); /* nobody asks there through a tunnel */
	assert_named("nas.b", "192.168.1.10", "");
	config.ndevices = 0;
	make("hub");
	assert_named("nas.hub", "192.168.1.10", "");
}

static void names_of_63_characters_fit(void **state)
{
	struct wm_host *nas = mesh_host(&config, "nas", "a");
	char name[WM_NAME_SIZE];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	strcpy(nas->name, name);
	strcpy(nas->domain, name);
	strcpy(mesh_host(&config, "cam", "a")->domain, name);
	strcpy(mesh_site(&config, "a")->domain, name);
	assert_ok(wm_config_finish(&config, &err));
	make(name);
	for (size_t i = 0; i < plan.nnames; i++) {
		if (strlen(plan.names[i].fqdn) == 127)
			return;
	}
	fail_msg("the name is not whole");
}

static void a_plan_is_freed_whole_and_twice(void **state)
{
	struct wm_plan none = { 0 };

	(void)state;
	make("hub");
	wm_plan_free(&plan);
	assert_memory_equal(&plan, &none, sizeof(plan)); /* the private key too */
	wm_plan_free(&plan);
	wm_plan_free(NULL);
}

#define PLAN_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAN_TEST(the_head_of_a_plan),
		PLAN_TEST(peers_of_the_hub_are_all_sites_and_devices),
		PLAN_TEST(peers_of_a_spoke_behind_nat_are_kept_awake),
		PLAN_TEST(a_preshared_key_is_the_peers_that_it_came_with),
		PLAN_TEST(peers_of_a_spoke_with_an_endpoint),
		PLAN_TEST(two_spokes_without_endpoints_meet_at_the_hub),
		PLAN_TEST(who_has_no_key_is_no_peer_yet),
		PLAN_TEST(without_a_hub_the_reachable_are_still_direct),
		PLAN_TEST(direct_when_one_can_be_reached_and_both_have_keys),
		PLAN_TEST(a_config_that_is_not_ours_is_refused),
		PLAN_TEST(pins_hold),
		PLAN_TEST(lans_that_cannot_work_are_refused),
		PLAN_TEST(ends_are_this_sites_hosts),
		PLAN_TEST(devices_end_at_the_hub_only),
		PLAN_TEST(who_cannot_be_placed_is_a_problem_and_not_fatal),
		PLAN_TEST(a_host_is_on_the_narrowest_lan_that_has_it),
		PLAN_TEST(names_as_this_site_should_see_them),
		PLAN_TEST(hosts_of_the_hub_have_a_second_address_for_devices),
		PLAN_TEST(names_of_63_characters_fit),
		PLAN_TEST(a_plan_is_freed_whole_and_twice),
	};

	return UNIT_RUN("plan", tests);
}
