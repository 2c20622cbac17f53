/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sites, hosts and devices as the API shows them: one struct, one table of
 * members for each kind. What all three share (routes, store, audit) is
 * written once over this.
 */
#pragma once

#include <stdbool.h>

#include "core/model.h"

enum object_kind { OBJECT_SITE, OBJECT_HOST, OBJECT_DEVICE, OBJECT_KINDS };

struct object {
	enum object_kind kind;
	union {
		struct wm_site site;
		struct wm_host host;
		struct wm_device device;
	};
	/* derived, on the way out */
	wm_ip4 gateway;         /* of a site */
	char hub[WM_NAME_SIZE]; /* a device's domain */
};

/* What a URL names: a site's domain, a host's name and domain, a device's name. */
struct object_key {
	enum object_kind kind;
	char name[WM_NAME_SIZE];   /* a site's domain too */
	char domain[WM_NAME_SIZE]; /* hosts only */
};

#define OBJECT_NAME_SIZE WM_FQDN_SIZE
#define OBJECT_TITLE_SIZE (WM_FQDN_SIZE + 16)

const char *object_kind_name(enum object_kind kind);   /* "site" */
bool object_kind_parse(const char *name, enum object_kind *ret);
const char *object_kind_plural(enum object_kind kind); /* "sites" */

int object_key_parse(enum object_kind kind, const char *text, struct object_key *ret); /* "nas.b"; -EINVAL */
void object_key_of(const struct object *object, struct object_key *ret);
const char *object_name(const struct object_key *key, char *buf);  /* "nas.b"; buf: OBJECT_NAME_SIZE */
const char *object_title(const struct object_key *key, char *buf); /* "host 'nas.b'"; buf: OBJECT_TITLE_SIZE */

/* From a request. New ones need their names; what may be left to the registry
 * (subnet, wg_ip) is then zero. A patch changes only the members it has. */
int object_decode_new(enum object_kind kind, const char *json, size_t len, struct object *ret, struct wm_error *err);
int object_decode_patch(struct object *io, const char *json, size_t len, struct wm_error *err);
/* As a new one, of what may be there already: *ret_seen is what it says, the rest is object_keep's. */
int object_decode_wish(enum object_kind kind, const char *json, size_t len, struct object *ret, uint32_t *ret_seen,
		       struct wm_error *err);
/* What was not said, or was left to the registry, stays as it was. */
void object_keep(struct object *io, const struct object *old, uint32_t seen);

bool object_equal(const struct object *a, const struct object *b); /* without what is derived */

char *object_encode(const struct object *object); /* a preshared key only where it has one; one line of JSON, malloc'd; NULL: no memory */
char *object_encode_wish(const struct object *object); /* the same, only what object_decode_wish takes */

/* What a site's gateway need not know: LAN addresses elsewhere, keys of devices it does not serve. */
void object_veil(struct object *object, const char *site, bool is_hub);
