/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/error.h"
#include "unit/unit.h"

static void a_failure_is_a_sentence_and_a_code(void **state)
{
	(void)state;
	strcpy(err.field, "old");
	assert_int_equal(wm_fail(&err, EINVAL, "%s: %d", "what", 7), -EINVAL);
	assert_string_equal(err.text, "what: 7");
	assert_string_equal(err.field, "");
	assert_int_equal(wm_fail_field(&err, ENOENT, "local_ip", "no %s", "host"), -ENOENT);
	assert_string_equal(err.text, "no host");
	assert_string_equal(err.field, "local_ip");
}

static void nobody_has_to_listen(void **state)
{
	(void)state;
	assert_int_equal(wm_fail(NULL, EINVAL, "x"), -EINVAL);
	assert_int_equal(wm_fail_field(NULL, EINVAL, "f", "x"), -EINVAL);
	assert_int_equal(wm_fail_in(NULL, -EINVAL, "x"), -EINVAL);
}

static void context_goes_in_front_and_the_field_stays(void **state)
{
	(void)state;
	wm_fail_field(&err, EINVAL, "wg_ip", "is taken");
	assert_int_equal(wm_fail_in(&err, -EINVAL, "host '%s'", "nas"), -EINVAL);
	assert_int_equal(wm_fail_in(&err, 5, "file"), 5); /* whatever the code was */
	assert_string_equal(err.text, "file: host 'nas': is taken");
	assert_string_equal(err.field, "wg_ip");
}

static void too_long_keeps_the_beginning(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	wm_fail_field(&err, EINVAL, text, "begins %s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strlen(err.field), sizeof(err.field) - 1);
	assert_memory_equal(err.text, "begins x", 8);
	wm_fail_in(&err, -EINVAL, "context");
	assert_memory_equal(err.text, "context: begins x", 17);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_string_equal(err.text + sizeof(err.text) - 4, "...");
	/* The context alone must not push the sentence out. */
	wm_fail(&err, EINVAL, "the sentence");
	wm_fail_in(&err, -EINVAL, "%s", text);
	assert_non_null(strstr(err.text, ": the sentence"));
}

static void the_sentence_may_be_its_own_context(void **state)
{
	(void)state;
	wm_fail(&err, EINVAL, "inner");
	wm_fail_in(&err, -EINVAL, "%s", err.text);
	assert_string_equal(err.text, "inner: inner");
}

/* What a registry says gets into sentences: it moves no cursor and begins no line of a log. */
static void a_sentence_is_one_printable_line(void **state)
{
	char text[600];

	(void)state;
	wm_fail_field(&err, EINVAL, "a\tb", "no %s", "\x1b[2Jx\ny\a\x7f\xc2\x9b" "31m\x9b\xff B\xc3\xbcro");
	assert_string_equal(err.text, "no ?[2Jx?y???31m?? B\xc3\xbcro");
	assert_string_equal(err.field, "a?b");
	wm_fail_in(&err, -EINVAL, "file '%s'", "\r\n");
	assert_string_equal(err.text, "file '\?\?': no ?[2Jx?y???31m?? B\xc3\xbcro");
	/* Cut in the middle of a character, it is UTF-8 still. */
	for (size_t at = 0; at < 2; at++) {
		memset(text, 'x', sizeof(text));
		for (size_t i = at; i + 2 < sizeof(text); i += 2)
			memcpy(text + i, "\xc3\xbc", 3);
		wm_fail(&err, EINVAL, "%s", text);
		assert_true(err.text[sizeof(err.text) - 2] == (at ? '\xbc' : '?'));
		wm_fail_in(&err, -EINVAL, "z");
		assert_non_null(strstr(err.text, "..."));
		assert_int_not_equal(err.text[sizeof(err.text) - 5], '\xc3');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failure_is_a_sentence_and_a_code),
		TEST(nobody_has_to_listen),
		TEST(context_goes_in_front_and_the_field_stays),
		TEST(too_long_keeps_the_beginning),
		TEST(the_sentence_may_be_its_own_context),
		TEST(a_sentence_is_one_printable_line),
	};

	return UNIT_RUN("error", tests);
}
