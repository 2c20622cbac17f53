/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Signatures that minisign 0.11 made, and every way to change them.
 */
#include "core/minisign.h"

#include "core/util.h"
#include "unit/unit.h"

#define COMMENT "untrusted comment: minisign public key\n"
#define KEY "RWSY4pcTayC6/qzmqh39tXD0cv2rK6096upBK0h9aUzCGlL9KocjnC4L\n"
#define OTHER "RWTBP/NCaJ4s54Z9Kwq1SeJ5R95pwdugwHESbrR37+WUTz3NXMakDcd1\n"
#define TEXT "wm-release 1\n"

static const char hashed[] =
	"untrusted comment: signature from minisign secret key\n"
	"RUSY4pcTayC6/hfqoKv4tFdwZ++1PbY7TP55Pvsd8FASAXr5lebDIuAK8ZOJyQTDnqfgr7AMQvunIjKPICqBkxtiwzspWpLxrAc=\n"
	"trusted comment: wm 0.2.0\n"
	"SbSwyc4VO6p+IZsxlVdlR4aLEQ/WxXKPSs1ZeKpztV/ndJX2YsKOQ8YsY0f2E7h9GrvCK9/M8T82WqTXl/YfAw==\n";
static const char old[] =
	"untrusted comment: signature from minisign secret key\n"
	"RWSY4pcTayC6/jWIcsK7P8vGvyMwpPEZnfsYWWyFRXKDMyYrIPGEyAPUT8UXLvX4Ftv2XrikCjpl1VJyU3PqqbtPwVS8AAkLFw0=\n"
	"trusted comment: wm 0.2.0\n"
	"hncw3NzWNZf7vcR7uhIosAxZqwf/EDJhXNyZNraVNkPXSI9THS3P/IUid3mDXNz82nkPJ+b9vJpwPx8rLvwCDQ==\n";

static struct wm_publishers keys;

static int check(const char *key_file, const char *text, size_t len, const char *signature)
{
	assert_ok(wm_publishers_parse(key_file, &keys, &err));
	return wm_minisign_check(&keys, text, len, signature, &err);
}

static void both_kinds_hold(void **state)
{
	(void)state;
	assert_ok(check(COMMENT KEY, TEXT, strlen(TEXT), hashed));
	assert_ok(check(COMMENT KEY, TEXT, strlen(TEXT), old));
	/* Without its last line break, as an editor may leave it; and among others. */
	assert_ok(check("# ours\r\n\r\n" OTHER KEY, TEXT, strlen(TEXT), hashed));
}

static void others_do_not(void **state)
{
	(void)state;
	assert_refused(check(OTHER, TEXT, strlen(TEXT), hashed), ENOKEY, "", "none of the keys");
	assert_refused(check("# nobody\n", TEXT, strlen(TEXT), hashed), ENOKEY, "", NULL);
	assert_refused(check(KEY, TEXT, strlen(TEXT) - 1, hashed), EACCES, "", "does not hold");
	assert_refused(check(KEY, TEXT "x", strlen(TEXT) + 1, old), EACCES, "", NULL);
	assert_refused(check(KEY, "", 0, old), EACCES, "", NULL);
}

/* Every bit that is looked at counts: of both base64 lines, of the trusted comment, of the text. */
static void nothing_may_be_changed(void **state)
{
	static const char *const both[] = { hashed, old };
	char copy[sizeof(hashed)];

	(void)state;
	for (size_t k = 0; k < WM_ARRAY_LEN(both); k++) {
		size_t from = (size_t)(strchr(both[k], '\n') - both[k]) + 1;

		for (size_t i = from; i + 1 < strlen(both[k]); i++) {
			strcpy(copy, both[k]);
			copy[i] = copy[i] == 'A' ? 'B' : 'A';
			if (copy[i] != both[k][i] && !check(KEY, TEXT, strlen(TEXT), copy))
				fail_msg("holds with another byte at %zu of %zu", i, k);
		}
	}
}

static void what_is_no_signature(void **state)
{
	char cut[sizeof(hashed)];

	(void)state;
	for (size_t len = 0; len + 1 < strlen(hashed); len++) {
		strcpy(cut, hashed);
		cut[len] = '\0';
		if (!check(KEY, TEXT, strlen(TEXT), cut))
			fail_msg("holds when it is cut at %zu", len);
	}
	snprintf(cut, sizeof(cut), "%s", "\n\n\n\n");
	assert_refused(check(KEY, TEXT, strlen(TEXT), cut), EBADMSG, "", "no signature of minisign");
	WM_AUTO_FREE char *more = NULL;
	assert_true(asprintf(&more, "%smore\n", hashed) > 0);
	assert_refused(check(KEY, TEXT, strlen(TEXT), more), EBADMSG, "", NULL);
}

static void what_is_no_key(void **state)
{
	static const char *const rows[] = {
		"RWSY4pcTayC6", "RUSY4pcTayC6/qzmqh39tXD0cv2rK6096upBK0h9aUzCGlL9KocjnC4L\n", " " KEY, "RWSY4pcTayC6/qzmqh39tXD0cv2rK6096upBK0h9aUzCGlL9KocjnC4",
	};
	WM_AUTO_FREE char *many = calloc(1, 10 * sizeof(KEY));

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		keys.n = 77;
		assert_refused(wm_publishers_parse(rows[i], &keys, &err), EINVAL, "", "line 1");
		assert_int_equal(keys.n, 77);
	}
	for (int i = 0; i < WM_PUBLISHERS_MAX; i++)
		strcat(many, KEY);
	assert_ok(wm_publishers_parse(many, &keys, &err));
	assert_int_equal(keys.n, WM_PUBLISHERS_MAX);
	strcat(many, KEY);
	assert_refused(wm_publishers_parse(many, &keys, &err), EINVAL, "", "line 9");
	assert_ok(wm_publishers_parse("", &keys, &err));
	assert_int_equal(keys.n, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(both_kinds_hold), TEST(others_do_not), TEST(nothing_may_be_changed), TEST(what_is_no_signature), TEST(what_is_no_key),
	};

	return UNIT_RUN("minisign", tests);
}
