/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/answer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/release.h"
#include "core/util.h"
#include "fetch/locate.h"
#include "fetch/report.h"
#include "http/client.h"

#define REQUEST_TIMEOUT_S 20
#define FIRST_BYTE_S 20   /* beyond the wait of a long-poll */
#define LOW_SPEED_S 30
#define ANSWER_MAX (64 * 1024)
#define BATCH (64 * 1024) /* of records that go to the gateway at once */

struct wm_answerer {
	int fd;
	int gone; /* -errno: the gateway does not take what it is sent */
	struct wm_http *http;
	struct wm_fetch_target target; /* of http */
	uint8_t batch[BATCH];
	size_t batched;
	struct wm_report_kept report; /* what came for the next one */
};

struct wm_answerer *wm_answerer_new(int fd)
{
	struct wm_answerer *a = calloc(1, sizeof(*a));

	if (a)
		a->fd = fd;
	return a;
}

static void forget(struct wm_answerer *a)
{
	wm_http_free(a->http);
	a->http = NULL;
	wm_wipe(&a->target, sizeof(a->target));
}

void wm_answerer_free(struct wm_answerer *a)
{
	if (!a)
		return;
	forget(a);
	free(a);
}

static int send_problem(struct wm_answerer *a, long status, int code, const struct wm_error *err)
{
	struct wm_fetch_problem p = { .http_status = (int32_t)status, .code = code };

	memcpy(p.text, err->text, WM_MIN(sizeof(p.text), sizeof(err->text)));
	p.text[sizeof(p.text) - 1] = '\0';
	return wm_record_send(a->fd, WM_RECORD_PROBLEM, &p, sizeof(p));
}

/* what: "registry", or what else is asked there */
static int connect_to_a(struct wm_answerer *a, const struct wm_fetch_target *target, const char *what, struct wm_error *err)
{
	struct wm_http_options options = {
		.url = target->url, .token = target->token, .ca_file = target->ca_file,
		.allow_http = target->allow_http, .agent = "wm-gateway/" WM_VERSION, .what = what,
	};
	int rc;

	if (a->http && !memcmp(&a->target, target, sizeof(*target)))
		return 0;
	forget(a);
	rc = wm_http_new(&options, &a->http, err);
	if (!rc)
		a->target = *target;
	return rc;
}

static int connect_to(struct wm_answerer *a, const struct wm_fetch_target *target, struct wm_error *err)
{
	return connect_to_a(a, target, "registry", err);
}

/* --- the stream of a config, or of what has changed ------------------------------------ */

static const char *const what_of[] = { [WM_RECORD_MESH] = "config", [WM_RECORD_CHANGES] = "changes" };

struct stream {
	struct wm_answerer *a;
	struct wm_error *err;
	uint16_t head;  /* the record it begins with */
	uint64_t lines; /* between header and end */
	uint64_t sent;  /* of them, of a kind we know */
	uint64_t generation;
	struct wm_record_end end; /* held back: with it the gateway has its answer */
	bool started, ended;
};

static int flush(struct wm_answerer *a)
{
	size_t n = a->batched;

	a->batched = 0;
	a->gone = wm_record_flush(a->fd, a->batch, n);
	return a->gone;
}

static int send_batched(struct wm_answerer *a, const struct wm_record *record)
{
	ssize_t n;
	int rc = a->batched + WM_RECORD_PACKED > sizeof(a->batch) ? flush(a) : 0;

	if (rc)
		return rc;
	n = wm_record_pack(a->batch + a->batched, record->type, record->byte, record->len);
	if (n > 0)
		a->batched += (size_t)n;
	return n < 0 ? (int)n : 0;
}

static int on_end(struct stream *s, const struct wm_record_end *end)
{
	if (end->count != s->lines || end->generation != s->generation)
		return wm_fail(s->err, EPROTO, "the registry's %s not complete: %llu lines, the end says %llu",
			       s->head == WM_RECORD_MESH ? "config is" : "changes are", (unsigned long long)s->lines, (unsigned long long)end->count);
	s->ended = true;
	/* The gateway counts only what it is sent. */
	s->end = (struct wm_record_end){ .generation = end->generation, .count = s->sent };
	return 0;
}

