/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A gateway's plan with names, and a directory for what is written of them.
 */
#pragma once

#include "core/plan.h"
#include "kernel/hosts.h"

#define IP(a, b, c, d) ((wm_ip4)(a) << 24 | (b) << 16 | (c) << 8 | (d))

extern struct wm_instance inst;
extern struct wm_dns_name names[8];
extern char domains[2][WM_NAME_SIZE];
extern struct wm_plan plan; /* of the first three names, and of both domains */
extern struct wm_hosts_memory memory;

/* Of each test: the plan as it was, and a directory that is empty in the end but for what hosts.c and dnsmasq write. */
int hosts_setup(void **state);
int hosts_teardown(void **state);

const char *in_dir(char buf[WM_PATH_SIZE], const char *name); /* a path there */
int apply(void); /* which must not fail: changes */
void with_an_address_for_devices(void); /* nas.a has one too: names[1] */
