/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rules that an object must keep towards the rest of the mesh. What one
 * object can be checked for alone is in core/model.h and core/name.h. Reads
 * only what it needs, so that a change costs what the change costs.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "core/alloc.h"
#include "registry/store_internal.h"

/* --- what was left to the registry ------------------------------------------------ */

static int fill_subnet(struct store *store, struct wm_site *io, struct wm_error *err)
{
	DB_AUTO_DONE struct db_query *q = db_query(store->db, SQL_SITE_SUBNETS, "");
	char text[WM_PREFIX_TEXT];
	struct alloc_net net;
	bool more = true;
	int rc;

	alloc_net_start(&net, store->mesh.supernet);
	while (more && (rc = db_next(q)) != 0) {
		if (rc < 0)
			return rc;
		more = alloc_net_used(&net, (struct wm_prefix){ (wm_ip4)db_int(q, 0), (uint8_t)db_int(q, 1) });
	}
	if (alloc_net_result(&net, &io->subnet))
		return wm_fail_field(err, EADDRNOTAVAIL, "subnet",
				     "the supernet %s has no free /%u left for site '%s'; give a smaller subnet, or remove a site",
				     wm_prefix_format(store->mesh.supernet, text), net.len, io->domain);
	return 0;
}

static wm_ip4 full_below(const struct store *store, struct wm_prefix subnet)
{
	for (unsigned int i = 0; i < FULL_MAX; i++) {
		if (store->full[i].below && wm_prefix_equal(store->full[i].subnet, subnet))
			return store->full[i].below;
	}
	return subnet.addr;
}

static void note_full(struct store *store, struct wm_prefix subnet, wm_ip4 below)
{
	unsigned int i = 0;

	while (i < FULL_MAX && !(store->full[i].below && wm_prefix_equal(store->full[i].subnet, subnet)))
		i++;
	if (i == FULL_MAX)
		i = store->next_full++ % FULL_MAX;
	store->full[i].subnet = subnet;
	store->full[i].below = below;
}

void check_freed(struct store *store, wm_ip4 overlay)
{
	for (unsigned int i = 0; i < FULL_MAX; i++) {
		if (wm_prefix_has(store->full[i].subnet, overlay))
			store->full[i].below = WM_MIN(store->full[i].below, overlay);
	}
}

void check_forget(struct store *store)
{
	memset(store->full, 0, sizeof(store->full));
}

/* Tells of some of the addresses that are taken from `from` on: how many. */
static int feed_used(struct store *store, struct wm_prefix subnet, wm_ip4 from, struct alloc_addr *io, bool *ret_more)
{
	DB_AUTO_DONE struct db_query *q = db_query(store->db, SQL_OVERLAY_USED, "ii", (int64_t)from,
						   (int64_t)wm_prefix_last(subnet));
	int rc = 0, n = 0;

	while (*ret_more && (rc = db_next(q)) > 0) {
		*ret_more = alloc_addr_used(io, (wm_ip4)db_int(q, 0));
		n++;
	}
	return rc < 0 ? rc : n;
}

static int fill_overlay(struct store *store, struct wm_prefix subnet, wm_ip4 *io, struct wm_error *err)
{
	wm_ip4 below = full_below(store, subnet);
	char text[WM_PREFIX_TEXT];
	struct alloc_addr addr;
	bool more = true;
	int rc;

	alloc_addr_start(&addr, subnet);
	addr.next = WM_MAX(addr.next, below);
	do
		rc = feed_used(store, subnet, addr.next, &addr, &more);
	while (rc > 0 && more);
	if (rc < 0)
		return rc;
	if (alloc_addr_result(&addr, io))
		return wm_fail_field(err, EADDRNOTAVAIL, "wg_ip", "every address of subnet %s is taken; remove a host or device",
				     wm_prefix_format(subnet, text));
	note_full(store, subnet, *io);
	return 0;
}

static int site_of_host(struct store *store, const struct wm_host *host, struct wm_site *ret, struct wm_error *err)
{
	struct object_key key = { .kind = OBJECT_SITE };
	struct object site;
	int rc;

	memcpy(key.name, host->domain, sizeof(key.name));
	rc = rows_get(store->db, &key, &site);
	if (!rc)
		return wm_fail_field(err, ENODEV, "domain", "there is no site '%s' for host '%s'; add the site first",
				     host->domain, host->name);
	if (rc > 0)
		*ret = site.site;
	return rc < 0 ? rc : 0;
}

static int site_of_device(struct store *store, const struct wm_device *device, struct wm_site *ret,
			  struct wm_error *err)
{
	int rc = rows_hub(store->db, ret);

	if (!rc)
		return wm_fail_field(err, ENODEV, "name", "the mesh has no hub to attach device '%s' to; add a hub site first",
				     device->name);
	return rc < 0 ? rc : 0;
}

