/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/output.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <stdio_ext.h>
#endif

#include "core/name.h"

#define DEPTH_MAX 16
#define COLS_MAX 24

struct wm_out {
	FILE *f;
	enum wm_out_format format;
	bool uncut;
	int depth;               /* of JSON nesting, and of text indentation */
	bool member[DEPTH_MAX];  /* this level has a member already */
	bool heading[DEPTH_MAX]; /* this level indents its text */
	/* the table being built */
	struct libscols_table *table;
	struct libscols_line *line;
	const struct wm_col *cols;
	size_t ncols, col, rows, shown;
};

static bool is_json(const struct wm_out *out)
{
	return out->format != WM_OUT_TEXT;
}

struct wm_out *wm_out_new(FILE *f, enum wm_out_format format)
{
	struct wm_out *out = calloc(1, sizeof(*out));

	if (!out)
		return NULL;
	/* Nobody else writes to it meanwhile, and a large table is written in small pieces. */
#ifdef FSETLOCKING_BYCALLER
	__fsetlocking(f, FSETLOCKING_BYCALLER);
#endif
	out->f = f;
	out->format = format;
	if (is_json(out))
		fputc('{', f);
	return out;
}

void wm_out_uncut(struct wm_out *out)
{
	out->uncut = true;
}

int wm_out_end(struct wm_out *out)
{
	int rc;

	if (!out)
		return -ENOMEM;
	if (is_json(out))
		fputs(out->format == WM_OUT_JSON_LINE ? "}\n" : "\n}\n", out->f);
	rc = fflush(out->f) || ferror(out->f) ? -(errno ? errno : EIO) : 0;
	free(out);
	return rc;
}

