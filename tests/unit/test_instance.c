/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/instance.h"

#include <unistd.h>

#include "core/util.h"
#include "unit/mesh.h"

#define MINIMAL "SITE_DOMAIN=a\nWM_REGISTRY_URL=https://wm-registry.example.com\n"

static struct wm_instance inst;

/* The instance of a gateway.env with this content. */
static int load_as(const char *name, const char *text)
{
	const char *path = unit_path("gateway.env");

	assert_int_equal(wm_replace_file(path, 0600, text, strlen(text)), 0);
	memset(&inst, 0xa5, sizeof(inst));
	return wm_instance_load(&inst, name, path, &err);
}

static int load(const char *text)
{
	return load_as("", text);
}

/* MINIMAL and one line more. */
static int load_with(const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s\n", MINIMAL, more);
	return load(text);
}

/* Refused, naming the key and the file; nothing was returned. */
static void assert_key_refused(const char *text, const char *key)
{
	int rc = load(text);

	if (rc != -EINVAL || !strstr(err.text, key) || !strstr(err.text, "gateway.env"))
		fail_msg("<%s> gave %d: %s", text, rc, err.text);
	assert_int_equal((unsigned char)inst.name[0], 0xa5);
}

static void defaults_of_the_default_instance(void **state)
{
	(void)state;
	assert_ok(load(MINIMAL));
	assert_string_equal(inst.name, "");
	assert_string_equal(inst.ifname, "wg0");
	assert_string_equal(inst.nft_table, "wm");
	assert_int_equal(inst.tc_prio, 20000);
	assert_int_equal(inst.rule_prio, 22000);
	assert_int_equal(inst.fwmark, 0x574d0000);
	assert_string_equal(inst.env_file, unit_path("gateway.env"));
	assert_string_equal(inst.key_file, "/etc/wm/private.key");
	assert_string_equal(inst.hosts_file, "/etc/wm/hosts");
	assert_string_equal(inst.servers_file, "/etc/wm/dnsmasq-servers");
	assert_string_equal(inst.dnsmasq_conf, "/etc/wm/dnsmasq.conf");
	assert_string_equal(inst.dnsmasq_pid, "/run/dnsmasq/dnsmasq.pid");
	assert_string_equal(inst.state_dir, "/var/lib/wm");
	assert_string_equal(inst.run_dir, "/run/wm");
	assert_string_equal(inst.bpffs, "/sys/fs/bpf/wm");
	assert_string_equal(inst.domain, "a");
	assert_int_equal(inst.subnet.len, 0);
	assert_int_equal(inst.supernet.len, 0);
	assert_false(inst.hub);
	assert_int_equal(inst.locate.given.family, 0);
	assert_int_equal(inst.listen_port, 51820);
	assert_int_equal(inst.mtu, 1420);
	assert_int_equal(inst.nlans, 0);
	assert_string_equal(inst.registry_url, "https://wm-registry.example.com");
	assert_string_equal(inst.registry_token, "");
	assert_string_equal(inst.registry_ca, "");
	assert_false(inst.allow_http);
	assert_int_equal(inst.poll_s, 5);
	assert_int_equal(inst.wait_s, 50);
	assert_int_equal(inst.dataplane, WM_DATAPLANE_AUTO);
	assert_true(inst.fastpath);
	assert_int_equal(inst.xdp, WM_XDP_AUTO);
	assert_false(inst.no_tcx);
}

