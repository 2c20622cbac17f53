/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Does the library read the header block as everybody else does? 0.9.75 does
 * not: of a folded line it makes part of the name before it, a line that
 * begins with ':' ends the block for it, a NUL ends a path or value, and LF
 * alone a line. Whoever stands in front of us reads on, and where the two disagree a
 * second request can hide. The library parses in place; so where its pieces
 * lie tells what was between them. Where CR LF should be, NUL LF and, at the
 * end of the block, ':' LF take as much room and are not told from it.
 */
#include <microhttpd.h>
#include <string.h>

#include "registry/http_internal.h"

/* Later ones refuse all of this themselves, and need not parse in place. */
#define PARSES_IN_PLACE (MHD_VERSION < 0x00097700)

struct walk {
	const char *at; /* where the last line ended: its CRLF is there */
	bool plain;
};

static bool is_blank(const char *from, const char *to)
{
	for (; from < to; from++) {
		if (*from != ' ' && *from != '\t')
			return false;
	}
	return true;
}

/* CRLF, the name, the colon (which the library has overwritten), blanks, the value. */
static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len, const char *value,
				 size_t value_len)
{
	struct walk *w = cls;
	const char *colon = key + key_len;

	(void)kind;
	w->plain = key == w->at + 2 && value && value > colon && is_blank(colon + 1, value);
	w->at = value ? value + value_len : NULL;
	return w->plain ? MHD_YES : MHD_NO;
}

struct query {
	size_t len;
	bool plain;
};

/* A space was '+'. */
static bool is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	return true;
}

/* An argument of the query, and what is around it: '?' or '&', and '='. */
static enum MHD_Result on_argument(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len, const char *value,
				   size_t value_len)
{
	struct query *q = cls;

	(void)kind;
	q->plain = q->plain && is_printable(key, key_len) && is_printable(value, value ? value_len : 0);
	q->len += 1 + key_len + (value ? 1 + value_len : 0);
	return MHD_YES;
}

/* METHOD SP path [?query] SP version: nothing is missing in between. */
static bool request_is_plain(struct MHD_Connection *mhd, const char *method, const char *path, const char *version)
{
	struct query query = { .plain = true };

	MHD_get_connection_values_n(mhd, MHD_GET_ARGUMENT_KIND, on_argument, &query);
	return query.plain && path == method + strlen(method) + 1 && version == path + strlen(path) + query.len + 1;
}

bool lines_are_plain(struct MHD_Connection *mhd, const char *method, const char *path, const char *version)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct walk w = { .at = version + strlen(version), .plain = true };

	if (!PARSES_IN_PLACE)
		return true;
	if (!info || !request_is_plain(mhd, method, path, version))
		return false;
	MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_header, &w);
	return w.plain && w.at + strlen("\r\n\r\n") == method + info->header_size;
}
