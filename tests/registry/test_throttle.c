/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * registry/throttle.c: who comes with bad tokens waits, and nobody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/key.h"
#include "core/util.h"
#include "registry/address_pairs.h"
#include "registry/throttle.h"

static struct throttle throttle;
static bool first;

static int forget(void **state)
{
	(void)state;
	memset(&throttle, 0, sizeof(throttle));
	return wm_key_init();
}

static void exhaust(const char *client, uint64_t now)
{
	for (unsigned int i = 0; i < THROTTLE_BURST; i++)
		assert_int_equal(throttle_strike(&throttle, client, now, &first), 0);
}

static void a_burst_is_let_through_and_more_has_to_wait(void **state)
{
	uint64_t now = 1000000;

	(void)state;
	exhaust("198.51.100.7", now);
	assert_int_equal(throttle_strike(&throttle, "198.51.100.7", now, &first), THROTTLE_EVERY_MS / 1000);
	assert_true(first);
	assert_int_equal(throttle_strike(&throttle, "198.51.100.7", now, &first), THROTTLE_EVERY_MS / 1000);
	assert_false(first);
	/* one in each period, however often it was tried */
	for (int i = 0; i < 5; i++) {
		now += THROTTLE_EVERY_MS;
		assert_int_equal(throttle_strike(&throttle, "198.51.100.7", now, &first), 0);
		assert_true(throttle_strike(&throttle, "198.51.100.7", now, &first) > 0);
		assert_false(first);
	}
	/* the wait that is told is long enough, and not longer */
	now += 1;
	now += throttle_strike(&throttle, "198.51.100.7", now, &first) * 1000ull;
	assert_int_equal(throttle_strike(&throttle, "198.51.100.7", now, &first), 0);
}

static void all_is_forgotten_in_the_end(void **state)
{
	uint64_t now = 1000000;

	(void)state;
	exhaust("198.51.100.7", now);
	assert_true(throttle_strike(&throttle, "198.51.100.7", now, &first) > 0);
	now += (uint64_t)THROTTLE_BURST * THROTTLE_EVERY_MS;
	exhaust("198.51.100.7", now);
	assert_true(throttle_strike(&throttle, "198.51.100.7", now, &first) > 0);
	assert_true(first);
}

static void others_are_counted_for_themselves(void **state)
{
	static const struct address_pair rows[] = {
		ADDRESS_PAIRS,
		{ "", "198.51.100.7", false },
		{ "", "", true },
		{ "not an address", "", true },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		memset(&throttle, 0, sizeof(throttle));
		exhaust(rows[i].a, 5);
		if (!throttle_strike(&throttle, rows[i].b, 5, &first) == rows[i].same)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	}
}

static void a_flood_of_addresses_forgets_who_was_quiet_longest(void **state)
{
	char client[32];
	unsigned int refused = 0;

	(void)state;
	for (unsigned int i = 0; i < 200000; i++) {
		snprintf(client, sizeof(client), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		refused += throttle_strike(&throttle, client, 1000, &first) > 0;
	}
	assert_int_equal(refused, 0);
	/* one that is at it is not pushed out by those who come once */
	exhaust("198.51.100.7", 1000);
	for (unsigned int i = 0; i < 200000; i++) {
		snprintf(client, sizeof(client), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		throttle_strike(&throttle, client, 1000, &first);
	}
	assert_true(throttle_strike(&throttle, "198.51.100.7", 1000, &first) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_burst_is_let_through_and_more_has_to_wait, forget),
		cmocka_unit_test_setup(all_is_forgotten_in_the_end, forget),
		cmocka_unit_test_setup(others_are_counted_for_themselves, forget),
		cmocka_unit_test_setup(a_flood_of_addresses_forgets_who_was_quiet_longest, forget),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
