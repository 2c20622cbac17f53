/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The data plane on BPF: its verbs over a set of pinned maps and programs.
 */
#include <errno.h>

#include "kernel/bpf_priv.h"
#include "kernel/carried.h"
#include "kernel/dataplane.h"

int wm_bpf_open(const struct wm_instance *inst, struct wm_bpf_set *ret, struct wm_error *err)
{
	int rc;

	wm_bpf_log_start();
	wm_bpf_set_init(ret);
	rc = wm_bpf_set_open(inst, ret, err);
	if (!rc && !ret->whole)
		rc = wm_fail(err, ENOENT, "nothing is pinned in %s/%s: the BPF data plane is not in force", inst->bpffs,
			     *inst->name ? inst->name : "default");
	return rc;
}

static int bpf_read(const struct wm_instance *inst, struct wm_counters *ret, struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	int rc = wm_bpf_open(inst, &set, err);

	if (!rc)
		rc = wm_bpf_counters(&set, ret, err);
	return rc ? rc : wm_carried_merge(inst, wm_bpf_source(&set), ret, err);
}

static int bpf_flows(const struct wm_instance *inst, struct wm_flow_views *ret, struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	int rc = wm_bpf_open(inst, &set, err);

	return rc ? rc : wm_bpf_flows(&set, ret, err);
}

static int bpf_drops(const struct wm_instance *inst, struct wm_drop_views *ret, struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	int rc = wm_bpf_open(inst, &set, err);

	return rc ? rc : wm_bpf_drops(&set, ret, err);
}

static int bpf_objects(const struct wm_instance *inst, struct wm_objects *ret, struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	int rc = wm_bpf_open(inst, &set, err);

	return rc ? rc : wm_bpf_objects(&set, ret, err);
}

static int bpf_present(const struct wm_instance *inst, struct wm_error *err)
{
	int rc;

	wm_bpf_log_start();
	rc = wm_bpf_can_look(inst, err);
	return rc > 0 ? wm_bpf_attached(inst, err) : rc;
}

static int bpf_remove(const struct wm_instance *inst, struct wm_error *err)
{
	int rc;

	wm_bpf_log_start();
	rc = wm_bpf_take_down(inst, NULL, err);
	return rc < 0 ? rc : wm_carried_remove(inst, err);
}

static int bpf_retire(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err)
{
	wm_bpf_log_start();
	return wm_bpf_take_down(inst, plan, err);
}

/* Programs that are in force have been loaded; others are tried. Where BPF is
 * not permitted, no file system would help. */
static int bpf_probe(const struct wm_instance *inst, struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	int rc;

	wm_bpf_log_start();
	wm_bpf_set_init(&set);
	rc = wm_bpf_permitted(err);
	if (!rc)
		rc = wm_bpf_check_bpffs(inst, err);
	if (!rc)
		rc = wm_bpf_set_open(inst, &set, err);
	if (rc || (set.whole && set.meta.object == wm_bpf_object_hash()))
		return rc;
	return wm_bpf_try_load(err);
}

static int bpf_apply(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex,
		     struct wm_error *err)
{
	return wm_bpf_change(inst, plan, NULL, wg_ifindex, err);
}

const struct wm_dataplane wm_dataplane_bpf = {
	.name = "bpf",
	.probe = bpf_probe,
	.apply = bpf_apply,
	.change = wm_bpf_change,
	.read = bpf_read,
	.flows = bpf_flows,
	.drops = bpf_drops,
	.follow = wm_bpf_follow,
	.trace = wm_bpf_trace,
	.objects = bpf_objects,
	.present = bpf_present,
	.retire = bpf_retire,
	.remove = bpf_remove,
};
