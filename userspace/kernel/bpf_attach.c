/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where the programs are attached: in the devices' tcx lists or, where the kernel
 * has none, as tc filters under clsact, at handle 1 and the instance's priority;
 * replaced in place. Everybody else's programs, filters and qdiscs stay as they are.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/grace.h"

/* A place for a filter and the program that belongs there. */
struct place {
	uint32_t ifindex;
	enum wm_bpf_side side;
	enum wm_bpf_prog prog;
};
#define PLACES (2 + WM_LAN_SLOTS)

/* The way out of the tunnel's mouth first, then those in: who judges and redirects what comes in relies on the filter that
 * translates and checks what goes out. Filters come off in the opposite order. */
static unsigned int places_of(const struct wm_plan *plan, uint32_t wg_ifindex, struct place ret[PLACES])
{
	unsigned int n = 0;

	ret[n++] = (struct place){ wg_ifindex, WM_BPF_OUT, WM_BPF_WG_OUT };
	ret[n++] = (struct place){ wg_ifindex, WM_BPF_IN, WM_BPF_WG_IN };
	for (unsigned int i = 0; i < plan->nlans; i++)
		ret[n++] = (struct place){ plan->lans[i].ifindex, WM_BPF_IN, WM_BPF_LAN_IN };
	return n;
}

const char *wm_bpf_device_name(uint32_t ifindex, char buf[IF_NAMESIZE])
{
	return if_indextoname(ifindex, buf) ? buf : "a device that is gone";
}

/* --- asking -------------------------------------------------------------------------------- */

/* The id of the program in our place, in tcx or, if it is not there, as a filter; 0: none; -ENODEV, -errno. */
static int64_t program_at(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio)
{
	int64_t there = wm_bpf_tcx_at(ifindex, side, prio);

	return there ? there : wm_bpf_filter_at(ifindex, side, prio);
}

/* Which of our programs it is; -1: none of them. */
static int program_of_ours(uint32_t id)
{
	struct wm_bpf_owner owner;

	return wm_bpf_owner_of(id, &owner) ? owner.prog : -1;
}

static bool is_program_of_ours(uint32_t id)
{
	return program_of_ours(id) >= 0;
}

struct wm_bpf_device *wm_bpf_find_device(struct wm_bpf_meta *meta, uint32_t ifindex)
{
	for (uint32_t i = 0; i < meta->ndevices; i++) {
		if (meta->device[i].ifindex == ifindex)
			return &meta->device[i];
	}
	return NULL;
}

static bool note_device(struct wm_bpf_meta *meta, uint32_t ifindex)
{
	if (wm_bpf_find_device(meta, ifindex))
		return false;
	/* So many devices that left and could not be visited: forget the first. */
	if (meta->ndevices == WM_BPF_DEVICES)
		memmove(meta->device, meta->device + 1, --meta->ndevices * sizeof(*meta->device));
	meta->device[meta->ndevices++] = (struct wm_bpf_device){ .ifindex = ifindex };
	return true;
}

bool wm_bpf_note_devices(const struct wm_plan *plan, uint32_t wg_ifindex, struct wm_bpf_meta *meta)
{
	bool changed = note_device(meta, wg_ifindex);

	for (unsigned int i = 0; i < plan->nlans; i++)
		changed |= note_device(meta, plan->lans[i].ifindex);
	return changed;
}

/* --- attaching --------------------------------------------------------------------------------- */

static bool uses_tcx(const struct wm_instance *inst)
{
	return !inst->no_tcx && wm_bpf_tcx_is_there() == 1;
}

static bool is_another_instances(const struct wm_instance *inst, uint32_t id)
{
	struct wm_bpf_owner owner;

	return wm_bpf_owner_of(id, &owner) && owner.fwmark != (inst->fwmark & WM_MARK_MASK);
}

/* Where we have been, whoever took our place gives it back; elsewhere it is theirs. In a tcx list there is room for all, but
 * not for two with one priority, by which each is known. */
static int check_place(const struct wm_instance *inst, const struct place *place, struct wm_bpf_meta *meta,
		       struct wm_error *err)
{
	const struct wm_bpf_device *device = wm_bpf_find_device(meta, place->ifindex);
	bool was_ours = device && device->flags & WM_BPF_ATTACHED && meta->prio == inst->tc_prio;
	int64_t there = uses_tcx(inst) ? wm_bpf_tcx_at(place->ifindex, place->side, inst->tc_prio) :
					 wm_bpf_filter_at(place->ifindex, place->side, inst->tc_prio);
	char name[IF_NAMESIZE];

