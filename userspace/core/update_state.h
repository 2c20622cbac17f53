/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What wm-agent remembers of updates, as a file that `status` reads too: lines
 * "key value". And what it makes of a release that is offered.
 */
#pragma once

#include "core/release.h"

#define WM_UPDATE_BAD_MAX 8
#define WM_UPDATE_WHY_SIZE 400
#define WM_UPDATE_LATER_S 3600
#define WM_UPDATE_ENDED_S (7 * 86400)
#define WM_UPDATE_TRIES_MAX 3 /* of a release that was never seen to fail by itself */

struct wm_update_bad {
	struct wm_version version;
	char why[WM_UPDATE_WHY_SIZE];
};

struct wm_update_state {
	struct wm_version highest;   /* of all manifests that were believed: nothing older is, any more */
	struct wm_version before;    /* of the package or still on disk: what ran until the one that runs was proved; none: nothing */
	struct wm_version ended;     /* what last did so again and again, though it was proved, and the one before did not, ... */
	int64_t ended_since;         /* ... then, unix seconds, or when it was proved anew after that */
	struct wm_version proved;    /* what was last, and has not kept ending since: a registry that refuses it has it no more than put off */
	struct wm_version later;     /* what was put off: it is not tried again for WM_UPDATE_LATER_S ... */
	int64_t later_since;         /* ... from then on, unix seconds */
	struct wm_version staged;    /* whole on disk, not yet proved */
	struct wm_version tried;     /* which was started last to be proved, or could not even test itself, */
	uint32_t tries;              /* and how often */
	uint64_t rounds;             /* how often it was looked; who waits for a round watches it */
	int64_t checked;             /* unix seconds of the last; 0: never */
	int64_t refused_at;          /* 0: the last round had nothing to complain of */
	char why[WM_UPDATE_WHY_SIZE]; /* that complaint */
	struct wm_update_bad bad[WM_UPDATE_BAD_MAX]; /* not to be tried again; the newest first */
	size_t nbad;
};

/* What cannot be understood is not there: a state that is lost costs a second trial, not the updates. */
void wm_update_state_parse(const char *text, struct wm_update_state *ret);
/* malloc'd; NULL: out of memory. */
char *wm_update_state_format(const struct wm_update_state *state);

int wm_update_state_load(const char *path, struct wm_update_state *ret); /* no file: all zero, 0 */
int wm_update_state_save(const char *path, const struct wm_update_state *state, struct wm_error *err);

void wm_update_state_complain(struct wm_update_state *state, int64_t now, const char *why); /* NULL: nothing to complain of */
void wm_update_state_add_bad(struct wm_update_state *state, const struct wm_version *version, const char *why);

/* What becomes of a trial of a release that was staged. sure: whatever happens is its own fault, so it is bad. but: it is in
 * force instead of `before`, yet not all is well; NULL. */
void wm_update_state_begun(struct wm_update_state *state, const struct wm_version *version);
void wm_update_state_given_up(struct wm_update_state *state); /* by who was told to stop: as if it had not been begun */
void wm_update_state_proved(struct wm_update_state *state, const struct wm_version *version, const struct wm_version *before,
			    int64_t now, const char *but);
/* The first time it may have been damaged on the disk, and is had anew; when it does so again within WM_UPDATE_ENDED_S of that,
 * it is bad. Two such hours with months between them say nothing of it. how: "was ended by signal 6" */
void wm_update_state_ended(struct wm_update_state *state, const struct wm_version *version, int64_t now, const char *how);
/* It was in sync once, and is not now, where the one before is: not to its blame, and tried again later. */
void wm_update_state_put_off(struct wm_update_state *state, const struct wm_version *version, int64_t now, const char *why);
void wm_update_state_failed(struct wm_update_state *state, const struct wm_version *version, bool sure, int64_t now,
			    const char *why);

/* Is it to be had, by a gateway that runs `running`? 1 yes; 0 it runs already; -ESTALE older than what was offered before or
 * runs; -ETIME expired; -EALREADY tried before, and bad or put off. The manifest has been verified. */
int wm_update_judge(const struct wm_update_state *state, const struct wm_release *release, const struct wm_version *running,
		    int64_t now, struct wm_error *err);
