/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/changes.h"

#include <stdio.h>
#include <string.h>

#include "core/util.h"

/* They stand in the object's name already, or say nothing by themselves; or of a new one, which has no gateway to say it. */
static bool is_told(const char *key, bool is_new)
{
	static const char *const names[] = {"name", "domain", "gateway"};

	if (is_new && !strcmp(key, "preshared"))
		return true;
	for (size_t i = 0; i < WM_ARRAY_LEN(names); i++) {
		if (!strcmp(key, names[i]))
			return true;
	}
	return false;
}

void change_text(const struct wm_json *before, const struct wm_json *after, char *buf, size_t size)
{
	bool is_new = wm_json_is_null(before);
	const char *key;
	size_t at = 0;

	*buf = '\0';
	for (size_t i = 0; (key = wm_json_key(after, i)) && at < size; i++) {
		const struct wm_json *was = wm_json_get(before, key), *is = wm_json_get(after, key);
		WM_AUTO_FREE char *from = wm_json_text(was), *to = wm_json_text(is);

		if (is_told(key, is_new) || !from || !to || (is_new ? wm_json_is_null(is) : wm_json_equal(was, is)))
			continue;
		at += (size_t)snprintf(buf + at, size - at, "%s%s %s%s%s", at ? ", " : "", key, is_new ? "" : from,
				       is_new ? "" : " -> ", to);
	}
}

void change_line(struct wm_out *out, char sign, const struct wm_json *change)
{
	char what[512], line[1024];

	change_text(wm_json_get(change, "before"), wm_json_get(change, "after"), what, sizeof(what));
	snprintf(line, sizeof(line), "%c %s %s%s%s", sign, wm_json_str(wm_json_get(change, "kind")) ?: "?",
		 wm_json_str(wm_json_get(change, "name")) ?: "?", *what ? ": " : "", what);
	wm_out_line(out, line);
}
