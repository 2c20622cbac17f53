/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/reconcile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/util.h"
#include "kernel/dataplane.h"
#include "kernel/hosts.h"
#include "kernel/link.h"
#include "kernel/wg.h"

struct job {
	const struct wm_instance *inst;
	const struct wm_plan *plan;
	const struct wm_plan_diff *since;
	struct wm_reconcile_memory *memory;
	struct wm_reconciled *result;
	const struct wm_dataplane *plane;
	uint32_t ifindex; /* of the wg device */
	bool made;        /* by this run */
	struct wm_error leftover; /* what could not be taken down of the other plane; "" */
	int leftover_rc;
};

static void add_note(struct wm_reconciled *r, const char *text)
{
	size_t len = strlen(r->dataplane_note);

	if (*text)
		snprintf(r->dataplane_note + len, sizeof(r->dataplane_note) - len, "%s%s", len ? "; " : "", text);
}

/* The plane to use, and why not the better one. Asked before anything is made. */
static int step_choose(struct job *job, struct wm_error *err)
{
	const bool bpf_only = job->inst->dataplane == WM_DATAPLANE_BPF;
	struct wm_error why = { 0 };
	int rc = -EOPNOTSUPP;

	if (job->inst->dataplane != WM_DATAPLANE_NFT)
		rc = wm_dataplane_bpf.probe(job->inst, bpf_only ? err : &why);
	job->plane = &wm_dataplane_bpf;
	if (!rc || bpf_only)
		return rc;
	if (*why.text) {
		wm_fail_in(&why, 0, "BPF cannot be used");
		add_note(job->result, why.text);
	}
	job->plane = &wm_dataplane_nft;
	return wm_dataplane_nft.probe(job->inst, err);
}

static int step_link_make(struct job *job, struct wm_error *err)
{
	bool there = wm_link_index(job->inst->ifname, NULL) != 0;
	int rc = wm_link_prepare(job->inst, job->plan, &job->ifindex, err);

	job->made = rc >= 0 && !there;
	return rc;
}

static int remember(struct wm_reconcile_memory *m, const struct wm_wg_device *want)
{
	int rc = wm_grow((void **)&m->endpoints, &m->cap, want->npeers, sizeof(*m->endpoints));

	if (rc)
		return rc;
	m->n = want->npeers;
	for (size_t i = 0; i < m->n; i++)
		m->endpoints[i] = (struct wm_wg_peer_endpoint){ want->peers[i].public_key, want->peers[i].endpoint };
	return 0;
}

static int step_wg(struct job *job, struct wm_error *err)
{
	struct wm_reconcile_memory *m = job->memory;
	const struct wm_wg_device *plan = &job->plan->wg;
	struct wm_wg_device have = { 0 }, want = { 0 };
	struct wm_wg_diff diff = { 0 };
	int changes = 0, rc = wm_wg_read(job->inst->ifname, &have, err);

	if (!rc && (wm_preshared_begin(&m->preshared, job->inst, &have, plan, &want) ||
		    wm_wg_diff(&have, &want, m->endpoints, m->n, wm_unix_time(), &diff)))
		rc = wm_fail(err, ENOMEM, "out of memory");
	if (!rc && diff.n) {
		changes = (int)(diff.n - wm_preshared_quiet(&m->preshared, &have, &diff));
		rc = wm_wg_write(job->inst->ifname, &diff, err);
	}
	if (!rc)
		rc = remember(m, plan);
	wm_wg_diff_free(&diff);
	wm_preshared_end(plan, &want);
	wm_wg_device_free(&have);
	return rc ? rc : changes;
}

static int step_dataplane(struct job *job, struct wm_error *err)
{
	const struct wm_dataplane *plane = job->plane, *other;
	struct wm_error note = { 0 };
	int changes = -EAGAIN, rc;

	if (job->since && plane->change)
		changes = plane->change(job->inst, job->plan, job->since, job->ifindex, &note);
	if (changes == -EAGAIN)
		changes = plane->apply(job->inst, job->plan, job->ifindex, &note);
	if (changes < 0) {
		if (err)
			*err = note;
		return wm_fail_in(err, changes, "%s", plane->name);
	}
	/* The new one is in force before the old one goes. */
	other = plane == &wm_dataplane_bpf ? &wm_dataplane_nft : &wm_dataplane_bpf;
	rc = other->retire(job->inst, job->plan, &job->leftover);
	if (rc < 0)
		job->leftover_rc = wm_fail_in(&job->leftover, rc, "data plane: taking down %s", other->name);
	else
		changes += rc;
	strcpy(job->result->dataplane, plane->name);
	add_note(job->result, note.text);
	return changes;
}

static int step_link_up(struct job *job, struct wm_error *err)
{
	job->made = false; /* from here on it may carry traffic */
	return wm_link_up(job->inst, job->plan, job->ifindex, err);
}

/* The filters come off after the device is gone. */
int wm_reconcile_undo(const struct wm_instance *inst, const struct wm_prefix *supernet, struct wm_error *err)
{
	static const struct wm_dataplane *const planes[] = { &wm_dataplane_bpf, &wm_dataplane_nft };
	int rc = wm_link_remove(inst, supernet, err);

	for (size_t i = 0; i < WM_ARRAY_LEN(planes) && rc >= 0; i++)
		rc = planes[i]->remove(inst, err);
	return rc >= 0 ? wm_hosts_remove(inst, err) : rc;
}

/* A first run that fails leaves the machine as it was. */
static void take_back(struct job *job)
{
	struct wm_error err;

	if (job->made && wm_reconcile_undo(job->inst, &job->plan->supernet, &err) < 0)
		wm_warning("taking back what was begun: %s", err.text);
}

static int step_hosts(struct job *job, struct wm_error *err)
{
	return wm_hosts_apply(job->inst, job->plan, job->since, &job->memory->hosts, err);
}

/* The device comes up only behind a data plane in force. */
static const struct {
	const char *name;
	int (*run)(struct job *job, struct wm_error *err);
} steps[] = {
	{ "data plane", step_choose }, { "WireGuard device", step_link_make }, { "WireGuard peers", step_wg }, { "data plane", step_dataplane },
	{ "addresses and routes", step_link_up }, { "names", step_hosts },
};

int wm_reconcile(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_plan_diff *since,
		 struct wm_reconcile_memory *memory, struct wm_reconciled *ret, struct wm_error *err)
{
	struct wm_reconciled result = { 0 };
	struct job job = { .inst = inst, .plan = plan, .since = since, .memory = memory, .result = &result };
	uint64_t start = wm_monotonic_ms();
	int rc = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(steps); i++) {
		rc = steps[i].run(&job, err);
		if (rc < 0) {
			wm_fail_in(err, rc, "%s", steps[i].name);
			take_back(&job);
			break;
		}
		result.changes += rc;
	}
	/* Who is left judges packets too: the rest is as it shall be, and not all of it is in force. */
	if (rc >= 0 && job.leftover_rc) {
		rc = job.leftover_rc;
		if (err)
			*err = job.leftover;
	}
	result.took_ms = wm_monotonic_ms() - start;
	result.ifindex = job.ifindex;
	*ret = result;
	return rc < 0 ? rc : 0;
}

void wm_reconcile_forget(struct wm_reconcile_memory *memory)
{
	free(memory->endpoints);
	wm_preshared_free(&memory->preshared);
	*memory = (struct wm_reconcile_memory){ 0 };
}
