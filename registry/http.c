/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
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
static void cut(struct conn *conn)
{
	shutdown(conn->fd, SHUT_RDWR);
}

static void on_deadline(struct timer *timer)
{
	cut(OWNER(timer, struct conn, deadline));
}

static void expect_no_more(struct conn *conn)
{
	struct http_server *server = conn->server;

	if (!conn->expects)
		return;
	conn->expects = false;
	*(conn->older ? &conn->older->newer : &server->oldest) = conn->newer;
	*(conn->newer ? &conn->newer->older : &server->newest) = conn->older;
	conn->older = conn->newer = NULL;
}

void conn_expects(struct conn *conn)
{
	struct http_server *server = conn->server;

	expect_no_more(conn);
	conn->expects = true;
	conn->older = server->newest;
	*(conn->older ? &conn->older->newer : &server->oldest) = conn;
	server->newest = conn;
	timers_set(&server->timers, &conn->deadline, wm_monotonic_ms() + HTTP_REQUEST_MS);
}

void conn_serves(struct conn *conn, uint64_t ms)
{
	expect_no_more(conn);
	if (ms)
		timers_set(&conn->server->timers, &conn->deadline, wm_monotonic_ms() + ms);
	else
		timers_clear(&conn->server->timers, &conn->deadline);
}

/* Before there is no room for new ones, those go that have sent no whole request for longest: who sends one in one piece
 * gets his answer however many do not. */
static void make_room(struct http_server *server)
{
	struct conn *slow = server->oldest;

	if (server->nconns <= server->most - server->most / 8 || !slow)
		return;
	expect_no_more(slow);
	cut(slow);
}

static void conn_open(struct http_server *server, struct MHD_Connection *mhd, void **ctx)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	int fd = info ? info->connect_fd : -1;
	struct conn *conn = calloc(1, sizeof(*conn));
	bool full = false;

	if (!conn || fd < 0) {
		free(conn);
		return;
	}
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	*conn = (struct conn){ .server = server, .mhd = mhd, .fd = fd, .deadline.fire = on_deadline };
	conn->peer = peers_enter(&server->peers, info ? info->client_addr : NULL, &full);
	conn->next = server->conns;
	conn->link = &server->conns;
	if (conn->next)
		conn->next->link = &conn->next;
	server->conns = conn;
	server->nconns++;
	*ctx = conn;
	conn_expects(conn);
	if (full)
		cut(conn);
	else
		make_room(server);
}

static void conn_close(struct conn *conn)
{
	struct http_server *server = conn->server;

	*conn->link = conn->next;
	if (conn->next)
		conn->next->link = conn->link;
	server->nconns--;
	expect_no_more(conn);
	timers_clear(&server->timers, &conn->deadline);
	peers_leave(&server->peers, conn->peer);
	free(conn);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **ctx, enum MHD_ConnectionNotificationCode what)
{
	struct http_server *server = cls;
	struct conn *conn = *ctx;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		conn_open(server, mhd, ctx);
		return;
	}
	if (conn)
		conn_close(conn);
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
	server->most = connection_limit();
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
				     MHD_OPTION_CONNECTION_LIMIT, (unsigned int)server->most, MHD_OPTION_CONNECTION_TIMEOUT,
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

static void on_attached(struct source *source)
{
	struct attached *attached = OWNER(source, struct attached, source);

	attached->ready(attached->server->app);
}

int http_attach(struct http_server *server, int fd, void (*ready)(void *app), struct wm_error *err)
{
	struct attached *attached = &server->attached[server->nattached];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = attached };

	if (server->nattached == HTTP_ATTACHED_MAX)
		return wm_fail(err, ENOSPC, "cannot watch more than %d descriptors", HTTP_ATTACHED_MAX);
	server->nattached++;
	*attached = (struct attached){ .source.ready = on_attached, .server = server, .ready = ready };
	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event))
		return wm_fail(err, errno, "cannot watch a descriptor: %s", strerror(errno));
	return 0;
}

static void on_stop_timer(struct timer *timer)
{
	OWNER(timer, struct http_server, stop_timer)->stopped = true;
}

/* A client that waits between two requests may ask somebody else. From one that has just come, the first request is on its
 * way, and it is nobody else's: behind a socket of systemd's, where the next server takes all that comes later, it would be
 * the only one that is refused. */
static bool may_go(const struct conn *conn)
{
	int waiting = 0;

	return !conn->exchange && conn->used && (ioctl(conn->fd, FIONREAD, &waiting) || !waiting);
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
		if (may_go(conn))
			cut(conn);
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
		server->ops->turn(server->app);
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
