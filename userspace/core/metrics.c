/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/metrics.h"

#include <stdbool.h>
#include <string.h>

#include "core/name.h"
#include "core/util.h"

/* One character of a label's value, as it stands between quotes. The format escapes three; what a terminal would obey, and
 * what is not UTF-8, nobody needs. */
static size_t escape(const char *s, size_t n, uint32_t code, char ret[4])
{
	if (n == 1 && (code == '"' || code == '\\' || code == '\n')) {
		ret[0] = '\\';
		ret[1] = code == '\n' ? 'n' : (char)code;
		return 2;
	}
	if (!n || wm_is_control(code)) {
		ret[0] = '?';
		return 1;
	}
	memcpy(ret, s, n);
	return n;
}

/* A byte is left for the NUL. */
static bool add(struct wm_metric_labels *labels, size_t *at, const char *s, size_t len)
{
	if (len >= sizeof(labels->text) - *at)
		return false;
	memcpy(labels->text + *at, s, len);
	*at += len;
	return true;
}

static bool add_value(struct wm_metric_labels *labels, size_t *at, const char *value)
{
	uint32_t code;
	char one[4];

	for (const char *rest;; value = rest) {
		size_t n;

		rest = wm_skip_plain(value);
		if (!add(labels, at, value, (size_t)(rest - value)))
			return false;
		if (!*rest)
			return true;
		n = wm_utf8_decode(rest, &code);
		if (!add(labels, at, one, escape(rest, n, code, one)))
			return false;
		rest += n ? n : 1;
	}
}

void wm_metric_label(struct wm_metric_labels *labels, const char *name, const char *value)
{
	size_t at = labels->len;

	if (add(labels, &at, ",", at != 0) && add(labels, &at, name, strlen(name)) && add(labels, &at, "=\"", 2) &&
	    add_value(labels, &at, value) && add(labels, &at, "\"", 1))
		labels->len = at;
	labels->text[labels->len] = '\0';
}

void wm_metric_family(struct wm_writer *w, const char *name, const char *type, const char *unit, const char *help)
{
	const struct {
		const char *what, *text;
	} lines[] = { { "# TYPE ", type }, { "# UNIT ", unit }, { "# HELP ", help } };

	for (size_t i = 0; i < WM_ARRAY_LEN(lines); i++) {
		if (!lines[i].text)
			continue;
		wm_puts(w, lines[i].what);
		wm_puts(w, name);
		wm_puts(w, " ");
		wm_puts(w, lines[i].text);
		wm_puts(w, "\n");
	}
}

void wm_metric_time(struct wm_writer *w, const char *name, const char *suffix, const char *labels, const char *more,
		    uint64_t microseconds)
{
	char fraction[16];

	wm_metric_begin(w, name, suffix, labels, more);
	wm_put_uint(w, microseconds / 1000000);
	snprintf(fraction, sizeof(fraction), ".%06u\n", (unsigned int)(microseconds % 1000000));
	wm_puts(w, fraction);
}

void wm_metrics_end(struct wm_writer *w)
{
	wm_puts(w, "# EOF\n");
}
