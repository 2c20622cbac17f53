/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The maps, and the programs' parameters. Each has one writer. Sizes here are
 * the least; userspace sets max_entries from the plan before loading.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "wm_shared.h"

#define inline_ static __always_inline

/* Written by userspace before loading; constant afterwards. Each object has its own, with the same content. */
const volatile struct wm_params params SEC(".rodata") = { .fastpath = 1, .hz = 250 };

/* Written by userspace, and by programs where it says so. Read by all programs. Sized by the subnet: one entry an
 * address. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct wm_host_info);
} hosts SEC(".maps");

/* Written by userspace. Read by LAN ingress and wg egress. Sized by the hosts, doubling. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct wm_lan_key);
	__type(value, __u32);
} lan_hosts SEC(".maps");

/* Written by userspace. Read by LAN ingress and wg egress. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WM_HINTS / WM_HINTS_PER_LINE);
	__type(key, __u32);
	__type(value, struct wm_hint_line);
} lan_hints SEC(".maps");

/* Written by userspace. Read by all programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WM_LAN_SLOTS);
	__type(key, __u32);
	__type(value, struct wm_lan_info);
} lans SEC(".maps");

/* Written by userspace. Read by the shield. Words that a look-up finds by arithmetic: no hash, and no call. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WM_LAN_SLOTS * WM_SHIELD_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} shield SEC(".maps");

/* Written by all programs. Read by userspace. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WM_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct wm_counter);
} counters SEC(".maps");

/* Written by all programs; userspace zeroes an entry whose address changes hands. Sized as hosts, for each processor. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct wm_host_stats);
} host_stats SEC(".maps");

/* Written by all programs, added to atomically; userspace zeroes an entry whose address changes hands. Sized as hosts. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} host_drops SEC(".maps");

/* Written by all programs. An LRU: a flood evicts its own half-open flows, not confirmed ones. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WM_FLOW_HALF_MAX);
	__type(key, struct wm_flow_key);
	__type(value, struct wm_flow);
} flows_half SEC(".maps");

/* Written by all programs; userspace zeroes a share that changes hands. Sized by the isolated ends. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WM_FLOW_BUCKETS);
	__type(key, __u32);
	__type(value, struct wm_flow_bucket);
} flows SEC(".maps");

/* Written and read by wg ingress and LAN ingress. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WM_FRAGS_MAX);
	__type(key, struct wm_frag_key);
	__type(value, __u64);
} frags SEC(".maps");

/* Written and read by LAN ingress. Updates race on purpose: a limit needs no exactness. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WM_LAN_SLOTS);
	__type(key, __u32);
	__type(value, struct wm_rate);
} router_errors SEC(".maps");

/* Written by all programs. Read by userspace. An LRU: what was dropped longest ago makes room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WM_DROPS_MAX);
	__type(key, struct wm_drop_key);
	__type(value, struct wm_drop);
} drops SEC(".maps");

/* Written and read by all programs. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wm_drop_pace);
} drop_pace SEC(".maps");

/* Written by userspace, while it follows drops. Read by all programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} follow SEC(".maps");

/* Written by all programs, while somebody follows. Read by userspace. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, WM_DROP_EVENTS_BYTES);
} drop_events SEC(".maps");
