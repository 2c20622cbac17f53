/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A plan follows its config by parts: what went and came there is put into
 * terms of ends and names, and these leave and enter the plan. Peers are
 * planned anew when sites or devices have changed: they are few beside hosts.
 */
#include <errno.h>
#include <string.h>

#include "core/delta.h"
#include "core/plan_priv.h"
#include "core/sorted.h"
#include "core/util.h"

void wm_plan_diff_free(struct wm_plan_diff *diff)
{
	if (!diff)
		return;
	free(diff->gone);
	free(diff->come);
	free(diff->names_gone);
	free(diff->names_come);
	*diff = (struct wm_plan_diff){ 0 };
}

/* Lists that grow while the difference is put together. */
struct changer {
	const struct wm_config *config;
	const struct wm_self *self;
	const struct wm_site *me, *hub;
	struct wm_texts *texts; /* the plan's */
	struct wm_plan_diff diff;
	size_t cap_gone, cap_come, cap_names_gone, cap_names_come;
};

/* --- is it a matter of parts? -------------------------------------------------------------- */

static const struct wm_site *named(const struct wm_site *sites, size_t n, const char *domain)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(sites[i].domain, domain))
			return &sites[i];
	}
	return NULL;
}

/* Where our own site and the hub are, and which one that is, everything else goes by. */
static bool is_pivot(const struct changer *c, const struct wm_site *s)
{
	return s->hub || !strcmp(s->domain, c->self->domain);
}

static bool pivots_stay(const struct changer *c, const struct wm_config_diff *d)
{
	for (size_t i = 0; i < d->nsites_gone; i++) {
		const struct wm_site *old = &d->sites_gone[i], *new = named(d->sites_come, d->nsites_come, old->domain);

		if (is_pivot(c, old) && !(new && wm_prefix_equal(old->subnet, new->subnet) && old->hub == new->hub))
			return false;
	}
	for (size_t i = 0; i < d->nsites_come; i++) {
		const struct wm_site *new = &d->sites_come[i], *old = named(d->sites_gone, d->nsites_gone, new->domain);

		if (is_pivot(c, new) && !(old && old->hub == new->hub))
			return false;
	}
	return true;
}

/* With the first device and the last one, names of hosts that have not changed change. */
static bool devices_stay(const struct changer *c, const struct wm_config_diff *d)
{
	size_t now = c->config->ndevices, before = now + d->ndevices_gone - d->ndevices_come;

	return wm_plan_serves_devices(c->me, now) == wm_plan_serves_devices(c->me, before);
}

/* --- ends and names that go and come --------------------------------------------------------- */

static int push_end(struct changer *c, bool come, const struct wm_end *end)
{
	struct wm_end **list = come ? &c->diff.come : &c->diff.gone;
	size_t *n = come ? &c->diff.ncome : &c->diff.ngone, *cap = come ? &c->cap_come : &c->cap_gone;

	if (wm_grow((void **)list, cap, *n + 1, sizeof(*end)))
		return -ENOMEM;
	(*list)[(*n)++] = *end;
	return 0;
}

static int push_name(struct changer *c, bool come, const char *name, const char *domain, wm_ip4 addr, bool for_devices)
{
	struct wm_dns_name **list = come ? &c->diff.names_come : &c->diff.names_gone;
	size_t *n = come ? &c->diff.nnames_come : &c->diff.nnames_gone;
	size_t *cap = come ? &c->cap_names_come : &c->cap_names_gone;
	int rc = wm_grow((void **)list, cap, *n + 1, sizeof(**list));

	if (!rc)
		rc = wm_plan_name(c->texts, name, domain, addr, for_devices, &(*list)[*n]);
	*n += !rc;
	return rc;
}

static int push_host(struct changer *c, bool come, const struct wm_host *h)
{
	const bool own = !strcmp(h->domain, c->me->domain);
	struct wm_end end;
	int rc = 0;

	if (own)
		rc = wm_plan_place(c->self, h, &end) ? -EAGAIN : push_end(c, come, &end);
	if (!rc)
		rc = push_name(c, come, h->name, h->domain, wm_plan_host_addr(c->me, h), false);
	if (!rc && own && wm_plan_serves_devices(c->me, c->config->ndevices))
		rc = push_name(c, come, h->name, h->domain, h->overlay, true);
	return rc;
}

static int push_device(struct changer *c, bool come, const struct wm_device *d)
{
	struct wm_end end;
	int rc = 0;

	wm_plan_device(d, &end);
	if (c->me->hub)
		rc = push_end(c, come, &end);
	return rc ? rc : push_name(c, come, d->name, c->hub->domain, d->overlay, false);
}

static int push_all(struct changer *c, const struct wm_config_diff *d)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < d->nhosts_gone; i++)
		rc = push_host(c, false, &d->hosts_gone[i]);
	for (size_t i = 0; !rc && i < d->nhosts_come; i++)
		rc = push_host(c, true, &d->hosts_come[i]);
	/* Without a hub there are no devices, neither before nor now: the hub stays. */
	for (size_t i = 0; !rc && c->hub && i < d->ndevices_gone; i++)
		rc = push_device(c, false, &d->devices_gone[i]);
	for (size_t i = 0; !rc && c->hub && i < d->ndevices_come; i++)
		rc = push_device(c, true, &d->devices_come[i]);
	for (size_t i = 0; !rc && i < d->nsites_gone; i++) {
		c->diff.domains |= !named(d->sites_come, d->nsites_come, d->sites_gone[i].domain);
		rc = push_name(c, false, "gw", d->sites_gone[i].domain, wm_site_gateway(&d->sites_gone[i]), false);
	}
	for (size_t i = 0; !rc && i < d->nsites_come; i++) {
		c->diff.domains |= !named(d->sites_gone, d->nsites_gone, d->sites_come[i].domain);
		rc = push_name(c, true, "gw", d->sites_come[i].domain, wm_site_gateway(&d->sites_come[i]), false);
	}
	return rc;
}

