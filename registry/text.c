/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/text.h"

#include <stdio.h>
#include <string.h>

#include "core/codec.h"
#include "core/util.h"

static const struct wm_field mesh_fields[] = {
	WM_FIELD(wm_mesh, name, "mesh_name", WM_FIELD_STRING, 0),
	WM_FIELD(wm_mesh, supernet, "supernet", WM_FIELD_PREFIX, 0), /* the settings stand first */
	WM_FIELD(wm_mesh, generation, "generation", WM_FIELD_UINT, 0),
	WM_FIELD(wm_mesh, instance, "instance", WM_FIELD_STRING, 0),
};

char *text_mesh(const struct wm_mesh *mesh)
{
	static const struct wm_table table = WM_TABLE(mesh_fields);

	return wm_encode(&table, mesh, ~0u);
}

static const struct wm_table settings_table = { mesh_fields, 2 };

char *text_mesh_settings(const struct wm_mesh *mesh)
{
	return wm_encode(&settings_table, mesh, ~0u);
}

int text_mesh_settings_read(const char *json, struct wm_mesh *io)
{
	return wm_decode(&settings_table, json, strlen(json), io, NULL, NULL);
}

struct whoami {
	char role[16];
	char name[WM_NAME_SIZE];
	struct wm_mesh mesh;
	char address[64];
	char url[REGISTRY_URL_MAX];
};

