/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

static bool is_loopback4(struct in_addr addr)
{
	return ntohl(addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool wm_host_is_loopback(const char *host)
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
	return inet_pton(AF_INET, host, &a4) == 1 && is_loopback4(a4);
}

bool wm_sockaddr_is_loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return is_loopback4(((const struct sockaddr_in *)sa)->sin_addr);
	return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}
