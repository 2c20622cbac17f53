/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Versions, manifests, and what is made of one that is offered.
 */
#include "core/release.h"

#include "core/update_state.h"
#include "core/util.h"
#include "unit/unit.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD "wm-release 1\nversion 1.2.3\nexpires 2027-01-31T00:00:00Z\n"
#define GATEWAY "file x86_64 wm-gateway 1000 " SUM " wm-gateway-1.2.3\n"
#define FETCH "file x86_64 wm-fetch 10 " SUM " wm-fetch-1.2.3\n"

static struct wm_release release;

static struct wm_version version(const char *text)
{
	struct wm_version v;

	assert_int_equal(wm_version_parse(text, &v), 0);
	return v;
}

static void versions_have_an_order(void **state)
{
	static const char *const rows[] = { "0.0.0", "0.0.1", "0.1.0", "0.1.9", "0.1.10", "0.2.0", "1.0.0", "9.99999.0", "10.0.0", "99999.99999.99999" };
	char text[WM_VERSION_TEXT];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_version a = version(rows[i]);

		assert_string_equal(wm_version_format(&a, text), rows[i]);
		assert_int_equal(wm_version_is_none(&a), i == 0);
		for (size_t k = 0; k < WM_ARRAY_LEN(rows); k++) {
			struct wm_version b = version(rows[k]);

			assert_int_equal(wm_version_compare(&a, &b) > 0, i > k);
			assert_int_equal(wm_version_compare(&a, &b) < 0, i < k);
		}
	}
}

static void other_versions_are_none(void **state)
{
	static const char *const rows[] = { "", "1", "1.2", "1.2.", "1.2.3.4", "v1.2.3", "1.2.3-rc1", "01.2.3", "1.02.3", "1.2.100000", "-1.2.3",
					    " 1.2.3", "1.2.3 ", "1..3", "1.2.3\n", "../1.2.3", "4294967296.0.0" };
	struct wm_version v;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		if (!wm_version_parse(rows[i], &v))
			fail_msg("'%s' is taken", rows[i]);
	}
}

static void a_manifest_is_read(void **state)
{
	(void)state;
	assert_ok(wm_release_parse(HEAD "file armv9 wm-gateway 5 " SUM " x\nfile x86_64 wm-later 5 " SUM " y\nlater word\n" GATEWAY FETCH,
				   "x86_64", &release, &err));
	assert_int_equal(release.version.part[2], 3);
	assert_int_equal(release.expires, 1801353600);
	assert_string_equal(release.file[WM_RELEASE_GATEWAY].name, "wm-gateway-1.2.3");
	assert_int_equal(release.file[WM_RELEASE_FETCH].size, 10);
	assert_string_equal(release.file[WM_RELEASE_FETCH].sha256, SUM);
	assert_refused(wm_release_parse(HEAD GATEWAY FETCH, "aarch64", &release, &err), ENOEXEC, "", "aarch64");
}

