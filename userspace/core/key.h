/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * WireGuard keys and bearer tokens (libsodium).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_KEY_LEN 32
#define WM_KEY_TEXT 45       /* base64 of 32 bytes with '=' and NUL */
#define WM_TOKEN_TEXT 48     /* "wmg_" + 43 characters base64url + NUL */
#define WM_TOKEN_MAX 512     /* longest token that is looked at (a master token may be any text) */
#define WM_TOKEN_HASH_LEN 32

struct wm_key {
	uint8_t byte[WM_KEY_LEN]; /* all zero: no key */
};

struct wm_token_hash {
	uint8_t byte[WM_TOKEN_HASH_LEN]; /* BLAKE2b-256 (of a token: of its text) */
};

/* What a token is for shows in its first four characters, so that a leaked one
 * can be found by scanners and mixed-up ones are told apart in error messages. */
enum wm_token_kind {
	WM_TOKEN_OTHER, /* a master token, or nothing of ours */
	WM_TOKEN_ADMIN, /* wma_ */
	WM_TOKEN_READ,  /* wmr_ */
	WM_TOKEN_GATEWAY, /* wmg_ */
	WM_TOKEN_DEVICE,  /* wmd_ */
	WM_TOKEN_ENROLMENT, /* wme_ */
};

int wm_key_init(void); /* once, before anything else here; 0 or -EIO */

void wm_key_generate(struct wm_key *ret_private); /* clamped X25519 scalar */
/* The form in which WireGuard keeps a private key; its public key is the same. Without it a
 * key that someone else made compares as different from the kernel's for ever. */
void wm_key_clamp(struct wm_key *private_key);
int wm_key_public(const struct wm_key *private_key, struct wm_key *ret_public);
bool wm_key_is_zero(const struct wm_key *key);
bool wm_key_equal(const struct wm_key *a, const struct wm_key *b); /* constant time */
int wm_key_parse(const char *text, struct wm_key *ret); /* canonical base64, 44 characters; -EINVAL */
const char *wm_key_format(const struct wm_key *key, char *buf); /* buf: WM_KEY_TEXT */

/* What two peers of a mesh share, made of the mesh's secret and both public keys (keyed BLAKE2b-256), in whichever order:
 * nothing has to be kept for a pair, and who gets another key gets other preshared keys with all. */
void wm_key_preshared(const struct wm_key *secret, const struct wm_key *a, const struct wm_key *b, struct wm_key *ret);

void wm_token_generate(enum wm_token_kind kind, char *ret); /* ret: WM_TOKEN_TEXT; kind not OTHER */
enum wm_token_kind wm_token_kind(const char *token);
bool wm_token_wellformed(enum wm_token_kind kind, const char *token); /* as wm_token_generate makes them */
void wm_token_hash(const char *token, struct wm_token_hash *ret);
bool wm_token_hash_equal(const struct wm_token_hash *a, const struct wm_token_hash *b); /* constant time */

/* In parts: begin, add as often as there are parts, end. */
struct wm_digest_state {
	_Alignas(64) unsigned char opaque[384];
};
void wm_digest_begin(struct wm_digest_state *state);
void wm_digest_add(struct wm_digest_state *state, const void *data, size_t len);
void wm_digest_end(struct wm_digest_state *state, struct wm_token_hash *ret);
void wm_digest(const void *data, size_t len, struct wm_token_hash *ret);

/* SHA-256, for what others check too (sha256sum); in parts or at once. As text: 64 hexadecimal digits. */
#define WM_SHA256_TEXT 65
struct wm_sha256_state {
	_Alignas(8) unsigned char opaque[104];
};
void wm_sha256_begin(struct wm_sha256_state *state);
void wm_sha256_add(struct wm_sha256_state *state, const void *data, size_t len);
const char *wm_sha256_end(struct wm_sha256_state *state, char *ret); /* ret: WM_SHA256_TEXT */
const char *wm_sha256(const void *data, size_t len, char *ret);

/* What a signature by minisign is made of: Ed25519 (RFC 8032) over a text, or over its BLAKE2b-512 (RFC 7693). */
#define WM_SIGNATURE_LEN 64
#define WM_BLAKE2B_LEN 64
bool wm_signature_holds(const uint8_t *signature, const void *data, size_t len, const struct wm_key *public_key);
void wm_blake2b(const void *data, size_t len, uint8_t *ret); /* ret: WM_BLAKE2B_LEN */

/* Canonical base64 of exactly `size` bytes: 0, or -EINVAL and *ret as before. */
int wm_base64_parse(const char *text, void *ret, size_t size);

/* Nobody outside this process can tell what it will be: for tables that others fill. */
uint32_t wm_keyed_hash(const void *data, size_t len);

void wm_wipe(void *data, size_t len); /* zeroes, not optimised away */
void wm_wipe_free(char *text); /* malloc'd, or NULL */
void wm_random(void *data, size_t len);
