/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A batch of nf_tables messages: the kernel takes all of it or nothing, and
 * only if the rulesets of this network namespace are still of the generation
 * that the batch was made for.
 *
 * The batch's memory is its message buffer; libmnl and libnftnl builders write
 * into it directly. An allocation that failed is remembered in `error` and
 * shows when the batch is sent, so that builders need not check.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>

#include "core/error.h"

/* A message may be this long. Element lists are cut far below: the length of a
 * netlink attribute is 16 bits. */
#define WM_NFT_MSG_MAX 65536
#define WM_NFT_ELEMS_MAX 32768

#define WM_NFT_ATTEMPTS 10 /* at a batch, while others change rulesets */

/* There are two tables of one name: a batch, and the rules, sets and dumps below, are about one or the other. */
enum wm_nft_part {
	WM_NFT_MAIN, /* family ip: everything */
	WM_NFT_FAST, /* family netdev: plain packets, before the stack sees them */
	WM_NFT_PARTS,
};
extern const uint8_t wm_nft_families[WM_NFT_PARTS]; /* NFPROTO_* */

struct wm_nft_batch {
	char *buf;
	size_t len, cap;
	enum wm_nft_part part; /* whose table the next messages are about */
	uint32_t seq;          /* of the last message; the first is 1 */
	size_t whole;          /* so many bytes from the first on are never cut */
	unsigned int changes;  /* tables, chains, sets, counters, rules and elements written or deleted */
	int error;
};

void wm_nft_batch_free(struct wm_nft_batch *batch); /* frees what it holds */

/* A message of WM_NFT_MSG_MAX bytes at most, NFT_MSG_* with extra NLM_F_*;
 * NULL when there is no memory. Everything between it and its end goes into it. */
struct nlmsghdr *wm_nft_msg(struct wm_nft_batch *batch, uint16_t type, uint16_t flags);
void wm_nft_msg_end(struct wm_nft_batch *batch, struct nlmsghdr *nlh);

/* The same for elements of a set, whose list is open until the end; *ret_list is for that. NULL as above. */
struct nlmsghdr *wm_nft_elems_begin(struct wm_nft_batch *batch, uint16_t type, uint16_t flags, const char *table, const char *set,
				    struct nlattr **ret_list);
void wm_nft_elems_end(struct wm_nft_batch *batch, struct nlmsghdr *nlh, struct nlattr *list);

/* What the kernel said. */
struct wm_nft_answer {
	uint32_t refused;  /* seq of the first message it refused; 0: none */
	uint16_t type;     /* its NFT_MSG_* */
	char why[128];     /* the kernel's own words, or "" */
};

/* Sends all for generation `gen`. Returns how many transactions it took (each
 * adds one to the generation): one, unless this process may not have a socket
 * buffer for all of it (unprivileged containers); then it is cut between
 * messages behind batch->whole. -EMSGSIZE: that alone is too much, and nothing
 * was sent. -ERESTART: the generation is not `gen` any more. */
int wm_nft_batch_send(const struct wm_nft_batch *batch, uint32_t gen, struct wm_nft_answer *ret);
