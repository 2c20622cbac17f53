/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whom is asked, with which token, and how: the address, headers and options of
 * all requests to one registry.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/key.h"
#include "core/util.h"
#include "http/client_priv.h"

#define CONNECT_S 10

/* What a URL's host says. curl never asks anybody where "localhost" is. */
static bool is_loopback(const char *host)
{
	char text[64];
	struct in6_addr a6;
	struct in_addr a4;
	size_t len = strlen(host);

	if (!strcasecmp(host, "localhost"))
		return true;
	if (len > 2 && host[0] == '[' && host[len - 1] == ']' && len < sizeof(text)) {
		memcpy(text, host + 1, len - 2);
		text[len - 2] = '\0';
		return inet_pton(AF_INET6, text, &a6) == 1 && IN6_IS_ADDR_LOOPBACK(&a6);
	}
	return inet_pton(AF_INET, host, &a4) == 1 && ntohl(a4.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* Takes the URL apart with the parser that will send the request, so that the
 * host which is checked is the host that is asked. */
static int set_base(struct wm_http *http, const struct wm_http_options *options, struct wm_error *err)
{
	static const char form[] = "it must look like https://wm-registry.example.com[:port][/prefix]";
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *query = NULL, *fragment = NULL, *url = NULL;
	bool plain, token = options->token && *options->token;
	int rc = 0;

	if (!u || curl_url_set(u, CURLUPART_URL, options->url, CURLU_DISALLOW_USER) ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) || curl_url_get(u, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(u, CURLUPART_URL, &url, 0) || (strcmp(scheme, "https") && strcmp(scheme, "http"))) {
		rc = wm_fail(err, EINVAL, "'%s' is not the address of a registry: %s", options->url, form);
		goto out;
	}
	curl_url_get(u, CURLUPART_QUERY, &query, 0);
	curl_url_get(u, CURLUPART_FRAGMENT, &fragment, 0);
	if (query || fragment) {
		rc = wm_fail(err, EINVAL, "'%s' has a query or fragment: %s", options->url, form);
		goto out;
	}
	plain = !strcmp(scheme, "http");
	if (plain && token && !options->allow_http && !is_loopback(host)) {
		rc = wm_fail(err, EPERM,
			     "registry %s: a token is not sent over plain http to another machine; use https "
			     "(or --allow-http, WM_REGISTRY_ALLOW_HTTP, where the path there is protected otherwise)",
			     options->url);
		goto out;
	}
	for (size_t len = strlen(url); len && url[len - 1] == '/'; len--)
		url[len - 1] = '\0';
	http->base = strdup(url);
	if (!http->base)
		rc = wm_fail(err, ENOMEM, "out of memory");
	/* A proxy would see what is sent over plain http, also to loopback. */
	if (plain)
		curl_easy_setopt(http->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(http->curl, CURLOPT_PROTOCOLS_STR, scheme);
out:
	curl_free(scheme);
	curl_free(host);
	curl_free(query);
	curl_free(fragment);
	curl_free(url);
	curl_url_cleanup(u);
	return rc;
}

static int add_header(struct wm_http *http, const char *text)
{
	struct curl_slist *more = curl_slist_append(http->headers, text);

	if (!more)
		return -ENOMEM;
	http->headers = more;
	return 0;
}

static int set_headers(struct wm_http *http, const char *token, struct wm_error *err)
{
	char line[WM_TOKEN_MAX + 32];
	int rc;

	rc = add_header(http, "Content-Type: application/json");
	if (!rc)
		rc = add_header(http, "Expect:"); /* curl's wait for "100 Continue" */
	if (!rc && token && *token) {
		for (const char *c = token; *c; c++) {
			if (*c <= ' ' || *c > '~')
				return wm_fail(err, EINVAL, "the token holds a space or a character that no token has");
		}
		if (strlen(token) >= WM_TOKEN_MAX || wm_format(line, sizeof(line), "Authorization: Bearer %s", token))
			return wm_fail(err, EINVAL, "the token is longer than %u characters", WM_TOKEN_MAX - 1);
		rc = add_header(http, line);
		wm_wipe(line, sizeof(line));
	}
	return rc ? wm_fail(err, ENOMEM, "out of memory") : 0;
}

int wm_http_if_match(struct wm_http *http, const char *tag, struct wm_error *err)
{
	char line[128];

	if (strpbrk(tag, "\"\r\n") || wm_format(line, sizeof(line), "If-Match: \"%s\"", tag))
		return wm_fail(err, EINVAL, "registry %s: '%.40s' is no state that a request can depend on", http->base, tag);
	if (add_header(http, line))
		return wm_fail(err, ENOMEM, "out of memory");
	curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, http->headers);
	return 0;
}

static void set_options(struct wm_http *http, const struct wm_http_options *options)
{
	CURL *curl = http->curl;

	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->message);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers);
	if (options->agent)
		curl_easy_setopt(curl, CURLOPT_USERAGENT, options->agent);
	/* Besides the system's own, which are a directory (CAPATH) on Debian. */
	if (options->ca_file && *options->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
}

int wm_http_new(const struct wm_http_options *options, struct wm_http **ret, struct wm_error *err)
{
	struct wm_http *http;
	int rc = 0;

	if (options->ca_file && *options->ca_file && access(options->ca_file, R_OK))
		return wm_fail(err, errno, "CA file %s: %s", options->ca_file, strerror(errno));
	http = calloc(1, sizeof(*http));
	if (http)
		http->what = options->what ? options->what : "registry";
	if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) || !(http->curl = curl_easy_init()))
		rc = wm_fail(err, ENOMEM, "out of memory");
	if (!rc)
		rc = set_base(http, options, err);
	if (!rc)
		rc = set_headers(http, options->token, err);
	if (rc) {
		wm_http_free(http);
		return rc;
	}
	set_options(http, options);
	*ret = http;
	return 0;
}

void wm_http_free(struct wm_http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->curl);
	for (struct curl_slist *h = http->headers; h; h = h->next)
		wm_wipe(h->data, strlen(h->data));
	curl_slist_free_all(http->headers);
	free(http->base);
	free(http);
}
