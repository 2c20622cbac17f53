/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/update_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/name.h"
#include "core/time.h"
#include "core/util.h"

#define STATE_MAX 65536

/* --- the file --------------------------------------------------------------------------- */

static uint64_t number(const char *text)
{
	return strspn(text, "0123456789") == strlen(text) ? strtoull(text, NULL, 10) : 0;
}

static void take_bad(struct wm_update_state *s, char *value)
{
	struct wm_update_bad *bad = &s->bad[s->nbad];
	char *space = strchr(value, ' ');

	if (s->nbad == WM_UPDATE_BAD_MAX || !space)
		return;
	*space = '\0';
	if (wm_version_parse(value, &bad->version))
		return;
	snprintf(bad->why, sizeof(bad->why), "%s", space + 1);
	s->nbad++;
}

enum kind { VERSION, MOMENT, TRIES, ROUNDS };

#define AT(member) offsetof(struct wm_update_state, member)
#define ALWAYS SIZE_MAX

/* What is one value, in the order of the file. */
static const struct row {
	const char *key;
	enum kind is;
	size_t at; /* in struct wm_update_state */
	size_t of; /* the version there, without which it says nothing and is not written; or ALWAYS */
} rows[] = {
	{ "highest", VERSION, AT(highest), AT(highest) },
	{ "before", VERSION, AT(before), AT(before) },
	{ "ended", VERSION, AT(ended), AT(ended) },
	{ "ended_since", MOMENT, AT(ended_since), AT(ended) },
	{ "proved", VERSION, AT(proved), AT(proved) },
	{ "later", VERSION, AT(later), AT(later) },
	{ "later_since", MOMENT, AT(later_since), AT(later) },
	{ "staged", VERSION, AT(staged), AT(staged) },
	{ "tried", VERSION, AT(tried), AT(tried) },
	{ "tries", TRIES, AT(tries), ALWAYS },
	{ "rounds", ROUNDS, AT(rounds), ALWAYS },
	{ "checked", MOMENT, AT(checked), ALWAYS },
};

static int64_t moment(const char *text)
{
	return (int64_t)(number(text) & INT64_MAX);
}

static void take_row(const struct row *row, struct wm_update_state *s, const char *value)
{
	void *to = (char *)s + row->at;

	switch (row->is) {
	case VERSION:
		wm_version_parse(value, to);
		break;
	case MOMENT:
		*(int64_t *)to = moment(value);
		break;
	case TRIES:
		*(uint32_t *)to = (uint32_t)WM_MIN(number(value), (uint64_t)WM_UPDATE_TRIES_MAX);
		break;
	case ROUNDS:
		*(uint64_t *)to = number(value);
		break;
	}
}

static void take_line(struct wm_update_state *s, char *line)
{
	char *value = strchr(line, ' ');

	if (!value)
		return;
	*value++ = '\0';
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		if (!strcmp(line, rows[i].key))
			take_row(&rows[i], s, value);
	}
	if (!strcmp(line, "refused"))
		s->refused_at = moment(value);
	else if (!strcmp(line, "why"))
		snprintf(s->why, sizeof(s->why), "%s", value);
	else if (!strcmp(line, "bad"))
		take_bad(s, value);
}

void wm_update_state_parse(const char *text, struct wm_update_state *ret)
{
	WM_AUTO_FREE char *copy = strdup(text);
	char *save = NULL;

	*ret = (struct wm_update_state){ 0 };
	if (!copy)
		return;
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_line(ret, line);
}

static void print_row(FILE *f, const struct row *row, const struct wm_update_state *s)
{
	const void *from = (const char *)s + row->at;
	char text[WM_VERSION_TEXT];

	if (row->of != ALWAYS && wm_version_is_none((const void *)((const char *)s + row->of)))
		return;
	switch (row->is) {
	case VERSION:
		fprintf(f, "%s %s\n", row->key, wm_version_format(from, text));
		break;
	case MOMENT:
		fprintf(f, "%s %" PRId64 "\n", row->key, *(const int64_t *)from);
		break;
	case TRIES:
		fprintf(f, "%s %" PRIu32 "\n", row->key, *(const uint32_t *)from);
		break;
	case ROUNDS:
		fprintf(f, "%s %" PRIu64 "\n", row->key, *(const uint64_t *)from);
		break;
	}
}

