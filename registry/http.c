/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/util.h"
#include "registry/http_internal.h"

#define CONNECTIONS_MAX 101000

/* --- what the library tells us ------------------------------------------------------------ */

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *path, const char *method,
				  const char *version, const char *data, size_t *len, void **ctx)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *conn = info ? info->socket_context : NULL;
	bool ok;

	(void)cls;
	if (!conn)
		return MHD_NO;
	if (!*ctx) {
		ok = exchange_begin(conn, path, method, version);
		*ctx = conn->exchange;
	} else if (*len) {
		ok = exchange_body(*ctx, data, *len);
		*len = 0;
	} else {
		ok = exchange_whole(*ctx);
	}
	return ok ? MHD_YES : MHD_NO;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **ctx, enum MHD_RequestTerminationCode how)
{
	(void)cls;
	(void)mhd;
	(void)how;
	if (*ctx)
		exchange_end(*ctx);
	*ctx = NULL;
}

/* Paths and queries of ours need no escapes, and an escaped one matches nothing. */
static size_t no_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
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
	timers_set(&server->timers, &conn->deadline, wm_monotonic_ms() + HTTP_REQUEST_MS);
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
	if (setrlimit(RLIMIT_NOFILE, &limit) && getrlimit(RLIMIT_NOFILE, &limit))
		return 512;
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

	if (server->ndaemons < HTTP_LISTENERS_MAX)
		d = MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
				     MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED,
				     on_completed, server, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
				     MHD_OPTION_CONNECTION_LIMIT, connection_limit(), MHD_OPTION_CONNECTION_TIMEOUT,
				     HTTP_STALLED_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_POOL_BYTES,
				     MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, cert ? tls : tls + 2, MHD_OPTION_END);
	if (!d) {
		close(fd);
		if (cert)
			return wm_fail(err, EINVAL, "cannot serve TLS: check that --tls-cert and --tls-key are PEM and belong together");
		return wm_fail(err, EINVAL, "cannot serve on a socket: it is not a listening one, or there are more than %d",
			       HTTP_LISTENERS_MAX);
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
	timers_set(&server->timers, &server->stop_timer, wm_monotonic_ms() + HTTP_STOP_MS);
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
	if (!server->stopping)
		server->ops->stop(server->app);
	for (size_t i = 0; i < server->ndaemons; i++)
		MHD_stop_daemon(server->daemons[i]);
	timers_free(&server->timers);
	close(server->epoll);
	free(server);
}