/* What is plain ASCII at s, and goes out as it is in any form: most of all there is. */
static size_t plain(const char *s)
{
	size_t n = 0;

	while (s[n] >= ' ' && s[n] <= '~' && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

/* What is not UTF-8 would make the whole document invalid. */
static void json_string(FILE *f, const char *s)
{
	uint32_t code;

	fputc('"', f);
	for (size_t n = plain(s);; n = plain(s)) {
		fwrite(s, 1, n, f);
		s += n;
		if (!*s)
			break;
		n = wm_utf8_decode(s, &code);
		if (!n)
			fputs("\\ufffd", f);
		else if (wm_is_control(code))
			fprintf(f, "\\u%04x", code);
		else if (code == '"' || code == '\\')
			fprintf(f, "\\%c", (char)code);
		else
			fwrite(s, 1, n, f);
		s += n ? n : 1;
	}
	fputc('"', f);
}

static void json_break(struct wm_out *out, const char *comma)
{
	static const char spaces[2 * DEPTH_MAX + 1] = "                                ";

	fputs(comma, out->f);
	fputc('\n', out->f);
	fwrite(spaces, 1, 2 * ((size_t)out->depth + 1), out->f);
}

/* Comma, line break, indentation and key of the next member. */
static void json_member(struct wm_out *out, const char *key)
{
	if (out->format == WM_OUT_JSON_LINE)
		fputs(out->member[out->depth] ? ", " : "", out->f);
	else
		json_break(out, out->member[out->depth] ? "," : "");
	out->member[out->depth] = true;
	if (key) {
		json_string(out->f, key);
		fputs(": ", out->f);
	}
}

static void text_indent(struct wm_out *out)
{
	for (int i = 0; i <= out->depth; i++) {
		if (out->heading[i])
			fputs("  ", out->f);
	}
}

static void text_value(FILE *f, const char *s)
{
	uint32_t code;

	for (size_t n; *s; s += n ? n : 1) {
		n = wm_utf8_decode(s, &code);
		if (!n || wm_is_control(code))
			fputc('?', f);
		else
			fwrite(s, n, 1, f);
	}
}

/* json: as it stands in JSON unless quoted; text: for people. */
static void put(struct wm_out *out, const char *key, const char *label, const char *json, const char *text, bool quote)
{
	if (is_json(out)) {
		if (!key)
			return;
		json_member(out, key);
		if (quote)
			json_string(out->f, json);
		else
			fputs(json, out->f);
		return;
	}
	if (!label)
		return;
	text_indent(out);
	fprintf(out->f, "%s: ", label);
	text_value(out->f, text);
	fputc('\n', out->f);
}

void wm_out_str(struct wm_out *out, const char *key, const char *label, const char *value)
{
	put(out, key, label, value ? value : "null", value ? value : "-", value != NULL);
}

void wm_out_uint(struct wm_out *out, const char *key, const char *label, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put(out, key, label, text, text, false);
}

struct real {
	char json[32], text[32];
};

/* People get as many digits as they can use. */
static struct real real_of(double value)
{
	struct real r = { "null", "-" };

	if (value != value) /* NAN */
		return r;
	snprintf(r.json, sizeof(r.json), "%.3f", value);
	snprintf(r.text, sizeof(r.text), "%.*f", value < 100 ? 1 : 0, value);
	return r;
}

void wm_out_real(struct wm_out *out, const char *key, const char *label, double value)
{
	const struct real r = real_of(value);

	put(out, key, label, r.json, r.text, false);
}

void wm_out_bool(struct wm_out *out, const char *key, const char *label, bool value)
{
	put(out, key, label, value ? "true" : "false", value ? "yes" : "no", false);
}

void wm_out_raw(struct wm_out *out, const char *key, const char *json)
{
	put(out, key, NULL, json, NULL, false);
}

void wm_out_line(struct wm_out *out, const char *text)
{
	if (is_json(out))
		return;
	text_indent(out);
	text_value(out->f, text);
	fputc('\n', out->f);
}

static void open_level(struct wm_out *out, const char *key, const char *heading, char bracket)
{
	if (is_json(out)) {
		json_member(out, key);
		fputc(bracket, out->f);
	} else if (heading) {
		text_indent(out);
		text_value(out->f, heading);
		fputc('\n', out->f);
	}
	if (out->depth < DEPTH_MAX - 1)
		out->depth++;
	out->member[out->depth] = false;
	out->heading[out->depth] = heading != NULL;
}

static void close_level(struct wm_out *out, char bracket)
{
	bool any = out->member[out->depth];

	if (out->depth)
		out->depth--;
	if (!is_json(out))
		return;
	if (any && out->format != WM_OUT_JSON_LINE)
		json_break(out, "");
	fputc(bracket, out->f);
}

void wm_out_object(struct wm_out *out, const char *key, const char *heading)
{
	open_level(out, key, heading, '{');
}

void wm_out_object_end(struct wm_out *out)
{
	close_level(out, '}');
}

void wm_out_array(struct wm_out *out, const char *key)
{
	open_level(out, key, NULL, '[');
}

void wm_out_array_end(struct wm_out *out)
{
	close_level(out, ']');
}

/* --- tables ------------------------------------------------------------------------- */

static void text_table(struct wm_out *out)
{
	bool cut = isatty(fileno(out->f)) && !out->uncut;

	out->table = scols_new_table();
	if (!out->table)
		return;
	scols_table_set_stream(out->table, out->f);
	scols_table_set_column_separator(out->table, "  ");
	/* Piped output is for grep: never cut there. */
	scols_table_enable_nowrap(out->table, 1);
	if (!cut)
		scols_table_set_termforce(out->table, SCOLS_TERMFORCE_NEVER);
	for (size_t i = 0; i < out->ncols; i++) {
		const struct wm_col *c = &out->cols[i];
		int flags = (c->flags & WM_COL_RIGHT ? SCOLS_FL_RIGHT : 0) |
			    (c->flags & WM_COL_TRUNC && cut ? SCOLS_FL_TRUNC : 0);

		if (c->header)
			scols_table_new_column(out->table, c->header, 0, flags);
	}
}

void wm_out_table(struct wm_out *out, const char *key, const char *heading, const struct wm_col *cols, size_t ncols)
{
	out->cols = cols;
	out->ncols = ncols < COLS_MAX ? ncols : COLS_MAX;
	out->rows = 0;
	if (is_json(out)) {
		wm_out_array(out, key);
		return;
	}
	if (heading)
		wm_out_line(out, heading);
	text_table(out);
}

void wm_out_row(struct wm_out *out)
{
	if (is_json(out) && out->rows)
		wm_out_object_end(out);
	if (is_json(out))
		wm_out_object(out, NULL, NULL);
	else if (out->table)
		out->line = scols_table_new_line(out->table, NULL);
	out->rows++;
	out->col = out->shown = 0;
}

/* As text_value writes it; NULL: no memory. */
static char *cleaned(const char *text)
{
	char *clean = NULL;
	size_t len;
	FILE *f = open_memstream(&clean, &len);

	if (!f)
		return NULL;
	text_value(f, text);
	if (!fclose(f))
		return clean;
	free(clean);
	return NULL;
}

static void cell(struct wm_out *out, const char *json, const char *text, bool quote)
{
	const struct wm_col *c;
	char *clean = NULL;

	if (out->col >= out->ncols)
		return;
	c = &out->cols[out->col++];
	if (is_json(out)) {
		put(out, c->key, NULL, json, NULL, quote);
		return;
	}
	if (!c->header || !out->line)
		return;
	if (text[plain(text)])
		clean = cleaned(text);
	scols_line_set_data(out->line, out->shown, clean ? clean : text[plain(text)] ? "?" : text);
	out->shown++;
	free(clean);
}

void wm_out_cell_str(struct wm_out *out, const char *value)
{
	cell(out, value ? value : "null", value ? value : "-", value != NULL);
}

void wm_out_cell_uint(struct wm_out *out, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	cell(out, text, text, false);
}

void wm_out_cell_real(struct wm_out *out, double value)
{
	const struct real r = real_of(value);

	cell(out, r.json, r.text, false);
}

void wm_out_cell_bool(struct wm_out *out, bool value)
{
	cell(out, value ? "true" : "false", value ? "yes" : "no", false);
}

void wm_out_table_end(struct wm_out *out, const char *if_empty)
{
	if (is_json(out)) {
		if (out->rows)
			wm_out_object_end(out);
		wm_out_array_end(out);
		return;
	}
	if (!out->rows && if_empty)
		wm_out_line(out, if_empty);
	else if (out->rows && out->table)
		scols_print_table(out->table);
	scols_unref_table(out->table);
	out->table = NULL;
	out->line = NULL;
}
