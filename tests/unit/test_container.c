/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/container.h"
#include "core/util.h"
#include "unit/unit.h"

static struct wm_host_net host;
static struct wm_lxc_net lxc_net;

static wm_ip4 ip(const char *text)
{
	wm_ip4 addr;

	assert_int_equal(wm_ip4_parse(text, &addr), 0);
	return addr;
}

static void lan(const char *ifname, bool bridge, const char *addr, uint8_t len, const char *gateway)
{
	struct wm_host_lan *l = &host.lan[host.n++];

	*l = (struct wm_host_lan){ .bridge = bridge, .len = len };
	strcpy(l->ifname, ifname);
	l->addr = addr ? ip(addr) : 0;
	l->gateway = gateway ? ip(gateway) : 0;
}

/* A house: two LANs, a bridge without an address, a card that is in none, and lxc-net. */
static int house(void **state)
{
	host = (struct wm_host_net){ 0 };
	lan("lo", false, "127.0.0.1", 8, NULL);
	lan("vmbr0", true, "192.168.1.5", 24, "192.168.1.1");
	lan("vmbr1", true, "192.168.77.2", 24, NULL);
	lan("vmbr9", true, NULL, 0, NULL);
	lan("eno2", false, "10.9.0.5", 16, NULL);
	lan("lxcbr0", true, "10.0.3.1", 24, NULL);
	lxc_net = (struct wm_lxc_net){ .use = true, .bridge = "lxcbr0", .addr = 0x0a000301, .len = 24 };
	return unit_setup(state);
}
#define HOUSE_TEST(fn) cmocka_unit_test_setup(fn, house)

/* *ret is set to rubbish first: a refusal must not touch it. */
static int plan(const char *ifaces, const char *gateway, struct wm_container_net *ret)
{
	struct wm_lan_wish wishes[WM_LANS_MAX];
	unsigned int n;

	memset(ret, 0x5a, sizeof(*ret));
	assert_ok(wm_lan_wishes_parse(ifaces, wishes, &n, &err));
	return wm_container_plan(&host, &lxc_net, wishes, n, gateway ? ip(gateway) : 0, ret, &err);
}

static void nic_is(const struct wm_container_nic *nic, const char *bridge, const char *addr, uint8_t len, const char *gateway,
		   const char *host_addr)
{
	assert_string_equal(nic->bridge, bridge);
	assert_int_equal(nic->addr, addr ? ip(addr) : 0);
	assert_int_equal(nic->len, len);
	assert_int_equal(nic->gateway, gateway ? ip(gateway) : 0);
	assert_int_equal(nic->host, host_addr ? ip(host_addr) : 0);
}

static void an_address_finds_bridge_netmask_and_router(void **state)
{
	struct wm_container_net net;
	char text[WM_CONTAINER_LANS_TEXT];

	(void)state;
	assert_ok(plan("192.168.1.250", NULL, &net));
	assert_int_equal(net.n, 1);
	assert_false(net.behind);
	nic_is(&net.nic[0], "vmbr0", "192.168.1.250", 24, "192.168.1.1", "192.168.1.5");
	assert_string_equal(wm_container_lans_format(&net, text), "192.168.1.250");
}

static void several_lans_have_one_router(void **state)
{
	struct wm_container_net net;
	char text[WM_CONTAINER_LANS_TEXT];

	(void)state;
	assert_ok(plan("192.168.77.19,192.168.1.250", NULL, &net));
	assert_int_equal(net.n, 2);
	nic_is(&net.nic[0], "vmbr1", "192.168.77.19", 24, NULL, "192.168.77.2");
	nic_is(&net.nic[1], "vmbr0", "192.168.1.250", 24, "192.168.1.1", "192.168.1.5");
	assert_string_equal(wm_container_lans_format(&net, text), "192.168.77.19,192.168.1.250");
	assert_ok(plan("192.168.77.19, 192.168.1.250", "192.168.77.1", &net));
	nic_is(&net.nic[0], "vmbr1", "192.168.77.19", 24, "192.168.77.1", "192.168.77.2");
	nic_is(&net.nic[1], "vmbr0", "192.168.1.250", 24, NULL, "192.168.1.5");
}

static void said_by_hand_where_the_host_has_no_address(void **state)
{
	struct wm_container_net net;

	(void)state;
	assert_ok(plan("vmbr9:192.168.50.250/23", "192.168.51.1", &net));
	nic_is(&net.nic[0], "vmbr9", "192.168.50.250", 23, "192.168.51.1", NULL);
	assert_ok(plan("vmbr0:192.168.1.250/25", "192.168.1.129", &net));
	nic_is(&net.nic[0], "vmbr0", "192.168.1.250", 25, "192.168.1.129", "192.168.1.5");
}

static void nothing_said_is_behind_lxc_net(void **state)
{
	struct wm_container_net net;

	(void)state;
	assert_ok(plan("", NULL, &net));
	assert_true(net.behind);
	assert_int_equal(net.n, 1);
	nic_is(&net.nic[0], "lxcbr0", NULL, 24, "10.0.3.1", "10.0.3.1");
}

