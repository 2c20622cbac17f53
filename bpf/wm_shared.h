/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The contract between the data plane (bpf/) and userspace/kernel/bpf*.c: the
 * layout of every map value and of the programs' read-only parameters.
 *
 * Addresses and ports are as on the wire unless a comment says "host order".
 * Times are jiffies of the running kernel. Any change of a size or a meaning
 * here raises WM_LAYOUT: pins live in a directory per layout.
 */
#pragma once

#include <linux/types.h>

#include "wm_limits.h"
#include "wm_reasons.h"

#define WM_LAYOUT 7

#define WM_LAN_SLOTS 8       /* entries of lans */
#define WM_LAN_ROUTERS 4
#define WM_FLOW_WAYS 8       /* slots of a bucket */
#define WM_FLOW_BUCKETS 128  /* buckets of one isolated end: 1024 confirmed flows */
#define WM_FLOW_HALF_MAX 65536
#define WM_FRAGS_MAX 4096
#define WM_DROPS_MAX 4096
#define WM_DROP_EVENTS_BYTES (256 * 1024) /* pages of any machine */

/* mark & WM_MARK_MASK == params.fwmark: our plane has checked this packet and
 * handed it to the stack. The low byte is 1 + the LAN slot it is for, or 0; of what
 * LAN ingress redirects to wg egress, past the stack, also one of these. */
#define WM_MARK_MASK 0xffffff00u
#define WM_MARK_ROUTER 0xffu /* made g's own already: a router's ICMP error */

/* Read-only data of the programs: known when they are loaded, constant to the verifier. */
struct wm_params {
	__be32 supernet, supernet_mask;
	__be32 subnet, subnet_mask;
	__be32 gateway;      /* own overlay address */
	__u32 wg_ifindex;
	__u32 wg_mtu;        /* bytes of IP */
	__u32 fwmark;        /* low byte zero; the instance's own. Stays where it is in every layout: a shield is known by it */
	__u32 hz;            /* jiffies a second */
	__u8 hub;
	__u8 fastpath;
	__u8 wg_l2_len;      /* bytes before the IP header on wg: 0; 14 under prog_run */
	__u8 pad;
	__u32 tc_prio;       /* the instance's own, of its filters. Stays where it is, too: a program in a tcx list is known by it */
};

enum wm_host_kind {
	WM_KIND_NOBODY = 0,
	WM_KIND_HOST = 1,
	WM_KIND_DEVICE = 2,
};

/* Jiffies in steps of 256, which fit into 32 bits for 34 years: a quarter of a second to two and a half. */
#define WM_STEP_SHIFT 8

/* hosts[overlay - subnet], an array: who has an overlay address of this site. Half a cache line: all that a packet's way
 * asks about a host, but for its counters, so that more hosts' fit into a processor's caches. */
struct wm_host_info {
	__be32 local;        /* LAN address, and the neighbour that leads there; 0 for a device */
	__u32 ifindex;       /* of its LAN; 0 for a device */
	__u32 owner;         /* hash of the name: tells userspace one that moved from another in its place */
	__u16 share;         /* isolated: 1 + its share in flows; else 0 */
	__u8 kind;           /* enum wm_host_kind */
	__u8 isolated : 1;
	__u8 has_mac : 1;    /* frames must come from mac */
	__u8 lan : 6;        /* index into lans */
	/* From here on written by programs, too; userspace keeps what it finds while the host stays where it is. */
	union {
		__u8 mac[6]; /* has_mac: the one it is bound to; else the one it was last heard from, or 0 */
		__u64 mac_word; /* behind it two zero bytes */
	};
	__u32 heard;         /* steps: when a frame came from that MAC; 0: never */
	__u32 seen;          /* steps: when it last sent anything; 0: never */
};

/* lan_hosts: which overlay index has this LAN address on this LAN. */
struct wm_lan_key {
	__u32 ifindex;
	__be32 addr;
};

/* lan_hints: at WM_HINT, the overlay index of a host that has such an address on such a LAN, or 0. It saves a look-up in
 * lan_hosts, but only hosts[] knows whether it is the right one: of several in one place the last stands there. */
