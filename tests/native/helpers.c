/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel's helpers that the programs call, as net/core/filter.c of 5.10 to
 * 6.18 does them. What they do on packets that an offload is to finish is what
 * most needs it right: docs/dataplane.md says why.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf_helpers.h>

#include "native/native.h"
#include "packets/build.h"

/* SKB_MAX_ALLOC: four pages without what an skb needs for itself. */
#define LONGEST 16064
#define VLAN_PRESENT_NO 0

/* Maps of bpf/ whose values nothing but people look at. */
extern char counters[], host_stats[], host_drops[];

uint64_t native_now = (uint64_t)1 << 32; /* not near 0, where what is old could not be told */
struct native_fault native_fault;
unsigned int native_zero_sums;
struct native_ring native_ring;

bool native_fails(const char *helper)
{
	if (++native_fault.calls != native_fault.fail_at)
		return false;
	native_fault.failed = helper;
	return true;
}

void native_look_again(void *slot)
{
	if (native_fails("look_again"))
		((struct wm_flow_slot *)slot)->peer ^= 1;
}

/* --- packets ------------------------------------------------------------------------- */

static void *must(void *got)
{
	if (!got)
		abort();
	return got;
}

struct skb *skb_new(const uint8_t *data, size_t len)
{
	struct skb *skb = must(calloc(1, sizeof(*skb)));

	skb->data = must(malloc(len ? len : 1));
	memcpy(skb->data, data, len);
	skb->ctx.len = (uint32_t)len;
	return skb;
}

struct skb *skb_copy(const struct skb *skb)
{
	struct skb *copy = must(malloc(sizeof(*copy)));

	*copy = *skb;
	copy->data = must(malloc(skb->ctx.len ? skb->ctx.len : 1));
	memcpy(copy->data, skb->data, skb->ctx.len);
	return copy;
}

void skb_free(struct skb *skb)
{
	if (skb)
		free(skb->data);
	free(skb);
}

/* The data begins `by` bytes earlier (later, when negative). */
static void move_front(struct skb *skb, int by)
{
	uint32_t len = skb->ctx.len + (uint32_t)by;
	uint8_t *data;

	if (!by)
		return;
	data = must(calloc(1, len ? len : 1));

	if (by > 0)
		memcpy(data + by, skb->data, skb->ctx.len);
	else
		memcpy(data, skb->data - by, len);
	free(skb->data);
	skb->data = data;
	skb->ctx.len = len;
	skb->network += (uint32_t)by;
	skb->csum_start += (uint32_t)by;
}

void skb_pull(struct skb *skb, uint32_t n)
{
	move_front(skb, -(int)n);
}

void skb_push(struct skb *skb, uint32_t n)
{
	move_front(skb, (int)n);
}

static struct skb *of(const struct __sk_buff *ctx)
{
	return (struct skb *)(uintptr_t)ctx;
}

/* --- reading and writing -------------------------------------------------------------- */

static bool is_within(const struct skb *skb, uint32_t off, uint32_t len)
{
	return off <= INT32_MAX && off <= skb->ctx.len && len <= skb->ctx.len - off;
}

long native_skb_load_bytes(const struct __sk_buff *ctx, __u32 off, void *to, __u32 len)
{
	const struct skb *skb = of(ctx);

	if (native_fails("skb_load_bytes") || !is_within(skb, off, len)) {
		memset(to, 0, len);
		return -EFAULT;
	}
	memcpy(to, skb->data + off, len);
	return 0;
}

long native_skb_store_bytes(struct __sk_buff *ctx, __u32 off, const void *from, __u32 len, __u64 flags)
{
	struct skb *skb = of(ctx);

	if (flags)
		return -EINVAL; /* none that we use */
	if (native_fails("skb_store_bytes") || !is_within(skb, off, len))
		return -EFAULT;
	memcpy(skb->data + off, from, len);
	return 0;
}

/* --- checksums ------------------------------------------------------------------------ */