static void others_are_refused(void **state)
{
#define FILE_LINE(program, size, sum, name) HEAD FETCH "file x86_64 " program " " size " " sum " " name "\n"
	static const struct {
		const char *text;
		int code;
	} rows[] = {
		{ "", EBADMSG }, { "wm-release 2\n", EBADMSG }, { "wm-release 1", EBADMSG }, { "wm-release 1\n" GATEWAY FETCH, EBADMSG },
		{ "wm-release 1\nversion 1.2.3\n" GATEWAY FETCH, EBADMSG }, { HEAD GATEWAY, ENOEXEC }, { HEAD FETCH, ENOEXEC },
		{ HEAD GATEWAY FETCH "version 1.2.4\n", EBADMSG }, { HEAD GATEWAY FETCH "expires 2028-01-31T00:00:00Z\n", EBADMSG },
		{ HEAD GATEWAY FETCH GATEWAY, EBADMSG }, { HEAD GATEWAY FETCH "x", EBADMSG },
		{ "wm-release 1\nversion 0.0.0\nexpires 2027-01-31T00:00:00Z\n" GATEWAY FETCH, EBADMSG },
		{ "wm-release 1\nversion 1.2.3\nexpires never\n" GATEWAY FETCH, EBADMSG },
		{ FILE_LINE("wm-gateway", "0", SUM, "x"), EBADMSG }, { FILE_LINE("wm-gateway", "-1", SUM, "x"), EBADMSG },
		{ FILE_LINE("wm-gateway", "67108865", SUM, "x"), EBADMSG }, { FILE_LINE("wm-gateway", "99999999999999999999", SUM, "x"), EBADMSG },
		{ FILE_LINE("wm-gateway", "1", "0123", "x"), EBADMSG }, { FILE_LINE("wm-gateway", "1", SUM "0", "x"), EBADMSG },
		{ FILE_LINE("wm-gateway", "1", SUM, "../x"), EBADMSG }, { FILE_LINE("wm-gateway", "1", SUM, "a/b"), EBADMSG },
		{ FILE_LINE("wm-gateway", "1", SUM, ".x"), EBADMSG }, { FILE_LINE("wm-gateway", "1", SUM, "x?y"), EBADMSG },
		{ FILE_LINE("wm-gateway", "1", SUM, "x y"), EBADMSG }, { FILE_LINE("wm-gateway", "1", SUM, ""), EBADMSG },
	};

	(void)state;
	memset(&release, 0xa5, sizeof(release));
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		int rc = wm_release_parse(rows[i].text, "x86_64", &release, &err);

		if (rc != -rows[i].code)
			fail_msg("%d for: %s", rc, rows[i].text);
	}
	assert_int_equal(release.file[0].size, 0xa5a5a5a5a5a5a5a5);
}

static void programs_of_other_machines(void **state)
{
	uint8_t own[WM_ELF_HEAD] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 62, 0 }, other[WM_ELF_HEAD];
	static const int differ[] = { 0, 1, 2, 3, 4, 5, 18, 19 };

	(void)state;
	assert_true(wm_elf_same_machine(own, own));
	for (size_t i = 0; i < WM_ARRAY_LEN(differ); i++) {
		memcpy(other, own, sizeof(own));
		other[differ[i]] ^= 1;
		assert_false(wm_elf_same_machine(other, own));
	}
}

/* --- what is remembered -------------------------------------------------------------------- */

static void a_state_comes_back(void **state)
{
	struct wm_update_state s = { .rounds = 7, .checked = 1767323045, .tries = 2 }, again;
	WM_AUTO_FREE char *text = NULL, *same = NULL;
	char which[WM_VERSION_TEXT];

	(void)state;
	s.highest = version("0.3.0");
	s.before = version("0.2.8");
	s.ended = version("0.2.9");
	s.proved = version("0.2.7");
	s.staged = version("0.3.0");
	s.tried = version("0.2.9");
	wm_update_state_complain(&s, 1767323046, "it\nis \x1b[2J bad");
	for (int i = 0; i < 10; i++) {
		snprintf(which, sizeof(which), "0.2.%d", i);
		wm_update_state_add_bad(&s, &(struct wm_version){ .part = { 0, 2, (uint32_t)i } }, which);
	}
	text = wm_update_state_format(&s);
	wm_update_state_parse(text, &again);
	same = wm_update_state_format(&again);
	assert_string_equal(text, same);
	assert_string_equal(again.why, "it?is ?[2J bad");
	assert_int_equal(again.refused_at, 1767323046);
	assert_int_equal(again.nbad, WM_UPDATE_BAD_MAX);
	assert_int_equal(again.before.part[2], 8);
	assert_int_equal(again.ended.part[2], 9);
	assert_int_equal(again.proved.part[2], 7);
	assert_string_equal(again.bad[0].why, "0.2.9");
	assert_int_equal(again.tries, 2);
	wm_update_state_complain(&again, 5, NULL);
	assert_string_equal(again.why, "");
	/* What is no state is an empty one. */
	wm_update_state_parse("\0\n", &again);
	wm_update_state_parse("highest\nbad\nbad 1.2\nbad 1.2.x y\ntries -5\nrounds x\nstaged ../..\n\n\xff\n", &again);
	assert_true(wm_version_is_none(&again.highest) && wm_version_is_none(&again.staged) && !again.nbad && !again.tries);
}

