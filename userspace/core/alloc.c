/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/alloc.h"

#include <errno.h>

#define SITE_LEN 24 /* a site's prefix length unless somebody asks for another */

void alloc_addr_start(struct alloc_addr *a, struct wm_prefix subnet)
{
	a->next = subnet.addr + 2;
	a->last = wm_prefix_last(subnet) - 1;
}

bool alloc_addr_used(struct alloc_addr *a, wm_ip4 used)
{
	if (used > a->next)
		return false;
	if (used == a->next)
		a->next++;
	return true;
}

int alloc_addr_result(const struct alloc_addr *a, wm_ip4 *ret)
{
	if (a->next > a->last)
		return -EADDRNOTAVAIL;
	*ret = a->next;
	return 0;
}

static uint64_t block(const struct alloc_net *a)
{
	return 1ull << (32 - a->len);
}

void alloc_net_start(struct alloc_net *a, struct wm_prefix supernet)
{
	a->supernet = supernet;
	a->len = supernet.len < SITE_LEN ? SITE_LEN : supernet.len + 1;
	a->next = supernet.addr + block(a);
	a->first_free = true;
}

bool alloc_net_used(struct alloc_net *a, struct wm_prefix used)
{
	uint64_t last = wm_prefix_last(used);

	if (used.addr < a->supernet.addr + block(a))
		a->first_free = false;
	if (used.addr >= a->next + block(a))
		return false;
	if (last >= a->next)
		a->next = (last / block(a) + 1) * block(a);
	return true;
}

int alloc_net_result(const struct alloc_net *a, struct wm_prefix *ret)
{
	if (a->next <= wm_prefix_last(a->supernet))
		*ret = (struct wm_prefix){ .addr = (wm_ip4)a->next, .len = a->len };
	else if (a->first_free)
		*ret = (struct wm_prefix){ .addr = a->supernet.addr, .len = a->len };
	else
		return -EADDRNOTAVAIL;
	return 0;
}
