/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/plan_priv.h"
#include "core/util.h"

#define KEEPALIVE_S 25 /* what keeps the usual NAT mapping (30 s of UDP silence) open */

void wm_plan_free(struct wm_plan *plan)
{
	if (!plan)
		return;
	wm_wg_device_free(&plan->wg);
	free(plan->ends);
	free(plan->names);
	wm_texts_free(&plan->texts);
	free(plan->domains);
	free(plan->problems);
	*plan = (struct wm_plan){ 0 };
}

bool wm_sites_direct(const struct wm_site *a, const struct wm_site *b)
{
	if (wm_key_is_zero(&a->public_key) || wm_key_is_zero(&b->public_key))
		return false;
	return a->hub || b->hub || a->endpoint.family || b->endpoint.family;
}

static bool same_lan(const struct wm_lan *a, const struct wm_lan *b)
{
	return !strcmp(a->ifname, b->ifname) && a->ifindex == b->ifindex && a->addr == b->addr &&
	       wm_prefix_equal(a->prefix, b->prefix) && !memcmp(&a->mac, &b->mac, sizeof(a->mac)) && a->mtu == b->mtu &&
	       a->nrouters == b->nrouters && !memcmp(a->routers, b->routers, a->nrouters * sizeof(a->routers[0]));
}

bool wm_self_equal(const struct wm_self *a, const struct wm_self *b)
{
	bool same = !strcmp(a->domain, b->domain) && wm_prefix_equal(a->subnet, b->subnet) &&
		    wm_prefix_equal(a->supernet, b->supernet) && wm_key_equal(&a->private_key, &b->private_key) &&
		    a->listen_port == b->listen_port && a->mtu == b->mtu && a->nlans == b->nlans &&
		    a->nlan_prefixes == b->nlan_prefixes;

	for (unsigned int i = 0; same && i < a->nlan_prefixes; i++)
		same = wm_prefix_equal(a->lan_prefixes[i], b->lan_prefixes[i]);
	for (unsigned int i = 0; same && i < a->nlans; i++)
		same = same_lan(&a->lans[i], &b->lans[i]);
	return same;
}

/* --- who am I, and is this config for me ----------------------------------------- */

static int check_pins(const struct planner *p, struct wm_error *err)
{
	const struct wm_self *self = p->self;
	char is[WM_PREFIX_TEXT], pin[WM_PREFIX_TEXT];

	if (*p->config->mesh.self && strcmp(p->config->mesh.self, self->domain))
		return wm_fail(err, EINVAL, "the registry's config is for site '%s', this gateway is '%s': check SITE_DOMAIN and the token",
			       p->config->mesh.self, self->domain);
	if (self->supernet.len && !wm_prefix_equal(self->supernet, p->config->mesh.supernet))
		return wm_fail(err, EPERM, "the registry's supernet is %s, this gateway is pinned to %s (WM_MESH_SUPERNET)",
			       wm_prefix_format(p->config->mesh.supernet, is), wm_prefix_format(self->supernet, pin));
	if (self->subnet.len && !wm_prefix_equal(self->subnet, p->me->subnet))
		return wm_fail(err, EPERM, "the registry gives site '%s' the subnet %s, this gateway is pinned to %s (SITE_SUBNET)",
			       self->domain, wm_prefix_format(p->me->subnet, is), wm_prefix_format(self->subnet, pin));
	return 0;
}

static int check_lans(const struct planner *p, struct wm_error *err)
{
	const struct wm_self *self = p->self;
	char lan[WM_PREFIX_TEXT], mesh[WM_PREFIX_TEXT], addr[WM_IP4_TEXT];

	for (unsigned int i = 0; i < self->nlans; i++) {
		if (wm_prefix_overlaps(self->lans[i].prefix, p->config->mesh.supernet))
			return wm_fail(err, EINVAL, "the LAN %s on %s overlaps the mesh's supernet %s: one of them must move",
				       wm_prefix_format(self->lans[i].prefix, lan), self->lans[i].ifname,
				       wm_prefix_format(p->config->mesh.supernet, mesh));
		for (unsigned int j = 0; j < i; j++) {
			if (self->lans[i].addr == self->lans[j].addr)
				return wm_fail(err, EINVAL, "the gateway has address %s on both %s and %s: it needs different ones",
					       wm_ip4_format(self->lans[i].addr, addr), self->lans[j].ifname, self->lans[i].ifname);
		}
	}
	return 0;
}

