/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One walk, two spellings: text for people, JSON for programs.
 *
 * The caller describes an object member by member; in JSON it becomes that
 * object, in text `key: value` lines, headings and tables (libsmartcols,
 * which only output.c knows). Text coming from a registry is never written raw:
 * control characters are escaped in both.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum wm_out_format {
	WM_OUT_TEXT,
	WM_OUT_JSON,
	WM_OUT_JSON_LINE, /* without line breaks: one of many objects, a line each */
};

struct wm_out;

struct wm_out *wm_out_new(FILE *f, enum wm_out_format format); /* NULL: no memory */
void wm_out_uncut(struct wm_out *out); /* tables are whole also where they do not fit the terminal */
int wm_out_end(struct wm_out *out); /* closes everything, flushes, frees; -errno when writing failed */

/* key is the JSON member; label is the text; label NULL: JSON only; key NULL: text only.
 * At the top level and in objects. */
void wm_out_str(struct wm_out *out, const char *key, const char *label, const char *value); /* NULL: null, "-" */
void wm_out_uint(struct wm_out *out, const char *key, const char *label, uint64_t value);
void wm_out_bool(struct wm_out *out, const char *key, const char *label, bool value); /* yes, no */
void wm_out_real(struct wm_out *out, const char *key, const char *label, double value); /* three digits, one; NAN: null, "-" */
void wm_out_raw(struct wm_out *out, const char *key, const char *json); /* JSON only: a value that is JSON already */
void wm_out_line(struct wm_out *out, const char *text); /* text only: a line of prose */

/* A nested object; in text a heading (NULL: none) and indented members. */
void wm_out_object(struct wm_out *out, const char *key, const char *heading);
void wm_out_object_end(struct wm_out *out);
/* An array of objects; each between wm_out_object(out, NULL, heading) and _end. */
void wm_out_array(struct wm_out *out, const char *key);
void wm_out_array_end(struct wm_out *out);

enum { WM_COL_RIGHT = 1, WM_COL_TRUNC = 2 }; /* right-aligned; may be cut to fit the terminal */

struct wm_col {
	const char *key;    /* JSON member of a row; NULL: not in JSON */
	const char *header; /* NULL: not in text */
	unsigned int flags;
};

/* A table: in JSON an array of objects. Cells are given in order of columns. */
void wm_out_table(struct wm_out *out, const char *key, const char *heading, const struct wm_col *cols, size_t ncols);
void wm_out_row(struct wm_out *out);
void wm_out_cell_str(struct wm_out *out, const char *value); /* NULL: null, "-" */
void wm_out_cell_uint(struct wm_out *out, uint64_t value);
void wm_out_cell_real(struct wm_out *out, double value);
void wm_out_cell_bool(struct wm_out *out, bool value);
void wm_out_table_end(struct wm_out *out, const char *if_empty); /* text when there was no row; NULL: nothing */
