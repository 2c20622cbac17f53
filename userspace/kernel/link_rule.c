/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In front of the machine's own rules two for each way in: what comes through
 * the wg device is forwarded, and what comes from a LAN gets to the mesh, only
 * with the mark of our data plane. They hold also when every filter and ruleset
 * is gone. (The local table comes before all rules: what is for any address of
 * this machine's own arrives; only the filters judge that.) Of the mesh only: a
 * LAN's way to anywhere else is none of our business.
 * In front of them, for each LAN that has a table of its own (link_twin.c), the
 * rules that lead there: by the mark, and from the gateway's address on it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "core/util.h"
#include "kernel/link_priv.h"

struct rule {
	uint32_t prio;
	uint32_t table;
	uint32_t mark, mask;
	struct wm_prefix src, dst;
	uint8_t action;
	uint8_t protocol;
	char iif[WM_IFNAME_SIZE];
	bool more; /* selects by something that no rule of ours has */
};

/* Before every instance's rule_prio; whose they are the table says. */
#define TWIN_PRIO 19000
#define WANTED_MAX (2 + 4 * WM_LANS_MAX)
#define OURS_MAX (2 * WANTED_MAX)
#define ROUNDS_MAX 8

/* Rules of ours for this instance, as the kernel has them. */
struct ours {
	const struct wm_instance *inst;
	struct rule rule[OURS_MAX];
	unsigned int n;
};

static void parse(const struct nlmsghdr *nlh, struct rule *ret)
{
	const struct fib_rule_hdr *frh = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[FRA_DPORT_RANGE + 1];

	wm_nl_attrs(nlh, sizeof(*frh), tb, WM_ARRAY_LEN(tb));
	*ret = (struct rule){
		.prio = wm_nl_u32(tb[FRA_PRIORITY]),
		.table = tb[FRA_TABLE] ? wm_nl_u32(tb[FRA_TABLE]) : frh->table,
		.mark = wm_nl_u32(tb[FRA_FWMARK]),
		.mask = wm_nl_u32(tb[FRA_FWMASK]),
		.src = { wm_nl_ip4(tb[FRA_SRC]), frh->src_len },
		.dst = { wm_nl_ip4(tb[FRA_DST]), frh->dst_len },
		.action = frh->action,
		.more = frh->tos || frh->flags & FIB_RULE_INVERT || tb[FRA_OIFNAME] ||
			tb[FRA_TUN_ID] || tb[FRA_L3MDEV] || tb[FRA_UID_RANGE] || tb[FRA_IP_PROTO] ||
			tb[FRA_SPORT_RANGE] || tb[FRA_DPORT_RANGE],
	};
	if (tb[FRA_PROTOCOL] && mnl_attr_get_payload_len(tb[FRA_PROTOCOL]) == 1)
		ret->protocol = mnl_attr_get_u8(tb[FRA_PROTOCOL]);
	wm_copy(ret->iif, sizeof(ret->iif), wm_nl_str(tb[FRA_IIFNAME]));
}

/* By protocol, and by interface, by table or by one of this instance's priorities. */
static int read_rule(const struct nlmsghdr *nlh, void *arg)
{
	struct ours *ours = arg;
	struct rule rule;

	if (!nlh) {
		ours->n = 0;
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct fib_rule_hdr))
		return 0;
	parse(nlh, &rule);
	if (rule.protocol != WM_ROUTE_PROTOCOL || ours->n == OURS_MAX)
		return 0;
	if (strcmp(rule.iif, ours->inst->ifname) == 0 || rule.prio - ours->inst->rule_prio < 2 ||
	    (rule.table & WM_MARK_MASK) == ours->inst->fwmark)
		ours->rule[ours->n++] = rule;
	return 0;
}

static int read_ours(struct wm_nl *nl, const struct wm_instance *inst, struct ours *ret, struct wm_error *err)
{
	struct fib_rule_hdr *frh;

	*ret = (struct ours){ .inst = inst };
	wm_nl_begin(nl, RTM_GETRULE, 0, sizeof(*frh), &frh);
	frh->family = AF_INET;
	int rc = wm_nl_dump(nl, read_rule, ret);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot read the routing rules of this machine: %s", wm_nl_why(nl, rc));
	return 0;
}

/* What comes in at `iif` for `dst` goes on only with our plane's mark. Two rules. */
static unsigned int guard(const struct wm_instance *inst, const char *iif, struct wm_prefix dst, struct rule *ret)
{
	const struct rule common = { .dst = dst, .protocol = WM_ROUTE_PROTOCOL };

	for (int i = 0; i < 2; i++) {
		ret[i] = common;
		ret[i].prio = inst->rule_prio + (uint32_t)i;
		wm_copy(ret[i].iif, sizeof(ret[i].iif), iif);
	}
	ret[0].action = FR_ACT_TO_TBL;
	ret[0].table = RT_TABLE_MAIN;
	ret[0].mark = inst->fwmark & WM_MARK_MASK;
	ret[0].mask = WM_MARK_MASK;
	ret[1].action = FR_ACT_PROHIBIT;
	return 2;
}

