/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Preshared keys on trial: two ends, each of which looks every so often (WM_POLL), but every five seconds while it tries, and
 * between them what WireGuard does: a session lasts three minutes, after two of
 * them who began it asks for the next every five seconds, and that comes when
 * both have the same preshared key. A second passes at once.
 */
#include "core/psk.h"

#include <errno.h>

#include "core/util.h"
#include "unit/mesh.h"

#define LOOK WM_PSK_LOOK_S
#define ASK 5
#define NONE 0

struct end {
	struct wm_psk psk;
	unsigned int told;     /* number of the key that its registry has told it; NONE */
	struct wm_wg_peer have; /* in its kernel: the other end */
	int64_t look_at;
	int64_t every;         /* look, where nothing is tried; 0: LOOK */
	unsigned int looks;    /* at which something was */
};

struct pair {
	struct end end[2];
	int64_t now;        /* by a clock that is right */
	int64_t wrong;      /* by so much is the one of end 0; the kernel has the same */
	int64_t session_at; /* when it began; 0: none yet */
	int64_t asked_at;
	int asks;           /* which end began the session */
	int64_t told_at;    /* when the first data has come by it, from which on whoever answered calls it a session; 0: it has */
	int64_t late;       /* it takes so long */
	bool idle;          /* nobody sends anything */
	unsigned int lost;  /* seconds in which what was sent had no session */
};

static struct wm_key number(unsigned int n)
{
	return n == NONE ? (struct wm_key){ 0 } : key(100 + n);
}

static void begin(struct pair *p, int64_t session_age)
{
	*p = (struct pair){ .now = 1700000000, .end[1].look_at = 3 };
	p->session_at = session_age < 0 ? 0 : p->now - session_age;
	for (int i = 0; i < 2; i++) {
		p->end[i].have.public_key = key((unsigned int)i + 1);
		p->end[i].have.last_handshake = p->session_at;
		p->end[i].look_at += p->now;
	}
}

static void end(struct pair *p)
{
	wm_psk_free(&p->end[0].psk);
	wm_psk_free(&p->end[1].psk);
}

#define STARTED 1699999900 /* the machines */

static void look_by(struct end *e, int64_t now, int64_t wrong)
{
	const struct wm_psk_time at = { .unix_s = now + wrong, .boot_s = now - STARTED };
	struct wm_wg_peer want = { .public_key = e->have.public_key, .preshared_key = number(e->told) };
	const struct wm_wg_device have = { .peers = &e->have, .npeers = 1 }, wants = { .peers = &want, .npeers = 1 };

	assert_int_equal(wm_psk_look(&e->psk, &have, &wants, at), 0);
	e->have.preshared_key = *wm_psk_chosen(&e->psk, &want);
	e->look_at = now + (e->psk.nbusy || !e->every ? LOOK : e->every);
	e->looks += e->psk.nbusy > 0;
}

static void look(struct end *e, int64_t now)
{
	look_by(e, now, 0);
}

static int64_t age(const struct pair *p)
{
	return p->session_at ? p->now - p->session_at : 1000;
}

/* By the clock that the machine has. */
static void tell(struct pair *p, int i)
{
	p->end[i].have.last_handshake = p->now + (i ? 0 : p->wrong);
}

static void shake(struct pair *p)
{
	p->session_at = p->now;
	tell(p, p->asks);
	p->told_at = p->now + p->late;
}

static void ask(struct pair *p)
{
	p->asked_at = p->now;
	p->end[p->asks].have.tx_bytes += 148;
	if (wm_key_equal(&p->end[0].have.preshared_key, &p->end[1].have.preshared_key))
		shake(p);
}

static void second(struct pair *p)
{
	p->now++;
	if (p->told_at && p->now >= p->told_at) {
		tell(p, !p->asks);
		p->told_at = 0;
	}
	for (int i = 0; i < 2; i++)
		if (p->now >= p->end[i].look_at)
			look_by(&p->end[i], p->now, i ? 0 : p->wrong);
	if (p->idle)
		return;
	/* Without a session whoever sends asks. */
	if (age(p) >= 180)
		p->asks = (int)(p->now / ASK % 2);
	if (age(p) >= 120 && p->now >= p->asked_at + ASK)
		ask(p);
	p->lost += age(p) >= 180;
	for (int i = 0; i < 2; i++)
		p->end[i].have.tx_bytes += 1000;
}

static void pass(struct pair *p, int seconds)
{
	while (seconds--)
		second(p);
}

static bool uses(const struct end *e, unsigned int n)
{
	struct wm_key k = number(n);

	return wm_key_equal(&e->have.preshared_key, &k);
}

/* Both have this one in the kernel, for good. */
static void assert_shared(const struct pair *p, unsigned int n)
{
	for (int i = 0; i < 2; i++) {
		assert_true(uses(&p->end[i], n));
		assert_int_equal(p->end[i].psk.ntrials, 0);
	}
}

/* --- what is said to them --------------------------------------------------------------------- */

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

/* --- what happens to them ------------------------------------------------------------------------ */

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
	begin(&p, 0);
	p.end[0].told = p.end[1].told = 1;
	pass(&p, 600);
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
	begin(&p, 0);
	p.end[0].told = p.end[1].told = 1;
	pass(&p, 600);
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
	begin(&p, 0);
	p.end[0].told = p.end[1].told = 1;
	pass(&p, 600);
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
	begin(&p, 0);
	p.end[0].told = p.end[1].told = 1;
	pass(&p, 600);
	assert_shared(&p, 1);
	p.end[1].told = NONE;
	for (int i = 0; i < 3600; i++) {
		second(&p);
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
			while (age(&p) >= 100)
				second(&p);
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
		TEST(two_that_are_told_lose_nothing),
		TEST(who_is_not_told_is_not_cut_off),
		TEST(who_is_not_told_is_met_without_a_session),
		TEST(two_that_are_new_have_it_at_once),
		TEST(another_key_that_one_is_not_told_cuts_nobody_off),
		TEST(who_looks_seldom_loses_nothing),
		TEST(who_is_not_told_for_days_costs_little_and_is_met),
		TEST(who_is_silent_is_not_looked_for),
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

	return UNIT_RUN("psk", tests);
}
