/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/env.h"
#include "core/util.h"
#include "unit/unit.h"

static struct wm_env *env;

static int forget(void **state)
{
	(void)state;
	wm_env_free(env);
	env = NULL;
	return 0;
}

#define ENV_TEST(fn) cmocka_unit_test_setup_teardown(fn, unit_setup, forget)

static void values_in_every_spelling(void **state)
{
	static const struct {
		const char *line, *value;
	} rows[] = {
		{ "K=v", "v" },
		{ "K=v\n", "v" },
		{ "K=v\r\n", "v" },
		{ "  \tK=v", "v" },
		{ "export K=v", "v" },
		{ "K=  v  ", "v" },
		{ "K=a b c", "a b c" },
		{ "K=a=b=c", "a=b=c" },
		{ "K=v # comment", "v" },
		{ "K=v\t# comment", "v" },
		{ "K=v#no comment", "v#no comment" },
		{ "K=#fff", "#fff" },
		{ "K= # comment", NULL },
		{ "K=\"a # b\"", "a # b" },
		{ "K='a \" b'", "a \" b" },
		{ "K=\"it's\"", "it's" },
		{ "K=\"  v  \"", "  v  " },
		{ "K= \"v\"", "v" },
		{ "K=\"v\" # comment", "v" },
		{ "K=\"v\"  ", "v" },
		{ "K=\"\"", NULL },
		{ "K=", NULL },
		{ "K=   ", NULL },
		{ "K=$HOME `id` $(id) \\n", "$HOME `id` $(id) \\n" },
		{ "K=a'b", "a'b" },
		{ "K=one\nK=two", "two" },
		{ "K=one\nK=", NULL },
		{ "k=v", NULL },
		{ "KK=v", NULL },
		{ "#K=v", NULL },
		{ "", NULL },
		{ "\n\n# nothing\n  # here\n\t\n", NULL },
		{ "A_1=x\n_B=y\n\nK=v\n", "v" },
	};

	(void)state;
	assert_null(getenv("K"));
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		const char *value;

		assert_ok(wm_env_parse(rows[i].line, "test", &env, &err));
		value = wm_env_get(env, "K", NULL);
		if (rows[i].value ? !value || strcmp(value, rows[i].value) : value != NULL)
			fail_msg("<%s> gave <%s>", rows[i].line, value ? value : "nothing");
		forget(NULL);
	}
}

static void bad_lines_are_named_by_number(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "nonsense", "line 1" },
		{ "A=1\n\n# x\nno\nB=2", "line 4" },
		{ "=v", "line 1" },
		{ "1A=v", "line 1" },
		{ "A-B=v", "line 1" },
		{ "A =v", "line 1" },
		{ "\xc3\xa9=v", "line 1" },
		{ "A", "line 1" },
		{ "export ", "line 1" },
		{ "A=\"open", "A has an open quote" },
		{ "A='open\"", "open quote" },
		{ "A=\"x\"y", "behind its quotes" },
		{ "A=\"x\"#y", "behind its quotes" },
		{ "A=\"one\ntwo\"", "line 1" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_env *none = NULL;

		assert_refused(wm_env_parse(rows[i].text, "my.env", &none, &err), EINVAL, "", rows[i].says);
		assert_non_null(strstr(err.text, "my.env"));
		assert_null(none);
	}
	/* What stands there may be a secret. */
	assert_refused(wm_env_parse("TOKEN=\"sesame", "my.env", &env, &err), EINVAL, "", NULL);
	assert_null(strstr(err.text, "sesame"));
}

static void the_file_wins_over_the_environment_and_empty_is_absent(void **state)
{
	(void)state;
	assert_int_equal(setenv("WM_UNIT_ENV", "outside", 1), 0);
	assert_ok(wm_env_parse("WM_UNIT_ENV=inside", "test", &env, &err));
	assert_string_equal(wm_env_get(env, "WM_UNIT_ENV", "fallback"), "inside");
	assert_string_equal(wm_env_get(NULL, "WM_UNIT_ENV", "fallback"), "outside");
	forget(NULL);
	assert_ok(wm_env_parse("WM_UNIT_ENV=", "test", &env, &err));
	assert_string_equal(wm_env_get(env, "WM_UNIT_ENV", "fallback"), "outside");
	assert_int_equal(setenv("WM_UNIT_ENV", "", 1), 0);
	assert_string_equal(wm_env_get(env, "WM_UNIT_ENV", "fallback"), "fallback");
	assert_int_equal(unsetenv("WM_UNIT_ENV"), 0);
	assert_string_equal(wm_env_get(env, "WM_UNIT_ENV", "fallback"), "fallback");
	assert_null(wm_env_get(env, "WM_UNIT_ENV", NULL));
}

static void booleans(void **state)
{
	static const struct {
		const char *text;
		int value; /* -1: refused */
	} rows[] = {
		{ "B=true", 1 }, { "B=Yes", 1 }, { "B=ON", 1 }, { "B=1", 1 }, { "B=false", 0 }, { "B=no", 0 }, { "B=Off", 0 },
		{ "B=0", 0 }, { "B=2", -1 }, { "B=y", -1 }, { "B=truee", -1 }, { "B=tru", -1 }, { "B='true '", -1 }, { "B=-1", -1 },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		int value = 77;

		assert_ok(wm_env_parse(rows[i].text, "test", &env, &err));
		if (rows[i].value < 0) {
			assert_refused(wm_env_bool(env, "B", 1, &value, &err), EINVAL, "B", "B is '");
			assert_int_equal(value, 77);
		} else {
			assert_ok(wm_env_bool(env, "B", !rows[i].value, &value, &err));
			assert_int_equal(value, rows[i].value);
		}
		forget(NULL);
	}
	assert_ok(wm_env_bool(NULL, "WM_UNIT_ENV", 5, &(int){ 0 }, &err));
}

