/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A delta becomes a difference (what the config has now of each object that is
 * named, and what it shall have), the difference is taken in, and only what it
 * has touched is checked: the rest was valid and has not moved. On a complaint
 * it is taken out again.
 */
#include "core/delta.h"

#include <errno.h>
#include <string.h>

#include "core/delta_priv.h"
#include "core/model_check.h"
#include "core/model_index.h"
#include "core/util.h"

static int site_order(const void *a, const void *b)
{
	return strcmp(((const struct wm_site *)a)->domain, ((const struct wm_site *)b)->domain);
}

static int host_order(const void *a, const void *b)
{
	const struct wm_host *x = a, *y = b;

	return x->overlay < y->overlay ? -1 : x->overlay > y->overlay;
}

static int device_order(const void *a, const void *b)
{
	const struct wm_device *x = a, *y = b;

	return x->overlay < y->overlay ? -1 : x->overlay > y->overlay;
}

/* --- from delta to difference ------------------------------------------------------ */

/* The later of two about one object stands behind the earlier. */
static int item_order(const void *a, const void *b)
{
	const struct wm_delta_item *x = *(const struct wm_delta_item *const *)a, *y = *(const struct wm_delta_item *const *)b;
	int c = wm_delta_same_order(x, y);

	return c ? c : x < y ? -1 : x > y;
}

