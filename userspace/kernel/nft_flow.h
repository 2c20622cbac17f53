/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The flows of isolated ends: the dynamic sets in which packets leave their
 * traces, and the parts of rules that read and write them.
 *
 * A flow's state is the set it stands in; how long it lives is the timeout that
 * the opener's packets give it. The end's own packets move it on (answered,
 * closing) but never refresh it, so that no end holds its pinhole open.
 */
#pragma once

#include "core/flows.h"
#include "kernel/nft_expr.h"
#include "kernel/nl.h"

enum wm_nft_flow_set {
	WM_NFT_HALF,     /* asked; not answered, or TCP that is not established yet, or a ping */
	WM_NFT_SEEN,     /* besides HALF: TCP that the end has answered */
	WM_NFT_ANSWERED, /* UDP that was answered; TCP of which one side has closed */
	WM_NFT_LIVE,     /* TCP, established */
	WM_NFT_FIN_PEER, /* besides ANSWERED or HALF: who asked has closed */
	WM_NFT_FIN_END,  /* besides ANSWERED: the end has closed */
	WM_NFT_CLOSED,   /* TCP: both have, or one has reset it */
	WM_NFT_FRAGS,    /* first fragments of ends that were let through */
	WM_NFT_PAIRS,    /* two fields of one packet that must be equal, while it is looked at: an end's error */
	WM_NFT_ROUTER_PAIRS, /* ... a router's */
	WM_NFT_FLOW_SETS,
};

struct wm_nft_flow_shape {
	const char *name;
	uint32_t key_len;  /* bytes */
	uint32_t key_type; /* nft's */
	uint32_t size;     /* elements */
	uint32_t timeout_s;
};
extern const struct wm_nft_flow_shape wm_nft_flow_sets[WM_NFT_FLOW_SETS];

#define WM_NFT_FLOW_FLAGS (NFT_SET_TIMEOUT | NFT_SET_EVAL)

/* Creates the set, empty. */
void wm_nft_flow_set_create(struct wm_nft_batch *batch, const char *table, enum wm_nft_flow_set id);

/* What one of them holds. */
#define WM_NFT_FLOW_KEY_MAX 20
struct wm_nft_trace {
	enum wm_nft_flow_set set;
	uint8_t key[WM_NFT_FLOW_KEY_MAX]; /* as in the kernel's registers: addresses, ports and ids as on the wire */
	uint64_t timeout_ms, expires_ms;  /* given to it; left of that */
};

/* Calls fn for each element of each set; fn returns 0, or -errno to stop. -ENOENT: there is no such table. A dump that
 * others disturbed begins anew: then fn sees a set's elements again, after forget(arg, set). */
int wm_nft_flows_read(struct wm_nl *nl, const char *table, int (*fn)(void *arg, const struct wm_nft_trace *trace),
		      void (*forget)(void *arg, enum wm_nft_flow_set set), void *arg);

/* nft_flows.c: what they say, flow by flow, sorted. 0 or -errno. */
int wm_nft_flows(struct wm_nl *nl, const char *table, struct wm_flow_views *ret);

/* nft_flow_put.c: flows that this back end has not seen begin go on here, those of ends that the table has. As far as there
 * is room: three quarters of each set; what a set has already stays. Changes the ruleset's generation. 0, or -errno: something
 * is not there (-ENOSPC: no room), the rest is. */
int wm_nft_flows_put(const char *table, const struct wm_flow_views *flows, struct wm_error *err);

/* Which packets of a flow, and where its ports stand. */
enum nft_flow {
	NFT_FLOW_TO,       /* towards the end: TCP, UDP */
	NFT_FLOW_FROM,     /* from the end */
	NFT_ECHO_TO,       /* ICMP echo: the id is the end's port */
	NFT_ECHO_FROM,
	NFT_QUOTED_FLOW,   /* from the end: an ICMP error that quotes a packet of the flow, without IP options */
	NFT_QUOTED_ECHO,
};

/* The owner of the isolated end that is the packet's `end` address becomes its mark for as long as chains of isolation
 * look at it: part of the key of all its flows. (Into a register it cannot go: nft 1.0.6 fails to list a key with a
 * part that came out of a map.) Matches when there is such an end. */
void nft_mark_owner(struct wm_nft_rules *b, enum nft_addr end);
void nft_mark_owner_of_mark(struct wm_nft_rules *b); /* ... of the end whose overlay address is the mark so far */

/* Matches when the packet's flow is in the set. */
void nft_flow_in(struct wm_nft_rules *b, enum nft_flow flow, enum wm_nft_flow_set set);

/* Matches unless the set is full. `put` gives it `seconds` to live, from now; `add` does so only if it is new. */
void nft_flow_put(struct wm_nft_rules *b, enum nft_flow flow, enum wm_nft_flow_set set, unsigned int seconds);
void nft_flow_add(struct wm_nft_rules *b, enum nft_flow flow, enum wm_nft_flow_set set, unsigned int seconds);
void nft_flow_drop(struct wm_nft_rules *b, enum nft_flow flow, enum wm_nft_flow_set set); /* matches always */

/* Fragments of one packet: the end's owner (which is the mark), destination, id and protocol. */
void nft_fragments_put(struct wm_nft_rules *b, unsigned int seconds);
void nft_fragments_in(struct wm_nft_rules *b);

/* Equal or not? nftables compares a register with a constant only, so one side is put into a set under the packet's
 * own source, id and processor, and the other looked for there. A processor looks at one packet at a time: no other one
 * can vouch for it. */
enum nft_pair {
	NFT_PAIR_OUTER,       /* destination and source of the packet */
	NFT_PAIR_QUOTED,      /* source and destination of the packet it quotes */
	NFT_PAIR_QUOTED_HOST, /* ..., the destination being a host's LAN address: its overlay address, from the mark */
	NFT_PAIR_OUTER_DST,   /* the destination alone */
	NFT_PAIR_QUOTED_SRC,  /* the quoted source alone */
};
/* For that: of the host of this LAN to whom the quoted packet goes. Matches when there is one. */
void nft_mark_quoted_host(struct wm_nft_rules *b);
void nft_pair_put(struct wm_nft_rules *b, enum nft_pair pair, enum wm_nft_flow_set set);
void nft_pair_in(struct wm_nft_rules *b, enum nft_pair pair, enum wm_nft_flow_set set);
void nft_pair_drop(struct wm_nft_rules *b, enum nft_pair pair, enum wm_nft_flow_set set);
