/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the codec's files share; only they know jansson.
 */
#pragma once

#include <jansson.h>

#include "core/codec.h"

json_t *wm_codec_load(const char *text, size_t len, struct wm_error *err); /* bounded depth, no duplicate keys */
int wm_codec_object(const struct wm_table *table, const json_t *json, void *out, uint32_t *ret_seen,
		    struct wm_error *err);
json_t *wm_codec_encode(const struct wm_table *table, const void *obj, uint32_t mask); /* as wm_encode; the caller's */

static inline void wm_json_decrefp(json_t **json)
{
	json_decref(*json);
}
#define WM_AUTO_JSON __attribute__((cleanup(wm_json_decrefp)))
