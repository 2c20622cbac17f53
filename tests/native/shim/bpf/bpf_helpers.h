/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In the place of libbpf's header of this name, so that bpf/ compiles for the
 * machine it is tested on: maps keep their declarations, from which progs.c
 * reads their shapes; helpers are functions of tests/native (helpers.c, maps.c)
 * that do what the kernel's do. Under their own names, because libbpf has
 * functions of userspace that are called like the helpers.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stddef.h>

/* Each object has its own maps, parameters and licence; here they are one process', and the same. */
#define SEC(name) __attribute__((used, weak))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#undef __noinline
#define __noinline __attribute__((noinline))

#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val) *name
#define __array(name, val) __typeof__(val) *name[]

#define bpf_map_lookup_elem native_map_lookup_elem
#define bpf_map_update_elem native_map_update_elem
#define bpf_map_delete_elem native_map_delete_elem
#define bpf_ringbuf_reserve native_ringbuf_reserve
#define bpf_ringbuf_submit native_ringbuf_submit
#define bpf_jiffies64 native_jiffies64
#define bpf_get_smp_processor_id() 0
#define bpf_skb_load_bytes native_skb_load_bytes
#define bpf_skb_store_bytes native_skb_store_bytes
#define bpf_l3_csum_replace native_l3_csum_replace
#define bpf_l4_csum_replace native_l4_csum_replace
#define bpf_skb_change_head native_skb_change_head
#define bpf_skb_change_tail native_skb_change_tail
#define bpf_skb_pull_data native_skb_pull_data
#define bpf_skb_vlan_pop native_skb_vlan_pop
#define bpf_redirect native_redirect
#define bpf_redirect_neigh native_redirect_neigh

const void *native_xdp_data(const struct xdp_md *ctx);
const void *native_xdp_end(const struct xdp_md *ctx);
void *native_map_lookup_elem(const void *map, const void *key);
long native_map_update_elem(const void *map, const void *key, const void *value, __u64 flags);
long native_map_delete_elem(const void *map, const void *key);
void *native_ringbuf_reserve(const void *map, __u64 size, __u64 flags);
void native_ringbuf_submit(void *record, __u64 flags);
__u64 native_jiffies64(void);
void native_look_again(void *slot); /* "fails": another processor has written there */
long native_skb_load_bytes(const struct __sk_buff *ctx, __u32 off, void *to, __u32 len);
long native_skb_store_bytes(struct __sk_buff *ctx, __u32 off, const void *from, __u32 len, __u64 flags);
long native_l3_csum_replace(struct __sk_buff *ctx, __u32 off, __u64 from, __u64 to, __u64 flags);
long native_l4_csum_replace(struct __sk_buff *ctx, __u32 off, __u64 from, __u64 to, __u64 flags);
long native_skb_change_head(struct __sk_buff *ctx, __u32 room, __u64 flags);
long native_skb_change_tail(struct __sk_buff *ctx, __u32 len, __u64 flags);
long native_skb_pull_data(struct __sk_buff *ctx, __u32 len);
long native_skb_vlan_pop(struct __sk_buff *ctx);
long native_redirect(__u32 ifindex, __u64 flags);
long native_redirect_neigh(__u32 ifindex, struct bpf_redir_neigh *hop, int size, __u64 flags);
