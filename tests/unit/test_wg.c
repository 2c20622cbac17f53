/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * WireGuard devices as structs: building, finishing, and the difference of two,
 * case by case. Random pairs are test_wg_random's.
 */
#include "core/wg.h"
#include "core/util.h"
#include "unit/mesh.h"

#define NOW 1700000000

static struct wm_wg_device have, want;
static struct wm_wg_diff diff;

static int setup(void **state)
{
	have = want = (struct wm_wg_device){ .private_key = key(90), .listen_port = 51820 };
	return unit_setup(state);
}

static int teardown(void **state)
{
	(void)state;
	wm_wg_device_free(&have);
	wm_wg_device_free(&want);
	wm_wg_diff_free(&diff);
	return 0;
}

static struct wm_wg_peer *add(struct wm_wg_device *dev, unsigned int k, const char *const *allowed)
{
	struct wm_wg_peer peer = { .public_key = key(k), .first_allowed = 999, .nallowed = 999 };

	assert_int_equal(wm_wg_add_peer(dev, &peer), 0);
	for (; *allowed; allowed++)
		assert_int_equal(wm_wg_add_allowed(dev, prefix(*allowed)), 0);
	return &dev->peers[dev->npeers - 1];
}

#define ADD(dev, k, ...) add(dev, k, (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void compute(const struct wm_wg_peer_endpoint *last, size_t nlast)
{
	assert_int_equal(wm_wg_finish(&have), 0);
	assert_int_equal(wm_wg_finish(&want), 0);
	wm_wg_diff_free(&diff);
	assert_int_equal(wm_wg_diff(&have, &want, last, nlast, NOW, &diff), 0);
}

/* The ops as a person would write them: "set 3 new endpoint; add 3 10.0.0.0/8". */
static void assert_ops(const char *expected)
{
	static const char *const kinds[] = { "device", "drop", "set", "add", "remove" };
	char got[2048] = "";
	size_t len = 0;

	for (size_t i = 0; i < diff.n; i++) {
		const struct wm_wg_op *op = &diff.ops[i];
		char text[WM_PREFIX_TEXT];

		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s", i ? "; " : "", kinds[op->kind]);
		if (op->kind != WM_WG_SET_DEVICE)
			len += (size_t)snprintf(got + len, sizeof(got) - len, " %u", op->peer.public_key.byte[15]);
		if (op->kind == WM_WG_SET_PEER)
			len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s%s%s", op->flags & WM_WG_OP_NEW ? " new" : "",
						op->flags & WM_WG_OP_ENDPOINT ? " endpoint" : "",
						op->flags & WM_WG_OP_KEEPALIVE ? " keepalive" : "", op->flags & WM_WG_OP_PSK ? " psk" : "");
		if (op->kind == WM_WG_ADD_ALLOWED || op->kind == WM_WG_REMOVE_ALLOWED)
			len += (size_t)snprintf(got + len, sizeof(got) - len, " %s", wm_prefix_format(op->allowed, text));
	}
	assert_string_equal(got, expected);
}

static void finishing_sorts(void **state)
{
	(void)state;
	ADD(&want, 5, "10.2.0.0/16", "10.1.0.0/24", "10.1.0.0/16");
	ADD(&want, 2, "10.9.0.0/16", "10.8.0.0/16");
	ADD(&want, 3);
	assert_int_equal(wm_wg_finish(&want), 0);
	assert_int_equal(want.npeers, 3);
	for (size_t i = 1; i < 3; i++)
		assert_true(memcmp(&want.peers[i - 1].public_key, &want.peers[i].public_key, WM_KEY_LEN) < 0);
	for (size_t i = 0; i < 3; i++) {
		const struct wm_wg_peer *p = &want.peers[i];

		if (p->public_key.byte[15] == 3) {
			assert_int_equal(p->nallowed, 0);
		} else if (p->public_key.byte[15] == 2) {
			assert_int_equal(p->nallowed, 2);
			assert_int_equal(want.allowed[p->first_allowed].addr, ip("10.8.0.0"));
		} else {
			assert_int_equal(p->nallowed, 3);
			assert_int_equal(want.allowed[p->first_allowed].len, 16);
			assert_int_equal(want.allowed[p->first_allowed + 1].len, 24);
			assert_int_equal(want.allowed[p->first_allowed + 2].addr, ip("10.2.0.0"));
		}
	}
}