#define WM_HINTS 65536
#define WM_HINT_FIRST(ifindex) ((ifindex) * 40503u) /* where address 0 of a LAN would be */
#define WM_HINT(ifindex, host_order_addr) (((host_order_addr) + WM_HINT_FIRST(ifindex)) % WM_HINTS)
#define WM_HINTS_PER_LINE 16
struct wm_hint_line { /* the kernel gives each value of an array at least eight bytes */
	__u32 index[WM_HINTS_PER_LINE];
};

/* lans[]; unused entries have ifindex 0. */
struct wm_lan_info {
	__u32 ifindex;
	__u32 mtu;           /* bytes of IP */
	__be32 net, mask;    /* read by userspace only (trace) */
	__u8 mac[6];
	__u8 nrouters;
	__u8 pad;
	__u8 router[WM_LAN_ROUTERS][6]; /* may send for hosts with a bound MAC; if there are any, only they speak as routers */
};

/* shield[slot * WM_SHIELD_WORDS + low / 64], bit low % 64, of a LAN's slot in lans and the low 16 bits of an address (host
 * order): somebody who is registered on that LAN may have it. Exact where a LAN is no larger than a /16; elsewhere a
 * few that nobody has look as if somebody had. */
#define WM_SHIELD_WORDS 1024

/* host_stats[processor * addresses of the subnet + index in hosts]: each processor has its own, half a cache line each.
 * (Values of a per-CPU array are neither aligned to one nor found without another.) What was dropped of a host's is in
 * host_drops, by index, one for all processors: few packets ask for it. */
struct wm_host_stats {
	__u64 to_packets, to_bytes;
	__u64 from_packets, from_bytes;
};

/* counters, per CPU, index enum wm_reason. */
struct wm_counter {
	__u64 packets, bytes;
};

/* An isolated end that owns flows: its name and its overlay address, so that whoever gets either of them later inherits
 * none. */
#define WM_FLOW_OWNER(owner, overlay) ((owner) ^ (overlay))

/* A flow through an isolated end, in overlay addresses. ICMP: the echo id in end_port. */
struct wm_flow_key {
	__u32 owner;         /* WM_FLOW_OWNER of the end */
	__be32 peer;
	__be16 end_port, peer_port;
	__u8 proto;
	__u8 pad[3];
};

enum {
	WM_FLOW_ANSWERED = 1, /* the end has answered */
	WM_FLOW_ACKED = 2,    /* TCP: and the peer has acknowledged that: established */
	WM_FLOW_FIN_PEER = 4,
	WM_FLOW_FIN_END = 8,
	WM_FLOW_RST = 16,
};
#define WM_FLOW_IS_CLOSED(flags) \
	((flags) & WM_FLOW_RST || ((flags) & WM_FLOW_FIN_PEER && (flags) & WM_FLOW_FIN_END))
#define WM_FLOW_IS_LIVE(flags) ((flags) & WM_FLOW_ACKED && !((flags) & (WM_FLOW_FIN_PEER | WM_FLOW_FIN_END)))

/* How long it lives after the last packet towards the end. */
#define WM_FLOW_SECONDS(proto, flags) \
	((proto) == IPPROTO_UDP	    ? ((flags) & WM_FLOW_ANSWERED ? WM_S_UDP_ANSWERED : WM_S_UDP) : \
	 (proto) != IPPROTO_TCP	    ? WM_S_ICMP : \
	 WM_FLOW_IS_CLOSED(flags)   ? WM_S_TCP_CLOSED : \
	 WM_FLOW_IS_LIVE(flags)	    ? WM_S_TCP_LIVE : WM_S_TCP_OPENING)

/* flows_half: not confirmed yet. */
struct wm_flow {
	__u64 last;          /* jiffies of the last packet towards the end */
	__u8 flags;
	__u8 pad[7];
};

/* One confirmed flow; which end it belongs to follows from the bucket. proto 0: free. */
struct wm_flow_slot {
	__be32 peer;
	__be16 end_port, peer_port;
	__u8 proto;
	__u8 flags;
	__u8 pad[6];
	__u64 last;
};

