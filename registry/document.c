/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Here only the document's own braces, brackets, commas and names are looked at, to find where each value begins and
 * ends; what a value is, the codec says.
 */
#include "registry/document.h"

#include <errno.h>
#include <string.h>

#include "core/codec.h"
#include "core/util.h"

#define SETTING_MAX 256 /* bytes of a value that is no list */

struct scan {
	const char *begin, *at, *end;
	struct plan *plan;
	bool keep;
	uint32_t had; /* members, by their place in the table */
	struct wm_error *err;
};

/* A value as it stands in the document. */
struct slice {
	const char *text;
	size_t len;
};

static int malformed(const struct scan *s, const char *what)
{
	return wm_fail(s->err, EINVAL, "not valid JSON: expected %s at byte %zu", what, (size_t)(s->at - s->begin));
}

/* What comes next, behind white space; '\0' at the end. */
static char peek(struct scan *s)
{
	while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at)
		s->at++;
	return s->at < s->end ? *s->at : '\0';
}

static bool take(struct scan *s, char c)
{
	if (peek(s) != c)
		return false;
	s->at++;
	return true;
}

/* Past the string that begins here; false: it has no end. */
static bool skip_string(struct scan *s)
{
	for (s->at++; s->at < s->end; s->at++) {
		if (*s->at == '\\')
			s->at++;
		else if (*s->at == '"')
			return s->at++, true;
	}
	return false;
}

/* Past the object or list that begins here, by its brackets alone. */
static bool skip_nested(struct scan *s)
{
	size_t depth = 0;

	while (s->at < s->end) {
		char c = *s->at;

		if (c == '"' && !skip_string(s))
			return false;
		if (c == '"')
			continue;
		s->at++;
		if (c == '{' || c == '[')
			depth++;
		if ((c == '}' || c == ']') && !--depth)
			return true;
	}
	return false;
}

static int next_value(struct scan *s, struct slice *ret)
{
	char c = peek(s);
	const char *from = s->at;
	bool whole = true;

	if (c == '"')
		whole = skip_string(s);
	else if (c == '{' || c == '[')
		whole = skip_nested(s);
	else
		while (s->at < s->end && !strchr(",]} \t\r\n", *s->at))
			s->at++;
	if (!whole || s->at > s->end || s->at == from)
		return malformed(s, "a value that has an end");
	*ret = (struct slice){ from, (size_t)(s->at - from) };
	return 0;
}

/* --- members ------------------------------------------------------------------------------ */

struct settings {
	uint64_t version;
	char name[WM_NAME_SIZE];
	struct wm_prefix supernet;
};

static const struct wm_field settings_fields[] = {
	WM_FIELD(settings, version, "version", WM_FIELD_UINT, 0),
	WM_FIELD(settings, name, "mesh_name", WM_FIELD_STRING, 0),
	WM_FIELD(settings, supernet, "supernet", WM_FIELD_PREFIX, 0),
};

static int read_setting(struct scan *s, const char *key)
{
	static const struct wm_table table = WM_TABLE(settings_fields);
	struct settings set = { .version = 1 };
	char object[SETTING_MAX + 32];
	struct slice value;
	int rc = next_value(s, &value);

	if (rc)
		return rc;
	if (value.len > SETTING_MAX ||
	    wm_format(object, sizeof(object), "{\"%s\":%.*s}", key, (int)value.len, value.text))
		return wm_fail_field(s->err, EINVAL, key, "'%s' is far too long", key);
	rc = wm_decode(&table, object, strlen(object), &set, NULL, s->err);
	if (rc)
		return rc;
	if (set.version != 1)
		return wm_fail_field(s->err, EINVAL, "version", "the document has version %llu, which a later wm has made; update this one",
				     (unsigned long long)set.version);
	if (!strcmp(key, "mesh_name") && !wm_title_valid(set.name))
		return wm_fail_field(s->err, EINVAL, key, "'mesh_name' must be 1 to 63 bytes of printable text");
	if (*set.name)
		memcpy(s->plan->mesh_name, set.name, sizeof(set.name));
	if (set.supernet.len)
		s->plan->supernet = set.supernet;
	return 0;
}

static int read_object(struct scan *s, enum object_kind kind, uint32_t place)
{
	struct plan_item item = { .place = place, .object.kind = kind };
	struct slice value;
	int rc = next_value(s, &value);

	if (rc)
		return rc;
	rc = object_decode_wish(kind, value.text, value.len, &item.object, &item.seen, s->err);
	if (rc)
		return plan_fail_at(&item, rc, s->err);
	return plan_add(s->plan, &item) ? wm_fail(s->err, ENOMEM, "out of memory") : 0;
}

static int read_list(struct scan *s, enum object_kind kind)
{
	uint32_t place = 0;

	if (!take(s, '['))
		return wm_fail_field(s->err, EINVAL, object_kind_plural(kind), "'%s' must be a list", object_kind_plural(kind));
	s->plan->lists[kind].complete = !s->keep;
	if (take(s, ']'))
		return 0;
	do {
		int rc = read_object(s, kind, place++);

		if (rc)
			return rc;
	} while (take(s, ','));
	return take(s, ']') ? 0 : malformed(s, "',' or ']'");
}

static const struct {
	const char *key;
	int (*list)(struct scan *s, enum object_kind kind);
	enum object_kind kind;
} members[] = {
	{ "version", NULL, 0 },
	{ "mesh_name", NULL, 0 },
	{ "supernet", NULL, 0 },
	{ "sites", read_list, OBJECT_SITE },
	{ "hosts", read_list, OBJECT_HOST },
	{ "devices", read_list, OBJECT_DEVICE },
};

static bool is_key(const struct slice *name, const char *key)
{
	return name->len == strlen(key) + 2 && !memcmp(name->text + 1, key, name->len - 2);
}

static int read_member(struct scan *s)
{
	struct slice name, value;
	int rc = peek(s) == '"' ? next_value(s, &name) : malformed(s, "a member's name");

	if (rc)
		return rc;
	/* One that is ours could hide behind an escape. */
	if (memchr(name.text, '\\', name.len))
		return malformed(s, "a name without escapes");
	if (!take(s, ':'))
		return malformed(s, "':'");
	for (uint32_t i = 0; i < WM_ARRAY_LEN(members); i++) {
		if (!is_key(&name, members[i].key))
			continue;
		if (s->had & 1u << i)
			return wm_fail_field(s->err, EINVAL, members[i].key, "'%s' is in the document twice", members[i].key);
		s->had |= 1u << i;
		return members[i].list ? members[i].list(s, members[i].kind) : read_setting(s, members[i].key);
	}
	return next_value(s, &value);
}

static int read_document(struct scan *s)
{
	if (!take(s, '{'))
		return malformed(s, "'{'");
	do {
		int rc = read_member(s);

		if (rc)
			return rc;
	} while (take(s, ','));
	if (!take(s, '}') || peek(s) || s->at != s->end)
		return malformed(s, "',' or the end of the document");
	if (s->had >> 3)
		return 0;
	return wm_fail(s->err, EINVAL, "the document has neither 'sites' nor 'hosts' nor 'devices'; give what GET /v1/export or GET /config says");
}

int document_read(const char *json, size_t len, bool keep, struct plan *ret, struct wm_error *err)
{
	struct scan s = { .begin = json, .at = json, .end = json + len, .plan = ret, .keep = keep, .err = err };
	int rc = read_document(&s);

	return rc ? rc : plan_sort(ret, err);
}
