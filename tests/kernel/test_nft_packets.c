/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets through the nftables back end: what comes out of the gateway for what
 * goes in, and what it is counted as. The topology is drawn in nft_rig.h.
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

static void wg_to_lan(const struct packet *p)
{
	struct ether_header eth;
	struct packet got;

	send_wg(&rig, p);
	assert_true(recv_lan(&rig, 0, &got, &eth));
	assert_translated(&got, p, FAR, NAS_LAN);
	assert_int_equal(eth.ether_dhost[5], PLAIN_MAC);
}

static void lan_to_wg(const struct packet *p)
{
	struct packet got;

	send_lan(&rig, 0, PLAIN_MAC, p);
	assert_true(recv_wg(&rig, &got));
	assert_translated(&got, p, NAS, FAR);
}

static void every_protocol(struct packet ret[8], wm_ip4 src, wm_ip4 dst)
{
	static const uint8_t nops[] = { 1, 1, 1, 0 };

	ret[0] = udp(src, dst, 100);
	ret[1] = udp(src, dst, 33);
	ret[1].byte[26] = ret[1].byte[27] = 0; /* sent without a checksum */
	ret[2] = tcp(src, dst, TH_ACK, NULL, 0, 64);
	ret[3] = icmp(src, dst, ICMP_ECHO, 0, 56);
	ret[4] = raw(src, dst, 47, 40);
	ret[5] = udp(src, dst, 40); /* a later fragment: no L4 header in it */
	ret[5].byte[7] = 100;
	fix_ip(&ret[5]);
	ret[6] = udp(src, dst, 40); /* a first fragment: its checksum is over more than it holds */
	ret[6].byte[6] = 0x20;
	fix_ip(&ret[6]);
	ret[7] = udp(src, dst, 12);
	with_options(&ret[7], nops, sizeof(nops));
}

static void wg_to_lan_is_translated(void **state)
{
	struct packet p[8];
	size_t bytes = 0;

	(void)state;
	every_protocol(p, FAR, NAS);
	for (int i = 0; i < 8; i++) {
		wg_to_lan(&p[i]);
		bytes += p[i].len;
	}
	rig_counted(&rig, WM_REASON_TO_LAN, 8);
	assert_int_equal(rig_end_counters(&rig, NAS).to.packets, 8);
	assert_int_equal(rig_end_counters(&rig, NAS).to.bytes, bytes);
	assert_int_equal(rig_end_counters(&rig, NAS).from.packets, 0);
}

static void lan_to_wg_is_translated(void **state)
{
	struct packet p[8];
	size_t bytes = 0;

	(void)state;
	every_protocol(p, NAS_LAN, FAR);
	for (int i = 0; i < 8; i++) {
		lan_to_wg(&p[i]);
		bytes += p[i].len;
	}
	rig_counted(&rig, WM_REASON_TO_MESH, 8);
	assert_int_equal(rig_end_counters(&rig, NAS).from.packets, 8);
	assert_int_equal(rig_end_counters(&rig, NAS).from.bytes, bytes);
}

/* The checksum of a first fragment cannot be verified from it; that it changed
 * by what the address changed can. */
static void a_first_fragments_checksum_follows(void **state)
{
	struct packet p = udp(FAR, NAS, 40), whole = udp(FAR, NAS_LAN, 40), got;

	(void)state;
	p.byte[6] = 0x20;
	fix_ip(&p);
	send_wg(&rig, &p);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_memory_equal(got.byte + 26, whole.byte + 26, 2);
}

static void a_wrong_checksum_stays_wrong(void **state)
{
	struct packet p = tcp(FAR, NAS, TH_ACK, NULL, 0, 64), got;

	(void)state;
	p.byte[36] ^= 0x40;
	send_wg(&rig, &p);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_int_equal(dst_of(&got), NAS_LAN);
	assert_false(sums_right(&got));
}

/* What containers, VMs and the machine's own TCP hand over: the checksum still
 * to be finished, and one packet for several. */
