/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/psk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

#define SESSION_S 180 /* WireGuard's REJECT_AFTER_TIME: how long one lasts */
#define RENEW_S 120   /* REKEY_AFTER_TIME: from then on who uses it asks for the next, every five seconds */
#define YOUNG_S 110   /* another key is put in only before that */
#define LATE_S 145    /* and taken back after that: enough asking before, enough time behind */
#define TRIES_S 10    /* of asking at least */
#define FRESH 40      /* trials that follow each other, hours of them, ... */
#define WAIT_S 1200   /* ... and then one in so much time, and up to a quarter of an hour more */
#define AWAKE_S 60    /* so long after something was sent more may be */
#define TURN_S 20     /* without a session, and up to 15 more */
/* Whoever answers mixes in the key as he answers, and the kernel calls that a handshake when the first data comes by it, for as
 * long as a session lasts; and a little for putting the key in. */
#define FLIGHT_S (SESSION_S + 10)

void wm_psk_free(struct wm_psk *psk)
{
	if (!psk)
		return;
	if (psk->peers)
		wm_wipe(psk->peers, psk->n * sizeof(*psk->peers));
	free(psk->peers);
	*psk = (struct wm_psk){ 0 };
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wm_key)); /* each begins with its public key */
}

static struct wm_psk_peer *find(const struct wm_psk *psk, const struct wm_key *public_key)
{
	return psk->n ? bsearch(public_key, psk->peers, psk->n, sizeof(*psk->peers), by_key) : NULL;
}

static bool is_proved(const struct wm_psk_peer *p)
{
	return wm_key_equal(&p->wanted, &p->proved);
}

static const struct wm_key *chosen(const struct wm_psk_peer *p)
{
	return p->back ? &p->proved : &p->wanted;
}

/* --- one peer ---------------------------------------------------------------------------------- */

static void choose(struct wm_psk_peer *p, bool back, int64_t now)
{
	p->fails += back && !p->back && p->fails < FRESH;
	p->back = back;
	p->since = p->tries_since = now;
}

/* Another each time, so that two ends do not miss each other for ever: 0 to 15. */
static int64_t some(const struct wm_psk_peer *p)
{
	return p->public_key.byte[(uint64_t)p->since % WM_KEY_LEN] % 16;
}

static int64_t turn(const struct wm_psk_peer *p)
{
	return TURN_S + some(p);
}

static bool may_try(const struct wm_psk_peer *p, int64_t now)
{
	return p->fails < FRESH || now - p->since >= WAIT_S + 60 * some(p);
}

/* now: of the last look. */
static bool is_busy(const struct wm_psk_peer *p, int64_t now)
{
	bool session = now - p->shook_at < SESSION_S;

	if (is_proved(p))
		return false;
	return (session && !p->back) || (p->fails < FRESH && (session || now - p->tried_at < AWAKE_S));
}

/* A handshake is what changes the kernel's time of the last one. By the clock it is known when that was, unless the clock was
 * set meanwhile: then as early as it can have been, which is after the last look. */
static void see(struct wm_psk_peer *p, const struct wm_wg_peer *have, struct wm_psk_time now)
{
	int64_t last = have ? have->last_handshake : 0, ago = now.unix_s - last;
	int64_t most = p->seen ? now.boot_s - p->looked_at : SESSION_S;

	if (!p->seen || last != p->handshake)
		p->shook_at = now.boot_s - (!last ? SESSION_S : ago < 0 || ago > most ? most : ago);
	p->handshake = last;
	p->looked_at = now.boot_s;
	p->seen = true;
}

/* The key was in the kernel at the last look, and is now. */
static bool has_shown(const struct wm_psk_peer *p)
{
	return !p->back && p->shook_at > p->since + FLIGHT_S;
}

