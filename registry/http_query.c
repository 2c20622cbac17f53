/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a request says beside its body: its query and its headers.
 */
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "core/util.h"
#include "registry/http_internal.h"

const char *http_query(const struct http_request *request, const char *key)
{
	const char *value = NULL;

	if (MHD_lookup_connection_value_n(exchange_mhd(request), MHD_GET_ARGUMENT_KIND, key, strlen(key), &value, NULL) != MHD_YES)
		return NULL;
	return value ? value : "";
}

struct beside {
	const char *known;
	char *ret;
	size_t size;
	bool found;
};

/* Is it one of the words? */
static bool is_among(const char *words, const char *name, size_t len)
{
	for (; *words; words += strcspn(words, " "), words += strspn(words, " ")) {
		if (strcspn(words, " ") == len && !memcmp(words, name, len))
			return true;
	}
	return false;
}

static enum MHD_Result each_argument(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len, const char *value,
				     size_t value_len)
{
	struct beside *b = cls;
	size_t len = WM_MIN(key_len, b->size - 1);

	(void)kind;
	(void)value;
	(void)value_len;
	if (!key_len || is_among(b->known, key, key_len))
		return MHD_YES;
	for (size_t i = 0; i < len; i++)
		b->ret[i] = key[i] > 0x20 && key[i] < 0x7f ? key[i] : '?';
	b->ret[len] = '\0';
	b->found = true;
	return MHD_NO;
}

bool http_query_beside(const struct http_request *request, const char *known, char *ret, size_t size)
{
	struct beside b = { .known = known, .ret = ret, .size = size };

	MHD_get_connection_values_n(exchange_mhd(request), MHD_GET_ARGUMENT_KIND, each_argument, &b);
	return b.found;
}

const char *http_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(exchange_mhd(request), MHD_HEADER_KIND, name);
}

struct last {
	const char *name, *value;
};

static enum MHD_Result take_last(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct last *last = cls;

	(void)kind;
	if (!strcasecmp(key, last->name))
		last->value = value ? value : "";
	return MHD_YES;
}

const char *http_last_header(const struct http_request *request, const char *name)
{
	struct last last = { .name = name };

	MHD_get_connection_values(exchange_mhd(request), MHD_HEADER_KIND, take_last, &last);
	return last.value;
}
