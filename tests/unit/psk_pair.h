/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Preshared keys on trial: two ends, each of which looks every so often (WM_POLL), but every five seconds while it tries, and
 * between them what WireGuard does: a session lasts three minutes, after two of
 * them who began it asks for the next every five seconds, and that comes when
 * both have the same preshared key. A second passes at once.
 */
#pragma once

#include "core/psk.h"
#include "unit/unit.h"

#define LOOK WM_PSK_LOOK_S
#define NONE 0
#define STARTED 1699999900 /* the machines */

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

struct wm_key number(unsigned int n); /* NONE: no key */

void begin(struct pair *p, int64_t session_age); /* below 0: there is no session */
void begin_shared(struct pair *p); /* both were told key 1 ten minutes ago */
void end(struct pair *p);

void look(struct end *e, int64_t now);
void look_by(struct end *e, int64_t now, int64_t wrong); /* whose clock is that wrong */
void pass(struct pair *p, int seconds);
int64_t session_age(const struct pair *p);

bool uses(const struct end *e, unsigned int n);
/* Both have this one in the kernel, for good. */
void assert_shared(const struct pair *p, unsigned int n);
