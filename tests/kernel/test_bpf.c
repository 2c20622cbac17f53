/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The BPF data plane's loader: what apply puts into the kernel, and that a
 * change touches what it is about and nothing else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"

static struct rig rig;

static struct wm_host_info host(const char *overlay)
{
	struct wm_host_info h = { 0 };
	uint32_t index = rig_index(overlay);
	int fd = rig_pin(&rig, "hosts");

	assert_int_equal(bpf_map_lookup_elem(fd, &index, &h), 0);
	close(fd);
	return h;
}

static bool has_filter(const char *ifname, const char *hook, const char *name)
{
	char *text = rig_filters(ifname, hook);
	bool found = strstr(text, name) && strstr(text, "pref 20000") && strstr(text, "handle 0x1");

	free(text);
	return found;
}

/* --- in force ------------------------------------------------------------------------------ */

static void test_first_apply(void **state)
{
	struct wm_host_info h;

	(void)state;
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &rig.err), 0);
	assert_int_equal(wm_dataplane_bpf.probe(&rig.inst, &rig.err), 0);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &rig.err), 1);
	assert_true(has_filter("wg", "ingress", "wm_wg_in"));
	assert_true(has_filter("wg", "egress", "wm_wg_out"));
	assert_true(has_filter("lan0", "ingress", "wm_lan_in"));
	h = host("172.30.2.2");
	assert_int_equal(h.kind, WM_KIND_HOST);
	assert_int_equal(h.local, inet_addr("192.168.1.10"));
	assert_int_equal(h.ifindex, if_nametoindex("lan0"));
	assert_int_equal(h.isolated, 0);
	assert_int_equal(h.share, 0);
	h = host("172.30.2.3");
	assert_int_equal(h.isolated, 1);
	assert_int_equal(h.share, 1);
	assert_int_equal(host("172.30.2.4").kind, WM_KIND_NOBODY);
}

static void test_second_apply_writes_nothing(void **state)
{
	char *before, *after;
	int watch;

	(void)state;
	rig_apply(&rig);
	before = rig_dump(&rig);
	watch = rig_watch_tc();
	assert_int_equal(rig_apply(&rig), 0);
	after = rig_dump(&rig);
	assert_string_equal(before, after);
	assert_int_equal(rig_watched(watch), 0);
	close(watch);
	free(before);
	free(after);
}

/* --- changes --------------------------------------------------------------------------------- */

/* Applies; expects so many lines of the dump to differ, and the filters to stay. */
static void expect_change(unsigned int lines)
{
	char *before = rig_dump(&rig), *after;
	int watch = rig_watch_tc();

	assert_true(rig_apply(&rig) > 0);
	after = rig_dump(&rig);
	if (rig_differing(before, after) != lines)
		fail_msg("before:\n%safter:\n%s", before, after);
	assert_int_equal(rig_watched(watch), 0);
	assert_int_equal(rig_apply(&rig), 0);
	close(watch);
	free(before);
	free(after);
}

static void test_host_added_and_removed(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig_count(&rig, "172.30.2.2", 7);
	rig_host(&rig, "tv", "172.30.2.9", "192.168.1.12", false);
	expect_change(2); /* hosts, lan_hosts */
	rig_count(&rig, "172.30.2.9", 5);
	rig_drop(&rig, "172.30.2.9");
	expect_change(2);
	rig_host(&rig, "pc", "172.30.2.9", "192.168.1.12", false);
	expect_change(2);
	assert_int_equal(rig_counted(&rig, "172.30.2.9"), 0);
	assert_int_equal(rig_counted(&rig, "172.30.2.2"), 7);
}

static void put_neighbour(const char *overlay)
{
	struct wm_host_info host;
	uint32_t index = rig_index(overlay);
	int fd = rig_pin(&rig, "hosts");

	assert_int_equal(bpf_map_lookup_elem(fd, &index, &host), 0);
	host.mac_word = 0x0605040302;
	host.heard = 1;
	assert_int_equal(bpf_map_update_elem(fd, &index, &host, BPF_ANY), 0);
	close(fd);
}

