/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/objects.h"

#include <errno.h>
#include <string.h>

#include "core/codec.h"
#include "core/util.h"

#define FIELD(member, key, type, flags) WM_FIELD(object, member, key, type, flags)

/* The members of a request; `must`: those a new object cannot do without. */
#define SITE_FIELDS(must) \
	FIELD(site.domain, "domain", WM_FIELD_LABEL, must), \
	FIELD(site.subnet, "subnet", WM_FIELD_PREFIX, WM_FIELD_NULLABLE), \
	FIELD(site.hub, "is_hub", WM_FIELD_BOOL, 0), \
	FIELD(site.public_key, "public_key", WM_FIELD_KEY, WM_FIELD_NULLABLE), \
	FIELD(site.endpoint, "endpoint", WM_FIELD_ENDPOINT, WM_FIELD_NULLABLE)
#define HOST_FIELDS(must) \
	FIELD(host.name, "name", WM_FIELD_LABEL, must), \
	FIELD(host.domain, "domain", WM_FIELD_LABEL, must), \
	FIELD(host.overlay, "wg_ip", WM_FIELD_IP4, WM_FIELD_NULLABLE), \
	FIELD(host.local, "local_ip", WM_FIELD_IP4, must), \
	FIELD(host.access, "type", WM_FIELD_HOST_TYPE, WM_FIELD_STRICT), \
	FIELD(host.mac, "mac", WM_FIELD_MAC, WM_FIELD_NULLABLE)
#define DEVICE_FIELDS(must) \
	FIELD(device.name, "name", WM_FIELD_LABEL, must), \
	FIELD(device.overlay, "wg_ip", WM_FIELD_IP4, WM_FIELD_NULLABLE), \
	FIELD(device.access, "type", WM_FIELD_DEVICE_TYPE, WM_FIELD_STRICT), \
	FIELD(device.public_key, "public_key", WM_FIELD_KEY, WM_FIELD_NULLABLE)

static const struct wm_field site_new[] = { SITE_FIELDS(WM_FIELD_REQUIRED) };
static const struct wm_field host_new[] = { HOST_FIELDS(WM_FIELD_REQUIRED) };
static const struct wm_field device_new[] = { DEVICE_FIELDS(WM_FIELD_REQUIRED) };
static const struct wm_field site_patch[] = { SITE_FIELDS(0) };
static const struct wm_field host_patch[] = { HOST_FIELDS(0) };
static const struct wm_field device_patch[] = { DEVICE_FIELDS(0) };

static const struct wm_field site_out[] = {
	FIELD(site.domain, "domain", WM_FIELD_LABEL, 0),
	FIELD(site.subnet, "subnet", WM_FIELD_PREFIX, 0),
	FIELD(gateway, "gateway", WM_FIELD_IP4, 0),
	FIELD(site.hub, "is_hub", WM_FIELD_BOOL, 0),
	FIELD(site.public_key, "public_key", WM_FIELD_KEY, WM_FIELD_NULLABLE),
	FIELD(site.endpoint, "endpoint", WM_FIELD_ENDPOINT, WM_FIELD_NULLABLE),
	FIELD(site.preshared, "preshared", WM_FIELD_BOOL, 0),
	FIELD(site.preshared_key, "preshared_key", WM_FIELD_KEY, WM_FIELD_NULLABLE),
};
#define SITE_PRESHARED_KEY (1u << 7)
static const struct wm_field host_out[] = {
	FIELD(host.name, "name", WM_FIELD_LABEL, 0),
	FIELD(host.domain, "domain", WM_FIELD_LABEL, 0),
	FIELD(host.overlay, "wg_ip", WM_FIELD_IP4, 0),
	FIELD(host.local, "local_ip", WM_FIELD_IP4, WM_FIELD_NULLABLE),
	FIELD(host.access, "type", WM_FIELD_HOST_TYPE, 0),
	FIELD(host.mac, "mac", WM_FIELD_MAC, WM_FIELD_NULLABLE),
};
static const struct wm_field device_out[] = {
	FIELD(device.name, "name", WM_FIELD_LABEL, 0),
	FIELD(hub, "domain", WM_FIELD_LABEL, WM_FIELD_NULLABLE),
	FIELD(device.overlay, "wg_ip", WM_FIELD_IP4, 0),
	FIELD(device.access, "type", WM_FIELD_DEVICE_TYPE, 0),
	FIELD(device.public_key, "public_key", WM_FIELD_KEY, WM_FIELD_NULLABLE),
};

static const struct {
	const char *name, *plural;
	struct wm_table create, patch, out;
} kinds[OBJECT_KINDS] = {
	[OBJECT_SITE] = { "site", "sites", WM_TABLE(site_new), WM_TABLE(site_patch), WM_TABLE(site_out) },
	[OBJECT_HOST] = { "host", "hosts", WM_TABLE(host_new), WM_TABLE(host_patch), WM_TABLE(host_out) },
	[OBJECT_DEVICE] = { "device", "devices", WM_TABLE(device_new), WM_TABLE(device_patch), WM_TABLE(device_out) },
};

const char *object_kind_name(enum object_kind kind)
{
	return kinds[kind].name;
}

bool object_kind_parse(const char *name, enum object_kind *ret)
{
	for (enum object_kind kind = 0; kind < OBJECT_KINDS; kind++) {
		if (!strcmp(kinds[kind].name, name)) {
			*ret = kind;
			return true;
		}
	}
	return false;
}

const char *object_kind_plural(enum object_kind kind)
{
	return kinds[kind].plural;
}

