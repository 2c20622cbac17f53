/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A gateway's devices and a plan for them, and a look into what the BPF data
 * plane has pinned: for tests of userspace/kernel/bpf*.c, inside netns_run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/instance.h"
#include "core/plan.h"
#include "kernel/bpf_priv.h"
#include "kernel/dataplane.h"

#define RIG_PRIO 20000
#define RIG_ENDS 300

struct rig {
	struct wm_instance inst;
	struct wm_plan plan;
	struct wm_end ends[RIG_ENDS];
	uint32_t wg;              /* ifindex */
	struct wm_error err;
};

/* Makes wg, lan0 and lan1 (veth, up), a bpffs, and a plan of a spoke with LAN
 * lan0 and hosts nas (.2, 192.168.1.10), cam (.3, 192.168.1.11, isolated). */
void rig_open(struct rig *rig);
void rig_close(struct rig *rig); /* nothing of it stays */
/* Both as cmocka wants them; *state: the rig. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* Adds, or replaces, the host with that overlay address; drops it. */
struct wm_end *rig_host(struct rig *rig, const char *name, const char *overlay, const char *local, bool isolated);
void rig_drop(struct rig *rig, const char *overlay);
void rig_lan(struct rig *rig, unsigned int slot, const char *ifname, const char *addr);

/* Applies and fails the test on an error; the number of changes. */
int rig_apply(struct rig *rig);

/* Everything in the pinned maps that configures, as lines of "map key value" in
 * hexadecimal, empty array entries left out; malloc'd. */
char *rig_dump(const struct rig *rig);
/* How many lines are in just one of two dumps. */
unsigned int rig_differing(const char *a, const char *b);

/* Where a pinned object of the instance is, "" for the set itself; static, good until the next call but one. */
const char *rig_pin_path(const struct rig *rig, const char *name);
/* Opens a pinned object of the instance; fails the test unless it is there. */
int rig_pin(const struct rig *rig, const char *name);
uint32_t rig_index(const char *overlay); /* in hosts */

/* Packets counted for a host, as if the programs had done it (value on each processor). */
void rig_count(const struct rig *rig, const char *overlay, uint64_t packets);
uint64_t rig_counted(const struct rig *rig, const char *overlay);

/* Attaches a program that is none of ours, as tc filter handle 1. */
void rig_foreign(const char *ifname, uint32_t prio);
/* Everything of tc and the bpffs: qdiscs, filters, paths; malloc'd. */
char *rig_surroundings(const struct rig *rig);

/* The programs in a device's tcx list, in order: how many. */
#define RIG_TCX_MOST 16
unsigned int rig_tcx(const char *ifname, const char *hook, uint32_t ret[RIG_TCX_MOST]);
/* What `tc filter show` tells, and a line for each of them; malloc'd. */
char *rig_filters(const char *ifname, const char *hook);
/* Changes of tc that the kernel has announced since open or the last call. */
int rig_watch_tc(void);
unsigned int rig_watched(int fd);