/* As it lies in memory: ones' complement does not care about byte order, if nobody mixes them. */
static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint64_t words(uint64_t value)
{
	return (value & 0xffff) + (value >> 16 & 0xffff);
}

/* csum_replace2/4: the sum is a complement. */
static uint16_t replaced(uint16_t sum, uint64_t from, uint64_t to)
{
	return (uint16_t)~fold((uint16_t)~sum + words(~from) + words(to));
}

long native_l3_csum_replace(struct __sk_buff *ctx, __u32 off, __u64 from, __u64 to, __u64 flags)
{
	struct skb *skb = of(ctx);
	uint16_t sum;

	if (flags != 2 && flags != 4)
		return -EINVAL;
	if (native_fails("l3_csum_replace") || off & 1 || !is_within(skb, off, sizeof(sum)))
		return -EFAULT;
	if (flags == 2 && (from > 0xffff || to > 0xffff))
		abort(); /* a 16-bit value only */
	memcpy(&sum, skb->data + off, sizeof(sum));
	sum = flags == 4 ? replaced(sum, from, to) : (uint16_t)~fold((uint16_t)~sum + (uint64_t)(uint16_t)~from + to);
	memcpy(skb->data + off, &sum, sizeof(sum));
	return 0;
}

/* inet_proto_csum_replace2/4: a sum that is left to the device is that of the pseudo header alone, no complement. */
static uint16_t replaced_l4(const struct skb *skb, uint16_t sum, uint32_t from, uint32_t to, uint32_t size, bool pseudo)
{
	if (skb->partial)
		return pseudo ? fold(sum + words(~from) + words(to)) : sum;
	if (size == 2)
		return (uint16_t)~fold((uint16_t)~sum + (uint64_t)(uint16_t)~from + (uint16_t)to);
	return replaced(sum, from, to);
}

long native_l4_csum_replace(struct __sk_buff *ctx, __u32 off, __u64 from, __u64 to, __u64 flags)
{
	struct skb *skb = of(ctx);
	bool pseudo = flags & BPF_F_PSEUDO_HDR, mangled_0 = flags & BPF_F_MARK_MANGLED_0;
	uint32_t size = flags & BPF_F_HDR_FIELD_MASK;
	uint16_t sum;

	if (flags & ~(__u64)(BPF_F_MARK_MANGLED_0 | BPF_F_PSEUDO_HDR | BPF_F_HDR_FIELD_MASK) || (size != 2 && size != 4))
		return -EINVAL;
	if (native_fails("l4_csum_replace") || off & 1 || !is_within(skb, off, sizeof(sum)))
		return -EFAULT;
	memcpy(&sum, skb->data + off, sizeof(sum));
	if (mangled_0 && !sum)
		return 0;
	sum = replaced_l4(skb, sum, (uint32_t)from, (uint32_t)to, size, pseudo);
	if (!sum) {
		native_zero_sums++;
		sum = mangled_0 ? 0xffff : 0;
	}
	memcpy(skb->data + off, &sum, sizeof(sum));
	return 0;
}

/* --- lengths -------------------------------------------------------------------------- */

long native_skb_change_head(struct __sk_buff *ctx, __u32 room, __u64 flags)
{
	struct skb *skb = of(ctx);

	if (flags || room > INT32_MAX || (!ctx->gso_size && ctx->len + room > LONGEST))
		return -EINVAL;
	if (native_fails("skb_change_head"))
		return -ENOMEM;
	skb_push(skb, room);
	return 0;
}

long native_skb_change_tail(struct __sk_buff *ctx, __u32 len, __u64 flags)
{
	struct skb *skb = of(ctx);
	uint32_t least = skb->partial ? skb->csum_start + skb->csum_offset + 2 : skb->network;

	if (flags || len > LONGEST || len < least)
		return -EINVAL;
	if (native_fails("skb_change_tail"))
		return -ENOMEM;
	uint8_t *data = must(calloc(1, len ? len : 1));
	memcpy(data, skb->data, len < ctx->len ? len : ctx->len);
	free(skb->data);
	skb->data = data;
	ctx->len = len;
	ctx->gso_size = 0; /* skb_gso_reset */
	ctx->gso_segs = 0;
	return 0;
}