static void a_bridge_is_preferred_to_the_card_in_it(void **state)
{
	struct wm_container_net net;

	(void)state;
	host.n = 0;
	lan("eno1", false, "192.168.1.6", 24, NULL);
	lan("vmbr0", true, "192.168.1.5", 24, "192.168.1.1");
	assert_ok(plan("192.168.1.250", NULL, &net));
	assert_string_equal(net.nic[0].bridge, "vmbr0");
}

static void refusals_name_what_to_set(void **state)
{
	static const struct {
		const char *ifaces, *gateway;
		int code;
		const char *field, *text;
	} rows[] = {
		{ "10.8.8.8", NULL, ENODEV, "LXC_IFACES", "LXC_IFACES=vmbr0:10.8.8.8/24" },
		{ "br7:10.8.8.8/24", NULL, ENODEV, "LXC_IFACES", "no interface br7" },
		{ "10.9.0.7", NULL, ENODEV, "LXC_IFACES", "eno2, which is no bridge" },
		{ "eno2:10.9.0.7/16", NULL, ENODEV, "LXC_IFACES", "no bridge" },
		{ "vmbr0", NULL, EINVAL, "LXC_IFACES", "no address" },
		{ "vmbr9:192.168.50.250", "192.168.50.1", EINVAL, "LXC_IFACES", "vmbr9:192.168.50.250/24" },
		{ "vmbr9:192.168.50.250/31", "192.168.50.251", EINVAL, "LXC_IFACES", "no subnet of a LAN" },
		{ "vmbr9:192.168.50.250/24", NULL, ENODEV, "LXC_GATEWAY", "set LXC_GATEWAY" },
		{ "192.168.77.19", NULL, ENODEV, "LXC_GATEWAY", "set LXC_GATEWAY" },
		{ "192.168.1.250", "192.168.2.1", EINVAL, "LXC_GATEWAY", "none of LXC_IFACES" },
		{ "192.168.1.250", "192.168.1.250", EINVAL, "LXC_GATEWAY", "own" },
		{ "192.168.1.5", NULL, EADDRINUSE, "LXC_IFACES", "own address" },
		{ "192.168.1.1", NULL, EADDRINUSE, "LXC_IFACES", "router" },
		{ "192.168.1.255", NULL, EINVAL, "LXC_IFACES", "broadcast" },
		{ "192.168.1.0", NULL, EINVAL, "LXC_IFACES", "network" },
		{ "192.168.1.9,192.168.1.9", NULL, EINVAL, "LXC_IFACES", "twice" },
		{ "192.168.1.9,192.168.1.10", NULL, EINVAL, "LXC_IFACES", "two addresses" },
	};
	struct wm_container_net net, before;

	(void)state;
	memset(&before, 0x5a, sizeof(before));
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		assert_refused(plan(rows[i].ifaces, rows[i].gateway, &net), rows[i].code, rows[i].field, rows[i].text);
		assert_memory_equal(&net, &before, sizeof(net));
	}
}

static void lxc_net_must_be_there(void **state)
{
	struct wm_container_net net;

	(void)state;
	lxc_net.use = false;
	assert_refused(plan("", NULL, &net), ENODEV, "LXC_IFACES", "switched off");
	lxc_net.use = true;
	lxc_net.addr = ip("10.0.4.1");
	assert_refused(plan("", NULL, &net), ENODEV, "LXC_IFACES", "start lxc-net");
	host.n--;
	assert_refused(plan("", NULL, &net), ENODEV, "LXC_IFACES", "start lxc-net");
}

static void lxc_nets_file(void **state)
{
	struct wm_lxc_net net;

	(void)state;
	assert_ok(wm_lxc_net_parse(NULL, &net, &err));
	assert_true(net.use);
	assert_string_equal(net.bridge, "lxcbr0");
	assert_int_equal(net.addr, ip("10.0.3.1"));
	assert_int_equal(net.len, 24);
	assert_ok(wm_lxc_net_parse("# a script\n"
				   "[ -f /etc/default/lxc ] && . /etc/default/lxc\n"
				   "  LXC_BRIDGE=\"br-lxc\"\n"
				   "LXC_ADDR=\"10.1.0.1\" # ours\n"
				   "LXC_NETMASK='255.255.252.0'\n"
				   "LXC_NETWORK=\"10.1.0.0/22\"\n"
				   "USE_LXC_BRIDGE=\"false\"",
				   &net, &err));
	assert_false(net.use);
	assert_string_equal(net.bridge, "br-lxc");
	assert_int_equal(net.addr, ip("10.1.0.1"));
	assert_int_equal(net.len, 22);
	assert_refused(wm_lxc_net_parse("LXC_ADDR=10.1.0\n", &net, &err), EINVAL, "", "LXC_ADDR is '10.1.0'");
	assert_refused(wm_lxc_net_parse("LXC_NETMASK=255.0.255.0\n", &net, &err), EINVAL, "", "LXC_NETMASK");
	assert_refused(wm_lxc_net_parse("LXC_BRIDGE=a/../b\n", &net, &err), EINVAL, "", "LXC_BRIDGE");
	assert_refused(wm_lxc_net_parse("USE_LXC_BRIDGE=perhaps\n", &net, &err), EINVAL, "USE_LXC_BRIDGE", "USE_LXC_BRIDGE");
}

