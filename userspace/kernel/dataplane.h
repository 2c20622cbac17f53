/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A data plane back end: the same verbs for BPF and nftables. The packet
 * semantics both keep are docs/dataplane.md.
 */
#pragma once

#include "core/counters.h"
#include "core/drops.h"
#include "core/error.h"
#include "core/flows.h"
#include "core/instance.h"
#include "core/objects.h"
#include "core/plan.h"
#include "core/trace.h"

/* Who wants to hear of drops as they happen. */
struct wm_drop_follower {
	int stop_fd; /* readable: no longer */
	int (*told)(void *arg, const struct wm_drop_view *drop); /* not 0: no longer */
	int (*untold)(void *arg, uint64_t n); /* so many more than could be told */
	void *arg;
};

struct wm_dataplane {
	const char *name; /* "bpf", "nft" */

	/* Can it run on this machine, now? Touches nothing that stays.
	 * 0, or -errno with the reason that status shows. */
	int (*probe)(const struct wm_instance *inst, struct wm_error *err);

	/* Brings it into force for plan, changing only what differs. The wg
	 * device (wg_ifindex) exists; it may still be down. Returns the number
	 * of changes made to the kernel, or -errno with everything as before or
	 * stricter: never a gap in which an unfiltered or untranslated packet passes. */
	int (*apply)(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex,
		     struct wm_error *err);

	/* The same when all that has changed since this process's last apply or change that did not fail is `since` (an
	 * empty one: nothing): looks at what that concerns, and whether what it stands on is still there; costs nothing
	 * that grows with the number of hosts. -EAGAIN: that will not do; apply. NULL: never does. */
	int (*change)(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_plan_diff *since,
		      uint32_t wg_ifindex, struct wm_error *err);

	/* What it has counted. Needs no plan: reads what is in the kernel.
	 * -ENOENT when this back end is not in force for the instance. */
	int (*read)(const struct wm_instance *inst, struct wm_counters *ret, struct wm_error *err);

	/* The flows through isolated ends, sorted; wm_flow_views_free. 0 or -errno; -ENOENT as above. */
	int (*flows)(const struct wm_instance *inst, struct wm_flow_views *ret, struct wm_error *err);

	/* What it has dropped, sorted; wm_drop_views_free. Not all: counters are. 0 or -errno; -ENOENT as above. */
	int (*drops)(const struct wm_instance *inst, struct wm_drop_views *ret, struct wm_error *err);

	/* Tells each drop as it happens, one follower at a time (-EBUSY), without slowing the packets down. 0 when the
	 * follower wants no more, or -errno. NULL: this back end cannot; look at the list again and again. */
	int (*follow)(const struct wm_instance *inst, const struct wm_drop_follower *follower, struct wm_error *err);

	/* What would become of a packet, now; changes nothing. NULL: this back end cannot. */
	int (*trace)(const struct wm_instance *inst, const struct wm_trace_in *in, struct wm_trace *ret,
		     struct wm_error *err);

	/* What it is made of in the kernel; wm_objects_free. 0 or -errno; -ENOENT as above. */
	int (*objects)(const struct wm_instance *inst, struct wm_objects *ret, struct wm_error *err);

	/* 1 in force, 0 not (nothing of ours is there), -errno cannot tell. */
	int (*present)(const struct wm_instance *inst, struct wm_error *err);

	/* Takes it out of force because the other back end is, for plan: no packet that is under way is lost, what it has
	 * counted is added to what the other one counts, and what could not be taken away without losing packets stays until
	 * remove. Changes or -errno; fine if nothing is there. To be called again after a kill. */
	int (*retire)(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err);

	/* Takes everything of this instance off the machine; fine if nothing is
	 * there. The wg device must be down or gone. Foreign objects stay. */
	int (*remove)(const struct wm_instance *inst, struct wm_error *err);
};

extern const struct wm_dataplane wm_dataplane_bpf;
extern const struct wm_dataplane wm_dataplane_nft;

/* What nftables does otherwise than BPF: the table of docs/dataplane-nft.md, for an operator. */
struct wm_difference {
	const char *what; /* a sentence without a full stop */
	const char *doc;  /* words of the row there that has the reason */
};
extern const struct wm_difference wm_nft_differences[];
extern const size_t wm_nft_ndifferences;