int object_key_parse(enum object_kind kind, const char *text, struct object_key *ret)
{
	*ret = (struct object_key){ .kind = kind };
	if (kind == OBJECT_HOST)
		return wm_fqdn_split(text, ret->name, ret->domain);
	return wm_label_valid(text) ? wm_copy(ret->name, sizeof(ret->name), text) : -EINVAL;
}

void object_key_of(const struct object *object, struct object_key *ret)
{
	*ret = (struct object_key){ .kind = object->kind };
	if (object->kind == OBJECT_SITE) {
		memcpy(ret->name, object->site.domain, WM_NAME_SIZE);
	} else if (object->kind == OBJECT_HOST) {
		memcpy(ret->name, object->host.name, WM_NAME_SIZE);
		memcpy(ret->domain, object->host.domain, WM_NAME_SIZE);
	} else {
		memcpy(ret->name, object->device.name, WM_NAME_SIZE);
	}
}

const char *object_name(const struct object_key *key, char *buf)
{
	wm_format(buf, OBJECT_NAME_SIZE, "%s%s%s", key->name, *key->domain ? "." : "", key->domain);
	return buf;
}

const char *object_title(const struct object_key *key, char *buf)
{
	wm_format(buf, OBJECT_TITLE_SIZE, "%s '%s%s%s'", kinds[key->kind].name, key->name, *key->domain ? "." : "",
		  key->domain);
	return buf;
}

/* "0.0.0.0/0" and "0.0.0.0" would read as "left to the registry", which null or leaving out says. */
static int refuse_zero(const struct object *object, const char *json, size_t len, struct wm_error *err)
{
	const char *key = object->kind == OBJECT_SITE ? "subnet" : "wg_ip";
	bool zero = object->kind == OBJECT_SITE	  ? !object->site.subnet.len
		    : object->kind == OBJECT_HOST ? !object->host.overlay
						  : !object->device.overlay;
	WM_AUTO_FREE char *text = zero ? wm_json_member(json, len, key) : NULL;

	if (text)
		return wm_fail_field(err, EINVAL, key, "'%s' cannot be %.40s; leave it out to get a free one", key, text);
	return 0;
}

static int decode(const struct wm_table *table, const char *json, size_t len, struct object *io, uint32_t *ret_seen,
		  struct wm_error *err)
{
	static const struct wm_mac none;
	struct object object = *io;
	int rc = wm_decode(table, json, len, &object, ret_seen, err);

	if (!rc)
		rc = refuse_zero(&object, json, len, err);
	if (rc)
		return rc;
	if (object.kind == OBJECT_HOST)
		object.host.has_mac = memcmp(&object.host.mac, &none, sizeof(none)) != 0;
	*io = object;
	return 0;
}

int object_decode_wish(enum object_kind kind, const char *json, size_t len, struct object *ret, uint32_t *ret_seen,
		       struct wm_error *err)
{
	struct object object = { .kind = kind };
	int rc;

	if (kind == OBJECT_HOST)
		object.host.access = WM_ACCESS_FULL;
	if (kind == OBJECT_DEVICE)
		object.device.access = WM_ACCESS_FULL;
	rc = decode(&kinds[kind].create, json, len, &object, ret_seen, err);
	if (!rc)
		*ret = object;
	return rc;
}

int object_decode_new(enum object_kind kind, const char *json, size_t len, struct object *ret, struct wm_error *err)
{
	return object_decode_wish(kind, json, len, ret, NULL, err);
}

void object_keep(struct object *io, const struct object *old, uint32_t seen)
{
	const struct wm_table *table = &kinds[io->kind].create;

	for (size_t i = 0; i < table->n; i++) {
		const struct wm_field *f = &table->fields[i];
		bool left = (f->type == WM_FIELD_PREFIX && !io->site.subnet.len) ||
			    (f->type == WM_FIELD_IP4 && !*(const wm_ip4 *)(const void *)((const char *)io + f->offset));

		if (left || !(seen & 1u << i))
			memcpy((char *)io + f->offset, (const char *)old + f->offset, f->size);
		if (f->type == WM_FIELD_MAC && !(seen & 1u << i))
			io->host.has_mac = old->host.has_mac;
	}
	if (io->kind == OBJECT_SITE)
		io->site.preshared = old->site.preshared; /* its gateway's to say */
}

bool object_equal(const struct object *a, const struct object *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == OBJECT_SITE)
		return wm_site_equal(&a->site, &b->site);
	return a->kind == OBJECT_HOST ? wm_host_equal(&a->host, &b->host) : wm_device_equal(&a->device, &b->device);
}

int object_decode_patch(struct object *io, const char *json, size_t len, struct wm_error *err)
{
	return decode(&kinds[io->kind].patch, json, len, io, NULL, err);
}

char *object_encode(const struct object *object)
{
	uint32_t mask = ~0u;

	if (object->kind == OBJECT_SITE && wm_key_is_zero(&object->site.preshared_key))
		mask &= ~SITE_PRESHARED_KEY;
	return wm_encode(&kinds[object->kind].out, object, mask);
}

char *object_encode_wish(const struct object *object)
{
	return wm_encode(&kinds[object->kind].create, object, ~0u);
}

void object_veil(struct object *object, const char *site, bool is_hub)
{
	if (object->kind == OBJECT_HOST && strcmp(object->host.domain, site)) {
		object->host.local = 0;
		object->host.mac = (struct wm_mac){ 0 };
		object->host.has_mac = false;
	}
	if (object->kind == OBJECT_DEVICE && !is_hub)
		object->device.public_key = (struct wm_key){ 0 };
}
