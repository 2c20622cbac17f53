/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Addresses of this machine itself.
 */
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/link.h"

static bool is_at(const struct sockaddr *addr, const struct wm_endpoint *ep)
{
	if (!addr)
		return false;
	if (ep->family == 4 && addr->sa_family == AF_INET)
		return !memcmp(&((const struct sockaddr_in *)(const void *)addr)->sin_addr, ep->addr, 4);
	return ep->family == 6 && addr->sa_family == AF_INET6 &&
	       !memcmp(&((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, ep->addr, 16);
}

bool wm_link_is_own(const struct wm_endpoint *ep)
{
	struct ifaddrs *list = NULL;
	bool own = false;

	if (getifaddrs(&list))
		return false;
	for (const struct ifaddrs *i = list; i && !own; i = i->ifa_next)
		own = is_at(i->ifa_addr, ep);
	freeifaddrs(list);
	return own;
}