static uint64_t neighbour(const char *overlay)
{
	struct wm_host_info host;
	uint32_t index = rig_index(overlay);
	int fd = rig_pin(&rig, "hosts");

	assert_int_equal(bpf_map_lookup_elem(fd, &index, &host), 0);
	close(fd);
	return host.heard ? host.mac_word : 0;
}

static void test_host_moves(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig_count(&rig, "172.30.2.2", 7);
	put_neighbour("172.30.2.2");
	put_neighbour("172.30.2.3");
	/* Another LAN address: it keeps its counters, but is no longer where it was heard. */
	rig_host(&rig, "nas", "172.30.2.2", "192.168.1.77", false);
	expect_change(4);
	assert_int_equal(rig_counted(&rig, "172.30.2.2"), 7);
	assert_int_equal(neighbour("172.30.2.2"), 0);
	assert_int_not_equal(neighbour("172.30.2.3"), 0);
	/* Another overlay address, the same LAN address. */
	rig_drop(&rig, "172.30.2.2");
	rig_host(&rig, "nas", "172.30.2.20", "192.168.1.77", false);
	expect_change(4);
	assert_int_equal(host("172.30.2.2").kind, WM_KIND_NOBODY);
	/* Another host in its place begins at zero. */
	rig_count(&rig, "172.30.2.20", 9);
	rig_host(&rig, "nas2", "172.30.2.20", "192.168.1.77", false);
	expect_change(2);
	assert_int_equal(rig_counted(&rig, "172.30.2.20"), 0);
}

static void test_hosts_swap_addresses(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig_host(&rig, "nas", "172.30.2.2", "192.168.1.11", false);
	rig_host(&rig, "cam", "172.30.2.3", "192.168.1.10", true);
	expect_change(8);
	assert_int_equal(host("172.30.2.2").local, inet_addr("192.168.1.11"));
	assert_int_equal(host("172.30.2.3").local, inet_addr("192.168.1.10"));
}

static void put_flow(uint32_t share)
{
	struct wm_flow_bucket bucket = { .slot[3] = { .peer = 1, .proto = 17, .last = 5 } };
	uint32_t index = (share - 1) * WM_FLOW_BUCKETS + 17;
	int fd = rig_pin(&rig, "flows");

	assert_int_equal(bpf_map_update_elem(fd, &index, &bucket, BPF_ANY), 0);
	close(fd);
}

static unsigned int flows_of(uint32_t share)
{
	struct wm_flow_bucket bucket;
	unsigned int n = 0;
	int fd = rig_pin(&rig, "flows");

	for (uint32_t i = (share - 1) * WM_FLOW_BUCKETS; i < share * WM_FLOW_BUCKETS; i++) {
		assert_int_equal(bpf_map_lookup_elem(fd, &i, &bucket), 0);
		for (int w = 0; w < WM_FLOW_WAYS; w++)
			n += bucket.slot[w].proto != 0;
	}
	close(fd);
	return n;
}

static void test_type_changes(void **state)
{
	(void)state;
	rig_apply(&rig);
	put_flow(1);
	rig_host(&rig, "nas", "172.30.2.2", "192.168.1.10", true);
	rig_host(&rig, "cam", "172.30.2.3", "192.168.1.11", false);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(host("172.30.2.3").share, 0);
	/* The share went over to another, and nothing of the old owner's with it. */
	assert_int_equal(host("172.30.2.2").share, 1);
	assert_int_equal(flows_of(1), 0);
}

/* Devices of a hub have no LAN, but may be isolated. */
static void test_devices(void **state)
{
	struct wm_end *laptop = rig_host(&rig, "laptop", "172.30.2.40", "0.0.0.0", false);
	struct wm_end *sensor;
	struct wm_host_info h;

	(void)state;
	laptop->kind = WM_END_DEVICE;
	sensor = rig_host(&rig, "sensor", "172.30.2.41", "0.0.0.0", true);
	sensor->kind = WM_END_DEVICE;
	rig.plan.hub = true;
	rig_apply(&rig);
	h = host("172.30.2.40");
	assert_int_equal(h.kind, WM_KIND_DEVICE);
	assert_int_equal(h.ifindex, 0);
	assert_int_equal(h.local, 0);
	assert_int_equal(h.share, 0);
	h = host("172.30.2.41");
	assert_int_equal(h.isolated, 1);
	assert_int_equal(h.share, 2);
	assert_int_equal(rig_apply(&rig), 0);
}

