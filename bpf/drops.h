/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Where every drop ends, besides its counter: listed by who, to whom, why and
 * where; told to whoever follows, who knows from the counters how much was not
 * told. A flood costs a look-up a packet and a bounded number of insertions and
 * events a second; what was not listed is still counted.
 */
#pragma once

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
		pace->shielded = 0;
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
	struct wm_drop_event *event;

	if (!pace || pace->told >= WM_DROPS_TOLD_PER_S)
		return;
	event = bpf_ringbuf_reserve(&drop_events, sizeof(*event), 0);
	if (!event)
		return;
	pace->told++;
	event->key = *key;
	event->drop = *one;
	bpf_ringbuf_submit(event, 0);
}

/* For a drop that was counted. one: this packet (or the packets that it stands for) alone. Nothing of tc in it. */
inline_ void note_drop(const struct wm_drop_key *key, const struct wm_drop *one)
{
	const __u64 *until;
	__u32 zero = 0;

	list_drop(key, one);
	until = bpf_map_lookup_elem(&follow, &zero);
	if (until && *until > one->last)
		tell_drop(key, one);
}
