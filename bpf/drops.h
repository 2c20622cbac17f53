/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Where every drop ends: counted by its reason, listed by who, to whom and
 * where, told to whoever follows. A flood costs a look-up a packet and a bounded
 * number of insertions and events a second; what was not listed is still counted.
 */
#pragma once

#include "packet.h"
#include "maps.h"

/* This second's budget of this processor; NULL: none. */
inline_ struct wm_drop_pace *drop_pace_now(__u64 now)
{
	__u64 second = now / params.hz;
	__u32 zero = 0;
	struct wm_drop_pace *pace = bpf_map_lookup_elem(&drop_pace, &zero);

	if (pace && pace->second != second) {
		pace->second = second;
		pace->listed = 0;
		pace->told = 0;
	}
	return pace;
}

/* An entry that is there is added to in place: processors may race for it, and a packet be missed. Counters are exact. */
inline_ void list_drop(const struct wm_drop_key *key, const struct wm_drop *one)
{
	struct wm_drop *is = bpf_map_lookup_elem(&drops, key);
	struct wm_drop_pace *pace;

	if (is) {
		is->packets += one->packets;
		is->bytes += one->bytes;
		is->last = one->last;
		is->seen = one->seen;
		return;
	}
	pace = drop_pace_now(one->last);
	if (!pace || pace->listed >= WM_DROPS_NEW_PER_S)
		return;
	pace->listed++;
	bpf_map_update_elem(&drops, key, one, BPF_ANY);
}

inline_ void tell_drop(const struct wm_drop_key *key, const struct wm_drop *one)
{
	struct wm_drop_pace *pace = drop_pace_now(one->last);
	struct wm_drop_event *event = NULL;

	if (!pace)
		return;
	if (pace->told < WM_DROPS_TOLD_PER_S)
		event = bpf_ringbuf_reserve(&drop_events, sizeof(*event), 0);
	if (!event) {
		pace->untold++;
		return;
	}
	pace->told++;
	event->key = *key;
	event->drop = *one;
	bpf_ringbuf_submit(event, 0);
}

/* Scalars only: all that a global function takes on 5.10, and XDP has them too. A global function, because the
 * verifier then walks it once and not once per way that ends in a drop.
 *   ends: source, and destination << 32     what: reason, hook << 8, protocol << 16, ifindex << 32
 *   size: bytes, and packets << 32          seen: a struct wm_drop_last
 */
__attribute__((noinline)) int note_drop(__u64 ends, __u64 what, __u64 size, __u64 seen)
{
	const struct wm_drop_key key = {
		.src = (__u32)ends, .dst = ends >> 32, .ifindex = what >> 32,
		.reason = (__u8)what, .hook = (__u8)(what >> 8), .proto = (__u8)(what >> 16),
	};
	struct wm_drop one = { .packets = size >> 32, .bytes = (__u32)size, .last = bpf_jiffies64() };
	__u32 reason = key.reason, zero = 0;
	struct wm_counter *c = bpf_map_lookup_elem(&counters, &reason);
	const __u64 *until;

	__builtin_memcpy(&one.seen, &seen, sizeof(one.seen));
	if (c) {
		c->packets += one.packets;
		c->bytes += one.bytes;
	}
	list_drop(&key, &one);
	until = bpf_map_lookup_elem(&follow, &zero);
	if (until && *until > one.last)
		tell_drop(&key, &one);
	return 0;
}
