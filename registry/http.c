/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/key.h"
#include "core/util.h"
#include "registry/guard.h"
#include "registry/problem.h"

#define LISTENERS_MAX 16
#define CONNECTIONS_MAX 101000
#define POOL_BYTES (16 * 1024)  /* per connection: headers, and what is being sent */
#define BLOCK_BYTES 4096        /* per answer that is made while it is sent */
#define REQUEST_MS 10000        /* from the connection's start, or the last answer, to a whole request */
#define ANSWER_MS 600000        /* the longest that sending an answer may take */
#define STALLED_S 30            /* no byte moves either way */
#define STOP_MS 2000            /* for what is under way when the server stops */

/* What epoll points to. */
struct source {
	void (*ready)(struct source *source);
};

struct http_server {
	const struct http_ops *ops;
	void *app;
	int epoll;
	struct MHD_Daemon *daemons[LISTENERS_MAX];
	size_t ndaemons;
	struct timers timers;
	struct conn *conns;
	struct source running, stop; /* a daemon has work; the stop fd is readable */
	struct timer stop_timer;
	bool resumed; /* the library has not been run since */
	bool stopping, stopped;
};

struct conn {
	struct http_server *server;
	struct MHD_Connection *mhd;
	int fd;
	struct timer deadline;
	struct exchange *exchange; /* the request under way, or NULL */
	struct conn *next, **link;
};

struct exchange {
	struct http_request request;
	struct conn *conn;
	struct source gone; /* the client closed its side while suspended */
	char *body;
	size_t len, capacity;
	bool too_big;
	bool suspended;
};

#define OWNER(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

static struct exchange *exchange_of(struct http_request *request)
{
	return OWNER(request, struct exchange, request);
}

/* --- answers ---------------------------------------------------------------------- */

static ssize_t on_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct http_stream *stream = cls;
	ssize_t n = stream->read(stream->arg, buf, max);

	(void)pos;
	if (n > 0)
		return n;
	return n ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
}

static void on_read_free(void *cls)
{
	struct http_stream *stream = cls;

	stream->free(stream->arg);
	free(stream);
}

static void answer_clear(struct http_answer *answer)
{
	free(answer->body);
	if (answer->stream.read)
		answer->stream.free(answer->stream.arg);
	*answer = (struct http_answer){ 0 };
}

static struct MHD_Response *make_response(struct http_answer *answer)
{
	struct MHD_Response *response;

	if (answer->stream.read) {
		struct http_stream *stream = malloc(sizeof(*stream));

		if (!stream)
			return NULL;
		*stream = answer->stream;
		response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_read, stream, on_read_free);
		if (!response) {
			free(stream);
			return NULL;
		}
		answer->stream = (struct http_stream){ 0 };
		return response;
	}
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
	if (answer->status == 401)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	MHD_add_response_header(response, "Cache-Control", *answer->etag ? "no-cache" : "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (answer->close || x->conn->server->stopping)
		MHD_add_response_header(response, "Connection", "close");
}

static enum MHD_Result send_answer(struct exchange *x)
{
	struct http_answer *answer = &x->request.answer;
	struct MHD_Response *response = make_response(answer);
	enum MHD_Result ok;

	if (!response)
		return MHD_NO;
	add_headers(x, response);
	timers_set(&x->conn->server->timers, &x->conn->deadline, wm_monotonic_ms() + ANSWER_MS);
	ok = MHD_queue_response(x->conn->mhd, answer->status, response);
	MHD_destroy_response(response);
	return ok;
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

static enum MHD_Result begin_request(struct conn *conn, const char *path, const char *method, const char *version,
				     void **ret)
{
	struct exchange *x = calloc(1, sizeof(*x));
	struct guard guard = { 0 };

	if (!x)
		return MHD_NO;
	*ret = x;
	x->conn = conn;
	conn->exchange = x;
	x->request.method = strcmp(method, "HEAD") ? method : "GET";
	x->request.path = path;
	x->request.token = bearer(conn->mhd);
	read_peer(x);
	MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, each_header, &guard);
	if (guard_request(&guard, version, path))
		return MHD_YES;
	problem_set(&x->request.answer, guard.status, "", "%s", guard.why);
	x->request.answer.close = true;
	return send_answer(x);
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t *len)
{
	if (x->len + *len > GUARD_BODY_MAX) {
		x->too_big = true; /* said at the end; until then the rest is dropped */
	} else if (!x->too_big) {
		if (wm_grow((void **)&x->body, &x->capacity, x->len + *len + 1, 1))
			return MHD_NO;
		memcpy(x->body + x->len, data, *len);
		x->len += *len;
		x->body[x->len] = '\0';
	}
	*len = 0;
	return MHD_YES;
}