static void unfinished_checksums_are_right_on_the_wire(void **state)
{
	struct packet p = tcp(FAR, NAS, TH_ACK, NULL, 0, 500);

	(void)state;
	p.partial = true;
	wg_to_lan(&p);
	p = udp(FAR, NAS, 500);
	p.partial = true;
	wg_to_lan(&p);
	rig_counted(&rig, WM_REASON_TO_LAN, 2);
}

static void segments_are_right_on_the_wire(void **state)
{
	struct packet p = tcp(FAR, NAS, TH_ACK, NULL, 0, 3000), got;

	(void)state;
	p.partial = true;
	p.gso_size = 1000;
	send_wg(&rig, &p);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t seq;

		assert_true(recv_lan(&rig, 0, &got, NULL));
		memcpy(&seq, got.byte + 24, 4);
		assert_int_equal(got.len, 1040);
		assert_int_equal(ntohl(seq), 1 + 1000 * i);
		assert_int_equal(dst_of(&got), NAS_LAN);
		assert_true(sums_right(&got));
	}
}

/* --- the gateway itself ---------------------------------------------------------------- */

static void g_answers_the_mesh(void **state)
{
	const struct packet p = icmp(FAR, G, ICMP_ECHO, 0, 20);
	struct packet got;

	(void)state;
	send_wg(&rig, &p);
	assert_true(recv_wg(&rig, &got));
	assert_int_equal(src_of(&got), G);
	assert_int_equal(dst_of(&got), FAR);
	assert_int_equal(got.byte[20], ICMP_ECHOREPLY);
	rig_counted(&rig, WM_REASON_LOCAL, 2);
}

/* The host sees one partner: what it sends to g comes back from g. */
static void g_answers_its_hosts(void **state)
{
	const struct packet p = icmp(NAS_LAN, G, ICMP_ECHO, 0, 20);
	struct packet got;

	(void)state;
	send_lan(&rig, 0, PLAIN_MAC, &p);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_int_equal(src_of(&got), G);
	assert_int_equal(dst_of(&got), NAS_LAN);
	assert_int_equal(got.byte[20], ICMP_ECHOREPLY);
	assert_true(sums_right(&got));
	assert_int_equal(rig_end_counters(&rig, NAS).from.packets, 1);
	assert_int_equal(rig_end_counters(&rig, NAS).to.packets, 1);
}

static void g_reaches_its_hosts_by_overlay_address(void **state)
{
	struct packet got;

	(void)state;
	say(0, NAS);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_int_equal(src_of(&got), G);
	assert_int_equal(dst_of(&got), NAS_LAN);
	assert_true(sums_right(&got));
	rig_counted(&rig, WM_REASON_TO_LAN, 1);
}

static void g_reaches_the_mesh(void **state)
{
	struct packet got;

	(void)state;
	say(0, FAR);
	assert_true(recv_wg(&rig, &got));
	assert_int_equal(src_of(&got), G);
	assert_int_equal(dst_of(&got), FAR);
	rig_counted(&rig, WM_REASON_LOCAL, 1);
}

/* --- hairpin ----------------------------------------------------------------------------- */

static void hosts_reach_each_other_by_overlay_address(void **state)
{
	const struct packet p = tcp(NAS_LAN, CAM, TH_SYN, NULL, 0, 0), self = udp(NAS_LAN, NAS, 30);
	struct packet got;

	(void)state;
	send_lan(&rig, 0, PLAIN_MAC, &p);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &p, NAS, CAM_LAN);
	send_lan(&rig, 0, PLAIN_MAC, &self);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &self, NAS, NAS_LAN);
	rig_counted(&rig, WM_REASON_HAIRPIN, 2);
	assert_silence(&rig); /* no redirect of the stack */
	assert_int_equal(rig_end_counters(&rig, NAS).from.packets, 2);
	assert_int_equal(rig_end_counters(&rig, NAS).to.packets, 1);
	assert_int_equal(rig_end_counters(&rig, CAM).to.packets, 1);
}