char *wm_update_state_format(const struct wm_update_state *s)
{
	char *text = NULL, version[WM_VERSION_TEXT];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		print_row(f, &rows[i], s);
	if (*s->why)
		fprintf(f, "refused %" PRId64 "\nwhy %s\n", s->refused_at, s->why);
	for (size_t i = 0; i < s->nbad; i++)
		fprintf(f, "bad %s %s\n", wm_version_format(&s->bad[i].version, version), s->bad[i].why);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

int wm_update_state_load(const char *path, struct wm_update_state *ret)
{
	WM_AUTO_FREE char *text = NULL;
	int rc = wm_read_file(path, STATE_MAX, &text, NULL);

	*ret = (struct wm_update_state){ 0 };
	if (!rc)
		wm_update_state_parse(text, ret);
	return rc == -ENOENT ? 0 : rc;
}

int wm_update_state_save(const char *path, const struct wm_update_state *state, struct wm_error *err)
{
	WM_AUTO_FREE char *text = wm_update_state_format(state);
	int rc = text ? wm_replace_file(path, 0600, text, strlen(text)) : -ENOMEM;

	return rc ? wm_fail(err, -rc, "%s: cannot be written: %s", path, strerror(-rc)) : 0;
}

/* --- what is made of it --------------------------------------------------------------------- */

void wm_update_state_complain(struct wm_update_state *state, int64_t now, const char *why)
{
	state->refused_at = why ? now : 0;
	snprintf(state->why, sizeof(state->why), "%s", why ? why : "");
	wm_printable(state->why);
}

static const struct wm_update_bad *find_bad(const struct wm_update_state *s, const struct wm_version *v)
{
	for (size_t i = 0; i < s->nbad; i++) {
		if (!wm_version_compare(&s->bad[i].version, v))
			return &s->bad[i];
	}
	return NULL;
}

void wm_update_state_add_bad(struct wm_update_state *s, const struct wm_version *version, const char *why)
{
	if (find_bad(s, version))
		return;
	/* The oldest is forgotten: by `highest` it is refused anyway. */
	s->nbad = WM_MIN(s->nbad, (size_t)WM_UPDATE_BAD_MAX - 1);
	memmove(s->bad + 1, s->bad, s->nbad * sizeof(*s->bad));
	s->bad[0].version = *version;
	snprintf(s->bad[0].why, sizeof(s->bad[0].why), "%s", why);
	wm_printable(s->bad[0].why);
	s->nbad++;
}

void wm_update_state_begun(struct wm_update_state *s, const struct wm_version *version)
{
	s->tries = wm_version_compare(&s->tried, version) ? 1 : s->tries + 1;
	s->tried = *version;
}

void wm_update_state_given_up(struct wm_update_state *s)
{
	s->tries -= s->tries > 0;
}

static void end_round(struct wm_update_state *s)
{
	s->staged = (struct wm_version){ 0 };
	s->rounds++;
}

void wm_update_state_proved(struct wm_update_state *s, const struct wm_version *version, const struct wm_version *before,
			    int64_t now, const char *but)
{
	end_round(s);
	s->proved = *version;
	s->before = *before;
	/* Had anew, it shows from now on what it is; of another than that nothing is held against anybody. */
	if (wm_version_compare(&s->ended, version))
		s->ended = (struct wm_version){ 0 };
	s->ended_since = now;
	s->tried = s->later = (struct wm_version){ 0 };
	s->tries = 0;
	wm_update_state_complain(s, now, but);
}

void wm_update_state_ended(struct wm_update_state *s, const struct wm_version *version, int64_t now, const char *how)
{
	char text[WM_UPDATE_WHY_SIZE], name[WM_VERSION_TEXT];
	bool again = !wm_version_compare(&s->ended, version) && now >= s->ended_since && now - s->ended_since < WM_UPDATE_ENDED_S;

	snprintf(text, sizeof(text), "it kept ending (it %s), and again when it had been downloaded anew", how);
	if (again)
		wm_update_state_add_bad(s, version, text);
	snprintf(text, sizeof(text), "%s was in force, and kept ending (it %s); the one before does not%s",
		 wm_version_format(version, name), how, again ? "" : "; it will be downloaded anew");
	wm_update_state_complain(s, now, text);
	s->ended = *version;
	s->ended_since = now;
	s->before = s->proved = (struct wm_version){ 0 };
}

void wm_update_state_failed(struct wm_update_state *s, const struct wm_version *version, bool sure, int64_t now, const char *why)
{
	char text[WM_UPDATE_WHY_SIZE], name[WM_VERSION_TEXT];

	end_round(s);
	if (sure)
		wm_update_state_add_bad(s, version, why);
	snprintf(text, sizeof(text), "%s was started and taken back: %s", wm_version_format(version, name), why);
	wm_update_state_complain(s, now, text);
}

void wm_update_state_put_off(struct wm_update_state *s, const struct wm_version *version, int64_t now, const char *why)
{
	wm_update_state_failed(s, version, false, now, why);
	wm_update_state_given_up(s);
	s->later = *version;
	s->later_since = now;
}

/* By a clock that was set meanwhile: at once. */
static bool is_put_off(const struct wm_update_state *s, const struct wm_version *v, int64_t now)
{
	return !wm_version_compare(&s->later, v) && now >= s->later_since && now - s->later_since < WM_UPDATE_LATER_S;
}

int wm_update_judge(const struct wm_update_state *state, const struct wm_release *release, const struct wm_version *running,
		    int64_t now, struct wm_error *err)
{
	const struct wm_version *v = &release->version;
	const struct wm_update_bad *bad = find_bad(state, v);
	char text[WM_VERSION_TEXT], before[WM_VERSION_TEXT], when[WM_TIME_TEXT];

	wm_version_format(v, text);
	if (wm_version_compare(v, &state->highest) < 0)
		return wm_fail(err, ESTALE, "%s is offered, but %s was offered before: nothing older is taken", text,
			       wm_version_format(&state->highest, before));
	if (now >= release->expires)
		return wm_fail(err, ETIME, "%s is offered by a manifest that expired on %s: whoever publishes it must sign it anew; or this machine's clock is wrong",
			       text, wm_time_format(release->expires, when));
	if (wm_version_compare(v, running) < 0)
		return wm_fail(err, ESTALE, "%s is offered, but %s runs: nothing older is taken", text,
			       wm_version_format(running, before));
	if (!wm_version_compare(v, running))
		return 0;
	if (bad)
		return wm_fail(err, EALREADY, "%s is not tried again: %s", text, bad->why);
	if (is_put_off(state, v, now))
		return wm_fail(err, EALREADY, "%s was in force once, but was not in sync now that it was started again, and what runs is: it is tried again after %s",
			       text, wm_time_format(state->later_since + WM_UPDATE_LATER_S, when));
	return 1;
}
