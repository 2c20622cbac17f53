/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Signatures as minisign(1) makes them, checked against keys that somebody has
 * put on this machine. Both kinds are known: of the text itself ("Ed", made by
 * old versions) and of its hash ("ED").
 *
 * Form of the files: https://jedisct1.github.io/minisign/
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/key.h"

#define WM_PUBLISHERS_MAX 8
#define WM_KEY_ID_LEN 8

struct wm_publisher {
	uint8_t id[WM_KEY_ID_LEN]; /* only tells which key is meant; proves nothing */
	struct wm_key key;         /* Ed25519 */
};

struct wm_publishers {
	struct wm_publisher list[WM_PUBLISHERS_MAX];
	size_t n;
};

/* Public keys as `minisign -G` writes them, one after the other in one text. Empty lines, such as begin with '#' and
 * "untrusted comment:" lines do not count. -EINVAL with the line's number: not a key, or too many. None is fine: n is 0. */
int wm_publishers_parse(const char *text, struct wm_publishers *ret, struct wm_error *err);

/* Is this the signature of one of them on these bytes? 0; -EBADMSG no signature; -ENOKEY by none of them; -EACCES it does
 * not hold: for the bytes, or for its own trusted comment. */
int wm_minisign_check(const struct wm_publishers *publishers, const void *data, size_t len, const char *signature,
		      struct wm_error *err);
