/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The mesh itself: its instance, its name and its supernet.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"

#define FIRST_NAME "home"
#define FIRST_SUPERNET ((struct wm_prefix){ .addr = 0xac1e0000, .len = 16 }) /* 172.30.0.0/16 */

/* Random, version 4 (RFC 9562). */
void store_make_instance(char *ret)
{
	uint8_t b[16];

	wm_random(b, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	wm_format(ret, WM_INSTANCE_ID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		  b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

int mesh_set(struct change *c, const struct wm_mesh *old, const struct wm_mesh *mesh)
{
	int64_t addr = mesh->supernet.addr, len = mesh->supernet.len;
	int rc;

	if (old)
		rc = db_do(c->store->db, SQL_MESH_SET, "sii", mesh->name, addr, len);
	else
		rc = db_do(c->store->db, SQL_MESH_NEW, "ssii", mesh->instance, mesh->name, addr, len);
	return rc < 0 ? rc : change_mesh(c, old, mesh);
}

/* The settings of this start, against those the database holds. */
static int settle_mesh(struct store *store, const struct store_options *options, struct change *c, struct wm_error *err)
{
	struct wm_mesh old = { 0 }, mesh = { .supernet = FIRST_SUPERNET, .name = FIRST_NAME };
	int known = rows_mesh(store->db, &old), rc = 0;

	if (known < 0)
		return known;
	if (known)
		mesh = old;
	else
		store_make_instance(mesh.instance);
	if (options->mesh_name)
		rc = wm_copy(mesh.name, sizeof(mesh.name), options->mesh_name);
	if (rc || !wm_title_valid(mesh.name))
		return wm_fail_field(err, EINVAL, "mesh_name", "WM_MESH_NAME must be 1 to 63 bytes of printable text");
	if (options->supernet.len) {
		mesh.supernet = options->supernet;
		rc = wm_supernet_check(mesh.supernet, err);
		if (!rc && !wm_prefix_equal(mesh.supernet, old.supernet))
			rc = check_supernet(store, mesh.supernet, err);
	}
	if (rc)
		return rc;
	if (known && !strcmp(mesh.name, old.name) && wm_prefix_equal(mesh.supernet, old.supernet))
		return 0;
	return mesh_set(c, known ? &old : NULL, &mesh);
}

int mesh_set_secret(struct store *store)
{
	struct wm_key secret;
	int rc;

	wm_random(&secret, sizeof(secret));
	rc = db_do(store->db, SQL_MESH_SECRET_SET, "b", secret.byte, sizeof(secret.byte));
	wm_wipe(&secret, sizeof(secret));
	return rc < 0 ? rc : 0;
}

static int settle_secret(struct store *store)
{
	struct wm_key secret;
	int rc = rows_secret(store->db, &secret);

	wm_wipe(&secret, sizeof(secret));
	return rc ? WM_MIN(rc, 0) : mesh_set_secret(store);
}

int mesh_start(struct store *store, const struct store_options *options, struct wm_error *err)
{
	struct change c;
	int rc = change_begin(store, "start", &c, err);

	if (rc)
		return rc;
	rc = settle_mesh(store, options, &c, err);
	return change_end(&c, rc ? rc : settle_secret(store), err);
}
