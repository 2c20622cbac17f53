/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What did not change itself, checked again because what it hangs on did.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"

static int fits(struct wm_prefix supernet, const struct object *object, struct wm_error *err)
{
	int rc;

	if (object->kind == OBJECT_HOST)
		return wm_local_check(supernet, object->host.local, err);
	rc = wm_subnet_check(supernet, object->site.subnet, err);
	return rc ? rc : check_endpoint(supernet, &object->site.endpoint, err);
}

int check_supernet(struct store *store, struct wm_prefix supernet, struct wm_error *err)
{
	char text[WM_PREFIX_TEXT], title[OBJECT_TITLE_SIZE];
	struct object_key key;
	int rc = 0;

	for (enum object_kind kind = OBJECT_SITE; kind <= OBJECT_HOST; kind++) {
		struct object object = { .kind = kind };

		while ((rc = rows_next(store->db, "", &object)) > 0) {
			rc = fits(supernet, &object, err);
			if (!rc)
				continue;
			object_key_of(&object, &key);
			wm_prefix_format(supernet, text);
			if (err)
				wm_copy(err->field, sizeof(err->field), "supernet"); /* that is what is at fault */
			return wm_fail_in(err, rc,
					  "the supernet cannot become %s because of %s (leave the supernet as it was, or correct or remove that first)",
					  text, object_title(&key, title));
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

int check_hosts_of(struct store *store, const struct wm_site *site, struct wm_error *err)
{
	char text[WM_IP4_TEXT], subnet[WM_PREFIX_TEXT];
	struct object host;
	int rc = rows_outside(store->db, site, &host);

	if (rc > 0)
		return wm_fail_field(err, ENOTEMPTY, "subnet", "subnet %s of site '%s' has no place for the address %s of host '%s.%s'; move or remove that too",
				     wm_prefix_format(site->subnet, subnet), site->domain,
				     wm_ip4_format(host.host.overlay, text), host.host.name, host.host.domain);
	return rc;
}

int check_devices(struct store *store, struct wm_error *err)
{
	struct object device = { .kind = OBJECT_DEVICE };
	struct wm_site hub = { 0 };
	struct object_key key;
	int rc = rows_hub(store->db, &hub), found;

	if (rc < 0)
		return rc;
	while ((found = rows_next(store->db, hub.domain, &device)) > 0) {
		object_key_of(&device, &key);
		if (!rc)
			return wm_fail(err, ENOTEMPTY, "device '%s' has no hub to attach to any more; keep a hub, or remove the devices too",
				       device.device.name);
		if (wm_overlay_check(hub.subnet, device.device.overlay, err))
			return wm_fail_in(err, -ENOTEMPTY, "device '%s'", device.device.name);
		found = check_twin(store, &key, &hub, err);
		if (found)
			return found;
	}
	return found;
}
