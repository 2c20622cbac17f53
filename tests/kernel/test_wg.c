/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading and writing WireGuard devices, on this machine's own WireGuard (the
 * kernel's, or wireguard-go where the kernel has none). What was written is
 * also read back by wg(8), which shares no code with us.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "kernel/wg_rig.h"

static void a_fresh_device_is_empty(void **state)
{
	struct wm_wg_device have;

	(void)state;
	printf("# WireGuard here: %s\n", wm_wg_implementation(WG));
	read_device(&have);
	assert_true(wm_key_is_zero(&have.private_key));
	assert_int_equal(have.npeers, 0);
	wm_wg_device_free(&have);
}

static void every_field_arrives(void **state)
{
	struct wm_wg_device want;
	char text[WM_KEY_TEXT];

	(void)state;
	start(&want);
	want.fwmark = 0x1234;
	add_peer(&want, 1, 0);
	assert_int_equal(wm_endpoint_parse("198.51.100.7:51820", &last_peer(&want)->endpoint), 0);
	last_peer(&want)->keepalive_s = 25;
	assert_int_equal(wm_wg_add_allowed(&want, (struct wm_prefix){ 0xac1e0300, 24 }), 0);
	assert_int_equal(wm_wg_add_allowed(&want, (struct wm_prefix){ 0xac1e0105, 32 }), 0);
	add_peer(&want, 2, 0);
	assert_int_equal(wm_endpoint_parse("[2001:db8::7]:443", &last_peer(&want)->endpoint), 0);
	memset(last_peer(&want)->preshared_key.byte, 0x5a, WM_KEY_LEN);
	reach(&want);

	assert_wg_says("listen-port", "51999", true);
	assert_wg_says("fwmark", "0x1234", true);
	assert_wg_says("endpoints", "198.51.100.7:51820", true);
	assert_wg_says("endpoints", "[2001:db8::7]:443", true);
	assert_wg_says("persistent-keepalive", "25", true);
	assert_wg_says("allowed-ips", "172.30.1.5/32", true);
	assert_wg_says("allowed-ips", "172.30.3.0/24", true);
	assert_wg_says("preshared-keys", "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=", true);
	struct wm_key k = key(2);
	assert_wg_says("peers", wm_key_format(&k, text), true);
	memset(k.byte, 0x48, sizeof(k.byte));
	assert_wg_says("private-key", wm_key_format(&k, text), true);

	/* And changes of each, to other values and to none. */
	start(&want);
	want.listen_port = 52000;
	add_peer(&want, 1, 0);
	assert_int_equal(wm_endpoint_parse("[2001:db8::8]:444", &last_peer(&want)->endpoint), 0);
	add_peer(&want, 2, 0);
	assert_int_equal(wm_endpoint_parse("198.51.100.9:53", &last_peer(&want)->endpoint), 0);
	last_peer(&want)->keepalive_s = 7;
	reach(&want);
	assert_wg_says("listen-port", "52000", true);
	assert_wg_says("fwmark", "off", true);
	assert_wg_says("allowed-ips", "172.30.1.5/32", false);
	assert_wg_says("preshared-keys", "WlpaWlpa", false);
}

static void many_peers_and_prefixes_round_trip(void **state)
{
	static const struct {
		unsigned int peers, each;
	} shapes[] = { { 1, 1 }, { 29, 1 }, { 30, 1 }, { 31, 1 }, { 40, 52 }, { 300, 3 }, { 1, 6000 }, { 3, 700 }, { 1, 130560 }, { 10000, 1 } };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(shapes); i++) {
		/* Emulated, each peer's key costs a hundred times as much. */
		unsigned int peers = getenv("WM_SLOW") ? WM_MIN(shapes[i].peers, 1000u) : shapes[i].peers;
		struct wm_wg_device want;

		start(&want);
		for (uint32_t n = 0; n < peers; n++)
			add_peer(&want, n, shapes[i].each);
		reach(&want);
	}
}

static void a_prefix_moves_to_another_peer(void **state)
{
	struct wm_wg_device want;

	(void)state;
	start(&want);
	add_peer(&want, 1, 3);
	add_peer(&want, 2, 3);
	reach(&want);
	start(&want);
	add_peer(&want, 1, 2);
	add_peer(&want, 2, 3);
	assert_int_equal(wm_wg_add_allowed(&want, (struct wm_prefix){ (10u << 24) + (1 << 14) + 2, 32 }), 0);
	assert_int_equal(reach(&want), 1); /* added there; nothing is removed here */
	/* A peer that goes leaves all it had to a new one. */
	start(&want);
	add_peer(&want, 2, 3);
	last_peer(&want)->public_key = key(9);
	reach(&want);
}

