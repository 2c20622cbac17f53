/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/psk_pair.h"

#include "core/util.h"
#include "unit/mesh.h"

#define ASK 5

struct wm_key number(unsigned int n)
{
	return n == NONE ? (struct wm_key){ 0 } : key(100 + n);
}

void begin(struct pair *p, int64_t session_age)
{
	*p = (struct pair){ .now = 1700000000, .end[1].look_at = 3 };
	p->session_at = session_age < 0 ? 0 : p->now - session_age;
	for (int i = 0; i < 2; i++) {
		p->end[i].have.public_key = key((unsigned int)i + 1);
		p->end[i].have.last_handshake = p->session_at;
		p->end[i].look_at += p->now;
	}
}

void begin_shared(struct pair *p)
{
	begin(p, 0);
	p->end[0].told = p->end[1].told = 1;
	pass(p, 600);
}

void end(struct pair *p)
{
	wm_psk_free(&p->end[0].psk);
	wm_psk_free(&p->end[1].psk);
}

void look_by(struct end *e, int64_t now, int64_t wrong)
{
	const struct wm_psk_time at = { .unix_s = now + wrong, .boot_s = now - STARTED };
	struct wm_wg_peer want = { .public_key = e->have.public_key, .preshared_key = number(e->told) };
	const struct wm_wg_device have = { .peers = &e->have, .npeers = 1 }, wants = { .peers = &want, .npeers = 1 };

	assert_int_equal(wm_psk_look(&e->psk, &have, &wants, at), 0);
	e->have.preshared_key = *wm_psk_chosen(&e->psk, &want);
	e->look_at = now + (e->psk.nbusy || !e->every ? LOOK : e->every);
	e->looks += e->psk.nbusy > 0;
}

void look(struct end *e, int64_t now)
{
	look_by(e, now, 0);
}

int64_t session_age(const struct pair *p)
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
	if (session_age(p) >= 180)
		p->asks = (int)(p->now / ASK % 2);
	if (session_age(p) >= 120 && p->now >= p->asked_at + ASK)
		ask(p);
	p->lost += session_age(p) >= 180;
	for (int i = 0; i < 2; i++)
		p->end[i].have.tx_bytes += 1000;
}

void pass(struct pair *p, int seconds)
{
	while (seconds--)
		second(p);
}

bool uses(const struct end *e, unsigned int n)
{
	struct wm_key k = number(n);

	return wm_key_equal(&e->have.preshared_key, &k);
}

void assert_shared(const struct pair *p, unsigned int n)
{
	for (int i = 0; i < 2; i++) {
		assert_true(uses(&p->end[i], n));
		assert_int_equal(p->end[i].psk.ntrials, 0);
	}
}
