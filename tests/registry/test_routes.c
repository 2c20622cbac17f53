/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of routes: that no row hides another, and that who may act on
 * nothing but itself can be told from the others. With --list it is printed,
 * a row a line, so that other tests can ask for something about each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "registry/routes.h"

static void every_row_is_found(void **state)
{
	(void)state;
	assert_in_range(registry_nroutes, 20, COUNTS_ROUTES - 1);
	for (size_t i = 0; i < registry_nroutes; i++) {
		const struct route *r = &registry_routes[i];
		const char *hole = strstr(r->path, "{}");

		assert_int_equal(r->path[0], '/');
		assert_true(!hole || !strstr(hole + 1, "{}"));
		assert_non_null(strstr(" GET POST PUT PATCH DELETE ", r->method));
		for (size_t k = 0; k < i; k++)
			assert_true(strcmp(r->path, registry_routes[k].path) || strcmp(r->method, registry_routes[k].method));
	}
}

/* A gateway or device that may change something may do so only with what is its own: by the name in the path. */
static void machines_change_only_what_has_a_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < registry_nroutes; i++) {
		const struct route *r = &registry_routes[i];

		if (strcmp(r->method, "GET") && (r->roles & (ROLE_GATEWAY | ROLE_DEVICE)))
			assert_non_null(strstr(r->path, "{}"));
		if (strcmp(r->method, "GET"))
			assert_false(r->roles & (ROLE_READ | ROLE_PUBLIC));
	}
}

static int list(void)
{
	for (size_t i = 0; i < registry_nroutes; i++)
		printf("%s %s %s %s\n", registry_routes[i].method, registry_routes[i].path,
		       registry_routes[i].roles & ROLE_PUBLIC ? "public" : "-", registry_routes[i].query ? registry_routes[i].query : "");
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found),
		cmocka_unit_test(machines_change_only_what_has_a_name),
	};

	if (argc == 2 && !strcmp(argv[1], "--list"))
		return list();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