static void what_is_offered_is_judged(void **state)
{
	static const struct {
		const char *offered, *running, *highest, *bad;
		int64_t expires;
		int want;
	} rows[] = {
		{ "0.2.0", "0.1.0", "0.0.0", "0.0.0", 1001, 1 },
		{ "0.2.0", "0.1.0", "0.2.0", "0.0.0", 1001, 1 },
		{ "0.1.0", "0.1.0", "0.0.0", "0.0.0", 1001, 0 },
		{ "0.1.0", "0.2.0", "0.0.0", "0.0.0", 1001, -ESTALE },
		{ "0.2.0", "0.1.0", "0.2.1", "0.0.0", 1001, -ESTALE },
		{ "0.2.0", "0.1.0", "0.0.0", "0.0.0", 1000, -ETIME },
		{ "0.2.0", "0.2.0", "0.0.0", "0.0.0", 999, -ETIME }, /* nobody signs any more: that is told */
		{ "0.2.0", "0.1.0", "0.2.0", "0.2.0", 1001, -EALREADY },
		{ "0.2.1", "0.1.0", "0.2.0", "0.2.0", 1001, 1 },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_release r = { .version = version(rows[i].offered), .expires = rows[i].expires };
		struct wm_update_state s = { .highest = version(rows[i].highest) };
		struct wm_version running = version(rows[i].running), bad = version(rows[i].bad);
		int rc;

		if (!wm_version_is_none(&bad))
			wm_update_state_add_bad(&s, &bad, "it is bad");
		rc = wm_update_judge(&s, &r, &running, 1000, &err);
		if (rc != rows[i].want)
			fail_msg("row %zu gives %d", i, rc);
	}
}

static void trials_are_counted(void **state)
{
	struct wm_version a = version("0.2.0"), b = version("0.3.0");
	struct wm_update_state s = { .staged = a };

	(void)state;
	wm_update_state_begun(&s, &a);
	wm_update_state_begun(&s, &a);
	assert_int_equal(s.tries, 2);
	wm_update_state_given_up(&s);
	assert_int_equal(s.tries, 1);
	wm_update_state_failed(&s, &a, false, 5, "it may not be its fault");
	assert_int_equal(s.nbad, 0);
	assert_int_equal(s.tries, 1);
	assert_true(wm_version_is_none(&s.staged));
	wm_update_state_begun(&s, &b);
	assert_int_equal(s.tries, 1);
	wm_update_state_failed(&s, &b, true, 6, "it is");
	assert_int_equal(s.nbad, 1);
	assert_string_equal(s.why, "0.3.0 was started and taken back: it is");
	assert_int_equal(s.rounds, 2);
	wm_update_state_proved(&s, &b, &a, 7, NULL);
	assert_int_equal(wm_version_compare(&s.proved, &b), 0);
	assert_int_equal(wm_version_compare(&s.before, &a), 0);
	assert_string_equal(s.why, "");
	assert_int_equal(s.tries, 0);
	wm_update_state_given_up(&s);
	assert_int_equal(s.tries, 0);
}

static void who_keeps_ending_twice_is_bad(void **state)
{
	struct wm_version a = version("0.2.0"), b = version("0.3.0");
	struct wm_update_state s = { .before = a };

	(void)state;
	wm_update_state_ended(&s, &b, 8, "ended with exit code 3");
	assert_true(wm_version_is_none(&s.before));
	assert_int_equal(s.nbad, 0);
	wm_update_state_ended(&s, &a, 8, "ended with exit code 3");
	wm_update_state_ended(&s, &b, 8, "ended with exit code 3");
	assert_int_equal(s.nbad, 0);
	wm_update_state_ended(&s, &b, 8, "ended with exit code 3");
	assert_int_equal(s.nbad, 1);
	assert_int_equal(wm_version_compare(&s.bad[0].version, &b), 0);
	assert_string_equal(s.why, "0.3.0 was in force, and kept ending (it ended with exit code 3); the one before does not");
}

