/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel's notices that something of a gateway's may have changed: links,
 * addresses, routes, rules, sysctls of devices, tc filters (rtnetlink), the
 * nftables ruleset (nfnetlink), and the files for dnsmasq (inotify). Only a hint
 * to compare again. No notices are sent of WireGuard peers, BPF maps and tcx
 * lists (up to 6.18): those are seen by who looks from time to time.
 */
#pragma once

#include <stdbool.h>

#include "core/error.h"
#include "core/instance.h"
#include "core/plan.h"

enum wm_notice_source { WM_NOTICE_ROUTE, WM_NOTICE_NFT, WM_NOTICE_FILES, WM_NOTICE_SOURCES };

struct wm_notice {
	const struct wm_instance *inst;
	int fd[WM_NOTICE_SOURCES]; /* readable: call wm_notice_read; -1: cannot be had */
	/* What concerns us; all: whatever there is, as long as that is not known. */
	bool all;
	struct wm_prefix supernet;
	char ifname[2 * WM_LANS_MAX + 1][WM_IFNAME_SIZE]; /* the wg device, the LANs, those that are wished for */
	unsigned int nifname;
	uint32_t ifindex[WM_LANS_MAX + 1]; /* the wg device's first; 0: there is none */
	unsigned int nifindex;
	bool nft; /* the ruleset holds something of ours */
	int dir[4]; /* inotify's, of the files' directories; -1: not watched (yet) */
};

/* 0, or -errno when not even one source can be had: err says why; *ret can be closed in any case. The sources that are
 * missing are -1. inst must outlive it. */
int wm_notice_open(struct wm_notice *ret, const struct wm_instance *inst, struct wm_error *err);
void wm_notice_close(struct wm_notice *n);

/* What concerns us from now on. plan NULL: nothing is in force, everything does. wg_ifindex 0: there is none. nft: that
 * data plane is in force. Cheap; to be called after each comparison. */
void wm_notice_watch(struct wm_notice *n, const struct wm_plan *plan, uint32_t wg_ifindex, bool nft);

/* Takes in all that has come; true when something of it may concern us, or when some was lost. */
bool wm_notice_read(struct wm_notice *n);
