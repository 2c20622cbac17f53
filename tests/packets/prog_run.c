/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * LAN ingress and the shield by BPF_PROG_TEST_RUN: frame in, action and reason
 * out. Only these programs: the kernel always supplies an Ethernet header, which
 * wg devices do not have, and no offloads (the rig of main.c has both).
 */
#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"

#define NONE WM_REASON_COUNT /* not ours: no counter moves */
#define PASS UINT32_MAX      /* TC_ACT_UNSPEC */
#define REDIRECT TC_ACT_REDIRECT
#define DROP TC_ACT_SHOT

#define US "\2\0\0\0\0\1"
#define OTHER "\2\0\0\0\0\x99"
#define ALL "\xff\xff\xff\xff\xff\xff"

#define NAS "192.168.1.10"   /* 172.30.2.2, standard */
#define CAM "192.168.1.11"   /* 172.30.2.3, isolated */
#define GUEST "192.168.1.99" /* unregistered */
#define FAR "172.30.9.9"

struct row {
	const char *name;
	const char *mac, *src, *dst;
	uint32_t action;
	unsigned int reason;
	/* what is not as in most rows; 0: IPv4 in five words, UDP, TTL 64, total length as sent */
	uint16_t ethertype;
	uint8_t first; /* version and header length */
	uint8_t proto, ttl;
	uint16_t total, fragment, dport;
	uint8_t tcp_flags;
};

static const struct row rows[] = {
	{ "a host to another site", US, NAS, FAR, REDIRECT, WM_REASON_TO_MESH },
	{ "TCP", US, NAS, FAR, REDIRECT, WM_REASON_TO_MESH, .proto = 6, .tcp_flags = 2 },
	{ "ICMP", US, NAS, FAR, REDIRECT, WM_REASON_TO_MESH, .proto = 1 },
	{ "GRE", US, NAS, FAR, REDIRECT, WM_REASON_TO_MESH, .proto = 47 },
	{ "a later fragment", US, NAS, FAR, REDIRECT, WM_REASON_TO_MESH, .fragment = 100 },
	{ "the last hop ends here: the stack answers", US, NAS, FAR, PASS, WM_REASON_LOCAL, .ttl = 1 },
	{ "options: the stack forwards", US, NAS, FAR, PASS, NONE, .first = 0x46 },
	{ "to the gateway", US, NAS, "172.30.2.1", PASS, WM_REASON_LOCAL },
	{ "to a host here, by overlay address", US, NAS, "172.30.2.3", REDIRECT, WM_REASON_HAIRPIN },
	{ "to itself, by overlay address", US, NAS, "172.30.2.2", REDIRECT, WM_REASON_HAIRPIN },
	{ "to nobody of the site", US, NAS, "172.30.2.200", DROP, WM_REASON_NO_HOST },
	{ "to the site's network address", US, NAS, "172.30.2.0", DROP, WM_REASON_NO_HOST },
	{ "to the site's broadcast address", US, NAS, "172.30.2.255", DROP, WM_REASON_NO_HOST },
	{ "to the mesh's network address", US, NAS, "172.30.0.0", DROP, WM_REASON_NO_HOST },
	{ "to the mesh's broadcast address", US, NAS, "172.30.255.255", DROP, WM_REASON_NO_HOST },
	{ "unregistered", US, GUEST, FAR, DROP, WM_REASON_UNREGISTERED },
	{ "unregistered, to the gateway", US, GUEST, "172.30.2.1", DROP, WM_REASON_UNREGISTERED },
	{ "unregistered, a ping", US, GUEST, FAR, DROP, WM_REASON_UNREGISTERED, .proto = 1 },
	{ "unregistered, options", US, GUEST, FAR, DROP, WM_REASON_UNREGISTERED, .first = 0x46 },
	{ "unregistered, a source next to a registered one", US, "192.168.1.12", FAR, DROP, WM_REASON_UNREGISTERED },
	{ "unregistered, a source with a registered one's end", US, "10.9.1.10", FAR, DROP, WM_REASON_UNREGISTERED },
	{ "the gateway's LAN address as the source", US, "192.168.1.1", FAR, DROP, WM_REASON_UNREGISTERED },
	{ "an overlay address as the source", US, "172.30.2.2", FAR, DROP, WM_REASON_UNREGISTERED },
	{ "version 6 in IPv4's clothes", US, NAS, FAR, DROP, WM_REASON_INVALID, .first = 0x65 },
	{ "a header of four words", US, NAS, FAR, DROP, WM_REASON_INVALID, .first = 0x44 },
	{ "a length beyond the frame", US, NAS, FAR, DROP, WM_REASON_INVALID, .total = 2000 },
	{ "a length within the header", US, NAS, FAR, DROP, WM_REASON_INVALID, .total = 19 },
	{ "isolated: UDP", US, CAM, FAR, DROP, WM_REASON_ISOLATED },
	{ "isolated: SYN", US, CAM, FAR, DROP, WM_REASON_ISOLATED, .proto = 6, .tcp_flags = 2 },
	{ "isolated: ACK out of nothing", US, CAM, FAR, DROP, WM_REASON_ISOLATED, .proto = 6, .tcp_flags = 16 },
	{ "isolated: GRE", US, CAM, FAR, DROP, WM_REASON_ISOLATED, .proto = 47 },
	{ "isolated: to a host here", US, CAM, "172.30.2.2", DROP, WM_REASON_ISOLATED },
	{ "isolated: a later fragment of nothing", US, CAM, FAR, DROP, WM_REASON_ISOLATED, .fragment = 100 },
	{ "isolated: asks the gateway for a name", US, CAM, "172.30.2.1", PASS, WM_REASON_LOCAL, .dport = 53 },
	{ "isolated: ssh to the gateway", US, CAM, "172.30.2.1", DROP, WM_REASON_ISOLATED, .proto = 6, .dport = 22, .tcp_flags = 2 },
	{ "not for the mesh", US, NAS, "192.0.2.1", PASS, NONE },
	{ "not for the mesh, unregistered", US, GUEST, "192.0.2.1", PASS, NONE },
	{ "to the gateway's LAN address", US, GUEST, "192.168.1.1", PASS, NONE },
	{ "a frame for somebody else", OTHER, NAS, FAR, PASS, NONE },
	{ "a frame for all", ALL, GUEST, FAR, PASS, NONE },
	{ "ARP", ALL, NAS, FAR, PASS, NONE, .ethertype = 0x0806 },
	{ "IPv6", US, NAS, FAR, PASS, NONE, .ethertype = 0x86dd },
	{ "VLAN", US, NAS, FAR, PASS, NONE, .ethertype = 0x8100 },
};

