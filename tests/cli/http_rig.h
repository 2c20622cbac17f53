/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A server in the test program for userspace/http: each test gives it a function that is called for every connection.
 * All of it in a network namespace of its own, so that nothing can leave the machine.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "http/client.h"

#define SEEN_MAX 8
#define REQUEST_MAX 16384
#define CONNECTIONS_MAX 8

typedef void (*serve_fn)(int fd, int connection);

struct connection {
	pthread_t thread;
	serve_fn serve;
	int fd, n;
};

struct server {
	pthread_t thread;
	int listener;
	char url[64];
	serve_fn serve;
	struct connection connections[CONNECTIONS_MAX];
	int n;
};

extern char seen[SEEN_MAX][REQUEST_MAX]; /* requests as they came, of all servers of a test */
extern int nseen;

void server_start(struct server *s, serve_fn serve);
void server_stop(struct server *s); /* after the clients have closed: connections are waited for */

/* For a serve_fn. */
void say_bytes(int fd, const void *data, size_t len);
void say(int fd, const char *text);
bool hear(int fd); /* a whole request, body included, into seen[]; false when the client closed instead */
void until_client_closes(int fd);
void serve_nothing(int fd, int n); /* is one */

struct wm_http *client(const char *url, const char *token);

/* What a stream of a fresh client has told. */
struct lines {
	int n;
	size_t len[16];
	char text[16][64]; /* the beginning */
	int stop_at, stop_with;
};
int stream(const struct server *s, unsigned int first_s, unsigned int low_s, struct lines *l, struct wm_http_answer *a,
	   struct wm_error *err);

int reset(void **state); /* nothing seen */
#define TEST(f) cmocka_unit_test_setup(f, reset)
int enter_namespace(void); /* of our own, with its loopback up; 0, or 1 after saying why not */
