/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The shield under traffic, generic and native: what is not ours, and what it
 * cannot judge, arrives behind it unchanged; who is nobody's dies once.
 */
#include <arpa/inet.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "kernel/shield.h"
#include "kernel/xdp_rig.h"

#define US "\2\0\0\0\0\1"
#define OTHER "\2\0\0\0\0\x99"
#define ALL "\xff\xff\xff\xff\xff\xff"

#define NAS "192.168.1.10"    /* 172.30.2.2, standard */
#define CAM "192.168.1.11"    /* 172.30.2.3, isolated */
#define EDGE "192.168.255.63" /* 172.30.2.63; the last bit of a word, on a LAN of a /16 */
#define GUEST "192.168.1.99"  /* unregistered */
#define FAR "172.30.9.9"

#define MTU_MOST 9000
#define MTU_OF_A_PAGE 3000    /* what native XDP takes without frames in several buffers, before 5.18 */
#define LARGE UINT16_MAX      /* bytes of payload: as many as the MTU of the device lets through */

enum fate {
	PASSES, /* arrives as it was sent, uncounted by the shield */
	DIES,   /* by the shield, counted as unregistered */
	NOBODY, /* by the shield or, if not all of it is in its view, by LAN ingress: counted once */
};

/* An IPv4 packet but for `raw`, which then follows the source MAC. 0: IPv4 in five words, UDP, nothing behind. */
struct row {
	const char *name;
	enum fate fate;
	const char *to, *src, *dst;
	uint8_t first, proto;
	uint16_t total, fragment, payload, cut; /* cut: so many bytes of the frame only */
	const char *tags;                       /* between MACs and ethertype */
	uint8_t ntags;
	const char *raw;
	uint16_t nraw;
};

#define RAW(bytes) .raw = (bytes), .nraw = sizeof(bytes) - 1

