/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One request: its headers past the guard, its body, the handler, the answer;
 * and waiting in between.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "core/key.h"
#include "core/util.h"
#include "registry/guard.h"
#include "registry/http_internal.h"
#include "registry/problem.h"

struct exchange {
	struct http_request request;
	struct conn *conn;
	struct source gone; /* the client closed its side while suspended */
	char *body;
	size_t len, capacity;
	size_t room; /* for it */
	bool too_big;
	bool last; /* the connection ends with it */
	bool suspended, held;
};

static struct exchange *exchange_of(struct http_request *request)
{
	return OWNER(request, struct exchange, request);
}

/* --- answers ---------------------------------------------------------------------- */

/* An answer that is made while it is sent: what was made of it already, and the rest. */
struct rest {
	struct http_stream stream;
	size_t len, sent;
	char begun[];
};

static ssize_t on_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct rest *rest = cls;
	ssize_t n = (ssize_t)WM_MIN(max, rest->len - rest->sent);

	(void)pos;
	if (n) {
		memcpy(buf, rest->begun + rest->sent, (size_t)n);
		rest->sent += (size_t)n;
		return n;
	}
	n = rest->stream.read(rest->stream.arg, buf, max);
	if (n > 0)
		return n;
	if (n == -EAGAIN)
		return 0; /* the library asks again when it is run again, which it wants to be at once */
	return n ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
}

static void on_read_free(void *cls)
{
	struct rest *rest = cls;

	rest->stream.free(rest->stream.arg);
	free(rest);
}

static void answer_clear(struct http_answer *answer)
{
	free(answer->body);
	if (answer->stream.read)
		answer->stream.free(answer->stream.arg);
	*answer = (struct http_answer){ 0 };
}

static struct MHD_Response *make_long(struct http_answer *answer, const char *begun, size_t len)
{
	struct rest *rest = malloc(sizeof(*rest) + len);
	struct MHD_Response *response;

	if (!rest)
		return NULL;
	*rest = (struct rest){ .stream = answer->stream, .len = len };
	memcpy(rest->begun, begun, len);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HTTP_BLOCK_BYTES, on_read, rest, on_read_free);
	if (response)
		answer->stream = (struct http_stream){ 0 };
	else
		free(rest);
	return response;
}

/* What is short is sent in one piece, which costs a third: above all what thousands get who waited for one change. */
static struct MHD_Response *make_streamed(struct http_answer *answer)
{
	struct http_stream *stream = &answer->stream;
	char begun[HTTP_BLOCK_BYTES];
	size_t len = WM_MIN(answer->len, sizeof(begun));
	ssize_t n = 1;

	if (len)
		memcpy(begun, answer->body, len);
	while (n > 0 && len < sizeof(begun)) {
		n = stream->read(stream->arg, begun + len, sizeof(begun) - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n)
		return make_long(answer, begun, len);
	/* the stream itself is kept until it is sent, and with it the view of the mesh, which others share meanwhile */
	return MHD_create_response_from_buffer(len, begun, MHD_RESPMEM_MUST_COPY);
}

static struct MHD_Response *make_response(struct http_answer *answer)
{
	struct MHD_Response *response;

	if (answer->stream.read)
		return make_streamed(answer);
	response = MHD_create_response_from_buffer(answer->len, answer->body, MHD_RESPMEM_MUST_FREE);
	if (response)
		answer->body = NULL;
	return response;
}

static void add_headers(const struct exchange *x, struct MHD_Response *response)
{
	const struct http_answer *answer = &x->request.answer;

	if (answer->type)
		MHD_add_response_header(response, "Content-Type", answer->type);
	if (*answer->etag)
		MHD_add_response_header(response, "ETag", answer->etag);
	if (*answer->allow)
		MHD_add_response_header(response, "Allow", answer->allow);
	if (answer->policy) {
		MHD_add_response_header(response, "Content-Security-Policy", answer->policy);
		MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	}
	if (answer->retry_after) {
		char seconds[16];

		wm_format(seconds, sizeof(seconds), "%u", answer->retry_after);
		MHD_add_response_header(response, "Retry-After", seconds);
	}
	if (answer->status == 401)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	MHD_add_response_header(response, "Cache-Control", *answer->etag ? "no-cache" : "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (x->last || x->conn->server->stopping)
		MHD_add_response_header(response, "Connection", "close");
}

static bool send_answer(struct exchange *x)
{
	struct http_answer *answer = &x->request.answer;
	struct MHD_Response *response = make_response(answer);
	enum MHD_Result ok;

	if (!response)
		return false;
	add_headers(x, response);
	conn_serves(x->conn, HTTP_ANSWER_MS);
	ok = MHD_queue_response(x->conn->mhd, answer->status, response);
	MHD_destroy_response(response);
	return ok == MHD_YES;
}

/* --- one request ------------------------------------------------------------------- */

static enum MHD_Result each_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len,
				   const char *value, size_t value_len)
{
	(void)kind;
	guard_header(cls, key, key_len, value ? value : "", value_len);
	return MHD_YES;
}

/* "" for none: a missing token is refused like a bad one. */
static const char *bearer(struct MHD_Connection *mhd)
{
	const char *value = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Authorization");

	if (!value || strncasecmp(value, "Bearer ", 7))
		return "";
	return value + 7 + strspn(value + 7, " ");
}

static void read_peer(struct exchange *x)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *addr = info ? info->client_addr : NULL;
	struct http_request *r = &x->request;

