/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/identity.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#include "core/log.h"
#include "core/util.h"

#define SECRET_FILE_MAX 1024

/* First line of a small file, its content wiped from memory otherwise. */
static int read_secret(const char *path, char *ret, size_t size)
{
	char *text = NULL;
	size_t len;
	int rc = wm_read_file(path, SECRET_FILE_MAX, &text, &len);

	if (rc)
		return rc;
	text[strcspn(text, "\r\n")] = '\0';
	rc = wm_copy(ret, size, text);
	wm_wipe(text, len);
	free(text);
	return rc;
}

static int make_parent(const char *path, mode_t mode, struct wm_error *err)
{
	char copy[WM_PATH_SIZE];
	int rc = wm_copy(copy, sizeof(copy), path);

	if (!rc)
		rc = wm_make_dirs(dirname(copy), mode);
	return rc ? wm_fail(err, -rc, "%s: cannot make its directory: %s", path, strerror(-rc)) : 0;
}

static int store_secret(const char *path, const char *secret, struct wm_error *err)
{
	char line[WM_TOKEN_MAX + 2];
	int rc = wm_format(line, sizeof(line), "%s\n", secret);

	if (!rc)
		rc = wm_replace_file(path, 0600, line, strlen(line));
	wm_wipe(line, sizeof(line));
	return rc ? wm_fail(err, -rc, "%s: cannot write it: %s", path, strerror(-rc)) : 0;
}

int wm_identity_peek(const struct wm_instance *inst, struct wm_identity *ret, struct wm_error *err)
{
	char text[WM_KEY_TEXT];
	struct wm_identity id = { 0 };
	int rc = read_secret(inst->key_file, text, sizeof(text));

	if (rc == -ENOENT)
		return rc;
	if (rc && rc != -E2BIG && rc != -EFBIG)
		return wm_fail(err, -rc, "%s: cannot read the private key: %s", inst->key_file, strerror(-rc));
	/* A damaged key is never replaced by itself: peers and registry know the old one. */
	if (rc || wm_key_parse(text, &id.private_key) || wm_key_is_zero(&id.private_key) ||
	    wm_key_public(&id.private_key, &id.public_key))
		rc = wm_fail(err, EINVAL, "%s: not a WireGuard private key; restore it, or remove the file to get a new key",
			     inst->key_file);
	wm_wipe(text, sizeof(text));
	if (!rc) {
		wm_key_clamp(&id.private_key);
		*ret = id;
	}
	wm_identity_wipe(&id);
	return rc;
}

static int load_key(const struct wm_instance *inst, struct wm_identity *id, struct wm_error *err)
{
	char text[WM_KEY_TEXT];
	int rc = wm_identity_peek(inst, id, err);

	if (rc != -ENOENT)
		return rc;
	rc = make_parent(inst->key_file, 0755, err);
	if (rc)
		return rc;
	wm_key_generate(&id->private_key);
	wm_key_format(&id->private_key, text);
	rc = store_secret(inst->key_file, text, err);
	wm_wipe(text, sizeof(text));
	if (!rc && wm_key_public(&id->private_key, &id->public_key))
		rc = wm_fail(err, EIO, "cannot compute the public key");
	if (!rc)
		wm_info("made a private key: %s", inst->key_file);
	return rc;
}

/* gateway.env holds this gateway's own token, or something that can be exchanged for one. */
static int load_token(const struct wm_instance *inst, struct wm_identity *id, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc;

	if (wm_token_kind(inst->registry_token) == WM_TOKEN_GATEWAY)
		return wm_copy(id->token, sizeof(id->token), inst->registry_token);
	strcpy(id->enrolment, inst->registry_token);
	rc = wm_format(path, sizeof(path), "%s/token", inst->state_dir);
	if (rc)
		return wm_fail(err, -rc, "%s: the path is too long", inst->state_dir);
	rc = read_secret(path, id->token, sizeof(id->token));
	if (!rc && wm_token_wellformed(WM_TOKEN_GATEWAY, id->token))
		return 0;
	/* A damaged token is worth nothing; an enrolment gets another. */
	if (rc && rc != -ENOENT && rc != -E2BIG && rc != -EFBIG)
		return wm_fail(err, -rc, "%s: cannot read it: %s", path, strerror(-rc));
	if (!*id->enrolment)
		return wm_fail(err, EACCES, "WM_REGISTRY_TOKEN is missing in %s; set it to what 'wm add-site %s' or 'wm enrol %s' printed",
			       inst->env_file, inst->domain, inst->domain);
	wm_token_generate(WM_TOKEN_GATEWAY, id->token);
	id->fresh = true;
	rc = make_parent(path, 0700, err);
	return rc ? rc : store_secret(path, id->token, err);
}

int wm_identity_load(const struct wm_instance *inst, struct wm_identity *ret, struct wm_error *err)
{
	struct wm_identity id = { 0 };
	int rc = load_key(inst, &id, err);

	if (!rc)
		rc = load_token(inst, &id, err);
	if (!rc)
		*ret = id;
	wm_identity_wipe(&id);
	return rc;
}

void wm_identity_wipe(struct wm_identity *identity)
{
	wm_wipe(identity, sizeof(*identity));
}