	if (there < 0)
		return wm_bpf_fail(err, (int)there, "cannot look at the tc filters of %s",
				   wm_bpf_device_name(place->ifindex, name));
	if (there && is_another_instances(inst, (uint32_t)there))
		return wm_fail(err, EEXIST, "another mesh's program has priority %u on %s: set WM_TC_PRIO to a free one",
			       inst->tc_prio, wm_bpf_device_name(place->ifindex, name));
	if (uses_tcx(inst))
		return 0;
	if (there && !was_ours && !is_program_of_ours((uint32_t)there))
		return wm_fail(err, EEXIST,
			       "another program's tc filter has priority %u on %s: set WM_TC_PRIO to a free one",
			       inst->tc_prio, wm_bpf_device_name(place->ifindex, name));
	return there || place->prog == WM_BPF_LAN_IN ? 0 : wm_bpf_clsact_check(place->ifindex, err);
}

int wm_bpf_check_places(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex,
			struct wm_bpf_set *set, struct wm_error *err)
{
	struct place place[PLACES];
	unsigned int n = places_of(plan, wg_ifindex, place);
	int rc = inst->no_tcx ? 0 : wm_bpf_tcx_is_there();

	if (rc < 0)
		return wm_bpf_fail(err, rc, "cannot tell whether this kernel has tcx");
	rc = 0;
	for (unsigned int i = 0; !rc && i < n; i++)
		rc = check_place(inst, &place[i], &set->meta, err);
	return rc;
}

/* Takes our filter away, if it is ours that is there. 1, 0 or -errno. */
static int remove_filter(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio, struct wm_error *err)
{
	int64_t there = wm_bpf_filter_at(ifindex, side, prio);
	char name[IF_NAMESIZE];
	int rc;

	if (there == -ENODEV || there == 0 || (there > 0 && !is_program_of_ours((uint32_t)there)))
		return 0;
	rc = there < 0 ? (int)there : wm_bpf_filter_take(ifindex, side, prio);
	if (rc)
		return wm_bpf_fail(err, rc, "cannot take our tc filter off %s", wm_bpf_device_name(ifindex, name));
	return 1;
}

/* The same of our program in the tcx list. */
static int leave_tcx(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio, struct wm_error *err)
{
	int64_t there = wm_bpf_tcx_at(ifindex, side, prio);
	char name[IF_NAMESIZE];
	int rc;

	if (there == -ENODEV || there == 0)
		return 0;
	rc = there < 0 ? (int)there : wm_bpf_tcx_take(ifindex, side, (uint32_t)there);
	return rc ? wm_bpf_fail(err, rc, "cannot take our program off %s (tcx)", wm_bpf_device_name(ifindex, name)) : 1;
}

/* 1 if the program was put there or replaced, 0 if it is right. A filter in its place goes only then: what both see in
 * between is dropped by one of them, and nothing passes that neither has seen. */
static int attach_tcx(const struct wm_instance *inst, const struct place *place, struct wm_bpf_set *set, struct wm_error *err)
{
	enum wm_bpf_side side = place->side;
	int64_t there = wm_bpf_tcx_at(place->ifindex, side, inst->tc_prio);
	bool right = there > 0 && (uint32_t)there == set->meta.prog_id[place->prog];
	char name[IF_NAMESIZE];
	int rc = there < 0 ? (int)there : 0;

	if (!rc && !right)
		rc = wm_bpf_tcx_put(place->ifindex, side, set->prog[place->prog], (uint32_t)there);
	if (rc)
		return wm_bpf_fail(err, rc, "cannot attach %s to %s (tcx)", wm_bpf_progs[place->prog],
				   wm_bpf_device_name(place->ifindex, name));
	rc = remove_filter(place->ifindex, place->side, inst->tc_prio, err);
	return rc < 0 ? rc : rc || !right;
}

/* 1 if the filter was put there or replaced, 0 if it is right. */
static int attach_filter(const struct wm_instance *inst, const struct place *place, struct wm_bpf_set *set,
		     struct wm_error *err)
{
	int64_t there = wm_bpf_filter_at(place->ifindex, place->side, inst->tc_prio);
	char name[IF_NAMESIZE];
	int rc;