static void test_growth_keeps_what_hosts_have(void **state)
{
	char name[20], overlay[20], local[20];
	uint32_t index = WM_REASON_TO_LAN;
	struct wm_counter *counter;
	int fd;

	(void)state;
	rig_apply(&rig);
	rig_count(&rig, "172.30.2.2", 7);
	put_neighbour("172.30.2.2");
	put_flow(1);
	counter = calloc(1024, sizeof(*counter));
	counter[0].packets = 42;
	fd = rig_pin(&rig, "counters");
	assert_int_equal(bpf_map_update_elem(fd, &index, counter, BPF_ANY), 0);
	close(fd);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		snprintf(overlay, sizeof(overlay), "172.30.3.%d", i);
		snprintf(local, sizeof(local), "192.168.1.%d", 100 + i);
		rig_host(&rig, name, overlay, local, i % 2);
	}
	assert_true(rig_apply(&rig) > 100);
	assert_int_equal(rig_counted(&rig, "172.30.2.2"), 7);
	assert_int_not_equal(neighbour("172.30.2.2"), 0);
	assert_int_equal(host("172.30.2.3").share, 1);
	assert_int_equal(flows_of(1), 1);
	fd = rig_pin(&rig, "counters");
	assert_int_equal(bpf_map_lookup_elem(fd, &index, counter), 0);
	assert_int_equal(counter[0].packets, 42);
	close(fd);
	free(counter);
	assert_true(has_filter("lan0", "ingress", "wm_lan_in"));
	assert_int_equal(rig_apply(&rig), 0);
}

static void test_subnet_moves(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig_count(&rig, "172.30.2.2", 7);
	rig.plan.nends = 0;
	rig.plan.subnet.addr += 0x200;
	rig.plan.gateway += 0x200;
	rig_host(&rig, "nas", "172.30.4.2", "192.168.1.10", false);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(host("172.30.2.2").kind, WM_KIND_HOST);
	assert_int_equal(rig_counted(&rig, "172.30.2.2"), 0);
	assert_int_equal(rig_apply(&rig), 0);
}

/* --- devices ------------------------------------------------------------------------------------ */

static void test_lan_added_and_removed(void **state)
{
	char *before = rig_filters("lan1", "ingress"), *after;

	(void)state;
	rig_apply(&rig);
	rig_lan(&rig, 1, "lan1", "192.168.2.1");
	rig_host(&rig, "tv", "172.30.2.9", "192.168.2.10", false);
	assert_true(rig_apply(&rig) > 0);
	assert_true(has_filter("lan1", "ingress", "wm_lan_in"));
	assert_int_equal(host("172.30.2.9").ifindex, if_nametoindex("lan1"));
	assert_int_equal(host("172.30.2.9").lan, 1);
	assert_int_equal(rig_apply(&rig), 0);
	rig_drop(&rig, "172.30.2.9");
	rig.plan.nlans = 1;
	assert_true(rig_apply(&rig) > 0);
	after = rig_filters("lan1", "ingress");
	assert_string_equal(after, before);
	assert_true(has_filter("lan0", "ingress", "wm_lan_in"));
	assert_int_equal(rig_apply(&rig), 0);
	free(before);
	free(after);
}

/* The slot of a LAN goes to another one: hosts of the old must not appear on the new. */
static void test_lan_replaced(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig.plan.nends = 0;
	rig_lan(&rig, 0, "lan1", "192.168.2.1");
	rig_host(&rig, "tv", "172.30.2.9", "192.168.2.10", false);
	assert_true(rig_apply(&rig) > 0);
	assert_true(has_filter("lan1", "ingress", "wm_lan_in"));
	assert_false(has_filter("lan0", "ingress", "wm_lan_in"));
	assert_int_equal(host("172.30.2.2").kind, WM_KIND_NOBODY);
	assert_int_equal(rig_apply(&rig), 0);
}

