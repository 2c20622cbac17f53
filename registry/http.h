/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The HTTP server: one thread, one epoll loop, any number of listening
 * sockets (libmicrohttpd, which only http*.c know).
 *
 * A request reaches the handler whole (header and body, within 10 s, having
 * passed guard.h); the handler fills in the answer, or suspends the request
 * and is called again when it is resumed. Nothing here blocks: a slow client
 * holds up nobody but itself, and is cut off in the end.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "registry/timers.h"

struct http_server;
struct known_client;
struct watch;

#define HTTP_BEGUN_MAX 4096

/* An answer that is made while it is sent. */
struct http_stream {
	/* Bytes; 0 the end; -EAGAIN: there will be more, but others are to have their turn first; else -errno: break
	 * off, visibly. */
	ssize_t (*read)(void *arg, char *buf, size_t max);
	void (*free)(void *arg);
	void *arg;
};

struct http_answer {
	unsigned int status;
	const char *type; /* Content-Type; NULL: no body */
	char *body;       /* malloc'd, taken over */
	size_t len;
	struct http_stream stream; /* when read is set: all that comes behind body (of HTTP_BEGUN_MAX at most); taken over */
	char etag[80];
	char allow[64];    /* of a 405 */
	const char *policy; /* Content-Security-Policy of what a browser shows; static; NULL: not said */
	unsigned int retry_after; /* seconds, of a 429 or 503; 0: not said */
};

struct http_request {
	const char *method; /* "GET" also for HEAD */
	const char *path;   /* without the query, not unescaped: none of our paths needs escapes */
	const char *token;  /* of "Authorization: Bearer", or "" */
	const char *body;
	size_t len;
	char client[INET6_ADDRSTRLEN]; /* the peer's address; "" for none (a local socket) */
	bool local;                    /* the peer is this machine: a reverse proxy, perhaps */
	bool hurry;                    /* the client has closed its side, or the server stops: do not suspend */
	struct http_answer answer;
	unsigned int route; /* for the handler's own use; 0 to begin with */
	struct known_client *known; /* the same; NULL */

	/* for whoever suspends requests (watch.c) */
	struct watch *waits_in; /* NULL: it does not wait */
	struct timer wait_timer;
	uint64_t wait_until_ms; /* 0: has not waited */
	struct http_request *next, *prev;
};

struct http_ops {
	/* Of a request whose headers are there: how long its body may be. 0: it is refused, and the answer filled in. */
	size_t (*room_for)(void *app, struct http_request *request);
	void (*handle)(void *app, struct http_request *request);
	void (*done)(void *app, struct http_request *request); /* it is over, however it ended */
	void (*turn)(void *app);                               /* at the end of each turn of the loop */
	void (*stop)(void *app);                               /* resume all that is suspended */
};

int http_new(const struct http_ops *ops, void *app, struct http_server **ret, struct wm_error *err);
void http_free(struct http_server *server); /* NULL-safe; ends everything under way */
struct timers *http_timers(struct http_server *server);

/* Takes over a listening socket, also on failure. cert and key: PEM text, or NULL for plain http. */
int http_listen(struct http_server *server, int fd, const char *cert, const char *key, struct wm_error *err);

/* ready(app) is called whenever fd is readable. HTTP_ATTACHED_MAX at most. */
#define HTTP_ATTACHED_MAX 2
int http_attach(struct http_server *server, int fd, void (*ready)(void *app), struct wm_error *err);

/* Serves until stop_fd is readable, then lets what is under way finish for a moment. 0 or -errno. */
int http_run(struct http_server *server, int stop_fd);

const char *http_query(const struct http_request *request, const char *key);  /* NULL: not given; "": without a value */
/* Is there a parameter in the query beside these (words, separated by blanks)? *ret: the first, printable, cut to size. */
bool http_query_beside(const struct http_request *request, const char *known, char *ret, size_t size);
const char *http_header(const struct http_request *request, const char *name); /* NULL: not given */
const char *http_last_header(const struct http_request *request, const char *name); /* of several; NULL: not given */

/* From the handler: no answer yet. Its client closing the connection resumes it too. */
void http_suspend(struct http_request *request);
void http_resume(struct http_request *request);
/* From the handler: the answer is there, or will be, and is sent when the request is resumed; the handler is not called
 * again. It may take as long as what is waited for (an import: some seconds); nobody looks meanwhile whether the client is
 * still there, so that whoever holds it may use the request until then. */
void http_hold(struct http_request *request);
