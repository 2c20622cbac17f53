/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * JSON objects and structs by table: a value of each type, then the objects.
 */
#include "core/codec.h"

#include <errno.h>
#include <string.h>

#include "core/codec_priv.h"
#include "core/time.h"
#include "core/util.h"

/* --- one value of each type: JSON to memory --------------------------------- */

static int get_string(const char *s, void *to, size_t size)
{
	uint32_t code;

	for (size_t n, at = 0; s[at]; at += n) {
		n = wm_utf8_decode(s + at, &code);
		if (!n || wm_is_control(code))
			return -EINVAL;
	}
	return wm_copy(to, size, s) ? -EINVAL : 0;
}

static int get_label(const char *s, void *to, size_t size)
{
	return wm_label_valid(s) && !wm_copy(to, size, s) ? 0 : -EINVAL;
}

static int get_ip4(const char *s, void *to, size_t size)
{
	(void)size;
	return wm_ip4_parse(s, to);
}

static int get_prefix(const char *s, void *to, size_t size)
{
	(void)size;
	return wm_prefix_parse(s, to);
}

static int get_mac(const char *s, void *to, size_t size)
{
	(void)size;
	return wm_mac_parse(s, to);
}

static int get_key(const char *s, void *to, size_t size)
{
	(void)size;
	return wm_key_parse(s, to);
}

static int get_endpoint(const char *s, void *to, size_t size)
{
	(void)size;
	return wm_endpoint_parse(s, to);
}

static int get_time(const char *s, void *to, size_t size)
{
	(void)size;
	return wm_time_parse(s, to);
}

/* 1: unknown, and the least was granted */
static int get_type(const char *s, void *to, const char *full)
{
	*(uint8_t *)to = strcmp(s, full) ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
	return strcmp(s, full) && strcmp(s, "isolated");
}

static int get_host_type(const char *s, void *to, size_t size)
{
	(void)size;
	return get_type(s, to, "standard");
}

static int get_device_type(const char *s, void *to, size_t size)
{
	(void)size;
	return get_type(s, to, "roaming");
}

/* --- and back; NULL for zero -------------------------------------------------- */

static json_t *put_string(const void *from)
{
	return *(const char *)from ? json_string(from) : NULL;
}

static json_t *put_ip4(const void *from)
{
	char text[WM_IP4_TEXT];

	return *(const wm_ip4 *)from ? json_string(wm_ip4_format(*(const wm_ip4 *)from, text)) : NULL;
}

static json_t *put_prefix(const void *from)
{
	char text[WM_PREFIX_TEXT];

	return json_string(wm_prefix_format(*(const struct wm_prefix *)from, text));
}

static json_t *put_mac(const void *from)
{
	static const struct wm_mac none;
	char text[WM_MAC_TEXT];

	return memcmp(from, &none, sizeof(none)) ? json_string(wm_mac_format(from, text)) : NULL;
}

static json_t *put_key(const void *from)
{
	char text[WM_KEY_TEXT];

	return wm_key_is_zero(from) ? NULL : json_string(wm_key_format(from, text));
}

static json_t *put_endpoint(const void *from)
{
	char text[WM_ENDPOINT_TEXT];

	return *wm_endpoint_format(from, text) ? json_string(text) : NULL;
}

static json_t *put_time(const void *from)
{
	char text[WM_TIME_TEXT];

	return *wm_time_format(*(const int64_t *)from, text) ? json_string(text) : NULL;
}

static json_t *put_host_type(const void *from)
{
	return json_string(wm_host_type_name(*(const uint8_t *)from));
}

static json_t *put_device_type(const void *from)
{
	return json_string(wm_device_type_name(*(const uint8_t *)from));
}

static json_t *put_bool(const void *from)
{
	return json_boolean(*(const bool *)from);
}

static json_t *put_uint(const void *from)
{
	return json_integer((json_int_t)*(const uint64_t *)from);
}

static const struct {
	int (*get)(const char *s, void *to, size_t size); /* of a JSON string; NULL: another JSON type */
	json_t *(*put)(const void *from);
	const char *what;
} types[] = {
	[WM_FIELD_STRING] = { get_string, put_string, "text without control characters, of limited length" },
	[WM_FIELD_LABEL] = { get_label, put_string, "a name of a-z, 0-9 and '-', at most 63 characters" },
	[WM_FIELD_BOOL] = { NULL, put_bool, "true or false" },
	[WM_FIELD_UINT] = { NULL, put_uint, "a whole number" },
	[WM_FIELD_IP4] = { get_ip4, put_ip4, "an IPv4 address like 192.168.1.10" },
	[WM_FIELD_PREFIX] = { get_prefix, put_prefix, "an IPv4 prefix like 172.30.2.0/24 (no host bits)" },
	[WM_FIELD_MAC] = { get_mac, put_mac, "a unicast MAC address like 02:00:00:12:34:56" },
	[WM_FIELD_KEY] = { get_key, put_key, "a WireGuard key (44 characters of base64)" },
	[WM_FIELD_ENDPOINT] = { get_endpoint, put_endpoint, "ADDRESS:PORT like 198.51.100.7:51820 or [2001:db8::7]:51820" },
	[WM_FIELD_HOST_TYPE] = { get_host_type, put_host_type, "\"standard\" or \"isolated\"" },
	[WM_FIELD_DEVICE_TYPE] = { get_device_type, put_device_type, "\"roaming\" or \"isolated\"" },
	[WM_FIELD_TIME] = { get_time, put_time, "a time like 2026-01-02T03:04:05Z" },
};

