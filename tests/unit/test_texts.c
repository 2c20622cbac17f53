/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/util.h"

#define MANY 20000

static void what_was_added_stays_where_it_is(void **state)
{
	const char **at = calloc(MANY, sizeof(*at));
	struct wm_texts texts = { 0 };
	char text[WM_TEXT_SIZE];
	size_t bytes = 0;

	(void)state;
	assert_non_null(at);
	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%0*u", (int)(1 + i % 200), i);
		at[i] = wm_texts_add(&texts, text);
		assert_non_null(at[i]);
		bytes += strlen(text) + 1;
	}
	assert_int_equal(texts.bytes, bytes);
	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%0*u", (int)(1 + i % 200), i);
		assert_string_equal(at[i], text);
	}
	wm_texts_free(&texts);
	assert_null(texts.newest);
	wm_texts_free(&texts); /* fine */
	free(at);
}

static void the_longest_and_one_longer(void **state)
{
	struct wm_texts texts = { 0 };
	char text[WM_TEXT_SIZE + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[WM_TEXT_SIZE] = '\0';
	assert_null(wm_texts_add(&texts, text));
	assert_int_equal(texts.bytes, 0);
	text[WM_TEXT_SIZE - 1] = '\0';
	assert_string_equal(wm_texts_add(&texts, text), text);
	assert_string_equal(wm_texts_add(&texts, ""), "");
	text[WM_TEXT_SIZE - 2] = '\0';
	assert_null(wm_texts_add_dotted(&texts, text, "y"));
	assert_string_equal(wm_texts_add_dotted(&texts, "nas", "a"), "nas.a");
	assert_string_equal(wm_texts_add_dotted(&texts, text, "") + WM_TEXT_SIZE - 3, "x.");
	wm_texts_free(&texts);
}

static void half_of_it_is_wasted(void **state)
{
	struct wm_texts texts = { 0 };
	unsigned int dropped = 0;

	(void)state;
	for (unsigned int i = 0; i < MANY; i++)
		assert_non_null(wm_texts_add(&texts, "a-host.of-a-site"));
	assert_false(wm_texts_wasteful(&texts));
	while (!wm_texts_wasteful(&texts)) {
		wm_texts_drop(&texts, "a-host.of-a-site");
		dropped++;
	}
	assert_int_equal(dropped, MANY / 2 + 1);
	wm_texts_free(&texts);
	/* A few are not worth it. */
	wm_texts_drop(&texts, wm_texts_add(&texts, "alone"));
	assert_false(wm_texts_wasteful(&texts));
	wm_texts_free(&texts);
}

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(what_was_added_stays_where_it_is),
		cmocka_unit_test(the_longest_and_one_longer),
		cmocka_unit_test(half_of_it_is_wasted),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("texts", list, NULL, NULL);
}