	if (there > 0 && (uint32_t)there == set->meta.prog_id[place->prog])
		return leave_tcx(place->ifindex, place->side, inst->tc_prio, err);
	rc = wm_bpf_clsact_make(place->ifindex, err);
	if (rc > 0)
		wm_bpf_find_device(&set->meta, place->ifindex)->flags |= WM_BPF_MADE_CLSACT;
	else if (!rc && place->prog != WM_BPF_LAN_IN)
		rc = wm_bpf_clsact_check(place->ifindex, err);
	if (rc < 0)
		return rc;
	rc = wm_bpf_filter_put(place->ifindex, place->side, inst->tc_prio, set->prog[place->prog]);
	if (rc)
		return wm_bpf_fail(err, rc, "cannot attach %s to %s (tc priority %u)", wm_bpf_progs[place->prog],
				   wm_bpf_device_name(place->ifindex, name), inst->tc_prio);
	rc = leave_tcx(place->ifindex, place->side, inst->tc_prio, err);
	return rc < 0 ? rc : 1;
}

int wm_bpf_attach(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex,
		  struct wm_bpf_set *set, struct wm_error *err)
{
	struct wm_bpf_meta before = set->meta;
	struct place place[PLACES];
	unsigned int n = places_of(plan, wg_ifindex, place);
	int changes = 0, rc = 0;

	for (unsigned int i = 0; rc >= 0 && i < n; i++) {
		rc = uses_tcx(inst) ? attach_tcx(inst, &place[i], set, err) : attach_filter(inst, &place[i], set, err);
		changes += rc > 0;
	}
	for (unsigned int i = 0; rc >= 0 && i < n; i++)
		wm_bpf_find_device(&set->meta, place[i].ifindex)->flags |= WM_BPF_ATTACHED;
	if (memcmp(&before, &set->meta, sizeof(before))) {
		int written = wm_bpf_meta_write(set, rc < 0 ? NULL : err);

		rc = rc < 0 ? rc : written;
	}
	return rc < 0 ? rc : changes;
}

/* --- detaching --------------------------------------------------------------------------------- */

/* Changes or -errno. */
static int detach_at(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio, struct wm_error *err)
{
	int tcx = leave_tcx(ifindex, side, prio, err), filter = tcx < 0 ? tcx : remove_filter(ifindex, side, prio, err);

	return filter < 0 ? filter : tcx + filter;
}

static bool is_in(uint32_t ifindex, enum wm_bpf_side side, const struct place *place, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (place[i].ifindex == ifindex && place[i].side == side)
			return true;
	}
	return false;
}

/* Off one device. */
static int detach_device(uint32_t ifindex, uint16_t prio, struct wm_error *err)
{
	int in = detach_at(ifindex, WM_BPF_IN, prio, err);
	int out = in < 0 ? in : detach_at(ifindex, WM_BPF_OUT, prio, err);

	return out < 0 ? out : in + out;
}

/* Off all devices on one side; prog: this one, or ANY of ours. */
#define ANY (-1)
static int detach_side(const struct if_nameindex *all, enum wm_bpf_side side, int prog, uint16_t prio,
			const struct place *keep, unsigned int nkeep, struct wm_error *err)
{
	int changes = 0, rc = 0;

	for (const struct if_nameindex *i = all; rc >= 0 && i->if_index; i++) {
		int64_t there = is_in(i->if_index, side, keep, nkeep) ? 0 : program_at(i->if_index, side, prio);

		if (there <= 0 || (prog != ANY && program_of_ours((uint32_t)there) != prog))
			continue;
		rc = detach_at(i->if_index, side, prio, err);
		changes += rc;
	}
	return rc < 0 ? rc : changes;
}

/* LANs first, wherever they stand in the list, then wg: the way in; and the way out, without which it would leave
 * untranslated, only when nothing is under way any more that they have let pass. */
static int detach_everywhere(uint16_t prio, const struct place *keep, unsigned int nkeep, struct wm_error *err)
{
	struct if_nameindex *all = if_nameindex();
	int lans, in, out;

	if (!all)
		return wm_fail(err, errno, "cannot list the interfaces: %s", strerror(errno));
	lans = detach_side(all, WM_BPF_IN, WM_BPF_LAN_IN, prio, keep, nkeep, err);
	in = lans < 0 ? lans : detach_side(all, WM_BPF_IN, ANY, prio, keep, nkeep, err);
	if (lans > 0 || in > 0)
		wm_grace();
	out = in < 0 ? in : detach_side(all, WM_BPF_OUT, ANY, prio, keep, nkeep, err);
	if_freenameindex(all);
	return out < 0 ? out : lans + in + out;
}

