/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/update_get.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/record.h"
#include "core/util.h"

#define SPARE_MS 5000 /* beyond what wm-fetch allows itself */

struct transfer {
	uint64_t left; /* bytes that may come */
	wm_update_take_fn take;
	void *arg;
	struct wm_error *err;
};

/* 0 more to come, 1 that was all, -errno. */
static int take_record(struct transfer *t, const struct wm_record *r)
{
	switch (r->type) {
	case WM_RECORD_DONE:
		return 1;
	case WM_RECORD_PROBLEM:
		return wm_fail(t->err, r->problem.code > 0 ? r->problem.code : EIO, "%s", r->problem.text);
	case WM_RECORD_CHUNK:
		/* wm-fetch has counted too; it is not believed. */
		if (r->len > t->left)
			return wm_fail(t->err, EFBIG, "wm-fetch sends more than it was asked for");
		t->left -= r->len;
		return t->take(t->arg, r->byte, r->len);
	default:
		return wm_fail(t->err, EBADMSG, "wm-fetch answers with a record of type %u", r->type);
	}
}

static int take_records(struct wm_fetcher *f, struct transfer *t)
{
	struct wm_record record;
	size_t done = 0, used;
	int rc = 0;

	while (!rc) {
		rc = wm_record_parse(f->buf + done, f->len - done, &record, &used, t->err);
		if (rc)
			break;
		done += used;
		rc = take_record(t, &record);
		if (rc == 1)
			goto out;
	}
	rc = rc == 1 ? 0 : rc; /* not a whole record yet */
out:
	memmove(f->buf, f->buf + done, f->len - done);
	f->len -= done;
	return rc;
}

static int receive(struct wm_fetcher *f, uint64_t deadline_ms, struct wm_error *err)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };
	uint64_t now = wm_monotonic_ms();
	ssize_t n;

	if (now >= deadline_ms)
		return wm_fail(err, ETIMEDOUT, "wm-fetch does not answer in time");
	if (poll(&p, 1, (int)(deadline_ms - now)) <= 0)
		return 0;
	if (wm_grow((void **)&f->buf, &f->cap, f->len + WM_RECORD_PACKED, 1))
		return wm_fail(err, ENOMEM, "out of memory");
	n = recv(f->fd, f->buf + f->len, f->cap - f->len, MSG_DONTWAIT);
	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
		return wm_fail(err, EPIPE, "wm-fetch ended unexpectedly");
	f->len += n > 0 ? (size_t)n : 0;
	return 0;
}

int wm_update_get(struct wm_fetcher *f, const struct wm_instance *inst, const char *name, uint64_t max,
		  unsigned int timeout_s, wm_update_take_fn take, void *arg, struct wm_error *err)
{
	struct transfer t = { .left = max, .take = take, .arg = arg, .err = err };
	struct wm_fetch_get request = { .max = max, .timeout_s = timeout_s };
	uint64_t deadline = wm_monotonic_ms() + 1000ull * timeout_s + SPARE_MS;
	int rc = wm_copy(request.name, sizeof(request.name), name);

	if (!rc)
		rc = wm_copy(request.target.url, sizeof(request.target.url), inst->update_url);
	memcpy(request.target.ca_file, inst->registry_ca, sizeof(request.target.ca_file));
	rc = rc ? wm_fail(err, -rc, "%s/%s is too long", inst->update_url, name) :
		  wm_fetcher_send(f, inst, WM_RECORD_GET, &request, sizeof(request), err);
	if (rc == -ENOENT)
		rc = -EIO; /* it is wm-fetch that is not there */
	while (!rc) {
		rc = receive(f, deadline, err);
		if (!rc)
			rc = take_records(f, &t);
	}
	f->busy = false;
	/* What may still be under way belongs to no other question. */
	if (rc < 0)
		wm_fetcher_stop(f);
	return rc == 1 ? 0 : rc;
}

struct text {
	char *data;
	size_t len, cap;
};

static int add_text(void *arg, const void *data, size_t len)
{
	struct text *t = arg;

	if (wm_grow((void **)&t->data, &t->cap, t->len + len + 1, 1))
		return -ENOMEM;
	memcpy(t->data + t->len, data, len);
	t->len += len;
	t->data[t->len] = '\0';
	return 0;
}

int wm_update_get_text(struct wm_fetcher *f, const struct wm_instance *inst, const char *name, size_t max,
		       unsigned int timeout_s, char **ret, size_t *ret_len, struct wm_error *err)
{
	struct text t = { 0 };
	int rc;

	wm_fail(err, ENOMEM, "out of memory");
	rc = add_text(&t, "", 0);
	if (!rc)
		rc = wm_update_get(f, inst, name, max, timeout_s, add_text, &t, err);
	if (!rc && strlen(t.data) != t.len)
		rc = wm_fail(err, EBADMSG, "%s/%s is no text", inst->update_url, name);
	if (rc) {
		free(t.data);
		return rc;
	}
	*ret = t.data;
	*ret_len = t.len;
	return 0;
}
