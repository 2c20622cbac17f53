/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One request and its answer, as it comes: bounded in size and time, and in a
 * sentence what went wrong.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/util.h"
#include "http/client_priv.h"

#define HEADERS_MAX (64u * 1024) /* bytes of all answer headers together */
#define LINE_MAX_LEN (64u * 1024)
#define PROBLEM_MAX (64u * 1024) /* of a body that is only shown, not used */

/* What one transfer is about; lives as long as the call. */
struct transfer {
	struct wm_http *http;
	struct wm_http_answer answer;
	size_t cap;           /* of answer.body */
	size_t max;
	bool cut;             /* a body over max is cut instead of refused, */
	bool enough;          /* and the rest was not waited for */
	int rc;               /* why a callback ended the transfer */
	size_t header_bytes;

	wm_http_line_fn on_line; /* NULL: not streamed */
	wm_http_data_fn on_data; /* NULL: not a file */
	uint64_t file_max, file_len;
	void *arg;             /* of either */
	char *line;
	size_t line_len, line_cap;

	uint64_t first_ms, low_speed_ms; /* 0: curl's own time limit does */
	uint64_t started_ms, window_ms;
	uint64_t bytes, window_bytes;
};

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n, skip = strlen("etag:");

	t->header_bytes += len;
	t->bytes += len;
	if (t->header_bytes > HEADERS_MAX) {
		t->rc = -EFBIG;
		return 0;
	}
	if (len > skip && !strncasecmp(data, "etag:", skip)) {
		while (len && isspace((unsigned char)data[len - 1]))
			len--;
		while (skip < len && isspace((unsigned char)data[skip]))
			skip++;
		/* One that does not fit is as good as none: it only saves a transfer. */
		if (len - skip < sizeof(t->answer.etag)) {
			memcpy(t->answer.etag, data + skip, len - skip);
			t->answer.etag[len - skip] = '\0';
		}
	}
	return size * n;
}

static int take_body(struct transfer *t, const char *data, size_t len)
{
	struct wm_http_answer *a = &t->answer;
	size_t room = t->max - a->len;

	if (len > room && !t->cut)
		return -EFBIG;
	t->enough = len > room;
	len = WM_MIN(len, room);
	if (wm_grow((void **)&a->body, &t->cap, a->len + len + 1, 1))
		return -ENOMEM;
	memcpy(a->body + a->len, data, len);
	a->len += len;
	a->body[a->len] = '\0';
	return 0;
}

static int take_lines(struct transfer *t, const char *data, size_t len)
{
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t part = end ? (size_t)(end - data) : len;
		int rc;

		if (t->line_len + part > LINE_MAX_LEN)
			return -EMSGSIZE;
		if (wm_grow((void **)&t->line, &t->line_cap, t->line_len + part + 1, 1))
			return -ENOMEM;
		memcpy(t->line + t->line_len, data, part);
		t->line_len += part;
		t->line[t->line_len] = '\0';
		if (!end)
			return 0;
		rc = t->on_line(t->arg, t->line, t->line_len);
		if (rc < 0)
			return rc;
		t->line_len = 0;
		data += part + 1;
		len -= part + 1;
	}
	return 0;
}

static int take_piece(struct transfer *t, const char *data, size_t len)
{
	if (len > t->file_max - t->file_len)
		return -EFBIG;
	t->file_len += len;
	return t->on_data(t->arg, data, len);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;
	long status = 0;

	t->bytes += len;
	curl_easy_getinfo(t->http->curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->on_data && status == 200)
		t->rc = take_piece(t, data, len);
	else if (t->on_line && status == 200)
		t->rc = take_lines(t, data, len);
	else
		t->rc = take_body(t, data, len);
	return t->rc || t->enough ? 0 : len;
}

/* curl calls this at least once a second. Its own low-speed limit also counts
 * the time before the first byte, which for a long-poll is the wait itself. */
