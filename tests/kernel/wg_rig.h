/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A WireGuard device under test: what it should be, reaching that, and what wg(8) says of it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/netns.h"
#include "kernel/wg.h"

#define WG "wgtest"

extern struct wm_error err;

/* A device for each test: made, and taken away. */
int wg_setup(void **state);
int wg_teardown(void **state);
#define WG_TEST(fn) cmocka_unit_test_setup_teardown(fn, wg_setup, wg_teardown)

struct wm_key key(uint32_t n); /* the n-th peer's; any 32 bytes will do */
void start(struct wm_wg_device *dev); /* an empty one with a private key and a port */
void add_peer(struct wm_wg_device *dev, uint32_t n, unsigned int count); /* with `count` allowed IPs from 10.n.0.0 on, /32 each */
struct wm_wg_peer *last_peer(struct wm_wg_device *dev);
void read_device(struct wm_wg_device *ret);

/* Brings the device to `want` (which is finished and freed here) and proves
 * that nothing is left to do. Returns how many operations it took. */
size_t reach(struct wm_wg_device *want);

void assert_wg_says(const char *what, const char *part, bool expected); /* of `wg show` */
