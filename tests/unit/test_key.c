/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The known answers are RFC 7748's (X25519, section 6.1); those of BLAKE2b-256
 * are what `b2sum -l 256` prints.
 */
#include "core/key.h"
#include "core/util.h"
#include "unit/unit.h"

static void from_hex(const char *hex, uint8_t *ret, size_t len)
{
	assert_int_equal(strlen(hex), 2 * len);
	for (size_t i = 0; i < len; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		ret[i] = (uint8_t)byte;
	}
}

static void public_keys_of_rfc_7748(void **state)
{
	static const struct {
		const char *private_hex, *public_hex, *public_text;
	} rows[] = {
		{ "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
		  "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=" },
		{ "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
		  "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_key private_key, expected, got;
		char text[WM_KEY_TEXT];

		from_hex(rows[i].private_hex, private_key.byte, WM_KEY_LEN);
		from_hex(rows[i].public_hex, expected.byte, WM_KEY_LEN);
		assert_int_equal(wm_key_public(&private_key, &got), 0);
		assert_memory_equal(&got, &expected, sizeof(got));
		assert_string_equal(wm_key_format(&got, text), rows[i].public_text);
		/* Clamping is part of computing: it changes the key and not its public key. */
		wm_key_clamp(&private_key);
		memset(&got, 0, sizeof(got));
		assert_int_equal(wm_key_public(&private_key, &got), 0);
		assert_memory_equal(&got, &expected, sizeof(got));
	}
}

static void generated_keys_are_clamped_and_differ(void **state)
{
	struct wm_key a, b, again;

	(void)state;
	for (int i = 0; i < 64; i++) {
		wm_key_generate(&a);
		wm_key_generate(&b);
		assert_int_equal(a.byte[0] & 7, 0);
		assert_int_equal(a.byte[31] & 0xc0, 0x40);
		assert_false(wm_key_equal(&a, &b));
		again = a;
		wm_key_clamp(&again);
		assert_true(wm_key_equal(&a, &again));
	}
	memset(&a, 0xff, sizeof(a));
	wm_key_clamp(&a);
	assert_int_equal(a.byte[0], 0xf8);
	assert_int_equal(a.byte[31], 0x7f);
	assert_int_equal(a.byte[1], 0xff);
}

static void zero_and_equal(void **state)
{
	struct wm_key zero = { 0 }, k;

	(void)state;
	assert_true(wm_key_is_zero(&zero));
	for (size_t i = 0; i < WM_KEY_LEN; i++) {
		k = zero;
		k.byte[i] = 1;
		assert_false(wm_key_is_zero(&k));
		assert_false(wm_key_equal(&k, &zero));
	}
	assert_true(wm_key_equal(&k, &k));
}

static void text_is_canonical_base64(void **state)
{
	static const char *const bad[] = {
		"",
		"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo",   /* no padding */
		"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTm==",  /* 31 bytes */
		"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmoA",  /* 33 bytes */
		"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmp=",  /* bits behind the last byte */
		"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo=",  /* base64url */
		"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n",
		" hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
		"hSDwCYkwp1R0i33ctD73 Wg2/Og0mOBr066SpjqqbTm=",
		"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbT===",
		"============================================",
		"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	};
	struct rng r = { 1 };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		struct wm_key k, before;

		memset(&k, 0x42, sizeof(k));
		before = k;
		if (wm_key_parse(bad[i], &k) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_memory_equal(&k, &before, sizeof(k));
	}
	for (int i = 0; i < 256; i++) {
		struct wm_key k, again;
		char text[WM_KEY_TEXT];

		rng_fill(&r, &k, sizeof(k));
		assert_int_equal(wm_key_parse(wm_key_format(&k, text), &again), 0);
		assert_int_equal(strlen(text), WM_KEY_TEXT - 1);
		assert_memory_equal(&k, &again, sizeof(k));
	}
}

static void tokens_say_what_they_are_for(void **state)
{
	static const struct {
		enum wm_token_kind kind;
		const char *prefix;
	} rows[] = {
		{ WM_TOKEN_ADMIN, "wma_" },   { WM_TOKEN_READ, "wmr_" },      { WM_TOKEN_GATEWAY, "wmg_" },
		{ WM_TOKEN_DEVICE, "wmd_" }, { WM_TOKEN_ENROLMENT, "wme_" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		char a[WM_TOKEN_TEXT], b[WM_TOKEN_TEXT];

		wm_token_generate(rows[i].kind, a);
		wm_token_generate(rows[i].kind, b);
		assert_string_not_equal(a, b);
		assert_int_equal(strlen(a), WM_TOKEN_TEXT - 1);
		assert_memory_equal(a, rows[i].prefix, 4);
		assert_int_equal(strspn(a + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
		assert_int_equal(wm_token_kind(a), rows[i].kind);
		for (size_t j = 0; j < WM_ARRAY_LEN(rows); j++)
			assert_int_equal(wm_token_wellformed(rows[j].kind, a), i == j);
		assert_false(wm_token_wellformed(WM_TOKEN_OTHER, a));
	}
	assert_int_equal(wm_token_kind("a master token"), WM_TOKEN_OTHER);
	assert_int_equal(wm_token_kind(""), WM_TOKEN_OTHER);
	assert_int_equal(wm_token_kind("wmg"), WM_TOKEN_OTHER);
	assert_int_equal(wm_token_kind("wmg-"), WM_TOKEN_OTHER);
	assert_int_equal(wm_token_kind("WMG_"), WM_TOKEN_OTHER);
	assert_int_equal(wm_token_kind("wmg_"), WM_TOKEN_GATEWAY);
}

static void damaged_tokens_are_not_wellformed(void **state)
{
	char token[WM_TOKEN_TEXT + 1], copy[WM_TOKEN_TEXT + 1];

	(void)state;
	wm_token_generate(WM_TOKEN_GATEWAY, token);
	strcpy(copy, token);
	copy[WM_TOKEN_TEXT - 2] = '\0';
	assert_false(wm_token_wellformed(WM_TOKEN_GATEWAY, copy));
	strcpy(copy, token);
	strcat(copy, "A");
	assert_false(wm_token_wellformed(WM_TOKEN_GATEWAY, copy));
	for (size_t i = 4; i < WM_TOKEN_TEXT - 1; i++) {
		static const char bad[] = " \n=+/.;\x80";

		for (const char *p = bad; *p; p++) {
			strcpy(copy, token);
			copy[i] = *p;
			assert_false(wm_token_wellformed(WM_TOKEN_GATEWAY, copy));
		}
	}
	/* 43 characters hold two bits more than 32 bytes: they must be zero. */
	memset(copy + 4, 'A', 43);
	memcpy(copy, "wmg_", 4);
	copy[WM_TOKEN_TEXT - 1] = '\0';
	assert_true(wm_token_wellformed(WM_TOKEN_GATEWAY, copy));
	copy[WM_TOKEN_TEXT - 2] = 'B';
	assert_false(wm_token_wellformed(WM_TOKEN_GATEWAY, copy));
}

static void digests(void **state)
{
	static const struct {
		const char *text, *hex;
	} rows[] = {
		{ "", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8" },
		{ "abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319" },
	};
	struct wm_token_hash a, b;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		from_hex(rows[i].hex, b.byte, sizeof(b.byte));
		wm_token_hash(rows[i].text, &a);
		assert_memory_equal(&a, &b, sizeof(a));
		memset(&a, 0, sizeof(a));
		wm_digest(rows[i].text, strlen(rows[i].text), &a);
		assert_true(wm_token_hash_equal(&a, &b));
	}
	for (size_t i = 0; i < sizeof(a.byte); i++) {
		b = a;
		b.byte[i] ^= 0x80;
		assert_false(wm_token_hash_equal(&a, &b));
	}
}

/* FIPS 180-4's examples, in parts of each length. */
static void sha256_is_that_of_others(void **state)
{
	static const char *const rows[][2] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char text[WM_SHA256_TEXT];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i][0]);

		assert_string_equal(wm_sha256(rows[i][0], len, text), rows[i][1]);
		for (size_t first = 0; first <= len; first++) {
			struct wm_sha256_state sha;

			wm_sha256_begin(&sha);
			wm_sha256_add(&sha, rows[i][0], first);
			wm_sha256_add(&sha, rows[i][0] + first, len - first);
			assert_string_equal(wm_sha256_end(&sha, text), rows[i][1]);
		}
	}
}

/* The known answer is that of another program's keyed BLAKE2b-256. */
static void preshared_keys_hang_on_all_three_and_on_no_order(void **state)
{
	struct wm_key secret, a, b, one, other, expected;

	(void)state;
	memset(&secret, 0x11, sizeof(secret));
	memset(&a, 0x22, sizeof(a));
	memset(&b, 0x33, sizeof(b));
	from_hex("c64b61225cb455c7945d7b16d0d0798c30ed5e468c73e2ee24dfd77628275469", expected.byte, WM_KEY_LEN);
	wm_key_preshared(&secret, &a, &b, &one);
	assert_memory_equal(&one, &expected, sizeof(one));
	wm_key_preshared(&secret, &b, &a, &other);
	assert_memory_equal(&one, &other, sizeof(one));
	b.byte[31] ^= 1;
	wm_key_preshared(&secret, &a, &b, &other);
	assert_memory_not_equal(&one, &other, sizeof(one));
	b.byte[31] ^= 1;
	secret.byte[0] ^= 1;
	wm_key_preshared(&secret, &a, &b, &other);
	assert_memory_not_equal(&one, &other, sizeof(one));
}

static void wiping_and_randomness(void **state)
{
	uint8_t a[64], b[64], zero[64] = { 0 };

	(void)state;
	wm_random(a, sizeof(a));
	wm_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	wm_wipe(a, sizeof(a) - 1);
	assert_memory_equal(a, zero, sizeof(a) - 1);
	wm_wipe(b, 0);
	assert_memory_not_equal(b, zero, sizeof(b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(public_keys_of_rfc_7748),
		TEST(generated_keys_are_clamped_and_differ),
		TEST(zero_and_equal),
		TEST(text_is_canonical_base64),
		TEST(tokens_say_what_they_are_for),
		TEST(damaged_tokens_are_not_wellformed),
		TEST(digests),
		TEST(sha256_is_that_of_others),
		TEST(preshared_keys_hang_on_all_three_and_on_no_order),
		TEST(wiping_and_randomness),
	};

	return UNIT_RUN("key", tests);
}
