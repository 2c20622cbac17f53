/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The data plane under test: hand-made plans, brought into force by the same
 * calls as wm-gateway makes. Each says what failed and returns -errno.
 */
#pragma once

#include "core/counters.h"
#include "packets/packets.h"

/* From nothing: the machine's config with this mode (FAST, STACK, NFT_STACK, NFT_FAST, FAST | SHIELD). */
int plane_up(enum config config, unsigned int mode);
void plane_down(void);

/* The plan as it is in force, changed; and back to the config's own. */
int plane_change(void (*change)(struct wm_plan *plan));
int plane_restore(void);

unsigned int plane_meshes(void); /* 2 with PAIR */
unsigned int plane_mode(void);   /* one of these */
enum config plane_config(void);

/* What mesh 0 or 1 has counted; wm_counters_free. */
int plane_read(unsigned int mesh, struct wm_counters *ret);

/* NFT_FAST: how many packets of mesh 0 went around the stack. 0 or -errno. (flows_nft.c) */
int plane_read_around(uint64_t *ret);

/* Flows and fragments of mesh 0 become so much older. (age.c) */
int plane_age(unsigned int seconds);
int plane_age_nft(unsigned int seconds); /* (flows_nft.c) */
const struct wm_instance *plane_instance(unsigned int mesh);

/* For changes. The end with this overlay address; room for more is there. */
struct wm_end *plan_find(struct wm_plan *plan, wm_ip4 overlay);
void plan_drop(struct wm_plan *plan, wm_ip4 overlay);
void plan_add(struct wm_plan *plan, struct wm_end end);
