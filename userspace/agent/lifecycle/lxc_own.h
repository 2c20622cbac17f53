/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the steps of `install --lxc` hand on to each other (life.own).
 */
#pragma once

#include "agent/lifecycle/lxc_facts.h"
#include "agent/lifecycle/settings.h"
#include "core/env.h"

struct wm_lxc_own {
	struct wm_settings settings;
	struct wm_env *env;         /* of settings.text */
	struct wm_lxc_facts facts;  /* as they are to be */
	struct wm_container_net net;
	bool known;                 /* the container is there, and ours */
	uint16_t port;              /* of this machine, that leads into it already; 0: none */
	bool made;                  /* the container: just now, and it has not run yet */
	bool rewired;               /* it runs, with networks of before */
	bool there;                 /* it runs now: programs can be run in it; not so in a dry run of its making */
};

static inline struct wm_lxc_own *wm_lxc_own(const struct wm_life *l)
{
	return l->own;
}

static inline const struct wm_box *wm_lxc_box(const struct wm_life *l)
{
	return &wm_lxc_own(l)->facts.box;
}

/* A setting; fallback where it is not set. */
static inline const char *wm_lxc_value(const struct wm_life *l, const char *key, const char *fallback)
{
	const char *value = wm_env_own(wm_lxc_own(l)->env, key, "");

	return *value ? value : fallback;
}

#define WM_LXC_PROGRAM "/usr/local/lib/wm/wm-gateway" /* in the container: where lxc_fill.c puts it */

/* lxc.c: the facts of the container that there is, and whether it is there (known); a sentence where there are none. */
int wm_lxc_know(struct wm_life *l, struct wm_error *err);
int wm_lxc_need_box(const struct wm_life *l, struct wm_error *err); /* it is there; else a sentence */

/* lxc_inside.c: 0 and the facts of a container that runs; else an exit code, and it has been said. */
int wm_lxc_open_running(const struct wm_life_options *opt, struct wm_lxc_own *own, struct wm_life *life);
/* Runs a program in it: what that says goes to `to` (most bytes of it; 0: all) and to standard error, tamed where that is a
 * terminal, of which it gets none. Its exit code; 126 where it cannot be run. */
int wm_lxc_hear(const struct wm_box *box, const char *const argv[], int to, size_t most);

/* lxc_plan.c: settings, and what they come to on this machine. Nothing is changed. */
int wm_lxc_collect(struct wm_life *l, struct wm_error *err);
int wm_lxc_plan_networks(struct wm_life *l, struct wm_error *err);
int wm_lxc_plan_port(struct wm_life *l, struct wm_error *err);
int wm_lxc_keep(struct wm_life *l, struct wm_error *err); /* settings and facts, into their files */
int wm_lxc_keep_networks(struct wm_life *l, struct wm_error *err); /* once the container has them */

/* lxc_make.c: the container, and its networks, as steps. */
int wm_lxc_look(struct wm_life *l, struct wm_error *err);
int wm_lxc_make(struct wm_life *l, struct wm_error *err);
int wm_lxc_wire(struct wm_life *l, struct wm_error *err);
int wm_lxc_boot(struct wm_life *l, struct wm_error *err);    /* it is started when the machine is */
int wm_lxc_no_boot(struct wm_life *l, struct wm_error *err); /* it is not */

/* lxc_fill.c: what goes into it. */
int wm_lxc_basics(struct wm_life *l, struct wm_error *err);
int wm_lxc_packages(struct wm_life *l, struct wm_error *err);
int wm_lxc_programs(struct wm_life *l, struct wm_error *err);
int wm_lxc_upgrades(struct wm_life *l, struct wm_error *err);
/* lxc_restore.c: a backup that waits for its container. */
#define WM_LXC_BACKUP "container.backup"
int wm_lxc_restore_into(struct wm_life *l, struct wm_error *err);
/* lxc_gateway.c: `install` in it. */
void wm_lxc_pass_on(struct wm_life *l, char *text); /* what is said in the container, as ours */
int wm_lxc_gateway(struct wm_life *l, struct wm_error *err);
