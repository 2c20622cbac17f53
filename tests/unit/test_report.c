/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A report as JSON: what it says, and that it ends before it is too long.
 */
#include "core/report.h"

#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/json.h"
#include "unit/mesh.h"

struct head {
	uint64_t generation;
};
static const struct wm_field head_fields[] = { WM_FIELD(head, generation, "generation", WM_FIELD_UINT, 0) };
static const struct wm_table head_table = WM_TABLE(head_fields);
static const struct head head = { 7 };

static void it_says_what_it_was_given(void **state)
{
	struct wm_report_peer peers[] = {
		{ .kind = "site", .name = "b", .handshake = 1767323045, .rx = 5, .tx = 1ull << 53 },
		{ .kind = "device", .name = "laptop" },
	};
	const struct wm_report_host hosts[] = { { "nas", 1, 2, 3, 4 } };
	const struct wm_report_lists all = { peers, 2, hosts, 1 }, none = { 0 };
	char *text;

	(void)state;
	assert_int_equal(wm_endpoint_parse("[2001:db8::7]:51820", &peers[0].endpoint), 0);
	text = wm_report_encode(&head_table, &head, &all, 0);
	assert_string_equal(text, "{\"generation\":7,\"peers\":["
		"{\"kind\":\"site\",\"name\":\"b\",\"handshake\":\"2026-01-02T03:04:05Z\",\"endpoint\":\"[2001:db8::7]:51820\",\"rx\":5,\"tx\":9007199254740992},"
		"{\"kind\":\"device\",\"name\":\"laptop\",\"handshake\":null,\"endpoint\":null,\"rx\":0,\"tx\":0}],"
		"\"hosts\":[{\"name\":\"nas\",\"rx_packets\":1,\"rx_bytes\":2,\"tx_packets\":3,\"tx_bytes\":4}]}");
	free(text);
	text = wm_report_encode(&head_table, &head, &none, 0);
	assert_string_equal(text, "{\"generation\":7,\"peers\":[],\"hosts\":[]}");
	free(text);
}

/* The most of everything, each as long as it can be: the first ones are there, and it is still JSON. */
static void it_ends_before_it_is_too_long(void **state)
{
	static struct wm_report_peer peers[WM_REPORT_PEERS];
	static struct wm_report_host hosts[WM_REPORT_HOSTS];
	const struct wm_report_lists lists = { peers, WM_REPORT_PEERS, hosts, WM_REPORT_HOSTS };
	size_t npeers = 0;

	(void)state;
	for (size_t i = 0; i < WM_REPORT_PEERS; i++) {
		peers[i] = (struct wm_report_peer){ .kind = "device", .handshake = 1767323045, .rx = 1ull << 53, .tx = 1ull << 53 };
		snprintf(peers[i].name, sizeof(peers[i].name), "%063zu", i);
	}
	for (size_t i = 0; i < WM_REPORT_HOSTS; i++)
		snprintf(hosts[i].name, sizeof(hosts[i].name), "%063zu", i);
	for (size_t most = 100; most <= WM_REPORT_BYTES; most += 997) {
		char *text = wm_report_encode(&head_table, &head, &lists, most);
		struct wm_json *root;

		assert_true(strlen(text) <= most);
		assert_int_equal(wm_json_load(text, strlen(text), &root, &err), 0);
		assert_true(wm_json_size(wm_json_get(root, "peers")) >= npeers);
		npeers = wm_json_size(wm_json_get(root, "peers"));
		if (npeers)
			assert_string_equal(wm_json_str(wm_json_get(wm_json_at(wm_json_get(root, "peers"), npeers - 1), "name")),
					    peers[npeers - 1].name);
		wm_json_free(root);
		free(text);
	}
	assert_int_equal(npeers, WM_REPORT_PEERS);
}

/* Of a thousand peers and hosts: those that matter, each once; of few all, as they come. */
static void those_that_matter_are_told_of(void **state)
{
	static struct wm_report_peer peers[1000];
	static struct wm_report_host hosts[1000];

	(void)state;
	for (size_t i = 0; i < 1000; i++) { /* 7 and 1000 have no divisor in common: each number once, in no order */
		snprintf(peers[i].name, sizeof(peers[i].name), "p%03zu", i * 7 % 1000);
		peers[i].handshake = i * 7 % 1000 < 500 ? 0 : 1700000000 + (int64_t)(i * 7 % 1000 / 2);
		snprintf(hosts[i].name, sizeof(hosts[i].name), "h%03zu", i * 7 % 1000);
		hosts[i].rx_bytes = i * 7 % 1000;
		hosts[i].tx_bytes = 5;
	}
	assert_int_equal(wm_report_choose_peers(peers, 3), 3);
	assert_string_equal(peers[1].name, "p007");
	assert_int_equal(wm_report_choose_peers(peers, 1000), WM_REPORT_PEERS);
	assert_int_equal(wm_report_choose_hosts(hosts, 1000), WM_REPORT_HOSTS);
	for (size_t i = 0; i < WM_REPORT_PEERS; i++) { /* pairs were heard of at once, and are sorted by name */
		char name[8];

		snprintf(name, sizeof(name), "p%03zu", 998 - i / 2 * 2 + i % 2);
		assert_string_equal(peers[i].name, name);
	}
	for (size_t i = 0; i < WM_REPORT_HOSTS; i++)
		assert_int_equal(hosts[i].rx_bytes, 999 - i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_says_what_it_was_given),
		TEST(it_ends_before_it_is_too_long),
		TEST(those_that_matter_are_told_of),
	};

	return UNIT_RUN("report", tests);
}
