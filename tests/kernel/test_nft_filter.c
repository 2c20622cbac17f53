/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the nftables back end does not let through, what it counts it as, and
 * what it leaves alone. The topology is drawn in nft_rig.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "kernel/nft_setup.h"

/* --- what is dropped, by reason -------------------------------------------------------- */

struct verdict {
	wm_ip4 src, dst;
	enum wm_reason reason;
};

static void from_wg_drops(const struct verdict *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct packet p[] = { udp(v[i].src, v[i].dst, 20), tcp(v[i].src, v[i].dst, TH_SYN, NULL, 0, 0),
					    icmp(v[i].src, v[i].dst, ICMP_ECHO, 0, 8) };

		rig_mark(&rig);
		for (size_t j = 0; j < WM_ARRAY_LEN(p); j++)
			send_wg(&rig, &p[j]);
		rig_counted(&rig, v[i].reason, WM_ARRAY_LEN(p));
		assert_silence(&rig);
	}
}

static void from_lan_drops(const struct verdict *v, size_t n, uint8_t mac)
{
	for (size_t i = 0; i < n; i++) {
		const struct packet p[] = { udp(v[i].src, v[i].dst, 20), tcp(v[i].src, v[i].dst, TH_SYN, NULL, 0, 0),
					    icmp(v[i].src, v[i].dst, ICMP_ECHO, 0, 8) };

		rig_mark(&rig);
		for (size_t j = 0; j < WM_ARRAY_LEN(p); j++)
			send_lan(&rig, 0, mac, &p[j]);
		rig_counted(&rig, v[i].reason, WM_ARRAY_LEN(p));
		assert_silence(&rig);
	}
}

static void from_wg_to_a_spoke(void **state)
{
	static const struct verdict v[] = {
		{ IP(8, 8, 8, 8), NAS, WM_REASON_SPOOFED },
		{ NAS_LAN, NAS, WM_REASON_SPOOFED },
		{ CAM, NAS, WM_REASON_SPOOFED },
		{ G, NAS, WM_REASON_SPOOFED },
		{ LAPTOP, G, WM_REASON_SPOOFED },
		{ FAR, NOBODY, WM_REASON_NO_HOST },
		{ FAR, IP(172, 30, 2, 0), WM_REASON_NO_HOST },
		{ FAR, IP(172, 30, 2, 255), WM_REASON_NO_HOST },
		{ FAR, IP(172, 30, 0, 0), WM_REASON_NO_HOST },
		{ FAR, IP(172, 30, 255, 255), WM_REASON_NO_HOST },
		{ FAR, NAS_LAN, WM_REASON_NO_HOST },
		{ FAR, IP(192, 168, 1, 1), WM_REASON_NO_HOST },
		{ FAR, IP(127, 0, 0, 1), WM_REASON_NO_HOST },
		{ FAR, IP(224, 0, 0, 251), WM_REASON_NO_HOST },
		{ FAR, IP(255, 255, 255, 255), WM_REASON_NO_HOST },
		{ FAR, IP(8, 8, 8, 8), WM_REASON_NO_HOST },
		{ FAR, IP(172, 30, 9, 9), WM_REASON_NOT_RELAY },
	};

	(void)state;
	from_wg_drops(v, WM_ARRAY_LEN(v));
}

static void from_a_lan(void **state)
{
	static const struct verdict v[] = {
		{ STRANGER_LAN, FAR, WM_REASON_UNREGISTERED },
		{ STRANGER_LAN, G, WM_REASON_UNREGISTERED },
		{ STRANGER_LAN, NAS, WM_REASON_UNREGISTERED },
		{ STRANGER_LAN, NOBODY, WM_REASON_UNREGISTERED },
		{ STRANGER_LAN, IP(172, 30, 255, 255), WM_REASON_UNREGISTERED },
		{ NAS, FAR, WM_REASON_UNREGISTERED },
		{ G, FAR, WM_REASON_UNREGISTERED },
		{ IP(192, 168, 1, 1), FAR, WM_REASON_UNREGISTERED },
		{ FAX_LAN, FAR, WM_REASON_UNREGISTERED },
		{ BOUND_LAN, FAR, WM_REASON_UNREGISTERED }, /* not its MAC */
		{ BOUND_LAN, NAS, WM_REASON_UNREGISTERED },
		{ CAM_LAN, FAR, WM_REASON_ISOLATED },
		{ CAM_LAN, NAS, WM_REASON_ISOLATED },
		{ CAM_LAN, NOBODY, WM_REASON_ISOLATED },
		{ NAS_LAN, NOBODY, WM_REASON_NO_HOST },
		{ NAS_LAN, IP(172, 30, 2, 255), WM_REASON_NO_HOST },
		{ NAS_LAN, IP(172, 30, 0, 0), WM_REASON_NO_HOST },
		{ NAS_LAN, IP(172, 30, 255, 255), WM_REASON_NO_HOST },
	};

	(void)state;
	from_lan_drops(v, WM_ARRAY_LEN(v), PLAIN_MAC);
	/* What was refused is not what was accepted. */
	rig_mark(&rig);
	from_lan_drops(v, WM_ARRAY_LEN(v), PLAIN_MAC);
	assert_int_equal(rig_end_counters(&rig, NAS).from.packets, 0);
	assert_int_equal(rig_end_counters(&rig, BOUND).from.packets, 0);
}

