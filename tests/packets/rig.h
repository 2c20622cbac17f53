/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two network namespaces and what connects them with the test:
 *
 *   this process                 the gateway's namespace                 far namespace
 *   TUN fd (vnet header)  <-->  wgtest0, wgtest1 (L3, as a wg device)
 *   raw sockets           <-->  the gateway's own sockets (LOCAL)
 *   packet sockets        <-->  lan0 (TAP)
 *   packet sockets (vnet header)                                  <-->  far0 --veth-- lan0
 *                                                                       far1 --veth-- lan1
 *                                                                       far2 --veth-- lan2
 *                                                                       far3 --veth-- box0
 *
 * The gateway's ends compute checksums and cut segments before veth passes a
 * packet on, so the far ends see what would be on a wire. Their own packets
 * may leave both to the receiver. The process stays on one processor, where the
 * kernel carries a packet all the way before the system call returns.
 */
#pragma once

#include <linux/virtio_net.h>

#include "packets/expect.h"
#include "packets/frame.h"

#define RIG_WG "wgtest0"
#define RIG_WG2 "wgtest1"
#define RIG_BPFFS "/sys/fs/bpf"

/* Makes it all; -errno after saying what failed. It ends with the process. */
int rig_open(void);

uint32_t rig_ifindex(enum place at);
int rig_wg_down(enum place at);

/* Sends what the step describes, from where it comes in. 0 or -errno. */
int rig_send(enum place at, const struct pkt *p, unsigned int row);

/* Waits until nothing is left of what was sent in the kernel's queue on this processor: where others keep it busy, that
 * may be carried later. 0 or -errno. */
int rig_settle(void);

/* Appends what has come out by now, waiting at most timeout_ms for something. */
int rig_receive(struct seen_list *list, int timeout_ms);