static void hosts_of_two_lans(void **state)
{
	const struct packet p = udp(NAS_LAN, FAX, 10), far = udp(FAR, FAX, 10), back = udp(FAX_LAN, FAR, 10),
			    wrong = udp(NAS_LAN, FAR, 10);
	struct packet got;

	(void)state;
	send_lan(&rig, 0, PLAIN_MAC, &p);
	assert_true(recv_lan(&rig, 1, &got, NULL));
	assert_translated(&got, &p, NAS, FAX_LAN);
	rig_counted(&rig, WM_REASON_HAIRPIN, 1);
	send_wg(&rig, &far);
	assert_true(recv_lan(&rig, 1, &got, NULL));
	assert_translated(&got, &far, FAR, FAX_LAN);
	send_lan(&rig, 1, PLAIN_MAC, &back);
	assert_true(recv_wg(&rig, &got));
	assert_translated(&got, &back, FAX, FAR);
	/* lan0's address is nobody on lan1. */
	rig_mark(&rig);
	send_lan(&rig, 1, PLAIN_MAC, &wrong);
	rig_counted(&rig, WM_REASON_UNREGISTERED, 1);
}

/* The same LAN address on two LANs is two machines; routing by address alone
 * finds the first, so the second's packets must not go anywhere. */
static void a_packet_never_leaves_by_the_wrong_lan(void **state)
{
	const struct packet p = udp(FAR, IP(172, 30, 2, 30), 10), mine = udp(NAS_LAN, FAR, 10);
	struct packet got;

	(void)state;
	rig_end(&rig, (struct wm_end){ .overlay = IP(172, 30, 2, 30), .local = NAS_LAN, .access = WM_ACCESS_FULL, .lan = 1 });
	assert_true(rig_apply(&rig) > 0);
	send_wg(&rig, &p);
	for (int i = 0; i < 200 && rig_end_counters(&rig, IP(172, 30, 2, 30)).to.packets < 1; i++)
		poll(NULL, 0, 5);
	assert_int_equal(rig_end_counters(&rig, IP(172, 30, 2, 30)).to.packets, 1);
	assert_silence(&rig);
	send_lan(&rig, 1, PLAIN_MAC, &mine);
	assert_true(recv_wg(&rig, &got));
	assert_translated(&got, &mine, IP(172, 30, 2, 30), FAR);
	send_lan(&rig, 0, PLAIN_MAC, &mine);
	assert_true(recv_wg(&rig, &got));
	assert_translated(&got, &mine, NAS, FAR);
}

/* --- MSS ---------------------------------------------------------------------------------- */

static void mss_is_lowered_and_never_raised(void **state)
{
	static const struct {
		uint16_t sent, want;
	} v[] = { { 1460, 1380 }, { 1380, 1380 }, { 536, 536 }, { 9000, 1380 } };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(v); i++) {
		const uint8_t mss[] = { 2, 4, (uint8_t)(v[i].sent >> 8), (uint8_t)v[i].sent, 1, 1, 1, 1 };
		const struct packet in = tcp(FAR, NAS, TH_SYN, mss, 8, 0), out = tcp(NAS_LAN, FAR, TH_SYN | TH_ACK, mss, 8, 0);
		struct packet got;

		send_wg(&rig, &in);
		assert_true(recv_lan(&rig, 0, &got, NULL));
		assert_int_equal(got.byte[42] << 8 | got.byte[43], v[i].want);
		assert_true(sums_right(&got));
		send_lan(&rig, 0, PLAIN_MAC, &out);
		assert_true(recv_wg(&rig, &got));
		assert_int_equal(got.byte[42] << 8 | got.byte[43], v[i].want);
		assert_true(sums_right(&got));
	}
}

static void odd_tcp_options_are_harmless(void **state)
{
	const uint8_t truncated[] = { 1, 1, 1, 2 }, zero_length[] = { 2, 0, 5, 180 }, odd[] = { 1, 2, 4, 5, 180, 1, 1, 1 };
	const struct packet p[] = { tcp(FAR, NAS, TH_SYN, truncated, 4, 0), tcp(FAR, NAS, TH_SYN, zero_length, 4, 0),
				    tcp(FAR, NAS, TH_SYN, odd, 8, 0), tcp(FAR, NAS, TH_SYN, NULL, 0, 0) };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(p); i++)
		wg_to_lan(&p[i]);
}

/* --- hub ------------------------------------------------------------------------------------ */

