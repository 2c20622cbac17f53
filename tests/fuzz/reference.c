/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/reference.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct line {
	const char *text;
	size_t len;
};

struct reader {
	const char *at, *end;
};

/* Up to CR LF, without control characters but tabs. What registry/http_lines.c cannot tell from it is taken for it here:
 * NUL LF, and ':' LF as an empty line. */
static bool next_line(struct reader *r, struct line *ret)
{
	const char *lf = memchr(r->at, '\n', (size_t)(r->end - r->at));

	if (!lf || lf == r->at || (lf[-1] != '\r' && lf[-1] && !(lf[-1] == ':' && lf == r->at + 1)))
		return false;
	*ret = (struct line){ r->at, (size_t)(lf - 1 - r->at) };
	if (!ret->len && lf[-1] == ':') {
		r->at = lf + 1;
		return true;
	}
	for (size_t i = 0; i < ret->len; i++) {
		unsigned char c = (unsigned char)ret->text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	r->at = lf + 1;
	return true;
}

static bool is_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!text[i] || !strchr("!#$%&'*+-.^_`|~", text[i])) {
			if (!isalnum((unsigned char)text[i]))
				return false;
		}
	}
	return len > 0;
}

/* METHOD SP target SP version; a space in a query cannot be told from '+' here. */
static bool read_request_line(struct reader *r, bool *ret_old)
{
	bool in_query = false;
	struct line line;
	const char *sp, *last;

	if (!next_line(r, &line) || line.len < 12)
		return false;
	last = line.text + line.len - strlen(" HTTP/1.1");
	if (memcmp(last, " HTTP/1.", 8) || (last[8] != '0' && last[8] != '1'))
		return false;
	*ret_old = last[8] == '0';
	sp = memchr(line.text, ' ', (size_t)(last - line.text));
	if (!sp || !is_name(line.text, (size_t)(sp - line.text)) || sp + 1 >= last)
		return false;
	for (const char *c = sp + 1; c < last; c++) {
		in_query |= *c == '?';
		if (*c < 0x20 + !in_query || *c > 0x7e)
			return false;
	}
	return true;
}

struct header {
	unsigned int hosts, lengths, encodings, tokens;
	size_t length;
};

static bool is(const struct line *name, const char *what)
{
	return name->len == strlen(what) && !strncasecmp(name->text, what, name->len);
}

static bool read_length(const struct line *value, size_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < value->len; i++) {
		if (!isdigit((unsigned char)value->text[i]) || i > 17)
			return false;
		*ret = *ret * 10 + (size_t)(value->text[i] - '0');
	}
	return value->len > 0;
}

static bool read_field(const struct line *line, struct header *io)
{
	const char *colon = memchr(line->text, ':', line->len), *end = line->text + line->len;
	struct line name, value;

	if (!colon)
		return false;
	name = (struct line){ line->text, (size_t)(colon - line->text) };
	do
		colon++;
	while (colon < end && (*colon == ' ' || *colon == '\t'));
	value = (struct line){ colon, (size_t)(end - colon) };
	if (!is_name(name.text, name.len))
		return false;
	io->hosts += is(&name, "host");
	io->tokens += is(&name, "authorization");
	if (is(&name, "transfer-encoding"))
		return is(&value, "chunked") && !io->encodings++;
	if (is(&name, "content-length"))
		return read_length(&value, &io->length) && !io->lengths++;
	return true;
}

/* Empty lines in front of a request, and, as the library does, what begins with NUL. */
static void skip_empty(struct reader *r)
{
	bool empty = true;

	for (; r->at < r->end; r->at++) {
		if (*r->at == '\r' || *r->at == '\n')
			empty = true;
		else if (empty && *r->at)
			return;
		else
			empty = false;
	}
}

/* 1 a request, 0 none, -1 a request behind which nothing may be read. */
static int next_request(struct reader *r)
{
	struct header h = { 0 };
	struct line line;
	bool old;

	skip_empty(r);
	if (!read_request_line(r, &old))
		return 0;
	while (next_line(r, &line)) {
		if (line.len) {
			if (!read_field(&line, &h))
				return 0;
			continue;
		}
		if (h.hosts > 1 || h.tokens > 1 || (!old && !h.hosts) || (h.encodings && (h.lengths || old)))
			return 0;
		if (h.encodings)
			return -1;
		if (h.length > (size_t)(r->end - r->at))
			return 0;
		r->at += h.length;
		return 1;
	}
	return 0;
}

size_t reference_requests(const uint8_t *data, size_t len)
{
	struct reader r = { (const char *)data, (const char *)data + len };
	size_t n = 0;
	int rc;

	while ((rc = next_request(&r)) > 0)
		n++;
	return n + (rc < 0);
}