static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *t = arg;
	uint64_t now = wm_monotonic_ms();

	(void)a, (void)b, (void)c, (void)d;
	if (!t->first_ms)
		return 0;
	if (!t->bytes) {
		if (now - t->started_ms < t->first_ms)
			return 0;
		t->rc = -ETIMEDOUT;
		return 1;
	}
	if (!t->window_ms || now - t->window_ms >= t->low_speed_ms) {
		if (t->window_ms && t->bytes - t->window_bytes < t->low_speed_ms / 1000) {
			t->rc = -ETIMEDOUT;
			return 1;
		}
		t->window_ms = now;
		t->window_bytes = t->bytes;
	}
	return 0;
}

/* What goes wrong on the way to an answer. CURLcode -> errno and a sentence's end. */
static const struct {
	CURLcode code;
	int err;
	const char *text;
} failures[] = {
	{CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH, "its name cannot be found: check the address and this machine's DNS"},
	{CURLE_COULDNT_RESOLVE_PROXY, EHOSTUNREACH, "the name of the proxy cannot be found: check https_proxy"},
	{CURLE_COULDNT_CONNECT, ECONNREFUSED, "nothing accepts the connection: is it running, are address and port right"},
	{CURLE_OPERATION_TIMEDOUT, ETIMEDOUT, "no answer in time"},
	{CURLE_SSL_CONNECT_ERROR, EPROTO, "TLS could not be set up: is it https that listens there"},
	{CURLE_PEER_FAILED_VERIFICATION, EPROTO, 
	 "its certificate is not trusted; a private CA is named by --ca or WM_REGISTRY_CA"},
	{CURLE_SSL_CACERT_BADFILE, EPROTO, "the CA file cannot be read"},
	{CURLE_SSL_CERTPROBLEM, EPROTO, "there is a problem with a certificate"},
	{CURLE_SSL_CIPHER, EPROTO, "no common TLS cipher"},
	{CURLE_WEIRD_SERVER_REPLY, EPROTO, "what answers there does not speak HTTP"},
	{CURLE_UNSUPPORTED_PROTOCOL, EPROTO, "what answers there does not speak HTTP"},
	{CURLE_GOT_NOTHING, ECONNRESET, "the connection was closed without an answer"},
	{CURLE_SEND_ERROR, ECONNRESET, "the connection broke while the request was sent"},
	{CURLE_RECV_ERROR, ECONNRESET, "the connection broke while the answer was read"},
	{CURLE_PARTIAL_FILE, ECONNRESET, "the answer broke off in the middle"},
	{CURLE_OUT_OF_MEMORY, ENOMEM, "out of memory"},
};

static int fail_by_curl(struct wm_http *http, CURLcode code, struct wm_error *err)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(failures); i++) {
		if (failures[i].code != code)
			continue;
		return wm_fail(err, failures[i].err, "%s %s: %s%s%s%s", http->what, http->base, failures[i].text,
			       *http->message ? " (" : "", http->message, *http->message ? ")" : "");
	}
	return wm_fail(err, ECONNRESET, "%s %s: %s", http->what, http->base,
		       *http->message ? http->message : curl_easy_strerror(code));
}

/* A callback ended it; `code` is what curl made of that. */
static int fail_by_us(struct transfer *t, struct wm_error *err)
{
	const char *what = t->http->what, *base = t->http->base;
	unsigned long long max = t->on_data ? t->file_max : t->max;

	switch (-t->rc) {
	case EFBIG:
		return wm_fail(err, EFBIG, "%s %s: the answer is larger than the %llu bytes that are taken", what, base,
			       max);
	case EMSGSIZE:
		return wm_fail(err, EMSGSIZE, "%s %s: a line of the answer is longer than %u bytes", what, base,
			       LINE_MAX_LEN);
	case ETIMEDOUT:
		return wm_fail(err, ETIMEDOUT, "%s %s: %s", what, base,
			       t->bytes ? "the answer stopped coming" : "no answer in time");
	case ENOMEM:
		return wm_fail(err, ENOMEM, "%s %s: out of memory", what, base);
	}
	return t->rc; /* on_line's own; it has said why */
}

