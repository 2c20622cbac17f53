/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The BPF data plane comes into force for a plan.
 *
 * It compares what is pinned and attached with the plan. Mostly it writes the
 * few map entries that differ. Where maps are too small, or the programs or
 * their parameters are others, it builds a new set beside the old (with as many
 * of its maps as fit), puts it in the old one's place, and then replaces the
 * filters one by one: each of them works with one whole set all the time.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/carried.h"

/* What apply has found and wants. */
struct job {
	const struct wm_instance *inst;
	const struct wm_plan *plan;
	const struct wm_plan_diff *since; /* NULL: all is looked at */
	uint32_t wg_ifindex;
	struct wm_bpf_set old, set;    /* the same, until a new one is loaded */
	struct wm_bpf_set before;      /* what a killed apply has replaced; filters may still be its own */
	struct wm_bpf_content had;     /* by it */
	bool reload;
	bool keep[WM_BPF_MAPS];        /* of the old set */
	struct wm_bpf_content have, want;
	struct wm_params params;
	uint32_t size[WM_BPF_MAPS];
	bool first;                    /* nothing of ours was there before */
	struct wm_flow_views taken;    /* first: flows that nftables had let begin */
	int changes;
};

/* Adds the changes of a step; 0 or its -errno. */
static int add(struct job *job, int changes)
{
	if (changes > 0)
		job->changes += changes;
	return changes < 0 ? changes : 0;
}

/* --- what can be kept ----------------------------------------------------------------------- */

static bool same_subnet(const struct job *job)
{
	return job->old.whole && wm_bpf_same_subnet(&job->old.meta.params, job->plan);
}

/* Hosts name their LAN by its slot: a slot never goes from one LAN to another while it is in use. */
static bool same_lans(const struct wm_bpf_content *have, const struct wm_bpf_content *want)
{
	for (int i = 0; i < WM_LAN_SLOTS; i++) {
		if (have->lans[i].ifindex && want->lans[i].ifindex && have->lans[i].ifindex != want->lans[i].ifindex)
			return false;
	}
	return true;
}

/* Counters and half-open flows stay in any case; what is indexed by overlay
 * address stays while the subnet does. hosts, lan_hosts, lan_hints, lans and shield speak
 * of each other: they stay or go together. */
static void decide(struct job *job)
{
	const struct wm_bpf_set *old = &job->old;
	bool subnet = same_subnet(job);
	bool places = subnet && old->size[WM_BPF_LAN_HOSTS] >= job->size[WM_BPF_LAN_HOSTS] &&
		      same_lans(&job->have, &job->want);

	for (int i = 0; i < WM_BPF_MAPS; i++)
		job->keep[i] = old->map[i] >= 0 && old->size[i] >= job->size[i];
	job->keep[WM_BPF_HOST_STATS] &= subnet;
	job->keep[WM_BPF_HOST_DROPS] &= subnet;
	job->keep[WM_BPF_FLOWS] &= subnet;
	job->keep[WM_BPF_HOSTS] &= places;
	job->keep[WM_BPF_LAN_HOSTS] &= places;
	job->keep[WM_BPF_LAN_HINTS] &= places;
	job->keep[WM_BPF_LANS] &= places;
	job->keep[WM_BPF_SHIELD] &= places;
	for (int i = 0; i < WM_BPF_MAPS; i++) {
		if (job->keep[i])
			job->size[i] = old->size[i];
		job->reload |= !job->keep[i];
	}
	wm_bpf_params(job->inst, job->plan, job->wg_ifindex, &job->params);
	job->reload |= !old->whole || old->meta.object != wm_bpf_object_hash() ||
		       memcmp(&old->meta.params, &job->params, sizeof(job->params)) != 0;
}

/* Where the maps stay as they are: what differs. Where others come in their place, all goes into these. */
static int compare(struct job *job, struct wm_error *err)
{
	uint32_t shares = job->size[WM_BPF_FLOWS] / WM_FLOW_BUCKETS;
	int rc;

	if (job->keep[WM_BPF_HOSTS] && job->keep[WM_BPF_FLOWS] && !job->before.whole)
		return wm_bpf_content_differ(&job->old, job->plan, shares, &job->have, &job->want, err);
	rc = wm_bpf_content_plan_hosts(job->plan, &job->want, err);
	if (!rc && job->have.naddrs)
		rc = wm_bpf_content_read_hosts(&job->old, &job->have, err);
	if (rc)
		return rc;
	rc = wm_bpf_shares(&job->have, &job->want, shares);
	return rc ? wm_fail(err, -rc, "cannot place the isolated ends: %s", strerror(-rc)) : 0;
}

