/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where the shield is attached, how, and why not: modes, programs of others,
 * devices that come and go, kill -9. Nothing of others is touched, nothing of
 * ours stays.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "kernel/shield.h"
#include "kernel/xdp_rig.h"

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_open(&rig);
	must("ip link set lan0-peer up");
	rig.plan.lans[0].mac = (struct wm_mac){ { 2, 0, 0, 0, 0, 1 } };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void apply_with(enum wm_xdp_choice choice)
{
	rig.inst.xdp = choice;
	rig.err = (struct wm_error){ 0 };
	rig_apply(&rig);
}

/* Status says off and has this word in its reason. */
static void assert_off(const char *ifname, const char *word)
{
	struct wm_shield s = xdp_status(&rig, ifname);

	assert_string_equal(s.mode, "off");
	if (!strstr(s.why, word))
		fail_msg("%s: '%s' has no '%s'", ifname, s.why, word);
}

static void assert_on(const char *ifname, const char *mode)
{
	struct wm_shield s = xdp_status(&rig, ifname);

	assert_string_equal(s.mode, mode);
	assert_string_equal(s.why, "");
}

static void assert_nothing_at(const char *ifname)
{
	assert_int_equal(xdp_at(ifname).prog, 0);
}

static void take_away(void)
{
	assert_true(wm_dataplane_bpf.remove(&rig.inst, &rig.err) >= 0);
}

/* The id of the pinned program. */
static uint32_t pinned(const char *name)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = rig_pin(&rig, name);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.id;
}

/* --- modes --------------------------------------------------------------------------------- */

static void test_nobody_asked_on_a_veth(void **state)
{
	(void)state;
	apply_with(WM_XDP_AUTO);
	assert_nothing_at("lan0");
	assert_off("lan0", "not on a virtual device (veth)");
	assert_string_equal(rig.err.text, "");
	assert_int_equal(rig_apply(&rig), 0);
}

