/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A thread asks for each; that every one of them comes back is seen to by the
 * resolver's own time limits.
 */
#include "cli/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util.h"

#define AT_ONCE 32

static void *ask(void *arg)
{
	static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct lookup *l = arg;
	struct addrinfo *found = NULL;
	size_t n = 0;

	memset(l->addr, 0, sizeof(l->addr));
	l->failure = getaddrinfo(l->name, NULL, &hints, &found);
	for (const struct addrinfo *a = l->failure ? NULL : found; a && n < WM_ARRAY_LEN(l->addr); a = a->ai_next) {
		if (a->ai_family == AF_INET)
			l->addr[n++] = ntohl(((struct sockaddr_in *)a->ai_addr)->sin_addr.s_addr);
	}
	if (!l->failure)
		freeaddrinfo(found);
	return NULL;
}

/* Where there are no threads to be had it takes longer. */
static void resolve_some(struct lookup *lookup, size_t n)
{
	pthread_t thread[AT_ONCE];
	bool started[AT_ONCE];

	for (size_t i = 0; i < n; i++) {
		started[i] = !pthread_create(&thread[i], NULL, ask, &lookup[i]);
		if (!started[i])
			ask(&lookup[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (started[i])
			pthread_join(thread[i], NULL);
	}
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
#ifdef EAI_NODATA /* not POSIX */
	case EAI_NODATA:
#endif
		return "the name server does not know it";
	default:
		return gai_strerror(lookup->failure);
	}
}
