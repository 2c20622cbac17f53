/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A device's packets are carried by kernel threads of its own (threaded NAPI),
 * which can be put on a processor and asked for the time that they have taken.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

#define NAPI_PRIORITY 1 /* of SCHED_FIFO */

struct napi {
	int schedstat_fd, stat_fd;
};

/* Turns on GRO of a veth, which makes it receive by NAPI: frames from XDP need that, and a thread. */
int napi_on(const char *ifname, struct wm_error *err);

/* The thread of a device (in this namespace, up, with one queue) is moved to a processor. */
int napi_thread(const char *ifname, unsigned int cpu, struct napi *ret, struct wm_error *err);
void napi_close(struct napi *n);

uint64_t napi_cpu_ns(const struct napi *n); /* exact while it sleeps; 0: it is gone */
bool napi_sleeps(const struct napi *n);
