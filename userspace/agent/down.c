/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/down.h"

#include "agent/ctl.h"
#include "agent/gateway.h"
#include "agent/reconcile.h"
#include "core/util.h"

int wm_gateway_down(const struct wm_instance *inst, struct wm_error *err)
{
	WM_AUTO_CLOSE int lock = -1;
	struct wm_config config = { 0 };
	char path[WM_PATH_SIZE];
	int rc = wm_ctl_lock(inst, &lock, err);

	if (rc)
		return rc;
	bool known = !wm_gateway_config_path(inst, path) && !wm_config_load(path, &config, NULL);
	rc = wm_reconcile_undo(inst, known ? &config.mesh.supernet : NULL, err);
	wm_config_free(&config);
	return WM_MIN(rc, 0);
}