/* flows[(share - 1) * WM_FLOW_BUCKETS + wm_flow_place(key)] */
struct wm_flow_bucket {
	struct wm_flow_slot slot[WM_FLOW_WAYS];
};

static inline __attribute__((always_inline)) __u32 wm_flow_place(const struct wm_flow_key *k)
{
	__u32 h = k->peer * 0x9e3779b1u ^ ((__u32)k->peer_port << 16 | k->end_port) * 0x85ebca6bu ^ k->proto;

	h ^= h >> 15;
	h *= 0x2c1b3c6du;
	h ^= h >> 13;
	return h % WM_FLOW_BUCKETS;
}

/* frags: an allowed first fragment from an isolated end; value: jiffies it was seen. */
struct wm_frag_key {
	__u32 owner;         /* WM_FLOW_OWNER of the end */
	__be32 dst;
	__be16 id;
	__u8 proto;
	__u8 pad;
};

/* router_errors, same index as lans: how many ICMP errors of routers of this LAN went on in this second. */
struct wm_rate {
	__u64 second;        /* jiffies / hz */
	__u64 count;
};

/* Where the data plane looked at a packet. */
enum wm_hook {
	WM_HOOK_WG_IN,
	WM_HOOK_WG_OUT,
	WM_HOOK_LAN_IN,
	WM_HOOK_COUNT,
};

/* drops: packets that were dropped, by who, to whom, why and where. */
struct wm_drop_key {
	__be32 src, dst;     /* as they stood in the packet when it was dropped; 0: it is not IPv4 */
	__u32 ifindex;       /* where it came in; 0: from this machine itself */
	__u8 reason;         /* enum wm_reason */
	__u8 hook;           /* enum wm_hook */
	__u8 proto;
	__u8 pad;
};

/* The last one's sender and destination port. */
struct wm_drop_last {
	__u8 mac[6];         /* from a LAN; else zero */
	__be16 dport;        /* TCP, UDP; ICMP echo: its id; 0: not known */
};

struct wm_drop {
	__u64 packets, bytes;
	__u64 last;          /* jiffies */
	struct wm_drop_last seen;
};

/* drop_events: one drop, as it happens, while somebody follows. */
struct wm_drop_event {
	struct wm_drop_key key;
	struct wm_drop drop; /* of this packet alone */
};

/* drop_pace, per CPU: what drops may cost in this second, whatever comes in. */
struct wm_drop_pace {
	__u64 second;        /* jiffies / hz */
	__u32 listed;        /* new entries of drops */
	__u32 told;          /* events */
	__u32 shielded;      /* drops of the shield that were noted; the others it only counts */
	__u32 pad;
};
#define WM_DROPS_NEW_PER_S 1000
#define WM_DROPS_TOLD_PER_S 1000
#define WM_DROPS_SHIELDED_PER_S 1000

/* follow[0]: jiffies until which drops are told. wm-bpf renews it each second, so one that is killed ends by itself. */
#define WM_FOLLOW_S 3

#define WM_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " changed its layout")
WM_SIZE(struct wm_params, 44);
_Static_assert(__builtin_offsetof(struct wm_params, fwmark) == 28, "shields of other layouts are known by their fwmark");
_Static_assert(__builtin_offsetof(struct wm_params, tc_prio) == 40, "programs of other layouts are known by it");
WM_SIZE(struct wm_host_info, 32);
WM_SIZE(struct wm_lan_key, 8);
WM_SIZE(struct wm_hint_line, 64);
WM_SIZE(struct wm_lan_info, 48);
WM_SIZE(struct wm_host_stats, 32);
WM_SIZE(struct wm_counter, 16);
WM_SIZE(struct wm_flow_key, 16);
WM_SIZE(struct wm_flow, 16);
WM_SIZE(struct wm_flow_slot, 24);
WM_SIZE(struct wm_flow_bucket, 192);
WM_SIZE(struct wm_frag_key, 12);
WM_SIZE(struct wm_rate, 16);
WM_SIZE(struct wm_drop_key, 16);
WM_SIZE(struct wm_drop_last, 8);
WM_SIZE(struct wm_drop, 32);
WM_SIZE(struct wm_drop_event, 48);
WM_SIZE(struct wm_drop_pace, 24);