static void numbers_within_their_bounds(void **state)
{
	static const char *const bad[] = {
		"U=9", "U=101", "U=-50", "U=+50", "U=50x", "U=5 0", "U=' 50'", "U=0x32", "U=fifty", "U=5.0", "U=99999999999999999999999",
		"U=18446744073709551666", /* 50 more than 2^64 */
	};
	unsigned long value;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		value = 77;
		assert_ok(wm_env_parse(bad[i], "test", &env, &err));
		assert_refused(wm_env_uint(env, "U", 50, 10, 100, &value, &err), EINVAL, "U", "from 10 to 100");
		assert_int_equal(value, 77);
		forget(NULL);
	}
	assert_ok(wm_env_parse("L=10\nM=100\nZ=0050", "test", &env, &err));
	assert_ok(wm_env_uint(env, "L", 50, 10, 100, &value, &err));
	assert_int_equal(value, 10);
	assert_ok(wm_env_uint(env, "M", 50, 10, 100, &value, &err));
	assert_int_equal(value, 100);
	assert_ok(wm_env_uint(env, "Z", 0, 10, 100, &value, &err));
	assert_int_equal(value, 50);
	assert_ok(wm_env_uint(env, "ABSENT_HERE", 3, 10, 100, &value, &err));
	assert_int_equal(value, 3);
}

static void files(void **state)
{
	static const char with_nul[] = "A=1\0B=2\n";
	char *big = malloc(100000);

	(void)state;
	assert_refused(wm_env_load(unit_path("none.env"), &env, &err), ENOENT, "", "none.env");
	assert_int_equal(wm_replace_file(unit_path("nul.env"), 0600, with_nul, sizeof(with_nul) - 1), 0);
	assert_refused(wm_env_load(unit_path("nul.env"), &env, &err), EINVAL, "", "NUL");
	assert_int_equal(wm_replace_file(unit_path("bad.env"), 0600, "A=1\nx\n", 6), 0);
	assert_refused(wm_env_load(unit_path("bad.env"), &env, &err), EINVAL, "", "line 2");
	assert_refused(wm_env_load(unit_dir(), &env, &err), EISDIR, "", unit_dir());
	assert_non_null(big);
	memset(big, '#', 100000);
	assert_int_equal(wm_replace_file(unit_path("big.env"), 0600, big, 100000), 0);
	assert_refused(wm_env_load(unit_path("big.env"), &env, &err), EFBIG, "", "big.env");
	free(big);
	assert_int_equal(wm_replace_file(unit_path("good.env"), 0600, "A=1\nB=two words\n", 16), 0);
	assert_ok(wm_env_load(unit_path("good.env"), &env, &err));
	assert_string_equal(wm_env_get(env, "B", NULL), "two words");
	wm_env_free(NULL);
}

static void hundreds_of_keys(void **state)
{
	static char text[20000];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 600; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "KEY_%d=value %d\n", i, i);
	assert_ok(wm_env_parse(text, "test", &env, &err));
	assert_string_equal(wm_env_get(env, "KEY_0", NULL), "value 0");
	assert_string_equal(wm_env_get(env, "KEY_599", NULL), "value 599");
}

static void edited_and_else_as_it_was(void **state)
{
	static const struct {
		const char *text, *value, *want; /* value NULL: without K; want NULL: refused */
	} rows[] = {
		{ "", "v", "K=v\n" },
		{ "A=1\n", "v", "A=1\nK=v\n" },
		{ "A=1", "v", "A=1\nK=v\n" },
		{ "# a\nK=old # why\n\nB=2\n", "new", "# a\nK=new\n\nB=2\n" },
		{ "K=1\nKK=2\nexport K=3\n#K=4\n", "5", "KK=2\nK=5\n#K=4\n" },
		{ "K=1\nA=\n  K=2\n", NULL, "A=\n" },
		{ "A=1\n", NULL, "A=1\n" },
		{ "", "a b", "K=\"a b\"\n" },
		{ "", "#1", "K=\"#1\"\n" },
		{ "", "say \"no\"", "K='say \"no\"'\n" },
		{ "", "it's", "K=\"it's\"\n" },
		{ "", "$(id) `id` \\", "K=\"$(id) `id` \\\"\n" },
		{ "", "", "K=\n" },
		{ "", "it's \"bad\"", NULL },
		{ "", "a\nB=1", NULL },
		{ "", "a\rB=1", NULL },
		{ "", "\x7f", NULL },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		WM_AUTO_FREE char *text = NULL;

		if (!rows[i].want) {
			assert_int_equal(wm_env_edit(rows[i].text, "K", rows[i].value, &text, &err), -EINVAL);
			assert_string_equal(err.field, "K");
			continue;
		}
		assert_int_equal(wm_env_edit(rows[i].text, "K", rows[i].value, &text, &err), 0);
		assert_string_equal(text, rows[i].want);
		/* It is read as it was meant. */
		assert_int_equal(wm_env_parse(text, "test", &env, &err), 0);
		assert_string_equal(wm_env_own(env, "K", "none"), rows[i].value ? rows[i].value : "none");
		wm_env_free(env);
		env = NULL;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENV_TEST(values_in_every_spelling),
		ENV_TEST(bad_lines_are_named_by_number),
		ENV_TEST(the_file_wins_over_the_environment_and_empty_is_absent),
		ENV_TEST(booleans),
		ENV_TEST(numbers_within_their_bounds),
		ENV_TEST(files),
		ENV_TEST(hundreds_of_keys),
		ENV_TEST(edited_and_else_as_it_was),
	};

	return UNIT_RUN("env", tests);
}
