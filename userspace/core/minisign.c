/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/minisign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

#define TRUSTED "trusted comment: "
#define UNTRUSTED "untrusted comment:"
#define COMMENT_MAX 1024

/* As they are inside the base64. */
struct key_blob {
	uint8_t algorithm[2]; /* "Ed" */
	uint8_t id[WM_KEY_ID_LEN];
	uint8_t key[WM_KEY_LEN];
};

struct signature_blob {
	uint8_t algorithm[2]; /* "Ed": of the text, "ED": of its hash */
	uint8_t id[WM_KEY_ID_LEN];
	uint8_t signature[WM_SIGNATURE_LEN];
};

_Static_assert(sizeof(struct key_blob) == 42 && sizeof(struct signature_blob) == 74, "no padding");

/* Cuts the line off *io_text; NULL at the end. */
static char *next_line(char **io_text)
{
	char *line = *io_text, *end;

	if (!*line)
		return NULL;
	end = line + strcspn(line, "\n");
	*io_text = *end ? end + 1 : end;
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	return line;
}

static int add_key(struct wm_publishers *p, const char *line, unsigned int number, struct wm_error *err)
{
	struct key_blob blob;

	if (wm_base64_parse(line, &blob, sizeof(blob)) || memcmp(blob.algorithm, "Ed", 2))
		return wm_fail(err, EINVAL, "line %u is no public key of minisign; copy the second line of its .pub file", number);
	if (p->n == WM_PUBLISHERS_MAX)
		return wm_fail(err, EINVAL, "line %u: more than %d keys", number, WM_PUBLISHERS_MAX);
	memcpy(p->list[p->n].id, blob.id, sizeof(blob.id));
	memcpy(p->list[p->n].key.byte, blob.key, sizeof(blob.key));
	p->n++;
	return 0;
}

int wm_publishers_parse(const char *text, struct wm_publishers *ret, struct wm_error *err)
{
	WM_AUTO_FREE char *copy = strdup(text);
	struct wm_publishers found = { 0 };
	char *rest = copy, *line;
	unsigned int number = 0;
	int rc = copy ? 0 : wm_fail(err, ENOMEM, "out of memory");

	while (!rc && (line = next_line(&rest))) {
		number++;
		if (*line && *line != '#' && strncmp(line, UNTRUSTED, strlen(UNTRUSTED)))
			rc = add_key(&found, line, number, err);
	}
	if (!rc)
		*ret = found;
	return rc;
}

/* The signature also signs itself with what the trusted comment says. */
static bool comment_holds(const struct signature_blob *blob, const char *comment, const uint8_t *global,
			  const struct wm_key *key)
{
	uint8_t text[WM_SIGNATURE_LEN + COMMENT_MAX];
	size_t len = strlen(comment);

	if (len > COMMENT_MAX)
		return false;
	memcpy(text, blob->signature, WM_SIGNATURE_LEN);
	memcpy(text + WM_SIGNATURE_LEN, comment, len);
	return wm_signature_holds(global, text, WM_SIGNATURE_LEN + len, key);
}

static bool text_holds(const struct signature_blob *blob, const void *data, size_t len, const struct wm_key *key)
{
	uint8_t hash[WM_BLAKE2B_LEN];

	if (!memcmp(blob->algorithm, "Ed", 2))
		return wm_signature_holds(blob->signature, data, len, key);
	wm_blake2b(data, len, hash);
	return wm_signature_holds(blob->signature, hash, sizeof(hash), key);
}

/* The four lines of a .minisig file, and nothing more. */
static int parse(char *text, struct signature_blob *ret, const char **ret_comment, uint8_t *ret_global, struct wm_error *err)
{
	char *line[4] = { 0 };

	for (size_t i = 0; i < WM_ARRAY_LEN(line); i++) {
		line[i] = next_line(&text);
		if (!line[i])
			return wm_fail(err, EBADMSG, "the signature is cut short: four lines are needed");
	}
	if (*text || strncmp(line[0], UNTRUSTED, strlen(UNTRUSTED)) || wm_base64_parse(line[1], ret, sizeof(*ret)) ||
	    strncmp(line[2], TRUSTED, strlen(TRUSTED)) || wm_base64_parse(line[3], ret_global, WM_SIGNATURE_LEN) ||
	    (memcmp(ret->algorithm, "Ed", 2) && memcmp(ret->algorithm, "ED", 2)))
		return wm_fail(err, EBADMSG, "that is no signature of minisign");
	*ret_comment = line[2] + strlen(TRUSTED);
	return 0;
}

int wm_minisign_check(const struct wm_publishers *publishers, const void *data, size_t len, const char *signature,
		      struct wm_error *err)
{
	WM_AUTO_FREE char *copy = strdup(signature);
	uint8_t global[WM_SIGNATURE_LEN];
	struct signature_blob blob;
	const char *comment = "";
	bool known = false;
	int rc = copy ? parse(copy, &blob, &comment, global, err) : wm_fail(err, ENOMEM, "out of memory");

	if (rc)
		return rc;
	/* Ids are eight bytes that anybody can choose: two keys may have the same. */
	for (size_t i = 0; i < publishers->n; i++) {
		const struct wm_publisher *p = &publishers->list[i];

		if (memcmp(p->id, blob.id, sizeof(blob.id)))
			continue;
		known = true;
		if (text_holds(&blob, data, len, &p->key) && comment_holds(&blob, comment, global, &p->key))
			return 0;
	}
	if (!known)
		return wm_fail(err, ENOKEY, "the signature is by none of the keys that are trusted here");
	return wm_fail(err, EACCES, "the signature does not hold: what is signed is something else");
}
