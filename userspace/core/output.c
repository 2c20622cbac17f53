/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/output.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <stdio_ext.h>
#endif

#include "core/name.h"
#include "core/writer.h"

#define DEPTH_MAX 16
#define COLS_MAX 24

struct wm_out {
	FILE *f; /* of text; that of JSON goes through json */
	struct wm_writer json;
	enum wm_out_format format;
	bool uncut;
	int depth;               /* of JSON nesting, and of text indentation */
	bool member[DEPTH_MAX];  /* this level has a member already */
	bool heading[DEPTH_MAX]; /* this level indents its text */
	/* the table being built */
	struct libscols_table *table;
	struct libscols_line *line;
	bool plain; /* all of it so far */
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
	wm_writer_open(&out->json, f);
	if (is_json(out))
		wm_puts(&out->json, "{");
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
		wm_puts(&out->json, out->format == WM_OUT_JSON_LINE ? "}\n" : "\n}\n");
	wm_writer_flush(&out->json);
	rc = fflush(out->f) || ferror(out->f) ? -(errno ? errno : EIO) : 0;
	free(out);
	return rc;
}

/* What is not UTF-8 would make the whole document invalid. */
static void json_string(struct wm_writer *w, const char *s)
{
	uint32_t code;
	char escape[8];

	wm_puts(w, "\"");
	for (s = wm_put_plain(w, s); *s; s = wm_put_plain(w, s)) {
		size_t n = wm_utf8_decode(s, &code);

		if (!n)
			wm_puts(w, "\\ufffd");
		else if (wm_is_control(code))
			wm_put(w, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", code & 0xff));
		else if (code == '"' || code == '\\')
			wm_puts(w, code == '"' ? "\\\"" : "\\\\");
		else
			wm_put(w, s, n);
		s += n ? n : 1;
	}
	wm_puts(w, "\"");
}

static void json_break(struct wm_out *out, bool comma)
{
	static const char text[] = ",\n                                ";

	_Static_assert(sizeof(text) == 3 + 2 * DEPTH_MAX, "deep enough");
	wm_put(&out->json, text + !comma, (size_t)comma + 1 + 2 * ((size_t)out->depth + 1));
}

/* Comma, line break, indentation and key of the next member. */
static void json_member(struct wm_out *out, const char *key)
{
	bool *member = &out->member[out->depth];

	if (out->format != WM_OUT_JSON_LINE)
		json_break(out, *member);
	else if (*member)
		wm_puts(&out->json, ", ");
	*member = true;
	if (key) {
		json_string(&out->json, key);
		wm_puts(&out->json, ": ");
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
			json_string(&out->json, json);
		else
			wm_puts(&out->json, json);
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
	char text[WM_UINT_TEXT];

	wm_uint_format(value, text);
	put(out, key, label, text, text, false);
}

/* People get as many digits as they can use. */
static const char *real_text(const struct wm_out *out, double value, char buf[WM_REAL_TEXT])
{
	if (value != value) /* NAN */
		return is_json(out) ? "null" : "-";
	wm_real_format(value, is_json(out) ? 3 : value < 100 ? 1 : 0, buf);
	return buf;
}

void wm_out_real(struct wm_out *out, const char *key, const char *label, double value)
{
	char buf[WM_REAL_TEXT];
	const char *text = real_text(out, value, buf);

	put(out, key, label, text, text, false);
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
		wm_put(&out->json, &bracket, 1);
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
		json_break(out, false);
	wm_put(&out->json, &bracket, 1);
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
	out->plain = true;
	if (!cut)
		scols_table_set_termforce(out->table, SCOLS_TERMFORCE_NEVER);
	for (size_t i = 0; i < out->ncols; i++) {
		const struct wm_col *c = &out->cols[i];
		int flags = (c->flags & WM_COL_RIGHT ? SCOLS_FL_RIGHT : 0) |
			    (c->flags & WM_COL_TRUNC && cut ? SCOLS_FL_TRUNC : 0);

		if (!c->header)
			continue;
		out->plain &= !*wm_skip_plain(c->header);
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

/* The column of the next cell; NULL: this form does not show it. */
static const struct wm_col *next_col(struct wm_out *out)
{
	const struct wm_col *c = out->col < out->ncols ? &out->cols[out->col++] : NULL;

	return c && (is_json(out) ? c->key : c->header) ? c : NULL;
}

static void cell(struct wm_out *out, const struct wm_col *c, const char *text, bool quote)
{
	char *clean = NULL;

	if (is_json(out)) {
		put(out, c->key, NULL, text, NULL, quote);
		return;
	}
	if (!out->line)
		return;
	if (*wm_skip_plain(text)) {
		out->plain = false;
		clean = strdup(text);
		if (clean)
			wm_printable(clean);
		text = clean ? clean : "?";
	}
	scols_line_set_data(out->line, out->shown, text);
	out->shown++;
	free(clean);
}

void wm_out_cell_str(struct wm_out *out, const char *value)
{
	const struct wm_col *c = next_col(out);

	if (c)
		cell(out, c, value ? value : is_json(out) ? "null" : "-", value != NULL);
}

void wm_out_cell_uint(struct wm_out *out, uint64_t value)
{
	const struct wm_col *c = next_col(out);
	char text[WM_UINT_TEXT];

	if (!c)
		return;
	if (is_json(out)) { /* there may be a million of them */
		json_member(out, c->key);
		wm_put_uint(&out->json, value);
		return;
	}
	wm_uint_format(value, text);
	cell(out, c, text, false);
}

void wm_out_cell_real(struct wm_out *out, double value)
{
	const struct wm_col *c = next_col(out);
	char buf[WM_REAL_TEXT];

	if (c)
		cell(out, c, real_text(out, value, buf), false);
}

void wm_out_cell_bool(struct wm_out *out, bool value)
{
	const struct wm_col *c = next_col(out);

	if (c)
		cell(out, c, is_json(out) ? (value ? "true" : "false") : value ? "yes" : "no", false);
}

void wm_out_table_end(struct wm_out *out, const char *if_empty)
{
	if (is_json(out)) {
		if (out->rows)
			wm_out_object_end(out);
		wm_out_array_end(out);
		return;
	}
	/* Plain text is the same encoded: looking at each character once more is most of the work. */
	if (out->table && out->plain)
		scols_table_enable_noencoding(out->table, 1);
	if (!out->rows && if_empty)
		wm_out_line(out, if_empty);
	else if (out->rows && out->table)
		scols_print_table(out->table);
	scols_unref_table(out->table);
	out->table = NULL;
	out->line = NULL;
}
