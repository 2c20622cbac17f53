/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/flows.h"

#include <stdlib.h>

#include "core/util.h"

void wm_flow_views_free(struct wm_flow_views *views)
{
	free(views->item);
	*views = (struct wm_flow_views){ 0 };
}

int wm_flow_views_add(struct wm_flow_views *views, const struct wm_flow_view *view)
{
	int rc = wm_grow((void **)&views->item, &views->cap, views->n + 1, sizeof(*view));

	if (!rc)
		views->item[views->n++] = *view;
	return rc;
}

/* What is compared first stands highest. */
static int order(const void *a, const void *b)
{
	const struct wm_flow_view *x = a, *y = b;
	const uint64_t who[] = { (uint64_t)x->end << 32 | x->peer, (uint64_t)y->end << 32 | y->peer };
	const uint64_t what[] = { (uint64_t)x->proto << 32 | (uint32_t)x->end_port << 16 | x->peer_port,
				  (uint64_t)y->proto << 32 | (uint32_t)y->end_port << 16 | y->peer_port };

	if (who[0] != who[1])
		return who[0] < who[1] ? -1 : 1;
	return (what[0] > what[1]) - (what[0] < what[1]);
}

void wm_flow_views_sort(struct wm_flow_views *views)
{
	if (views->n)
		qsort(views->item, views->n, sizeof(*views->item), order);
}

void wm_flow_views_drop(struct wm_flow_views *views, const struct wm_flow_views *known)
{
	size_t n = 0, k = 0;

	for (size_t i = 0; i < views->n; i++) {
		while (k < known->n && order(&known->item[k], &views->item[i]) < 0)
			k++;
		if (k == known->n || order(&known->item[k], &views->item[i]))
			views->item[n++] = views->item[i];
	}
	views->n = n;
}

const char *wm_flow_state_name(unsigned int state)
{
	static const char *const names[WM_FLOW_STATES] = {
		[WM_FLOW_ASKED] = "asked", [WM_FLOW_IS_ANSWERED] = "answered", [WM_FLOW_ESTABLISHED] = "established",
		[WM_FLOW_CLOSING] = "closing", [WM_FLOW_CLOSED] = "closed",
	};

	return state < WM_FLOW_STATES ? names[state] : "?";
}
