/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * This gateway's own secrets: the WireGuard key and the bearer token. Both are
 * made here, stored before they are used, and never leave as anything but the
 * public key and the token itself over TLS.
 */
#pragma once

#include "core/error.h"
#include "core/instance.h"
#include "core/key.h"

struct wm_identity {
	struct wm_key private_key, public_key;
	char token[WM_TOKEN_MAX];     /* what requests carry */
	char enrolment[WM_TOKEN_MAX]; /* what can get `token` accepted: one-time or master; "" */
	bool fresh;                   /* token was made just now: nobody can know it yet */
};

/* Loads, making what is missing (directories, key, token; files 0600). */
int wm_identity_load(const struct wm_instance *inst, struct wm_identity *ret, struct wm_error *err);

/* Only reads: -ENOENT when there is no key yet. Leaves the tokens empty. */
int wm_identity_peek(const struct wm_instance *inst, struct wm_identity *ret, struct wm_error *err);

void wm_identity_wipe(struct wm_identity *identity);