static int plan_self(struct planner *p, struct wm_error *err)
{
	struct wm_plan *plan = p->plan;
	int rc;

	if (!p->me)
		return wm_fail(err, ENOENT, "site '%s' is not in the registry: wm add-site %s", p->self->domain, p->self->domain);
	rc = check_pins(p, err);
	if (!rc)
		rc = check_lans(p, err);
	if (rc)
		return rc;
	plan->generation = p->config->mesh.generation;
	memcpy(plan->domain, p->me->domain, sizeof(plan->domain));
	plan->supernet = p->config->mesh.supernet;
	plan->subnet = p->me->subnet;
	plan->gateway = wm_site_gateway(p->me);
	plan->hub = p->me->hub;
	plan->mtu = p->self->mtu;
	memcpy(plan->lans, p->self->lans, sizeof(plan->lans));
	plan->nlans = p->self->nlans;
	return 0;
}

/* --- WireGuard -------------------------------------------------------------------- */

/* A peer without an endpoint comes to us. Whoever has no endpoint of its own keeps the way open, because it may be behind
 * NAT. */
static int add_peer(struct planner *p, struct wm_wg_peer *peer)
{
	int rc;

	if (peer->endpoint.family && !p->me->endpoint.family)
		peer->keepalive_s = KEEPALIVE_S;
	rc = wm_wg_add_peer(&p->plan->wg, peer);
	wm_wipe(&peer->preshared_key, sizeof(peer->preshared_key));
	return rc;
}

/* A spoke's hub peer carries the hub's subnet and every site that is not direct. */
static int add_hub_allowed(struct planner *p)
{
	int rc = wm_wg_add_allowed(&p->plan->wg, p->hub->subnet);

	for (size_t i = 0; !rc && i < p->config->nsites; i++) {
		const struct wm_site *s = &p->config->sites[i];

		if (s != p->me && s != p->hub && !wm_key_is_zero(&s->public_key) && !wm_sites_direct(p->me, s))
			rc = wm_wg_add_allowed(&p->plan->wg, s->subnet);
	}
	return rc;
}

int wm_plan_wg(struct planner *p, struct wm_error *err)
{
	struct wm_wg_device *wg = &p->plan->wg;
	int rc = 0;

	wg->private_key = p->self->private_key;
	wg->listen_port = p->self->listen_port;
	for (size_t i = 0; !rc && i < p->config->nsites; i++) {
		const struct wm_site *s = &p->config->sites[i];
		struct wm_wg_peer peer = {
			.public_key = s->public_key, .endpoint = s->endpoint, .preshared_key = s->preshared_key,
		};

		if (s == p->me || !wm_sites_direct(p->me, s))
			continue;
		rc = add_peer(p, &peer);
		if (!rc)
			rc = s == p->hub ? add_hub_allowed(p) : wm_wg_add_allowed(wg, s->subnet);
	}
	for (size_t i = 0; !rc && p->me->hub && i < p->config->ndevices; i++) {
		const struct wm_device *d = &p->config->devices[i];
		struct wm_wg_peer peer = { .public_key = d->public_key };

		if (wm_key_is_zero(&d->public_key))
			continue;
		rc = add_peer(p, &peer);
		if (!rc)
			rc = wm_wg_add_allowed(wg, (struct wm_prefix){ d->overlay, 32 });
	}
	if (!rc)
		rc = wm_wg_finish(wg);
	return rc ? wm_fail(err, -rc, "cannot plan the WireGuard peers: %s", strerror(-rc)) : 0;
}

/* --- hosts and devices of this site ---------------------------------------------- */

static int add_end(struct planner *p, const struct wm_end *end)
{
	int rc = wm_grow((void **)&p->plan->ends, &p->plan->cap_ends, p->plan->nends + 1, sizeof(*end));

	if (!rc)
		p->plan->ends[p->plan->nends++] = *end;
	return rc;
}

static int add_problem(struct planner *p, const struct wm_host *h, const char *what)
{
	char addr[WM_IP4_TEXT];
	int rc = wm_grow((void **)&p->plan->problems, &p->cap_problems, p->plan->nproblems + 1, sizeof(*p->plan->problems));

	if (!rc)
		snprintf(p->plan->problems[p->plan->nproblems++], sizeof(*p->plan->problems), "host %.40s (%s): %s", h->name,
			 wm_ip4_format(h->local, addr), what);
	return rc;
}

