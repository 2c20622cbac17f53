/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The flows through isolated hosts and devices, the same for both back ends.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

enum wm_flow_state {
	WM_FLOW_ASKED,       /* the end has not answered */
	WM_FLOW_IS_ANSWERED, /* ..., or it has, and TCP is not established yet */
	WM_FLOW_ESTABLISHED,
	WM_FLOW_CLOSING,     /* one side has closed */
	WM_FLOW_CLOSED,      /* both have, or one has reset it */
	WM_FLOW_STATES,
};

/* What was seen of it so far. */
enum {
	WM_FLOW_SAW_ANSWER = 1,
	WM_FLOW_SAW_PEER_CLOSE = 2, /* its FIN */
	WM_FLOW_SAW_END_CLOSE = 4,
};

/* In overlay addresses; ports and ids in host byte order. */
struct wm_flow_view {
	wm_ip4 end, peer;
	uint8_t proto;
	uint8_t state;          /* enum wm_flow_state */
	uint8_t saw;            /* WM_FLOW_SAW_* */
	uint16_t end_port, peer_port; /* ICMP echo: the id, 0 */
	uint32_t seconds;       /* it lives on without another packet towards the end */
};

struct wm_flow_views {
	struct wm_flow_view *item; /* sorted by end, peer, protocol, ports */
	size_t n, cap;
};

void wm_flow_views_free(struct wm_flow_views *views); /* frees what it holds */
int wm_flow_views_add(struct wm_flow_views *views, const struct wm_flow_view *view); /* 0, -ENOMEM */
void wm_flow_views_sort(struct wm_flow_views *views);
void wm_flow_views_drop(struct wm_flow_views *views, const struct wm_flow_views *known); /* takes out those flows; both sorted */
const char *wm_flow_state_name(unsigned int state);