static int on_line(void *arg, const char *line, size_t len)
{
	struct stream *s = arg;
	struct wm_record record;
	bool is_head;
	int rc;

	if (s->ended)
		return wm_fail(s->err, EPROTO, "the registry's %s", s->head == WM_RECORD_MESH ? "config goes on behind its end" : "changes go on behind their end");
	rc = wm_decode_line(line, len, &record, s->err);
	if (rc < 0)
		return wm_fail_in(s->err, -EPROTO, "the registry's %s, line %llu", what_of[s->head], (unsigned long long)s->lines + 1);
	/* The whole is as good an answer to what has changed. */
	if (!s->started && rc == 0 && record.type == WM_RECORD_MESH)
		s->head = WM_RECORD_MESH;
	is_head = rc == 0 && record.type == s->head;
	if (s->started == is_head || (rc == 0 && !is_head && (record.type == WM_RECORD_MESH || record.type == WM_RECORD_CHANGES)))
		return wm_fail(s->err, EPROTO, "the registry's answer is no %s: one header must stand first", what_of[s->head]);
	if (is_head) {
		s->started = true;
		s->generation = record.type == WM_RECORD_MESH ? record.mesh.generation : record.changes.mesh.generation;
	} else if (rc == 0 && record.type == WM_RECORD_END) {
		return on_end(s, &record.end);
	} else {
		s->lines++;
		s->sent += rc == 0;
	}
	return rc ? 0 : send_batched(s->a, &record);
}

/* The registry answered with a stream that is all there, or refused it, or said that nothing is new. */
static int get(struct wm_answerer *a, const struct wm_fetch_request *req, struct stream *s, long *ret_status,
	       struct wm_error *err)
{
	struct wm_http_answer http = { 0 };
	char path[256];
	int rc;

	a->batched = 0;
	rc = wm_format(path, sizeof(path), "/v1/%s?instance=%s&after=%llu&mark=%s&wait=%u", what_of[s->head], req->instance,
		       (unsigned long long)req->after, req->mark, req->wait_s);
	if (!rc)
		rc = wm_http_stream(a->http, path, req->wait_s + FIRST_BYTE_S, LOW_SPEED_S, on_line, s, &http, err);
	*ret_status = http.status;
	if (!rc && http.status == 200 && !s->ended)
		rc = wm_fail(err, EPROTO, "the registry's %s cut off before the end",
			     s->head == WM_RECORD_MESH ? "config is" : "changes are");
	else if (!rc && http.status != 200 && http.status != 204)
		rc = wm_http_problem(&http, "fetching the config", err);
	wm_http_answer_free(&http);
	return rc;
}

static int answer_fetch(struct wm_answerer *a, const struct wm_fetch_request *req)
{
	struct wm_error err = { 0 };
	struct stream s = { .a = a, .err = &err, .head = WM_RECORD_CHANGES };
	bool whole = !req->after;
	long status = 0;
	int rc = connect_to(a, &req->target, &err);

	if (rc)
		return send_problem(a, 0, -rc, &err);
	/* Instance id and mark came from the registry; they go back only if they are such. */
	if (strspn(req->instance, "0123456789abcdefABCDEF-") != strlen(req->instance) ||
	    strspn(req->mark, "0123456789abcdefABCDEF") != strlen(req->mark))
		return -EBADMSG;
	if (!whole) {
		rc = get(a, req, &s, &status, &err);
		/* One that does not have the path yet, or does not know any more what has changed since, has the whole. */
		whole = status == 404 || status == 405 || status == 410;
	}
	if (whole) {
		err = (struct wm_error){ 0 };
		s = (struct stream){ .a = a, .err = &err, .head = WM_RECORD_MESH };
		rc = get(a, req, &s, &status, &err);
	}
	if (a->gone)
		return a->gone;
	if (rc)
		return send_problem(a, status, -rc, &err);
	if (status == 204)
		return wm_record_send(a->fd, WM_RECORD_UNCHANGED, NULL, 0);
	rc = flush(a);
	return rc ? rc : wm_record_send(a->fd, WM_RECORD_END, &s.end, sizeof(s.end));
}

