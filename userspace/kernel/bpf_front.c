/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who is in front of our programs. A list of tcx programs, and one of tc filters,
 * ends at the first that says so, and XDP comes before both.
 */
#include "kernel/front.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/nl.h"

/* One side of a device, and what was found. */
struct look {
	const struct wm_instance *inst;
	struct wm_front *ret;
	int n, first; /* of the filters */
	uint32_t ifindex;
	enum wm_bpf_side side;
	uint32_t last_prio; /* of the filter that was seen last */
};

static void add(struct look *look, const char *what)
{
	struct wm_front *f = &look->ret[look->n];

	if (look->n == WM_FRONTS_MAX)
		return;
	*f = (struct wm_front){ .side = look->side == WM_BPF_OUT ? "egress" : "ingress" };
	wm_bpf_device_name(look->ifindex, f->ifname);
	wm_copy(f->what, sizeof(f->what), what);
	look->n++;
}

/* Other meshes' programs let everything go on that is not their own. */
static bool is_foreign(uint32_t id)
{
	struct wm_bpf_owner owner;

	return !wm_bpf_owner_of(id, &owner);
}

static void add_program(struct look *look, const char *kind, uint32_t id)
{
	WM_AUTO_CLOSE int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	char what[sizeof(look->ret->what)];

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return; /* gone meanwhile */
	snprintf(what, sizeof(what), "%s program %s, id %u", kind, *info.name ? info.name : "without a name", id);
	add(look, what);
}

static void look_at_xdp(struct look *look)
{
	struct wm_nic nic;

	if (look->side == WM_BPF_IN && !wm_nic_read(look->ifindex, false, &nic, NULL) && nic.prog && is_foreign(nic.prog))
		add_program(look, "XDP", nic.prog);
}

/* Those of the list up to ours; all, where ours is a filter. */
static void look_at_tcx(struct look *look)
{
	uint32_t ids[WM_BPF_TCX_MOST];
	struct wm_bpf_owner owner;
	int n = wm_bpf_tcx_list(look->ifindex, look->side, ids);

	for (int i = 0; i < n; i++) {
		if (!wm_bpf_owner_of(ids[i], &owner))
			add_program(look, "tcx", ids[i]);
		else if (owner.tc_prio == look->inst->tc_prio)
			return;
	}
}

static int see_filter(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[TCA_CHAIN + 1], *opt[TCA_BPF_ID + 1] = { NULL };
	char what[sizeof(((struct wm_front *)NULL)->what)];
	struct look *look = arg;
	const struct tcmsg *tc;
	uint32_t prio, id;
	bool is_bpf;

	if (!nlh) {
		look->n = look->first;
		look->last_prio = 0;
		return 0;
	}
	tc = NLMSG_DATA(nlh);
	prio = TC_H_MAJ(tc->tcm_info) >> 16;
	wm_nl_attrs(nlh, sizeof(*tc), tb, WM_ARRAY_LEN(tb));
	is_bpf = !strcmp(wm_nl_str(tb[TCA_KIND]), "bpf");
	if (is_bpf)
		wm_nl_nested(tb[TCA_OPTIONS], opt, WM_ARRAY_LEN(opt));
	id = wm_nl_u32(opt[TCA_BPF_ID]);
	/* The first message about a filter with BPF has no program yet; of others it is enough. */
	if (prio >= look->inst->tc_prio || prio == look->last_prio || wm_nl_u32(tb[TCA_CHAIN]) || (is_bpf && !id))
		return 0;
	look->last_prio = prio;
	if (is_bpf && !is_foreign(id))
		return 0;
	snprintf(what, sizeof(what), "tc filter, priority %u, %.30s", prio,
		 is_bpf ? wm_nl_str(opt[TCA_BPF_NAME]) : wm_nl_str(tb[TCA_KIND]));
	add(look, what);
	return 0;
}

static int look_at_filters(struct look *look, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct tcmsg *tc;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc)
		return rc;
	look->first = look->n;
	wm_nl_begin(nl, RTM_GETTFILTER, 0, sizeof(*tc), &tc);
	tc->tcm_ifindex = (int)look->ifindex;
	tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, look->side == WM_BPF_OUT ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
	rc = wm_nl_dump(nl, see_filter, look);
	return rc ? wm_fail(err, -rc, "cannot list the tc filters: %s", wm_nl_why(nl, rc)) : 0;
}

/* Where ours are not, nobody is in front of them. */
static int look_at_side(struct look *look, uint32_t ifindex, enum wm_bpf_side side, bool xdp, struct wm_error *err)
{
	bool tcx = wm_bpf_tcx_at(ifindex, side, look->inst->tc_prio) > 0;

	look->ifindex = ifindex;
	look->side = side;
	if (!tcx && wm_bpf_filter_at(ifindex, side, look->inst->tc_prio) <= 0)
		return 0;
	if (xdp)
		look_at_xdp(look);
	look_at_tcx(look);
	return tcx ? 0 : look_at_filters(look, err);
}

static int read_fronts(const struct wm_instance *inst, const struct wm_bpf_set *set, bool xdp,
		       struct wm_front ret[WM_FRONTS_MAX], struct wm_error *err)
{
	struct look look = { .inst = inst, .ret = ret };
	uint32_t wg = set->meta.params.wg_ifindex;
	struct wm_lan_info lan;
	int rc = look_at_side(&look, wg, WM_BPF_IN, xdp, err);

	if (!rc)
		rc = look_at_side(&look, wg, WM_BPF_OUT, xdp, err);
	for (uint32_t i = 0; !rc && i < WM_LAN_SLOTS; i++) {
		rc = bpf_map_lookup_elem(set->map[WM_BPF_LANS], &i, &lan);
		if (rc)
			return wm_bpf_fail(err, rc, "cannot read the map lans");
		if (lan.ifindex)
			rc = look_at_side(&look, lan.ifindex, WM_BPF_IN, xdp, err);
	}
	return rc ? rc : look.n;
}

int wm_fronts_read(const struct wm_instance *inst, struct wm_front ret[WM_FRONTS_MAX], struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	int rc;

	wm_bpf_log_start();
	wm_bpf_set_init(&set);
	rc = wm_bpf_set_open(inst, &set, err);
	return rc || !set.whole ? rc : read_fronts(inst, &set, true, ret, err);
}

void wm_bpf_tell_fronts(const struct wm_instance *inst, const struct wm_bpf_set *set, struct wm_error *err)
{
	struct wm_front front[WM_FRONTS_MAX];
	struct wm_error why = { 0 };
	int n = read_fronts(inst, set, false, front, &why);
	char more[32] = "";

	size_t len;

	if (!n || !err)
		return;
	if (n > 1)
		snprintf(more, sizeof(more), " (and %d more)", n - 1);
	if (n > 0)
		wm_fail(&why, 0, "in front of ours at %s of %s: %s%s; what it does not let go on is neither judged nor translated",
			front->side, front->ifname, front->what, more);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, "%s%s", len ? "; " : "", why.text);
}
