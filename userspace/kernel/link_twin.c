/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * LANs that share addresses (two sites' worth of 192.168.1.0/24 behind one
 * gateway): the main table knows only one of them, so each gets a table with
 * nothing but its own route, which the mark that our data plane gave a packet
 * for this LAN chooses. What is not found there goes on to the main table.
 */
#include <linux/rtnetlink.h>

#include "kernel/link_fib.h"
#include "kernel/link_priv.h"

uint32_t wm_link_twin_table(const struct wm_instance *inst, const struct wm_plan *plan, unsigned int lan)
{
	for (unsigned int i = 0; i < plan->nlans; i++)
		if (i != lan && wm_prefix_overlaps(plan->lans[i].prefix, plan->lans[lan].prefix))
			return inst->fwmark | (1 + lan);
	return 0;
}

static struct wm_route make_twin(const struct wm_lan *lan, uint32_t table)
{
	return (struct wm_route){
		.dst = lan->prefix,
		.table = table,
		.oif = lan->ifindex,
		.src = lan->addr,
		.type = RTN_UNICAST,
		.scope = RT_SCOPE_LINK,
		.protocol = WM_ROUTE_PROTOCOL,
	};
}

int wm_link_set_twins(struct wm_link_up *up, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < up->plan->nlans && rc == 0; i++) {
		uint32_t table = wm_link_twin_table(up->inst, up->plan, i);
		const struct wm_route want = make_twin(&up->plan->lans[i], table);

		if (table)
			rc = wm_route_put(up->nl, &want, up->plan->lans[i].ifname, err);
	}
	return rc;
}

/* Everything of ours in the table but `keep` (NULL: that too). */
static int sweep(struct wm_nl *nl, uint32_t table, const struct wm_route *keep, struct wm_error *err)
{
	WM_AUTO_ROUTES struct wm_routes have = { .table = table };

	int rc = wm_routes_read(nl, &have, err);
	for (size_t i = 0; i < have.n && rc == 0; i++)
		if (!keep || !wm_route_equal(&have.item[i], keep))
			rc = wm_route_drop(nl, &have.item[i], err);
	return rc;
}

int wm_link_sweep_twins(struct wm_link_up *up, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < WM_LANS_MAX && rc == 0; i++) {
		bool wanted = i < up->plan->nlans && wm_link_twin_table(up->inst, up->plan, i);
		uint32_t table = up->inst->fwmark | (1 + i);
		struct wm_route want = { 0 };

		if (wanted)
			want = make_twin(&up->plan->lans[i], table);
		rc = sweep(up->nl, table, wanted ? &want : NULL, err);
	}
	return rc;
}

int wm_link_remove_twins(struct wm_nl *nl, const struct wm_instance *inst, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < WM_LANS_MAX && rc == 0; i++)
		rc = sweep(nl, inst->fwmark | (1 + i), NULL, err);
	return rc;
}