static void every_key_arrives(void **state)
{
	(void)state;
	assert_ok(load("SITE_DOMAIN=b\nSITE_SUBNET=172.30.3.0/24\nWM_MESH_SUPERNET=172.30.0.0/16\nIS_HUB=true\n"
		       "WM_REGISTRY_URL=http://127.0.0.1:8099\nWM_REGISTRY_TOKEN=wme_x\nWM_REGISTRY_CA=/ca.pem\n"
		       "WM_REGISTRY_ALLOW_HTTP=yes\nLXC_IFACES=eth1\nPUBLIC_IP=198.51.100.3\nWM_LISTEN_PORT=4711\nWM_MTU=1380\n"
		       "WM_POLL=7\nWM_WAIT=0\nWM_TC_PRIO=99\nWM_DATAPLANE=nft\nWM_FASTPATH=off\nWM_XDP=generic\nWM_TCX=off\nWM_INTERFACE=wg-home\n"
		       "WM_DNSMASQ_PID=/run/x.pid\nWM_LAN_PREFIXES=192.168.1.0/24, 10.0.0.0/8\nWM_LAN_ROUTERS=02:00:5e:10:00:01, 02:00:5e:10:00:02\n"));
	assert_int_equal(inst.nlan_prefixes, 2);
	assert_true(wm_prefix_equal(inst.lan_prefixes[1], prefix("10.0.0.0/8")));
	assert_int_equal(inst.nrouters, 2);
	assert_int_equal(inst.routers[1].byte[5], 2);
	assert_string_equal(inst.domain, "b");
	assert_true(wm_prefix_equal(inst.subnet, prefix("172.30.3.0/24")));
	assert_true(wm_prefix_equal(inst.supernet, prefix("172.30.0.0/16")));
	assert_true(inst.hub);
	assert_string_equal(inst.registry_url, "http://127.0.0.1:8099");
	assert_string_equal(inst.registry_token, "wme_x");
	assert_string_equal(inst.registry_ca, "/ca.pem");
	assert_true(inst.allow_http);
	assert_int_equal(inst.nlans, 1);
	assert_string_equal(inst.lans[0].ifname, "eth1");
	assert_true(wm_endpoint_equal(&inst.locate.given, &(struct wm_endpoint){ 4, { 198, 51, 100, 3 }, 4711 }));
	assert_int_equal(inst.listen_port, 4711);
	assert_int_equal(inst.mtu, 1380);
	assert_int_equal(inst.poll_s, 7);
	assert_int_equal(inst.wait_s, 0);
	assert_int_equal(inst.tc_prio, 99);
	assert_int_equal(inst.dataplane, WM_DATAPLANE_NFT);
	assert_false(inst.fastpath);
	assert_int_equal(inst.xdp, WM_XDP_GENERIC);
	assert_true(inst.no_tcx);
	assert_string_equal(inst.ifname, "wg-home");
	assert_string_equal(inst.dnsmasq_pid, "/run/x.pid");
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	assert_key_refused("", "SITE_DOMAIN");
	assert_key_refused("WM_REGISTRY_URL=https://x\n", "SITE_DOMAIN");
	assert_key_refused("SITE_DOMAIN=a\n", "WM_REGISTRY_URL");
	assert_key_refused("SITE_DOMAIN=a\nWM_REGISTRY_URL=\n", "WM_REGISTRY_URL");
	assert_key_refused(MINIMAL "nonsense\n", "line 3");
	assert_refused(wm_instance_load(&inst, "", unit_path("none.env"), &err), ENOENT, "", "none.env");
	assert_non_null(strstr(err.text, "wm add-site"));
}

