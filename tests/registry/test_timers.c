/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * registry/timers.c: everything fires once, in order, and what was cleared never.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "core/util.h"
#include "registry/timers.h"

#define MANY 2000

struct probe {
	struct timer timer;
	unsigned int fired;
};

static uint64_t last_ms;
static struct timers *rearm_in;

static void fire(struct timer *timer)
{
	struct probe *p = (struct probe *)(void *)timer;

	assert_int_equal(timer->place, 0);
	assert_true(timer->at_ms >= last_ms);
	last_ms = timer->at_ms;
	p->fired++;
}

static void fire_again(struct timer *timer)
{
	fire(timer);
	assert_int_equal(timers_set(rearm_in, timer, timer->at_ms + 10), 0);
}

static void in_order(void **state)
{
	static struct probe probes[MANY];
	struct timers t = { 0 };

	(void)state;
	srandom(1);
	last_ms = 0;
	for (size_t i = 0; i < MANY; i++) {
		probes[i].timer.fire = fire;
		assert_int_equal(timers_set(&t, &probes[i].timer, (uint64_t)random() % 1000), 0);
	}
	for (size_t i = 0; i < MANY; i += 3) /* moves some, to both sides */
		assert_int_equal(timers_set(&t, &probes[i].timer, (uint64_t)random() % 1000), 0);
	for (size_t i = 1; i < MANY; i += 3)
		timers_clear(&t, &probes[i].timer);
	timers_run(&t, 499);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(probes[i].fired, i % 3 != 1 && probes[i].timer.at_ms <= 499);
	timers_run(&t, 1000);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(probes[i].fired, i % 3 != 1);
	assert_int_equal(timers_sleep(&t, 0), -1);
	timers_free(&t);
}

static void how_long_to_sleep(void **state)
{
	struct probe a = { .timer.fire = fire }, b = { .timer.fire = fire };
	struct timers t = { 0 };

	(void)state;
	last_ms = 0;
	assert_int_equal(timers_sleep(&t, 5), -1);
	assert_int_equal(timers_set(&t, &a.timer, 100), 0);
	assert_int_equal(timers_set(&t, &b.timer, 50), 0);
	assert_int_equal(timers_sleep(&t, 5), 45);
	assert_int_equal(timers_sleep(&t, 60), 0);
	timers_clear(&t, &b.timer);
	timers_clear(&t, &b.timer);
	assert_int_equal(timers_sleep(&t, 60), 40);
	timers_free(&t);
}

static void set_again_while_firing(void **state)
{
	struct probe a = { .timer.fire = fire_again };
	struct timers t = { 0 };

	(void)state;
	last_ms = 0;
	rearm_in = &t;
	assert_int_equal(timers_set(&t, &a.timer, 10), 0);
	timers_run(&t, 15);
	assert_int_equal(a.fired, 1);
	timers_run(&t, 45);
	assert_int_equal(a.fired, 4);
	assert_int_equal(timers_sleep(&t, 45), 5);
	timers_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(how_long_to_sleep),
		cmocka_unit_test(set_again_while_firing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