static int look(struct job *job, struct wm_error *err)
{
	int rc = wm_bpf_content_plan_places(job->plan, &job->want, err);

	if (!rc)
		rc = wm_bpf_set_open(job->inst, &job->old, err);
	if (!rc)
		rc = wm_bpf_set_open_old(job->inst, &job->before, err);
	if (!rc)
		rc = wm_bpf_check_places(job->inst, job->plan, job->wg_ifindex, &job->old, err);
	if (!rc && same_subnet(job))
		rc = wm_bpf_content_read_places(&job->old, &job->have, err);
	if (!rc && job->before.whole && wm_bpf_same_subnet(&job->before.meta.params, job->plan))
		rc = wm_bpf_content_read(&job->before, &job->had, err);
	if (rc)
		return rc;
	rc = wm_bpf_processor_places();
	if (rc < 0)
		return wm_fail(err, -rc, "cannot tell how many processors this machine may have: %s", strerror(-rc));
	wm_bpf_sizes(&job->want, (uint32_t)rc, job->size);
	decide(job);
	rc = compare(job, err);
	if (rc)
		return rc;
	rc = job->old.whole ? 1 : wm_bpf_attached(job->inst, err);
	job->first = !rc;
	return rc < 0 ? rc : 0;
}

/* The same for a part: the set that is there stays as it is, or a part will not do. */
static int look_at_part(struct job *job, struct wm_error *err)
{
	const struct wm_bpf_set *old = &job->old;
	int rc = wm_bpf_set_open(job->inst, &job->old, err);

	if (!rc)
		rc = wm_bpf_set_open_old(job->inst, &job->before, err);
	if (rc)
		return rc;
	wm_bpf_params(job->inst, job->plan, job->wg_ifindex, &job->params);
	if (!old->whole || job->before.whole || old->meta.object != wm_bpf_object_hash() ||
	    memcmp(&old->meta.params, &job->params, sizeof(job->params)))
		return -EAGAIN;
	rc = wm_bpf_check_places(job->inst, job->plan, job->wg_ifindex, &job->old, err);
	if (rc)
		return rc;
	for (int i = 0; i < WM_BPF_MAPS; i++) {
		job->keep[i] = true;
		job->size[i] = old->size[i];
	}
	return wm_bpf_content_part(old, job->plan, job->since, &job->have, &job->want, err);
}

/* --- in place --------------------------------------------------------------------------------- */

static int change(struct job *job, struct wm_error *err)
{
	bool noted = wm_bpf_note_devices(job->plan, job->wg_ifindex, &job->set.meta);
	int rc = noted ? wm_bpf_meta_write(&job->set, err) : 0;

	return rc ? rc : add(job, wm_bpf_content_change(&job->set, &job->have, &job->want, err));
}

/* --- a new set ----------------------------------------------------------------------------------- */

static int carry(struct job *job, struct wm_error *err)
{
	const int *from = job->old.map, *to = job->set.map;

	if (!job->have.naddrs || job->keep[WM_BPF_FLOWS])
		return 0;
	return add(job, wm_bpf_carry_flows(from[WM_BPF_FLOWS], to[WM_BPF_FLOWS], &job->have, &job->want, err));
}

static int fill(struct job *job, struct wm_error *err)
{
	int rc = carry(job, err);

	if (rc || job->keep[WM_BPF_HOSTS])
		return rc ? rc : add(job, wm_bpf_content_change(&job->set, &job->have, &job->want, err));
	rc = add(job, wm_bpf_hand_over(&job->set, &job->have, &job->want, err));
	if (!rc)
		rc = add(job, wm_bpf_content_fill(&job->set, &job->have, &job->want, err));
	if (!rc && job->first)
		wm_bpf_flows_take(job->inst, &job->set, &job->want, &job->taken);
	return rc;
}

static int renew(struct job *job, struct wm_error *err)
{
	int rc = wm_bpf_load(&job->params, &job->old, job->keep, job->size, &job->set, err);

	if (!rc)
		rc = fill(job, err);
	if (rc)
		return rc;
	job->set.meta.prio = job->inst->tc_prio;
	if (job->old.meta_fd >= 0) {
		if (job->old.whole)
			job->set.meta.prio = job->old.meta.prio;
		job->set.meta.ndevices = job->old.meta.ndevices;
		memcpy(job->set.meta.device, job->old.meta.device, sizeof(job->set.meta.device));
	}
	wm_bpf_note_devices(job->plan, job->wg_ifindex, &job->set.meta);
	rc = wm_bpf_set_pin(job->inst, &job->set, err);
	return rc ? rc : add(job, 1);
}

