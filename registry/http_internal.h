/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the two halves of the server share: connections and the loop (http.c),
 * one request from its headers to its answer (http_request.c). For http*.c only.
 */
#pragma once

#include "registry/http.h"
#include "registry/peers.h"

struct MHD_Connection;
struct MHD_Daemon;

#define HTTP_LISTENERS_MAX 16
#define HTTP_POOL_BYTES (16 * 1024) /* per connection: headers, and what is being sent */
#define HTTP_BLOCK_BYTES HTTP_BEGUN_MAX /* per answer that is made while it is sent */
#define HTTP_REQUEST_MS 10000       /* from the connection's start, or the last answer, to a whole request */
#define HTTP_LARGE_MS 300000        /* the same, of one that may be large, from its headers */
#define HTTP_ANSWER_MS 600000       /* the longest that sending an answer may take */
#define HTTP_STALLED_S 30           /* no byte moves either way */
#define HTTP_STOP_MS 2000           /* for what is under way when the server stops */

/* What epoll points to. */
struct source {
	void (*ready)(struct source *source);
};

struct http_server {
	const struct http_ops *ops;
	void *app;
	int epoll;
	struct MHD_Daemon *daemons[HTTP_LISTENERS_MAX];
	size_t ndaemons;
	struct timers timers;
	struct conn *conns;
	size_t nconns, most; /* most: that there are files for */
	struct conn *oldest, *newest; /* of those from which a request is not whole yet, by how long it has taken */
	struct peers peers;
	struct source running, stop; /* a daemon has work; the stop fd is readable */
	struct attached {
		struct source source;
		struct http_server *server;
		void (*ready)(void *app);
	} attached[HTTP_ATTACHED_MAX]; /* http_attach */
	size_t nattached;
	struct timer stop_timer;
	bool resumed; /* the library has not been run since */
	bool stopping, stopped;
};

struct conn {
	struct http_server *server;
	struct MHD_Connection *mhd;
	int fd;
	struct timer deadline;
	struct peer *peer;
	struct conn *older, *newer; /* while a request is not whole */
	bool expects;               /* it is among them */
	struct exchange *exchange; /* the request under way, or NULL */
	bool used;                 /* a request has come by it */
	struct conn *next, **link;
};

#define OWNER(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

/* A request begins to be waited for, until HTTP_REQUEST_MS from now; it is whole, and its answer has until `ms` from now. */
void conn_expects(struct conn *conn);
void conn_serves(struct conn *conn, uint64_t ms); /* 0: as long as it takes */

/* http_lines.c: is nothing between the pieces of the header block but what has to be? Before anything is made of them. */
bool lines_are_plain(struct MHD_Connection *mhd, const char *method, const char *path, const char *version);

/* The three things that happen to a request, as the library tells them. False: end the connection. */
bool exchange_begin(struct conn *conn, const char *path, const char *method, const char *version);
bool exchange_body(struct exchange *x, const char *data, size_t len);
bool exchange_whole(struct exchange *x); /* again after each resuming */
void exchange_end(struct exchange *x);   /* however it ended */
struct MHD_Connection *exchange_mhd(const struct http_request *request); /* the connection that it came by */