static unsigned int make_wanted(const struct wm_instance *inst, const struct wm_plan *plan, struct rule *ret)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < plan->nlans; i++) {
		uint32_t table = wm_link_twin_table(inst, plan, i);
		struct rule rule = {
			.prio = TWIN_PRIO,
			.table = table,
			.action = FR_ACT_TO_TBL,
			.protocol = WM_ROUTE_PROTOCOL,
		};

		if (!table)
			continue;
		ret[n] = rule;
		ret[n].mark = table;
		ret[n++].mask = UINT32_MAX;
		ret[n] = rule;
		ret[n].src = (struct wm_prefix){ plan->lans[i].addr, 32 };
		ret[n++].dst = plan->lans[i].prefix;
	}
	n += guard(inst, inst->ifname, (struct wm_prefix){ 0 }, ret + n);
	for (unsigned int i = 0; i < plan->nlans; i++)
		n += guard(inst, plan->lans[i].ifname, plan->supernet, ret + n);
	return n;
}

static bool equal(const struct rule *a, const struct rule *b)
{
	return a->prio == b->prio && a->table == b->table && a->mark == b->mark && a->mask == b->mask &&
	       wm_prefix_equal(a->src, b->src) && wm_prefix_equal(a->dst, b->dst) && a->action == b->action && a->more == b->more && strcmp(a->iif, b->iif) == 0;
}

static int change(struct wm_nl *nl, uint16_t type, uint16_t flags, const struct rule *rule, struct wm_error *err)
{
	struct fib_rule_hdr *frh;
	struct nlmsghdr *nlh = wm_nl_begin(nl, type, flags, sizeof(*frh), &frh);

	frh->family = AF_INET;
	frh->action = rule->action;
	frh->src_len = rule->src.len;
	frh->dst_len = rule->dst.len;
	mnl_attr_put_u32(nlh, FRA_PRIORITY, rule->prio);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, rule->protocol);
	if (rule->iif[0])
		mnl_attr_put_strz(nlh, FRA_IIFNAME, rule->iif);
	if (rule->src.len)
		mnl_attr_put_u32(nlh, FRA_SRC, htonl(rule->src.addr));
	if (rule->dst.len)
		mnl_attr_put_u32(nlh, FRA_DST, htonl(rule->dst.addr));
	if (rule->table)
		mnl_attr_put_u32(nlh, FRA_TABLE, rule->table);
	if (rule->mask) {
		mnl_attr_put_u32(nlh, FRA_FWMARK, rule->mark);
		mnl_attr_put_u32(nlh, FRA_FWMASK, rule->mask);
	}
	int rc = wm_nl_write(nl);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot %s the routing rule %u (%s%s): %s",
			       type == RTM_NEWRULE ? "add" : "remove", rule->prio, rule->iif[0] ? "iif " : "a LAN's",
			       rule->iif, wm_nl_why(nl, rc));
	return 0;
}

static bool contains(const struct rule *rules, unsigned int n, const struct rule *rule)
{
	for (unsigned int i = 0; i < n; i++)
		if (equal(&rules[i], rule))
			return true;
	return false;
}

/* New ones first, then those that no longer hold: never a moment without.
 * 0: nothing was to be done, 1: something was, -errno. */
static int converge(struct wm_link_up *up, struct wm_error *err)
{
	struct rule want[WANTED_MAX];
	struct ours have;
	unsigned int before = wm_nl_changes(up->nl), n = make_wanted(up->inst, up->plan, want);

	int rc = read_ours(up->nl, up->inst, &have, err);
	for (unsigned int i = 0; i < n && rc == 0; i++)
		if (!contains(have.rule, have.n, &want[i]))
			rc = change(up->nl, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &want[i], err);
	for (unsigned int i = 0; i < have.n && rc == 0; i++)
		if (!contains(want, n, &have.rule[i]))
			rc = change(up->nl, RTM_DELRULE, 0, &have.rule[i], err);
	return rc < 0 ? rc : wm_nl_changes(up->nl) != before;
}

/* The kernel removes the first rule that has what the request names, so that a
 * stale one that names less may take a good one in its stead: look again. */
int wm_link_set_rules(struct wm_link_up *up, struct wm_error *err)
{
	int rc = 1;

	for (int i = 0; i < ROUNDS_MAX && rc > 0; i++)
		rc = converge(up, err);
	if (rc > 0)
		return wm_fail(err, EBUSY, "the routing rules of %s keep changing under us (see: ip rule)", up->inst->ifname);
	return rc;
}

int wm_link_remove_rules(struct wm_nl *nl, const struct wm_instance *inst, struct wm_error *err)
{
	struct ours have;

	int rc = read_ours(nl, inst, &have, err);
	for (unsigned int i = 0; i < have.n && rc == 0; i++)
		rc = change(nl, RTM_DELRULE, 0, &have.rule[i], err);
	return rc;
}