/* While the old filters were there, they went on writing into the old maps, and
 * into what was zeroed for new owners. */
static int settle(struct job *job, struct wm_error *err)
{
	int rc = carry(job, err);

	if (!rc && job->first)
		wm_bpf_flows_take_more(job->inst, &job->set, &job->want, &job->taken);
	if (!rc && !job->keep[WM_BPF_HOSTS] && job->have.naddrs)
		rc = add(job, wm_bpf_hand_over(&job->set, &job->have, &job->want, err));
	return rc;
}

/* The same for what a killed apply left to do. */
static int settle_before(struct job *job, struct wm_error *err)
{
	const uint32_t *from = job->before.meta.map_id, *to = job->set.meta.map_id;
	int rc = 0;

	if (!job->had.naddrs)
		return 0;
	for (int i = 0; i < WM_BPF_MAPS; i++)
		job->set.fresh[i] |= from[i] != to[i];
	if (from[WM_BPF_FLOWS] != to[WM_BPF_FLOWS])
		rc = add(job, wm_bpf_carry_flows(job->before.map[WM_BPF_FLOWS], job->set.map[WM_BPF_FLOWS], &job->had,
						 &job->want, err));
	if (!rc && from[WM_BPF_HOSTS] != to[WM_BPF_HOSTS])
		rc = add(job, wm_bpf_hand_over(&job->set, &job->had, &job->want, err));
	return rc;
}

static int bring_into_force(struct job *job, struct wm_error *err)
{
	int rc = job->since ? look_at_part(job, err) : look(job, err);

	if (rc)
		return rc;
	if (job->reload) {
		rc = renew(job, err);
	} else {
		job->set = job->old;
		wm_bpf_set_init(&job->old);
		rc = change(job, err);
	}
	if (!rc)
		rc = add(job, wm_bpf_shield_renew(job->inst, job->plan, &job->set, job->reload && !job->old.whole, err));
	if (!rc)
		rc = add(job, wm_bpf_attach(job->inst, job->plan, job->wg_ifindex, &job->set, err));
	if (!rc && job->reload)
		rc = settle(job, err);
	if (!rc)
		rc = settle_before(job, err);
	if (!rc)
		rc = add(job, wm_bpf_shield_apply(job->inst, job->plan, &job->set, err));
	if (!rc)
		rc = add(job, wm_bpf_detach_others(job->inst, job->plan, job->wg_ifindex, &job->set,
						   job->reload && !job->old.whole, err));
	if (!rc && job->keep[WM_BPF_LANS])
		rc = add(job, wm_bpf_lans_clear(&job->set, &job->have, &job->want, err));
	if (!rc)
		rc = wm_bpf_old_remove(job->inst, err);
	if (rc)
		return rc;
	wm_bpf_tell_fronts(job->inst, &job->set, err);
	return add(job, wm_bpf_pins_prune(job->inst));
}

int wm_bpf_change(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_plan_diff *since,
		  uint32_t wg_ifindex, struct wm_error *err)
{
	struct job job = { .inst = inst, .plan = plan, .since = since, .wg_ifindex = wg_ifindex };
	int rc;

	wm_bpf_log_start();
	wm_bpf_set_init(&job.old);
	wm_bpf_set_init(&job.set);
	wm_bpf_set_init(&job.before);
	rc = wm_bpf_check_bpffs(inst, err);
	if (!rc)
		rc = add(&job, wm_bpf_pins_heal(inst, err));
	if (!rc)
		rc = bring_into_force(&job, err);
	if (!rc && job.changes && (!since || since->ngone))
		wm_carried_forget(inst, plan);
	if (rc && job.first)
		(void)wm_bpf_take_down(inst, job.old.meta_fd >= 0 ? plan : NULL, NULL);
	wm_bpf_content_free(&job.have);
	wm_bpf_content_free(&job.want);
	wm_bpf_set_close(&job.old);
	wm_bpf_set_close(&job.set);
	wm_bpf_set_close(&job.before);
	wm_bpf_content_free(&job.had);
	wm_flow_views_free(&job.taken);
	return rc ? rc : job.changes;
}