static const struct row rows[] = {
	{ "an unregistered machine to the mesh", DIES, US, GUEST, FAR },
	{ "TCP of an unregistered machine", DIES, US, GUEST, FAR, .proto = 6 },
	{ "GRE of an unregistered machine", DIES, US, GUEST, FAR, .proto = 47 },
	{ "a later fragment of an unregistered machine", DIES, US, GUEST, FAR, .fragment = 100, .payload = 64 },
	{ "an unregistered machine to the gateway's overlay address", DIES, US, GUEST, "172.30.2.1" },
	{ "an unregistered machine to the mesh's broadcast address", DIES, US, GUEST, "172.30.255.255" },
	{ "with padding", DIES, US, GUEST, FAR, .total = 28, .payload = 40 },
	{ "a full frame", DIES, US, GUEST, FAR, .payload = 1472 },
	{ "the gateway's own LAN address as the source", DIES, US, "192.168.1.1", FAR },
	{ "an overlay address as the source", DIES, US, "172.30.2.2", FAR },
	{ "a source next to a registered one", DIES, US, "192.168.255.62", FAR },
	{ "a source whose bit would be the next word's first", DIES, US, "192.168.255.64", FAR },
	{ "0.0.0.0 as the source", DIES, US, "0.0.0.0", FAR },
	{ "a large frame of an unregistered machine", NOBODY, US, GUEST, FAR, .payload = LARGE },

	{ "a registered host", PASSES, US, NAS, FAR },
	{ "a registered host, a later fragment", PASSES, US, NAS, FAR, .fragment = 100, .payload = 64 },
	{ "an isolated host: LAN ingress judges it", PASSES, US, CAM, FAR },
	{ "the last address of a word", PASSES, US, EDGE, FAR },
	{ "another network's address with the same end: LAN ingress tells", PASSES, US, "10.7.1.10", FAR },
	{ "a registered host's large frame", PASSES, US, NAS, FAR, .payload = LARGE },

	{ "unregistered, an ICMP error of a router maybe", PASSES, US, GUEST, FAR, .proto = 1 },
	{ "unregistered, IP options: maybe a source route", PASSES, US, GUEST, FAR, .first = 0x46, .payload = 8 },
	{ "version 6 in IPv4's clothes", PASSES, US, GUEST, FAR, .first = 0x65 },
	{ "a header of four words", PASSES, US, GUEST, FAR, .first = 0x44 },
	{ "a length beyond the frame", PASSES, US, GUEST, FAR, .total = 1400 },
	{ "a length within the header", PASSES, US, GUEST, FAR, .total = 19 },
	{ "no length", PASSES, US, GUEST, FAR, .total = UINT16_MAX },
	{ "a header that is cut off", PASSES, US, GUEST, FAR, .cut = 33 },
	{ "a frame that ends behind its Ethernet header", PASSES, US, GUEST, FAR, .cut = 14 },

	{ "for another machine", PASSES, OTHER, GUEST, FAR },
	{ "for everybody", PASSES, ALL, GUEST, FAR },
	{ "for a group of machines", PASSES, "\1\0\x5e\1\2\3", GUEST, FAR },
	{ "to the gateway's LAN address", PASSES, US, GUEST, "192.168.1.1" },
	{ "to the internet", PASSES, US, GUEST, "198.51.100.7" },
	{ "next to the mesh", PASSES, US, GUEST, "172.31.0.1" },
	{ "ssh to the gateway", PASSES, US, GUEST, "192.168.1.1", .proto = 6 },
	{ "DHCP: a machine without an address asks everybody", PASSES, ALL, "0.0.0.0", "255.255.255.255", .payload = 240 },
	{ "DHCP: a renewal", PASSES, US, GUEST, "192.168.1.1", .payload = 240 },
	{ "DHCP: to our MAC, from nobody", PASSES, US, "0.0.0.0", "255.255.255.255", .payload = 240 },
	{ "mDNS", PASSES, "\1\0\x5e\0\0\xfb", GUEST, "224.0.0.251", .payload = 30 },
	{ "SSDP", PASSES, "\1\0\x5e\x7f\xff\xfa", GUEST, "239.255.255.250", .payload = 90 },
	{ "IGMP", PASSES, "\1\0\x5e\0\0\x16", GUEST, "224.0.0.22", .proto = 2 },

	{ "VLAN 5", PASSES, US, GUEST, FAR, .tags = "\x81\0\0\5", .ntags = 4 },
	{ "a priority tag: LAN ingress takes it off", PASSES, US, GUEST, FAR, .tags = "\x81\0\xa0\0", .ntags = 4 },
	{ "QinQ", PASSES, US, GUEST, FAR, .tags = "\x88\xa8\0\7\x81\0\0\5", .ntags = 8 },
	{ "ARP", PASSES, ALL, RAW("\x08\x06\0\1\x08\0\6\4\0\1\2\0\0\0\0\2\xc0\xa8\1\x63\0\0\0\0\0\0\xac\x1e\x09\x09") },
	{ "ARP to our MAC", PASSES, US, RAW("\x08\x06\0\1\x08\0\6\4\0\2\2\0\0\0\0\2\xc0\xa8\1\x63\2\0\0\0\0\1\xac\x1e\2\1") },
	{ "IPv6", PASSES, US, RAW("\x86\xdd\x60\0\0\0\0\0\x3b\x40\xfe\x80\0\0\0\0\0\0\0\0\xac\x1e\x09\x09\0\0\xfe\x80\0\0\0\0"
				  "\0\0\0\0\0\0\0\0\0\1") },
	{ "LLDP", PASSES, "\1\x80\xc2\0\0\x0e", RAW("\x88\xcc\2\7\4\2\0\0\0\0\2\4\2\7\x31\6\2\0\x78\0\0") },
	{ "STP", PASSES, "\1\x80\xc2\0\0\0", RAW("\0\x26\x42\x42\3\0\0\0\0\0\x80\0\2\0\0\0\0\2\0\0\0\0\x80\0\2\0\0\0\0\2\x80\1\0\0\x14\0") },
	{ "PPPoE", PASSES, US, RAW("\x88\x64\x11\0\0\1\0\x16\0\x21\x45\0\0\x14\0\0\0\0\x40\x11\0\0\xc0\xa8\1\x63\xac\x1e\x09\x09") },
	{ "MACsec", PASSES, US, RAW("\x88\xe5\x2c\0\0\0\0\1\x45\0\0\x14\0\0\0\0\x40\x11\0\0\xc0\xa8\1\x63\xac\x1e\x09\x09") },
};

static struct rig rig;

static size_t payload_of(const struct row *r)
{
	return r->payload == LARGE ? rig.plan.lans[0].mtu - 28u : r->payload;
}

/* --- a frame ------------------------------------------------------------------------------ */

static void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void build_ip(const struct row *r, uint8_t *ip, size_t len)
{
	uint32_t sum = 0;

	ip[0] = r->first ? r->first : 0x45;
	put16(ip + 2, r->total == UINT16_MAX ? 0 : r->total ? r->total : len);
	put16(ip + 6, r->fragment);
	ip[8] = 64;
	ip[9] = r->proto ? r->proto : 17;
	assert_int_equal(inet_pton(AF_INET, r->src, ip + 12), 1);
	assert_int_equal(inet_pton(AF_INET, r->dst, ip + 16), 1);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~((sum & 0xffff) + (sum >> 16)) & 0xffff);
}

