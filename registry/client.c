/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/client.h"

#include <arpa/inet.h>
#include <string.h>

/* An address out of a header, canonical; "" when it is none. */
static void copy_address(char *ret, const char *text, size_t len)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr addr;

	*ret = '\0';
	if (len >= sizeof(copy))
		return;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, &addr) == 1)
		inet_ntop(AF_INET, &addr, ret, INET6_ADDRSTRLEN);
	else if (inet_pton(AF_INET6, copy, &addr) == 1)
		inet_ntop(AF_INET6, &addr, ret, INET6_ADDRSTRLEN);
}

void client_address(const struct http_request *request, bool tunnel, char *ret)
{
	const char *header = request->local && tunnel ? http_last_header(request, "CF-Connecting-IP") : NULL;
	const char *comma;

	*ret = '\0';
	if (header)
		copy_address(ret, header, strlen(header));
	header = request->local ? http_last_header(request, "X-Forwarded-For") : NULL;
	if (!*ret && header) {
		comma = strrchr(header, ',');
		header = comma ? comma + 1 : header;
		header += strspn(header, " \t");
		copy_address(ret, header, strcspn(header, " \t"));
	}
	if (!*ret)
		memcpy(ret, request->client, INET6_ADDRSTRLEN);
}
