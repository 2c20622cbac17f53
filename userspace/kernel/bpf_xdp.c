/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The shield's place on the LANs. A device has one place for XDP programs:
 * whoever has it keeps it. Attached by netlink, so that it outlives us, and
 * replaced in place.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/shield.h"

/* --- whose is it? ----------------------------------------------------------------------- */

enum owner { NOBODY, OURS, ANOTHER_MESH, SOMEBODY };

static enum owner owner_of(const struct wm_instance *inst, uint32_t id)
{
	struct wm_bpf_owner owner;

	if (!id)
		return NOBODY;
	if (!wm_bpf_owner_of(id, &owner) || owner.prog < WM_BPF_XDP)
		return SOMEBODY;
	return owner.fwmark == (inst->fwmark & WM_MARK_MASK) ? OURS : ANOTHER_MESH;
}

/* Of the set's two, the one for this mode. */
static enum wm_bpf_prog program_for(const struct wm_bpf_set *set, uint32_t mode)
{
	return mode == XDP_FLAGS_DRV_MODE && set->prog[WM_BPF_XDP_FRAGS] >= 0 ? WM_BPF_XDP_FRAGS : WM_BPF_XDP;
}

/* --- attaching and detaching --------------------------------------------------------------- */

/* In the place of the program with the id `old`; 0: where none is. */
static int attach(const struct wm_nic *nic, int prog, uint32_t mode, uint32_t old)
{
	WM_AUTO_CLOSE int old_fd = old ? bpf_prog_get_fd_by_id(old) : -1;
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old_fd);

	if (old && old_fd < 0)
		return old_fd;
	return old ? bpf_xdp_attach((int)nic->ifindex, prog, mode, &opts) :
		     bpf_xdp_attach((int)nic->ifindex, prog, mode | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
}

/* Our own, which is there. 1 or -errno; a device that is gone has none. */
static int detach(const struct wm_nic *nic, struct wm_error *err)
{
	WM_AUTO_CLOSE int old_fd = bpf_prog_get_fd_by_id(nic->prog);
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old_fd);
	int rc = old_fd < 0 ? old_fd : bpf_xdp_detach((int)nic->ifindex, nic->mode, &opts);

	if (rc && rc != -ENODEV)
		return wm_bpf_fail(err, rc, "cannot take our XDP program off %s: ip link set dev %s %s off", nic->name,
				   nic->name, nic->mode == XDP_FLAGS_SKB_MODE ? "xdpgeneric" : "xdpdrv");
	return 1;
}

static bool is_lan_of(const struct wm_plan *plan, uint32_t ifindex)
{
	for (unsigned int i = 0; i < plan->nlans; i++) {
		if (plan->lans[i].ifindex == ifindex)
			return true;
	}
	return false;
}

/* A program of ours on this device, if there is one, becomes the set's own or goes. 1, 0, -errno. */
static int renew_at(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_bpf_set *set,
		    const struct wm_nic *nic, struct wm_error *err)
{
	enum wm_bpf_prog prog = program_for(set, nic->mode);
	bool stays = is_lan_of(plan, nic->ifindex);

	if ((stays && nic->prog == set->meta.prog_id[prog]) || owner_of(inst, nic->prog) != OURS)
		return 0;
	if (stays && set->prog[prog] >= 0 && !attach(nic, set->prog[prog], nic->mode, nic->prog))
		return 1;
	return detach(nic, err);
}

int wm_bpf_shield_renew(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_bpf_set *set,
			bool everywhere, struct wm_error *err)
{
	WM_AUTO_FREE struct wm_nic *all = NULL;
	struct wm_nic nic;
	size_t n = 0;
	int changes = 0, rc = 0;

	for (uint32_t i = 0; rc >= 0 && i < set->meta.ndevices; i++) {
		/* One that is gone has none. */
		rc = wm_nic_read(set->meta.device[i].ifindex, false, &nic, NULL) ? 0 : renew_at(inst, plan, set, &nic, err);
		changes += rc > 0;
	}
	if (rc >= 0 && everywhere)
		rc = wm_nics_with_xdp(&all, &n, err);
	for (size_t i = 0; rc >= 0 && i < n; i++) {
		rc = renew_at(inst, plan, set, &all[i], err);
		changes += rc > 0;
	}
	return rc < 0 ? rc : changes;
}