static void a_hub_relays(void **state)
{
	static const struct {
		wm_ip4 src, dst;
	} v[] = { { FAR, IP(172, 30, 9, 9) }, { LAPTOP, FAR }, { FAR, LAPTOP }, { FAR, SENSOR }, { LAPTOP, SENSOR } };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(v); i++) {
		const struct packet p = udp(v[i].src, v[i].dst, 10);
		struct packet got;

		send_wg(&rig, &p);
		assert_true(recv_wg(&rig, &got));
		assert_translated(&got, &p, v[i].src, v[i].dst);
	}
	rig_counted(&rig, WM_REASON_RELAY, WM_ARRAY_LEN(v));
	assert_silence(&rig); /* no redirect of the stack */
	assert_int_equal(rig_end_counters(&rig, LAPTOP).from.packets, 2);
	assert_int_equal(rig_end_counters(&rig, LAPTOP).to.packets, 1);
	assert_int_equal(rig_end_counters(&rig, SENSOR).to.packets, 2);
}

static void devices_and_hosts_of_a_hub(void **state)
{
	const struct packet down = udp(LAPTOP, NAS, 10), up = udp(NAS_LAN, LAPTOP, 10);
	struct packet got;

	(void)state;
	send_wg(&rig, &down);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &down, LAPTOP, NAS_LAN);
	rig_counted(&rig, WM_REASON_TO_LAN, 1);
	assert_int_equal(rig_end_counters(&rig, LAPTOP).from.packets, 1);
	rig_mark(&rig);
	send_lan(&rig, 0, PLAIN_MAC, &up);
	assert_true(recv_wg(&rig, &got));
	assert_translated(&got, &up, NAS, LAPTOP);
	rig_counted(&rig, WM_REASON_TO_MESH, 1);
	assert_int_equal(rig_end_counters(&rig, LAPTOP).to.packets, 1);
	rig_mark(&rig);
	say(0, LAPTOP);
	assert_true(recv_wg(&rig, &got));
	rig_counted(&rig, WM_REASON_LOCAL, 1);
	assert_int_equal(rig_end_counters(&rig, LAPTOP).to.packets, 1);
}

/* --- changes ---------------------------------------------------------------------------------- */

static void a_change_is_in_force_with_the_next_packet(void **state)
{
	const struct packet to = udp(FAR, NAS, 10), old = udp(NAS_LAN, FAR, 10), moved = udp(IP(192, 168, 1, 13), FAR, 10),
			    cam = udp(FAR, CAM, 10);
	struct packet got;

	(void)state;
	wg_to_lan(&to);
	send_wg(&rig, &cam);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	rig_mark(&rig);
	rig.ends[0].local = IP(192, 168, 1, 13);
	assert_int_equal(rig_apply(&rig), 16); /* out of and into to, quoted_to, hosts, from, known and the fast path's three */
	send_wg(&rig, &to);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &to, FAR, IP(192, 168, 1, 13));
	send_lan(&rig, 0, PLAIN_MAC, &moved);
	assert_true(recv_wg(&rig, &got));
	assert_translated(&got, &moved, NAS, FAR);
	rig_mark(&rig);
	send_lan(&rig, 0, PLAIN_MAC, &old);
	rig_counted(&rig, WM_REASON_UNREGISTERED, 1);
	/* The rest of the plan kept its counters. */
	assert_int_equal(rig_end_counters(&rig, CAM).to.packets, 0);

	rig.ends[0] = rig.ends[1]; /* nas leaves, cam and bound stay */
	rig.ends[1] = rig.ends[2];
	rig.plan.nends = 2;
	assert_int_equal(rig_apply(&rig), 9);
	rig_mark(&rig);
	send_wg(&rig, &to);
	rig_counted(&rig, WM_REASON_NO_HOST, 1);
	assert_silence(&rig);
}