/* --- objects -------------------------------------------------------------------- */

static int bad_field(const struct wm_field *f, struct wm_error *err)
{
	return wm_fail_field(err, EINVAL, f->key, "'%s' must be %s%s", f->key, types[f->type].what,
			     f->flags & WM_FIELD_NULLABLE ? ", or null" : "");
}

static int decode_field(const struct wm_field *f, const json_t *value, char *out, struct wm_error *err)
{
	void *to = out + f->offset;
	/* Aside, so that a bad value leaves what was there. */
	union {
		char bytes[WM_RECORD_MAX];
		uint64_t align;
	} aside;
	int rc;

	if (json_is_null(value) && (f->flags & WM_FIELD_NULLABLE)) {
		memset(to, 0, f->size);
		return 0;
	}
	if (f->type == WM_FIELD_BOOL && json_is_boolean(value)) {
		*(bool *)to = json_is_true(value);
		return 0;
	}
	if (f->type == WM_FIELD_UINT && json_is_integer(value) && json_integer_value(value) >= 0 &&
	    json_integer_value(value) <= (json_int_t)1 << 53) {
		*(uint64_t *)to = (uint64_t)json_integer_value(value);
		return 0;
	}
	if (!json_is_string(value) || !types[f->type].get || f->size > sizeof(aside) ||
	    strlen(json_string_value(value)) != json_string_length(value))
		return bad_field(f, err);
	memset(&aside, 0, f->size);
	rc = types[f->type].get(json_string_value(value), &aside, f->size);
	if (rc < 0 || (rc && (f->flags & WM_FIELD_STRICT)))
		return bad_field(f, err);
	memcpy(to, &aside, f->size);
	return 0;
}

int wm_codec_object(const struct wm_table *table, const json_t *json, void *out, uint32_t *ret_seen,
		    struct wm_error *err)
{
	uint32_t seen = 0;

	if (!json_is_object(json))
		return wm_fail(err, EINVAL, "expected a JSON object");
	for (size_t i = 0; i < table->n; i++) {
		const struct wm_field *f = &table->fields[i];
		const json_t *value = json_object_get(json, f->key);
		int rc;

		if (!value && (f->flags & WM_FIELD_REQUIRED))
			return wm_fail_field(err, EINVAL, f->key, "'%s' is missing; it must be %s", f->key,
					     types[f->type].what);
		if (!value)
			continue;
		rc = decode_field(f, value, out, err);
		if (rc)
			return rc;
		seen |= 1u << i;
	}
	if (ret_seen)
		*ret_seen = seen;
	return 0;
}

/* Nesting is counted before parsing: jansson takes 80 times the text for "[{},{},...". */
static bool too_deep(const char *text, size_t len)
{
	int depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				quoted = false;
		} else if (text[i] == '"') {
			quoted = true;
		} else if ((text[i] == '{' || text[i] == '[') && ++depth > 16) {
			return true;
		} else if (text[i] == '}' || text[i] == ']') {
			depth--;
		}
	}
	return false;
}

json_t *wm_codec_load(const char *text, size_t len, struct wm_error *err)
{
	json_error_t why;
	json_t *json;

	if (too_deep(text, len)) {
		wm_fail(err, EINVAL, "JSON nested more than 16 levels deep");
		return NULL;
	}
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		wm_fail(err, EINVAL, "not valid JSON: line %d, column %d: %s", why.line, why.column, why.text);
	return json;
}

int wm_decode(const struct wm_table *table, const char *json, size_t len, void *out, uint32_t *ret_seen,
	      struct wm_error *err)
{
	WM_AUTO_JSON json_t *root = wm_codec_load(json, len, err);

	return root ? wm_codec_object(table, root, out, ret_seen, err) : -EINVAL;
}

json_t *wm_codec_encode(const struct wm_table *table, const void *obj, uint32_t mask)
{
	json_t *root = json_object();

	for (size_t i = 0; root && i < table->n; i++) {
		const struct wm_field *f = &table->fields[i];
		json_t *value;

		if (!(mask & 1u << i))
			continue;
		value = types[f->type].put((const char *)obj + f->offset);
		if (!value)
			value = f->flags & WM_FIELD_NULLABLE ? json_null() : json_string("");
		if (json_object_set_new(root, f->key, value)) {
			json_decref(root);
			return NULL;
		}
	}
	return root;
}

char *wm_encode(const struct wm_table *table, const void *obj, uint32_t mask)
{
	WM_AUTO_JSON json_t *root = wm_codec_encode(table, obj, mask);

	return root ? json_dumps(root, JSON_COMPACT) : NULL;
}

/* --- any text --------------------------------------------------------------------- */

char *wm_json_pretty(const char *json, size_t len)
{
	WM_AUTO_JSON json_t *root = wm_codec_load(json, len, NULL);

	return root ? json_dumps(root, JSON_INDENT(2)) : NULL;
}

char *wm_json_member(const char *json, size_t len, const char *key)
{
	WM_AUTO_JSON json_t *root = wm_codec_load(json, len, NULL);
	const char *value = json_string_value(json_object_get(root, key));

	return value ? strdup(value) : NULL;
}
