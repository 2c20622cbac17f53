/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What bpf*.c share beside the set of maps and programs (bpf_set.h): what stands
 * in the maps, and what each file does for the others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/counters.h"
#include "core/drops.h"
#include "core/flows.h"
#include "core/error.h"
#include "core/instance.h"
#include "core/objects.h"
#include "core/plan.h"
#include "core/trace.h"
#include "kernel/bpf_set.h"
#include "kernel/link_nic.h"
#include "wm_shared.h"

/* A host as LAN ingress looks for it. */
struct wm_bpf_lan_host {
	struct wm_lan_key key;
	uint32_t index;
};

/* What stands, or shall stand, in hosts, lan_hosts, lan_hints, lans and shield. */
struct wm_bpf_content {
	struct wm_host_info *hosts;     /* naddrs of them; naddrs 0: nothing is known */
	uint32_t naddrs;
	struct wm_bpf_lan_host *lan_hosts; /* sorted by key */
	size_t nlan_hosts;
	struct wm_hint_line *lan_hints; /* WM_HINT_LINES of them; NULL: nothing is known */
	struct wm_lan_info lans[WM_LAN_SLOTS];
	uint32_t *at;                   /* of a part (bpf_part.c): the overlay index of hosts[i]; NULL: i */
	uint64_t *shield;               /* WM_SHIELD_SIZE of them; NULL: nothing is known */
	uint32_t nisolated;             /* of what shall stand there, as is the next */
	uint32_t *end;                  /* by overlay index: 1 + the index of who it is in the plan's ends; 0: nobody */
};
#define WM_HINT_LINES (WM_HINTS / WM_HINTS_PER_LINE)
#define WM_SHIELD_SIZE (WM_LAN_SLOTS * WM_SHIELD_WORDS)

/* --- bpf_log.c: libbpf's messages --- */

