/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What happens to ends with preshared keys: what they forget, what is taken back,
 * who is away or silent, clocks that are set.
 */
#include <errno.h>

#include "core/util.h"
#include "unit/mesh.h"
#include "unit/psk_pair.h"

static void who_has_forgotten_all_finds_it_again(void **state)
{
	struct pair p;

	(void)state;
	for (int at = 0; at < 180; at++) {
		begin(&p, 0);
		p.end[0].told = p.end[1].told = 1;
		pass(&p, 600 + at);
		wm_psk_free(&p.end[0].psk);
		pass(&p, 600);
		assert_int_equal(p.lost, 0);
		assert_shared(&p, 1);
		end(&p);
	}
}

/* The first start of a version with trials: there is no file, but a key that has been in use for months. */
static void what_the_kernel_has_in_use_is_good_where_nothing_is_on_record(void **state)
{
	struct pair p;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(&p, 60);
		p.end[0].have.preshared_key = p.end[1].have.preshared_key = number(1);
		p.end[0].told = p.end[1].told = 1;
		p.end[0].psk.on_record = i;
		look(&p.end[0], p.now);
		assert_int_equal(p.end[0].psk.ntrials, i);
		assert_true(i || p.end[0].psk.unsaved);
		end(&p);
		/* Another key falls back to that one, not to none. */
		begin(&p, 60);
		p.end[0].have.preshared_key = p.end[1].have.preshared_key = number(1);
		p.end[0].told = 2;
		p.end[1].told = 1;
		pass(&p, 3600);
		assert_int_equal(p.lost, 0);
		assert_true(uses(&p.end[1], 1));
		end(&p);
	}
	/* Of one by which there is no session nobody knows. */
	begin(&p, 200);
	p.end[0].have.preshared_key = number(1);
	p.end[0].told = 1;
	look(&p.end[0], p.now);
	assert_int_equal(p.end[0].psk.ntrials, 1);
	/* Nor at the second look. */
	end(&p);
	begin(&p, 60);
	look(&p.end[0], p.now);
	p.end[0].have.preshared_key = number(1);
	p.end[0].told = 1;
	look(&p.end[0], p.now);
	assert_int_equal(p.end[0].psk.ntrials, 1);
	end(&p);
}

/* A plan without it, and one with it again. */
static void whoever_is_away_for_a_plan_is_known_again(void **state)
{
	const struct wm_psk_time at = { .unix_s = 1700000000, .boot_s = 5000 };
	const struct wm_wg_device nobody = { 0 };
	struct pair p;

	(void)state;
	begin_shared(&p);
	assert_shared(&p, 1);
	p.end[0].psk.unsaved = false;
	assert_int_equal(wm_psk_look(&p.end[0].psk, &nobody, &nobody, at), 0);
	assert_int_equal(p.end[0].psk.ntrials + p.end[0].psk.nbusy, 0);
	assert_false(p.end[0].psk.unsaved);
	look(&p.end[0], ++p.now);
	assert_shared(&p, 1);
	end(&p);
}

static void many_that_are_away_are_not_all_known(void **state)
{
	const struct wm_psk_time at = { .unix_s = 1700000000, .boot_s = 5000 };
	const struct wm_wg_device nobody = { 0 };
	struct wm_psk psk = { .n = 3000, .on_record = true, .peers = calloc(3000, sizeof(*psk.peers)) };

	(void)state;
	assert_non_null(psk.peers);
	for (size_t i = 0; i < psk.n; i++) {
		psk.peers[i].public_key = (struct wm_key){ { (uint8_t)(i >> 8), (uint8_t)i } };
		psk.peers[i].proved = number(1);
	}
	assert_int_equal(wm_psk_look(&psk, &nobody, &nobody, at), 0);
	assert_int_equal(psk.n, WM_PSK_GONE_MAX);
	assert_true(psk.unsaved);
	wm_psk_free(&psk);
}

static void what_is_on_disk_is_known_again(void **state)
{
	WM_AUTO_FREE char *text = NULL, *same = NULL;
	struct wm_psk again;
	struct pair p;

	(void)state;
	begin_shared(&p);
	assert_true(p.end[0].psk.unsaved);
	text = wm_psk_format(&p.end[0].psk);
	assert_int_equal(strlen(text), 12 + 90);
	wm_psk_free(&p.end[0].psk);
	assert_int_equal(wm_psk_parse(text, &p.end[0].psk), 0);
	look(&p.end[0], ++p.now);
	assert_int_equal(p.end[0].psk.ntrials, 0);
	same = wm_psk_format(&p.end[0].psk);
	assert_string_equal(text, same);
	/* What is damaged is not there. */
	text[62] = '*';
	assert_int_equal(wm_psk_parse(text, &again), 0);
	assert_int_equal(again.n, 0);
	wm_psk_free(&again);
	assert_int_equal(wm_psk_parse("preshared 2\n", &again), -EPROTO);
	assert_int_equal(wm_psk_parse("\n\nx y\n", &again), 0);
	assert_int_equal(again.n, 0);
	wm_psk_free(&again);
	end(&p);
}