static void take_answer(struct transfer *t)
{
	CURL *curl = t->http->curl;

	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
}

static int perform(struct transfer *t, const char *method, const char *path, const char *body,
		   struct wm_http_answer *ret, struct wm_error *err)
{
	struct wm_http *http = t->http;
	bool once = strcmp(method, "GET") && strcmp(method, "PUT");
	size_t url_size = strlen(http->base) + strlen(path) + 1;
	WM_AUTO_FREE char *url = malloc(url_size);
	CURLcode code;
	int rc = 0;

	if (!url || wm_format(url, url_size, "%s%s", http->base, path))
		return wm_fail(err, ENOMEM, "%s %s: out of memory", http->what, http->base);
	curl_easy_setopt(http->curl, CURLOPT_URL, url);
	curl_easy_setopt(http->curl, CURLOPT_HTTPGET, 1L); /* takes back what the last request set */
	curl_easy_setopt(http->curl, CURLOPT_CUSTOMREQUEST, method);
	if (body) {
		curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body);
	}
	/* On a kept connection that turns out dead, curl sends again by itself;
	 * what may have been done already must not be done twice. */
	curl_easy_setopt(http->curl, CURLOPT_FRESH_CONNECT, once ? 1L : 0L);
	take_answer(t);
	*http->message = '\0';
	t->started_ms = wm_monotonic_ms();

	code = curl_easy_perform(http->curl);
	curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &t->answer.status);
	if (t->rc)
		rc = fail_by_us(t, err);
	else if (code != CURLE_OK && !t->enough)
		rc = fail_by_curl(http, code, err);
	else if (t->line_len) /* the last line may lack its '\n' */
		rc = t->on_line(t->arg, t->line, t->line_len);
	else if (!t->answer.body && !(t->answer.body = strdup("")))
		rc = wm_fail(err, ENOMEM, "%s %s: out of memory", http->what, http->base);
	rc = rc < 0 ? rc : 0;
	free(t->line);
	if (rc)
		wm_http_answer_free(&t->answer);
	else
		*ret = t->answer;
	return rc;
}

int wm_http_request(struct wm_http *http, const char *method, const char *path, const char *body, size_t max,
		    unsigned int timeout_s, struct wm_http_answer *ret, struct wm_error *err)
{
	struct transfer t = {.http = http, .max = max};

	curl_easy_setopt(http->curl, CURLOPT_TIMEOUT, (long)timeout_s);
	return perform(&t, method, path, body, ret, err);
}

int wm_http_stream(struct wm_http *http, const char *path, unsigned int first_s, unsigned int low_speed_s,
		   wm_http_line_fn on_line, void *arg, struct wm_http_answer *ret, struct wm_error *err)
{
	struct transfer t = {
		.http = http,
		.max = PROBLEM_MAX,
		.cut = true,
		.on_line = on_line,
		.arg = arg,
		.first_ms = first_s * 1000ull,
		.low_speed_ms = low_speed_s * 1000ull,
	};

	curl_easy_setopt(http->curl, CURLOPT_TIMEOUT, 0L);
	return perform(&t, "GET", path, NULL, ret, err);
}

int wm_http_get(struct wm_http *http, const char *path, uint64_t max, unsigned int timeout_s, wm_http_data_fn on_data,
		void *arg, struct wm_http_answer *ret, struct wm_error *err)
{
	struct transfer t = {.http = http, .max = PROBLEM_MAX, .cut = true, .on_data = on_data, .arg = arg, .file_max = max};

	curl_easy_setopt(http->curl, CURLOPT_TIMEOUT, (long)timeout_s);
	return perform(&t, "GET", path, NULL, ret, err);
}

void wm_http_answer_free(struct wm_http_answer *answer)
{
	free(answer->body);
	memset(answer, 0, sizeof(*answer));
}