/* Takes them over and forgets earlier ones. Every verb begins with it. */
void wm_bpf_log_start(void);
/* As wm_fail, with ": <strerror> (<libbpf's last lines>)" behind it; rc is -errno. */
int wm_bpf_fail(struct wm_error *err, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* --- bpf.c --- */

/* What is in force, to be looked at; -ENOENT if nothing is. */
int wm_bpf_open(const struct wm_instance *inst, struct wm_bpf_set *ret, struct wm_error *err);

/* --- bpf_apply.c --- */

/* The verb of dataplane.h, and with since NULL apply: all is looked at. */
int wm_bpf_change(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_plan_diff *since,
		  uint32_t wg_ifindex, struct wm_error *err);

/* --- bpf_down.c --- */

/* Whether the kernel tells what is in force: 1; 0: it does not, as in many a container, and nothing of ours can be;
 * -errno: nor is that sure. What is left then still judges all packets, in front of whatever else there is. */
int wm_bpf_can_look(const struct wm_instance *inst, struct wm_error *err);
/* plan: of the other back end, which is in force by now; NULL: for good. Changes or -errno. */
int wm_bpf_take_down(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err);
/* A number that only this set has, and no table of nftables. */
uint64_t wm_bpf_source(const struct wm_bpf_set *set);

/* --- bpf_load.c --- */

uint32_t wm_bpf_object_hash(void);
/* Loads the programs. Maps of `from` marked in `share` are used, the others are
 * made with the sizes given. ret->meta has object and params. A shield that the
 * kernel does not take is no failure: ret->meta says why. */
int wm_bpf_load(const struct wm_params *params, const struct wm_bpf_set *from, const bool share[WM_BPF_MAPS],
		const uint32_t size[WM_BPF_MAPS], struct wm_bpf_set *ret, struct wm_error *err);
/* The same with one of the programs alone. */
int wm_bpf_load_one(const struct wm_params *params, const struct wm_bpf_set *from, const bool share[WM_BPF_MAPS],
		    const uint32_t size[WM_BPF_MAPS], enum wm_bpf_prog prog, struct wm_bpf_set *ret, struct wm_error *err);
/* Loads them on maps of the least size and lets go of them again. */
int wm_bpf_try_load(struct wm_error *err);
/* May we use BPF at all? 0 or -EPERM. */
int wm_bpf_permitted(struct wm_error *err);

/* --- bpf_plan.c: pure --- */

/* Everything but shares. -EEXIST, -EINVAL and -E2BIG say which end cannot be. */
int wm_bpf_content_plan(const struct wm_plan *plan, struct wm_bpf_content *ret, struct wm_error *err);
/* The same in two steps: all but hosts, which are most of it, and these, which cannot be refused. */
int wm_bpf_content_plan_places(const struct wm_plan *plan, struct wm_bpf_content *ret, struct wm_error *err);
int wm_bpf_content_plan_hosts(const struct wm_plan *plan, struct wm_bpf_content *io, struct wm_error *err);
void wm_bpf_content_free(struct wm_bpf_content *content); /* frees what it holds */
#define WM_AUTO_BPF_CONTENT __attribute__((cleanup(wm_bpf_content_free)))
void wm_bpf_plan_lan(const struct wm_lan *lan, struct wm_lan_info *ret);
void wm_bpf_plan_host(const struct wm_plan *plan, const struct wm_end *end, struct wm_host_info *ret); /* zeroed before */
int wm_bpf_lan_host_order(const void *a, const void *b);

/* The least sizes of the maps with so many places for processors. */
void wm_bpf_sizes(const struct wm_bpf_content *want, uint32_t places, uint32_t ret[WM_BPF_MAPS]);
/* To each isolated end that has none, the lowest share of 1..ends that is not used, in order. 0 or -ENOSPC. */
int wm_bpf_shares_give(struct wm_bpf_content *io, const bool *used, uint32_t ends);
/* Gives each isolated end a share of 1..ends: the one it has, else the lowest free. */
int wm_bpf_shares(const struct wm_bpf_content *have, struct wm_bpf_content *want, uint32_t ends);
/* The same host or device, maybe changed. */
bool wm_bpf_same_owner(const struct wm_host_info *a, const struct wm_host_info *b);
/* But for what was heard from it. Asked for each address there is. */
static inline bool wm_bpf_same_host(const struct wm_host_info *a, const struct wm_host_info *b)
{
	return !memcmp(a, b, offsetof(struct wm_host_info, mac)) && (!a->has_mac || a->mac_word == b->mac_word);
}
/* And at the same place: what was heard from it still holds. */
bool wm_bpf_same_station(const struct wm_host_info *a, const struct wm_host_info *b);
bool wm_bpf_same_subnet(const struct wm_params *params, const struct wm_plan *plan);
/* hz is the kernel's; everything else comes from instance and plan. */
void wm_bpf_params(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex, struct wm_params *ret);

/* --- bpf_part.c --- */

/* Of the addresses that `since` concerns: what stands in the maps, and what shall, shares and all. -EAGAIN: a part
 * will not do. */
int wm_bpf_content_part(const struct wm_bpf_set *set, const struct wm_plan *plan, const struct wm_plan_diff *since,
			struct wm_bpf_content *ret_have, struct wm_bpf_content *ret_want, struct wm_error *err);
/* Which entry of a part the overlay address with that index is; UINT32_MAX: none. */
uint32_t wm_bpf_entry_of(const struct wm_bpf_content *part, uint32_t index);

/* --- bpf_differ.c --- */

/* All is looked at. In: what wm_bpf_content_read_places has read of the set, what wm_bpf_content_plan_places has planned
 * for as many addresses, and how many shares there are. Out: the part of both that differs, as of wm_bpf_content_part. */
int wm_bpf_content_differ(const struct wm_bpf_set *set, const struct wm_plan *plan, uint32_t shares,
			  struct wm_bpf_content *io_have, struct wm_bpf_content *io_want, struct wm_error *err);

/* --- bpf_content.c --- */

int wm_bpf_lans_read(const struct wm_bpf_set *set, struct wm_bpf_content *ret);
int wm_bpf_array_read(const struct wm_bpf_set *set, enum wm_bpf_map map, void **ret); /* a copy of it, malloc'd */

/* Reads hosts, lan_hosts, lan_hints, lans and shield of a whole set. */
int wm_bpf_content_read(const struct wm_bpf_set *set, struct wm_bpf_content *ret, struct wm_error *err);
/* The same in two steps: lan_hints, lans and shield; hosts and lan_hosts, which grow with the site. */
int wm_bpf_content_read_places(const struct wm_bpf_set *set, struct wm_bpf_content *ret, struct wm_error *err);
int wm_bpf_content_read_hosts(const struct wm_bpf_set *set, struct wm_bpf_content *io, struct wm_error *err);

/* All of it in parts, so that little of it is in memory at a time: until something other than 0 is returned, which is the
 * result; or -errno. Values of an array that can be mapped are in order of the key, `first` that of the first of them, as
 * they lie in the kernel; LAN addresses come in no order. */
typedef int wm_bpf_values_fn(void *arg, uint32_t first, const void *values, uint32_t n);
typedef int wm_bpf_lan_host_fn(void *arg, const struct wm_bpf_lan_host *host);
int wm_bpf_array_walk(const struct wm_bpf_set *set, enum wm_bpf_map map, wm_bpf_values_fn *take, void *arg);
int wm_bpf_lan_hosts_walk(const struct wm_bpf_set *set, wm_bpf_lan_host_fn *take, void *arg);

/* The values of an array that can be mapped, where they lie: no copy, and far cheaper than asking for each. */
struct wm_bpf_view {
	const void *values; /* in order of the key */
	size_t len;
};
int wm_bpf_view(const struct wm_bpf_set *set, enum wm_bpf_map map, struct wm_bpf_view *ret); /* 0 or -errno */
void wm_bpf_view_end(struct wm_bpf_view *view); /* fine if there is none */

/* --- bpf_maps.c --- */

/* These return the number of changes, or -errno. */

/* From have to want in maps in use: at no instant a packet goes to or is taken
 * for someone else, or meets a shield that does not know its sender, who is
 * registered. LANs that left keep their slot until their filter is off. */
int wm_bpf_content_change(const struct wm_bpf_set *set, const struct wm_bpf_content *have,
			  const struct wm_bpf_content *want, struct wm_error *err);
/* Into empty maps; have: what stood in those that they replace. */
int wm_bpf_content_fill(const struct wm_bpf_set *set, const struct wm_bpf_content *have,
			const struct wm_bpf_content *want, struct wm_error *err);
/* Clears the slots of LANs that are not in want. */
int wm_bpf_lans_clear(const struct wm_bpf_set *set, const struct wm_bpf_content *have,
		      const struct wm_bpf_content *want, struct wm_error *err);

/* Zeroes what an earlier owner has left to a new one: counters, share of flows. */
int wm_bpf_hand_over(const struct wm_bpf_set *set, const struct wm_bpf_content *have,
		     const struct wm_bpf_content *want, struct wm_error *err);

/* --- bpf_carry.c: the number of changes, or -errno --- */

/* Puts a flow where there is room and it is not yet. True if it did. */
bool wm_bpf_bucket_add(struct wm_flow_bucket *bucket, const struct wm_flow_slot *flow);

/* What ends that stay have in maps that are replaced: flows not yet in the new
 * ones (also when run again). */
int wm_bpf_carry_flows(int from, int to, const struct wm_bpf_content *have, const struct wm_bpf_content *want,
		       struct wm_error *err);

/* --- bpf_owner.c --- */

struct wm_bpf_owner {
	int prog;         /* enum wm_bpf_prog */
	uint32_t fwmark;  /* of its instance */
	uint32_t tc_prio; /* the same; 0: of a layout without it */
};
/* May we ask whose the programs in force are? 0 or -errno. */
int wm_bpf_may_ask(void);
/* Of a program of ours, by its id; false: it is none, or not there. */
bool wm_bpf_owner_of(uint32_t id, struct wm_bpf_owner *ret);

/* --- bpf_tcx.c: programs in devices' tcx lists --- */

enum wm_bpf_side { WM_BPF_IN, WM_BPF_OUT };
/* Does this kernel have them (6.6)? 1, 0 or -errno: we may not ask. */
int wm_bpf_tcx_is_there(void);
/* Their ids, in order: how many; -errno. */
#define WM_BPF_TCX_MOST 64 /* BPF_MPROG_MAX */
int wm_bpf_tcx_list(uint32_t ifindex, enum wm_bpf_side side, uint32_t ret[WM_BPF_TCX_MOST]);
/* The id of the program there that was loaded with this priority; 0: none; -ENODEV, -errno. */
int64_t wm_bpf_tcx_at(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio);
/* Behind all that are there, or in the place of the one with the id `old`, if that is not 0. 0 or -errno. */
int wm_bpf_tcx_put(uint32_t ifindex, enum wm_bpf_side side, int prog, uint32_t old);
int wm_bpf_tcx_take(uint32_t ifindex, enum wm_bpf_side side, uint32_t id); /* fine if it is gone */

/* --- bpf_clsact.c: tc filters, each at handle 1 and its instance's priority, and the qdisc that they hang in --- */

/* The id of the program that is there; 0: there is no such filter; -ENODEV, -errno. */
int64_t wm_bpf_filter_at(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio);
/* These return 0 or -errno. */
int wm_bpf_filter_put(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio, int prog); /* or in the place of what is there */
int wm_bpf_filter_take(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio); /* fine if it is gone */
/* Ours, known by their names alone, off all devices, those on the ways in first: how many, or -errno. 0 too where none was at
 * the tunnel's mouth: then it is not known that they were in the form of filters. */
int wm_bpf_filters_take_named(uint16_t prio, struct wm_error *err);
/* A qdisc of kind "ingress" is enough for a LAN, but has no egress: it would take our filter for wg egress in place of the
 * one for ingress. -EEXIST: such a one is there. */
int wm_bpf_clsact_check(uint32_t ifindex, struct wm_error *err);
int wm_bpf_clsact_make(uint32_t ifindex, struct wm_error *err); /* 1 made, 0 that or "ingress" was there, -errno */
void wm_bpf_clsact_remove(uint32_t ifindex); /* unless there are filters in it */

/* --- bpf_attach.c: our programs' places, in tcx or under clsact --- */

const char *wm_bpf_device_name(uint32_t ifindex, char buf[WM_IFNAME_SIZE]); /* as people are told */

/* Adds wg and the plan's LANs to the meta's devices; true if that changed it.
 * Comes before attaching, so that a filter is never where nobody looks for it. */
bool wm_bpf_note_devices(const struct wm_plan *plan, uint32_t wg_ifindex, struct wm_bpf_meta *meta);

struct wm_bpf_device *wm_bpf_find_device(struct wm_bpf_meta *meta, uint32_t ifindex); /* NULL: not noted */

/* The devices are there, and no one else has our place on them: 0, -ENODEV, -EEXIST. */
int wm_bpf_check_places(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex,
			struct wm_bpf_set *set, struct wm_error *err);

/* These return the number of changes, or -errno. */

/* Makes sure that the set's programs are on wg and on the LANs of the plan. */
int wm_bpf_attach(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex,
		  struct wm_bpf_set *set, struct wm_error *err);
/* Takes them off the other devices of the meta map; everywhere: off all others. */
int wm_bpf_detach_others(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex,
			 struct wm_bpf_set *set, bool everywhere, struct wm_error *err);
/* Takes them off all devices; set may be not whole. keep_clsact: those of our making stay, and the meta knows of them. */
int wm_bpf_detach_all(const struct wm_instance *inst, struct wm_bpf_set *set, bool keep_clsact, struct wm_error *err);

/* What LAN ingress hangs in on that device, as people are told; NULL: it is not there. */
const char *wm_bpf_lan_hook(const struct wm_instance *inst, uint32_t ifindex);
/* A filter of ours is on some device: 1, 0 or -errno. */
int wm_bpf_attached(const struct wm_instance *inst, struct wm_error *err);

/* --- bpf_front.c (front.h) --- */

/* What an operator should know although nothing has failed: somebody's programs or filters are in front of ours. Behind
 * what err says already. */
void wm_bpf_tell_fronts(const struct wm_instance *inst, const struct wm_bpf_set *set, struct wm_error *err);

/* --- bpf_nic.c: may the shield go there? --- */

bool wm_bpf_in_container(void);
/* Pure: the mode in which the shield goes there; 0: not at all, and why. */
uint32_t wm_bpf_shield_mode(enum wm_xdp_choice choice, bool container, const struct wm_nic *nic,
			    char ret_why[WM_NO_SHIELD_SIZE]);

/* --- bpf_xdp.c: the shield's place on the LANs. Whose program is there is asked each time; others' stay. --- */

/* These return the number of changes, or -errno. */

/* Before the filters change: where a shield of ours is, it becomes the set's own,
 * because filters may learn of hosts that an older one does not know, and off
 * what is no LAN of the plan. One that cannot be replaced goes. On the meta's
 * devices; everywhere: on all. */
int wm_bpf_shield_renew(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_bpf_set *set,
			bool everywhere, struct wm_error *err);
/* After the filters are on: onto the LANs of the plan as the instance wants it
 * and the device allows, or off. That it cannot be somewhere is no failure: the
 * meta says why, and err too if the operator has asked for it. */
int wm_bpf_shield_apply(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_bpf_set *set,
			struct wm_error *err);
/* Off all devices, before the filters go. */
int wm_bpf_shield_remove(const struct wm_instance *inst, struct wm_error *err);

/* --- bpf_read.c --- */

/* The counters, one per reason, of all processors. 0 or -errno. */
int wm_bpf_reasons_read(const struct wm_bpf_set *set, struct wm_count ret[WM_REASON_COUNT]);
uint32_t wm_bpf_hz(void); /* jiffies a second */
int wm_bpf_jiffies(uint64_t *ret); /* the kernel's, now; 0 or -errno */
/* When it was, in unix time; the two clocks are read as one. */
struct wm_bpf_moment {
	uint64_t jiffies;
	int64_t unix_time;
	uint32_t hz;
};
int wm_bpf_now(const struct wm_bpf_set *set, struct wm_bpf_moment *ret); /* 0 or -errno */
int64_t wm_bpf_unix_time(const struct wm_bpf_moment *now, uint64_t jiffies); /* 0 for 0 */

struct wm_drop_follower;
/* bpf_drops.c */
int wm_bpf_drops(const struct wm_bpf_set *set, struct wm_drop_views *ret, struct wm_error *err);
int wm_bpf_follow(const struct wm_instance *inst, const struct wm_drop_follower *follower, struct wm_error *err);
/* bpf_objects.c */
int wm_bpf_objects(const struct wm_bpf_set *set, struct wm_objects *ret, struct wm_error *err);
/* bpf_trace.c */
int wm_bpf_trace(const struct wm_instance *inst, const struct wm_trace_in *in, struct wm_trace *ret, struct wm_error *err);
/* bpf_flows.c */
int wm_bpf_flows(const struct wm_bpf_set *set, struct wm_flow_views *ret, struct wm_error *err);
/* bpf_flows_hand.c: what fails is told. From nftables into a set that is not in force yet; *ret, which the caller frees, is
 * what was taken; then, in force, those that have begun meanwhile. */
void wm_bpf_flows_take(const struct wm_instance *inst, const struct wm_bpf_set *set, const struct wm_bpf_content *want,
		       struct wm_flow_views *ret);
void wm_bpf_flows_take_more(const struct wm_instance *inst, const struct wm_bpf_set *set, const struct wm_bpf_content *want,
			    const struct wm_flow_views *taken);
/* To nftables, which is in force: those that were not given yet. *given, which the caller frees, becomes what there was. */
void wm_bpf_flows_give(const struct wm_instance *inst, const struct wm_bpf_set *set, struct wm_flow_views *given);
int wm_bpf_counters(const struct wm_bpf_set *set, struct wm_counters *ret, struct wm_error *err);