	if (addr && addr->sa_family == AF_INET) {
		const struct in_addr *in = &((const struct sockaddr_in *)(const void *)addr)->sin_addr;

		inet_ntop(AF_INET, in, r->client, sizeof(r->client));
		r->local = ntohl(in->s_addr) >> 24 == 127;
	} else if (addr && addr->sa_family == AF_INET6) {
		const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(in6))
			inet_ntop(AF_INET, in6->s6_addr + 12, r->client, sizeof(r->client));
		else
			inet_ntop(AF_INET6, in6, r->client, sizeof(r->client));
		r->local = IN6_IS_ADDR_LOOPBACK(in6) || (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
	} else {
		r->local = addr && addr->sa_family == AF_UNIX;
	}
}

bool exchange_begin(struct conn *conn, const char *path, const char *method, const char *version)
{
	struct exchange *x = calloc(1, sizeof(*x));
	struct guard guard = { 0 };

	if (!x)
		return false;
	x->conn = conn;
	conn->exchange = x;
	conn->used = true;
	x->request.method = strcmp(method, "HEAD") ? method : "GET";
	x->request.path = path;
	x->request.token = bearer(conn->mhd);
	read_peer(x);
	x->room = conn->server->ops->room_for(conn->server->app, &x->request);
	if (!x->room) {
		x->last = true;
		return send_answer(x);
	}
	if (x->room > GUARD_BODY_MAX) {
		guard.body_max = x->room;
		timers_set(&conn->server->timers, &conn->deadline, wm_monotonic_ms() + HTTP_LARGE_MS);
	}
	if (!lines_are_plain(conn->mhd, method, path, version))
		guard_refuse(&guard, 400, "the request is not made of lines as HTTP has them, each with CR LF at its end");
	MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, each_header, &guard);
	x->last = guard.encodings > 0; /* readers disagree most about where chunks end: nothing is read behind them */
	if (guard_request(&guard, method, path, version))
		return true;
	problem_set(&x->request.answer, guard.status, "", "%s", guard.why);
	x->last = true;
	return send_answer(x);
}

bool exchange_body(struct exchange *x, const char *data, size_t len)
{
	if (x->len + len > x->room) {
		x->too_big = true; /* said at the end; until then the rest is dropped */
	} else if (!x->too_big) {
		if (wm_grow((void **)&x->body, &x->capacity, x->len + len + 1, 1))
			return false;
		memcpy(x->body + x->len, data, len);
		x->len += len;
		x->body[x->len] = '\0';
	}
	return true;
}

bool exchange_whole(struct exchange *x)
{
	struct http_server *server = x->conn->server;

	x->request.body = x->body ? x->body : "";
	x->request.len = x->len;
	x->request.hurry |= server->stopping;
	if (x->too_big) {
		problem_set(&x->request.answer, 413, "", "the request's body is larger than %zu KiB; send less at a time", x->room / 1024);
		x->last = true;
	} else if (!x->held) {
		server->ops->handle(server->app, &x->request);
		/* Without an answer yet: it waits, or was woken again before it came back here. The library asks again then. */
		if (!x->request.answer.status || x->held)
			return true;
	}
	if (x->suspended) /* still held */
		return true;
	return send_answer(x);
}

void exchange_end(struct exchange *x)
{
	struct http_server *server = x->conn->server;

	server->ops->done(server->app, &x->request);
	conn_expects(x->conn);
	x->conn->exchange = NULL;
	answer_clear(&x->request.answer);
	if (x->body)
		wm_wipe(x->body, x->capacity); /* it may have held a token */
	free(x->body);
	free(x);
}

/* --- waiting -------------------------------------------------------------------------- */

static void on_gone(struct source *source)
{
	struct http_request *request = &OWNER(source, struct exchange, gone)->request;

	request->hurry = true;
	http_resume(request);
}

/* libmicrohttpd does not look at a suspended connection, so we do. */
void http_suspend(struct http_request *request)
{
	struct exchange *x = exchange_of(request);
	struct epoll_event event = { .events = EPOLLRDHUP, .data.ptr = &x->gone };

	x->gone.ready = on_gone;
	x->suspended = true;
	conn_serves(x->conn, 0);
	epoll_ctl(x->conn->server->epoll, EPOLL_CTL_ADD, x->conn->fd, &event);
	MHD_suspend_connection(x->conn->mhd);
}

void http_hold(struct http_request *request)
{
	struct exchange *x = exchange_of(request);

	x->held = x->suspended = true;
	conn_serves(x->conn, 0);
	MHD_suspend_connection(x->conn->mhd);
}

void http_resume(struct http_request *request)
{
	struct exchange *x = exchange_of(request);

	if (!x->suspended)
		return;
	x->suspended = false;
	if (!x->held)
		epoll_ctl(x->conn->server->epoll, EPOLL_CTL_DEL, x->conn->fd, NULL);
	MHD_resume_connection(x->conn->mhd);
	x->conn->server->resumed = true;
}

struct MHD_Connection *exchange_mhd(const struct http_request *request)
{
	return ((const struct exchange *)(const void *)request)->conn->mhd;
}
