/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a request says beside its body: numbers in its query, the tags of what it knows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "registry/registry.h"

bool call_number(struct call *call, const char *key, uint64_t most, uint64_t *ret)
{
	const char *text = http_query(call->request, key);
	struct wm_error err = { 0 };

	*ret = 0;
	if (!text)
		return true;
	if (*text && strlen(text) <= 16 && strspn(text, "0123456789") == strlen(text))
		*ret = strtoull(text, NULL, 10);
	else
		*ret = most + 1;
	if (*ret <= most)
		return true;
	wm_fail_field(&err, EINVAL, key, "'%s' in the query must be a whole number of at most %llu", key,
		      (unsigned long long)most);
	answer_failure(call, -EINVAL, &err);
	return false;
}

bool call_asks(struct call *call, const char *key, bool *ret)
{
	const char *value = http_query(call->request, key);
	struct wm_error err = { 0 };

	*ret = value && !strcmp(value, "1");
	if (*ret || !value || !strcmp(value, "0"))
		return true;
	wm_fail_field(&err, EINVAL, key, "'%s' in the query must be 1 (yes) or 0 (no); nothing was done", key);
	answer_failure(call, -EINVAL, &err);
	return false;
}

void call_tag(const struct wm_mesh *mesh, char *ret)
{
	wm_format(ret, CALL_TAG_SIZE, "\"%s-%llu%s%s\"", mesh->instance, (unsigned long long)mesh->generation,
		  *mesh->mark ? "-" : "", mesh->mark);
}

/* RFC 9110 section 13.1.2 */
bool call_tag_is_in(const char *list, const char *tag)
{
	size_t len = strlen(tag);

	while (*list) {
		list += strspn(list, " \t,");
		if (!strncmp(list, "W/", 2))
			list += 2;
		if (*list == '*' || (!strncmp(list, tag, len) && strchr(", \t", list[len])))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

/* The tag as it was given, or without its mark. */
bool call_is_meant(void *arg, const struct wm_mesh *mesh)
{
	struct wm_mesh unmarked = *mesh;
	char tag[CALL_TAG_SIZE], without[CALL_TAG_SIZE];
	const char *list = arg;

	*unmarked.mark = '\0';
	call_tag(mesh, tag);
	call_tag(&unmarked, without);
	return !list || call_tag_is_in(list, tag) || call_tag_is_in(list, without);
}
