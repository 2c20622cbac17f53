/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/dry.h"

#include <errno.h>
#include <string.h>

#include "cli/like.h"
#include "core/alloc.h"
#include "core/util.h"

static int no_site(const struct wm_config *config, const char *domain, struct wm_error *err)
{
	char like[WM_FQDN_SIZE];

	if (nearest_in(config, LIKE_SITES, domain, like))
		return wm_fail(err, ENOENT, "there is no site '%s'; did you mean '%s'?", domain, like);
	return wm_fail(err, ENOENT, "there is no site '%s'; create it first: wm add-site %s", domain, domain);
}

/* --- what the registry would choose ---------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	wm_ip4 x = *(const wm_ip4 *)a, y = *(const wm_ip4 *)b;

	return x < y ? -1 : x > y;
}

static int by_subnet(const void *a, const void *b)
{
	return by_address(&((const struct wm_prefix *)a)->addr, &((const struct wm_prefix *)b)->addr);
}

static int choose_overlay(const struct wm_config *c, const struct wm_site *site, wm_ip4 *ret, struct wm_error *err)
{
	WM_AUTO_FREE wm_ip4 *used = calloc(c->nhosts + c->ndevices + 1, sizeof(*used));
	struct alloc_addr free_one;
	size_t n = 0;

	if (!used)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->nhosts; i++)
		used[n++] = c->hosts[i].overlay;
	for (size_t i = 0; i < c->ndevices; i++)
		used[n++] = c->devices[i].overlay;
	qsort(used, n, sizeof(*used), by_address);
	alloc_addr_start(&free_one, site->subnet);
	for (size_t i = 0; i < n && alloc_addr_used(&free_one, used[i]); i++)
		;
	if (alloc_addr_result(&free_one, ret))
		return wm_fail(err, EEXIST, "all addresses of site %s are taken", site->domain);
	return 0;
}

static int choose_subnet(const struct wm_config *c, struct wm_prefix *ret, struct wm_error *err)
{
	WM_AUTO_FREE struct wm_prefix *used = calloc(c->nsites + 1, sizeof(*used));
	struct alloc_net free_one;

	if (!used)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->nsites; i++)
		used[i] = c->sites[i].subnet;
	qsort(used, c->nsites, sizeof(*used), by_subnet);
	alloc_net_start(&free_one, c->mesh.supernet);
	for (size_t i = 0; i < c->nsites && alloc_net_used(&free_one, used[i]); i++)
		;
	if (alloc_net_result(&free_one, ret))
		return wm_fail(err, EEXIST, "the supernet has no subnet left; give one with --subnet");
	return 0;
}

/* --- adding ------------------------------------------------------------------------------ */

int dry_add_site(struct api *api, struct wm_site *site, struct wm_error *err)
{
	struct wm_config c = {0};
	int rc = api_config(api, &c, err);

	if (!rc && !site->subnet.len)
		rc = choose_subnet(&c, &site->subnet, err);
	rc = rc ?: wm_config_add_site(&c, site);
	rc = rc ?: wm_config_finish(&c, err);
	wm_config_free(&c);
	return rc;
}

int dry_add_host(struct api *api, struct wm_host *host, struct wm_error *err)
{
	struct wm_config c = {0};
	const struct wm_site *site = NULL;
	int rc = api_config(api, &c, err);

	if (!rc && !(site = wm_config_site(&c, host->domain)))
		rc = no_site(&c, host->domain, err);
	if (!rc && !host->overlay)
		rc = choose_overlay(&c, site, &host->overlay, err);
	rc = rc ?: wm_config_add_host(&c, host);
	rc = rc ?: wm_config_finish(&c, err);
	wm_config_free(&c);
	return rc;
}

int dry_add_device(struct api *api, struct placed_device *p, struct wm_error *err)
{
	struct wm_config c = {0};
	const struct wm_site *hub = NULL;
	int rc = api_config(api, &c, err);

	if (!rc && !(hub = wm_config_hub(&c)))
		rc = wm_fail(err, EINVAL, "the mesh has no hub, where devices connect; create it: wm add-site DOMAIN --hub");
	if (!rc)
		wm_copy(p->domain, sizeof(p->domain), hub->domain);
	if (!rc && !p->device.overlay)
		rc = choose_overlay(&c, hub, &p->device.overlay, err);
	rc = rc ?: wm_config_add_device(&c, &p->device);
	rc = rc ?: wm_config_finish(&c, err);
	wm_config_free(&c);
	return rc;
}

/* --- changing ------------------------------------------------------------------------------ */

int dry_set_host(struct api *api, struct wm_host *host, dry_edit_fn edit, void *arg, struct wm_error *err)
{
	struct wm_config c = {0};
	int rc = api_config(api, &c, err);
	size_t i = 0;

	while (!rc && i < c.nhosts && (strcmp(c.hosts[i].name, host->name) || strcmp(c.hosts[i].domain, host->domain)))
		i++;
	if (!rc && i == c.nhosts)
		rc = wm_fail(err, ENOENT, "it was removed meanwhile");
	if (!rc) {
		edit(arg, &c.hosts[i]);
		*host = c.hosts[i];
		rc = wm_config_finish(&c, err);
	}
	wm_config_free(&c);
	return rc;
}

int dry_set_device(struct api *api, struct placed_device *p, dry_edit_fn edit, void *arg, struct wm_error *err)
{
	struct wm_config c = {0};
	int rc = api_config(api, &c, err);
	const struct wm_site *hub = rc ? NULL : wm_config_hub(&c);
	size_t i = 0;

	while (!rc && i < c.ndevices && strcmp(c.devices[i].name, p->device.name))
		i++;
	if (!rc && i == c.ndevices)
		rc = wm_fail(err, ENOENT, "it was removed meanwhile");
	if (!rc) {
		if (hub)
			wm_copy(p->domain, sizeof(p->domain), hub->domain);
		p->device = c.devices[i];
		edit(arg, p);
		c.devices[i] = p->device;
		rc = wm_config_finish(&c, err);
	}
	wm_config_free(&c);
	return rc;
}

int dry_remove_site(struct api *api, const char *domain, bool cascade, size_t *ret_lost, struct wm_error *err)
{
	struct wm_config c = {0};
	const struct wm_site *site = NULL;
	int rc = api_config(api, &c, err);

	if (!rc && !(site = wm_config_site(&c, domain)))
		rc = no_site(&c, domain, err);
	if (!rc) {
		*ret_lost = site->hub ? c.ndevices : 0;
		for (size_t i = 0; i < c.nhosts; i++)
			*ret_lost += !strcmp(c.hosts[i].domain, domain);
		if (*ret_lost && !cascade)
			rc = wm_fail(err, EEXIST, "site %s still has %zu host(s) and device(s); with --cascade they go too", domain,
				     *ret_lost);
	}
	wm_config_free(&c);
	return rc;
}
