/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The sets and maps of our nftables table: what stands in them for a plan, what
 * the kernel has in them, and the messages that turn one into the other.
 *
 * Everything that grows with the number of hosts lives here, so that there is
 * never a rule per host. Elements carry the counters of hosts and devices.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/counters.h"
#include "core/instance.h"
#include "core/plan.h"
#include "kernel/nft_batch.h"
#include "kernel/nl.h"

enum wm_nft_set_id {
	WM_NFT_TO,        /* overlay -> LAN address: hosts, counting what goes to them */
	WM_NFT_LAN_MARK,  /* overlay -> mark of the host's LAN; empty with one LAN */
	WM_NFT_FROM,      /* LAN, LAN address -> overlay: full hosts, counting what they send */
	WM_NFT_FROM_MAC,  /* LAN, LAN address, MAC -> overlay: the same with a bound MAC */
	WM_NFT_KNOWN,     /* the keys of FROM; looking here counts nothing */
	WM_NFT_KNOWN_MAC, /* the keys of FROM_MAC */
	WM_NFT_ISOLATED,  /* LAN, LAN address -> overlay: isolated hosts */
	WM_NFT_ISOLATED_MAC,
	WM_NFT_BOUND,     /* LAN, LAN address: hosts with a bound MAC, counting frames from another one */
	WM_NFT_DEV_TO,    /* overlay: devices of this hub, counting what goes to them */
	WM_NFT_DEV_FROM,  /* overlay: full devices, counting what they send */
	WM_NFT_DEV_ISOLATED, /* overlay: isolated devices */
	WM_NFT_ISO,       /* overlay -> owner: isolated hosts and devices */
	WM_NFT_ISO_FROM,  /* overlay: the same, counting what they send */
	WM_NFT_ISO_DROPS, /* overlay: the same, counting what was dropped */
	WM_NFT_ENDS,      /* overlay: all hosts and devices */
	WM_NFT_HOSTS,     /* LAN, LAN address -> overlay: all hosts */
	WM_NFT_QUOTED_TO, /* overlay, the same once more -> LAN address: all hosts */
	WM_NFT_FAST_LENGTHS, /* packet, IP: equal lengths that fit everywhere. From here on: of the fast path */
	WM_NFT_FAST_TO,   /* overlay -> LAN address: full hosts, counting what goes to them */
	WM_NFT_FAST_LAN,  /* overlay -> interface index of the host's LAN; empty with one LAN */
	WM_NFT_FAST_HOSTS, /* LAN, LAN address: all hosts */
	WM_NFT_FAST_FROM, /* LAN, LAN address -> overlay: full hosts without a bound MAC, counting what they send */
	WM_NFT_SETS,
};

enum wm_nft_key {
	WM_NFT_KEY_OVERLAY, /* ipv4_addr */
	WM_NFT_KEY_LAN,     /* iface_index . ipv4_addr */
	WM_NFT_KEY_MAC,     /* iface_index . ipv4_addr . ether_addr */
	WM_NFT_KEY_PAIR,    /* ipv4_addr . ipv4_addr */
	WM_NFT_KEY_LENGTHS, /* mark . inet_service: a number as the machine has it, one as on the wire */
};

enum wm_nft_data { WM_NFT_NO_DATA, WM_NFT_DATA_ADDR, WM_NFT_DATA_MARK, WM_NFT_DATA_IFINDEX };

/* Which counter of an end an element's counter is. */
enum wm_nft_counts { WM_NFT_COUNTS_NOTHING, WM_NFT_COUNTS_TO, WM_NFT_COUNTS_FROM, WM_NFT_COUNTS_DROPS };

struct wm_nft_set {
	const char *name;
	enum wm_nft_key key;
	enum wm_nft_data data;
	enum wm_nft_counts counts;
};

extern const struct wm_nft_set wm_nft_sets[WM_NFT_SETS];

#define WM_NFT_KEY_MAX 16
#define WM_NFT_OWNER 0x57 /* in an element's user data: type, length, the number as the machine has it; nft skips it */
#define WM_NFT_FAST_LEAST 28 /* bytes of a packet of the fast path: IP and UDP headers */

/* An element. Byte orders are those of the kernel's registers: addresses and
 * MACs as on the wire, interface index and mark as the machine has them. */