static struct rig rig;

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void build(const struct row *r, uint8_t frame[74])
{
	uint8_t *ip = frame + 14, *l4 = ip + (r->first == 0x46 ? 24 : 20);
	uint32_t sum = 0;

	memset(frame, 0, 74);
	memcpy(frame, r->mac, 6);
	memcpy(frame + 6, "\2\0\0\0\0\2", 6);
	put16(frame + 12, r->ethertype ? r->ethertype : 0x0800);
	ip[0] = r->first ? r->first : 0x45;
	put16(ip + 2, r->total ? r->total : 60);
	put16(ip + 6, r->fragment);
	ip[8] = r->ttl ? r->ttl : 64;
	ip[9] = r->proto ? r->proto : 17;
	assert_int_equal(inet_pton(AF_INET, r->src, ip + 12), 1);
	assert_int_equal(inet_pton(AF_INET, r->dst, ip + 16), 1);
	if (r->first == 0x46)
		memset(ip + 20, 1, 4); /* four times "no operation" */
	for (const uint8_t *p = ip; p < l4; p += 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, (uint16_t)~((sum & 0xffff) + (sum >> 16)));
	if (ip[9] == 1) {
		l4[0] = 8; /* echo request */
		return;
	}
	put16(l4, 40000);
	put16(l4 + 2, r->dport ? r->dport : 9000);
	l4[12] = 0x50;
	l4[13] = r->tcp_flags;
}

static void read_reasons(uint64_t ret[WM_REASON_COUNT])
{
	struct wm_counters c;

	assert_int_equal(wm_dataplane_bpf.read(&rig.inst, &c, &rig.err), 0);
	for (unsigned int i = 0; i < WM_REASON_COUNT; i++)
		ret[i] = c.reason[i].packets;
	wm_counters_free(&c);
}