/* IP delivers what comes to everybody's MAC, though it never forwards it. */
static void frames_for_everybody(void **state)
{
	const struct packet ask = icmp(STRANGER_LAN, G, ICMP_ECHO, 0, 8), cam = icmp(CAM_LAN, G, ICMP_ECHO, 0, 8);
	const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	(void)state;
	send_frame(&rig, 0, everybody, OTHER_MAC, &ask);
	send_frame(&rig, 0, everybody, OTHER_MAC, &cam);
	rig_counted(&rig, WM_REASON_INVALID, 2);
	assert_silence(&rig);
}

static void drops_are_counted_for_whom(void **state)
{
	const struct packet cam = udp(CAM_LAN, FAR, 10), stolen = udp(BOUND_LAN, FAR, 10);

	(void)state;
	send_lan(&rig, 0, PLAIN_MAC, &cam);
	rig_counted(&rig, WM_REASON_ISOLATED, 1);
	assert_int_equal(rig_end_counters(&rig, CAM).drops, 1);
	send_lan(&rig, 0, OTHER_MAC, &stolen);
	rig_mark(&rig);
	send_lan(&rig, 0, OTHER_MAC, &stolen);
	rig_counted(&rig, WM_REASON_UNREGISTERED, 1);
	assert_int_equal(rig_end_counters(&rig, BOUND).drops, 1);
}

static void a_bound_mac_is_let_through(void **state)
{
	const struct packet p = udp(BOUND_LAN, FAR, 10), near = udp(BOUND_LAN, NAS, 10);
	struct packet got;

	(void)state;
	send_lan(&rig, 0, 0x12, &p);
	assert_true(recv_wg(&rig, &got));
	assert_translated(&got, &p, BOUND, FAR);
	rig_counted(&rig, WM_REASON_TO_MESH, 1);
	assert_int_equal(rig_end_counters(&rig, BOUND).from.packets, 1);
	rig_mark(&rig);
	send_lan(&rig, 0, 0x12, &near);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &near, BOUND, NAS_LAN);
	rig_counted(&rig, WM_REASON_HAIRPIN, 1);
}

static void an_isolated_host_can_be_reached(void **state)
{
	const struct packet p = udp(FAR, CAM, 10);
	struct packet got;

	(void)state;
	send_wg(&rig, &p);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &p, FAR, CAM_LAN);
	rig_counted(&rig, WM_REASON_TO_LAN, 1);
}

static void source_routes_are_invalid(void **state)
{
	static const uint8_t lsrr[] = { 131, 7, 4, 10, 0, 0, 1, 0 }, ssrr[] = { 137, 7, 4, 10, 0, 0, 1, 0 };
	const uint8_t *const options[] = { lsrr, ssrr };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct packet p = udp(FAR, NAS, 10), q = udp(NAS_LAN, FAR, 10);

		with_options(&p, options[i], 8);
		with_options(&q, options[i], 8);
		rig_mark(&rig);
		send_wg(&rig, &p);
		send_lan(&rig, 0, PLAIN_MAC, &q);
		rig_counted(&rig, WM_REASON_INVALID, 2);
		assert_silence(&rig);
	}
}

/* --- out to wg ---------------------------------------------------------------------- */

static void nothing_untranslated_leaves(void **state)
{
	(void)state;
	say(IP(192, 168, 1, 1), FAR); /* bound to the LAN address */
	say(IP(192, 168, 1, 1), NAS);
	rig_counted(&rig, WM_REASON_UNTRANSLATED, 2);
	assert_silence(&rig);
	rig_mark(&rig);
	say(0, NOBODY);
	rig_counted(&rig, WM_REASON_NO_HOST, 1);
	assert_silence(&rig);
}

/* A container's interface, say: not a LAN of ours, whatever address it claims. */
static void another_interface_is_not_translated(void **state)
{
	const wm_ip4 claims[] = { NAS_LAN, NAS, FAR, IP(10, 9, 9, 9) };
	struct rig other = rig;
	uint8_t mac[6] = { 2, 0, 0, 0, 9, 9 };

	(void)state;
	must("ip link add c0 type veth peer name c0p");
	must("ip link set c0 address 02:00:00:00:09:09 up");
	must("ip link set c0p up");
	must("ip addr add 10.9.9.1/24 dev c0");
	other.lan[0] = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("c0p") };
	assert_int_equal(bind(other.lan[0], (struct sockaddr *)&at, sizeof(at)), 0);
	for (size_t i = 0; i < WM_ARRAY_LEN(claims); i++) {
		const struct packet p = udp(claims[i], IP(172, 30, 7, 7), 10);

		send_frame(&other, 0, mac, 0x77, &p);
	}
	close(other.lan[0]);
	rig_counted(&rig, WM_REASON_UNTRANSLATED, WM_ARRAY_LEN(claims));
	assert_silence(&rig);
	must("ip link del c0");
}

