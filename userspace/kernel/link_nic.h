/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A network device as rtnetlink and ethtool tell it, as far as it matters to
 * an XDP program. Reads only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/instance.h"

struct wm_nic {
	uint32_t ifindex, mtu;
	char name[WM_IFNAME_SIZE];
	char kind[16];      /* rtnetlink's: "veth", "bridge", "vlan"; "" of hardware */
	char driver[32];    /* ethtool's */
	bool ethernet;
	bool port;          /* of a bridge or bond */
	bool hardware;      /* it hangs on a bus */
	bool takes_tags;    /* it may hand on VLAN tags beside the frame, where XDP does not see them */
	bool vlans;         /* VLAN devices are on it */
	uint32_t prog;      /* id of the XDP program there; 0: none, UINT32_MAX: several */
	uint32_t mode;      /* XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE */
};

/* 0, -ENODEV, -errno. `vlans` only if asked: it is a dump. */
int wm_nic_read(uint32_t ifindex, bool ask_vlans, struct wm_nic *ret, struct wm_error *err);
/* Devices with an XDP program, of this namespace, without what ethtool tells. The caller frees. */
int wm_nics_with_xdp(struct wm_nic **ret, size_t *ret_n, struct wm_error *err);
