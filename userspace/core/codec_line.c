/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The config and its changes as a stream of lines: the tables of what is in the
 * model, and how a line says of which kind it is.
 */
#include <errno.h>
#include <string.h>

#include "core/codec.h"
#include "core/codec_priv.h"
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

/* What is said of the mesh, in front of all of it and of what has changed. */
#define MESH_FIELDS(strct, in) \
	WM_FIELD(strct, in instance, "instance", WM_FIELD_STRING, WM_FIELD_REQUIRED), \
	WM_FIELD(strct, in generation, "generation", WM_FIELD_UINT, WM_FIELD_REQUIRED), \
	WM_FIELD(strct, in name, "mesh_name", WM_FIELD_STRING, WM_FIELD_REQUIRED), \
	WM_FIELD(strct, in supernet, "supernet", WM_FIELD_PREFIX, WM_FIELD_REQUIRED), \
	WM_FIELD(strct, in self, "self", WM_FIELD_LABEL, WM_FIELD_NULLABLE), \
	WM_FIELD(strct, in mark, "mark", WM_FIELD_STRING, WM_FIELD_NULLABLE)

static const struct wm_field mesh_fields[] = {
	MESH_FIELDS(wm_mesh, ),
};

static const struct wm_field changes_fields[] = {
	MESH_FIELDS(wm_changes, mesh.),
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
	WM_AUTO_JSON json_t *root = wm_codec_load(line, len, err);
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
		WM_AUTO_JSON json_t *object = NULL;

		if (kinds[i].type != type)
			continue;
		object = wm_codec_encode(kinds[i].table, payload, ~0u);
		if (!object || add_derived(type, payload, object))
			return NULL;

		WM_AUTO_JSON json_t *root = json_pack("{sO}", kinds[i].key, object);
		return root ? json_dumps(root, JSON_COMPACT) : NULL;
	}
	return NULL;
}