/* Whoever has taken over the registry cannot aim this gateway at what lies outside. */
static bool may_be_at(const struct wm_self *self, wm_ip4 local)
{
	bool may = !self->nlan_prefixes;

	for (unsigned int i = 0; !may && i < self->nlan_prefixes; i++)
		may = wm_prefix_has(self->lan_prefixes[i], local);
	return may;
}

/* Index of the LAN whose subnet contains addr, the narrowest as the kernel routes; -1: none. */
static int lan_of(const struct wm_self *self, wm_ip4 addr)
{
	const struct wm_lan *lans = self->lans;
	int best = -1;

	for (unsigned int i = 0; i < self->nlans; i++) {
		if (wm_prefix_has(lans[i].prefix, addr) && (best < 0 || lans[i].prefix.len > lans[best].prefix.len))
			best = (int)i;
	}
	return best;
}

const char *wm_plan_place(const struct wm_self *self, const struct wm_host *h, struct wm_end *ret)
{
	int lan = lan_of(self, h->local);

	*ret = (struct wm_end){
		.overlay = h->overlay, .local = h->local, .kind = WM_END_HOST, .access = h->access,
		.has_mac = h->has_mac, .mac = h->mac,
	};
	if (!h->local)
		return "the registry gives no LAN address";
	if (!may_be_at(self, h->local))
		return "its LAN address is outside WM_LAN_PREFIXES";
	if (lan < 0)
		return "its LAN address is in no LAN of this gateway";
	if (h->local == self->lans[lan].addr)
		return "its LAN address is this gateway's own";
	if (self->lans[lan].prefix.len < 31 &&
	    (h->local == self->lans[lan].prefix.addr || h->local == wm_prefix_last(self->lans[lan].prefix)))
		return "its LAN address is the network or broadcast address there";
	ret->lan = (uint8_t)lan;
	memcpy(ret->name, h->name, sizeof(ret->name));
	return NULL;
}

static int plan_host(struct planner *p, const struct wm_host *h)
{
	struct wm_end end;
	const char *problem = wm_plan_place(p->self, h, &end);

	return problem ? add_problem(p, h, problem) : add_end(p, &end);
}

void wm_plan_device(const struct wm_device *d, struct wm_end *ret)
{
	*ret = (struct wm_end){ .overlay = d->overlay, .kind = WM_END_DEVICE, .access = d->access };
	memcpy(ret->name, d->name, sizeof(ret->name));
}

int wm_end_order(const void *a, const void *b)
{
	const struct wm_end *x = a, *y = b;

	return x->overlay < y->overlay ? -1 : x->overlay > y->overlay;
}

static int check_hosts(struct planner *p, struct wm_error *err)
{
	char addr[WM_IP4_TEXT];

	/* Not pinned: they may be anywhere. */
	for (size_t i = 0; p->self->nlan_prefixes && i < p->config->nhosts; i++) {
		const struct wm_host *h = &p->config->hosts[i];

		if (h->local && !may_be_at(p->self, h->local) && !strcmp(h->domain, p->me->domain))
			return wm_fail_field(err, EPERM, "local_ip", "host '%.40s.%.40s' has the LAN address %s, which is outside what WM_LAN_PREFIXES allows here",
					     h->name, h->domain, wm_ip4_format(h->local, addr));
	}
	return 0;
}

static int plan_ends(struct planner *p, struct wm_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < p->config->nhosts; i++) {
		const struct wm_host *h = &p->config->hosts[i];

		if (!strcmp(h->domain, p->me->domain))
			rc = plan_host(p, h);
	}
	for (size_t i = 0; !rc && p->me->hub && i < p->config->ndevices; i++) {
		struct wm_end end;

		wm_plan_device(&p->config->devices[i], &end);
		rc = add_end(p, &end);
	}
	if (rc)
		return wm_fail(err, -rc, "cannot plan the hosts: %s", strerror(-rc));
	if (p->plan->nends)
		qsort(p->plan->ends, p->plan->nends, sizeof(*p->plan->ends), wm_end_order);
	return 0;
}

/* --- names ------------------------------------------------------------------------- */

int wm_plan_name(struct wm_texts *texts, const char *name, const char *domain, wm_ip4 addr, bool for_devices,
		 struct wm_dns_name *ret)
{
	*ret = (struct wm_dns_name){ wm_texts_add_dotted(texts, name, domain), addr, for_devices };
	return ret->fqdn ? 0 : -ENOMEM;
}