struct wm_nft_elem {
	uint8_t key[WM_NFT_KEY_MAX]; /* zero behind the key's length */
	uint32_t data;               /* the map's value; in sets keyed by LAN the overlay address, kept as a comment */
	uint32_t owner;              /* where it counts: hash of the name of whom it counts for; else 0 */
};

struct wm_nft_elems {
	struct wm_nft_elem *v; /* sorted by key */
	size_t n, cap;
};

struct wm_nft_content {
	struct wm_nft_elems set[WM_NFT_SETS];
};

enum wm_nft_part wm_nft_set_part(enum wm_nft_set_id id);
/* Sets of one part: [first, end). */
static inline int wm_nft_first_set(enum wm_nft_part part)
{
	return part == WM_NFT_FAST ? WM_NFT_FAST_LENGTHS : 0;
}
static inline int wm_nft_end_set(enum wm_nft_part part)
{
	return part == WM_NFT_FAST ? WM_NFT_SETS : WM_NFT_FAST_LENGTHS;
}

int wm_nft_elems_add(struct wm_nft_elems *set, const struct wm_nft_elem *elem); /* at the end; 0 or -ENOMEM */
void wm_nft_elems_sort(struct wm_nft_elems *set);
int wm_nft_elem_order(const void *a, const void *b); /* by key */

void wm_nft_content_free(struct wm_nft_content *content); /* frees what it holds; NULL-safe */

/* The mark of a packet that was translated for a LAN of the plan. */
uint32_t wm_nft_lan_mark(const struct wm_instance *inst, unsigned int lan);

/* What the sets hold for a plan; those of the fast path only if there is one. -EEXIST names two ends that claim one key. */
int wm_nft_content_plan(const struct wm_instance *inst, const struct wm_plan *plan, bool fast, struct wm_nft_content *ret,
			struct wm_error *err);

/* What they hold for some of a plan's ends. */
int wm_nft_content_ends(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_end *ends, size_t n,
			bool fast, struct wm_nft_content *ret, struct wm_error *err);
/* Takes one out of `all` and puts another in: -ENOENT, -EEXIST, -ENOMEM, and `all` is as it was. */
int wm_nft_content_splice(struct wm_nft_content *all, const struct wm_nft_content *gone, const struct wm_nft_content *come);

/* What those of one part hold in the kernel; -ENOENT when a set is not there. Adds to *ret, which the caller frees even if it fails. */
int wm_nft_content_read(struct wm_nl *nl, const char *table, enum wm_nft_part part, struct wm_nft_content *ret);

/* One of them alone, sorted. */
int wm_nft_elems_read(struct wm_nl *nl, const char *table, enum wm_nft_set_id id, struct wm_nft_elems *ret);
/* What these have counted, of one set; not more than 64 at once. -ENOENT: one of them is not there. */
int wm_nft_elems_count(struct wm_nl *nl, const char *table, enum wm_nft_set_id id, const struct wm_nft_elem *const *elem,
		       size_t n, struct wm_count *ret);
/* The element with the key of `wanted`; NULL: none. */
const struct wm_nft_elem *wm_nft_elem_find(const struct wm_nft_elems *set, const struct wm_nft_elem *wanted);
/* An element's expression, if it is a counter; else zero. NULL-safe. */
struct nlattr;
struct wm_count wm_nft_counter(const struct nlattr *expr);

struct wm_nft_keep;
/* Deletions of all sets first (a split batch is stricter in between, never laxer). keep: what new elements begin with; may
 * be NULL. */
void wm_nft_content_diff(struct wm_nft_batch *batch, const char *table, const struct wm_nft_content *have,
			 const struct wm_nft_content *want, const struct wm_nft_keep *keep);

/* The elements' counters, per end, into ret->ends (sorted), of both parts; the fast one need not be there. 0, -ENOENT, -errno. */
int wm_nft_content_counters(struct wm_nl *nl, const char *table, struct wm_counters *ret);

/* Creates set `id`, empty. */
void wm_nft_set_create(struct wm_nft_batch *batch, const char *table, enum wm_nft_set_id id);

uint32_t wm_nft_key_len(enum wm_nft_key key); /* bytes */
uint32_t wm_nft_set_flags(enum wm_nft_set_id id); /* NFT_SET_* as the kernel reports them */
