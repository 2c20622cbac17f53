/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which preshared key a WireGuard peer has in the kernel: the registry's; but as
 * long as no handshake has come with that, the peer may not have been told of it
 * (its gateway is cut off from the registry), and then what was good before, an
 * older key or none, has to carry the tunnel. Each end finds that out by itself:
 *
 *   - on trial, a key is put in when a session is young. WireGuard makes the next one when it is two minutes old.
 *   - a handshake with it, at which the peer has shown that it has it: it stays, for good
 *   - none, though it was tried: what was good before, in time for a handshake before the session ends
 *   - no session: the one and the other in turns, as long as somebody tries
 *
 * Who has tried for hours (the peer may be away for months) tries a few times an hour only; a peer that is told then tries at each of its
 * sessions, and so the two meet.
 *
 * A key that was proved is never given up for anything but another of the registry's.
 */
#pragma once

#include "core/error.h"
#include "core/wg.h"

#define WM_PSK_GONE_MAX 1024 /* peers that are none now, whose keys are known all the same: the next plan may have them again */
#define WM_PSK_LOOK_S 5 /* from one look to the next, at most, while anything is tried */

struct wm_psk_peer {
	struct wm_key public_key;
	struct wm_key wanted;   /* as the registry says; zero only of what was loaded, or is gone: nothing yet */
	struct wm_key proved;   /* a handshake came with it; zero: with none so far, so without any */
	/* seconds since the machine started */
	int64_t since;          /* since when the kernel has what is chosen */
	int64_t tries_since;    /* and since when a handshake has been tried in vain */
	int64_t looked_at;      /* the last look, if it was seen at one */
	int64_t shook_at;       /* its last handshake, or before; what the kernel says of it depends on the clock, which may be set */
	int64_t handshake;      /* as the kernel says it: unix seconds; 0: none */
	int64_t tried_at;       /* when it was seen last that something had been sent */
	unsigned int fails;     /* how often what is wanted was given up */
	uint64_t bytes;         /* that had been sent to it by then */
	bool back;              /* chosen: `proved`, not `wanted` */
	bool seen;
};

/* When it is looked: unix seconds, and seconds since the machine started (CLOCK_BOOTTIME), which nobody sets. */
struct wm_psk_time {
	int64_t unix_s, boot_s;
};

struct wm_psk {
	struct wm_psk_peer *peers; /* sorted by public key; of those that have a preshared key, and some that are gone */
	size_t n;
	size_t ntrials;            /* of them not proved */
	size_t nbusy;              /* of these, to be looked at every WM_PSK_LOOK_S: what is tried may have to be taken back */
	bool on_record;            /* it was loaded, or looked for once: who is not among them was never proved */
	bool unsaved;              /* others than those that were loaded or saved are proved */
};

/* At a look at the kernel: every WM_PSK_LOOK_S while any is busy, else as often as a minute. have: what is there. With nothing on record
 * the keys by which the kernel has sessions are as good as proved: a version that knew no trials has put them there. -ENOMEM: as before. */
int wm_psk_look(struct wm_psk *psk, const struct wm_wg_device *have, const struct wm_wg_device *want, struct wm_psk_time now);

/* What peer has to have; all that wm_psk_look knows nothing of has what is wanted. */
const struct wm_key *wm_psk_chosen(const struct wm_psk *psk, const struct wm_wg_peer *want);

/* peer is on trial, and what the kernel has of it is one of the two that take turns, not a third. */
bool wm_psk_is_trial(const struct wm_psk *psk, const struct wm_wg_peer *have);

/* Those that were proved: "preshared 1", and lines "PUBLIC-KEY PRESHARED-KEY": malloc'd, to be wiped; NULL: no memory. What is
 * no such line is not there: it costs another trial. -EPROTO: it is of another version; -ENOMEM. */
char *wm_psk_format(const struct wm_psk *psk);
int wm_psk_parse(const char *text, struct wm_psk *ret);

void wm_psk_free(struct wm_psk *psk); /* wipes; NULL-safe */
