/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/codec.h"

#include <errno.h>
#include <string.h>

#include "core/codec_priv.h"
#include "core/time.h"
#include "core/util.h"

static const struct wm_field site_fields[] = {
	WM_FIELD(wm_site, domain, "domain", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(wm_site, subnet, "subnet", WM_FIELD_PREFIX, WM_FIELD_REQUIRED),
	WM_FIELD(wm_site, hub, "is_hub", WM_FIELD_BOOL, 0),
	WM_FIELD(wm_site, public_key, "public_key", WM_FIELD_KEY, WM_FIELD_NULLABLE),
	WM_FIELD(wm_site, endpoint, "endpoint", WM_FIELD_ENDPOINT, WM_FIELD_NULLABLE),
	WM_FIELD(wm_site, preshared_key, "preshared_key", WM_FIELD_KEY, WM_FIELD_NULLABLE),
};

static const struct wm_field host_fields[] = {
	WM_FIELD(wm_host, name, "name", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(wm_host, domain, "domain", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(wm_host, overlay, "wg_ip", WM_FIELD_IP4, WM_FIELD_REQUIRED),
	WM_FIELD(wm_host, local, "local_ip", WM_FIELD_IP4, WM_FIELD_NULLABLE),
	WM_FIELD(wm_host, access, "type", WM_FIELD_HOST_TYPE, 0),
	WM_FIELD(wm_host, mac, "mac", WM_FIELD_MAC, WM_FIELD_NULLABLE),
};

static const struct wm_field device_fields[] = {
	WM_FIELD(wm_device, name, "name", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(wm_device, overlay, "wg_ip", WM_FIELD_IP4, WM_FIELD_REQUIRED),
	WM_FIELD(wm_device, access, "type", WM_FIELD_DEVICE_TYPE, 0),
	WM_FIELD(wm_device, public_key, "public_key", WM_FIELD_KEY, WM_FIELD_NULLABLE),
};

static const struct wm_field mesh_fields[] = {
	WM_FIELD(wm_mesh, instance, "instance", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(wm_mesh, generation, "generation", WM_FIELD_UINT, WM_FIELD_REQUIRED),
	WM_FIELD(wm_mesh, name, "mesh_name", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(wm_mesh, supernet, "supernet", WM_FIELD_PREFIX, WM_FIELD_REQUIRED),
	WM_FIELD(wm_mesh, self, "self", WM_FIELD_LABEL, WM_FIELD_NULLABLE),
	WM_FIELD(wm_mesh, mark, "mark", WM_FIELD_STRING, WM_FIELD_NULLABLE),
};

static const struct wm_field changes_fields[] = {
	WM_FIELD(wm_changes, mesh.instance, "instance", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(wm_changes, mesh.generation, "generation", WM_FIELD_UINT, WM_FIELD_REQUIRED),
	WM_FIELD(wm_changes, mesh.name, "mesh_name", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(wm_changes, mesh.supernet, "supernet", WM_FIELD_PREFIX, WM_FIELD_REQUIRED),
	WM_FIELD(wm_changes, mesh.self, "self", WM_FIELD_LABEL, WM_FIELD_NULLABLE),
	WM_FIELD(wm_changes, mesh.mark, "mark", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(wm_changes, after, "after", WM_FIELD_UINT, WM_FIELD_REQUIRED),
};

static const struct wm_field gone_fields[] = {
	WM_FIELD(wm_gone, kind, "kind", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(wm_gone, name, "name", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(wm_gone, domain, "domain", WM_FIELD_LABEL, WM_FIELD_NULLABLE),
};

static const struct wm_field end_fields[] = {
	WM_FIELD(wm_record_end, generation, "generation", WM_FIELD_UINT, WM_FIELD_REQUIRED),
	WM_FIELD(wm_record_end, count, "count", WM_FIELD_UINT, WM_FIELD_REQUIRED),
};

const struct wm_table wm_site_table = WM_TABLE(site_fields);
const struct wm_table wm_host_table = WM_TABLE(host_fields);
const struct wm_table wm_device_table = WM_TABLE(device_fields);
const struct wm_table wm_mesh_table = WM_TABLE(mesh_fields);
static const struct wm_table end_table = WM_TABLE(end_fields);
static const struct wm_table changes_table = WM_TABLE(changes_fields);
static const struct wm_table gone_table = WM_TABLE(gone_fields);

static void decrefp(json_t **json)
{
	json_decref(*json);
}
#define AUTO_JSON __attribute__((cleanup(decrefp))) json_t *

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
	AUTO_JSON root = wm_codec_load(json, len, err);

	return root ? wm_codec_object(table, root, out, ret_seen, err) : -EINVAL;
}

static json_t *encode_object(const struct wm_table *table, const void *obj, uint32_t mask)
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
	AUTO_JSON root = encode_object(table, obj, mask);

	return root ? json_dumps(root, JSON_COMPACT) : NULL;
}

/* --- lines of a config stream ------------------------------------------------------ */

static const struct {
	const char *key;
	uint16_t type;
	const struct wm_table *table;
	size_t size;
} kinds[] = {
	{ "mesh", WM_RECORD_MESH, &wm_mesh_table, sizeof(struct wm_mesh) },
	{ "site", WM_RECORD_SITE, &wm_site_table, sizeof(struct wm_site) },
	{ "host", WM_RECORD_HOST, &wm_host_table, sizeof(struct wm_host) },
	{ "device", WM_RECORD_DEVICE, &wm_device_table, sizeof(struct wm_device) },
	{ "end", WM_RECORD_END, &end_table, sizeof(struct wm_record_end) },
	{ "changes", WM_RECORD_CHANGES, &changes_table, sizeof(struct wm_changes) },
	{ "gone", WM_RECORD_GONE, &gone_table, sizeof(struct wm_gone) },
};

#define STREAM_VERSION 1

/* No feature has a name yet, so any that is required is one we lack. */
static int decode_header(const json_t *header, struct wm_error *err)
{
	const json_t *version = json_object_get(header, "version"), *requires = json_object_get(header, "requires");

	if (!json_is_integer(version) || json_integer_value(version) != STREAM_VERSION)
		return wm_fail_field(err, EINVAL, "version", "the registry speaks another version of the config stream; update wm");
	if (requires && !json_is_array(requires))
		return wm_fail_field(err, EINVAL, "requires", "'requires' must be a list of names");
	if (json_array_size(requires))
		return wm_fail_field(err, EINVAL, "requires", "the config needs feature '%.40s', which this version does not have; update wm",
				     json_string_value(json_array_get(requires, 0)) ?: "?");
	return 0;
}

static bool known_kind(const char *kind)
{
	return !strcmp(kind, "site") || !strcmp(kind, "host") || !strcmp(kind, "device");
}

int wm_decode_line(const char *line, size_t len, struct wm_record *ret, struct wm_error *err)
{
	AUTO_JSON root = wm_codec_load(line, len, err);
	struct wm_record record = { 0 };

	if (!root)
		return -EINVAL;
	if (!json_is_object(root))
		return wm_fail(err, EINVAL, "a line of the config stream is not a JSON object");
	for (size_t i = 0; i < WM_ARRAY_LEN(kinds); i++) {
		const json_t *value = json_object_get(root, kinds[i].key);
		int rc = 0;

		if (!value)
			continue;
		if (kinds[i].type == WM_RECORD_MESH || kinds[i].type == WM_RECORD_CHANGES)
			rc = decode_header(value, err);
		if (!rc)
			rc = wm_codec_object(kinds[i].table, value, record.byte, NULL, err);
		if (rc)
			return rc;
		record.type = kinds[i].type;
		if (record.type == WM_RECORD_GONE && !known_kind(record.gone.kind))
			return 1;
		record.len = (uint32_t)kinds[i].size;
		if (record.type == WM_RECORD_HOST)
			record.host.has_mac = json_is_string(json_object_get(value, "mac"));
		*ret = record;
		return 0;
	}
	return 1;
}

/* What is derived, for readers that do not want to compute. */
static int add_derived(uint16_t type, const void *payload, json_t *object)
{
	char text[WM_IP4_TEXT];

	if (type == WM_RECORD_MESH || type == WM_RECORD_CHANGES)
		return json_object_set_new(object, "version", json_integer(STREAM_VERSION)) ||
		       json_object_set_new(object, "requires", json_array());
	if (type == WM_RECORD_SITE)
		return json_object_set_new(object, "gateway", json_string(wm_ip4_format(wm_site_gateway(payload), text)));
	return 0;
}

char *wm_encode_line(uint16_t type, const void *payload)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(kinds); i++) {
		AUTO_JSON object = NULL;

		if (kinds[i].type != type)
			continue;
		object = encode_object(kinds[i].table, payload, ~0u);
		if (!object || add_derived(type, payload, object))
			return NULL;

		AUTO_JSON root = json_pack("{sO}", kinds[i].key, object);
		return root ? json_dumps(root, JSON_COMPACT) : NULL;
	}
	return NULL;
}

char *wm_json_pretty(const char *json, size_t len)
{
	AUTO_JSON root = wm_codec_load(json, len, NULL);

	return root ? json_dumps(root, JSON_INDENT(2)) : NULL;
}

char *wm_json_member(const char *json, size_t len, const char *key)
{
	AUTO_JSON root = wm_codec_load(json, len, NULL);
	const char *value = json_string_value(json_object_get(root, key));

	return value ? strdup(value) : NULL;
}