/* --- as others write it -------------------------------------------------------------------- */

static void lxcs_file_keeps_the_rest_and_is_stable(void **state)
{
	static const char old[] = "lxc.include = /usr/share/lxc/config/common.conf\n"
				  "lxc.net.0.type = empty\n"
				  "  lxc.net.0.flags = up\n"
				  "# a note\n"
				  "lxc.rootfs.path = dir:/srv/x/rootfs";
	struct wm_container_net net;
	char *first, *second, *third;

	(void)state;
	assert_ok(plan("192.168.77.19,192.168.1.250", NULL, &net));
	assert_ok(wm_container_lxc_config(old, &net, "", &first));
	assert_non_null(strstr(first, "lxc.include = /usr/share/lxc/config/common.conf\n# a note\nlxc.rootfs.path = dir:/srv/x/rootfs\n"));
	assert_null(strstr(first, "type = empty"));
	assert_non_null(strstr(first, "\nlxc.net.1.link = vmbr0\n"));
	assert_non_null(strstr(first, "\nlxc.net.1.ipv4.address = 192.168.1.250/24\n"));
	assert_non_null(strstr(first, "\nlxc.net.1.ipv4.gateway = 192.168.1.1\n"));
	assert_non_null(strstr(first, "\nlxc.net.1.hwaddr = 02:57:c0:a8:01:fa\n"));
	assert_null(strstr(first, "lxc.net.0.ipv4.gateway"));
	assert_null(strstr(first, "lxc.hook"));
	assert_non_null(strstr(first, "\nlxc.cgroup2.devices.allow = c 10:200 rwm\n"));
	assert_ok(wm_container_lxc_config(first, &net, "", &second));
	assert_string_equal(first, second);
	/* Another network takes the place of the one before. */
	assert_ok(plan("192.168.1.251", NULL, &net));
	assert_ok(wm_container_lxc_config(second, &net, "/usr/bin/wm-gateway lxc-hook", &third));
	assert_null(strstr(third, "192.168.77.19"));
	assert_null(strstr(third, "lxc.net.1."));
	assert_non_null(strstr(third, "\nlxc.hook.start-host = /usr/bin/wm-gateway lxc-hook\n"));
	free(first);
	free(second);
	free(third);
}

static void proxmoxs_line_is_known_in_any_order(void **state)
{
	struct wm_container_net net;
	char text[WM_PCT_NIC_TEXT];

	(void)state;
	assert_ok(plan("192.168.1.250", NULL, &net));
	assert_string_equal(wm_container_pct_nic(&net.nic[0], 0, text),
			    "name=eth0,bridge=vmbr0,hwaddr=02:57:c0:a8:01:fa,ip=192.168.1.250/24,gw=192.168.1.1,type=veth");
	assert_true(wm_container_pct_has("memory: 512\n"
					 "net0: name=eth0,bridge=vmbr0,gw=192.168.1.1,hwaddr=02:57:C0:A8:01:FA,ip=192.168.1.250/24,type=veth\n"
					 "net1: name=eth1\n", &net.nic[0], 0));
	assert_false(wm_container_pct_has("net0: name=eth0,bridge=vmbr0,gw=192.168.1.1,hwaddr=02:57:C0:A8:01:FA,ip=192.168.1.25/24,type=veth", &net.nic[0], 0));
	assert_false(wm_container_pct_has("net0: name=eth0,bridge=vmbr01,gw=192.168.1.1,hwaddr=02:57:C0:A8:01:FA,ip=192.168.1.250/24,type=veth", &net.nic[0], 0));
	assert_false(wm_container_pct_has("net0: name=eth0,bridge=vmbr0,gw=192.168.1.1,hwaddr=02:57:C0:A8:01:FA,ip=192.168.1.250/24,type=veth,tag=5", &net.nic[0], 0));
	assert_false(wm_container_pct_has("hostname: x\n", &net.nic[0], 0));
	assert_false(wm_container_pct_has("", &net.nic[0], 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(an_address_finds_bridge_netmask_and_router),
		HOUSE_TEST(several_lans_have_one_router),
		HOUSE_TEST(said_by_hand_where_the_host_has_no_address),
		HOUSE_TEST(nothing_said_is_behind_lxc_net),
		HOUSE_TEST(a_bridge_is_preferred_to_the_card_in_it),
		HOUSE_TEST(refusals_name_what_to_set),
		HOUSE_TEST(lxc_net_must_be_there),
		HOUSE_TEST(lxc_nets_file),
		HOUSE_TEST(lxcs_file_keeps_the_rest_and_is_stable),
		HOUSE_TEST(proxmoxs_line_is_known_in_any_order),
	};

	return UNIT_RUN("container", tests);
}
