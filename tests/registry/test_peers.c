/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * registry/peers.c: connections are counted for each address, but for this machine's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "core/key.h"
#include "core/util.h"
#include "registry/address_pairs.h"
#include "registry/peers.h"

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static struct peers peers;
static bool full;

static struct peer *enter(const char *text)
{
	union address a = { 0 };

	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1)
		a.any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1)
		a.any.sa_family = AF_INET6;
	else
		a.any.sa_family = AF_UNIX;
	return peers_enter(&peers, &a.any, &full);
}

static void an_address_has_so_many_and_no_more(void **state)
{
	struct peer *peer = NULL;

	(void)state;
	for (int i = 0; i < PEERS_MAX; i++) {
		peer = enter("198.51.100.7");
		assert_non_null(peer);
	}
	assert_null(enter("198.51.100.7"));
	assert_true(full);
	peers_leave(&peers, peer);
	assert_ptr_equal(enter("198.51.100.7"), peer);
	for (int i = 0; i < PEERS_MAX; i++)
		peers_leave(&peers, peer);
	/* the last one took the entry with it */
	for (size_t i = 0; i < PEERS_BUCKETS; i++)
		assert_null(peers.buckets[i]);
}

static void who_counts_with_whom(void **state)
{
	static const struct address_pair rows[] = { ADDRESS_PAIRS };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct peer *a = enter(rows[i].a), *b = enter(rows[i].b);

		assert_non_null(a);
		assert_non_null(b);
		if ((a == b) != rows[i].same)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
		peers_leave(&peers, a);
		peers_leave(&peers, b);
	}
}

/* Behind a tunnel everybody comes from there. */
static void this_machine_is_not_counted(void **state)
{
	static const char *const own[] = { "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "a socket" };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(own); i++) {
		assert_null(enter(own[i]));
		assert_false(full);
	}
	peers_leave(&peers, NULL);
}

static void many_addresses_come_and_go(void **state)
{
	static struct peer *all[20000];
	char text[32];

	(void)state;
	for (unsigned int i = 0; i < WM_ARRAY_LEN(all); i++) {
		wm_format(text, sizeof(text), "10.0.%u.%u", i >> 8, i & 255);
		all[i] = enter(text);
		assert_non_null(all[i]);
		assert_int_equal(all[i]->n, 1);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(all); i++)
		peers_leave(&peers, all[i * 7919 % WM_ARRAY_LEN(all)]);
	for (size_t i = 0; i < PEERS_BUCKETS; i++)
		assert_null(peers.buckets[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_so_many_and_no_more),
		cmocka_unit_test(who_counts_with_whom),
		cmocka_unit_test(this_machine_is_not_counted),
		cmocka_unit_test(many_addresses_come_and_go),
	};

	if (wm_key_init())
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
