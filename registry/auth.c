/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/auth.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/util.h"
#include "registry/registry.h"

#define MASTER_LEAST 16

static const char *const role_names[] = {
	[WM_TOKEN_OTHER] = "nobody",	 [WM_TOKEN_ADMIN] = "admin",   [WM_TOKEN_READ] = "read",
	[WM_TOKEN_GATEWAY] = "gateway", [WM_TOKEN_DEVICE] = "device", [WM_TOKEN_ENROLMENT] = "enrolment",
};

const char *auth_role_name(enum wm_token_kind role)
{
	return role_names[role];
}

enum wm_token_kind auth_role_parse(const char *name)
{
	for (enum wm_token_kind role = WM_TOKEN_ADMIN; role <= WM_TOKEN_ENROLMENT; role++) {
		if (!strcmp(role_names[role], name))
			return role;
	}
	return WM_TOKEN_OTHER;
}

static int by_enrolment(struct registry *registry, int64_t now, struct identity *io, struct wm_error *err)
{
	struct object_key key;
	int rc = store_enrolment_find(registry->store, &io->hash, now, &key, err);

	if (rc)
		return rc;
	io->role = WM_TOKEN_ENROLMENT;
	io->subject = key.kind;
	memcpy(io->name, key.name, sizeof(io->name));
	return 0;
}

static int by_token(struct registry *registry, int64_t now, struct identity *io, struct wm_error *err)
{
	struct store_token token;
	int rc = store_token_find(registry->store, &io->hash, now, &token, err);

	if (rc)
		return rc;
	io->role = token.role;
	memcpy(io->name, token.name, sizeof(io->name));
	/* A label is whatever an admin chose, "master" too: the number tells whose it is. */
	if (token.role == WM_TOKEN_ADMIN || token.role == WM_TOKEN_READ)
		wm_format(io->who, sizeof(io->who), "%s %s (token %llu)", role_names[io->role], io->name,
			  (unsigned long long)token.id);
	return 0;
}

/* What has the form of a token costs one look-up, among enrolments or the others as its text says, be it unknown, spent,
 * expired or revoked. What has not, which anybody can see of it, costs none: only to be hashed and compared with the
 * master token's. */
int auth_identify(struct registry *registry, const char *token, struct identity *ret, struct wm_error *err)
{
	enum wm_token_kind kind = wm_token_kind(token);
	struct identity who = { 0 };
	int64_t now = wm_unix_time();
	int rc = 0;

	wm_token_hash(token, &who.hash);
	if (wm_token_hash_equal(&who.hash, &registry->master)) {
		who.role = WM_TOKEN_ADMIN;
		wm_copy(who.name, sizeof(who.name), "master");
	} else if (!wm_token_wellformed(kind, token)) {
		rc = -EACCES;
	} else if (kind == WM_TOKEN_ENROLMENT) {
		rc = by_enrolment(registry, now, &who, err);
	} else {
		rc = by_token(registry, now, &who, err);
	}
	if (rc)
		return rc;
	if (!*who.who)
		wm_format(who.who, sizeof(who.who), "%s %s", role_names[who.role], who.name);
	*ret = who;
	return 0;
}

bool auth_owns(const struct identity *who, enum object_kind kind, const char *name)
{
	if (who->role == WM_TOKEN_GATEWAY)
		return kind == OBJECT_SITE && !strcmp(who->name, name);
	if (who->role == WM_TOKEN_DEVICE)
		return kind == OBJECT_DEVICE && !strcmp(who->name, name);
	return true;
}

int auth_check_master(const char *token, struct wm_error *err)
{
	static const char *const examples[] = {
		"generate-a-", "changeme", "change-me", "change_me", "your-", "your_", "master-token", "my-secret",
		"replace", "insert-", "example", "secret-token", "password", "<",
	};
	size_t len = strlen(token), same = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(examples); i++) {
		if (!strncasecmp(token, examples[i], strlen(examples[i])))
			return wm_fail(err, EINVAL, "WM_REGISTRY_TOKEN is one from an example, which everybody knows; make one with: openssl rand -hex 32");
	}
	while (same < len && token[same] == token[0])
		same++;
	if (len < MASTER_LEAST || same == len)
		return wm_fail(err, EINVAL, "WM_REGISTRY_TOKEN is %s; it guards the whole mesh: make one with: openssl rand -hex 32",
			       !len ? "not set" : len < MASTER_LEAST ? "shorter than 16 characters" : "one character repeated");
	if (len >= WM_TOKEN_MAX)
		return wm_fail(err, EINVAL, "WM_REGISTRY_TOKEN is longer than %d characters; take a shorter one", WM_TOKEN_MAX - 1);
	for (size_t i = 0; i < len; i++) {
		if (token[i] <= 0x20 || token[i] > 0x7e)
			return wm_fail(err, EINVAL, "WM_REGISTRY_TOKEN has white space or characters that a header cannot carry; take letters and digits");
	}
	return 0;
}
