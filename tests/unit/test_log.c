/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/log.h"

#include <unistd.h>

#include "core/util.h"
#include "unit/unit.h"

/* What one call writes to stderr. */
static const char *logged(enum wm_log_level level, const char *text)
{
	static char got[4096];
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_true(saved >= 0);
	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	wm_log(level, "%s", text);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	close(fds[1]);
	n = read(fds[0], got, sizeof(got) - 1);
	assert_true(n >= 0);
	got[n] = '\0';
	close(fds[0]);
	return got;
}

static void levels_above_the_chosen_one_are_silent(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	wm_log_open("unit", WM_LOG_WARNING);
	assert_string_equal(logged(WM_LOG_ERROR, "e"), "unit: e\n");
	assert_string_equal(logged(WM_LOG_WARNING, "w"), "unit: w\n");
	assert_string_equal(logged(WM_LOG_INFO, "i"), "");
	assert_string_equal(logged(WM_LOG_DEBUG, "d"), "");
	wm_log_open("unit", WM_LOG_DEBUG);
	assert_string_equal(logged(WM_LOG_DEBUG, "d"), "unit: d\n");
}

static void priorities_for_systemd(void **state)
{
	(void)state;
	assert_int_equal(setenv("JOURNAL_STREAM", "8:1234", 1), 0);
	wm_log_open("unit", WM_LOG_DEBUG);
	assert_string_equal(logged(WM_LOG_ERROR, "x"), "<3>unit: x\n");
	assert_string_equal(logged(WM_LOG_WARNING, "x"), "<4>unit: x\n");
	assert_string_equal(logged(WM_LOG_INFO, "x"), "<6>unit: x\n");
	assert_string_equal(logged(WM_LOG_DEBUG, "x"), "<7>unit: x\n");
	unsetenv("JOURNAL_STREAM");
	wm_log_open("unit", WM_LOG_INFO);
}

static void one_event_is_one_line(void **state)
{
	static const struct {
		const char *text, *line;
	} rows[] = {
		{ "a\nunit: forged", "unit: a unit: forged\n" },
		{ "a\r\nb\t\x1b[31mc\x7f", "unit: a  b  [31mc \n" },
		{ "a\xc2\x9b" "31m", "unit: a  31m\n" },
		{ "a\xff\xfe" "b", "unit: a  b\n" },
		{ "B\xc3\xbcro", "unit: B\xc3\xbcro\n" },
		{ "", "unit: \n" },
		{ "%s%n", "unit: %s%n\n" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		assert_string_equal(logged(WM_LOG_INFO, rows[i].text), rows[i].line);
}

static void long_lines_lose_their_end(void **state)
{
	char text[3000];
	const char *got;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	got = logged(WM_LOG_INFO, text);
	assert_true(strlen(got) > 500 && strlen(got) < 1100);
	assert_int_equal(got[strlen(got) - 1], '\n');
	/* A character cut in half does not get out. */
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xbc", 2);
	text[0] = 'x';
	memmove(text + 1, text, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	got = logged(WM_LOG_INFO, text);
	assert_true((unsigned char)got[strlen(got) - 2] != 0xc3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(levels_above_the_chosen_one_are_silent),
		TEST(priorities_for_systemd),
		TEST(one_event_is_one_line),
		TEST(long_lines_lose_their_end),
	};

	return UNIT_RUN("log", tests);
}