int wm_bpf_detach_others(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex,
			 struct wm_bpf_set *set, bool everywhere, struct wm_error *err)
{
	struct place keep[PLACES];
	unsigned int nkeep = places_of(plan, wg_ifindex, keep);
	struct wm_bpf_meta before = set->meta, *meta = &set->meta;
	int changes = 0, rc;

	meta->ndevices = 0;
	for (uint32_t i = 0; i < before.ndevices; i++) {
		const struct wm_bpf_device *d = &before.device[i];

		if (is_in(d->ifindex, WM_BPF_IN, keep, nkeep)) {
			meta->device[meta->ndevices++] = *d;
			continue;
		}
		rc = detach_device(d->ifindex, inst->tc_prio, err);
		if (rc < 0) {
			*meta = before;
			return rc;
		}
		changes += rc;
		if (d->flags & WM_BPF_MADE_CLSACT)
			wm_bpf_clsact_remove(d->ifindex);
	}
	memset(meta->device + meta->ndevices, 0, (WM_BPF_DEVICES - meta->ndevices) * sizeof(*meta->device));
	rc = everywhere ? detach_everywhere(inst->tc_prio, keep, nkeep, err) : 0;
	if (rc >= 0 && before.prio != inst->tc_prio) {
		changes += rc;
		rc = detach_everywhere((uint16_t)before.prio, NULL, 0, err);
		meta->prio = inst->tc_prio;
	}
	if (rc < 0)
		return rc;
	changes += rc;
	rc = memcmp(&before, meta, sizeof(before)) ? wm_bpf_meta_write(set, err) : 0;
	return rc < 0 ? rc : changes;
}

int wm_bpf_detach_all(const struct wm_instance *inst, struct wm_bpf_set *set, bool keep_clsact, struct wm_error *err)
{
	int rc = detach_everywhere(inst->tc_prio, NULL, 0, err);

	if (rc >= 0 && set->meta.prio && set->meta.prio != inst->tc_prio)
		rc = detach_everywhere((uint16_t)set->meta.prio, NULL, 0, err);
	for (uint32_t i = 0; rc >= 0 && i < set->meta.ndevices; i++) {
		set->meta.device[i].flags &= ~WM_BPF_ATTACHED;
		if (!keep_clsact && set->meta.device[i].flags & WM_BPF_MADE_CLSACT)
			wm_bpf_clsact_remove(set->meta.device[i].ifindex);
	}
	return rc < 0 || !keep_clsact || set->meta_fd < 0 ? rc : wm_bpf_meta_write(set, err);
}

const char *wm_bpf_lan_hook(const struct wm_instance *inst, uint32_t ifindex)
{
	int64_t filter;

	if (wm_bpf_tcx_at(ifindex, WM_BPF_IN, inst->tc_prio) > 0)
		return "tcx";
	filter = wm_bpf_filter_at(ifindex, WM_BPF_IN, inst->tc_prio);
	return filter > 0 && program_of_ours((uint32_t)filter) == WM_BPF_LAN_IN ? "tc filter" : NULL;
}

/* The same as program_at, for ours alone: 1, 0 or -errno; a device that is gone has none. */
static int is_ours_at(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio)
{
	int64_t there = program_at(ifindex, side, prio);

	if (there == -ENODEV)
		return 0;
	return there < 0 ? (int)there : there && is_program_of_ours((uint32_t)there);
}

int wm_bpf_attached(const struct wm_instance *inst, struct wm_error *err)
{
	struct if_nameindex *all = if_nameindex();
	char name[IF_NAMESIZE];
	int rc = 0;

	if (!all)
		return wm_fail(err, errno, "cannot list the interfaces: %s", strerror(errno));
	for (const struct if_nameindex *i = all; !rc && i->if_index; i++) {
		rc = is_ours_at(i->if_index, WM_BPF_IN, inst->tc_prio);
		if (!rc)
			rc = is_ours_at(i->if_index, WM_BPF_OUT, inst->tc_prio);
		if (rc < 0)
			wm_bpf_fail(err, rc, "cannot tell whether a BPF program of ours is on %s", wm_bpf_device_name(i->if_index, name));
	}
	if_freenameindex(all);
	return rc;
}