static void a_peer_that_a_dump_split_is_one_again(void **state)
{
	(void)state;
	ADD(&have, 7, "10.3.0.0/16")->keepalive_s = 25;
	ADD(&have, 7, "10.1.0.0/16");
	ADD(&have, 7);
	ADD(&have, 7, "10.2.0.0/16");
	ADD(&have, 4, "10.4.0.0/16");
	ADD(&have, 4, "10.0.0.0/16");
	assert_int_equal(wm_wg_finish(&have), 0);
	assert_int_equal(have.npeers, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct wm_wg_peer *p = &have.peers[i];
		bool seven = p->public_key.byte[15] == 7;

		assert_int_equal(p->nallowed, seven ? 3 : 2);
		assert_int_equal(p->keepalive_s, seven ? 25 : 0);
		assert_int_equal(have.allowed[p->first_allowed].addr, ip(seven ? "10.1.0.0" : "10.0.0.0"));
	}
}

static void a_prefix_with_two_owners_is_refused(void **state)
{
	(void)state;
	ADD(&want, 1, "10.1.0.0/16");
	ADD(&want, 2, "10.1.0.0/24"); /* within is not the same */
	assert_int_equal(wm_wg_finish(&want), 0);
	ADD(&want, 3, "10.1.0.0/16");
	assert_int_equal(wm_wg_finish(&want), -EEXIST);
}

static void equal_devices_need_no_write(void **state)
{
	(void)state;
	compute(NULL, 0);
	assert_ops("");
	ADD(&have, 1, "10.1.0.0/16", "10.3.0.0/16");
	ADD(&have, 2, "10.2.0.0/16");
	/* In another order; and what only the kernel knows does not count. */
	ADD(&want, 2, "10.2.0.0/16");
	ADD(&want, 1, "10.3.0.0/16", "10.1.0.0/16");
	have.peers[0].last_handshake = NOW - 5;
	have.peers[0].rx_bytes = 77;
	compute(NULL, 0);
	assert_ops("");
}

static void the_device_itself(void **state)
{
	(void)state;
	want.listen_port = 51821;
	compute(NULL, 0);
	assert_ops("device");
	assert_int_equal(diff.listen_port, 51821);
	assert_true(wm_key_equal(&diff.private_key, &want.private_key));
	want = have;
	want.fwmark = 7;
	compute(NULL, 0);
	assert_ops("device");
	assert_int_equal(diff.fwmark, 7);
	want = have;
	want.private_key = key(91);
	compute(NULL, 0);
	assert_ops("device");
	assert_true(wm_key_equal(&diff.private_key, &want.private_key));
}

static void another_private_key_wakes_who_is_kept_awake(void **state)
{
	(void)state;
	ADD(&have, 1)->keepalive_s = 25;
	ADD(&want, 1)->keepalive_s = 25;
	ADD(&have, 2);
	ADD(&want, 2);
	ADD(&want, 3)->keepalive_s = 25; /* a new one wakes anyway */
	want.private_key = key(91);
	compute(NULL, 0);
	assert_ops("device; set 1 keepalive; set 1 keepalive; set 3 new keepalive");
	assert_int_equal(diff.ops[1].peer.keepalive_s, 0);
	assert_int_equal(diff.ops[2].peer.keepalive_s, 25);
	/* A device that is new has nobody to wake. */
	have.private_key = (struct wm_key){ 0 };
	compute(NULL, 0);
	assert_ops("device; set 3 new keepalive");
}

static void a_new_peer_brings_its_fields_and_prefixes(void **state)
{
	struct wm_wg_peer *p = ADD(&want, 3, "10.3.0.0/16", "10.2.0.0/16");

	(void)state;
	p->endpoint = endpoint("1.2.3.4:5");
	p->keepalive_s = 25;
	p->preshared_key = key(77);
	ADD(&want, 4);
	compute(NULL, 0);
	assert_ops("set 3 new endpoint keepalive psk; add 3 10.2.0.0/16; add 3 10.3.0.0/16; set 4 new");
	assert_true(wm_endpoint_equal(&diff.ops[0].peer.endpoint, &want.peers[0].endpoint));
}