static enum MHD_Result dispatch(struct exchange *x)
{
	struct http_server *server = x->conn->server;

	x->request.body = x->body ? x->body : "";
	x->request.len = x->len;
	x->request.hurry |= server->stopping;
	if (x->too_big) {
		problem_set(&x->request.answer, 413, "", "the request's body is larger than 64 KiB; send less at a time");
		x->request.answer.close = true;
	} else {
		server->ops->handle(server->app, &x->request);
		if (x->suspended)
			return MHD_YES;
	}
	return send_answer(x);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *path, const char *method,
				  const char *version, const char *data, size_t *len, void **ctx)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *conn = info ? info->socket_context : NULL;

	(void)cls;
	if (!conn)
		return MHD_NO;
	if (!*ctx)
		return begin_request(conn, path, method, version, ctx);
	if (*len)
		return take_body(*ctx, data, len);
	return dispatch(*ctx);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **ctx, enum MHD_RequestTerminationCode how)
{
	struct http_server *server = cls;
	struct exchange *x = *ctx;

	(void)mhd;
	(void)how;
	if (!x)
		return;
	*ctx = NULL;
	server->ops->done(server->app, &x->request);
	timers_set(&server->timers, &x->conn->deadline, wm_monotonic_ms() + REQUEST_MS);
	x->conn->exchange = NULL;
	answer_clear(&x->request.answer);
	if (x->body)
		wm_wipe(x->body, x->capacity); /* it may have held a token */
	free(x->body);
	free(x);
}

/* Paths and queries of ours need no escapes, and an escaped one matches nothing. */
static size_t no_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
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
	timers_clear(&x->conn->server->timers, &x->conn->deadline);
	epoll_ctl(x->conn->server->epoll, EPOLL_CTL_ADD, x->conn->fd, &event);
	MHD_suspend_connection(x->conn->mhd);
}

void http_resume(struct http_request *request)
{
	struct exchange *x = exchange_of(request);

	if (!x->suspended)
		return;
	x->suspended = false;
	epoll_ctl(x->conn->server->epoll, EPOLL_CTL_DEL, x->conn->fd, NULL);
	MHD_resume_connection(x->conn->mhd);
	x->conn->server->resumed = true;
}

const char *http_query(const struct http_request *request, const char *key)
{
	const struct exchange *x = (const struct exchange *)(const void *)request;

	return MHD_lookup_connection_value(x->conn->mhd, MHD_GET_ARGUMENT_KIND, key);
}

const char *http_header(const struct http_request *request, const char *name)
{
	const struct exchange *x = (const struct exchange *)(const void *)request;

	return MHD_lookup_connection_value(x->conn->mhd, MHD_HEADER_KIND, name);
}

/* --- connections ------------------------------------------------------------------------ */

/* The library sees the end of the connection and cleans up after itself. */
static void on_deadline(struct timer *timer)
{
	shutdown(OWNER(timer, struct conn, deadline)->fd, SHUT_RDWR);
}

static void conn_open(struct http_server *server, struct MHD_Connection *mhd, void **ctx)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn || !info) {
		free(conn);
		return;
	}
	*conn = (struct conn){ .server = server, .mhd = mhd, .fd = info->connect_fd, .deadline.fire = on_deadline };
	conn->next = server->conns;
	conn->link = &server->conns;
	if (conn->next)
		conn->next->link = &conn->next;
	server->conns = conn;
	timers_set(&server->timers, &conn->deadline, wm_monotonic_ms() + REQUEST_MS);
	*ctx = conn;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **ctx, enum MHD_ConnectionNotificationCode what)
{
	struct http_server *server = cls;
	struct conn *conn = *ctx;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		conn_open(server, mhd, ctx);
		return;
	}
	if (!conn)
		return;
	*conn->link = conn->next;
	if (conn->next)
		conn->next->link = conn->link;
	timers_clear(&server->timers, &conn->deadline);
	free(conn);
	*ctx = NULL;
}

/* --- the server ---------------------------------------------------------------------------- */