int wm_bpf_shield_remove(const struct wm_instance *inst, struct wm_error *err)
{
	WM_AUTO_FREE struct wm_nic *all = NULL;
	size_t n = 0;
	int changes = 0, rc = wm_nics_with_xdp(&all, &n, err);

	for (size_t i = 0; rc >= 0 && i < n; i++) {
		if (owner_of(inst, all[i].prog) != OURS)
			continue;
		rc = detach(&all[i], err);
		changes++;
	}
	return rc < 0 ? rc : changes;
}

/* --- as the instance wants it ------------------------------------------------------------------ */

static const char *mode_name(uint32_t mode)
{
	return mode == XDP_FLAGS_DRV_MODE ? "native" : mode == XDP_FLAGS_SKB_MODE ? "generic" : "off";
}

static void say_owner(enum owner owner, char ret[WM_NO_SHIELD_SIZE])
{
	snprintf(ret, WM_NO_SHIELD_SIZE, "%s", owner == ANOTHER_MESH ? "the shield of another mesh is there" :
						"another program is there");
}

/* Where nothing is. 1 if it is on now; else why not. What was refused is not asked again: a driver may take its link down
 * for an attempt. */
static int put_on(const struct wm_nic *nic, uint32_t mode, const struct wm_bpf_set *set, struct wm_bpf_device *device,
		  char ret_why[WM_NO_SHIELD_SIZE])
{
	enum wm_bpf_prog prog = program_for(set, mode);
	uint32_t id = set->meta.prog_id[prog];
	struct wm_error why;
	int rc;

	if (set->prog[prog] < 0) {
		memcpy(ret_why, set->meta.no_shield, WM_NO_SHIELD_SIZE);
		return 0;
	}
	if (device->refused_prog == id && device->refused_mode == mode && device->refused_mtu == nic->mtu) {
		memcpy(ret_why, device->no_shield, WM_NO_SHIELD_SIZE);
		return 0;
	}
	rc = attach(nic, set->prog[prog], mode, 0);
	if (!rc)
		return 1;
	if (rc == -EEXIST || rc == -EBUSY) { /* since we looked */
		say_owner(SOMEBODY, ret_why);
		return 0;
	}
	device->refused_prog = id;
	device->refused_mode = mode;
	device->refused_mtu = nic->mtu;
	wm_bpf_fail(&why, rc, "the kernel refuses %s XDP", mode_name(mode));
	snprintf(ret_why, WM_NO_SHIELD_SIZE, "%.*s", WM_NO_SHIELD_SIZE - 1, why.text);
	return 0;
}

/* One LAN. Changes or -errno; *ret_why is "" when the shield is on. */
static int apply_lan(const struct wm_instance *inst, const struct wm_bpf_set *set, bool container,
		     struct wm_bpf_device *device, char ret_why[WM_NO_SHIELD_SIZE], struct wm_error *err)
{
	struct wm_error why = { 0 };
	struct wm_nic nic;
	enum owner owner;
	uint32_t mode;
	int rc, changes = 0;

	if (wm_nic_read(device->ifindex, inst->xdp != WM_XDP_OFF, &nic, &why)) {
		snprintf(ret_why, WM_NO_SHIELD_SIZE, "%.*s", WM_NO_SHIELD_SIZE - 1, why.text);
		return 0;
	}
	mode = wm_bpf_shield_mode(inst->xdp, container, &nic, ret_why);
	owner = owner_of(inst, nic.prog);
	if (owner == OURS && nic.mode != mode) {
		rc = detach(&nic, err);
		if (rc < 0)
			return rc;
		changes++;
		owner = NOBODY;
	}
	if (mode && owner == NOBODY)
		changes += put_on(&nic, mode, set, device, ret_why);
	else if (mode && owner != OURS)
		say_owner(owner, ret_why);
	return changes;
}

