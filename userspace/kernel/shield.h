/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The shield on the LANs, an XDP program of the BPF back end that spares the
 * kernel what LAN ingress would drop: where it is and, where not, why. And in what
 * the program behind it hangs. For those who look; applying the back end puts
 * them there.
 */
#pragma once

#include "core/error.h"
#include "core/instance.h"

struct wm_shield {
	char ifname[WM_IFNAME_SIZE];
	const char *mode; /* "native", "generic"; "off" */
	char why[160];    /* why it is off */
	const char *ingress; /* LAN ingress is in a list of "tcx", or is a "tc filter"; NULL: nowhere */
};

/* A line for each LAN of what is in force: how many, 0 with another back end or with none; -errno. */
int wm_shields_read(const struct wm_instance *inst, struct wm_shield ret[WM_LANS_MAX], struct wm_error *err);