/* As many connections as the machine allows, with some files left for the database. */
static unsigned int connection_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 512;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= CONNECTIONS_MAX + 128)
		return CONNECTIONS_MAX;
	return limit.rlim_cur > 256 ? (unsigned int)limit.rlim_cur - 128 : 128;
}

static void on_work(struct source *source)
{
	(void)source; /* every daemon is run in every turn of the loop */
}

int http_new(const struct http_ops *ops, void *app, struct http_server **ret, struct wm_error *err)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (!server)
		return wm_fail(err, ENOMEM, "out of memory");
	server->ops = ops;
	server->app = app;
	server->running.ready = on_work;
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll < 0) {
		free(server);
		return wm_fail(err, errno, "cannot create an epoll descriptor: %s", strerror(errno));
	}
	*ret = server;
	return 0;
}

struct timers *http_timers(struct http_server *server)
{
	return &server->timers;
}

int http_listen(struct http_server *server, int fd, const char *cert, const char *key, struct wm_error *err)
{
	unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (cert ? MHD_USE_TLS : 0);
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &server->running };
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *d = NULL;

	if (server->ndaemons < LISTENERS_MAX)
		d = MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
				     MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED,
				     on_completed, server, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
				     MHD_OPTION_CONNECTION_LIMIT, connection_limit(), MHD_OPTION_CONNECTION_TIMEOUT,
				     STALLED_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
				     MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, cert ? tls : tls + 2, MHD_OPTION_END);
	if (!d) {
		close(fd);
		if (cert)
			return wm_fail(err, EINVAL, "cannot serve TLS: check that --tls-cert and --tls-key are PEM and belong together");
		return wm_fail(err, EINVAL, "cannot serve on a socket: it is not a listening one, or there are more than %d",
			       LISTENERS_MAX);
	}
	server->daemons[server->ndaemons++] = d;
	info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || epoll_ctl(server->epoll, EPOLL_CTL_ADD, info->epoll_fd, &event))
		return wm_fail(err, errno, "cannot watch a listening socket: %s", strerror(errno));
	return 0;
}

static void on_stop_timer(struct timer *timer)
{
	OWNER(timer, struct http_server, stop_timer)->stopped = true;
}

static void on_stop(struct source *source)
{
	struct http_server *server = OWNER(source, struct http_server, stop);

	if (server->stopping)
		return;
	server->stopping = true;
	server->stop_timer.fire = on_stop_timer;
	timers_set(&server->timers, &server->stop_timer, wm_monotonic_ms() + STOP_MS);
	for (size_t i = 0; i < server->ndaemons; i++) {
		int fd = MHD_quiesce_daemon(server->daemons[i]);

		if (fd >= 0)
			close(fd);
	}
	server->ops->stop(server->app);
	for (struct conn *conn = server->conns; conn; conn = conn->next) {
		if (!conn->exchange)
			shutdown(conn->fd, SHUT_RDWR);
	}
}

static int sleep_ms(struct http_server *server)
{
	int ms = timers_sleep(&server->timers, wm_monotonic_ms());

	/* 0.9.75 eats its own wake-up when a connection is resumed from within another's handler. */
	if (server->resumed)
		return 0;
	for (size_t i = 0; i < server->ndaemons; i++) {
		MHD_UNSIGNED_LONG_LONG wish;

		if (MHD_get_timeout(server->daemons[i], &wish) == MHD_YES && (ms < 0 || wish < (unsigned int)ms))
			ms = (int)wish;
	}
	return ms;
}

int http_run(struct http_server *server, int stop_fd)
{
	struct epoll_event events[64], stop = { .events = EPOLLIN | EPOLLET, .data.ptr = &server->stop };

	server->stop.ready = on_stop;
	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, stop_fd, &stop))
		return -errno;
	while (!server->stopped && !(server->stopping && !server->conns)) {
		int n = epoll_wait(server->epoll, events, WM_ARRAY_LEN(events), sleep_ms(server));

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			struct source *source = events[i].data.ptr;

			source->ready(source);
		}
		timers_run(&server->timers, wm_monotonic_ms());
		server->resumed = false;
		for (size_t i = 0; i < server->ndaemons; i++)
			MHD_run(server->daemons[i]);
	}
	return 0;
}

void http_free(struct http_server *server)
{
	if (!server)
		return;
	server->ops->stop(server->app);
	for (size_t i = 0; i < server->ndaemons; i++)
		MHD_stop_daemon(server->daemons[i]);
	timers_free(&server->timers);
	close(server->epoll);
	free(server);
}