int check_fill(struct store *store, struct object *io, struct wm_error *err)
{
	struct wm_site site;
	int rc = 0;

	if (io->kind == OBJECT_SITE) {
		if (!io->site.subnet.len)
			rc = fill_subnet(store, &io->site, err);
		io->gateway = wm_site_gateway(&io->site);
	} else if (io->kind == OBJECT_HOST) {
		rc = site_of_host(store, &io->host, &site, err);
		if (!rc && !io->host.overlay)
			rc = fill_overlay(store, site.subnet, &io->host.overlay, err);
	} else {
		rc = site_of_device(store, &io->device, &site, err);
		if (!rc && !io->device.overlay)
			rc = fill_overlay(store, site.subnet, &io->device.overlay, err);
		if (!rc)
			memcpy(io->hub, site.domain, sizeof(io->hub));
	}
	return rc;
}

/* --- rules that kinds share --------------------------------------------------------- */

static bool same_key(const struct object_key *a, const struct object_key *b)
{
	return a->kind == b->kind && !strcmp(a->name, b->name) && !strcmp(a->domain, b->domain);
}

static int check_name_free(struct store *store, const struct object_key *key, const char *field, struct wm_error *err)
{
	char title[OBJECT_TITLE_SIZE];
	struct object there;
	int rc = rows_get(store->db, key, &there);

	if (rc > 0)
		return wm_fail_field(err, EEXIST, field, "%s is there already; take another name, or remove it first",
				     object_title(key, title));
	return rc;
}

/* WireGuard tells peers apart by key: two owners would take each other's traffic. */
static int check_key(struct store *store, const struct object_key *self, const struct wm_key *key, struct wm_error *err)
{
	char title[OBJECT_TITLE_SIZE];
	struct object_key owner;
	int rc;

	if (wm_key_is_zero(key))
		return 0;
	rc = rows_key_owner(store->db, key, &owner);
	if (rc > 0 && !same_key(self, &owner))
		return wm_fail_field(err, EEXIST, "public_key", "this public key belongs to %s; every machine needs a key of its own",
				     object_title(&owner, title));
	return rc < 0 ? rc : 0;
}

static int check_overlay(struct store *store, const struct object_key *self, struct wm_prefix subnet, wm_ip4 overlay,
			 struct wm_error *err)
{
	char text[WM_IP4_TEXT], title[OBJECT_TITLE_SIZE];
	struct object_key owner;
	struct object there;
	int rc = wm_overlay_check(subnet, overlay, err);

	if (rc)
		return rc;
	rc = rows_at(store->db, overlay, &there);
	if (rc <= 0)
		return rc;
	object_key_of(&there, &owner);
	if (same_key(self, &owner))
		return 0;
	return wm_fail_field(err, EEXIST, "wg_ip", "overlay address %s belongs to %s; leave wg_ip out to get a free one",
			     wm_ip4_format(overlay, text), object_title(&owner, title));
}

/* --- sites ---------------------------------------------------------------------------- */

int check_endpoint(struct wm_prefix supernet, const struct wm_endpoint *ep, struct wm_error *err)
{
	char text[WM_ENDPOINT_TEXT];
	wm_ip4 addr;

	wm_endpoint_format(ep, text);
	if (ep->family && !ep->port)
		return wm_fail_field(err, EINVAL, "endpoint", "endpoint %s has port 0; give the port WireGuard listens on", text);
	if (ep->family != 4)
		return 0;
	addr = (wm_ip4)ep->addr[0] << 24 | (wm_ip4)ep->addr[1] << 16 | (wm_ip4)ep->addr[2] << 8 | ep->addr[3];
	if (!wm_ip4_is_unicast(addr))
		return wm_fail_field(err, EINVAL, "endpoint",
				     "endpoint %s is loopback, link-local, multicast or reserved; other sites cannot reach it", text);
	if (wm_prefix_has(supernet, addr))
		return wm_fail_field(err, EINVAL, "endpoint",
				     "endpoint %s lies inside the mesh; the tunnel would have to run through itself", text);
	return 0;
}

static int check_hub(struct store *store, const struct wm_site *site, const struct wm_site *old, struct wm_error *err)
{
	struct object device = { .kind = OBJECT_DEVICE };
	struct wm_site hub;
	int rc;

	if (site->hub && !(old && old->hub)) {
		rc = rows_hub(store->db, &hub);
		if (rc > 0)
			return wm_fail_field(err, EEXIST, "is_hub", "site '%s' is the hub; a mesh has one", hub.domain);
		return rc;
	}
	if (!site->hub && old && old->hub) {
		rc = rows_next(store->db, site->domain, &device);
		if (rc > 0)
			return wm_fail_field(err, ENOTEMPTY, "is_hub",
					     "site '%s' has to stay the hub while devices attach to it; remove them first",
					     site->domain);
		return rc;
	}
	return 0;
}

static int check_domain(struct store *store, const struct wm_site *site, struct wm_error *err)
{
	struct object_key key = { .kind = OBJECT_SITE };

	if (!wm_domain_valid(site->domain))
		return wm_fail_field(err, EINVAL, "domain",
				     "'%s' cannot name a site: names in use elsewhere would stop resolving; take another",
				     site->domain);
	memcpy(key.name, site->domain, sizeof(key.name));
	return check_name_free(store, &key, "domain", err);
}

