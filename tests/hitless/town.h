/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who lives where: the hosts that stay, and those that come, go and move. From
 * it come the plan for the gateway and what the sinks are to expect.
 */
#pragma once

#include <stdbool.h>

#include "core/plan.h"
#include "hitless/rig.h"

enum town_mac { TOWN_UNBOUND, TOWN_BOUND, TOWN_BOUND_WRONG };

/* One that changes. */
struct town_host {
	bool here, isolated;
	uint8_t mac; /* enum town_mac */
	uint32_t overlay, local; /* indexes */
	uint32_t name;
};

#define TOWN_CHANGES(X)                                                                                                \
	X(ADD, "added")                                                                                                \
	X(REMOVE, "removed")                                                                                           \
	X(LOCAL, "moved on the LAN")                                                                                   \
	X(OVERLAY, "moved in the overlay")                                                                             \
	X(TYPE, "of another type")                                                                                     \
	X(MAC, "bound or not")

enum town_change {
#define TOWN_ENUM(name, text) TOWN_##name,
	TOWN_CHANGES(TOWN_ENUM)
#undef TOWN_ENUM
		TOWN_CHANGES_END,
};

struct town {
	struct rig *rig;
	struct town_host *hosts;
	uint32_t n;		 /* of them: as many as indexes that change */
	uint32_t *index;	 /* that change, n */
	uint32_t *at_overlay, *at_local; /* host + 1 by index; 0: free */
	uint32_t isolated, isolated_max;
	uint32_t names;
	uint64_t dice;
	uint64_t done[TOWN_CHANGES_END];
	struct wm_plan plan;
};

int town_open(struct town *town, struct rig *rig, uint32_t seed, struct wm_error *err);
void town_close(struct town *town);

uint32_t town_dice(struct town *town, uint32_t sides); /* 0 .. sides - 1 */

/* So many changes at random, and the sinks know what is to come besides what is. */
void town_change(struct town *town, unsigned int changes);
/* So many of those that change are here, every other one isolated. */
void town_grow(struct town *town, uint32_t here, bool isolated);
/* What was before is over. */
void town_settle(struct town *town);

/* Its ends, as things stand; the rest of the plan stays as it is. */
void town_plan(struct town *town);
