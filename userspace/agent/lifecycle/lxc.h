/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The verbs where a container of this machine is the gateway (--lxc). In it runs
 * a gateway like any other (native.h); from outside it is made, given its
 * networks and programs, started, stopped and taken away. Exit codes.
 */
#pragma once

#include "agent/lifecycle/step.h"

/* This machine carries the instance's gateway in a container: the verbs below are meant where nobody says. */
bool wm_lxc_here(const struct wm_life_options *opt);

int wm_lxc_install(const struct wm_life_options *opt);
int wm_lxc_start(const struct wm_life_options *opt);
int wm_lxc_stop(const struct wm_life_options *opt);
int wm_lxc_uninstall(const struct wm_life_options *opt); /* the container stays */
int wm_lxc_destroy(const struct wm_life_options *opt);

/* What `wm-gateway` says in the container, with these for arguments. Returns only where it cannot be run. */
int wm_lxc_inside(const struct wm_life_options *opt, const char *const argv[]);
/* The same with a verb and its options; generation may be NULL. */
int wm_lxc_ask(const struct wm_life_options *opt, const char *verb, bool json, bool check, const char *generation);
int wm_lxc_backup(const struct wm_life_options *opt);  /* FILE, or stdout */
int wm_lxc_restore(const struct wm_life_options *opt); /* FILE; without a container yet it waits for one */

/* Run by LXC on the host when the container starts, before its first program: what a container behind the host's NAT needs
 * there. facts: the file of lxc_facts.h. Never keeps a container from starting. */
int wm_lxc_hook(const char *facts);