/* The action and the one counter that moved. skb: the context; NULL for XDP, which has none before 5.14. */
static void run_row(int prog, const struct row *r, struct __sk_buff *skb, uint32_t *ret_action, unsigned int *ret_reason)
{
	uint8_t frame[74], out[256];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame), .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = skb, .ctx_size_in = skb ? sizeof(*skb) : 0);
	uint64_t before[WM_REASON_COUNT], after[WM_REASON_COUNT];

	build(r, frame);
	read_reasons(before);
	assert_int_equal(bpf_prog_test_run_opts(prog, &run), 0);
	read_reasons(after);
	*ret_action = run.retval;
	*ret_reason = NONE;
	for (unsigned int i = 0; i < WM_REASON_COUNT; i++) {
		if (after[i] == before[i])
			continue;
		assert_int_equal(after[i] - before[i], 1);
		assert_int_equal(*ret_reason, NONE);
		*ret_reason = i;
	}
}

static void test_lan_ingress(void **state)
{
	struct __sk_buff skb = { 0 };
	unsigned int wrong = 0, reason;
	uint32_t action;
	int prog;

	(void)state;
	rig_open(&rig);
	skb.ifindex = if_nametoindex("lan0");
	must("ip link set lan0 address 02:00:00:00:00:01");
	rig_apply(&rig);
	prog = rig_pin(&rig, "wm_lan_in");
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		run_row(prog, &rows[i], &skb, &action, &reason);
		if (action == rows[i].action && reason == rows[i].reason)
			continue;
		printf("# %s: action %d instead of %d, reason %s instead of %s\n", rows[i].name, (int)action,
		       (int)rows[i].action, wm_reason_name(reason), wm_reason_name(rows[i].reason));
		wrong++;
	}
	close(prog);
	rig_close(&rig);
	assert_int_equal(wrong, 0);
}

/* Frames that prog_run makes come in at lo: it gets the last slot, and there what lan0 has in the first. */
static void make_lo_like_lan0(void)
{
	int lans = rig_pin(&rig, "lans"), shield = rig_pin(&rig, "shield");
	uint32_t first = 0, last = WM_LAN_SLOTS - 1;
	struct wm_lan_info lan;
	uint64_t word;

	assert_int_equal(bpf_map_lookup_elem(lans, &first, &lan), 0);
	lan.ifindex = if_nametoindex("lo");
	assert_int_equal(bpf_map_update_elem(lans, &last, &lan, BPF_ANY), 0);
	for (uint32_t i = 0; i < WM_SHIELD_WORDS; i++) {
		uint32_t to = last * WM_SHIELD_WORDS + i;

		assert_int_equal(bpf_map_lookup_elem(shield, &i, &word), 0);
		assert_int_equal(bpf_map_update_elem(shield, &to, &word, BPF_ANY), 0);
	}
	close(lans);
	close(shield);
}

/* Of what LAN ingress calls unregistered, all but what it has to look at more closely. */
static bool is_shields(const struct row *r)
{
	return r->reason == WM_REASON_UNREGISTERED && r->proto != 1 && r->first != 0x46 && strcmp(r->src, "10.9.1.10") != 0;
}

static void test_shield(void **state)
{
	unsigned int wrong = 0, dropped = 0, reason;
	uint32_t action;
	int prog;

	(void)state;
	rig_open(&rig);
	must("ip link set lan0 address 02:00:00:00:00:01");
	rig.plan.lans[0].mac = (struct wm_mac){ { 2, 0, 0, 0, 0, 1 } };
	rig_apply(&rig);
	make_lo_like_lan0();
	prog = rig_pin(&rig, "wm_shield");
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		bool drops = is_shields(&rows[i]);

		run_row(prog, &rows[i], NULL, &action, &reason);
		dropped += drops;
		if (action == (drops ? XDP_DROP : XDP_PASS) && reason == (drops ? WM_REASON_UNREGISTERED : NONE))
			continue;
		printf("# the shield, %s: action %d, reason %s\n", rows[i].name, (int)action, wm_reason_name(reason));
		wrong++;
	}
	close(prog);
	rig_close(&rig);
	assert_int_equal(wrong, 0);
	assert_true(dropped > 0);
}

static int body(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_lan_ingress), cmocka_unit_test(test_shield) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("prog_run", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