static void each_field_alone(void **state)
{
	(void)state;
	ADD(&have, 1)->keepalive_s = 25;
	ADD(&want, 1);
	compute(NULL, 0);
	assert_ops("set 1 keepalive"); /* to 0: off */
	assert_int_equal(diff.ops[0].peer.keepalive_s, 0);
	want.peers[0].keepalive_s = 25;
	have.peers[0].preshared_key = key(70);
	compute(NULL, 0);
	assert_ops("set 1 psk"); /* to none */
	assert_true(wm_key_is_zero(&diff.ops[0].peer.preshared_key));
	want.peers[0].preshared_key = key(71);
	compute(NULL, 0);
	assert_ops("set 1 psk");
	want.peers[0].preshared_key = key(70);
	want.peers[0].endpoint = endpoint("1.2.3.4:5");
	compute(NULL, 0);
	assert_ops("set 1 endpoint");
}

static void a_prefix_that_moves_is_only_added(void **state)
{
	(void)state;
	ADD(&have, 1, "10.1.0.0/16", "10.5.0.0/16");
	ADD(&have, 2, "10.2.0.0/16");
	ADD(&want, 1, "10.2.0.0/16", "10.5.0.0/16");
	ADD(&want, 2, "10.1.0.0/16");
	compute(NULL, 0);
	assert_ops("add 1 10.2.0.0/16; add 2 10.1.0.0/16");
}

static void what_nobody_wants_is_removed_behind_what_comes(void **state)
{
	(void)state;
	ADD(&have, 1, "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16");
	ADD(&want, 1, "10.0.0.0/16", "10.2.0.0/16", "10.4.0.0/16");
	compute(NULL, 0);
	assert_ops("add 1 10.0.0.0/16; add 1 10.4.0.0/16; remove 1 10.1.0.0/16; remove 1 10.3.0.0/16");
}

static void the_same_address_with_another_length_is_another_prefix(void **state)
{
	(void)state;
	ADD(&have, 1, "10.0.0.0/8");
	ADD(&want, 1, "10.0.0.0/9");
	compute(NULL, 0);
	assert_ops("add 1 10.0.0.0/9; remove 1 10.0.0.0/8");
}

static void a_peer_goes_last_and_with_it_its_prefixes(void **state)
{
	(void)state;
	ADD(&have, 1, "10.1.0.0/16", "10.9.0.0/16");
	ADD(&have, 2);
	ADD(&want, 2, "10.1.0.0/16");
	compute(NULL, 0);
	assert_ops("add 2 10.1.0.0/16; drop 1");
}

static void to_and_from_nothing(void **state)
{
	struct wm_wg_device empty = { 0 };

	(void)state;
	ADD(&have, 1, "10.1.0.0/16");
	ADD(&have, 2, "10.2.0.0/16");
	compute(NULL, 0);
	assert_ops("drop 1; drop 2");
	wm_wg_diff_free(&diff);
	assert_int_equal(wm_wg_diff(&empty, &have, NULL, 0, NOW, &diff), 0);
	assert_ops("device; set 1 new; add 1 10.1.0.0/16; set 2 new; add 2 10.2.0.0/16");
	wm_wg_diff_free(&diff);
	assert_int_equal(wm_wg_diff(&empty, &empty, NULL, 0, NOW, &diff), 0);
	assert_ops("");
}