/* Who has asked for the shield hears where it is not. */
static void tell_operator(const struct wm_instance *inst, const struct wm_lan *lan, const struct wm_bpf_device *device,
			  struct wm_error *err)
{
	if (*device->no_shield && (inst->xdp == WM_XDP_NATIVE || inst->xdp == WM_XDP_GENERIC))
		wm_fail(err, 0, "XDP: off on %s: %s", lan->ifname, device->no_shield);
}

int wm_bpf_shield_apply(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_bpf_set *set,
			struct wm_error *err)
{
	bool container = inst->xdp == WM_XDP_AUTO && wm_bpf_in_container();
	struct wm_bpf_meta before = set->meta;
	int changes = 0, rc = 0;

	for (unsigned int i = 0; rc >= 0 && i < plan->nlans; i++) {
		struct wm_bpf_device *device = wm_bpf_find_device(&set->meta, plan->lans[i].ifindex);
		char why[WM_NO_SHIELD_SIZE] = "";

		rc = apply_lan(inst, set, container, device, why, err);
		if (rc < 0)
			break;
		changes += rc;
		/* The same sentence leaves the same bytes. */
		memset(device->no_shield, 0, sizeof(device->no_shield));
		wm_copy(device->no_shield, sizeof(device->no_shield), why);
		if (!*why)
			device->refused_prog = device->refused_mode = device->refused_mtu = 0;
		tell_operator(inst, &plan->lans[i], device, err);
	}
	if (rc >= 0 && memcmp(&before, &set->meta, sizeof(before)) != 0)
		rc = wm_bpf_meta_write(set, err);
	return rc < 0 ? rc : changes;
}

/* --- looking ------------------------------------------------------------------------------------ */

static void look_at_lan(const struct wm_instance *inst, struct wm_bpf_set *set, uint32_t ifindex, struct wm_shield *ret)
{
	const struct wm_bpf_device *device = wm_bpf_find_device(&set->meta, ifindex);
	struct wm_error why = { 0 };
	struct wm_nic nic;
	enum owner owner;

	*ret = (struct wm_shield){ .mode = mode_name(0), .ingress = wm_bpf_lan_hook(inst, ifindex) };
	if (wm_nic_read(ifindex, false, &nic, &why)) {
		snprintf(ret->ifname, sizeof(ret->ifname), "%u", ifindex);
		snprintf(ret->why, sizeof(ret->why), "%.159s", why.text);
		return;
	}
	wm_copy(ret->ifname, sizeof(ret->ifname), nic.name);
	owner = owner_of(inst, nic.prog);
	if (owner == OURS)
		ret->mode = mode_name(nic.mode);
	else if (device && *device->no_shield)
		snprintf(ret->why, sizeof(ret->why), "%.159s", device->no_shield);
	else
		snprintf(ret->why, sizeof(ret->why), "somebody has taken it off; wm-gateway will put it back");
}

int wm_shields_read(const struct wm_instance *inst, struct wm_shield ret[WM_LANS_MAX], struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	struct wm_lan_info lan;
	int n = 0, rc;

	wm_bpf_log_start();
	wm_bpf_set_init(&set);
	rc = wm_bpf_set_open(inst, &set, err);
	if (rc || !set.whole)
		return rc;
	for (uint32_t i = 0; i < WM_LAN_SLOTS && n < WM_LANS_MAX; i++) {
		rc = bpf_map_lookup_elem(set.map[WM_BPF_LANS], &i, &lan);
		if (rc)
			return wm_bpf_fail(err, rc, "cannot read the map lans");
		if (lan.ifindex)
			look_at_lan(inst, &set, lan.ifindex, &ret[n++]);
	}
	return n;
}