/* It was taken back, and is given again: the other end may not hear of that. */
static void what_was_taken_back_is_tried_anew(void **state)
{
	struct pair p;

	(void)state;
	begin_shared(&p);
	p.end[0].psk.unsaved = false;
	p.end[0].told = p.end[1].told = NONE;
	pass(&p, 300);
	assert_true(p.end[0].psk.unsaved);
	p.end[0].told = 1;
	pass(&p, 3600);
	assert_int_equal(p.lost, 0);
	end(&p);
}

/* Whoever keeps handshakes from coming through cannot have it given up. */
static void what_was_proved_is_not_given_up(void **state)
{
	struct pair p;

	(void)state;
	begin_shared(&p);
	assert_shared(&p, 1);
	p.end[1].told = NONE;
	for (int i = 0; i < 3600; i++) {
		pass(&p, 1);
		assert_true(uses(&p.end[0], 1));
	}
	assert_true(p.lost > 3000);
	p.end[1].told = 1;
	pass(&p, 600);
	assert_shared(&p, 1);
	end(&p);
}

static void who_says_little_has_it_too(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, -1);
	p.end[0].told = p.end[1].told = 1;
	for (int i = 0; i < 20; i++) {
		p.idle = false;
		pass(&p, 30);
		assert_true(uses(&p.end[0], 1) && uses(&p.end[1], 1));
		p.idle = true;
		pass(&p, 400);
		assert_true(uses(&p.end[0], 1) && uses(&p.end[1], 1));
	}
	assert_in_range(p.lost, 0, 20 * LOOK);
	end(&p);
}

/* A key that is put in after the answer and before the first data has no part in that session. */
static void who_is_heard_late_has_shown_nothing(void **state)
{
	struct pair p;

	(void)state;
	for (int late = 1; late < 180; late += 2)
		for (int at = 0; at < late; at += 9) {
			begin(&p, 100);
			p.asks = 1;
			p.late = late;
			while (session_age(&p) >= 100)
				pass(&p, 1);
			p.late = 0;
			pass(&p, at);
			p.end[0].told = 1;
			pass(&p, 600);
			assert_int_equal(p.end[0].psk.ntrials, 1);
			/* It took the session for a younger one, once. */
			p.lost = 0;
			pass(&p, 3600);
			assert_int_equal(p.lost, 0);
			p.end[1].told = 1;
			pass(&p, 600);
			assert_int_equal(p.lost, 0);
			assert_shared(&p, 1);
			end(&p);
		}
}

/* What the kernel has said before stays as it was; by the new time that is to come, or long over. */
static void a_clock_that_is_set_loses_nothing(void **state)
{
	static const int64_t steps[] = { -86400, -100, -20, 20, 100, 86400 };
	struct pair p;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(steps); i++)
		for (int at = 0; at < 400; at += 3) {
			begin(&p, 0);
			p.end[0].told = 1;
			pass(&p, at);
			p.wrong = steps[i];
			pass(&p, 600);
			/* Nobody has shown it. */
			assert_int_equal(p.end[0].psk.ntrials, 1);
			p.wrong = 0;
			pass(&p, 600);
			assert_int_equal(p.end[0].psk.ntrials, 1);
			assert_int_equal(p.lost, 0);
			p.end[1].told = 1;
			pass(&p, 600);
			assert_int_equal(p.lost, 0);
			assert_shared(&p, 1);
			end(&p);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_has_forgotten_all_finds_it_again),
		TEST(what_the_kernel_has_in_use_is_good_where_nothing_is_on_record),
		TEST(whoever_is_away_for_a_plan_is_known_again),
		TEST(many_that_are_away_are_not_all_known),
		TEST(what_is_on_disk_is_known_again),
		TEST(what_was_taken_back_is_tried_anew),
		TEST(what_was_proved_is_not_given_up),
		TEST(who_says_little_has_it_too),
		TEST(who_is_heard_late_has_shown_nothing),
		TEST(a_clock_that_is_set_loses_nothing),
	};

	return UNIT_RUN("psk_life", tests);
}
