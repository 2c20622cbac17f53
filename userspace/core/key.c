/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/key.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const char *const token_prefix[] = {
	[WM_TOKEN_OTHER] = "",	     [WM_TOKEN_ADMIN] = "wma_",	 [WM_TOKEN_READ] = "wmr_",
	[WM_TOKEN_GATEWAY] = "wmg_", [WM_TOKEN_DEVICE] = "wmd_", [WM_TOKEN_ENROLMENT] = "wme_",
};

int wm_key_init(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

void wm_key_clamp(struct wm_key *private_key)
{
	/* RFC 7748 section 5 */
	private_key->byte[0] &= 248;
	private_key->byte[31] = (private_key->byte[31] & 127) | 64;
}

void wm_key_generate(struct wm_key *ret_private)
{
	randombytes_buf(ret_private->byte, WM_KEY_LEN);
	wm_key_clamp(ret_private);
}

int wm_key_public(const struct wm_key *private_key, struct wm_key *ret_public)
{
	return crypto_scalarmult_base(ret_public->byte, private_key->byte) ? -EINVAL : 0;
}

bool wm_key_is_zero(const struct wm_key *key)
{
	return sodium_is_zero(key->byte, WM_KEY_LEN);
}

bool wm_key_equal(const struct wm_key *a, const struct wm_key *b)
{
	return !sodium_memcmp(a->byte, b->byte, WM_KEY_LEN);
}

#define BASE64_MAX 96 /* bytes */

int wm_base64_parse(const char *text, void *ret, size_t size)
{
	uint8_t bytes[BASE64_MAX];
	char again[sodium_base64_ENCODED_LEN(BASE64_MAX, sodium_base64_VARIANT_ORIGINAL)];
	size_t len, digits = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL) - 1;
	int rc = -EINVAL;

	/* Encoded again, because the decoder takes bits beyond the end as well. */
	if (size <= sizeof(bytes) && strlen(text) == digits &&
	    !sodium_base642bin(bytes, size, text, digits, NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) && len == size &&
	    !sodium_memcmp(sodium_bin2base64(again, sizeof(again), bytes, size, sodium_base64_VARIANT_ORIGINAL), text, digits)) {
		memcpy(ret, bytes, size);
		rc = 0;
	}
	wm_wipe(bytes, sizeof(bytes));
	wm_wipe(again, sizeof(again));
	return rc;
}

int wm_key_parse(const char *text, struct wm_key *ret)
{
	return wm_base64_parse(text, ret->byte, WM_KEY_LEN);
}

const char *wm_key_format(const struct wm_key *key, char *buf)
{
	return sodium_bin2base64(buf, WM_KEY_TEXT, key->byte, WM_KEY_LEN, sodium_base64_VARIANT_ORIGINAL);
}

void wm_key_preshared(const struct wm_key *secret, const struct wm_key *a, const struct wm_key *b, struct wm_key *ret)
{
	static const char purpose[] = "wm preshared key 1"; /* so that the secret may serve others too */
	bool swap = memcmp(a, b, sizeof(*a)) > 0;
	crypto_generichash_state state;

	crypto_generichash_init(&state, secret->byte, WM_KEY_LEN, WM_KEY_LEN);
	crypto_generichash_update(&state, (const unsigned char *)purpose, sizeof(purpose));
	crypto_generichash_update(&state, (swap ? b : a)->byte, WM_KEY_LEN);
	crypto_generichash_update(&state, (swap ? a : b)->byte, WM_KEY_LEN);
	crypto_generichash_final(&state, ret->byte, WM_KEY_LEN);
	wm_wipe(&state, sizeof(state));
}

