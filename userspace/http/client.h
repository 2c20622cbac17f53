/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The HTTP client of wm-fetch and wm (libcurl; only client*.c know it).
 *
 * A token travels only over https, to a loopback address, or when allow_http
 * says that the operator wants it otherwise; redirects are never followed with
 * it. Answers are bounded in size and time. Nothing is retried here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct wm_http; /* one registry: base URL, token, a kept-open connection */

struct wm_http_options {
	const char *url;      /* "https://wm-registry.example.com[:port][/prefix]" */
	const char *token;    /* NULL or "": none */
	const char *ca_file;  /* NULL or "": the system's trust anchors only */
	bool allow_http;
	const char *agent;    /* User-Agent, "wm/0.1.0" */
	const char *what;     /* what sentences call it, borrowed; NULL: "registry" */
};

/* Checks url and the rule on plain http; opens nothing yet. -EINVAL: not a
 * registry's address, or no token at all; -EPERM: the token would go over http. */
int wm_http_new(const struct wm_http_options *options, struct wm_http **ret, struct wm_error *err);
void wm_http_free(struct wm_http *http); /* NULL-safe; wipes the token */

/* From here on requests say `If-Match: "<tag>"`: done only to what is still so, else answered 412. */
int wm_http_if_match(struct wm_http *http, const char *tag, struct wm_error *err);

struct wm_http_answer {
	long status;
	char *body; /* malloc'd, NUL behind it */
	size_t len;
	char etag[80];
};
void wm_http_answer_free(struct wm_http_answer *answer);

/* One request; path starts with '/'. body NULL: none (else JSON). Any HTTP
 * status is an answer and returns 0; -ECONNREFUSED, -EHOSTUNREACH,
 * -ETIMEDOUT, -ECONNRESET (broke off), -EPROTO (TLS, or not HTTP), -EFBIG
 * (over `max` bytes) with a sentence. */
int wm_http_request(struct wm_http *http, const char *method, const char *path, const char *body, size_t max,
		    unsigned int timeout_s, struct wm_http_answer *ret, struct wm_error *err);

/* GET whose answer comes line by line. on_line gets each line without '\n';
 * a negative return ends the transfer and is returned. A line over 64 KiB is
 * -EMSGSIZE. Only a 200 is streamed: for any other status *ret holds the body
 * (at most 64 KiB) and 0 is returned. low_speed_s: give up when less than a
 * byte a second arrives for so long (after the first byte of the answer);
 * first_s: seconds to wait for the first byte (a long-poll waits). */
typedef int (*wm_http_line_fn)(void *arg, const char *line, size_t len);
int wm_http_stream(struct wm_http *http, const char *path, unsigned int first_s, unsigned int low_speed_s,
		   wm_http_line_fn on_line, void *arg, struct wm_http_answer *ret, struct wm_error *err);

/* GET of a file that comes in pieces: on_data gets each (a negative return ends the transfer and is returned). -EFBIG: over
 * `max` bytes, of which on_data gets no more than that; timeout_s: for all of it. Only a 200 is a file: for any other status
 * *ret holds the body (at most 64 KiB). */
typedef int (*wm_http_data_fn)(void *arg, const void *data, size_t len);
int wm_http_get(struct wm_http *http, const char *path, uint64_t max, unsigned int timeout_s, wm_http_data_fn on_data,
		void *arg, struct wm_http_answer *ret, struct wm_error *err);

/* The sentence for a status that is not what was hoped for: the problem
 * document's detail when there is one. Returns -EACCES for 401 and 403, -ENOENT 404,
 * -EOPNOTSUPP 405, -EEXIST 409, -ESTALE 412, -EINVAL other 4xx, -EREMOTEIO 5xx. */
int wm_http_problem(const struct wm_http_answer *answer, const char *doing, struct wm_error *err);
