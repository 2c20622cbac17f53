/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What two ends are told of preshared keys, both, one or neither, loses them nothing.
 */
#include "core/util.h"
#include "unit/psk_pair.h"

static void two_that_are_told_lose_nothing(void **state)
{
	struct pair p;

	(void)state;
	for (int at = 0; at < 180; at++)
		for (int apart = 0; apart < 200; apart += 7) {
			begin(&p, 0);
			pass(&p, at);
			p.end[0].told = 1;
			pass(&p, apart);
			p.end[1].told = 1;
			pass(&p, 600);
			assert_int_equal(p.lost, 0);
			assert_shared(&p, 1);
			end(&p);
		}
}

static void who_is_not_told_is_not_cut_off(void **state)
{
	struct pair p;

	(void)state;
	for (int at = 0; at < 180; at++) {
		begin(&p, 0);
		p.asks = at % 2;
		pass(&p, at);
		p.end[0].told = 1;
		pass(&p, 3600 + 3 * at);
		assert_int_equal(p.lost, 0);
		assert_int_equal(p.end[0].psk.ntrials, 1);
		p.end[1].told = 1;
		pass(&p, 600);
		assert_int_equal(p.lost, 0);
		assert_shared(&p, 1);
		end(&p);
	}
}

static void who_is_not_told_is_met_without_a_session(void **state)
{
	struct pair p;

	(void)state;
	for (int at = 0; at < 60; at++) {
		begin(&p, -1);
		p.end[at % 2].told = 1;
		look(&p.end[at % 2], p.now);
		pass(&p, 3600 + at);
		assert_in_range(p.lost, 1, 60);
		p.end[!(at % 2)].told = 1;
		pass(&p, 600);
		assert_in_range(p.lost, 1, 60);
		assert_shared(&p, 1);
		end(&p);
	}
}

static void two_that_are_new_have_it_at_once(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, -1);
	p.end[0].told = p.end[1].told = 1;
	pass(&p, 300);
	assert_in_range(p.lost, 0, 2 * LOOK);
	assert_shared(&p, 1);
	end(&p);
}

static void another_key_that_one_is_not_told_cuts_nobody_off(void **state)
{
	struct pair p;

	(void)state;
	for (int at = 0; at < 180; at++) {
		begin(&p, 0);
		p.end[0].told = p.end[1].told = 1;
		pass(&p, 600 + at);
		assert_shared(&p, 1);
		p.end[at % 2].told = 2;
		pass(&p, 3600);
		assert_int_equal(p.lost, 0);
		assert_true(uses(&p.end[!(at % 2)], 1));
		p.end[!(at % 2)].told = 2;
		pass(&p, 600);
		assert_int_equal(p.lost, 0);
		assert_shared(&p, 2);
		end(&p);
	}
}

/* Whoever is told is so at once: his look comes with it. */
static void be_told(struct pair *p, int i, unsigned int n)
{
	p->end[i].told = n;
	look(&p->end[i], p->now);
}

static void who_looks_seldom_loses_nothing(void **state)
{
	static const int64_t every[] = { 7, 15, 30, 60 };
	struct pair p;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(every); i++)
		for (int at = 0; at < 180; at++) {
			begin(&p, 0);
			p.end[0].every = every[i];
			p.end[1].every = every[(i + (size_t)at) % WM_ARRAY_LEN(every)];
			p.asks = at % 2;
			pass(&p, at);
			be_told(&p, 0, 1);
			pass(&p, 1800 + at);
			assert_int_equal(p.lost, 0);
			assert_int_equal(p.end[0].psk.ntrials, 1);
			be_told(&p, 1, 1);
			pass(&p, 900);
			assert_int_equal(p.lost, 0);
			assert_shared(&p, 1);
			/* From now on nobody looks for it. */
			p.end[0].looks = p.end[1].looks = 0;
			pass(&p, 900);
			assert_int_equal(p.end[0].looks + p.end[1].looks, 0);
			end(&p);
		}
}

static void who_is_not_told_for_days_costs_little_and_is_met(void **state)
{
	struct pair p;

	(void)state;
	for (int at = 0; at < 180; at += 7) {
		begin(&p, 0);
		p.end[0].every = 60;
		p.asks = at % 2;
		pass(&p, at);
		be_told(&p, 0, 1);
		pass(&p, 10800);
		p.end[0].looks = 0;
		pass(&p, 86400);
		assert_int_equal(p.lost, 0);
		/* Three times an hour at most, for a session each. */
		assert_in_range(p.end[0].looks, 1, 24 * 3 * 180 / LOOK);
		be_told(&p, 1, 1);
		pass(&p, 7200);
		assert_int_equal(p.lost, 0);
		assert_shared(&p, 1);
		end(&p);
	}
}

/* Whom nobody answers, and nobody has anything for. */
static void who_is_silent_is_not_looked_for(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, -1);
	p.end[0].every = 60;
	p.idle = true;
	be_told(&p, 0, 1);
	pass(&p, 120);
	p.end[0].looks = 0;
	pass(&p, 3600);
	assert_int_equal(p.end[0].looks, 0);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_that_are_told_lose_nothing),
		TEST(who_is_not_told_is_not_cut_off),
		TEST(who_is_not_told_is_met_without_a_session),
		TEST(two_that_are_new_have_it_at_once),
		TEST(another_key_that_one_is_not_told_cuts_nobody_off),
		TEST(who_looks_seldom_loses_nothing),
		TEST(who_is_not_told_for_days_costs_little_and_is_met),
		TEST(who_is_silent_is_not_looked_for),
	};

	return UNIT_RUN("psk", tests);
}