static void sort(void *list, size_t n, size_t size, wm_order_fn order)
{
	if (n)
		qsort(list, n, size, order);
}

/* What an object is called mostly stays when it changes. */
static void cancel_names(struct changer *c)
{
	struct wm_plan_diff *d = &c->diff;
	size_t i = 0, j = 0, ngone = 0, ncome = 0;

	while (i < d->nnames_gone || j < d->nnames_come) {
		int order = i == d->nnames_gone ? 1 : j == d->nnames_come ? -1
			  : wm_dns_name_order(&d->names_gone[i], &d->names_come[j]);

		if (order < 0)
			d->names_gone[ngone++] = d->names_gone[i++];
		else if (order > 0)
			d->names_come[ncome++] = d->names_come[j++];
		else
			i++, wm_texts_drop(c->texts, d->names_come[j++].fqdn);
	}
	d->nnames_gone = ngone;
	d->nnames_come = ncome;
}

static void drop_texts(struct changer *c, const struct wm_dns_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wm_texts_drop(c->texts, names[i].fqdn);
}

static int translate(struct changer *c, const struct wm_config_diff *d)
{
	struct wm_plan_diff *diff = &c->diff;
	bool parts = c->me && pivots_stay(c, d) && devices_stay(c, d) && !wm_texts_wasteful(c->texts);
	int rc = parts ? push_all(c, d) : -EAGAIN;

	drop_texts(c, diff->names_gone, diff->nnames_gone);
	if (rc)
		return rc;
	sort(diff->gone, diff->ngone, sizeof(*diff->gone), wm_end_order);
	sort(diff->come, diff->ncome, sizeof(*diff->come), wm_end_order);
	sort(diff->names_gone, diff->nnames_gone, sizeof(*diff->names_gone), wm_dns_name_order);
	sort(diff->names_come, diff->nnames_come, sizeof(*diff->names_come), wm_dns_name_order);
	cancel_names(c);
	return 0;
}

/* --- into the plan ------------------------------------------------------------------------------ */

/* What is planned anew: aside, until nothing can fail any more. */
static int plan_aside(struct changer *c, const struct wm_config_diff *d, struct wm_plan *ret)
{
	struct planner p = { .config = c->config, .self = c->self, .me = c->me, .hub = c->hub, .plan = ret };

	if (c->diff.domains) {
		ret->domains = calloc(c->config->nsites, sizeof(*ret->domains));
		if (!ret->domains)
			return -ENOMEM;
		for (size_t i = 0; i < c->config->nsites; i++)
			memcpy(ret->domains[ret->ndomains++], c->config->sites[i].domain, WM_NAME_SIZE);
	}
	if (!(d->nsites_gone + d->nsites_come + d->ndevices_gone + d->ndevices_come))
		return 0;
	return wm_plan_wg(&p, NULL) ? -EAGAIN : 1;
}

static void swap_in(struct wm_plan *plan, struct wm_plan *aside, bool domains, bool wg)
{
	if (domains) {
		free(plan->domains);
		plan->domains = WM_STEAL(aside->domains);
		plan->ndomains = aside->ndomains;
	}
	if (wg) {
		wm_wg_device_free(&plan->wg);
		plan->wg = aside->wg;
		aside->wg = (struct wm_wg_device){ 0 };
	}
}

static int enter(struct changer *c, const struct wm_config_diff *d, struct wm_plan *plan)
{
	const struct wm_plan_diff *diff = &c->diff;
	struct wm_sorted ends = { (void **)&plan->ends, &plan->nends, &plan->cap_ends, sizeof(*plan->ends), wm_end_order };
	struct wm_sorted names = { (void **)&plan->names, &plan->nnames, &plan->cap_names, sizeof(*plan->names),
				   wm_dns_name_order };
	struct wm_splice new_ends = { diff->gone, diff->come, diff->ngone, diff->ncome };
	struct wm_splice new_names = { diff->names_gone, diff->names_come, diff->nnames_gone, diff->nnames_come };
	struct wm_plan aside = { 0 };
	size_t at;
	int wg = plan_aside(c, d, &aside), rc = wg < 0 ? wg : 0;

	if (!rc && (wm_sorted_prepare(&ends, &new_ends, &at) || wm_sorted_prepare(&names, &new_names, &at)))
		rc = -EAGAIN;
	if (!rc) {
		wm_sorted_splice(&ends, &new_ends);
		wm_sorted_splice(&names, &new_names);
		drop_texts(c, diff->names_gone, diff->nnames_gone); /* the plan's own, of the same words */
		swap_in(plan, &aside, diff->domains, wg > 0);
		plan->generation = c->config->mesh.generation;
	}
	wm_plan_free(&aside);
	return rc;
}

int wm_plan_change(struct wm_plan *plan, const struct wm_config *config, const struct wm_self *self,
		   const struct wm_config_diff *diff, struct wm_plan_diff *ret)
{
	struct changer c = {
		.config = config, .self = self, .texts = &plan->texts,
		.me = wm_config_site(config, self->domain), .hub = wm_config_hub(config),
	};
	int rc = translate(&c, diff);

	if (!rc)
		rc = enter(&c, diff, plan);
	if (rc) {
		drop_texts(&c, c.diff.names_come, c.diff.nnames_come);
		wm_plan_diff_free(&c.diff);
		return rc;
	}
	*ret = c.diff;
	return 0;
}