static void build(const struct row *r, struct frame *f)
{
	size_t at = 12, len = 28 + payload_of(r);

	memset(f, 0, sizeof(*f));
	memcpy(f->byte, r->to, 6);
	memcpy(f->byte + 6, "\2\0\0\0\0\2", 6);
	if (r->raw) {
		memcpy(f->byte + at, r->raw, r->nraw);
		f->len = WM_MAX(at + r->nraw, 60u);
		return;
	}
	if (r->tags)
		memcpy(f->byte + at, r->tags, r->ntags);
	at += r->ntags;
	put16(f->byte + at, 0x0800);
	at += 2;
	for (size_t i = 20; i < len; i++)
		f->byte[at + i] = (uint8_t)(i * 7);
	build_ip(r, f->byte + at, len);
	f->len = r->cut ? r->cut : at + len;
}

/* --- rows ---------------------------------------------------------------------------------- */

static bool run_row(const struct row *r, int out, int in)
{
	static struct frame sent, got[2];
	struct wm_count before = rig_reason(&rig, WM_REASON_UNREGISTERED), after;
	bool arrives = r->fate == PASSES, counted;
	size_t n;

	build(r, &sent);
	frame_send(out, &sent);
	n = frames_until_mark(out, in, got, WM_ARRAY_LEN(got));
	after = rig_reason(&rig, WM_REASON_UNREGISTERED);
	counted = after.packets == before.packets + 1 && after.bytes == before.bytes + (r->total ? r->total : 28u + payload_of(r));
	if (r->fate == NOBODY && counted && n <= 1)
		return true;
	if (arrives && n == 1 && got[0].len == sent.len && !memcmp(got[0].byte, sent.byte, sent.len))
		return true;
	if (r->fate == DIES && !n && counted)
		return true;
	printf("# %s: %zu frames arrive (%zu bytes; sent: %zu), unregistered %llu more\n", r->name, n, n ? got[0].len : 0,
	       sent.len, (unsigned long long)(after.packets - before.packets));
	return false;
}

static void run_rows(enum wm_xdp_choice choice, const char *mode)
{
	unsigned int wrong = 0;
	int out, in;

	rig.inst.xdp = choice;
	rig_apply(&rig);
	assert_string_equal(xdp_status(&rig, "lan0").mode, mode);
	out = frames_open("lan0-peer");
	in = frames_open("lan0");
	frames_until_mark(out, in, NULL, 0);
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		wrong += !run_row(&rows[i], out, in);
	close(out);
	close(in);
	assert_int_equal(wrong, 0);
}

static void test_frames_generic(void **state)
{
	(void)state;
	run_rows(WM_XDP_GENERIC, "generic");
}

static void set_mtu(uint16_t mtu)
{
	char line[80];

	snprintf(line, sizeof(line), "ip link set lan0 mtu %u", mtu);
	must(line);
	snprintf(line, sizeof(line), "ip link set lan0-peer mtu %u", mtu);
	must(line);
	rig.plan.lans[0].mtu = mtu;
}

static bool knows_several_buffers(void)
{
	WM_AUTO_CLOSE int fd = bpf_obj_get(rig_pin_path(&rig, "wm_shield_frags"));

	return fd >= 0;
}

/* A kernel that refuses native XDP at this MTU says so, and gets one that it takes. */
static void make_native_possible(void)
{
	rig.inst.xdp = WM_XDP_NATIVE;
	rig_apply(&rig);
	if (knows_several_buffers())
		return;
	assert_string_equal(xdp_status(&rig, "lan0").mode, "off");
	assert_non_null(strstr(xdp_status(&rig, "lan0").why, "the kernel refuses native XDP"));
	set_mtu(MTU_OF_A_PAGE);
}

static void test_frames_native(void **state)
{
	(void)state;
	make_native_possible();
	run_rows(WM_XDP_NATIVE, "native");
}

/* --- neighbours with a stack ------------------------------------------------------------------- */

/* A machine on the LAN that nobody has registered resolves and reaches the gateway by IPv4 and IPv6, and the gateway it. */
static void meet(enum wm_xdp_choice choice)
{
	rig.inst.xdp = choice;
	must("ip netns add far");
	must("ip link set lan0-peer netns far");
	must("ip -n far link set lan0-peer up");
	must("ip -n far addr add 192.168.1.99/24 dev lan0-peer");
	must("ip -n far addr add fd00::99/64 dev lan0-peer nodad");
	must("ip addr add 192.168.1.1/24 dev lan0");
	must("ip addr add fd00::1/64 dev lan0 nodad");
	rig_apply(&rig);
	assert_string_equal(xdp_status(&rig, "lan0").mode, choice == WM_XDP_NATIVE ? "native" : "generic");
	must("ip netns exec far ping -n -c 2 -i 0.2 -W 5 192.168.1.1");
	must("ip netns exec far ping -n -c 2 -i 0.2 -W 5 -s 4000 192.168.1.1");
	must("ip netns exec far ping -n -6 -c 2 -i 0.2 -W 5 fd00::1");
	must("ping -n -c 2 -i 0.2 -W 5 192.168.1.99");
	assert_int_equal(rig_reason(&rig, WM_REASON_UNREGISTERED).packets, 0);
	must("ip netns exec far ip route add 172.30.0.0/16 via 192.168.1.1");
	/* The control. */
	assert_false(works("ip netns exec far ping -n -c 1 -W 1 172.30.9.9"));
	must("ip netns del far");
}