static void an_access_type_changes_while_packets_flow(void **state)
{
	const struct packet p = udp(NAS_LAN, FAR, 10);

	(void)state;
	lan_to_wg(&p);
	rig.ends[0].access = WM_ACCESS_ISOLATED;
	assert_true(rig_apply(&rig) > 0);
	rig_mark(&rig);
	send_lan(&rig, 0, PLAIN_MAC, &p);
	rig_counted(&rig, WM_REASON_ISOLATED, 1);
	assert_silence(&rig);
	rig.ends[0].access = WM_ACCESS_FULL;
	assert_true(rig_apply(&rig) > 0);
	lan_to_wg(&p);
}

/* Someone flushes the rulesets: no packet passes unfiltered, and the next run
 * puts everything back. */
static void a_flushed_ruleset_opens_nothing(void **state)
{
	const struct packet in = udp(FAR, NAS_LAN, 10), ok = udp(FAR, NAS, 10), ping = icmp(FAR, G, ICMP_ECHO, 0, 10);
	struct packet got = { 0 };

	(void)state;
	must("nft flush ruleset");
	send_wg(&rig, &in);
	send_wg(&rig, &ping);
	/* The stack may refuse the first in words. The answer to the second says
	 * that both have been through. */
	while (recv_wg(&rig, &got) && got.byte[20] != ICMP_ECHOREPLY)
		;
	assert_int_equal(got.byte[20], ICMP_ECHOREPLY);
	assert_silence(&rig);
	assert_true(rig_apply(&rig) > 0);
	rig_mark(&rig);
	wg_to_lan(&ok);
	rig_counted(&rig, WM_REASON_TO_LAN, 1);
}

/* Mesh traffic is none of conntrack's business, even where others use it. */
static void conntrack_does_not_see_the_mesh(void **state)
{
	struct packet p[8], q[8];
	char *out;

	(void)state;
	rig.inst.fastpath = false; /* what goes around the stack meets nobody's rules */
	assert_true(rig_apply(&rig) > 0);
	must("nft add table inet fw");
	must("nft add counter inet fw tracked");
	must("nft add counter inet fw untracked");
	must("nft add chain inet fw f { type filter hook forward priority 0 ; }");
	must("nft add rule inet fw f ct state untracked counter name untracked");
	must("nft add rule inet fw f ct state new,established,related,invalid counter name tracked drop");
	must("nft add chain inet fw n { type nat hook postrouting priority 100 ; }");
	must("nft add rule inet fw n masquerade");
	/* Whole packets only: foreign conntrack reassembles fragments before us. */
	every_protocol(p, FAR, NAS);
	every_protocol(q, NAS_LAN, FAR);
	for (int i = 0; i < 5; i++) {
		wg_to_lan(&p[i]);
		lan_to_wg(&q[i]);
	}
	out = run_out(NULL, "nft", "list", "counters", "table", "inet", "fw", NULL);
	assert_non_null(strstr(strstr(out, "counter tracked"), "packets 0"));
	assert_non_null(strstr(strstr(out, "counter untracked"), "packets 10"));
	free(out);
	must("nft delete table inet fw");
}

static int body(void)
{
	const struct CMUnitTest tests[] = {
		SPOKE(wg_to_lan_is_translated),
		SPOKE(lan_to_wg_is_translated),
		SPOKE(a_first_fragments_checksum_follows),
		SPOKE(a_wrong_checksum_stays_wrong),
		SPOKE(unfinished_checksums_are_right_on_the_wire),
		SPOKE(segments_are_right_on_the_wire),
		SPOKE(g_answers_the_mesh),
		SPOKE(g_answers_its_hosts),
		SPOKE(g_reaches_its_hosts_by_overlay_address),
		SPOKE(g_reaches_the_mesh),
		SPOKE(hosts_reach_each_other_by_overlay_address),
		LANS(hosts_of_two_lans),
		LANS(a_packet_never_leaves_by_the_wrong_lan),
		SPOKE(mss_is_lowered_and_never_raised),
		SPOKE(odd_tcp_options_are_harmless),
		HUB(a_hub_relays),
		HUB(devices_and_hosts_of_a_hub),
		SPOKE(a_change_is_in_force_with_the_next_packet),
		SPOKE(an_access_type_changes_while_packets_flow),
		SPOKE(a_flushed_ruleset_opens_nothing),
		SPOKE(conntrack_does_not_see_the_mesh),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft packets", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
