/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who is in the way at a port.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first program but `not` that has a socket at this UDP port or listens at this TCP port, of this network namespace: "NAME at ADDRESS".
 * NAME is what that program calls itself: for a sentence of wm_fail. False: none is found. */
bool wm_port_holder(uint16_t port, const char *not, char *ret, size_t size);