#define PUSH(diff, what, list, object)                                                            \
	(wm_grow((void **)&(diff)->list, &caps->list, (diff)->n##list + 1, sizeof(*(diff)->list)) \
		 ? -ENOMEM                                                                        \
		 : ((diff)->list[(diff)->n##list++] = *(object), 0))

struct capacities {
	size_t sites_gone, sites_come, hosts_gone, hosts_come, devices_gone, devices_come;
};

/* What the config has of it goes, what the item says comes, unless they are the same. */
#define DEFINE_ENTER(what)                                                                                     \
	static int enter_##what(const struct wm_##what *old, const struct wm_delta_item *item,                 \
				struct wm_config_diff *diff, struct capacities *caps)                          \
	{                                                                                                      \
		const struct wm_##what *new = item->gone ? NULL : &item->what;                                 \
		int rc = 0;                                                                                    \
                                                                                                               \
		if (old && new && wm_##what##_equal(old, new))                                                       \
			return 0;                                                                              \
		if (old)                                                                                       \
			rc = PUSH(diff, what, what##s_gone, old);                                              \
		return rc || !new ? rc : PUSH(diff, what, what##s_come, new);                                  \
	}

DEFINE_ENTER(site)
DEFINE_ENTER(host)
DEFINE_ENTER(device)

static void sort(void *list, size_t n, size_t size, int (*order)(const void *, const void *))
{
	if (n)
		qsort(list, n, size, order);
}

/* The last of each object, in order: how many. */
static size_t last_of_each(const struct wm_delta *delta, const struct wm_delta_item **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < delta->n; i++)
		ret[i] = &delta->items[i];
	sort(ret, delta->n, sizeof(*ret), item_order);
	for (size_t i = 0; i < delta->n; i++) {
		if (i + 1 == delta->n || wm_delta_same_order(ret[i], ret[i + 1]))
			ret[n++] = ret[i];
	}
	return n;
}

static int by_device_name(const void *device, const void *item)
{
	return strcmp(((const struct wm_device *)device)->name, (*(const struct wm_delta_item *const *)item)->device.name);
}

/* What the config has of devices, which it does not keep by name: of each of the items, or NULL. One pass. */
static void find_devices(const struct wm_config *c, const struct wm_delta_item *const *items, size_t n, const struct wm_device **ret)
{
	for (size_t i = 0; n && i < c->ndevices; i++) {
		const struct wm_delta_item *const *item = bsearch(&c->devices[i], items, n, sizeof(*items), by_device_name);

		if (item)
			ret[item - items] = &c->devices[i];
	}
}

static int make_diff(const struct wm_config *c, const struct wm_delta *delta, struct wm_config_diff *diff)
{
	WM_AUTO_FREE const struct wm_delta_item **view = calloc(delta->n + 1, sizeof(*view));
	WM_AUTO_FREE const struct wm_device **device = calloc(delta->n + 1, sizeof(*device));
	size_t n = view && device ? last_of_each(delta, view) : 0, first = n;
	struct capacities caps = { 0 };
	int rc = view && device ? 0 : -ENOMEM;

	while (first && view[first - 1]->type == WM_RECORD_DEVICE)
		first--;
	if (!rc)
		find_devices(c, view + first, n - first, device + first);
	for (size_t i = 0; !rc && i < n; i++) {
		const struct wm_delta_item *item = view[i];

		if (item->type == WM_RECORD_SITE)
			rc = enter_site(wm_config_site(c, item->site.domain), item, diff, &caps);
		else if (item->type == WM_RECORD_HOST)
			rc = enter_host(wm_config_host(c, item->host.name, item->host.domain), item, diff, &caps);
		else
			rc = enter_device(device[i], item, diff, &caps);
	}
	sort(diff->sites_gone, diff->nsites_gone, sizeof(*diff->sites_gone), site_order);
	sort(diff->sites_come, diff->nsites_come, sizeof(*diff->sites_come), site_order);
	sort(diff->hosts_gone, diff->nhosts_gone, sizeof(*diff->hosts_gone), host_order);
	sort(diff->hosts_come, diff->nhosts_come, sizeof(*diff->hosts_come), host_order);
	sort(diff->devices_gone, diff->ndevices_gone, sizeof(*diff->devices_gone), device_order);
	sort(diff->devices_come, diff->ndevices_come, sizeof(*diff->devices_come), device_order);
	return rc;
}

/* --- taking it in, and out again ----------------------------------------------------- */

/* The three arrays of a config, and what leaves and enters each. */
struct parts {
	struct wm_sorted array[3];
	struct wm_splice splice[3];
};

static void parts_of(struct wm_config *c, const struct wm_config_diff *d, struct parts *ret)
{
	*ret = (struct parts){
		.array = {
			{ (void **)&c->sites, &c->nsites, &c->cap_sites, sizeof(*c->sites), site_order },
			{ (void **)&c->hosts, &c->nhosts, &c->cap_hosts, sizeof(*c->hosts), host_order },
			{ (void **)&c->devices, &c->ndevices, &c->cap_devices, sizeof(*c->devices), device_order },
		},
		.splice = {
			{ d->sites_gone, d->sites_come, d->nsites_gone, d->nsites_come },
			{ d->hosts_gone, d->hosts_come, d->nhosts_gone, d->nhosts_come },
			{ d->devices_gone, d->devices_come, d->ndevices_gone, d->ndevices_come },
		},
	};
}

static int prepare(struct wm_config *c, const struct wm_config_diff *d, struct wm_error *err)
{
	struct parts parts;
	size_t at = 0;
	int rc = 0;

	parts_of(c, d, &parts);
	for (int i = 0; i < 3 && !rc; i++) {
		rc = wm_sorted_prepare(&parts.array[i], &parts.splice[i], &at);
		if (rc == -EEXIST && i == 1)
			return wm_fail_field(err, EINVAL, "wg_ip", "host '%s.%s': its overlay address is another's",
					     d->hosts_come[at].name, d->hosts_come[at].domain);
		if (rc == -EEXIST)
			return wm_fail_field(err, EINVAL, "wg_ip", "two sites or devices claim the same");
	}
	if (!rc)
		rc = wm_index_reserve(c, c->nhosts + d->nhosts_come);
	return rc ? wm_fail(err, -rc, "cannot change the config: %s", strerror(-rc)) : 0;
}

static void take_in(struct wm_config *c, const struct wm_config_diff *d)
{
	struct parts parts;

	parts_of(c, d, &parts);
	for (int i = 0; i < 3; i++)
		wm_sorted_splice(&parts.array[i], &parts.splice[i]);
}

/* The other way round. */
static struct wm_config_diff reversed(const struct wm_config_diff *d)
{
	return (struct wm_config_diff){
		.sites_gone = d->sites_come, .sites_come = d->sites_gone, .hosts_gone = d->hosts_come,
		.hosts_come = d->hosts_gone, .devices_gone = d->devices_come, .devices_come = d->devices_gone,
		.nsites_gone = d->nsites_come, .nsites_come = d->nsites_gone, .nhosts_gone = d->nhosts_come,
		.nhosts_come = d->nhosts_gone, .ndevices_gone = d->ndevices_come, .ndevices_come = d->ndevices_gone,
	};
}

/* entered: so many of those that came are in the index. */
static void take_out(struct wm_config *c, const struct wm_config_diff *d, size_t entered)
{
	const struct wm_config_diff back = reversed(d);

	for (size_t i = 0; i < entered; i++)
		wm_index_drop(c, &d->hosts_come[i]);
	take_in(c, &back);
	for (size_t i = 0; i < d->nhosts_gone; i++)
		wm_index_put(c, &d->hosts_gone[i]);
	c->mesh.generation = d->generation;
	memcpy(c->mesh.mark, d->mark, sizeof(c->mesh.mark));
}

/* --- is the result valid? --------------------------------------------------------------- */

static int by_host_name(const void *device, const void *host)
{
	return strcmp(((const struct wm_device *)device)->name, (*(const struct wm_host *const *)host)->name);
}

static int host_name_order(const void *a, const void *b)
{
	return strcmp((*(const struct wm_host *const *)a)->name, (*(const struct wm_host *const *)b)->name);
}

/* Names are in one domain with those of the hub's hosts. One pass over the devices, which a config does not keep by name. */
static int check_device_names(const struct wm_config *c, const struct wm_site *hub, const struct wm_config_diff *d,
			      struct wm_error *err)
{
	WM_AUTO_FREE const struct wm_host **view = calloc(d->nhosts_come + 1, sizeof(*view));
	size_t n = 0;

	if (!view)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < d->nhosts_come; i++) {
		if (!strcmp(d->hosts_come[i].domain, hub->domain))
			view[n++] = &d->hosts_come[i];
	}
	sort(view, n, sizeof(*view), host_name_order);
	for (size_t i = 0; n && i < c->ndevices; i++) {
		if (bsearch(&c->devices[i], view, n, sizeof(*view), by_host_name))
			return wm_fail_field(err, EINVAL, "name", "'%s.%s' is both a host and a device", c->devices[i].name,
					     hub->domain);
	}
	return 0;
}

/* Hosts against devices: whole when one of these changed too, so here of hosts alone. */
static int check_no_devices(const struct wm_config *c, const struct wm_config_diff *d, struct wm_error *err)
{
	const struct wm_site *hub = c->ndevices ? wm_config_hub(c) : NULL;

	for (size_t i = 0; hub && i < d->nhosts_come; i++) {
		const struct wm_host *h = &d->hosts_come[i];
		struct wm_device key = { .overlay = h->overlay };

		if (bsearch(&key, c->devices, c->ndevices, sizeof(key), device_order))
			return wm_fail_field(err, EINVAL, "wg_ip", "host '%s.%s': its overlay address is a device's", h->name,
					     h->domain);
	}
	return hub ? check_device_names(c, hub, d, err) : 0;
}

/* Who was in the subnet of a site that went, or became another one, and has not changed itself. */
static int check_hosts_left(const struct wm_config *c, const struct wm_site *site, struct wm_error *err)
{
	struct wm_host key = { .overlay = site->subnet.addr };
	struct wm_sorted hosts = { (void **)&((struct wm_config *)(uintptr_t)c)->hosts,
				   &((struct wm_config *)(uintptr_t)c)->nhosts, NULL, sizeof(key), host_order };
	int rc = 0;

	for (size_t i = wm_sorted_from(&hosts, &key);
	     !rc && i < c->nhosts && wm_prefix_has(site->subnet, c->hosts[i].overlay); i++)
		rc = wm_check_host(c, &c->hosts[i], err);
	return rc;
}

static int check(struct wm_config *c, const struct wm_config_diff *d, size_t *entered, struct wm_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < d->nhosts_come && !rc; i++) {
		rc = wm_check_host(c, &d->hosts_come[i], err);
		if (!rc)
			rc = wm_check_host_free(c, &d->hosts_come[i], err);
		if (rc)
			return rc;
		wm_index_put(c, &d->hosts_come[i]);
		*entered = i + 1;
	}
	rc = check_no_devices(c, d, err);
	for (size_t i = 0; i < d->nsites_gone && !rc; i++)
		rc = check_hosts_left(c, &d->sites_gone[i], err);
	if (!rc && d->nsites_gone + d->nsites_come + d->ndevices_gone + d->ndevices_come)
		rc = wm_check_peers(c, err);
	return rc;
}

static int check_head(const struct wm_mesh *have, const struct wm_changes *head, struct wm_error *err)
{
	const struct wm_mesh *mesh = &head->mesh;

	if (strcmp(have->instance, mesh->instance) || have->generation != head->after || mesh->generation <= head->after)
		return wm_fail(err, ESTALE, "the changes are not what follows on generation %llu",
			       (unsigned long long)have->generation);
	if (strcmp(have->name, mesh->name) || strcmp(have->self, mesh->self) ||
	    !wm_prefix_equal(have->supernet, mesh->supernet))
		return wm_fail(err, ESTALE, "the changes are those of another mesh or site");
	if (mesh->requires & ~WM_FEATURES_KNOWN)
		return wm_fail_field(err, EINVAL, "requires", "the config needs features that this version does not have; update wm");
	return 0;
}

int wm_config_change(struct wm_config *config, const struct wm_delta *delta, struct wm_config_diff *ret,
		     struct wm_error *err)
{
	struct wm_config_diff diff = { .generation = config->mesh.generation };
	size_t entered = 0;
	int rc = check_head(&config->mesh, &delta->head, err);

	*ret = (struct wm_config_diff){ 0 };
	if (rc)
		return rc;
	memcpy(diff.mark, config->mesh.mark, sizeof(diff.mark));
	rc = make_diff(config, delta, &diff);
	if (rc)
		rc = wm_fail(err, -rc, "out of memory");
	if (!rc)
		rc = prepare(config, &diff, err);
	if (rc) {
		wm_config_diff_free(&diff);
		return rc;
	}
	for (size_t i = 0; i < diff.nhosts_gone; i++)
		wm_index_drop(config, &diff.hosts_gone[i]);
	take_in(config, &diff);
	rc = check(config, &diff, &entered, err);
	if (rc) {
		take_out(config, &diff, entered);
		wm_config_diff_free(&diff);
		return rc;
	}
	config->mesh.generation = delta->head.mesh.generation;
	memcpy(config->mesh.mark, delta->head.mesh.mark, sizeof(config->mesh.mark));
	*ret = diff;
	return 0;
}

void wm_config_undo(struct wm_config *config, const struct wm_config_diff *diff)
{
	take_out(config, diff, diff->nhosts_come);
}

/* Each may have a preshared key. */
static void wipe_sites(struct wm_site *sites, size_t n)
{
	if (n)
		wm_wipe(sites, n * sizeof(*sites));
}

void wm_config_diff_free(struct wm_config_diff *diff)
{
	if (!diff)
		return;
	wipe_sites(diff->sites_gone, diff->nsites_gone);
	wipe_sites(diff->sites_come, diff->nsites_come);
	free(diff->sites_gone);
	free(diff->sites_come);
	free(diff->hosts_gone);
	free(diff->hosts_come);
	free(diff->devices_gone);
	free(diff->devices_come);
	*diff = (struct wm_config_diff){ 0 };
}