static void a_prefix_that_nobody_has_any_more_goes(void **state)
{
	struct wm_wg_device want;

	(void)state;
	start(&want);
	add_peer(&want, 1, 2000);
	add_peer(&want, 2, 5);
	reach(&want);
	start(&want);
	add_peer(&want, 1, 3);
	add_peer(&want, 2, 4);
	assert_int_equal(reach(&want), 1998); /* and no peer more than these two: reach has counted */
}

static void a_peer_goes(void **state)
{
	struct wm_wg_device want;

	(void)state;
	start(&want);
	for (uint32_t n = 0; n < 300; n++)
		add_peer(&want, n, 2);
	reach(&want);
	start(&want);
	for (uint32_t n = 0; n < 300; n += 2)
		add_peer(&want, n, 2);
	assert_int_equal(reach(&want), 150);
	start(&want);
	assert_int_equal(reach(&want), 150);
}

static void ipv6_prefixes_of_others_are_left_alone(void **state)
{
	struct wm_wg_device want;
	struct wm_key k = key(1);
	char line[256], text[WM_KEY_TEXT];

	(void)state;
	start(&want);
	add_peer(&want, 1, 1);
	reach(&want);
	snprintf(line, sizeof(line), "wg set " WG " peer %s allowed-ips 2001:db8:1::/48,10.0.64.0/32",
		 wm_key_format(&k, text));
	must(line);
	start(&want);
	add_peer(&want, 1, 1);
	assert_int_equal(reach(&want), 0);
	assert_wg_says("allowed-ips", "2001:db8:1::/48", true);
}

static void a_peer_that_went_meanwhile_is_not_made_again(void **state)
{
	struct wm_wg_device want, have;
	struct wm_wg_diff diff;
	struct wm_key k = key(1);
	char line[128], text[WM_KEY_TEXT];

	(void)state;
	start(&want);
	add_peer(&want, 1, 1);
	reach(&want);
	read_device(&have);
	start(&want);
	add_peer(&want, 1, 5);
	last_peer(&want)->keepalive_s = 9;
	assert_int_equal(wm_wg_finish(&want), 0);
	assert_int_equal(wm_wg_diff(&have, &want, NULL, 0, 0, &diff), 0);
	snprintf(line, sizeof(line), "wg set " WG " peer %s remove", wm_key_format(&k, text));
	must(line);
	assert_int_equal(wm_wg_write(WG, &diff, &err), 0);
	wm_wg_diff_free(&diff);
	wm_wg_device_free(&have);
	read_device(&have);
	assert_int_equal(have.npeers, 0); /* half a peer, without an endpoint, would be worse */
	wm_wg_device_free(&have);
	assert_true(reach(&want) > 0);
}

static void an_empty_difference_touches_nothing(void **state)
{
	const struct wm_wg_diff none = { 0 };

	(void)state;
	assert_int_equal(wm_wg_write("no-such-device", &none, &err), 0);
}

static void errors_name_the_device(void **state)
{
	struct wm_wg_op op = { .kind = WM_WG_SET_DEVICE };
	const struct wm_wg_diff diff = { .ops = &op, .n = 1 };
	struct wm_wg_device dev = { 0 };

	(void)state;
	assert_int_equal(wm_wg_read("absent0", &dev, &err), -ENODEV);
	assert_non_null(strstr(err.text, "absent0"));
	assert_int_equal(wm_wg_write("absent0", &diff, &err), -ENODEV);
	assert_non_null(strstr(err.text, "absent0"));
	must("ip link add plain0 type veth peer name plain1");
	assert_int_equal(wm_wg_read("plain0", &dev, &err), -ENODEV);
	assert_non_null(strstr(err.text, "plain0 is not WireGuard"));
	assert_null(wm_wg_implementation("plain0"));
	must("ip link del plain0");
	assert_int_equal(dev.npeers, 0);
}

static int body(void)
{
	const struct CMUnitTest tests[] = {
		WG_TEST(a_fresh_device_is_empty),
		WG_TEST(every_field_arrives),
		WG_TEST(many_peers_and_prefixes_round_trip),
		WG_TEST(a_prefix_moves_to_another_peer),
		WG_TEST(a_prefix_that_nobody_has_any_more_goes),
		WG_TEST(a_peer_goes),
		WG_TEST(ipv6_prefixes_of_others_are_left_alone),
		WG_TEST(a_peer_that_went_meanwhile_is_not_made_again),
		WG_TEST(an_empty_difference_touches_nothing),
		WG_TEST(errors_name_the_device),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("wg", tests, NULL, NULL);
}

int main(void)
{
	if (wm_key_init() < 0)
		return 1;
	netns_run(body);
}
