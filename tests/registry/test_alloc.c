/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * core/alloc.c: which address or subnet is given next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "core/util.h"
#include "core/alloc.h"

static struct wm_prefix prefix(const char *text)
{
	struct wm_prefix p;

	assert_int_equal(wm_prefix_parse(text, &p), 0);
	return p;
}

static wm_ip4 ip(const char *text)
{
	wm_ip4 a;

	assert_int_equal(wm_ip4_parse(text, &a), 0);
	return a;
}

/* The address given in `subnet` when `used` (ascending, ended by NULL) are taken; "" for none. */
static const char *next_address(const char *subnet, const char *const *used)
{
	static char text[WM_IP4_TEXT];
	struct alloc_addr a;
	wm_ip4 addr;

	alloc_addr_start(&a, prefix(subnet));
	while (*used && alloc_addr_used(&a, ip(*used)))
		used++;
	return alloc_addr_result(&a, &addr) ? "" : wm_ip4_format(addr, text);
}

static const char *next_subnet(const char *supernet, const char *const *used)
{
	static char text[WM_PREFIX_TEXT];
	struct alloc_net a;
	struct wm_prefix net;

	alloc_net_start(&a, prefix(supernet));
	while (*used && alloc_net_used(&a, prefix(*used)))
		used++;
	return alloc_net_result(&a, &net) ? "" : wm_prefix_format(net, text);
}

#define USED(...) (const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL }

static void lowest_free_address(void **state)
{
	(void)state;
	assert_string_equal(next_address("172.30.2.0/24", USED()), "172.30.2.2");
	assert_string_equal(next_address("172.30.2.0/24", USED("172.30.2.2", "172.30.2.3")), "172.30.2.4");
	assert_string_equal(next_address("172.30.2.0/24", USED("172.30.2.2", "172.30.2.4")), "172.30.2.3");
	assert_string_equal(next_address("172.30.2.0/24", USED("172.30.2.9")), "172.30.2.2");
}

static void never_network_gateway_or_broadcast(void **state)
{
	(void)state;
	assert_string_equal(next_address("172.30.2.0/30", USED()), "172.30.2.2");
	assert_string_equal(next_address("172.30.2.0/30", USED("172.30.2.2")), "");
	assert_string_equal(next_address("172.30.2.8/29", USED("172.30.2.10", "172.30.2.11", "172.30.2.12", "172.30.2.13")),
			    "172.30.2.14");
	assert_string_equal(next_address("172.30.2.8/29", USED("172.30.2.10", "172.30.2.11", "172.30.2.12", "172.30.2.13",
							       "172.30.2.14")), "");
}

static void every_address_of_a_subnet_once(void **state)
{
	struct alloc_addr a;
	wm_ip4 addr;

	(void)state;
	for (wm_ip4 n = 0; n < 253; n++) {
		alloc_addr_start(&a, prefix("10.0.0.0/24"));
		for (wm_ip4 used = 0; used < n; used++)
			assert_true(alloc_addr_used(&a, ip("10.0.0.2") + used));
		assert_int_equal(alloc_addr_result(&a, &addr), 0);
		assert_int_equal(addr, ip("10.0.0.2") + n);
	}
	assert_true(alloc_addr_used(&a, ip("10.0.0.254")));
	assert_int_equal(alloc_addr_result(&a, &addr), -EADDRNOTAVAIL);
}

static void address_at_the_end_of_the_address_space(void **state)
{
	(void)state;
	assert_string_equal(next_address("255.255.255.252/30", USED("255.255.255.254")), "");
}

static void lowest_free_subnet(void **state)
{
	(void)state;
	assert_string_equal(next_subnet("172.30.0.0/16", USED()), "172.30.1.0/24");
	assert_string_equal(next_subnet("172.30.0.0/16", USED("172.30.1.0/24")), "172.30.2.0/24");
	assert_string_equal(next_subnet("172.30.0.0/16", USED("172.30.0.0/24", "172.30.2.0/24")), "172.30.1.0/24");
	assert_string_equal(next_subnet("172.30.0.0/16", USED("172.30.1.0/24", "172.30.3.0/24")), "172.30.2.0/24");
}

static void subnet_beside_other_sizes(void **state)
{
	(void)state;
	assert_string_equal(next_subnet("172.30.0.0/16", USED("172.30.1.64/26")), "172.30.2.0/24");
	assert_string_equal(next_subnet("172.30.0.0/16", USED("172.30.0.0/20")), "172.30.16.0/24");
	assert_string_equal(next_subnet("172.30.0.0/16", USED("172.30.1.0/25", "172.30.1.128/25", "172.30.2.0/23")),
			    "172.30.4.0/24");
}

static void first_subnet_comes_last(void **state)
{
	(void)state;
	assert_string_equal(next_subnet("10.0.0.0/22", USED("10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24")), "10.0.0.0/24");
	assert_string_equal(next_subnet("10.0.0.0/22", USED("10.0.0.0/25", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24")), "");
}

static void halves_of_a_small_supernet(void **state)
{
	(void)state;
	assert_string_equal(next_subnet("10.0.0.0/24", USED()), "10.0.0.128/25");
	assert_string_equal(next_subnet("10.0.0.0/24", USED("10.0.0.128/25")), "10.0.0.0/25");
	assert_string_equal(next_subnet("10.0.0.0/24", USED("10.0.0.0/25", "10.0.0.128/25")), "");
	assert_string_equal(next_subnet("10.0.0.0/23", USED()), "10.0.1.0/24");
}

static void subnet_at_the_end_of_the_address_space(void **state)
{
	(void)state;
	assert_string_equal(next_subnet("255.255.254.0/23", USED("255.255.255.0/24")), "255.255.254.0/24");
	assert_string_equal(next_subnet("255.255.254.0/23", USED("255.255.254.0/24", "255.255.255.0/24")), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowest_free_address),
		cmocka_unit_test(never_network_gateway_or_broadcast),
		cmocka_unit_test(every_address_of_a_subnet_once),
		cmocka_unit_test(address_at_the_end_of_the_address_space),
		cmocka_unit_test(lowest_free_subnet),
		cmocka_unit_test(subnet_beside_other_sizes),
		cmocka_unit_test(first_subnet_comes_last),
		cmocka_unit_test(halves_of_a_small_supernet),
		cmocka_unit_test(subnet_at_the_end_of_the_address_space),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