/* age: of the session. */
static void go_on(struct wm_psk_peer *p, int64_t age, bool tried, int64_t now)
{
	bool session = age < SESSION_S;

	if (!tried || age < RENEW_S)
		p->tries_since = now;
	if (p->back && ((age < YOUNG_S && may_try(p, now)) || (!session && !tried)))
		choose(p, false, now);
	else if (session && !p->back && age >= LATE_S && now - p->tries_since >= TRIES_S)
		choose(p, true, now);
	else if (!session && now - p->tries_since >= turn(p))
		choose(p, !p->back, now);
}

static void look_at(struct wm_psk_peer *p, const struct wm_wg_peer *have, struct wm_psk_time now, bool *io_unsaved)
{
	bool tried = have && have->tx_bytes != p->bytes;

	if (tried)
		p->tried_at = now.boot_s;
	p->bytes = have ? have->tx_bytes : 0;
	see(p, have, now);
	if (is_proved(p))
		return;
	/* Whoever put another there: from now on. */
	if (!have || !wm_key_equal(&have->preshared_key, chosen(p))) {
		p->since = p->tries_since = now.boot_s;
		return;
	}
	if (has_shown(p)) {
		p->proved = p->wanted;
		*io_unsaved = true;
		return;
	}
	go_on(p, now.boot_s - p->shook_at, tried, now.boot_s);
}

/* Another key than it had to have so far: not in the last minute of a session. */
static void begin(struct wm_psk_peer *p, const struct wm_wg_peer *have, const struct wm_key *wanted, struct wm_psk_time now)
{
	int64_t age;

	see(p, have, now);
	age = now.boot_s - p->shook_at;
	p->wanted = *wanted;
	p->bytes = have ? have->tx_bytes : 0;
	p->fails = 0;
	p->tried_at = now.boot_s;
	choose(p, false, now.boot_s);
	if (!is_proved(p) && have && age >= YOUNG_S && age < SESSION_S)
		p->back = !wm_key_equal(&have->preshared_key, wanted);
}

/* By a clock that may be wrong. */
static bool has_session(const struct wm_wg_peer *have, struct wm_psk_time now)
{
	int64_t age = now.unix_s - have->last_handshake;

	return have->last_handshake && age >= 0 && age < SESSION_S;
}

/* --- all of them --------------------------------------------------------------------------------- */

static void take(struct wm_psk *ret, const struct wm_psk *before, const struct wm_wg_device *have, const struct wm_wg_peer *want,
		 struct wm_psk_time now)
{
	const struct wm_psk_peer *old = find(before, &want->public_key);
	const struct wm_wg_peer *there = wm_wg_find_peer(have, &want->public_key);
	struct wm_psk_peer *p = &ret->peers[ret->n++];

	*p = old ? *old : (struct wm_psk_peer){ .public_key = want->public_key };
	if (!old && !before->on_record && there && has_session(there, now))
		p->proved = there->preshared_key;
	if (wm_key_equal(&p->wanted, &want->preshared_key))
		look_at(p, there, now, &ret->unsaved);
	else
		begin(p, there, &want->preshared_key, now);
	ret->ntrials += !is_proved(p);
	ret->nbusy += is_busy(p, now.boot_s);
}

/* The next plan may have it again, and with it the same key. */
static void keep_gone(struct wm_psk *ret, const struct wm_psk *before, const struct wm_wg_device *want)
{
	size_t n = 0;

	for (size_t i = 0; i < before->n && n < WM_PSK_GONE_MAX; i++) {
		const struct wm_psk_peer *p = &before->peers[i];

		if (wm_key_is_zero(&p->proved) || wm_wg_find_peer(want, &p->public_key))
			continue;
		ret->peers[ret->n++] = (struct wm_psk_peer){ .public_key = p->public_key, .proved = p->proved };
		n++;
	}
}

/* On disk those are that were proved. */
static size_t count_proved(const struct wm_psk *psk)
{
	size_t n = 0;

	for (size_t i = 0; i < psk->n; i++)
		n += !wm_key_is_zero(&psk->peers[i].proved);
	return n;
}

