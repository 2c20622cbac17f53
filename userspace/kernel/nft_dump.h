/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The elements of one set, all or some, as the kernel has them.
 */
#pragma once

#include "kernel/nft_batch.h"
#include "kernel/nl.h"

struct nlattr;

struct wm_nft_dump {
	int (*elem)(void *arg, const struct nlattr *nest); /* NFTA_SET_ELEM_* attributes; not 0 ends the dump */
	void (*forget)(void *arg);                         /* the dump begins, or begins again: what came before is void */
	void *arg;
	enum wm_nft_part part;                             /* whose set it is */
};

/* 0, what elem has returned, or -errno; -ENOENT: there is no such set. */
int wm_nft_dump_elems(struct wm_nl *nl, const char *table, const char *set, const struct wm_nft_dump *dump);
/* The same of those with these keys. -ENOENT: one of them is not there. */
int wm_nft_get_elems(struct wm_nl *nl, const char *table, const char *set, const void *const *key, size_t key_len, size_t n,
		     const struct wm_nft_dump *dump);
