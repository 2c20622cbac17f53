/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The programs of bpf/ as functions of this process: what they run on (a
 * packet, the maps of a mesh, a clock) and what they decided.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "kernel/bpf_priv.h"

/* --- packets (helpers.c) ------------------------------------------------------------- */

/* As the kernel's sk_buff, as far as the helpers look. */
struct skb {
	struct __sk_buff ctx;     /* first: what programs get; ctx.len bytes of data */
	uint8_t *data;            /* malloc'd to that very size, so that AddressSanitizer sees its ends */
	uint32_t network;         /* offset of the IP header: 14 at a LAN's ingress, 0 at wg */
	bool partial;             /* CHECKSUM_PARTIAL: the sum from csum_start on is left to the device */
	uint32_t csum_start, csum_offset;
	/* what a redirecting helper wants */
	uint32_t to_ifindex;
	bool by_neighbour;
	uint32_t next_hop;        /* network order; 0: by the packet's destination */
};

/* A copy of len bytes. Ends the process when there is no memory, as everything here. */
struct skb *skb_new(const uint8_t *data, size_t len);
struct skb *skb_copy(const struct skb *skb);
void skb_free(struct skb *skb);
/* Takes n bytes off the front or puts zeroes there; offsets follow. */
void skb_pull(struct skb *skb, uint32_t n);
void skb_push(struct skb *skb, uint32_t n);

/* --- maps (maps.c) ------------------------------------------------------------------- */

/* One of the programs' maps, in one mesh. */
struct native_map {
	uint32_t type, key_size, value_size, size; /* BPF_MAP_TYPE_*, bytes, entries */
	uint8_t *values;                           /* size of them */
	/* hashes: keys, and lists of entries by hash and by age */
	uint8_t *keys;
	uint32_t *chain, *bucket, nbuckets;        /* entry + 1; 0: end */
	uint32_t *older, *newer, oldest, newest, used;
	uint32_t *free, nfree;
};

void map_init(struct native_map *map, uint32_t size); /* its shape is set; empty */
void map_clear(struct native_map *map);
void *map_lookup(struct native_map *map, const void *key); /* an LRU notes that it was used */
int map_update(struct native_map *map, const void *key, const void *value);
int map_delete(struct native_map *map, const void *key);
/* Every value that is in use. */
void map_each(struct native_map *map, void (*each)(void *value, uint64_t arg), uint64_t arg);

/* --- programs (progs.c) -------------------------------------------------------------- */

#define ENDS 8 /* shares of the flow table: as many isolated ends as any plan here has */

struct native_plane {
	struct native_map map[WM_BPF_MAPS];
	struct wm_params params;
	bool shield; /* is on the LANs */
};

/* Maps of these sizes, empty. */
void native_plane_init(struct native_plane *plane, const uint32_t size[WM_BPF_MAPS]);

/* Runs a tc program on skb with the maps and parameters of plane. Returns TC_ACT_*. */
int native_run(struct native_plane *plane, enum wm_bpf_prog prog, struct skb *skb);
/* Runs the shield on a frame. Returns XDP_*. */
int native_run_shield(struct native_plane *plane, uint32_t ifindex, const uint8_t *frame, size_t len);

/* --- clock and failing helpers (helpers.c) ------------------------------------------- */

#define NATIVE_HZ 250

extern uint64_t native_now; /* jiffies */

/* The helpers that can fail are counted, and the one with number fail_at (from 1; 0: none) fails. */
extern struct native_fault {
	unsigned int calls, fail_at;
	bool only_counted;  /* the one that failed looked for a counter: nothing but counting suffers */
	const char *failed; /* its name; NULL: none has */
} native_fault;

bool native_fails(const char *helper);

/* Drops that were told, and the last of them. The ring has room unless it is said to be full. */
extern struct native_ring {
	bool full;
	unsigned int told;
	struct wm_drop_event last;
} native_ring;

/* How many L4 checksums came to 0. */
extern unsigned int native_zero_sums;

/* The map that a program means. */
struct native_map *native_map_of(const void *map);

/* Where the last redirecting helper sends the packet (helpers.c); for native_run. */
void native_take_redirect(struct skb *skb);
