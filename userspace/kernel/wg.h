/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * WireGuard devices of the kernel (generic netlink) and of wireguard-go (UAPI
 * socket, kernel/wg_uapi.c), by one pair of verbs. Which of the two it is shows
 * in whether the kernel knows the device as WireGuard.
 */
#pragma once

#include "core/error.h"
#include "core/wg.h"

/* Reads the whole device. *ret is finished (sorted); the caller frees it.
 * -ENODEV: no such device. */
int wm_wg_read(const char *ifname, struct wm_wg_device *ret, struct wm_error *err);

/* Carries out diff; an empty one writes nothing. The kernel has no rollback:
 * after an error the device may be between the two, and reading it again tells. */
int wm_wg_write(const char *ifname, const struct wm_wg_diff *diff, struct wm_error *err);

/* "kernel" or "wireguard-go"; NULL when there is no such device. */
const char *wm_wg_implementation(const char *ifname);