static void test_modes(void **state)
{
	static const struct {
		enum wm_xdp_choice choice;
		const char *mode;
		uint32_t flags;
	} turns[] = {
		{ WM_XDP_GENERIC, "generic", XDP_FLAGS_SKB_MODE }, { WM_XDP_NATIVE, "native", XDP_FLAGS_DRV_MODE },
		{ WM_XDP_OFF, NULL, 0 }, { WM_XDP_NATIVE, "native", XDP_FLAGS_DRV_MODE }, { WM_XDP_AUTO, NULL, 0 },
		{ WM_XDP_GENERIC, "generic", XDP_FLAGS_SKB_MODE }, { WM_XDP_OFF, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(turns); i++) {
		apply_with(turns[i].choice);
		if (turns[i].mode)
			assert_on("lan0", turns[i].mode);
		else
			assert_nothing_at("lan0");
		assert_int_equal(xdp_at("lan0").mode, turns[i].flags);
		assert_string_equal(rig.err.text, "");
		assert_int_equal(rig_apply(&rig), 0);
	}
	assert_off("lan0", "WM_XDP is off");
	assert_nothing_at("lan1");
	assert_nothing_at("wg");
}

/* A device of which the kernel knows no native XDP: the gateway works all the same, and says so. */
static void test_refused(void **state)
{
	(void)state;
	must("ip link add br0 type bridge");
	must("ip link set br0 up");
	rig_lan(&rig, 0, "br0", "192.168.1.1");
	apply_with(WM_XDP_NATIVE);
	assert_nothing_at("br0");
	assert_off("br0", "the kernel refuses native XDP");
	assert_non_null(strstr(rig.err.text, "XDP: off on br0: the kernel refuses native XDP"));
	/* It is not asked again for the same, and status goes on saying why. */
	assert_int_equal(rig_apply(&rig), 0);
	assert_off("br0", "the kernel refuses native XDP");
	apply_with(WM_XDP_GENERIC);
	assert_on("br0", "generic");
	take_away();
	assert_nothing_at("br0");
	must("ip link del br0");
}

/* --- programs of others ------------------------------------------------------------------------ */

static void test_another_program_stays(void **state)
{
	static const uint32_t modes[] = { XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE };
	static const enum wm_xdp_choice choices[] = { WM_XDP_GENERIC, WM_XDP_NATIVE };

	(void)state;
	for (size_t m = 0; m < WM_ARRAY_LEN(modes); m++) {
		uint32_t foreign = xdp_foreign("lan0", modes[m]);

		for (size_t c = 0; c < WM_ARRAY_LEN(choices); c++) {
			apply_with(choices[c]);
			assert_int_equal(xdp_at("lan0").prog, foreign);
			assert_int_equal(xdp_at("lan0").mode, modes[m]);
			assert_off("lan0", "another program is there");
			assert_string_equal(rig.err.text, "XDP: off on lan0: another program is there");
			assert_int_equal(wm_dataplane_bpf.present(&rig.inst, NULL), 1);
			assert_int_equal(rig_apply(&rig), 0);
		}
		take_away();
		assert_int_equal(xdp_at("lan0").prog, foreign);
		xdp_off("lan0");
	}
}

/* It comes and goes while we are there. */
static void test_another_program_for_a_while(void **state)
{
	uint32_t foreign;

	(void)state;
	apply_with(WM_XDP_GENERIC);
	foreign = xdp_foreign("lan0", XDP_FLAGS_SKB_MODE); /* ousts ours */
	assert_off("lan0", "somebody has taken it off");
	apply_with(WM_XDP_GENERIC);
	assert_int_equal(xdp_at("lan0").prog, foreign);
	assert_off("lan0", "another program is there");
	apply_with(WM_XDP_OFF);
	assert_int_equal(xdp_at("lan0").prog, foreign);
	xdp_off("lan0");
	apply_with(WM_XDP_GENERIC);
	assert_on("lan0", "generic");
}

static void test_two_meshes(void **state)
{
	struct rig *second = calloc(1, sizeof(*second));
	uint32_t first;

	(void)state;
	assert_non_null(second);
	apply_with(WM_XDP_GENERIC);
	first = xdp_at("lan0").prog;
	*second = rig;
	second->plan.ends = second->ends;
	second->inst.tc_prio = RIG_PRIO + 7;
	second->inst.fwmark = 0x57100100;
	strcpy(second->inst.name, "second");
	second->plan.supernet.addr = 0x0a320000;
	second->plan.subnet = (struct wm_prefix){ 0x0a320200, 24 };
	second->plan.gateway = 0x0a320201;
	second->plan.nends = 0;
	must("ip link add wg2 type veth peer name wg2-peer");
	second->wg = if_nametoindex("wg2");
	assert_true(wm_dataplane_bpf.apply(&second->inst, &second->plan, second->wg, &second->err) > 0);
	assert_int_equal(xdp_at("lan0").prog, first);
	assert_string_equal(xdp_status(second, "lan0").why, "the shield of another mesh is there");
	assert_on("lan0", "generic");
	/* The one that goes takes only its own. */
	assert_true(wm_dataplane_bpf.remove(&second->inst, NULL) >= 0);
	assert_int_equal(xdp_at("lan0").prog, first);
	assert_true(wm_dataplane_bpf.apply(&second->inst, &second->plan, second->wg, &second->err) > 0);
	take_away();
	assert_nothing_at("lan0");
	assert_true(wm_dataplane_bpf.apply(&second->inst, &second->plan, second->wg, &second->err) > 0);
	assert_string_equal(xdp_status(second, "lan0").mode, "generic");
	assert_true(wm_dataplane_bpf.remove(&second->inst, NULL) >= 0);
	must("ip link del wg2");
	free(second);
}

/* --- coming and going ---------------------------------------------------------------------------- */

static void test_remove_leaves_nothing(void **state)
{
	char *before = rig_surroundings(&rig), *after;

	(void)state;
	apply_with(WM_XDP_GENERIC);
	take_away();
	assert_nothing_at("lan0");
	after = rig_surroundings(&rig);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_lan_leaves(void **state)
{
	(void)state;
	rig_lan(&rig, 1, "lan1", "192.168.2.1");
	apply_with(WM_XDP_GENERIC);
	assert_on("lan0", "generic");
	assert_on("lan1", "generic");
	rig.plan.nlans = 1;
	apply_with(WM_XDP_GENERIC);
	assert_on("lan0", "generic");
	assert_nothing_at("lan1");
	/* Another takes its slot. */
	rig.plan.nends = 0;
	rig_lan(&rig, 0, "lan1", "192.168.2.1");
	apply_with(WM_XDP_GENERIC);
	assert_nothing_at("lan0");
	assert_on("lan1", "generic");
	assert_int_equal(rig_apply(&rig), 0);
}

static void test_new_programs_take_its_place(void **state)
{
	uint32_t first;

	(void)state;
	apply_with(WM_XDP_GENERIC);
	first = xdp_at("lan0").prog;
	assert_int_equal(first, pinned("wm_shield"));
	rig.plan.mtu--;
	apply_with(WM_XDP_GENERIC);
	assert_int_not_equal(xdp_at("lan0").prog, first);
	assert_int_equal(xdp_at("lan0").prog, pinned("wm_shield"));
	assert_on("lan0", "generic");
}

/* Whoever deletes our pins orphans the shield: it is known by its mark. */
static void test_lost_pins(void **state)
{
	uint32_t first;

	(void)state;
	apply_with(WM_XDP_GENERIC);
	first = xdp_at("lan0").prog;
	must("rm -r /var/run/bpf/default");
	apply_with(WM_XDP_GENERIC);
	assert_int_not_equal(xdp_at("lan0").prog, first);
	assert_on("lan0", "generic");
	must("rm -r /var/run/bpf/default");
	apply_with(WM_XDP_OFF);
	assert_nothing_at("lan0");
	apply_with(WM_XDP_GENERIC);
	must("rm -r /var/run/bpf/default");
	take_away();
	assert_nothing_at("lan0");
}

static void test_killed(void **state)
{
	static const enum wm_xdp_choice choices[] = { WM_XDP_GENERIC, WM_XDP_NATIVE, WM_XDP_OFF, WM_XDP_GENERIC };

	(void)state;
	for (int i = 0; i < 16; i++) {
		int status;
		pid_t pid;

		rig.plan.mtu = (uint16_t)(1400 - i / 2);
		rig.inst.xdp = choices[i % (int)WM_ARRAY_LEN(choices)];
		fflush(stdout);
		pid = fork();
		if (!pid)
			_exit(wm_dataplane_bpf.apply(&rig.inst, &rig.plan, rig.wg, &rig.err) < 0);
		assert_int_equal(poll(NULL, 0, 20 * i), 0); /* wherever it is then */
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	apply_with(WM_XDP_GENERIC);
	assert_on("lan0", "generic");
	assert_int_equal(xdp_at("lan0").prog, pinned("wm_shield"));
	assert_int_equal(rig_apply(&rig), 0);
	take_away();
	assert_nothing_at("lan0");
}

/* Its tags reach XDP beside the frame or not at all: what is on such a device stays LAN ingress' business. */
static void test_vlan_device_on_top(void **state)
{
	(void)state;
	apply_with(WM_XDP_GENERIC);
	assert_on("lan0", "generic");
	if (!works("ip link add link lan0 name lan0.5 type vlan id 5"))
		skip();
	apply_with(WM_XDP_GENERIC);
	assert_nothing_at("lan0");
	assert_off("lan0", "VLAN devices are on it");
	must("ip link del lan0.5");
	apply_with(WM_XDP_GENERIC);
	assert_on("lan0", "generic");
}

/* --- the choice itself ------------------------------------------------------------------------------ */

#define CARD .name = "eth0", .driver = "igb", .ethernet = true, .hardware = true

static void test_choice(void **state)
{
	static const struct {
		enum wm_xdp_choice choice;
		bool container;
		struct wm_nic nic;
		uint32_t mode;
		const char *why;
	} rows[] = {
		{ WM_XDP_AUTO, false, { CARD }, XDP_FLAGS_DRV_MODE, "" },
		{ WM_XDP_AUTO, false, { CARD, .vlans = true }, XDP_FLAGS_DRV_MODE, "" },
		{ WM_XDP_AUTO, false, { CARD, .takes_tags = true }, XDP_FLAGS_DRV_MODE, "" },
		{ WM_XDP_AUTO, false, { CARD, .takes_tags = true, .vlans = true }, 0, "ethtool -K eth0 rxvlan off" },
		{ WM_XDP_AUTO, true, { CARD }, 0, "container" },
		{ WM_XDP_AUTO, true, { .kind = "veth", .ethernet = true, .takes_tags = true }, 0, "veth" },
		{ WM_XDP_AUTO, false, { CARD, .port = true }, 0, "a bridge or bond" },
		{ WM_XDP_AUTO, false, { CARD, .kind = "bond" }, 0, "bond" },
		{ WM_XDP_AUTO, false, { .kind = "veth", .driver = "veth", .ethernet = true, .takes_tags = true }, 0, "veth" },
		{ WM_XDP_AUTO, false, { .kind = "vlan", .ethernet = true }, 0, "vlan" },
		{ WM_XDP_AUTO, false, { .kind = "tun", .ethernet = true }, 0, "tun" },
		{ WM_XDP_AUTO, false, { .driver = "rndis", .ethernet = true }, 0, "rndis" },
		{ WM_XDP_AUTO, false, { .name = "eth0", .driver = "virtio_net", .ethernet = true, .hardware = true }, 0, "virtio_net" },
		{ WM_XDP_AUTO, false, { .name = "ib0", .driver = "ib_ipoib", .hardware = true }, 0, "no Ethernet" },
		{ WM_XDP_NATIVE, true, { CARD, .takes_tags = true }, XDP_FLAGS_DRV_MODE, "" },
		{ WM_XDP_NATIVE, false, { CARD, .takes_tags = true, .vlans = true }, 0, "VLAN" },
		{ WM_XDP_NATIVE, false, { CARD, .vlans = true }, XDP_FLAGS_DRV_MODE, "" },
		{ WM_XDP_NATIVE, false, { .kind = "veth", .ethernet = true, .takes_tags = true }, XDP_FLAGS_DRV_MODE, "" },
		{ WM_XDP_GENERIC, true, { .kind = "veth", .ethernet = true, .takes_tags = true }, XDP_FLAGS_SKB_MODE, "" },
		{ WM_XDP_GENERIC, false, { .kind = "bridge", .ethernet = true, .takes_tags = true, .vlans = true }, 0, "VLAN" },
		{ WM_XDP_GENERIC, false, { .kind = "tun", .takes_tags = true }, 0, "no Ethernet" },
		{ WM_XDP_OFF, false, { CARD }, 0, "off" },
	};
	char why[WM_NO_SHIELD_SIZE];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		uint32_t mode = wm_bpf_shield_mode(rows[i].choice, rows[i].container, &rows[i].nic, why);

		if (mode != rows[i].mode || !strstr(why, rows[i].why) || !mode != (*why != '\0'))
			fail_msg("row %zu: mode %u, '%s'", i, mode, why);
	}
}

/* What the table above assumes is what devices say. */
static void test_devices(void **state)
{
	struct wm_nic nic;

	(void)state;
	nic = xdp_at("lan0");
	assert_string_equal(nic.kind, "veth");
	assert_string_equal(nic.driver, "veth");
	assert_true(nic.ethernet && nic.takes_tags);
	assert_false(nic.hardware || nic.port || nic.vlans);
	must("ip link add br0 type bridge");
	must("ip link set lan1 master br0");
	assert_true(xdp_at("lan1").port);
	assert_string_equal(xdp_at("br0").kind, "bridge");
	must("ip link del br0");
	must("ip tuntap add dev tun9 mode tun");
	assert_false(xdp_at("tun9").ethernet);
	must("ip link del tun9");
	assert_int_equal(wm_nic_read(4711, false, &nic, &rig.err), -ENODEV);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_nobody_asked_on_a_veth), TEST(test_modes), TEST(test_refused), TEST(test_another_program_stays),
		TEST(test_another_program_for_a_while), TEST(test_two_meshes), TEST(test_remove_leaves_nothing),
		TEST(test_lan_leaves), TEST(test_new_programs_take_its_place), TEST(test_lost_pins), TEST(test_killed),
		TEST(test_vlan_device_on_top), cmocka_unit_test(test_choice), TEST(test_devices),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("xdp_place", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
