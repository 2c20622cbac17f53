/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Makes the kernel match a plan: a table of steps, each of which compares and
 * changes only what differs. Running it again changes nothing.
 */
#pragma once

#include "agent/preshared.h"
#include "core/error.h"
#include "core/instance.h"
#include "core/plan.h"
#include "kernel/hosts.h"

/* What a process remembers from one run to the next; losing it loses nothing but finesse. */
struct wm_reconcile_memory {
	struct wm_wg_peer_endpoint *endpoints; /* as the registry gave them last */
	size_t n, cap;
	struct wm_hosts_memory hosts;
	struct wm_preshared preshared;
};

struct wm_reconciled {
	int changes;               /* made to the kernel and to files */
	char dataplane[16];        /* "bpf", "nft", "" */
	char dataplane_note[640];  /* why it is not the preferred one, or what it lacks */
	uint64_t took_ms;
	uint32_t ifindex;          /* of the wg device; 0: it has none yet */
};

/* 0 or -errno; *ret tells how far it came in both cases. since: what has changed in the plan since the last run of this
 * process that returned 0, and only that is looked at where all would take long; NULL: look at all. */
int wm_reconcile(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_plan_diff *since,
		 struct wm_reconcile_memory *memory, struct wm_reconciled *ret, struct wm_error *err);

/* Takes everything of this instance off the machine: device, routes, rules, data planes, names; nobody else's. Fine if
 * nothing is there. supernet: of the last config, NULL if there is none. Sysctls stay: others may rely on them. */
int wm_reconcile_undo(const struct wm_instance *inst, const struct wm_prefix *supernet, struct wm_error *err);

void wm_reconcile_forget(struct wm_reconcile_memory *memory);