int wm_psk_look(struct wm_psk *psk, const struct wm_wg_device *have, const struct wm_wg_device *want, struct wm_psk_time now)
{
	struct wm_psk next = { .on_record = true, .unsaved = psk->unsaved || !psk->on_record };
	size_t n = WM_MIN(psk->n, (size_t)WM_PSK_GONE_MAX);

	for (size_t i = 0; i < want->npeers; i++)
		n += !wm_key_is_zero(&want->peers[i].preshared_key);
	next.peers = calloc(n + 1, sizeof(*next.peers));
	if (!next.peers)
		return -ENOMEM;
	for (size_t i = 0; i < want->npeers; i++)
		if (!wm_key_is_zero(&want->peers[i].preshared_key))
			take(&next, psk, have, &want->peers[i], now);
	keep_gone(&next, psk, want);
	if (next.n)
		qsort(next.peers, next.n, sizeof(*next.peers), by_key);
	/* Of who has none any more nothing is known from now on: he would begin anew. */
	next.unsaved |= count_proved(&next) < count_proved(psk);
	wm_psk_free(psk);
	*psk = next;
	return 0;
}

const struct wm_key *wm_psk_chosen(const struct wm_psk *psk, const struct wm_wg_peer *want)
{
	const struct wm_psk_peer *p = find(psk, &want->public_key);

	return p && wm_key_equal(&p->wanted, &want->preshared_key) ? chosen(p) : &want->preshared_key;
}

bool wm_psk_is_trial(const struct wm_psk *psk, const struct wm_wg_peer *have)
{
	const struct wm_psk_peer *p = find(psk, &have->public_key);

	return p && !is_proved(p) &&
	       (wm_key_equal(&have->preshared_key, &p->wanted) || wm_key_equal(&have->preshared_key, &p->proved));
}

/* --- on disk ---------------------------------------------------------------------------------------- */

#define HEAD "preshared "
#define FIRST HEAD "1\n"

char *wm_psk_format(const struct wm_psk *psk)
{
	const size_t line = 2 * (size_t)WM_KEY_TEXT; /* a space, and a line's end, where the NULs are */
	char *text = malloc(sizeof(FIRST) + psk->n * line), *end = text, key[WM_KEY_TEXT], proved[WM_KEY_TEXT] = "";

	if (text)
		end = stpcpy(text, FIRST);
	for (size_t i = 0; text && i < psk->n; i++) {
		if (wm_key_is_zero(&psk->peers[i].proved))
			continue;
		end += sprintf(end, "%s %s\n", wm_key_format(&psk->peers[i].public_key, key),
			       wm_key_format(&psk->peers[i].proved, proved));
	}
	wm_wipe(proved, sizeof(proved));
	if (text)
		*end = '\0';
	return text;
}

/* line: of len bytes. */
static bool parse_line(const char *line, size_t len, struct wm_psk_peer *ret)
{
	char text[2 * WM_KEY_TEXT];
	bool ok;

	if (len != sizeof(text) - 1)
		return false;
	memcpy(text, line, len);
	text[len] = text[WM_KEY_TEXT - 1] = '\0';
	ok = !wm_key_parse(text, &ret->public_key) && !wm_key_parse(text + WM_KEY_TEXT, &ret->proved);
	wm_wipe(text, sizeof(text));
	return ok;
}

int wm_psk_parse(const char *text, struct wm_psk *ret)
{
	struct wm_psk psk = { .on_record = true, .peers = calloc(strlen(text) / (2 * WM_KEY_TEXT - 1) + 1, sizeof(*psk.peers)) };
	size_t len;

	if (!psk.peers)
		return -ENOMEM;
	/* Before there were versions there was no such line. */
	if (!strncmp(text, HEAD, strlen(HEAD)) && strncmp(text, FIRST, strlen(FIRST))) {
		free(psk.peers);
		return -EPROTO;
	}
	for (; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		psk.n += parse_line(text, len, &psk.peers[psk.n]);
	}
	qsort(psk.peers, psk.n, sizeof(*psk.peers), by_key);
	*ret = psk;
	return 0;
}
