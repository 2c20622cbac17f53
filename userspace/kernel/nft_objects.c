/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The sets of our table: what they are for and how many elements they have. How
 * much memory that takes the kernel does not tell.
 */
#include "kernel/nft_objects.h"

#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "kernel/nft_dump.h"
#include "kernel/nft_drops.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_sets.h"

static const char *const purposes[WM_NFT_SETS] = {
	[WM_NFT_TO] = "hosts by overlay address: their LAN address, and what went to them",
	[WM_NFT_LAN_MARK] = "the LAN of each host, where there are several",
	[WM_NFT_FROM] = "full hosts by LAN and address, and what they have sent",
	[WM_NFT_FROM_MAC] = "the same with a bound MAC",
	[WM_NFT_KNOWN] = "full hosts, for looking without counting",
	[WM_NFT_KNOWN_MAC] = "the same with a bound MAC",
	[WM_NFT_ISOLATED] = "isolated hosts by LAN and address",
	[WM_NFT_ISOLATED_MAC] = "the same with a bound MAC",
	[WM_NFT_BOUND] = "hosts with a bound MAC, and frames from another one",
	[WM_NFT_DEV_TO] = "devices of this hub, and what went to them",
	[WM_NFT_DEV_FROM] = "full devices, and what they have sent",
	[WM_NFT_DEV_ISOLATED] = "isolated devices",
	[WM_NFT_ISO] = "isolated hosts and devices, and whose flows are theirs",
	[WM_NFT_ISO_FROM] = "what isolated hosts and devices have sent",
	[WM_NFT_ISO_DROPS] = "what was dropped because of them",
	[WM_NFT_ENDS] = "all hosts and devices by overlay address",
	[WM_NFT_HOSTS] = "all hosts by LAN and address",
	[WM_NFT_QUOTED_TO] = "hosts, for packets that ICMP errors quote",
	[WM_NFT_FAST_LENGTHS] = "the fast path's: lengths of a packet that fits everywhere",
	[WM_NFT_FAST_TO] = "the fast path's: full hosts by overlay address, and what went to them",
	[WM_NFT_FAST_LAN] = "the fast path's: the LAN of each, where there are several",
	[WM_NFT_FAST_HOSTS] = "the fast path's: all hosts by LAN and address",
	[WM_NFT_FAST_FROM] = "the fast path's: full hosts by LAN and address, and what they have sent",
};

static const char *const flow_purposes[WM_NFT_FLOW_SETS] = {
	[WM_NFT_HALF] = "flows to isolated ends that are asked",
	[WM_NFT_SEEN] = "TCP among them that the end has answered",
	[WM_NFT_ANSWERED] = "answered UDP; TCP of which one side has closed",
	[WM_NFT_LIVE] = "established TCP",
	[WM_NFT_FIN_PEER] = "flows whose peer has closed",
	[WM_NFT_FIN_END] = "flows whose end has closed",
	[WM_NFT_CLOSED] = "closed TCP",
	[WM_NFT_FRAGS] = "first fragments of isolated ends that were let through",
	[WM_NFT_PAIRS] = "two fields of an isolated end's ICMP error, while they are compared",
	[WM_NFT_ROUTER_PAIRS] = "two fields of a LAN router's ICMP error, while they are compared",
};

static const char *const drops_purposes[WM_NFT_PARTS] = {
	[WM_NFT_MAIN] = "what was dropped: who, to whom, why, where",
	[WM_NFT_FAST] = "the fast path's: what was dropped there",
};

static int count(void *arg, const struct nlattr *nest)
{
	(void)nest;
	++*(uint64_t *)arg;
	return 0;
}

static void count_again(void *arg)
{
	*(uint64_t *)arg = 0;
}

/* most: WM_UNKNOWN where the plan says how many there are. */
static int add(struct wm_nl *nl, const char *table, enum wm_nft_part part, struct wm_map_view view, struct wm_objects *ret)
{
	int rc = wm_nft_dump_elems(nl, table, view.name, &(struct wm_nft_dump){ count, count_again, &view.used, part });

	view.bytes = WM_UNKNOWN;
	if (rc == -ENOENT && part == WM_NFT_FAST)
		return 0; /* there is no fast path */
	return rc ? rc : wm_objects_add_map(ret, &view);
}

int wm_nft_objects(struct wm_nl *nl, const char *table, struct wm_objects *ret)
{
	struct wm_objects objects = { 0 };
	int rc = 0;

	for (int i = 0; !rc && i < WM_NFT_SETS; i++)
		rc = add(nl, table, wm_nft_set_part((enum wm_nft_set_id)i),
			 (struct wm_map_view){ .name = wm_nft_sets[i].name, .help = purposes[i], .most = WM_UNKNOWN }, &objects);
	for (int i = 0; !rc && i < WM_NFT_FLOW_SETS; i++)
		rc = add(nl, table, WM_NFT_MAIN, (struct wm_map_view){ .name = wm_nft_flow_sets[i].name, .help = flow_purposes[i],
							      .most = wm_nft_flow_sets[i].size }, &objects);
	for (int part = 0; !rc && part < WM_NFT_PARTS; part++)
		rc = add(nl, table, (enum wm_nft_part)part,
			 (struct wm_map_view){ .name = wm_nft_drops_name((enum wm_nft_part)part), .most = WM_NFT_DROPS_SIZE,
					       .help = drops_purposes[part] }, &objects);
	if (rc) {
		wm_objects_free(&objects);
		return rc;
	}
	*ret = objects;
	return 0;
}