static void endpoints_roam_until_the_registry_or_silence_says_otherwise(void **state)
{
	enum { NONE, REGISTERED, MOVED, ROAMED };
	static const char *const texts[] = { NULL, "192.0.2.1:51820", "192.0.2.2:51820", "203.0.113.9:1234" };
	static const struct {
		const char *name;
		int have, want, last; /* last: what was applied before; NONE: we do not know */
		int64_t handshake_age; /* -1: never */
		bool set;
	} rows[] = {
		{ "as it should be", REGISTERED, REGISTERED, REGISTERED, -1, false },
		{ "not set yet", NONE, REGISTERED, NONE, -1, true },
		{ "not set yet, talking all the same", NONE, REGISTERED, REGISTERED, 5, true },
		{ "roamed and alive", ROAMED, REGISTERED, REGISTERED, 5, false },
		{ "roamed, alive for 179 s", ROAMED, REGISTERED, REGISTERED, 179, false },
		{ "roamed, silent for 180 s", ROAMED, REGISTERED, REGISTERED, 180, true },
		{ "roamed, silent for hours", ROAMED, REGISTERED, REGISTERED, 100000, true },
		{ "never shook hands", ROAMED, REGISTERED, REGISTERED, -1, true },
		{ "the registry moved it", ROAMED, MOVED, REGISTERED, 5, true },
		{ "the registry moved it, not roamed", REGISTERED, MOVED, REGISTERED, 5, true },
		{ "alive, and we were restarted", ROAMED, REGISTERED, NONE, 5, false },
		{ "silent, and we were restarted", ROAMED, REGISTERED, NONE, 200, true },
		{ "the registry has none: it stays", ROAMED, NONE, REGISTERED, -1, false },
		{ "the clock went back", ROAMED, REGISTERED, REGISTERED, -7200, true },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_wg_peer_endpoint last[2] = { { .public_key = key(1) }, { .public_key = key(9) } };
		struct wm_wg_peer *h, *w;

		teardown(NULL);
		setup(NULL);
		h = ADD(&have, 1);
		w = ADD(&want, 1);
		h->last_handshake = rows[i].handshake_age == -1 ? 0 : NOW - rows[i].handshake_age;
		if (rows[i].have)
			h->endpoint = endpoint(texts[rows[i].have]);
		if (rows[i].want)
			w->endpoint = endpoint(texts[rows[i].want]);
		if (rows[i].last)
			last[0].endpoint = endpoint(texts[rows[i].last]);
		compute(rows[i].last ? last : last + 1, rows[i].last ? 2 : 1);
		if (diff.n != rows[i].set || (diff.n && diff.ops[0].flags != WM_WG_OP_ENDPOINT))
			fail_msg("%s: %zu writes", rows[i].name, diff.n);
	}
}

static void a_big_peer_moves_whole(void **state)
{
	(void)state;
	ADD(&have, 1);
	ADD(&want, 1);
	for (uint32_t i = 0; i < 20000; i++)
		assert_int_equal(wm_wg_add_allowed(i % 2 ? &have : &want, (struct wm_prefix){ ip("10.0.0.0") + (i << 8), 24 }), 0);
	compute(NULL, 0);
	assert_int_equal(diff.n, 20000);
	for (size_t i = 0; i < diff.n; i++)
		assert_int_equal(diff.ops[i].kind, i < 10000 ? WM_WG_ADD_ALLOWED : WM_WG_REMOVE_ALLOWED);
}

static void freeing_wipes_and_may_be_repeated(void **state)
{
	struct wm_wg_device none = { 0 };
	struct wm_wg_diff nothing = { 0 };

	(void)state;
	ADD(&want, 1, "10.1.0.0/16")->preshared_key = key(70);
	want.fwmark = 3;
	compute(NULL, 0);
	wm_wg_device_free(&want);
	assert_memory_equal(&want, &none, sizeof(want));
	wm_wg_diff_free(&diff);
	assert_memory_equal(&diff, &nothing, sizeof(diff));
	wm_wg_device_free(NULL);
	wm_wg_diff_free(NULL);
}

#define WG_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WG_TEST(finishing_sorts),
		WG_TEST(a_peer_that_a_dump_split_is_one_again),
		WG_TEST(a_prefix_with_two_owners_is_refused),
		WG_TEST(equal_devices_need_no_write),
		WG_TEST(the_device_itself),
		WG_TEST(another_private_key_wakes_who_is_kept_awake),
		WG_TEST(a_new_peer_brings_its_fields_and_prefixes),
		WG_TEST(each_field_alone),
		WG_TEST(a_prefix_that_moves_is_only_added),
		WG_TEST(what_nobody_wants_is_removed_behind_what_comes),
		WG_TEST(the_same_address_with_another_length_is_another_prefix),
		WG_TEST(a_peer_goes_last_and_with_it_its_prefixes),
		WG_TEST(to_and_from_nothing),
		WG_TEST(endpoints_roam_until_the_registry_or_silence_says_otherwise),
		WG_TEST(a_big_peer_moves_whole),
		WG_TEST(freeing_wipes_and_may_be_repeated),
	};

	return UNIT_RUN("wg", tests);
}