void wm_token_generate(enum wm_token_kind kind, char *ret)
{
	uint8_t secret[32];

	randombytes_buf(secret, sizeof(secret));
	memcpy(ret, token_prefix[kind], 4);
	sodium_bin2base64(ret + 4, WM_TOKEN_TEXT - 4, secret, sizeof(secret), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	wm_wipe(secret, sizeof(secret));
}

enum wm_token_kind wm_token_kind(const char *token)
{
	for (enum wm_token_kind kind = WM_TOKEN_ADMIN; kind <= WM_TOKEN_ENROLMENT; kind++) {
		if (!strncmp(token, token_prefix[kind], 4))
			return kind;
	}
	return WM_TOKEN_OTHER;
}

bool wm_token_wellformed(enum wm_token_kind kind, const char *token)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t last = WM_TOKEN_TEXT - 2;

	if (kind == WM_TOKEN_OTHER || wm_token_kind(token) != kind || strlen(token) != last + 1)
		return false;
	/* By hand: libsodium 1.0.18's decoder takes bytes above 127. Of the last
	 * digit only four bits belong to the 32 bytes; the others are zero. */
	return strspn(token + 4, digits) == last - 3 && (strchr(digits, token[last]) - digits) % 4 == 0;
}

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(struct wm_digest_state), "room");

void wm_digest_begin(struct wm_digest_state *state)
{
	crypto_generichash_init((void *)state->opaque, NULL, 0, WM_TOKEN_HASH_LEN);
}

void wm_digest_add(struct wm_digest_state *state, const void *data, size_t len)
{
	crypto_generichash_update((void *)state->opaque, data, len);
}

void wm_digest_end(struct wm_digest_state *state, struct wm_token_hash *ret)
{
	crypto_generichash_final((void *)state->opaque, ret->byte, sizeof(ret->byte));
}

void wm_digest(const void *data, size_t len, struct wm_token_hash *ret)
{
	crypto_generichash(ret->byte, sizeof(ret->byte), data, len, NULL, 0);
}

void wm_token_hash(const char *token, struct wm_token_hash *ret)
{
	wm_digest(token, strlen(token), ret);
}

bool wm_token_hash_equal(const struct wm_token_hash *a, const struct wm_token_hash *b)
{
	return !sodium_memcmp(a->byte, b->byte, sizeof(a->byte));
}

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct wm_sha256_state), "room");

void wm_sha256_begin(struct wm_sha256_state *state)
{
	crypto_hash_sha256_init((crypto_hash_sha256_state *)(void *)state);
}

void wm_sha256_add(struct wm_sha256_state *state, const void *data, size_t len)
{
	crypto_hash_sha256_update((crypto_hash_sha256_state *)(void *)state, data, len);
}

const char *wm_sha256_end(struct wm_sha256_state *state, char *ret)
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_final((crypto_hash_sha256_state *)(void *)state, hash);
	return sodium_bin2hex(ret, WM_SHA256_TEXT, hash, sizeof(hash));
}

const char *wm_sha256(const void *data, size_t len, char *ret)
{
	struct wm_sha256_state state;

	wm_sha256_begin(&state);
	wm_sha256_add(&state, data, len);
	return wm_sha256_end(&state, ret);
}

bool wm_signature_holds(const uint8_t *signature, const void *data, size_t len, const struct wm_key *public_key)
{
	return !crypto_sign_verify_detached(signature, data, len, public_key->byte);
}

void wm_blake2b(const void *data, size_t len, uint8_t *ret)
{
	crypto_generichash(ret, WM_BLAKE2B_LEN, data, len, NULL, 0);
}

uint32_t wm_keyed_hash(const void *data, size_t len)
{
	static unsigned char key[crypto_shorthash_KEYBYTES], hash[crypto_shorthash_BYTES];
	static bool made;
	uint32_t ret;

	if (!made)
		randombytes_buf(key, sizeof(key));
	made = true;
	crypto_shorthash(hash, data, len, key);
	memcpy(&ret, hash, sizeof(ret));
	return ret;
}

void wm_wipe(void *data, size_t len)
{
	sodium_memzero(data, len);
}

void wm_wipe_free(char *text)
{
	if (text)
		wm_wipe(text, strlen(text));
	free(text);
}

void wm_random(void *data, size_t len)
{
	randombytes_buf(data, len);
}
