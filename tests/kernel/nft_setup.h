/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The gateway of nft_rig.h around a test: up and, but for a bare one, with its rules in force and its counters marked.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/nft_rig.h"

extern struct rig rig;

int bare(void **state);           /* a hub of one LAN, but nothing in force yet */
int spoke(void **state);          /* of one LAN */
int spoke_two_lans(void **state);
int hub(void **state);            /* of one LAN, with devices */
int teardown(void **state);

/* All tables, handles and all; malloc'd. */
char *ruleset(void);
/* The generation changes, so that the next apply has to look at the kernel
 * instead of trusting what it wrote. */
void disturb(void);

#define BARE(fn) cmocka_unit_test_setup_teardown(fn, bare, teardown)
#define SPOKE(fn) cmocka_unit_test_setup_teardown(fn, spoke, teardown)
#define LANS(fn) cmocka_unit_test_setup_teardown(fn, spoke_two_lans, teardown)
#define HUB(fn) cmocka_unit_test_setup_teardown(fn, hub, teardown)
