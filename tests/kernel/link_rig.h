/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A gateway to test link.h with: an instance, a plan, and two LANs.
 *
 *   lan0 192.168.1.1/24  veth  far0      lan1 192.168.2.1/24  veth  far1
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/plan.h"
#include "kernel/link.h"
#include "kernel/netns.h"

#define WG "wgtest"

extern struct wm_instance inst;
extern struct wm_plan plan; /* of one LAN, lan0; lans[1] is ready for a second */
extern struct wm_error err;

int setup(void **state);
int teardown(void **state);
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

wm_ip4 ip(const char *text);
struct wm_prefix prefix(const char *text);

/* The verbs, failing the test when they fail. */
uint32_t prepare(void);
int up(uint32_t ifindex);
void remove_all(void);

#define assert_out(expect, ...)                              \
	do {                                                  \
		char *out_ = run_out(NULL, __VA_ARGS__, NULL); \
		assert_string_equal(out_, expect);            \
		free(out_);                                   \
	} while (0)

void assert_contains(const char *text, const char *part);
void assert_state(void); /* what docs/architecture.md promises, told by ip(8) */
