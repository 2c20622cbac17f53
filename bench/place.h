/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where all of this happens: namespaces that end with the process, whatever
 * ends it. Nothing of it has a name outside, so many runs do not meet.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* Mounted in a mount namespace of our own. */
#define PLACE_RUN "/run" /* empty: lock files of others stay untouched */
#define PLACE_SYS "/run/sys"
#define PLACE_BPFFS "/run/bpf"

int place_open(struct wm_error *err);
void place_hurry(bool hurry); /* while it sends: before everything else, like the threads of the devices */
int place_stay(unsigned int cpu, struct wm_error *err); /* on one processor */

/* A new network namespace without IPv6; the process is in it then. Its fd or -errno. */
int place_net(struct wm_error *err);
int place_enter(int net_fd, struct wm_error *err);
/* To where place_open was called. Returns rc if that is an error already, and err stays as it is. */
int place_leave(int rc, struct wm_error *err);

/* Runs a program in this namespace, `input` on its stdin. What it says is put into err. */
int place_run(const char *const words[], const char *input, struct wm_error *err);
/* The same with what processor time it took; what it said is in *ret_out, a file. */
int place_time(const char *const words[], uint64_t *ret_us, int *ret_out, struct wm_error *err);