/* With the stack left to its defaults it tells a relay's sender of a shorter
 * way, which does not exist. */
static void redirects_never_leave(void **state)
{
	const struct packet p = icmp(FAR, IP(172, 30, 9, 9), ICMP_ECHO, 0, 10); /* through the stack */
	struct wm_counters c = { 0 };
	struct packet got;

	(void)state;
	sysctl("/proc/sys/net/ipv4/conf/wg0/send_redirects", "1");
	send_wg(&rig, &p);
	assert_true(recv_wg(&rig, &got));
	assert_translated(&got, &p, FAR, IP(172, 30, 9, 9));
	assert_silence(&rig);
	assert_int_equal(wm_dataplane_nft.read(&rig.inst, &c, NULL), 0);
	assert_int_equal(c.reason[WM_REASON_RELAY].packets, 1);
	assert_int_equal(c.reason[WM_REASON_REDIRECT].packets, 1);
	wm_counters_free(&c);
}

static void a_hub_drops(void **state)
{
	static const struct verdict v[] = {
		{ SENSOR, FAR, WM_REASON_ISOLATED },
		{ SENSOR, NAS, WM_REASON_ISOLATED },
		{ SENSOR, LAPTOP, WM_REASON_ISOLATED },
		{ IP(172, 30, 2, 102), FAR, WM_REASON_SPOOFED },
		{ NAS, FAR, WM_REASON_SPOOFED },
		{ G, FAR, WM_REASON_SPOOFED },
		{ LAPTOP, NOBODY, WM_REASON_NO_HOST },
		{ LAPTOP, NAS_LAN, WM_REASON_NO_HOST },
		{ FAR, IP(172, 30, 255, 255), WM_REASON_NO_HOST },
	};

	(void)state;
	rig_mark(&rig);
	from_wg_drops(v, WM_ARRAY_LEN(v));
	assert_int_equal(rig_end_counters(&rig, LAPTOP).from.packets, 0);
	rig_mark(&rig);
	from_wg_drops(v, 1);
	assert_int_equal(rig_end_counters(&rig, SENSOR).drops, 3);
}

/* --- what is not ours ------------------------------------------------------------------- */

static void what_is_not_for_the_mesh_is_not_touched(void **state)
{
	const struct packet ping = icmp(STRANGER_LAN, IP(192, 168, 1, 1), ICMP_ECHO, 0, 10);
	const struct packet out = udp(STRANGER_LAN, IP(192, 168, 1, 13), 10), to_mesh = udp(NAS_LAN, FAR, 10);
	uint8_t other_mac[6] = { 2, 0, 0, 0, 5, 5 };
	struct packet got;

	(void)state;
	must("ip route add 198.51.100.0/24 via 192.168.1.13");
	send_lan(&rig, 0, OTHER_MAC, &ping);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_int_equal(got.byte[20], ICMP_ECHOREPLY);
	send_lan(&rig, 0, OTHER_MAC, &out);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	/* Forwarded with a redirect beside it; the packet itself is as it was. */
	if (got.byte[9] == IPPROTO_ICMP)
		assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &out, STRANGER_LAN, IP(192, 168, 1, 13));
	/* For another machine's MAC: seen by a bridge or in promiscuous mode only. */
	must("ip link set lan0 promisc on");
	send_frame(&rig, 0, other_mac, PLAIN_MAC, &to_mesh);
	send_lan(&rig, 0, PLAIN_MAC, &to_mesh);
	rig_counted(&rig, WM_REASON_TO_MESH, 1);
	assert_true(recv_wg(&rig, &got));
	must("ip link set lan0 promisc off");
}

static int body(void)
{
	const struct CMUnitTest tests[] = {
		SPOKE(from_wg_to_a_spoke),
		SPOKE(from_a_lan),
		SPOKE(frames_for_everybody), SPOKE(drops_are_counted_for_whom),
		SPOKE(a_bound_mac_is_let_through),
		SPOKE(an_isolated_host_can_be_reached),
		SPOKE(source_routes_are_invalid),
		SPOKE(nothing_untranslated_leaves),
		SPOKE(another_interface_is_not_translated),
		HUB(redirects_never_leave),
		HUB(a_hub_drops),
		SPOKE(what_is_not_for_the_mesh_is_not_touched),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft filter", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
