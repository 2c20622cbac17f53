/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tc filters, each at handle 1 and its instance's priority, and clsact, the
 * qdisc under which they hang: as they are in the kernel, whoever's they are.
 */
#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/grace.h"
#include "kernel/nl.h"

#define HANDLE 1

/* --- filters --------------------------------------------------------------------------------- */

static enum bpf_tc_attach_point point_of(enum wm_bpf_side side)
{
	return side == WM_BPF_OUT ? BPF_TC_EGRESS : BPF_TC_INGRESS;
}

int64_t wm_bpf_filter_at(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point_of(side));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = prio);
	int rc = bpf_tc_query(&hook, &opts);

	/* EINVAL: no clsact there, or nothing at this priority. */
	if (rc == -ENOENT || rc == -EINVAL)
		return 0;
	return rc ? rc : (int64_t)opts.prog_id;
}

int wm_bpf_filter_put(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio, int prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point_of(side));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = prio, .prog_fd = prog, .flags = BPF_TC_F_REPLACE);

	return bpf_tc_attach(&hook, &opts);
}

int wm_bpf_filter_take(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point_of(side));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = prio);
	int rc = bpf_tc_detach(&hook, &opts);

	return rc == -ENODEV || rc == -ENOENT ? 0 : rc;
}

/* --- whose they are, by name alone ----------------------------------------------------------- */

/* libbpf names a filter after its program and the program's number. */
struct named {
	uint16_t prio;
	int prog; /* of ours; -1: none of them */
};

static int see_named(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[TCA_OPTIONS + 1], *opt[TCA_BPF_ID + 1];
	struct named *named = arg;
	const struct tcmsg *tc;
	char name[64];

	if (!nlh)
		named->prog = -1;
	if (!nlh)
		return 0;
	tc = NLMSG_DATA(nlh);
	wm_nl_attrs(nlh, sizeof(*tc), tb, WM_ARRAY_LEN(tb));
	if (TC_H_MAJ(tc->tcm_info) >> 16 != named->prio || tc->tcm_handle != HANDLE || strcmp(wm_nl_str(tb[TCA_KIND]), "bpf"))
		return 0;
	wm_nl_nested(tb[TCA_OPTIONS], opt, WM_ARRAY_LEN(opt));
	for (int i = 0; i < WM_BPF_TC_PROGS; i++) {
		snprintf(name, sizeof(name), "%s:[%u]", wm_bpf_progs[i], wm_nl_u32(opt[TCA_BPF_ID]));
		if (!strcmp(name, wm_nl_str(opt[TCA_BPF_NAME])))
			named->prog = i;
	}
	return 0;
}

/* Which of our programs is in this place; -1: none; -ENOMEM and such count as none. */
static int named_at(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct named named = { prio, -1 };
	struct tcmsg *tc;

	if (wm_nl_open(NETLINK_ROUTE, &nl, NULL))
		return -1;
	wm_nl_begin(nl, RTM_GETTFILTER, 0, sizeof(*tc), &tc);
	tc->tcm_ifindex = (int)ifindex;
	tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, side == WM_BPF_OUT ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
	return wm_nl_dump(nl, see_named, &named) ? -1 : named.prog;
}

/* That program's, off all devices. Changes or -errno. */
static int take_named(const struct if_nameindex *all, enum wm_bpf_prog prog, uint16_t prio, struct wm_error *err)
{
	enum wm_bpf_side side = prog == WM_BPF_WG_OUT ? WM_BPF_OUT : WM_BPF_IN;
	int n = 0;

	for (const struct if_nameindex *i = all; i->if_index; i++) {
		int rc;

		if (named_at(i->if_index, side, prio) != (int)prog)
			continue;
		rc = wm_bpf_filter_take(i->if_index, side, prio);
		if (rc)
			return wm_bpf_fail(err, rc, "cannot take our tc filter off %s", i->if_name);
		n++;
	}
	return n;
}

