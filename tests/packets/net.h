/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Devices and addresses of the rig, by rtnetlink and ioctl. Each says what
 * failed and returns -errno.
 */
#pragma once

#include <stdint.h>

#include "core/addr.h"
#include "kernel/nl.h"

/* A veth pair; the peer goes to the namespace of far_fd. Both get their MAC and are up but for the peer. */
int net_veth(struct wm_nl *nl, const char *name, const uint8_t mac[6], const char *peer, int far_fd);
int net_up(const char *name, uint32_t mtu); /* mtu 0: as it is */
int net_down(const char *name);
int net_address(struct wm_nl *nl, const char *name, wm_ip4 addr, uint8_t len);
int net_neighbour(struct wm_nl *nl, uint32_t ifindex, wm_ip4 addr, const uint8_t mac[6]); /* permanent */
int net_no_offload(const char *name); /* checksums and segments are made before the device */
int net_sysctl(const char *path, const char *value); /* below /proc/sys/net; fine if there is none */

/* A TUN device without packet information, with virtio_net_hdr. The fd, not blocking, or -errno. */
int net_tun(const char *name);
