/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * JSON at the edges, by table (jansson; only codec*.c know it). What nests
 * deeper than a table says is read as a tree: core/json.h.
 *
 * A table names every key of an object with its type, its place in a struct
 * and whether it must be there. Decoding is strict about what it knows
 * (duplicate keys, wrong types, over-long strings, bad addresses are errors
 * that name the field) and lenient about what it does not (unknown keys are
 * skipped, unknown enum values grant nothing): formats live longer than programs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/model.h"
#include "core/record.h"
#include "core/util.h"

enum wm_field_type {
	WM_FIELD_STRING,   /* char[size]; no NUL, no control characters */
	WM_FIELD_LABEL,    /* char[WM_NAME_SIZE], wm_label_valid */
	WM_FIELD_BOOL,     /* bool */
	WM_FIELD_UINT,     /* uint64_t, 0..2^53 */
	WM_FIELD_IP4,      /* wm_ip4 */
	WM_FIELD_PREFIX,   /* struct wm_prefix */
	WM_FIELD_MAC,      /* struct wm_mac */
	WM_FIELD_KEY,      /* struct wm_key */
	WM_FIELD_ENDPOINT, /* struct wm_endpoint */
	WM_FIELD_HOST_TYPE,   /* uint8_t enum wm_access; "standard", "isolated", else isolated */
	WM_FIELD_DEVICE_TYPE, /* uint8_t enum wm_access; "roaming", "isolated", else isolated */
	WM_FIELD_TIME,     /* int64_t seconds since 1970; RFC 3339, UTC */
};

enum {
	WM_FIELD_REQUIRED = 1, /* decoding fails without it */
	WM_FIELD_NULLABLE = 2, /* null means zero; zero is written as null */
	WM_FIELD_STRICT = 4,   /* unknown enum values are an error (input to the registry, not from it) */
};

struct wm_field {
	const char *key;
	enum wm_field_type type;
	size_t offset;
	size_t size;       /* of a STRING */
	unsigned int flags;
};

struct wm_table {
	const struct wm_field *fields;
	size_t n; /* at most 32 */
};

/* A row for `member` of struct `strct`, and the table of an array of rows. */
#define WM_FIELD(strct, member, key, type, flags) \
	{ key, type, offsetof(struct strct, member), sizeof(((struct strct *)0)->member), flags }
#define WM_TABLE(fields) { fields, WM_ARRAY_LEN(fields) }

/* The tables of the model. */
extern const struct wm_table wm_site_table, wm_host_table, wm_device_table, wm_mesh_table;

/* Decodes one JSON object. *ret_seen (may be NULL) gets bit i for every
 * fields[i] that was present, also as null: what a PATCH may change. Fields that
 * are absent keep what *out held. -EINVAL names the field in err. */
int wm_decode(const struct wm_table *table, const char *json, size_t len, void *out, uint32_t *ret_seen,
	      struct wm_error *err);

/* One object on one line, malloc'd; NULL only without memory. `mask` selects
 * fields (bit i for fields[i]); ~0u: all of them. */
char *wm_encode(const struct wm_table *table, const void *obj, uint32_t mask);

/* One line of a stream of config or changes (docs/api.md) <-> a record of type MESH, SITE,
 * HOST, DEVICE, END, CHANGES or GONE. Lines of unknown kind: 1, to be skipped (but counted). */
int wm_decode_line(const char *line, size_t len, struct wm_record *ret, struct wm_error *err);
char *wm_encode_line(uint16_t type, const void *payload); /* malloc'd, without '\n' */

/* Any JSON text, checked and indented by two; NULL when it is not JSON. malloc'd. */
char *wm_json_pretty(const char *json, size_t len);

/* One string member of an object ("detail" of a problem document), malloc'd; NULL when absent. */
char *wm_json_member(const char *json, size_t len, const char *key);
