/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/update_state.h"

#include <errno.h>
#include <inttypes.h>
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

static void take_line(struct wm_update_state *s, char *line)
{
	char *value = strchr(line, ' ');

	if (!value)
		return;
	*value++ = '\0';
	if (!strcmp(line, "highest"))
		wm_version_parse(value, &s->highest);
	else if (!strcmp(line, "before"))
		wm_version_parse(value, &s->before);
	else if (!strcmp(line, "ended"))
		wm_version_parse(value, &s->ended);
	else if (!strcmp(line, "ended_since"))
		s->ended_since = (int64_t)(number(value) & INT64_MAX);
	else if (!strcmp(line, "proved"))
		wm_version_parse(value, &s->proved);
	else if (!strcmp(line, "later"))
		wm_version_parse(value, &s->later);
	else if (!strcmp(line, "later_since"))
		s->later_since = (int64_t)(number(value) & INT64_MAX);
	else if (!strcmp(line, "staged"))
		wm_version_parse(value, &s->staged);
	else if (!strcmp(line, "tried"))
		wm_version_parse(value, &s->tried);
	else if (!strcmp(line, "tries"))
		s->tries = (uint32_t)WM_MIN(number(value), (uint64_t)WM_UPDATE_TRIES_MAX);
	else if (!strcmp(line, "rounds"))
		s->rounds = number(value);
	else if (!strcmp(line, "checked"))
		s->checked = (int64_t)(number(value) & INT64_MAX);
	else if (!strcmp(line, "refused"))
		s->refused_at = (int64_t)(number(value) & INT64_MAX);
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

static void print_version(FILE *f, const char *key, const struct wm_version *v)
{
	char text[WM_VERSION_TEXT];

	if (!wm_version_is_none(v))
		fprintf(f, "%s %s\n", key, wm_version_format(v, text));
}

char *wm_update_state_format(const struct wm_update_state *s)
{
	char *text = NULL, version[WM_VERSION_TEXT];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	print_version(f, "highest", &s->highest);
	print_version(f, "before", &s->before);
	print_version(f, "ended", &s->ended);
	if (!wm_version_is_none(&s->ended))
		fprintf(f, "ended_since %" PRId64 "\n", s->ended_since);
	print_version(f, "proved", &s->proved);
	print_version(f, "later", &s->later);
	if (!wm_version_is_none(&s->later))
		fprintf(f, "later_since %" PRId64 "\n", s->later_since);
	print_version(f, "staged", &s->staged);
	print_version(f, "tried", &s->tried);
	fprintf(f, "tries %" PRIu32 "\nrounds %" PRIu64 "\nchecked %" PRId64 "\n", s->tries, s->rounds, s->checked);
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
