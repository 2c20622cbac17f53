/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * core/json.h over jansson: a struct wm_json is a json_t under another name.
 */
#include "core/json.h"

#include <errno.h>
#include <string.h>

#include "core/codec_priv.h"

static const json_t *in(const struct wm_json *value)
{
	return (const json_t *)value;
}

static const struct wm_json *out(const json_t *value)
{
	return (const struct wm_json *)value;
}

int wm_json_load(const char *text, size_t len, struct wm_json **ret, struct wm_error *err)
{
	json_t *root = wm_codec_load(text, len, err);

	if (!root)
		return -EINVAL;
	*ret = (struct wm_json *)root;
	return 0;
}

void wm_json_free(struct wm_json *root)
{
	json_decref((json_t *)root);
}

const struct wm_json *wm_json_get(const struct wm_json *object, const char *key)
{
	return out(json_object_get(in(object), key));
}

bool wm_json_is_list(const struct wm_json *value)
{
	return json_is_array(in(value));
}

size_t wm_json_size(const struct wm_json *list)
{
	return json_array_size(in(list));
}

const struct wm_json *wm_json_at(const struct wm_json *list, size_t i)
{
	return out(json_array_get(in(list), i));
}

const char *wm_json_str(const struct wm_json *value)
{
	return json_string_value(in(value));
}

bool wm_json_uint(const struct wm_json *value, uint64_t *ret)
{
	json_int_t n = json_integer_value(in(value));

	if (!json_is_integer(in(value)) || n < 0 || n > (json_int_t)1 << 53)
		return false;
	*ret = (uint64_t)n;
	return true;
}

bool wm_json_is_null(const struct wm_json *value)
{
	return !value || json_is_null(in(value));
}

bool wm_json_equal(const struct wm_json *a, const struct wm_json *b)
{
	return json_equal(in(a), in(b));
}

int wm_json_decode(const struct wm_table *table, const struct wm_json *object, void *to, struct wm_error *err)
{
	return wm_codec_object(table, in(object), to, NULL, err);
}

const char *wm_json_key(const struct wm_json *object, size_t i)
{
	void *at = json_object_iter((json_t *)object);

	while (at && i--)
		at = json_object_iter_next((json_t *)object, at);
	return at ? json_object_iter_key(at) : NULL;
}

char *wm_json_text(const struct wm_json *value)
{
	if (json_is_string(in(value)))
		return strdup(wm_json_str(value));
	return json_dumps(in(value), JSON_COMPACT | JSON_ENCODE_ANY) ?: strdup("null");
}
