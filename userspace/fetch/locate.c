/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/locate.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/util.h"

#define ANSWER_MAX 4096 /* bytes; an address is shorter */
#define TIMEOUT_S 10

/* An address as text, with white space around it: 0 or -EINVAL. */
static int read_address(const char *text, uint16_t port, struct wm_endpoint *ret)
{
	char whole[WM_ENDPOINT_TEXT];
	size_t len;

	text += strspn(text, " \t\r\n");
	len = strcspn(text, " \t\r\n");
	if (text[len + strspn(text + len, " \t\r\n")] || len > sizeof(whole) - 10)
		return -EINVAL;
	wm_format(whole, sizeof(whole), memchr(text, ':', len) ? "[%.*s]:%u" : "%.*s:%u", (int)len, text, port);
	return wm_endpoint_parse(whole, ret);
}

/* --- by name ------------------------------------------------------------------------------------- */

static void from_sockaddr(const struct sockaddr *addr, uint16_t port, struct wm_endpoint *ret)
{
	*ret = (struct wm_endpoint){ .port = port };
	if (addr->sa_family == AF_INET) {
		ret->family = 4;
		memcpy(ret->addr, &((const struct sockaddr_in *)(const void *)addr)->sin_addr, 4);
	} else if (addr->sa_family == AF_INET6) {
		ret->family = 6;
		memcpy(ret->addr, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, 16);
	}
}

/* A machine somewhere could have it; that it is public is the operator's to see to, who gave the name. */
static bool may_be_reached(const struct wm_endpoint *ep)
{
	static const uint8_t none[15];

	if (ep->family == 4)
		return wm_ip4_is_unicast((wm_ip4)ep->addr[0] << 24 | (wm_ip4)ep->addr[1] << 16 | (wm_ip4)ep->addr[2] << 8 | ep->addr[3]);
	return ep->family == 6 && ep->addr[0] != 0xff && !(ep->addr[0] == 0xfe && (ep->addr[1] & 0xc0) == 0x80) &&
	       memcmp(ep->addr, none, sizeof(none));
}

static int by_name(const struct wm_fetch_locate *req, struct wm_endpoint *ret, struct wm_error *err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	struct wm_endpoint ep = { 0 };
	int code = getaddrinfo(req->name, NULL, &hints, &list);

	if (code)
		return wm_fail(err, EHOSTUNREACH, "PUBLIC_IP: %s cannot be looked up: %s", req->name, gai_strerror(code));
	for (const struct addrinfo *i = list; i && !may_be_reached(&ep); i = i->ai_next)
		from_sockaddr(i->ai_addr, req->port, &ep);
	freeaddrinfo(list);
	if (!may_be_reached(&ep))
		return wm_fail(err, EINVAL, "PUBLIC_IP: %s leads to no address that others could reach", req->name);
	*ret = ep;
	return 0;
}

/* --- from outside ---------------------------------------------------------------------------------- */

static int ask(struct wm_http *http, const char *path, const char *doing, struct wm_http_answer *ret, struct wm_error *err)
{
	int rc = wm_http_request(http, "GET", path, NULL, ANSWER_MAX, TIMEOUT_S, ret, err);

	return !rc && ret->status != 200 ? wm_http_problem(ret, doing, err) : rc;
}

static int by_registry(struct wm_http *registry, uint16_t port, struct wm_endpoint *ret, struct wm_error *err)
{
	WM_AUTO_FREE char *address = NULL;
	struct wm_http_answer answer = { 0 };
	int rc = ask(registry, "/v1/whoami", "asking how the registry sees this gateway", &answer, err);

	if (!rc)
		address = wm_json_member(answer.body, answer.len, "address");
	/* Behind a tunnel that does not say where from, it is the registry's own machine: no answer, and no failure. */
	if (address)
		read_address(address, port, ret);
	wm_http_answer_free(&answer);
	return rc;
}

/* url: "https://host/path", of len bytes. */
static int ask_service(const char *url, size_t len, const struct wm_fetch_locate *req, struct wm_endpoint *ret)
{
	char base[WM_SERVICES_SIZE], path[WM_SERVICES_SIZE];
	const char *slash = memchr(url + 8, '/', len - 8);
	size_t host = slash ? (size_t)(slash - url) : len;
	struct wm_http_options options = { .url = base, .ca_file = req->target.ca_file, .agent = "wm-gateway/" WM_VERSION };
	struct wm_http_answer answer = { 0 };
	struct wm_http *http = NULL;
	struct wm_error err;
	int rc;

	wm_format(base, sizeof(base), "%.*s", (int)host, url);
	wm_format(path, sizeof(path), "%.*s", slash ? (int)(len - host) : 1, slash ? slash : "/");
	rc = wm_http_new(&options, &http, &err);
	if (!rc)
		rc = ask(http, path, "asking", &answer, &err);
	if (!rc)
		rc = strlen(answer.body) == answer.len ? read_address(answer.body, req->port, ret) : -EINVAL;
	wm_http_answer_free(&answer);
	wm_http_free(http);
	return rc;
}

bool wm_fetch_agree(const struct wm_endpoint *said, size_t n, struct wm_endpoint *ret)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!wm_endpoint_is_public(&said[i]) || !wm_endpoint_equal(&said[i], &said[k]))
				continue;
			*ret = said[i];
			return true;
		}
	}
	return false;
}

/* One alone could say anything. */
static bool by_services(const struct wm_fetch_locate *req, struct wm_endpoint *ret)
{
	struct wm_endpoint said[WM_SERVICES_MAX] = { 0 };
	size_t n = 0;

	for (const char *p = req->services; *p && n < WM_SERVICES_MAX;) {
		size_t len = strcspn(p, ",");

		if (len > 8 && !ask_service(p, len, req, &said[n]) && wm_fetch_agree(said, ++n, ret))
			return true;
		p += len;
		p += *p == ',';
	}
	return false;
}

/* registry_rc: of asking the registry, which sees no public address. */
static int seen_by_services(const struct wm_fetch_locate *req, int registry_rc, struct wm_fetch_located *ret, struct wm_error *err)
{
	ret->endpoint = (struct wm_endpoint){ 0 };
	ret->by_services = by_services(req, &ret->endpoint);
	if (ret->by_services || registry_rc || !*req->services)
		return ret->by_services ? 0 : registry_rc;
	return wm_fail(err, EREMOTEIO, "no two of WM_ENDPOINT_SERVICES agree on a public address of this gateway");
}

int wm_fetch_locate(struct wm_http *registry, const struct wm_fetch_locate *req, struct wm_fetch_located *ret, struct wm_error *err)
{
	struct wm_fetch_located got = { 0 };
	int rc = 0;

	if (*req->name) {
		rc = by_name(req, &got.endpoint, err);
	} else {
		rc = by_registry(registry, req->port, &got.endpoint, err);
		if (!wm_endpoint_is_public(&got.endpoint))
			rc = seen_by_services(req, rc, &got, err);
	}
	if (!rc)
		*ret = got;
	return rc;
}
