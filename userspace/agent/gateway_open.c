/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a gateway begins with: what lies on disk, and what a kill has left there.
 */
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "agent/gateway.h"
#include "agent/removal.h"
#include "core/log.h"
#include "core/util.h"

/* Arrays of all hosts and their like come and go with each whole config. The C library learns from those that are freed to
 * keep such a size, up to 32 MiB, in its heap, where another of a greater size does not fit: then there are holes that
 * nobody gives back. From this size on they have places of their own. */
#define ARRAYS_BYTES (1 << 20)

int wm_gateway_config_path(const struct wm_instance *inst, char *ret)
{
	return wm_format(ret, WM_PATH_SIZE, "%s/config", inst->state_dir);
}

const char *const wm_gateway_state[WM_GATEWAY_STATE] = {
	"config", "config.changes", "token", "counters", "removal", "removals", "endpoint", "preshared",
};

/* Nobody else is at these files: we have the instance's lock. */
static void remove_unfinished(const struct wm_instance *inst)
{
	const char *const paths[] = { inst->env_file, inst->key_file, inst->hosts_file, inst->servers_file, inst->dnsmasq_conf };
	char path[WM_PATH_SIZE];
	int rc;

	for (size_t i = 0; i < WM_GATEWAY_STATE + WM_ARRAY_LEN(paths); i++) {
		if (i >= WM_GATEWAY_STATE)
			rc = wm_copy(path, sizeof(path), paths[i - WM_GATEWAY_STATE]);
		else
			rc = wm_format(path, sizeof(path), "%s/%s", inst->state_dir, wm_gateway_state[i]);
		if (!rc)
			rc = wm_remove_unfinished(path);
		if (rc < 0)
			wm_warning("cannot remove what was left beside %s by a process that was killed: %s", path, strerror(-rc));
	}
}

int wm_gateway_open(struct wm_gateway *g, const struct wm_instance *inst, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	struct wm_error why;
	int rc;

#ifdef M_MMAP_THRESHOLD /* of glibc; others do so anyway, or cannot be told */
	mallopt(M_MMAP_THRESHOLD, ARRAYS_BYTES);
#endif
	*g = (struct wm_gateway){ .inst = inst, .fetcher.fd = -1, .teller.fd = -1, .opened_ms = wm_monotonic_ms() };
	remove_unfinished(inst);
	rc = wm_identity_load(inst, &g->id, err);
	if (rc)
		return rc;
	g->need_enrol = g->id.fresh && *g->id.enrolment;
	rc = wm_make_dirs(inst->state_dir, 0700);
	if (!rc)
		rc = wm_gateway_config_path(inst, path);
	if (rc)
		return wm_fail(err, -rc, "%s: cannot make the state directory: %s", inst->state_dir, strerror(-rc));
	rc = wm_config_load(path, &g->config, &why);
	if (!rc)
		g->have_config = true;
	else if (rc != -ENOENT)
		wm_warning("%s; waiting for the registry's config", why.text);
	wm_gateway_removal_load(g);
	wm_locating_load(&g->locating, inst);
	return 0;
}

void wm_gateway_close(struct wm_gateway *g)
{
	wm_fetcher_stop(&g->fetcher);
	wm_fetcher_stop(&g->teller);
	wm_config_free(&g->config);
	wm_plan_free(&g->plan);
	wm_reconcile_forget(&g->memory);
	wm_identity_wipe(&g->id);
	wm_wipe(&g->self, sizeof(g->self));
}