static void test_wg_made_anew(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig_count(&rig, "172.30.2.2", 7);
	must("ip link del wg");
	must("ip link add wg type veth peer name wg-peer");
	rig.wg = if_nametoindex("wg");
	assert_true(rig_apply(&rig) > 0);
	assert_true(has_filter("wg", "ingress", "wm_wg_in"));
	assert_true(has_filter("wg", "egress", "wm_wg_out"));
	assert_int_equal(rig_counted(&rig, "172.30.2.2"), 7);
	assert_int_equal(rig_apply(&rig), 0);
}

/* --- counters ------------------------------------------------------------------------------------- */

static void test_read(void **state)
{
	struct wm_counters counters;

	(void)state;
	assert_int_equal(wm_dataplane_bpf.read(&rig.inst, &counters, &rig.err), -ENOENT);
	rig_apply(&rig);
	rig_count(&rig, "172.30.2.3", 7);
	assert_int_equal(wm_dataplane_bpf.read(&rig.inst, &counters, &rig.err), 0);
	assert_int_equal(counters.nends, 2);
	assert_int_equal(counters.ends[0].overlay, 0xac1e0202);
	assert_int_equal(counters.ends[0].to.packets, 0);
	assert_int_equal(counters.ends[1].overlay, 0xac1e0203);
	assert_true(counters.ends[1].to.packets > 0 && counters.ends[1].to.packets % 7 == 0);
	assert_int_equal(counters.ends[1].last_seen, 0);
	wm_counters_free(&counters);
}

/* Whoever counts, counts for himself, wherever in the subnet he stands: counters are read many at a time. */
/* Of the addresses, from `first` up, all processors together. */
static void put_drops(const uint32_t *index, size_t n, uint64_t first)
{
	int fd = rig_pin(&rig, "host_drops");

	for (size_t i = 0; i < n; i++, first++)
		assert_int_equal(bpf_map_update_elem(fd, &index[i], &first, BPF_ANY), 0);
	close(fd);
}

static void test_read_of_a_large_subnet(void **state)
{
	static const uint32_t places[] = { 2, 1023, 1024, 1025, 2047, 2048, 4094 };
	uint32_t last = ((uint32_t)wm_bpf_processor_places() - 1) * 4096;
	struct wm_counters counters;
	char overlay[WM_IP4_TEXT], local[WM_IP4_TEXT];
	int fd;

	(void)state;
	rig.plan.nends = 0;
	rig.plan.subnet = (struct wm_prefix){ 0xac1e1000, 20 };
	rig.plan.gateway = 0xac1e1001;
	for (uint32_t i = 0; i < WM_ARRAY_LEN(places); i++)
		rig_host(&rig, wm_ip4_format(0xac1e1000 + places[i], overlay), overlay, wm_ip4_format(0xc0a8010a + i, local), false);
	rig_apply(&rig);
	put_drops(places, WM_ARRAY_LEN(places), 9);
	fd = rig_pin(&rig, "host_stats");
	for (uint32_t i = 0; i < WM_ARRAY_LEN(places); i++) {
		/* Each processor its own, and in one place only. */
		struct wm_host_stats first = { .to_packets = 1000 + i }, other = { .from_packets = 100 + i };
		uint32_t at = last + places[i];

		assert_int_equal(bpf_map_update_elem(fd, &places[i], &first, BPF_ANY), 0);
		if (last)
			assert_int_equal(bpf_map_update_elem(fd, &at, &other, BPF_ANY), 0);
	}
	close(fd);
	assert_int_equal(wm_dataplane_bpf.read(&rig.inst, &counters, &rig.err), 0);
	assert_int_equal(counters.nends, WM_ARRAY_LEN(places));
	for (uint32_t i = 0; i < WM_ARRAY_LEN(places); i++) {
		assert_int_equal(counters.ends[i].overlay, 0xac1e1000 + places[i]);
		assert_int_equal(counters.ends[i].to.packets, 1000 + i);
		assert_int_equal(counters.ends[i].from.packets, last ? 100 + i : 0);
		assert_int_equal(counters.ends[i].drops, 9 + i);
		assert_int_not_equal(counters.ends[i].owner, i ? counters.ends[i - 1].owner : 0);
	}
	wm_counters_free(&counters);
}

