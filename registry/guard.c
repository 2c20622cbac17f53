/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/guard.h"

#include <string.h>
#include <strings.h>

#include "core/util.h"

void guard_refuse(struct guard *g, unsigned int status, const char *why)
{
	if (g->status)
		return;
	g->status = status;
	g->why = why;
}

/* RFC 9110 section 5.6.2 */
static bool is_token(const char *text, size_t len)
{
	static const char chars[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (size_t i = 0; i < len; i++) {
		if (!text[i] || !strchr(chars, text[i]))
			return false;
	}
	return len > 0;
}

static bool has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return true;
	}
	return false;
}

static void on_host(struct guard *g, const char *value, size_t len)
{
	static const char chars[] = "-.:_[]0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (size_t i = 0; i < len; i++) {
		if (!value[i] || !strchr(chars, value[i]))
			guard_refuse(g, 400, "Host is not a name or address with a port");
	}
	if (g->hosts++)
		guard_refuse(g, 400, "the request has more than one Host");
}

static void on_length(struct guard *g, const char *value, size_t len)
{
	if (g->lengths++)
		guard_refuse(g, 400, "the request has more than one Content-Length");
	if (!len || len > 18 || strspn(value, "0123456789") != len) {
		guard_refuse(g, 400, "Content-Length is not a number");
		return;
	}
	g->length = 0;
	for (size_t i = 0; i < len; i++)
		g->length = g->length * 10 + (uint64_t)(value[i] - '0');
	if (g->length > (g->body_max ? g->body_max : GUARD_BODY_MAX))
		guard_refuse(g, 413, g->body_max ? "the request's body is larger than this server takes"
					   : "the request's body is larger than 64 KiB; send less at a time");
}

static void on_encoding(struct guard *g, const char *value, size_t len)
{
	if (g->encodings++)
		guard_refuse(g, 400, "the request has more than one Transfer-Encoding");
	if (len != strlen("chunked") || strncasecmp(value, "chunked", len))
		guard_refuse(g, 501, "the only Transfer-Encoding served is chunked");
}

static void on_authorization(struct guard *g, const char *value, size_t len)
{
	(void)value;
	(void)len;
	if (g->authorizations++)
		guard_refuse(g, 400, "the request has more than one Authorization");
}

static const struct {
	const char *name;
	void (*on)(struct guard *g, const char *value, size_t len);
} headers[] = {
	{ "host", on_host },
	{ "content-length", on_length },
	{ "transfer-encoding", on_encoding },
	{ "authorization", on_authorization },
};

void guard_header(struct guard *g, const char *name, size_t name_len, const char *value, size_t value_len)
{
	g->bytes += name_len + value_len + strlen(": \r\n");
	if (g->bytes > GUARD_HEADERS_MAX)
		guard_refuse(g, 431, "the request's headers are larger than 8 KiB");
	if (!is_token(name, name_len))
		guard_refuse(g, 400, "the request has a header whose name is malformed");
	if (has_control(value, value_len))
		guard_refuse(g, 400, "the request has a header with control characters in it");
	for (size_t i = 0; i < WM_ARRAY_LEN(headers); i++) {
		if (strlen(headers[i].name) == name_len && !strncasecmp(headers[i].name, name, name_len))
			headers[i].on(g, value, value_len);
	}
}

bool guard_request(struct guard *g, const char *method, const char *target, const char *version)
{
	bool old = !strcmp(version, "HTTP/1.0");

	if (!old && strcmp(version, "HTTP/1.1"))
		guard_refuse(g, 505, "the protocol versions served are HTTP/1.1 and HTTP/1.0");
	if (g->lengths && g->encodings)
		guard_refuse(g, 400, "the request has both Content-Length and Transfer-Encoding");
	if (old && g->encodings)
		guard_refuse(g, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (!old && !g->hosts)
		guard_refuse(g, 400, "the request has no Host");
	if (!is_token(method, strlen(method)))
		guard_refuse(g, 400, "the request's method is malformed");
	for (const char *c = target; *c; c++) {
		if (*c <= 0x20 || *c > 0x7e) {
			guard_refuse(g, 400, "the request's path has characters that a URL cannot have");
			break;
		}
	}
	return !g->status;
}
