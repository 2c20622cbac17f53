/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One look for a newer release: what is offered, whether it is believed, and
 * the way of it to the disk. Blocking; wm-agent does it in a process of its
 * own, so that nothing that is met there can stop the supervisor.
 */
#pragma once

#include "agent/fetcher.h"
#include "core/update_state.h"

/* What wm-gateway is started with besides its verb. */
struct wm_gateway_args {
	char *const *list; /* options, borrowed */
	size_t n;
};

/* 1 a release that is newer than `running` and may be taken, in *ret; 0 none, or none offered so far; -errno with why what
 * is offered is refused. *io_state learns which version was offered, and nothing is written. */
int wm_update_look(const struct wm_instance *inst, struct wm_fetcher *f, const struct wm_version *running,
		   struct wm_update_state *io_state, struct wm_release *ret, struct wm_error *err);

/* The whole: looks for what is newer than `installed`, downloads, and has what was downloaded test itself; writes the state.
 * True: state.staged waits to be started. running: is not taken away, if it is a release. */
bool wm_update_round(const struct wm_instance *inst, const struct wm_version *running, const struct wm_version *installed,
		     const struct wm_gateway_args *args);

/* The environment in which a release is started, in the new process: it is to use its own wm-fetch, and to run itself. */
void wm_update_environment(void);
