/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The gateway of nft_rig.h around a test: up, with its rules in force and its counters marked.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/nft_rig.h"

extern struct rig rig;

int spoke(void **state);          /* of one LAN */
int spoke_two_lans(void **state);
int hub(void **state);            /* of one LAN, with devices */
int teardown(void **state);

#define SPOKE(fn) cmocka_unit_test_setup_teardown(fn, spoke, teardown)
#define LANS(fn) cmocka_unit_test_setup_teardown(fn, spoke_two_lans, teardown)
#define HUB(fn) cmocka_unit_test_setup_teardown(fn, hub, teardown)
