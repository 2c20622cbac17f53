/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/pieces.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

struct pieces {
	const struct pieces_ops *ops;
	void *arg;
	char *text; /* what is being sent, or NULL */
	size_t len, sent;
};

int pieces_say(char **ret, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(ret, fmt, ap);
	va_end(ap);
	if (n >= 0)
		return 1;
	*ret = NULL;
	return -ENOMEM;
}

/* 1, or what there is instead of a next piece. */
static int next(struct pieces *p)
{
	int rc = p->ops->next(p->arg, &p->text);

	if (rc > 0) {
		p->len = strlen(p->text);
		p->sent = 0;
	}
	return rc;
}

static ssize_t pieces_read(void *arg, char *buf, size_t max)
{
	struct pieces *p = arg;
	size_t n = 0;

	while (n < max) {
		size_t part;
		int rc = p->text ? 1 : next(p);

		if (rc == -EAGAIN && n)
			break;
		if (rc < 0)
			return rc;
		if (!rc)
			break;
		part = WM_MIN(max - n, p->len - p->sent);
		memcpy(buf + n, p->text + p->sent, part);
		n += part;
		p->sent += part;
		if (p->sent == p->len) {
			free(p->text);
			p->text = NULL;
		}
	}
	return (ssize_t)n;
}

static void pieces_free(void *arg)
{
	struct pieces *p = arg;

	p->ops->free(p->arg);
	free(p->text);
	free(p);
}

int pieces_new(const struct pieces_ops *ops, void *arg, struct http_stream *ret)
{
	struct pieces *p = calloc(1, sizeof(*p));

	if (!p) {
		ops->free(arg);
		return -ENOMEM;
	}
	p->ops = ops;
	p->arg = arg;
	*ret = (struct http_stream){ .read = pieces_read, .free = pieces_free, .arg = p };
	return 0;
}

/* --- written ---------------------------------------------------------------------------- */

struct written {
	pieces_write_fn write;
	void *arg;
	bool ended;
};

static int next_written(void *arg, char **ret)
{
	struct written *w = arg;
	WM_AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = w->ended ? NULL : open_memstream(&text, &len);
	int rc;

	if (!f)
		return w->ended ? 0 : -ENOMEM;
	rc = w->write(w->arg, f);
	if (ferror(f) | fclose(f))
		return -ENOMEM;
	w->ended = rc == 0;
	if (rc < 0)
		return rc;
	*ret = WM_STEAL(text);
	return 1;
}

static void free_written(void *arg)
{
	struct written *w = arg;

	free(w->arg);
	free(w);
}

int pieces_written(pieces_write_fn write, void *arg, struct http_stream *ret)
{
	static const struct pieces_ops ops = { next_written, free_written };
	struct written *w = calloc(1, sizeof(*w));

	if (!w) {
		free(arg);
		return -ENOMEM;
	}
	w->write = write;
	w->arg = arg;
	return pieces_new(&ops, w, ret);
}