static void who_ends_twice_with_years_between_is_not_bad(void **state)
{
	static const struct {
		int64_t proved, ended; /* days after it ended first: had anew, proved; and ended again */
		bool bad;
	} rows[] = { { 1, 2, true }, { 30, 36, true }, { 30, 37, false }, { 1, 700, false }, { 1, -5, false } };
	struct wm_version a = version("0.2.0"), b = version("0.3.0"), c = version("0.4.0");

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_update_state s = { .before = a }, again;
		WM_AUTO_FREE char *text = NULL;
		const int64_t day = 86400, first = 100 * day;

		wm_update_state_ended(&s, &b, first, "ended with exit code 3");
		wm_update_state_proved(&s, &b, &a, first + rows[i].proved * day, NULL);
		text = wm_update_state_format(&s);
		wm_update_state_parse(text, &again);
		wm_update_state_ended(&again, &b, first + rows[i].ended * day, "ended with exit code 3");
		assert_int_equal(again.nbad, rows[i].bad);
		/* Another one that is proved meanwhile ends that. */
		wm_update_state_proved(&s, &c, &b, first + rows[i].proved * day, NULL);
		wm_update_state_ended(&s, &b, first + rows[i].proved * day, "ended with exit code 3");
		assert_int_equal(s.nbad, 0);
	}
}

static int judged(const struct wm_update_state *s, const struct wm_version *v, int64_t now)
{
	const struct wm_release r = { .version = *v, .expires = 1000000 };
	const struct wm_version running = version("0.1.0");

	return wm_update_judge(s, &r, &running, now, &err);
}

static void what_is_put_off_is_tried_later(void **state)
{
	struct wm_version a = version("0.2.0"), b = version("0.3.0");
	struct wm_update_state s = { .proved = a, .staged = a }, again;
	WM_AUTO_FREE char *text = NULL;

	(void)state;
	wm_update_state_begun(&s, &a);
	wm_update_state_put_off(&s, &a, 5000, "was not in sync");
	assert_int_equal(s.nbad + s.tries, 0);
	text = wm_update_state_format(&s);
	wm_update_state_parse(text, &again);
	assert_int_equal(judged(&again, &a, 5000), -EALREADY);
	assert_int_equal(judged(&again, &a, 5000 + WM_UPDATE_LATER_S - 1), -EALREADY);
	assert_int_equal(judged(&again, &a, 5000 + WM_UPDATE_LATER_S), 1);
	assert_int_equal(judged(&again, &a, 4999), 1);
	assert_int_equal(judged(&again, &b, 5000), 1);
	wm_update_state_proved(&again, &b, &a, 6000, NULL);
	assert_true(wm_version_is_none(&again.later));
}

/* It goes into force again as a new one does: when it is in sync. */
static void who_kept_ending_is_not_known_any_more(void **state)
{
	struct wm_version a = version("0.2.0");
	struct wm_update_state s = { .proved = a };

	(void)state;
	wm_update_state_ended(&s, &a, 8, "ended with exit code 3");
	assert_true(wm_version_is_none(&s.proved));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(versions_have_an_order), TEST(other_versions_are_none), TEST(a_manifest_is_read), TEST(others_are_refused),
		TEST(programs_of_other_machines), TEST(a_state_comes_back), TEST(what_is_offered_is_judged), TEST(trials_are_counted),
		TEST(who_keeps_ending_twice_is_bad), TEST(who_ends_twice_with_years_between_is_not_bad), TEST(what_is_put_off_is_tried_later), TEST(who_kept_ending_is_not_known_any_more),
	};

	return UNIT_RUN("release", tests);
}