/* --- what the gateway tells the registry ------------------------------------------- */

static const struct wm_field enrol_fields[] = {
	WM_FIELD(wm_fetch_enrol, domain, "domain", WM_FIELD_LABEL, 0),
	WM_FIELD(wm_fetch_enrol, new_token, "token", WM_FIELD_STRING, 0),
	WM_FIELD(wm_fetch_enrol, public_key, "public_key", WM_FIELD_KEY, 0),
	WM_FIELD(wm_fetch_enrol, endpoint, "endpoint", WM_FIELD_ENDPOINT, 0),
	WM_FIELD(wm_fetch_enrol, subnet, "subnet", WM_FIELD_PREFIX, 0),
	WM_FIELD(wm_fetch_enrol, hub, "is_hub", WM_FIELD_BOOL, 0),
	WM_FIELD(wm_fetch_enrol, preshared, "preshared", WM_FIELD_BOOL, 0),
	WM_FIELD(wm_fetch_enrol, carrier, "carrier", WM_FIELD_LABEL, 0),
	WM_FIELD(wm_fetch_enrol, carrier_ip, "carrier_ip", WM_FIELD_IP4, 0),
};
enum { ENROL_ENDPOINT = 1u << 3, ENROL_SUBNET = 1u << 4, ENROL_CARRIER = 3u << 7 };

static const struct wm_field self_fields[] = {
	WM_FIELD(wm_fetch_self, public_key, "public_key", WM_FIELD_KEY, 0),
	WM_FIELD(wm_fetch_self, endpoint, "endpoint", WM_FIELD_ENDPOINT, WM_FIELD_NULLABLE),
};
enum { SELF_ENDPOINT = 1u << 1 };

static const struct wm_table enrol_table = WM_TABLE(enrol_fields);
static const struct wm_table self_table = WM_TABLE(self_fields);

/* Sends body (freed here; DELETE has none) and leaves 0, or -errno with *ret_status and a sentence. */
static int tell(struct wm_answerer *a, const struct wm_fetch_target *target, const char *method, const char *path,
		char *body, const char *doing, long *ret_status, struct wm_error *err)
{
	struct wm_http_answer http = { 0 };
	int rc = body || !strcmp(method, "DELETE") ? connect_to(a, target, err) : wm_fail(err, ENOMEM, "out of memory");

	if (!rc)
		rc = wm_http_request(a->http, method, path, body, ANSWER_MAX, REQUEST_TIMEOUT_S, &http, err);
	*ret_status = http.status;
	if (!rc && (http.status < 200 || http.status > 299))
		rc = wm_http_problem(&http, doing, err);
	wm_http_answer_free(&http);
	wm_wipe_free(body);
	return rc;
}

static int answer_enrol(struct wm_answerer *a, const struct wm_fetch_enrol *req)
{
	uint32_t mask = ~0u & ~(req->endpoint.family ? 0 : ENROL_ENDPOINT) & ~(req->subnet.len ? 0 : ENROL_SUBNET) &
			~(*req->carrier ? 0 : ENROL_CARRIER);
	struct wm_fetch_enrolled enrolled;
	struct wm_error err = { 0 };
	long status = 0;
	int rc = tell(a, &req->target, "POST", "/v1/enrol", wm_encode(&enrol_table, req, mask), "enrolling", &status, &err);

	if (rc)
		return send_problem(a, status, -rc, &err);
	memcpy(enrolled.domain, req->domain, sizeof(enrolled.domain));
	return wm_record_send(a->fd, WM_RECORD_ENROLLED, &enrolled, sizeof(enrolled));
}

/* The same of the gateway's own site, `behind` being the rest of the path; and answers that it is done. */
static int tell_of_site(struct wm_answerer *a, const struct wm_fetch_target *target, const char *method, const char *domain,
			const char *behind, char *body, const char *doing)
{
	struct wm_error err = { 0 };
	char path[128];
	long status = 0;
	int rc;

	if (!wm_label_valid(domain) || wm_format(path, sizeof(path), "/v1/sites/%s%s", domain, behind)) {
		wm_wipe_free(body);
		return -EBADMSG;
	}
	rc = tell(a, target, method, path, body, doing, &status, &err);
	return rc ? send_problem(a, status, -rc, &err) : wm_record_send(a->fd, WM_RECORD_DONE, NULL, 0);
}

