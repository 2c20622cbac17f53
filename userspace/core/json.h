/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A JSON document as a tree, to be read: for what has no table because it
 * nests. Values are borrowed from the root; every reader takes NULL and
 * answers that there is nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/codec.h"

struct wm_json; /* a value: object, list, string, number, true, false, null */

/* As strict as wm_decode: no duplicate keys, at most 16 levels. */
int wm_json_load(const char *text, size_t len, struct wm_json **ret, struct wm_error *err);
void wm_json_free(struct wm_json *root); /* NULL-safe */

const struct wm_json *wm_json_get(const struct wm_json *object, const char *key); /* NULL: no such member */
bool wm_json_is_list(const struct wm_json *value);
size_t wm_json_size(const struct wm_json *list);                                  /* 0 when it is no list */
const struct wm_json *wm_json_at(const struct wm_json *list, size_t i);

const char *wm_json_str(const struct wm_json *value); /* NULL: not a string */
bool wm_json_uint(const struct wm_json *value, uint64_t *ret); /* 0..2^53 */
bool wm_json_is_null(const struct wm_json *value); /* null, or not there at all */
bool wm_json_equal(const struct wm_json *a, const struct wm_json *b);

/* A member's value by table, as wm_decode does. */
int wm_json_decode(const struct wm_table *table, const struct wm_json *object, void *out, struct wm_error *err);

/* The members of an object, in order of the text: NULL ends. */
const char *wm_json_key(const struct wm_json *object, size_t i);

/* On one line, a string without its quotes: for people. malloc'd; NULL only without memory. */
char *wm_json_text(const struct wm_json *value);