static void what_is_malformed_is_named(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{ "SITE_DOMAIN", "a.b" }, { "SITE_DOMAIN", "A" }, { "SITE_DOMAIN", "com" }, { "SITE_DOMAIN", "localhost" },
		{ "SITE_SUBNET", "172.30.2.1/24" }, { "SITE_SUBNET", "172.30.2.0" }, { "SITE_SUBNET", "none" },
		{ "WM_MESH_SUPERNET", "172.30.0.0/33" }, { "WM_MESH_SUPERNET", "172.30.0.1/16" },
		{ "IS_HUB", "maybe" }, { "IS_HUB", "2" },
		{ "WM_REGISTRY_URL", "wm-registry.example.com" }, { "WM_REGISTRY_URL", "ftp://x" }, { "WM_REGISTRY_URL", "HTTPS//x" },
		{ "WM_REGISTRY_ALLOW_HTTP", "perhaps" },
		{ "PUBLIC_IP", "example" }, { "WM_ENDPOINT_SERVICES", "https://one.example" }, { "PUBLIC_IP", "198.51.100" }, { "PUBLIC_IP", "198.51.100.3:0" },
		{ "PUBLIC_IP", "198.51.100.3:65536" }, { "PUBLIC_IP", "2001:db8::7:51820x" }, { "PUBLIC_IP", "[2001:db8::7" },
		{ "PUBLIC_IP", "::ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "WM_LISTEN_PORT", "0" }, { "WM_LISTEN_PORT", "65536" }, { "WM_LISTEN_PORT", "-1" }, { "WM_LISTEN_PORT", "udp" },
		{ "WM_MTU", "575" }, { "WM_MTU", "65456" }, { "WM_MTU", "1420.5" },
		{ "WM_POLL", "0" }, { "WM_POLL", "3601" }, { "WM_WAIT", "61" }, { "WM_WAIT", "-1" },
		{ "WM_TC_PRIO", "0" }, { "WM_TC_PRIO", "65535" },
		{ "WM_DATAPLANE", "xdp" }, { "WM_DATAPLANE", "BPF" }, { "WM_FASTPATH", "fast" },
		{ "WM_XDP", "on" }, { "WM_XDP", "Native" }, { "WM_XDP", "skb" }, { "WM_TCX", "on" },
		{ "WM_INTERFACE", "sixteen-letters1" }, { "WM_INTERFACE", "a/b" }, { "WM_INTERFACE", ".." }, { "WM_INTERFACE", "." },
		{ "WM_INTERFACE", "a b" }, { "WM_INTERFACE", "wg%d" }, { "WM_INTERFACE", "a:b" },
		{ "LXC_IFACES", "192.168.1" }, { "LXC_IFACES", "127.0.0.1" }, { "LXC_IFACES", "eth0:" }, { "LXC_IFACES", ":192.168.1.1" },
		{ "LXC_IFACES", "eth0:192.168.1.1/33" }, { "LXC_IFACES", "eth0:192.168.1.1/" }, { "LXC_IFACES", "eth0:192.168.1.1/x" },
		{ "WM_LAN_PREFIXES", "192.168.1.1/24" }, { "WM_LAN_PREFIXES", "10.0.0.0/8,lan" },
		{ "WM_LAN_PREFIXES", "10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,"
				     "10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8,10.0.0.0/8" },
		{ "WM_LAN_ROUTERS", "02:00:5e:10:00" }, { "WM_LAN_ROUTERS", "ff:ff:ff:ff:ff:ff" }, { "WM_LAN_ROUTERS", "00:00:00:00:00:00" },
		{ "WM_LAN_ROUTERS", "02:00:00:00:00:01,02:00:00:00:00:02,02:00:00:00:00:03,02:00:00:00:00:04,02:00:00:00:00:05" },
		{ "LXC_IFACES", "192.168.1.1/24/24" }, { "LXC_IFACES", "eth0:lan" }, { "LXC_IFACES", "eth0/24" },
		{ "LXC_IFACES", "sixteen-letters1" }, { "LXC_IFACES", "sixteen-letters1:192.168.1.1" },
		{ "LXC_IFACES", "e1,e2,e3,e4,e5,e6,e7,e8,e9" }, { "LXC_IFACES", "eth0 eth1 1.2.3.4.5" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		char text[512];

		snprintf(text, sizeof(text), "%s%s=%s\n", MINIMAL, rows[i].key, rows[i].value);
		assert_key_refused(text, rows[i].key);
	}
}

static void updates_have_settings(void **state)
{
	(void)state;
	assert_ok(load(MINIMAL));
	assert_true(inst.update);
	assert_string_equal(inst.update_url, "https://wm-registry.example.com/downloads");
	assert_string_equal(inst.releases, "/var/lib/wm/releases");
	assert_string_equal(inst.release_keys, "/etc/wm/release.pub");
	assert_int_equal(inst.update_interval_s, 600);
	assert_ok(load("SITE_DOMAIN=a\nWM_REGISTRY_URL=https://r.example.com/wm/\n"));
	assert_string_equal(inst.update_url, "https://r.example.com/wm/downloads");
	assert_ok(load_with("WM_UPDATE_URL=http://updates.example.com/wm\nWM_UPDATE_INTERVAL=7"));
	assert_string_equal(inst.update_url, "http://updates.example.com/wm");
	assert_int_equal(inst.update_interval_s, 7);
	assert_ok(load_with("WM_UPDATE_URL=off"));
	assert_false(inst.update);
	assert_key_refused(MINIMAL "WM_UPDATE_URL=updates.example.com\n", "WM_UPDATE_URL");
	assert_key_refused(MINIMAL "WM_UPDATE_INTERVAL=0\n", "WM_UPDATE_INTERVAL");
	assert_ok(load_as("acme", MINIMAL));
	assert_string_equal(inst.releases, "/var/lib/wm/acme/releases");
	assert_string_equal(inst.release_keys, "/etc/wm/acme/release.pub");
	/* An instance of that name would have its state there. */
	assert_refused(load_as("releases", MINIMAL), EINVAL, "", "directory of releases");
}

static void what_is_too_long_is_named(void **state)
{
	static const struct {
		const char *key, *start;
		size_t size;
	} rows[] = {
		{ "WM_REGISTRY_URL", "https://", sizeof(inst.registry_url) },
		{ "WM_REGISTRY_TOKEN", "", sizeof(inst.registry_token) },
		{ "WM_REGISTRY_CA", "/", sizeof(inst.registry_ca) },
		{ "WM_DNSMASQ_PID", "/", sizeof(inst.dnsmasq_pid) },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		char text[2048];
		int len = snprintf(text, sizeof(text), "%s%s=%s", MINIMAL, rows[i].key, rows[i].start);
		size_t fill = rows[i].size - strlen(rows[i].start);

		memset(text + len, 'x', fill);
		text[(size_t)len + fill - 1] = '\0';
		assert_ok(load(text));
		text[(size_t)len + fill - 1] = 'x';
		text[(size_t)len + fill] = '\0';
		assert_key_refused(text, rows[i].key);
		/* A token that does not fit is still a token. */
		assert_null(strstr(err.text, "xxxxxxxx"));
	}
}

static void boundaries_that_hold(void **state)
{
	(void)state;
	assert_ok(load_with("WM_LISTEN_PORT=1\nWM_MTU=576\nWM_POLL=1\nWM_TC_PRIO=1"));
	assert_ok(load_with("WM_LISTEN_PORT=65535\nWM_MTU=65455\nWM_POLL=3600\nWM_WAIT=60\nWM_TC_PRIO=65534"));
	assert_int_equal(inst.listen_port, 65535);
	assert_int_equal(inst.mtu, 65455);
	assert_ok(load_with("WM_INTERFACE=fifteen-letters"));
	assert_string_equal(inst.ifname, "fifteen-letters");
}

static void public_addresses(void **state)
{
	static const struct {
		const char *text, *endpoint;
	} rows[] = {
		{ "198.51.100.3", "198.51.100.3:4711" },
		{ "198.51.100.3:999", "198.51.100.3:999" },
		{ "2001:db8::7", "[2001:db8::7]:4711" },
		{ "[2001:db8::7]:999", "[2001:db8::7]:999" },
		{ "2001:db8:1111:2222:3333:4444:5555:6666", "[2001:db8:1111:2222:3333:4444:5555:6666]:4711" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		char text[200], got[WM_ENDPOINT_TEXT];

		snprintf(text, sizeof(text), "WM_LISTEN_PORT=4711\nPUBLIC_IP=%s", rows[i].text);
		assert_ok(load_with(text));
		assert_string_equal(wm_endpoint_format(&inst.locate.given, got), rows[i].endpoint);
	}
}

static void lans_in_every_form(void **state)
{
	static const struct {
		const char *ifname, *addr;
	} rows[] = {
		{ "", "192.168.1.250" }, { "vmbr0", "192.168.2.250" }, { "eth0", NULL }, { "eth0.100", NULL },
		{ "eth1", "10.0.0.1" },	 { "", "10.9.0.1" },
	};

	(void)state;
	assert_ok(load_with("LXC_IFACES=\"192.168.1.250, vmbr0:192.168.2.250/24 eth0,eth0.100\teth1:10.0.0.1,10.9.0.1/8,,\""));
	assert_int_equal(inst.nlans, WM_ARRAY_LEN(rows));
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		assert_string_equal(inst.lans[i].ifname, rows[i].ifname);
		assert_int_equal(inst.lans[i].addr, rows[i].addr ? ip(rows[i].addr) : 0);
	}
	assert_ok(load_with("LXC_IFACES=e1,e2,e3,e4,e5,e6,e7,e8"));
	assert_int_equal(inst.nlans, WM_LANS_MAX);
}

static void everything_of_a_named_instance_has_its_name(void **state)
{
	(void)state;
	assert_int_equal(setenv("WM_ETC", "/tmp/e", 1), 0);
	assert_int_equal(setenv("WM_STATE", "/tmp/s", 1), 0);
	assert_int_equal(setenv("WM_RUN", "/tmp/r", 1), 0);
	assert_int_equal(setenv("WM_BPFFS", "/tmp/b", 1), 0);
	assert_int_equal(setenv("WM_LIBEXEC", "/tmp/l", 1), 0);
	assert_ok(wm_instance_names(&inst, "home", &err));
	assert_string_equal(inst.ifname, "wg-home");
	assert_string_equal(inst.nft_table, "wm_home");
	assert_string_equal(inst.env_file, "/tmp/e/home/gateway.env");
	assert_string_equal(inst.key_file, "/tmp/e/home/private.key");
	assert_string_equal(inst.hosts_file, "/tmp/e/home/hosts");
	assert_string_equal(inst.servers_file, "/tmp/e/home/dnsmasq-servers");
	assert_string_equal(inst.state_dir, "/tmp/s/home");
	assert_string_equal(inst.run_dir, "/tmp/r/home");
	assert_string_equal(inst.bpffs, "/tmp/b");
	assert_string_equal(inst.fetch_path, "/tmp/l/wm-fetch");
	assert_int_not_equal(inst.tc_prio, 20000);
	assert_ok(wm_instance_names(&inst, NULL, &err));
	assert_string_equal(inst.env_file, "/tmp/e/gateway.env");
	/* WM_INSTANCE stands in for no name, not against one. */
	assert_int_equal(setenv("WM_INSTANCE", "other", 1), 0);
	assert_ok(wm_instance_names(&inst, "", &err));
	assert_string_equal(inst.name, "other");
	assert_ok(wm_instance_names(&inst, "home", &err));
	assert_string_equal(inst.name, "home");
	unsetenv("WM_INSTANCE");
	unsetenv("WM_ETC");
	unsetenv("WM_STATE");
	unsetenv("WM_RUN");
	unsetenv("WM_BPFFS");
	unsetenv("WM_LIBEXEC");
}

static void a_root_stands_before_what_was_not_moved(void **state)
{
	(void)state;
	assert_int_equal(setenv("WM_ROOT", "/tmp/root", 1), 0);
	assert_int_equal(setenv("WM_STATE", "/tmp/s", 1), 0);
	assert_ok(wm_instance_names(&inst, "home", &err));
	assert_string_equal(inst.env_file, "/tmp/root/etc/wm/home/gateway.env");
	assert_string_equal(inst.dnsmasq_conf, "/tmp/root/etc/wm/home/dnsmasq.conf");
	assert_string_equal(inst.run_dir, "/tmp/root/run/wm/home");
	assert_string_equal(inst.state_dir, "/tmp/s/home");
	assert_string_equal(inst.releases, "/tmp/s/home/releases");
	assert_string_equal(inst.bpffs, "/sys/fs/bpf/wm");
	unsetenv("WM_STATE");
	assert_ok(wm_instance_names(&inst, NULL, &err));
	assert_string_equal(inst.state_dir, "/tmp/root/var/lib/wm");
	unsetenv("WM_ROOT");
}

static void names_that_would_leave_their_directory_are_refused(void **state)
{
	static const char *const bad[] = { "..", "a/b", "../x", "A", "a b", "a\nb", "-a", "a_b", "%s" };
	char deep[700];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_refused(wm_instance_names(&inst, bad[i], &err), EINVAL, "", "instance");
	memset(deep, 'd', sizeof(deep) - 1);
	deep[0] = '/';
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(setenv("WM_STATE", deep, 1), 0);
	assert_refused(wm_instance_names(&inst, "a", &err), ENAMETOOLONG, "", "WM_STATE");
	unsetenv("WM_STATE");
	assert_refused(wm_instance_load(&inst, "", deep, &err), ENAMETOOLONG, "", "too long");
}

/* A registry's names become the instance's; two long ones with one head are two devices. */
static void interface_names_fit_and_differ(void **state)
{
	static char made[2000][WM_IFNAME_SIZE];
	char name[WM_NAME_SIZE];

	(void)state;
	wm_ifname_make(made[0], "wg-", "twelveletter");
	assert_string_equal(made[0], "wg-twelveletter");
	wm_ifname_make(made[0], "wg-", "thirteenlette");
	assert_int_equal(strlen(made[0]), 14);
	assert_memory_equal(made[0], "wg-thir-", 8);
	for (size_t i = 0; i < WM_ARRAY_LEN(made); i++) {
		snprintf(name, sizeof(name), "a-mesh-with-a-long-name-of-which-there-are-many-%zu", i);
		wm_ifname_make(made[i], "wg-", name);
		assert_true(strlen(made[i]) < WM_IFNAME_SIZE);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(made[i], made[j]);
	}
	/* The same again: a device is found by it after a restart. */
	wm_ifname_make(made[0], "wg-", name);
	assert_string_equal(made[0], made[WM_ARRAY_LEN(made) - 1]);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	wm_ifname_make(made[0], "wg-", name);
	assert_true(strlen(made[0]) < WM_IFNAME_SIZE);
}

static void priorities_stay_in_their_ranges(void **state)
{
	char name[WM_NAME_SIZE];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		assert_ok(wm_instance_names(&inst, name, &err));
		assert_true(inst.tc_prio > 20000 && inst.tc_prio < 30000);
		/* Two rules each, both before the kernel's own at 32766, none in the middle of another's. */
		/* its own, with the low byte free, and none of Kubernetes' bits */
		assert_int_equal(inst.fwmark & 0xff0000ff, 0x57000000);
		assert_int_not_equal(inst.fwmark & 0x3f00, 0);
		assert_int_equal(inst.fwmark & 0xc000, 0);
		assert_true(inst.rule_prio >= 22002 && inst.rule_prio < 32000 && inst.rule_prio % 2 == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_of_the_default_instance),
		TEST(every_key_arrives),
		TEST(what_is_missing_is_named),
		TEST(what_is_malformed_is_named),
		TEST(updates_have_settings), TEST(what_is_too_long_is_named),
		TEST(boundaries_that_hold),
		TEST(public_addresses),
		TEST(lans_in_every_form),
		TEST(everything_of_a_named_instance_has_its_name),
		TEST(a_root_stands_before_what_was_not_moved),
		TEST(names_that_would_leave_their_directory_are_refused),
		TEST(interface_names_fit_and_differ),
		TEST(priorities_stay_in_their_ranges),
	};
	/* Of whoever runs the tests, nothing counts. */
	static const char *const keys[] = {
		"SITE_DOMAIN", "SITE_SUBNET", "WM_MESH_SUPERNET", "IS_HUB", "WM_REGISTRY_URL", "WM_REGISTRY_TOKEN", "WM_REGISTRY_CA",
		"WM_REGISTRY_ALLOW_HTTP", "LXC_IFACES", "PUBLIC_IP", "WM_ENDPOINT_SERVICES", "WM_LISTEN_PORT", "WM_MTU", "WM_POLL", "WM_WAIT", "WM_TC_PRIO",
		"WM_DATAPLANE", "WM_FASTPATH", "WM_XDP", "WM_TCX", "WM_INTERFACE", "WM_DNSMASQ_PID", "WM_LAN_ROUTERS", "WM_LAN_PREFIXES", "WM_INSTANCE", "WM_ETC", "WM_STATE", "WM_RUN",
		"WM_ROOT", "WM_BPFFS", "WM_LIBEXEC",
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++)
		unsetenv(keys[i]);
	return UNIT_RUN("instance", tests);
}
