/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tokens, enrolments, and joining with one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/util.h"
#include "registry/problem.h"
#include "registry/registry.h"
#include "registry/text.h"

#define TTL_DEFAULT_S (24 * 3600)
#define TTL_MAX_S (30 * 24 * 3600)

/* --- tokens ------------------------------------------------------------------------------ */

void api_tokens(struct call *call)
{
	answer_stream(call, STREAM_TOKENS, "application/json");
}

struct token_wish {
	char role[16];
	char name[WM_NAME_SIZE];
};

static const struct wm_field token_fields[] = {
	WM_FIELD(token_wish, role, "role", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(token_wish, name, "name", WM_FIELD_STRING, WM_FIELD_REQUIRED),
};

static int read_token_wish(struct call *call, enum wm_token_kind *ret_role, char *ret_name, struct wm_error *err)
{
	static const struct wm_table table = WM_TABLE(token_fields);
	struct token_wish wish = { 0 };
	int rc = wm_decode(&table, call->request->body, call->request->len, &wish, NULL, err);

	if (rc)
		return rc;
	*ret_role = auth_role_parse(wish.role);
	if (*ret_role == WM_TOKEN_OTHER || *ret_role == WM_TOKEN_ENROLMENT)
		return wm_fail_field(err, EINVAL, "role", "'role' must be admin, read, gateway or device");
	if (!wm_title_valid(wish.name))
		return wm_fail_field(err, EINVAL, "name", "'name' must be 1 to 63 bytes of printable text");
	memcpy(ret_name, wish.name, sizeof(wish.name));
	return 0;
}

void api_token_create(struct call *call)
{
	char secret[WM_TOKEN_TEXT], name[WM_NAME_SIZE];
	struct wm_token_hash hash;
	struct store_token token;
	enum wm_token_kind role;
	struct wm_error err = { 0 };
	int rc = read_token_wish(call, &role, name, &err);

	if (!rc) {
		wm_token_generate(role, secret);
		wm_token_hash(secret, &hash);
		rc = store_token_add(call->registry->store, call->who.who, role, name, &hash, &token, &err);
	}
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_json(call, 201, text_token(&token, secret));
	wm_wipe(secret, sizeof(secret));
}

void api_token_delete(struct call *call)
{
	struct wm_error err = { 0 };
	int rc;

	if (strlen(call->arg) > 15 || strspn(call->arg, "0123456789") != strlen(call->arg))
		rc = wm_fail(&err, ENOENT, "'%.63s' is not the number of a token; see what there is in /v1/tokens", call->arg);
	else
		rc = store_token_remove(call->registry->store, call->who.who, strtoull(call->arg, NULL, 10), &err);
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_none(call);
}

/* --- enrolments ---------------------------------------------------------------------------- */

struct enrolment_wish {
	char kind[16];
	char name[WM_NAME_SIZE];
	uint64_t ttl;
};

static const struct wm_field enrolment_fields[] = {
	WM_FIELD(enrolment_wish, kind, "kind", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(enrolment_wish, name, "name", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(enrolment_wish, ttl, "ttl", WM_FIELD_UINT, 0),
};

static int read_enrolment_wish(struct call *call, struct object_key *ret_key, int64_t *ret_expires, struct wm_error *err)
{
	static const struct wm_table table = WM_TABLE(enrolment_fields);
	struct enrolment_wish wish = { .ttl = TTL_DEFAULT_S };
	int rc = wm_decode(&table, call->request->body, call->request->len, &wish, NULL, err);

	if (rc)
		return rc;
	*ret_key = (struct object_key){ .kind = strcmp(wish.kind, "gateway") ? OBJECT_DEVICE : OBJECT_SITE };
	if (strcmp(wish.kind, "gateway") && strcmp(wish.kind, "device"))
		return wm_fail_field(err, EINVAL, "kind", "'kind' must be gateway or device");
	if (!wish.ttl || wish.ttl > TTL_MAX_S)
		return wm_fail_field(err, EINVAL, "ttl", "'ttl' must be 1 to %d seconds (30 days)", TTL_MAX_S);
	memcpy(ret_key->name, wish.name, sizeof(ret_key->name));
	*ret_expires = wm_unix_time() + (int64_t)wish.ttl;
	return 0;
}

struct list {
	FILE *f;
	unsigned int n;
};

static int write_enrolment(void *arg, const struct object_key *key, int64_t expires)
{
	WM_AUTO_FREE char *one = text_enrolment(NULL, key, expires);
	struct list *list = arg;

	if (one)
		fprintf(list->f, "%s%s", list->n++ ? "," : "", one);
	return one ? 0 : -ENOMEM;
}

void api_enrolments(struct call *call)
{
	struct wm_error err = { 0 };
	char *text = NULL;
	size_t len;
	struct list list = { .f = open_memstream(&text, &len) };
	int rc = -ENOMEM;

	if (list.f) {
		fputs("{\"enrolments\":[", list.f);
		rc = store_enrolments(call->registry->store, wm_unix_time(), write_enrolment, &list, &err);
		fputs("]}", list.f);
		if (fclose(list.f))
			rc = -ENOMEM;
	}
	answer_text(call, rc, text, &err);
}

void api_enrolment_delete(struct call *call)
{
	struct object_key key;
	struct wm_error err = { 0 };
	int rc = object_key_parse(call->kind, call->arg, &key);

	if (rc)
		rc = wm_fail(&err, ENOENT, "'%.63s' is not a name that anything can have", call->arg);
	else
		rc = store_enrolment_end(call->registry->store, call->who.who, &key, &err);
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_none(call);
}

void api_enrolment_create(struct call *call)
{
	char secret[WM_TOKEN_TEXT];
	struct wm_token_hash hash;
	struct object_key key;
	struct wm_error err = { 0 };
	int64_t expires = 0;
	int rc = read_enrolment_wish(call, &key, &expires, &err);

	if (!rc) {
		wm_token_generate(WM_TOKEN_ENROLMENT, secret);
		wm_token_hash(secret, &hash);
		rc = store_enrolment_add(call->registry->store, call->who.who, &key, &hash, expires, &err);
	}
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_json(call, 201, text_enrolment(secret, &key, expires));
	wm_wipe(secret, sizeof(secret));
}

/* --- joining ---------------------------------------------------------------------------------- */

struct enrol_wish {
	struct wm_key public_key;
	char token[WM_TOKEN_TEXT];
	struct wm_site site;
	struct wm_host carrier;
};

static const struct wm_field enrol_fields[] = {
	WM_FIELD(enrol_wish, public_key, "public_key", WM_FIELD_KEY, WM_FIELD_REQUIRED),
	WM_FIELD(enrol_wish, token, "token", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(enrol_wish, site.endpoint, "endpoint", WM_FIELD_ENDPOINT, WM_FIELD_NULLABLE),
	WM_FIELD(enrol_wish, site.domain, "domain", WM_FIELD_LABEL, WM_FIELD_NULLABLE),
	WM_FIELD(enrol_wish, site.subnet, "subnet", WM_FIELD_PREFIX, WM_FIELD_NULLABLE),
	WM_FIELD(enrol_wish, site.hub, "is_hub", WM_FIELD_BOOL, 0),
	WM_FIELD(enrol_wish, site.preshared, "preshared", WM_FIELD_BOOL, 0),
	WM_FIELD(enrol_wish, carrier.name, "carrier", WM_FIELD_LABEL, WM_FIELD_NULLABLE),
	WM_FIELD(enrol_wish, carrier.local, "carrier_ip", WM_FIELD_IP4, WM_FIELD_NULLABLE),
};

static enum wm_token_kind joining_as(const struct identity *who)
{
	return who->role == WM_TOKEN_ENROLMENT && who->subject == OBJECT_DEVICE ? WM_TOKEN_DEVICE : WM_TOKEN_GATEWAY;
}

static int read_enrol_wish(struct call *call, struct enrol_wish *ret, struct wm_error *err)
{
	static const struct wm_table table = WM_TABLE(enrol_fields);
	enum wm_token_kind role = joining_as(&call->who);
	int rc = wm_decode(&table, call->request->body, call->request->len, ret, NULL, err);

	if (rc)
		return rc;
	if (wm_key_is_zero(&ret->public_key))
		return wm_fail_field(err, EINVAL, "public_key", "'public_key' is all zeroes; make a key pair first");
	if (call->who.role == WM_TOKEN_ADMIN && !*ret->site.domain)
		return wm_fail_field(err, EINVAL, "domain", "'domain' is missing; without an enrolment it says which site this is");
	if (!*ret->carrier.name != !ret->carrier.local)
		return wm_fail_field(err, EINVAL, *ret->carrier.name ? "carrier_ip" : "carrier",
				     "'carrier' and 'carrier_ip' belong together: the name and the LAN address of the machine that carries the gateway");
	if (!*ret->token)
		wm_token_generate(role, ret->token);
	else if (!wm_token_wellformed(role, ret->token))
		return wm_fail_field(err, EINVAL, "token", "'token' must be %s and 43 characters of base64url, made at random",
				     role == WM_TOKEN_GATEWAY ? "wmg_" : "wmd_");
	return 0;
}

void api_enrol(struct call *call)
{
	struct enrol_wish wish = { 0 };
	struct store_enrol enrol = { 0 };
	struct object_key key;
	struct wm_error err = { 0 };
	int rc = read_enrol_wish(call, &wish, &err);

	if (!rc) {
		enrol.enrolment = call->who.role == WM_TOKEN_ENROLMENT ? &call->who.hash : NULL;
		enrol.public_key = wish.public_key;
		enrol.site = wish.site;
		enrol.carrier = wish.carrier;
		wm_token_hash(wish.token, &enrol.token);
		rc = store_enrol(call->registry->store, call->who.who, &enrol, &key, &err);
	}
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_json(call, 201, text_enrolled(joining_as(&call->who), key.name, wish.token));
	wm_wipe(&wish, sizeof(wish));
}