int wm_bpf_filters_take_named(uint16_t prio, struct wm_error *err)
{
	struct if_nameindex *all = if_nameindex();
	int lans, in, out;

	if (!all)
		return wm_fail(err, errno, "cannot list the interfaces: %s", strerror(errno));
	lans = take_named(all, WM_BPF_LAN_IN, prio, err);
	in = lans < 0 ? lans : take_named(all, WM_BPF_WG_IN, prio, err);
	if (lans > 0 || in > 0)
		wm_grace();
	out = in < 0 ? in : take_named(all, WM_BPF_WG_OUT, prio, err);
	if_freenameindex(all);
	return out < 0 ? out : out ? lans + in + out : 0;
}

/* --- the qdisc ------------------------------------------------------------------------------- */

struct look {
	uint32_t ifindex;
	char kind[IF_NAMESIZE]; /* of the qdisc at the device's ingress hook; "" */
};

static int see_qdisc(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[TCA_KIND + 1];
	struct look *look = arg;
	const struct tcmsg *tc;

	if (!nlh)
		return 0;
	tc = NLMSG_DATA(nlh);
	wm_nl_attrs(nlh, sizeof(*tc), tb, WM_ARRAY_LEN(tb));
	if ((uint32_t)tc->tcm_ifindex != look->ifindex || tc->tcm_parent != TC_H_INGRESS)
		return 0;
	return wm_copy(look->kind, sizeof(look->kind), wm_nl_str(tb[TCA_KIND]));
}

int wm_bpf_clsact_check(uint32_t ifindex, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct look look = { .ifindex = ifindex };
	char name[IF_NAMESIZE];
	struct tcmsg *tc;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc)
		return rc;
	/* A dump, because the answer to a question about one qdisc goes to everybody who listens. */
	wm_nl_begin(nl, RTM_GETQDISC, 0, sizeof(*tc), &tc);
	rc = wm_nl_dump(nl, see_qdisc, &look);
	if (rc)
		return wm_fail(err, -rc, "cannot list the qdiscs: %s", wm_nl_why(nl, rc));
	if (!*look.kind || !strcmp(look.kind, "clsact"))
		return 0;
	return wm_fail(err, EEXIST, "%s has a qdisc '%s' where clsact must be: tc qdisc del dev %s %s",
		       wm_bpf_device_name(ifindex, name), look.kind, name, look.kind);
}

int wm_bpf_clsact_make(uint32_t ifindex, struct wm_error *err)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	char name[IF_NAMESIZE];
	int rc = bpf_tc_hook_create(&hook);

	if (rc && rc != -EEXIST)
		return wm_bpf_fail(err, rc, "cannot add the clsact qdisc to %s", wm_bpf_device_name(ifindex, name));
	return !rc;
}

static int count_message(const struct nlmsghdr *nlh, void *arg)
{
	unsigned int *n = arg;

	*n = nlh ? *n + 1 : 0;
	return 0;
}

static bool has_filters(uint32_t ifindex)
{
	static const uint32_t hooks[] = { TC_H_MIN_INGRESS, TC_H_MIN_EGRESS };
	WM_AUTO_NL struct wm_nl *nl = NULL;

	if (wm_nl_open(NETLINK_ROUTE, &nl, NULL))
		return true;
	for (size_t i = 0; i < WM_ARRAY_LEN(hooks); i++) {
		unsigned int n = 0;
		struct tcmsg *tc;

		wm_nl_begin(nl, RTM_GETTFILTER, 0, sizeof(*tc), &tc);
		tc->tcm_ifindex = (int)ifindex;
		tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, hooks[i]);
		if (wm_nl_dump(nl, count_message, &n) || n)
			return true;
	}
	return false;
}

/* The kernel stops a device that is up while this qdisc comes or goes, and loses what it would have sent. */
void wm_bpf_clsact_remove(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (!has_filters(ifindex))
		(void)bpf_tc_hook_destroy(&hook);
}
