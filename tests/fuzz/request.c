/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer's target: the registry as it is, on a socket, whatever is sent to
 * it. An input is the bytes of one connection.
 *
 * Rules that hold for whatever comes in:
 * - no more requests are handled than somebody counts who reads by the letter (reference.h);
 * - each answer is HTTP, none says that the registry failed (500), and refusals are problem documents;
 * - without a token nothing changes: only an input that holds the master token's text may move the generation.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/key.h"
#include "core/log.h"
#include "core/util.h"
#include "fuzz/reference.h"
#include "registry/http_internal.h"
#include "registry/registry.h"

#define TOKEN "fuzz-master-0123" /* short: a mutation finds it by itself, from the dictionary */
#define ANSWER_MAX (4 << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct registry registry;
static struct http_server *server;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_len;
static size_t handled; /* requests; written by the server's thread, read when its connection has ended */
static char *answer;

static void broken(const char *rule)
{
	fprintf(stderr, "broken rule: %s\n", rule);
	abort();
}

/* --- the server ---------------------------------------------------------------------- */

static void on_handle(void *app, struct http_request *request)
{
	/* one that has waited comes again */
	if (!request->wait_until_ms)
		__atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
	registry_ops.handle(app, request);
}

static void *serve(void *arg)
{
	http_run(arg, eventfd(0, EFD_CLOEXEC));
	return NULL;
}

static int listen_somewhere(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "wm-fuzz-%d", getpid());
	address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, address_len) || listen(fd, 16))
		broken("the fuzzer can listen");
	return fd;
}

static void fill(void)
{
	static const char *const bodies[] = { "{\"domain\":\"hub\",\"is_hub\":true}", "{\"domain\":\"b\"}" };
	struct object object;
	struct wm_error err = { 0 };

	for (size_t i = 0; i < WM_ARRAY_LEN(bodies); i++) {
		if (object_decode_new(OBJECT_SITE, bodies[i], strlen(bodies[i]), &object, &err) ||
		    store_add(registry.store, "fuzz", &object, &err))
			broken(err.text);
	}
}

/* WM_FUZZ_DATA: a directory, best in memory, for one of each process: libFuzzer starts others to merge. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct http_ops ops;
	char dir[PATH_MAX];
	struct wm_error err = { 0 };
	pthread_t thread;

	(void)argc;
	(void)argv;
	wm_log_open("fuzz", WM_LOG_ERROR);
	ops = registry_ops;
	ops.handle = on_handle;
	answer = malloc(ANSWER_MAX + 1);
	if (wm_key_init() || !answer || !getenv("WM_FUZZ_DATA"))
		broken("WM_FUZZ_DATA is set");
	wm_token_hash(TOKEN, &registry.master);
	snprintf(dir, sizeof(dir), "%s/%d", getenv("WM_FUZZ_DATA"), getpid());
	if (store_open(&(struct store_options){ .dir = dir }, &registry.store, &err) ||
	    http_new(&ops, &registry, &server, &err) || http_listen(server, listen_somewhere(), NULL, NULL, &err))
		broken(err.text);
	registry.watch.timers = http_timers(server);
	registry_follow(&registry);
	fill();
	return pthread_create(&thread, NULL, serve, server);
}

/* --- one connection ------------------------------------------------------------------- */

/* The server has done with all that was sent. */
static void settle(void)
{
	while (__atomic_load_n(&server->nconns, __ATOMIC_SEQ_CST))
		usleep(20);
}

/* All that is sent, and all that comes back, until the server ends the connection or says nothing more. */
static size_t talk(const uint8_t *data, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval patience = { .tv_usec = 20000 };
	size_t sent = 0, got = 0;
	ssize_t n = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, address_len))
		broken("the server accepts");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (n) {
		while (sent < size && (n = send(fd, data + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
			sent += (size_t)n;
		if (sent == size || (n < 0 && errno != EAGAIN)) {
			shutdown(fd, SHUT_WR);
			sent = size;
		}
		n = recv(fd, answer + got, ANSWER_MAX - got, sent < size ? MSG_DONTWAIT : 0);
		if (n > 0)
			got += (size_t)n;
		if (n < 0 && (errno != EAGAIN || sent == size))
			break;
		n = n < 0 ? 1 : n;
	}
	close(fd);
	settle();
	answer[got] = '\0';
	return got;
}

static void check_problem(const char *body, size_t len)
{
	json_t *json = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);

	if (!json || !json_is_string(json_object_get(json, "detail")) || !json_is_integer(json_object_get(json, "status")))
		broken("a refusal is a problem document");
	json_decref(json);
}

/* Walks over the answers; those in chunks or cut off end the walk. */
static size_t check_answers(const char *at, const char *end)
{
	size_t n = 0;

	while (at < end) {
		unsigned int status;
		const char *body = strstr(at, "\r\n\r\n"), *length, *type;
		size_t len = 0;

		if (sscanf(at, "HTTP/1.%*1[01] %3u ", &status) != 1 || status == 500)
			broken("an answer is HTTP, and not 500");
		if (!body)
			break;
		n += status != 100;
		body += 4;
		length = strcasestr(at, "\r\nContent-Length: ");
		if (length && length < body)
			len = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
		else if (status == 200)
			break;
		type = strcasestr(at, "\r\nContent-Type: application/problem+json");
		if (len > (size_t)(end - body)) /* the answer to HEAD has none */
			break;
		if (type && type < body && *body == '{')
			check_problem(body, len);
		at = *body == 'H' && len && !memcmp(body, "HTTP/1.", 7) ? body : body + len;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t before = store_mesh(registry.store)->generation;
	size_t requests = reference_requests(data, size), got;

	memset(&registry.throttle, 0, sizeof(registry.throttle));
	__atomic_store_n(&handled, 0, __ATOMIC_SEQ_CST);
	got = talk(data, size);
	check_answers(answer, answer + got);
	if (__atomic_load_n(&handled, __ATOMIC_SEQ_CST) > requests)
		broken("no more requests are handled than there are");
	if (store_mesh(registry.store)->generation != before && !memmem(data, size, TOKEN, strlen(TOKEN)))
		broken("nothing changes without a token");
	return 0;
}