static int answer_self(struct wm_answerer *a, const struct wm_fetch_self *req)
{
	uint32_t mask = ~0u & ~(req->endpoint.family || req->endpoint_too ? 0 : SELF_ENDPOINT);

	return tell_of_site(a, &req->target, "PATCH", req->domain, "", wm_encode(&self_table, req, mask), "telling the registry this gateway's key");
}

static int answer_leave(struct wm_answerer *a, const struct wm_fetch_leave *req)
{
	return tell_of_site(a, &req->target, "DELETE", req->domain, "?cascade=1", NULL, "deregistering the site");
}

static int answer_report(struct wm_answerer *a, const struct wm_fetch_report *req)
{
	return tell_of_site(a, &req->target, "PUT", req->domain, "/status", wm_report_body(&a->report, req), "reporting");
}

/* --- a file for wm-agent ------------------------------------------------------------------- */

static int on_piece(void *arg, const void *data, size_t len)
{
	struct wm_answerer *a = arg;
	const uint8_t *at = data;

	while (len) {
		size_t part = WM_MIN(len, (size_t)WM_RECORD_MAX);
		int rc = a->batched + WM_RECORD_PACKED > sizeof(a->batch) ? flush(a) : 0;

		if (rc)
			return rc;
		a->batched += (size_t)wm_record_pack(a->batch + a->batched, WM_RECORD_CHUNK, at, part);
		at += part;
		len -= part;
	}
	return 0;
}

static int answer_get(struct wm_answerer *a, const struct wm_fetch_get *req)
{
	struct wm_http_answer http = { 0 };
	struct wm_error err = { 0 };
	char path[sizeof(req->name) + 1];
	int rc;

	if (*req->target.token || !wm_release_name_valid(req->name) || wm_format(path, sizeof(path), "/%s", req->name))
		return -EBADMSG;
	a->batched = 0;
	rc = connect_to_a(a, &req->target, "downloads of", &err);
	if (!rc)
		rc = wm_http_get(a->http, path, req->max, req->timeout_s, on_piece, a, &http, &err);
	if (!rc && http.status != 200)
		rc = wm_fail(&err, http.status == 404 ? ENOENT : EREMOTEIO, "%s%s: answered with %ld%s", req->target.url, path,
			     http.status, http.status >= 300 && http.status < 400 ? ", which points elsewhere: that is not followed" : "");
	if (!rc)
		rc = flush(a);
	if (a->gone)
		rc = a->gone;
	else
		rc = rc ? send_problem(a, http.status, -rc, &err) : wm_record_send(a->fd, WM_RECORD_DONE, NULL, 0);
	wm_http_answer_free(&http);
	return rc;
}

static int answer_locate(struct wm_answerer *a, const struct wm_fetch_locate *req)
{
	struct wm_fetch_located located = { 0 };
	struct wm_error err = { 0 };
	int rc = connect_to(a, &req->target, &err);

	if (!rc)
		rc = wm_fetch_locate(a->http, req, &located, &err);
	return rc ? send_problem(a, 0, -rc, &err) : wm_record_send(a->fd, WM_RECORD_LOCATED, &located, sizeof(located));
}

int wm_answer(struct wm_answerer *a, const struct wm_record *request)
{
	switch (request->type) {
	case WM_RECORD_FETCH:
		return answer_fetch(a, &request->fetch);
	case WM_RECORD_ENROL:
		return answer_enrol(a, &request->enrol);
	case WM_RECORD_UPDATE_SELF:
		return answer_self(a, &request->self);
	case WM_RECORD_LOCATE:
		return answer_locate(a, &request->locate);
	case WM_RECORD_LEAVE:
		return answer_leave(a, &request->leave);
	case WM_RECORD_REPORT_PEER:
	case WM_RECORD_REPORT_HOST:
		return wm_report_keep(&a->report, request);
	case WM_RECORD_REPORT:
		return answer_report(a, &request->report);
	case WM_RECORD_GET:
		return answer_get(a, &request->get);
	default:
		return -EBADMSG;
	}
}