static int add_name(struct planner *p, const char *name, const char *domain, wm_ip4 addr, bool for_devices)
{
	struct wm_plan *plan = p->plan;
	int rc = wm_grow((void **)&plan->names, &plan->cap_names, plan->nnames + 1, sizeof(*plan->names));

	if (!rc)
		rc = wm_plan_name(&plan->texts, name, domain, addr, for_devices, &plan->names[plan->nnames]);
	plan->nnames += !rc;
	return rc;
}

int wm_dns_name_order(const void *a, const void *b)
{
	const struct wm_dns_name *x = a, *y = b;
	int c = strcmp(x->fqdn, y->fqdn);

	if (c || x->addr != y->addr)
		return c ? c : x->addr < y->addr ? -1 : 1;
	return x->for_devices - y->for_devices;
}

/* Same-site hosts by LAN address (no detour through the gateway), all else by overlay address. */
wm_ip4 wm_plan_host_addr(const struct wm_site *me, const struct wm_host *h)
{
	return h->local && !strcmp(h->domain, me->domain) ? h->local : h->overlay;
}

bool wm_plan_serves_devices(const struct wm_site *me, size_t ndevices)
{
	return me->hub && ndevices;
}

/* One without a place here has no way in: an overlay address would lead nobody to it. */
static int add_host_names(struct planner *p, const struct wm_host *h, bool serves_devices)
{
	wm_ip4 addr = wm_plan_host_addr(p->me, h);
	struct wm_end end;
	int rc = add_name(p, h->name, h->domain, addr, false);

	if (rc || !serves_devices || addr == h->overlay || wm_plan_place(p->self, h, &end))
		return rc;
	return add_name(p, h->name, h->domain, h->overlay, true);
}

static int plan_names(struct planner *p, struct wm_error *err)
{
	const struct wm_config *c = p->config;
	const bool serves_devices = wm_plan_serves_devices(p->me, c->ndevices);
	int rc = 0;

	p->plan->domains = calloc(c->nsites, sizeof(*p->plan->domains));
	if (!p->plan->domains)
		rc = -ENOMEM;
	for (size_t i = 0; !rc && i < c->nsites; i++) {
		memcpy(p->plan->domains[p->plan->ndomains++], c->sites[i].domain, WM_NAME_SIZE);
		rc = add_name(p, "gw", c->sites[i].domain, wm_site_gateway(&c->sites[i]), false);
	}
	for (size_t i = 0; !rc && i < c->nhosts; i++)
		rc = add_host_names(p, &c->hosts[i], serves_devices);
	for (size_t i = 0; !rc && p->hub && i < c->ndevices; i++)
		rc = add_name(p, c->devices[i].name, p->hub->domain, c->devices[i].overlay, false);
	if (rc)
		return wm_fail(err, -rc, "cannot plan the names: %s", strerror(-rc));
	qsort(p->plan->names, p->plan->nnames, sizeof(*p->plan->names), wm_dns_name_order);
	return 0;
}

/* Those that can be refused come first. */
static int (*const parts[])(struct planner *, struct wm_error *) = { plan_self, wm_plan_wg, check_hosts, plan_ends, plan_names };
#define PARTS_THAT_CHECK 3

static int make(const struct wm_config *config, const struct wm_self *self, size_t nparts, struct wm_plan *ret,
		struct wm_error *err)
{
	struct wm_plan plan = { 0 };
	struct planner p = {
		.config = config, .self = self, .plan = &plan,
		.me = wm_config_site(config, self->domain), .hub = wm_config_hub(config),
	};

	for (size_t i = 0; i < nparts; i++) {
		int rc = parts[i](&p, err);

		if (rc) {
			wm_plan_free(&plan);
			return rc;
		}
	}
	*ret = plan;
	return 0;
}

int wm_plan_make(const struct wm_config *config, const struct wm_self *self, struct wm_plan *ret, struct wm_error *err)
{
	return make(config, self, WM_ARRAY_LEN(parts), ret, err);
}

int wm_plan_check(const struct wm_config *config, const struct wm_self *self, struct wm_error *err)
{
	struct wm_plan plan;
	int rc = make(config, self, PARTS_THAT_CHECK, &plan, err);

	if (!rc)
		wm_plan_free(&plan);
	return rc;
}
