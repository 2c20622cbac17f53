/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the host of a gateway's container has and does for it (rtnetlink).
 */
#pragma once

#include <sys/types.h>

#include "core/container.h"
#include "core/error.h"

/* Addresses, bridges and default routes of this machine. */
int wm_host_net_read(struct wm_host_net *ret, struct wm_error *err);

/* Has somebody on the link that leads to addr got it? Asks there by ARP and waits a second at most for an answer: 1, or 0. Where
 * no link leads there (addr is beyond a router), 0. */
int wm_host_in_use(wm_ip4 addr, struct wm_error *err);

/* Whether this kernel has WireGuard; asking loads the module, where there is one. */
bool wm_host_has_wireguard(void);

/* Makes a device of `kind` ("wireguard") in the network namespace of process pid, and, if it is WireGuard, keeps its UDP socket
 * in that of the caller: peers reach it at the addresses of this machine. 1 made, 0 there is one of that name;
 * -EOPNOTSUPP: the kernel has no such device. */
int wm_host_make_device(pid_t pid, const char *ifname, const char *kind, struct wm_error *err);