static void test_neighbours_generic(void **state)
{
	(void)state;
	meet(WM_XDP_GENERIC);
}

static void test_neighbours_native(void **state)
{
	(void)state;
	make_native_possible();
	meet(WM_XDP_NATIVE);
}

/* --- the bits ------------------------------------------------------------------------------------ */

static unsigned int bits_set(void)
{
	unsigned int n = 0;
	uint64_t word;
	int fd = rig_pin(&rig, "shield");

	for (uint32_t i = 0; i < WM_SHIELD_SIZE; i++) {
		assert_int_equal(bpf_map_lookup_elem(fd, &i, &word), 0);
		n += (unsigned int)__builtin_popcountll(word);
	}
	close(fd);
	return n;
}

static bool has_bit(unsigned int slot, const char *local)
{
	uint32_t low = ntohl(inet_addr(local)) & 0xffff, index = slot * WM_SHIELD_WORDS + low / 64;
	int fd = rig_pin(&rig, "shield");
	uint64_t word;

	assert_int_equal(bpf_map_lookup_elem(fd, &index, &word), 0);
	close(fd);
	return word >> low % 64 & 1;
}

/* They follow the registered hosts, in place and when everything is made anew; devices have none. */
static void test_bits(void **state)
{
	(void)state;
	rig_apply(&rig);
	assert_int_equal(bits_set(), 3);
	assert_true(has_bit(0, NAS) && has_bit(0, CAM) && has_bit(0, EDGE));
	rig_host(&rig, "nas", "172.30.2.2", "192.168.1.64", false);
	rig_host(&rig, "laptop", "172.30.2.40", "0.0.0.0", false)->kind = WM_END_DEVICE;
	rig_apply(&rig);
	assert_int_equal(bits_set(), 3);
	assert_true(has_bit(0, "192.168.1.64"));
	assert_false(has_bit(0, NAS));
	rig_lan(&rig, 1, "lan1", "192.168.2.1");
	rig_host(&rig, "tv", "172.30.2.9", "192.168.2.10", false);
	rig_apply(&rig);
	assert_int_equal(bits_set(), 4);
	assert_true(has_bit(1, "192.168.2.10"));
	/* The LANs change places. */
	rig_lan(&rig, 0, "lan1", "192.168.2.1");
	rig_lan(&rig, 1, "lan0", "192.168.1.1");
	rig_host(&rig, "tv", "172.30.2.9", "192.168.2.10", false);
	rig_host(&rig, "nas", "172.30.2.2", "192.168.1.64", false);
	rig_drop(&rig, "172.30.2.3");
	rig_drop(&rig, "172.30.2.63");
	rig_apply(&rig);
	assert_int_equal(bits_set(), 2);
	assert_true(has_bit(0, "192.168.2.10") && has_bit(1, "192.168.1.64"));
	assert_int_equal(rig_apply(&rig), 0);
}

/* What a killed apply has left of them is put right. */
static void test_bits_heal(void **state)
{
	const uint64_t garbage = 0xff00ff;
	uint32_t index = 77;
	int fd;

	(void)state;
	rig_apply(&rig);
	fd = rig_pin(&rig, "shield");
	assert_int_equal(bpf_map_update_elem(fd, &index, &garbage, BPF_ANY), 0);
	close(fd);
	assert_int_equal(rig_apply(&rig), 1);
	assert_int_equal(bits_set(), 3);
}

static int setup(void **state)
{
	(void)state;
	rig_open(&rig);
	must("ip link set lan0 address 02:00:00:00:00:01");
	must("ip link set lan0-peer up");
	set_mtu(MTU_MOST);
	rig.plan.lans[0].mac = (struct wm_mac){ { 2, 0, 0, 0, 0, 1 } };
	rig_host(&rig, "edge", "172.30.2.63", EDGE, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_true(wm_dataplane_bpf.remove(&rig.inst, &rig.err) >= 0);
	rig_close(&rig);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_frames_generic), TEST(test_frames_native), TEST(test_neighbours_generic),
		TEST(test_neighbours_native), TEST(test_bits), TEST(test_bits_heal),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("xdp", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
