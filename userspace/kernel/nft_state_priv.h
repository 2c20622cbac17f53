/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What reading and writing our tables have in common.
 */
#pragma once

#include "kernel/nft_state.h"

#define WM_NFT_COMMENT "wm-gateway" /* of our tables */
#define WM_NFT_NO_DEVICE "/" /* of a chain whose device has gone, where the kernel keeps those (6.4); no device's name */

/* What each part is made of, besides its sets. */
struct wm_nft_frame {
	const struct wm_nft_chain *chains;
	const unsigned int *nchains;
	uint32_t reasons; /* a bit for each that it counts */
	unsigned int more_sets;
};
extern const struct wm_nft_frame wm_nft_frames[WM_NFT_PARTS];

/* A chain on a device. */
static inline bool wm_nft_comes_and_goes(enum wm_nft_part part, const struct wm_nft_chain *chain)
{
	return part == WM_NFT_FAST && chain->type;
}

/* nft_table.c: a question about a part's objects, NFT_MSG_GET*, to which attributes are added. */
struct nlmsghdr *wm_nft_request(struct wm_nl *nl, enum wm_nft_part part, uint16_t type);
/* The text of a comment in userdata; "" when there is none. */
const char *wm_nft_comment_of(const struct nlattr *userdata);
struct wm_nft_found {
	bool ours;
	uint32_t flags;
	uint64_t handle;
};
/* As wm_nft_table_exists; ret is as it was if there is none. */
int wm_nft_table_find(struct wm_nl *nl, enum wm_nft_part part, const char *table, struct wm_nft_found *ret);

/* nft_change.c: an empty table with our comment; a chain in it. device: NULL: not on one. */
void wm_nft_table_create(struct wm_nft_batch *batch, enum wm_nft_part part, const char *table);
void wm_nft_chain_create(struct wm_nft_batch *batch, const char *table, const struct wm_nft_chain *chain, const char *device);