static int check_subnet_free(struct store *store, const struct wm_site *site, struct wm_error *err)
{
	char text[WM_PREFIX_TEXT], other[WM_PREFIX_TEXT];
	struct object there;
	int rc = rows_subnet(store->db, site->subnet, &there);

	if (rc > 0)
		return wm_fail_field(err, EEXIST, "subnet", "subnet %s overlaps %s of site '%s'; leave subnet out to get a free one",
				     wm_prefix_format(site->subnet, text), wm_prefix_format(there.site.subnet, other),
				     there.site.domain);
	return rc;
}

static int check_site(struct store *store, const struct object *object, const struct object *old, struct wm_error *err)
{
	const struct wm_site *site = &object->site, *was = old ? &old->site : NULL;
	struct object_key self;
	int rc = 0;

	object_key_of(object, &self);
	rc = wm_subnet_check(store->mesh.supernet, site->subnet, err);
	if (!rc && !was)
		rc = check_domain(store, site, err);
	if (!rc && !(was && wm_prefix_equal(site->subnet, was->subnet)))
		rc = check_subnet_free(store, site, err);
	if (!rc)
		rc = check_hub(store, site, was, err);
	if (!rc)
		rc = check_endpoint(store->mesh.supernet, &site->endpoint, err);
	return rc ? rc : check_key(store, &self, &site->public_key, err);
}

/* --- hosts and devices -------------------------------------------------------------------- */

int check_twin(struct store *store, const struct object_key *self, const struct wm_site *site, struct wm_error *err)
{
	struct object_key twin = { .kind = self->kind == OBJECT_HOST ? OBJECT_DEVICE : OBJECT_HOST };

	if (!site->hub)
		return 0;
	memcpy(twin.name, self->name, sizeof(twin.name));
	if (twin.kind == OBJECT_HOST)
		memcpy(twin.domain, site->domain, sizeof(twin.domain));
	return check_name_free(store, &twin, "name", err);
}

static int check_new_name(struct store *store, const struct object_key *self, const struct wm_site *site,
			  struct wm_error *err)
{
	char title[OBJECT_TITLE_SIZE];
	int rc;

	if (!wm_host_valid(self->name))
		return wm_fail_field(err, EINVAL, "name", "%s cannot have this name: it means something else already; take another",
				     object_title(self, title));
	rc = check_name_free(store, self, "name", err);
	return rc ? rc : check_twin(store, self, site, err);
}

static int check_local(struct store *store, const struct wm_host *host, struct wm_error *err)
{
	char text[WM_IP4_TEXT];
	struct object there;
	int rc = wm_local_check(store->mesh.supernet, host->local, err);

	if (rc)
		return rc;
	rc = rows_local(store->db, host->domain, host->local, &there);
	if (rc > 0 && strcmp(there.host.name, host->name))
		return wm_fail_field(err, EEXIST, "local_ip", "LAN address %s belongs to host '%s.%s'; a machine is registered once",
				     wm_ip4_format(host->local, text), there.host.name, there.host.domain);
	return rc < 0 ? rc : 0;
}

static int check_host(struct store *store, const struct object *object, const struct object *old, struct wm_error *err)
{
	struct object_key self;
	struct wm_site site;
	int rc;

	object_key_of(object, &self);
	rc = site_of_host(store, &object->host, &site, err);
	if (!rc && !old)
		rc = check_new_name(store, &self, &site, err);
	if (!rc)
		rc = check_overlay(store, &self, site.subnet, object->host.overlay, err);
	return rc ? rc : check_local(store, &object->host, err);
}

static int check_device(struct store *store, const struct object *object, const struct object *old,
			struct wm_error *err)
{
	struct object_key self;
	struct wm_site hub;
	int rc;

	object_key_of(object, &self);
	rc = site_of_device(store, &object->device, &hub, err);
	if (!rc && !old)
		rc = check_new_name(store, &self, &hub, err);
	if (!rc)
		rc = check_overlay(store, &self, hub.subnet, object->device.overlay, err);
	return rc ? rc : check_key(store, &self, &object->device.public_key, err);
}

int check_object(struct store *store, const struct object *object, const struct object *old, struct wm_error *err)
{
	int (*const checks[OBJECT_KINDS])(struct store *, const struct object *, const struct object *, struct wm_error *) = {
		[OBJECT_SITE] = check_site,
		[OBJECT_HOST] = check_host,
		[OBJECT_DEVICE] = check_device,
	};
	struct object_key is, was;
	char title[OBJECT_TITLE_SIZE];

	if (old) {
		object_key_of(object, &is);
		object_key_of(old, &was);
		if (!same_key(&is, &was))
			return wm_fail_field(err, EINVAL, strcmp(is.name, was.name) && is.kind != OBJECT_SITE ? "name" : "domain",
					     "%s cannot be renamed; remove it and add it again", object_title(&was, title));
	}
	return checks[object->kind](store, object, old, err);
}