long native_skb_pull_data(struct __sk_buff *ctx, __u32 len)
{
	if (native_fails("skb_pull_data") || len > ctx->len)
		return -ENOMEM;
	return 0;
}

/* The accelerated tag goes; one that follows in the data takes its place. */
long native_skb_vlan_pop(struct __sk_buff *ctx)
{
	struct skb *skb = of(ctx);
	uint16_t type = get16((const uint8_t *)&ctx->protocol);
	uint8_t macs[2 * ETH_ALEN];

	if (native_fails("skb_vlan_pop"))
		return -ENOMEM;
	ctx->vlan_present = VLAN_PRESENT_NO;
	ctx->vlan_tci = 0;
	if (type != ETH_P_8021Q && type != ETH_P_8021AD)
		return 0;
	if (ctx->len < ETH_HLEN + 4)
		return -ENOMEM;
	memcpy(macs, skb->data, sizeof(macs));
	ctx->vlan_tci = get16(skb->data + ETH_HLEN);
	ctx->vlan_present = 1;
	skb_pull(skb, 4);
	memcpy(skb->data, macs, sizeof(macs));
	skb->network = ETH_HLEN;
	put16((uint8_t *)&ctx->protocol, get16(skb->data + 2 * ETH_ALEN));
	return 0;
}

/* --- where to ------------------------------------------------------------------------- */

/* The kernel keeps it per CPU, as the one program that runs there. */
static struct redirect {
	uint32_t ifindex, next_hop;
	bool by_neighbour;
} redirect;

void native_take_redirect(struct skb *skb)
{
	skb->to_ifindex = redirect.ifindex;
	skb->next_hop = redirect.next_hop;
	skb->by_neighbour = redirect.by_neighbour;
}

long native_redirect(__u32 ifindex, __u64 flags)
{
	if (flags) /* the only way to fail, here and below */
		return TC_ACT_SHOT;
	redirect = (struct redirect){ .ifindex = ifindex };
	return TC_ACT_REDIRECT;
}

long native_redirect_neigh(__u32 ifindex, struct bpf_redir_neigh *hop, int size, __u64 flags)
{
	if (flags || (size && size < (int)sizeof(*hop)))
		return TC_ACT_SHOT;
	redirect = (struct redirect){ .ifindex = ifindex, .by_neighbour = true, .next_hop = size ? hop->ipv4_nh : 0 };
	return TC_ACT_REDIRECT;
}

__u64 native_jiffies64(void)
{
	return native_now;
}

/* --- maps ----------------------------------------------------------------------------- */

void *native_map_lookup_elem(const void *map, const void *key)
{
	struct native_map *m = native_map_of(map);

	if (native_fails("map_lookup_elem")) {
		native_fault.only_counted = map == counters || map == host_stats || map == host_drops;
		return NULL;
	}
	return map_lookup(m, key);
}

long native_map_update_elem(const void *map, const void *key, const void *value, __u64 flags)
{
	if (flags != BPF_ANY)
		abort(); /* nothing else is used */
	return native_fails("map_update_elem") ? -ENOMEM : map_update(native_map_of(map), key, value);
}

long native_map_delete_elem(const void *map, const void *key)
{
	return native_fails("map_delete_elem") ? -ENOENT : map_delete(native_map_of(map), key);
}

/* One record at a time: it is read as soon as it is there. */
void *native_ringbuf_reserve(const void *map, __u64 size, __u64 flags)
{
	if (flags || size != sizeof(native_ring.last) || native_map_of(map)->type != BPF_MAP_TYPE_RINGBUF)
		abort();
	return native_fails("ringbuf_reserve") || native_ring.full ? NULL : &native_ring.last;
}

void native_ringbuf_submit(void *record, __u64 flags)
{
	if (flags || record != &native_ring.last)
		abort();
	native_ring.told++;
}
