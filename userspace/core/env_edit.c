/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Changing a KEY=VALUE file and leaving the rest of it as somebody wrote it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/env.h"
#include "core/key.h"
#include "core/util.h"

/* Whether a line (of len bytes) sets key; as wm_env_parse reads it. */
static bool sets(const char *line, size_t len, const char *key)
{
	size_t n = strlen(key);

	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	if (len > 7 && !strncmp(line, "export ", 7)) {
		line += 7;
		len -= 7;
	}
	return len > n && !strncmp(line, key, n) && line[n] == '=';
}

/* The quote that value needs, '\0' for none, -1: it cannot be written. */
static int quote_for(const char *value)
{
	for (const char *c = value; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return -1;
	}
	if (!strpbrk(value, " #'\""))
		return '\0';
	if (!strchr(value, '"'))
		return '"';
	return strchr(value, '\'') ? -1 : '\'';
}

static void put(FILE *f, const char *key, const char *value, int quote)
{
	char mark[2] = { (char)quote, '\0' };

	fprintf(f, "%s=%s%s%s\n", key, mark, value, mark);
}

int wm_env_edit(const char *text, const char *key, const char *value, char **ret, struct wm_error *err)
{
	int quote = value ? quote_for(value) : 0;
	const char *counts = NULL; /* the last line that sets it */
	char *out = NULL;
	size_t size = 0, len;
	FILE *f;

	if (quote < 0)
		return wm_fail_field(err, EINVAL, key, "%s: the value has a control character or both kinds of quotes in it, which a file of KEY=VALUE cannot hold", key);
	f = open_memstream(&out, &size);
	if (!f)
		return wm_fail(err, ENOMEM, "out of memory");
	for (const char *line = text; *line; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		if (sets(line, len, key))
			counts = line;
	}
	for (const char *line = text; *line; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		if (line == counts && value)
			put(f, key, value, quote);
		else if (!sets(line, len, key))
			fprintf(f, "%.*s\n", (int)len, line);
	}
	if (!counts && value)
		put(f, key, value, quote);
	if (fclose(f)) {
		free(out);
		return wm_fail(err, ENOMEM, "out of memory");
	}
	*ret = out;
	return 0;
}
