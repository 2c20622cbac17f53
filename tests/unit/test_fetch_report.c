/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A report as wm-fetch puts it together from records: what came for one is in it, and not in the next.
 */
#include "fetch/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "unit/mesh.h"

static struct wm_report_kept kept;

static int forget(void **state)
{
	(void)state;
	memset(&kept, 0, sizeof(kept));
	return 0;
}

static void peer_record(struct wm_record *r, size_t i)
{
	*r = (struct wm_record){ .type = WM_RECORD_REPORT_PEER, .len = sizeof(r->report_peer) };
	r->report_peer = (struct wm_report_peer){ .kind = "device", .rx = i };
	snprintf(r->report_peer.name, sizeof(r->report_peer.name), "d%zu", i);
}

static void host_record(struct wm_record *r, size_t i)
{
	*r = (struct wm_record){ .type = WM_RECORD_REPORT_HOST, .len = sizeof(r->report_host) };
	snprintf(r->report_host.name, sizeof(r->report_host.name), "h%zu", i);
}

static void counts(const char *text, size_t peers, size_t hosts)
{
	struct wm_json *root;

	assert_non_null(text);
	assert_int_equal(wm_json_load(text, strlen(text), &root, &err), 0);
	assert_int_equal(wm_json_size(wm_json_get(root, "peers")), peers);
	assert_int_equal(wm_json_size(wm_json_get(root, "hosts")), hosts);
	wm_json_free(root);
}

static void what_came_is_in_it_and_not_in_the_next(void **state)
{
	struct wm_fetch_report report = {
		.target.token = "wmg_secret", .domain = "b", .generation = 17, .instance = "i", .mark = "0123456789abcdef",
		.dataplane = "bpf", .version = "0.1.0",
		.applied_ms = 12, .listen_port = 51820, .uptime = 99, .preshared = true, .note = "why", .clock = 1767323045,
	};
	struct wm_record r;
	char *text;

	(void)state;
	peer_record(&r, 5);
	assert_int_equal(wm_report_keep(&kept, &r), 0);
	host_record(&r, 0);
	assert_int_equal(wm_report_keep(&kept, &r), 0);
	text = wm_report_body(&kept, &report);
	assert_string_equal(text, "{\"generation\":17,\"instance\":\"i\",\"mark\":\"0123456789abcdef\",\"dataplane\":\"bpf\",\"dataplane_note\":\"why\",\"problem\":null,\"version\":\"0.1.0\","
		"\"applied_ms\":12,\"listen_port\":51820,\"uptime\":99,\"preshared\":true,\"clock\":\"2026-01-02T03:04:05Z\","
		"\"peers\":[{\"kind\":\"device\",\"name\":\"d5\",\"handshake\":null,\"endpoint\":null,\"rx\":5,\"tx\":0}],"
		"\"hosts\":[{\"name\":\"h0\",\"rx_packets\":0,\"rx_bytes\":0,\"tx_packets\":0,\"tx_bytes\":0}]}");
	free(text);
	text = wm_report_body(&kept, &report);
	counts(text, 0, 0);
	free(text);
}

static void more_than_a_report_may_have_is_no_request(void **state)
{
	const struct wm_fetch_report report = { .domain = "b" };
	struct wm_record r;
	char *text;

	(void)state;
	for (size_t i = 0; i < WM_REPORT_PEERS; i++) {
		peer_record(&r, i);
		assert_int_equal(wm_report_keep(&kept, &r), 0);
	}
	for (size_t i = 0; i < WM_REPORT_HOSTS; i++) {
		host_record(&r, i);
		assert_int_equal(wm_report_keep(&kept, &r), 0);
	}
	assert_int_equal(wm_report_keep(&kept, &r), -EBADMSG);
	peer_record(&r, 0);
	assert_int_equal(wm_report_keep(&kept, &r), -EBADMSG);
	text = wm_report_body(&kept, &report);
	counts(text, WM_REPORT_PEERS, WM_REPORT_HOSTS);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_came_is_in_it_and_not_in_the_next, forget),
		cmocka_unit_test_setup(more_than_a_report_may_have_is_no_request, forget),
	};

	return UNIT_RUN("fetch_report", tests);
}
