/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * getaddrinfo_a() asks with threads of its own; what it was given stays until
 * it has answered, which the resolver's own time limits see to.
 */
#include "cli/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util.h"

#define AT_ONCE 32

static void take_answer(struct lookup *l, const struct gaicb *cb)
{
	size_t n = 0;

	l->failure = gai_error((struct gaicb *)cb);
	for (const struct addrinfo *a = l->failure ? NULL : cb->ar_result; a && n < WM_ARRAY_LEN(l->addr); a = a->ai_next) {
		if (a->ai_family == AF_INET)
			l->addr[n++] = ntohl(((struct sockaddr_in *)a->ai_addr)->sin_addr.s_addr);
	}
	if (cb->ar_result)
		freeaddrinfo(cb->ar_result);
}

static void resolve_some(struct lookup *lookup, size_t n)
{
	static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct gaicb cb[AT_ONCE], *list[AT_ONCE];

	for (size_t i = 0; i < n; i++) {
		memset(lookup[i].addr, 0, sizeof(lookup[i].addr));
		cb[i] = (struct gaicb){.ar_name = lookup[i].name, .ar_request = &hints};
		list[i] = &cb[i];
	}
	if (getaddrinfo_a(GAI_WAIT, list, (int)n, NULL) == EAI_AGAIN) {
		for (size_t i = 0; i < n; i++)
			lookup[i].failure = EAI_AGAIN;
		return;
	}
	for (size_t i = 0; i < n; i++)
		take_answer(&lookup[i], &cb[i]);
}

void resolve(struct lookup *lookup, size_t n)
{
	for (size_t i = 0; i < n; i += AT_ONCE)
		resolve_some(lookup + i, WM_MIN(n - i, AT_ONCE));
}

bool resolve_is(const struct lookup *lookup, wm_ip4 addr)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(lookup->addr); i++) {
		if (addr && lookup->addr[i] == addr)
			return true;
	}
	return false;
}

const char *resolve_why(const struct lookup *lookup)
{
	switch (lookup->failure) {
	case EAI_AGAIN:
		return "no name server answers";
	case EAI_NONAME:
	case EAI_NODATA:
		return "the name server does not know it";
	default:
		return gai_strerror(lookup->failure);
	}
}