static const struct wm_field whoami_fields[] = {
	WM_FIELD(whoami, role, "role", WM_FIELD_STRING, 0),
	WM_FIELD(whoami, name, "name", WM_FIELD_STRING, 0),
	WM_FIELD(whoami, mesh.name, "mesh_name", WM_FIELD_STRING, 0),
	WM_FIELD(whoami, mesh.supernet, "supernet", WM_FIELD_PREFIX, 0),
	WM_FIELD(whoami, mesh.instance, "instance", WM_FIELD_STRING, 0),
	WM_FIELD(whoami, mesh.generation, "generation", WM_FIELD_UINT, 0),
	WM_FIELD(whoami, address, "address", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(whoami, url, "url", WM_FIELD_STRING, WM_FIELD_NULLABLE),
};

char *text_whoami(const struct registry *registry, const struct identity *who, const char *address)
{
	static const struct wm_table table = WM_TABLE(whoami_fields);
	struct whoami w = { .mesh = *store_mesh(registry->store) };

	wm_copy(w.role, sizeof(w.role), auth_role_name(who->role));
	memcpy(w.name, who->name, sizeof(w.name));
	wm_copy(w.address, sizeof(w.address), address);
	memcpy(w.url, registry->url, sizeof(w.url));
	return wm_encode(&table, &w, ~0u);
}

struct token {
	uint64_t id;
	char role[16];
	char name[WM_NAME_SIZE];
	char created[WM_TIME_TEXT], last_used[WM_TIME_TEXT];
	char secret[WM_TOKEN_TEXT];
};

static const struct wm_field token_fields[] = {
	WM_FIELD(token, id, "id", WM_FIELD_UINT, 0),
	WM_FIELD(token, role, "role", WM_FIELD_STRING, 0),
	WM_FIELD(token, name, "name", WM_FIELD_STRING, 0),
	WM_FIELD(token, created, "created", WM_FIELD_STRING, 0),
	WM_FIELD(token, last_used, "last_used", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(token, secret, "token", WM_FIELD_STRING, 0), /* last: left out when not to be shown */
};

char *text_token(const struct store_token *token, const char *secret)
{
	static const struct wm_table table = WM_TABLE(token_fields);
	struct token t = { .id = token->id };
	char *text;

	wm_copy(t.role, sizeof(t.role), auth_role_name(token->role));
	memcpy(t.name, token->name, sizeof(t.name));
	wm_time_format(token->created, t.created);
	wm_time_format(token->last_used, t.last_used);
	if (secret)
		wm_copy(t.secret, sizeof(t.secret), secret);
	text = wm_encode(&table, &t, secret ? ~0u : ~(1u << (WM_ARRAY_LEN(token_fields) - 1)));
	wm_wipe(t.secret, sizeof(t.secret));
	return text;
}

static const struct wm_field audit_fields[] = {
	WM_FIELD(store_audit, id, "seq", WM_FIELD_UINT, 0),
	WM_FIELD(store_audit, who, "who", WM_FIELD_STRING, 0),
	WM_FIELD(store_audit, what, "what", WM_FIELD_STRING, 0),
	WM_FIELD(store_audit, kind, "kind", WM_FIELD_STRING, 0),
	WM_FIELD(store_audit, name, "name", WM_FIELD_STRING, 0),
	WM_FIELD(store_audit, generation, "generation", WM_FIELD_UINT, 0), /* last: left out when there is none */
};

char *text_audit(const struct store_audit *entry)
{
	static const struct wm_table table = WM_TABLE(audit_fields);
	const uint32_t last = 1u << (WM_ARRAY_LEN(audit_fields) - 1);
	WM_AUTO_FREE char *head = wm_encode(&table, entry, entry->generation ? ~0u : ~last);
	char at[WM_TIME_TEXT], *text = NULL;

	if (!head || asprintf(&text, "%.*s,\"at\":\"%s\"%s,\"before\":%s,\"after\":%s}", (int)strlen(head) - 1, head,
			      wm_time_format(entry->at, at), entry->generation ? "" : ",\"generation\":null",
			      *entry->before ? entry->before : "null", *entry->after ? entry->after : "null") < 0)
		return NULL;
	return text;
}

struct enrolment {
	char token[WM_TOKEN_TEXT];
	char kind[16];
	char name[WM_NAME_SIZE];
	char expires[WM_TIME_TEXT];
};

static const struct wm_field enrolment_fields[] = {
	WM_FIELD(enrolment, token, "token", WM_FIELD_STRING, 0), /* first: left out when not to be shown */
	WM_FIELD(enrolment, kind, "kind", WM_FIELD_STRING, 0),
	WM_FIELD(enrolment, name, "name", WM_FIELD_STRING, 0),
	WM_FIELD(enrolment, expires, "expires", WM_FIELD_STRING, 0),
};

char *text_enrolment(const char *token, const struct object_key *key, int64_t expires)
{
	static const struct wm_table table = WM_TABLE(enrolment_fields);
	struct enrolment e = { 0 };
	char *text;

	if (token)
		wm_copy(e.token, sizeof(e.token), token);
	wm_copy(e.kind, sizeof(e.kind), key->kind == OBJECT_SITE ? "gateway" : "device");
	memcpy(e.name, key->name, sizeof(e.name));
	wm_time_format(expires, e.expires);
	text = wm_encode(&table, &e, token ? ~0u : ~1u);
	wm_wipe(&e, sizeof(e));
	return text;
}

struct enrolled {
	char role[16];
	char name[WM_NAME_SIZE];
	char token[WM_TOKEN_TEXT];
};

static const struct wm_field enrolled_fields[] = {
	WM_FIELD(enrolled, role, "role", WM_FIELD_STRING, 0),
	WM_FIELD(enrolled, name, "name", WM_FIELD_STRING, 0),
	WM_FIELD(enrolled, token, "token", WM_FIELD_STRING, 0),
};

char *text_enrolled(enum wm_token_kind role, const char *name, const char *token)
{
	static const struct wm_table table = WM_TABLE(enrolled_fields);
	struct enrolled e = { 0 };
	char *text;

	wm_copy(e.role, sizeof(e.role), auth_role_name(role));
	wm_copy(e.name, sizeof(e.name), name);
	wm_copy(e.token, sizeof(e.token), token);
	text = wm_encode(&table, &e, ~0u);
	wm_wipe(&e, sizeof(e));
	return text;
}
