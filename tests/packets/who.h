/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The machines of the packet tests. NAME is an overlay address, NAME_L the
 * same machine's address on its LAN.
 *
 *   wg 172.30.2.1 --- gateway --- LAN0 192.168.1.1/24   ANN BOB ISO BOUND MOVER ISO2, ROUTER
 *   (172.30.0.0/16)      |   \--- LAN1 192.168.2.1/24   CARL ISO1, MTU 1280
 *   wg2 10.50.2.1 -------+   \--- LAN2 192.168.1.2/24   TWIN: the same LAN address as ANN
 *   (10.50.0.0/16)       +------- BOX 10.9.0.1/24       a container of the gateway's machine
 */
#pragma once

#include "core/addr.h"

#define IP(a, b, c, d) ((wm_ip4)(a) << 24 | (wm_ip4)(b) << 16 | (wm_ip4)(c) << 8 | (wm_ip4)(d))

#define GW IP(172, 30, 2, 1)
#define GW0 IP(192, 168, 1, 1)
#define GW1 IP(192, 168, 2, 1)
#define GW2 IP(192, 168, 1, 2)

/* standard hosts */
#define ANN IP(172, 30, 2, 10)
#define ANN_L IP(192, 168, 1, 10)
#define BOB IP(172, 30, 2, 11)
#define BOB_L IP(192, 168, 1, 11)
#define CARL IP(172, 30, 2, 12)
#define CARL_L IP(192, 168, 2, 12)
#define TWIN IP(172, 30, 2, 13)
#define TWIN_L ANN_L
#define BOUND IP(172, 30, 2, 30) /* its MAC is registered */
#define BOUND_L IP(192, 168, 1, 30)
#define MOVER IP(172, 30, 2, 31) /* changes its MAC */
#define MOVER_L IP(192, 168, 1, 31)
#define EDGE IP(172, 30, 2, 254) /* the last address of the site that somebody can have */
#define EDGE_L IP(192, 168, 1, 32)

/* isolated hosts */
#define ISO IP(172, 30, 2, 20)
#define ISO_L IP(192, 168, 1, 20)
#define ISO1 IP(172, 30, 2, 21)
#define ISO1_L IP(192, 168, 2, 21)
#define ISO2 IP(172, 30, 2, 22)
#define ISO2_L IP(192, 168, 1, 22)

/* devices, at the hub */
#define ROAM IP(172, 30, 2, 50)
#define IDEV IP(172, 30, 2, 51) /* isolated */

/* not registered */
#define NOBODY IP(172, 30, 2, 99)
#define STRANGER_L IP(192, 168, 1, 77)
#define ROUTER_L IP(192, 168, 1, 254) /* a router whose MAC the gateway's owner has listed, for LAN0 and LAN2 */
#define LISTED_L IP(192, 168, 1, 253) /* another */
#define ROUTER1_L IP(192, 168, 2, 254) /* one of LAN1, where none is listed */
#define BOX_L IP(10, 9, 0, 2)
#define BOX_GW IP(10, 9, 0, 1)

/* at other sites, and nowhere in the mesh */
#define FAR IP(172, 30, 3, 9)
#define FAR2 IP(172, 30, 4, 9)
#define OUTSIDE IP(198, 51, 100, 7)

/* the second mesh on the same machine */
#define GWX IP(10, 50, 2, 1)
#define ANNX IP(10, 50, 2, 10) /* is ANN too */
#define ONLYX IP(10, 50, 2, 11) /* is in the second mesh only */
#define ONLYX_L IP(192, 168, 1, 50)
#define FARX IP(10, 50, 3, 9)

/* who the markers come from and go to: known-good packets behind each step's */
#define MARK0 IP(172, 30, 2, 200)
#define MARK0_L IP(192, 168, 1, 200)
#define MARK1 IP(172, 30, 2, 201)
#define MARK1_L IP(192, 168, 2, 200)
#define MARK2 IP(172, 30, 2, 202)
#define MARK2_L IP(192, 168, 1, 200)
#define MARKX IP(10, 50, 2, 200)

#define WG_MTU 1420
#define LAN_MTU 1500
#define LAN1_MTU 1280 /* less than the tunnel's */