/* A frame from 192.<second>.1.10 to another site through the pinned program. */
static void send_from(uint8_t second)
{
	unsigned char frame[64] = { 0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00, /* IPv4: */ 0x45, 0, 0, 50,
				    0, 0, 0, 0, 64, 17, 0, 0, 192, second, 1, 10, 172, 30, 9, 9 };
	struct __sk_buff skb = { .ifindex = if_nametoindex("lan0") };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));
	int fd = rig_pin(&rig, "wm_lan_in");

	assert_int_equal(bpf_prog_test_run_opts(fd, &run), 0);
	close(fd);
}

/* Of packets from the end with that number. */
static uint64_t sent_by(size_t end)
{
	struct wm_counters counters;
	uint64_t n;

	assert_int_equal(wm_dataplane_bpf.read(&rig.inst, &counters, &rig.err), 0);
	assert_true(end < counters.nends);
	n = counters.ends[end].from.packets;
	wm_counters_free(&counters);
	return n;
}

/* Where LAN ingress looks first there is room for one of them. */
static void test_hosts_that_share_a_hint(void **state)
{
	struct wm_hint_line line;
	uint32_t hint = WM_HINT(if_nametoindex("lan0"), 0xc0a8010a), at = hint / WM_HINTS_PER_LINE;
	int fd;

	(void)state;
	must("ip link set lan0 address 02:00:00:00:00:01");
	rig_host(&rig, "twin", "172.30.2.9", "192.169.1.10", false);
	rig_apply(&rig);
	fd = rig_pin(&rig, "lan_hints");
	assert_int_equal(bpf_map_lookup_elem(fd, &at, &line), 0);
	assert_int_equal(line.index[hint % WM_HINTS_PER_LINE], 9);
	send_from(168);
	send_from(169);
	assert_int_equal(sent_by(0), 1);
	assert_int_equal(sent_by(2), 1);
	/* One that points to a third is not believed either, nor is one beyond the site. */
	for (uint32_t wrong = 3; wrong <= 3000; wrong *= 1000) {
		line.index[hint % WM_HINTS_PER_LINE] = wrong;
		assert_int_equal(bpf_map_update_elem(fd, &at, &line, BPF_ANY), 0);
		send_from(168);
	}
	assert_int_equal(sent_by(0), 3);
	assert_int_equal(sent_by(1), 0);
	/* It comes right, and the other one's place is free again. */
	rig_drop(&rig, "172.30.2.9");
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &at, &line), 0);
	assert_int_equal(line.index[hint % WM_HINTS_PER_LINE], 2);
	send_from(168);
	assert_int_equal(sent_by(0), 4);
	close(fd);
}

/* The clock that stamps a packet is the one that read() translates. */
static void test_last_seen_is_now(void **state)
{
	struct wm_counters counters;
	int64_t now = wm_unix_time();

	(void)state;
	must("ip link set lan0 address 02:00:00:00:00:01");
	rig_apply(&rig);
	send_from(168);
	assert_int_equal(wm_dataplane_bpf.read(&rig.inst, &counters, &rig.err), 0);
	assert_int_equal(counters.ends[0].from.packets, 1);
	assert_in_range(counters.ends[0].last_seen, now - 1, wm_unix_time());
	wm_counters_free(&counters);
}

#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, rig_setup, rig_teardown, &rig)

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_first_apply), TEST(test_second_apply_writes_nothing), TEST(test_host_added_and_removed),
		TEST(test_host_moves), TEST(test_hosts_swap_addresses), TEST(test_type_changes), TEST(test_devices),
		TEST(test_growth_keeps_what_hosts_have), TEST(test_subnet_moves), TEST(test_lan_added_and_removed),
		TEST(test_lan_replaced), TEST(test_wg_made_anew), TEST(test_read),
		TEST(test_read_of_a_large_subnet), TEST(test_hosts_that_share_a_hint), TEST(test_last_seen_is_now),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bpf", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
