/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/here.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"

int here_load(struct here *here)
{
	struct ifaddrs *list = NULL;
	int rc = 0;

	*here = (struct here){0};
	if (getifaddrs(&list))
		return -errno;
	for (struct ifaddrs *i = list; i && !rc; i = i->ifa_next) {
		struct own_address *a;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || i->ifa_flags & IFF_LOOPBACK)
			continue;
		rc = wm_grow((void **)&here->addr, &here->cap, here->n + 1, sizeof(*here->addr));
		if (rc)
			break;
		a = &here->addr[here->n++];
		snprintf(a->ifname, sizeof(a->ifname), "%s", i->ifa_name);
		a->addr = ntohl(((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr);
	}
	freeifaddrs(list);
	if (rc)
		here_free(here);
	return rc;
}

void here_free(struct here *here)
{
	free(here->addr);
	*here = (struct here){0};
}

const struct own_address *here_has(const struct here *here, wm_ip4 addr)
{
	for (size_t i = 0; addr && i < here->n; i++) {
		if (here->addr[i].addr == addr)
			return &here->addr[i];
	}
	return NULL;
}

void here_way(wm_ip4 addr, struct way *ret)
{
	WM_AUTO_FCLOSE FILE *f = fopen("/proc/net/route", "re");
	char line[256], ifname[16];
	unsigned int dst, via, flags, mask, metric, best_metric = 0;

	*ret = (struct way){0};
	while (f && fgets(line, sizeof(line), f)) {
		uint8_t len;

		/* Addresses stand there as the kernel's memory has them. */
		if (sscanf(line, "%15s %x %x %x %*u %*u %u %x", ifname, &dst, &via, &flags, &metric, &mask) != 6)
			continue;
		len = (uint8_t)__builtin_popcount(mask);
		if ((htonl(addr) & mask) != dst ||
		    (*ret->ifname && (len < ret->len || (len == ret->len && metric >= best_metric))))
			continue;
		memcpy(ret->ifname, ifname, sizeof(ifname));
		ret->via = ntohl(via);
		ret->len = len;
		best_metric = metric;
	}
}

size_t here_places(const struct here *here, const struct wm_config *config,
		   void (*on_place)(void *arg, const struct place *place), void *arg)
{
	const struct wm_site *hub = wm_config_hub(config);
	size_t n = 0;

	for (size_t i = 0; i < config->nsites; i++) {
		const struct wm_site *s = &config->sites[i];
		struct place p = {.kind = "gateway", .domain = s->domain, .overlay = wm_site_gateway(s)};

		p.by = here_has(here, p.overlay);
		snprintf(p.name, sizeof(p.name), "gw.%s", s->domain);
		if (p.by)
			n++, on_place(arg, &p);
	}
	for (size_t i = 0; i < config->ndevices; i++) {
		const struct wm_device *d = &config->devices[i];
		struct place p = {.kind = "device", .domain = hub ? hub->domain : "", .overlay = d->overlay,
				  .isolated = d->access == WM_ACCESS_ISOLATED};

		p.by = here_has(here, p.overlay);
		snprintf(p.name, sizeof(p.name), "%s.%s", d->name, p.domain);
		if (p.by)
			n++, on_place(arg, &p);
	}
	for (size_t i = 0; i < config->nhosts; i++) {
		const struct wm_host *h = &config->hosts[i];
		struct place p = {.kind = "host", .domain = h->domain, .overlay = h->overlay,
				  .isolated = h->access == WM_ACCESS_ISOLATED};

		p.by = here_has(here, h->local);
		snprintf(p.name, sizeof(p.name), "%s.%s", h->name, h->domain);
		if (p.by)
			n++, on_place(arg, &p);
	}
	return n;
}
