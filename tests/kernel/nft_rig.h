/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A gateway of site 172.30.2.0/24 in the current network namespace, with both
 * ends of its wires in the test's hands:
 *
 *     TUN "wg0" (g = 172.30.2.1) --- gateway --- lan0 192.168.1.1/24 === lan0p
 *     packets in and out                     \-- lan1 192.168.2.1/24 === lan1p
 *                                                frames in and out
 *
 * wg0 is a TUN without a packet header: to nftables it is what WireGuard is, a
 * layer 3 device of that name. Its virtio header can hand in packets with
 * unfinished checksums and packets that stand for several. The LAN devices have
 * no checksum offload, so what arrives at lan0p is what would be on a wire.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <net/ethernet.h>

#include "core/plan.h"
#include "kernel/dataplane.h"
#include "kernel/nft_packet.h"

#define IP(a, b, c, d) ((wm_ip4)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define G IP(172, 30, 2, 1)
#define FAR IP(172, 30, 3, 9)       /* a host of another site */
#define NAS IP(172, 30, 2, 10)      /* standard host, 192.168.1.10 on lan0 */
#define NAS_LAN IP(192, 168, 1, 10)
#define CAM IP(172, 30, 2, 11)      /* isolated host, 192.168.1.11 */
#define CAM_LAN IP(192, 168, 1, 11)
#define BOUND IP(172, 30, 2, 12)    /* standard host with a bound MAC, 192.168.1.12 */
#define BOUND_LAN IP(192, 168, 1, 12)
#define FAX IP(172, 30, 2, 20)      /* standard host, 192.168.2.20 on lan1 */
#define FAX_LAN IP(192, 168, 2, 20)
#define LAPTOP IP(172, 30, 2, 100)  /* full device, at a hub */
#define SENSOR IP(172, 30, 2, 101)  /* isolated device, at a hub */
#define NOBODY IP(172, 30, 2, 200)
#define STRANGER_LAN IP(192, 168, 1, 66)

struct rig {
	int tun, lan[2];             /* wg0; lan0p, lan1p */
	uint8_t gw_mac[2][6];        /* of lan0, lan1 */
	struct wm_instance inst;
	struct wm_plan plan;
	struct wm_end ends[16];
	struct wm_counters before;   /* see rig_mark */
};

enum { PLAIN_MAC = 0x10, OTHER_MAC = 0x66 }; /* last octet of a sender's MAC */

/* Makes devices, addresses, routes and rules as the gateway would; the plan
 * knows the ends above (devices and relaying only at a hub). Applies nothing. */
void rig_open(struct rig *rig, unsigned int nlans, bool hub);
void rig_close(struct rig *rig);
void rig_end(struct rig *rig, struct wm_end end);   /* adds to the plan, in order of overlay */
void sysctl(const char *path, const char *value);   /* a whole path */
int rig_apply(struct rig *rig);                     /* changes; fails the test on an error */

void send_wg(struct rig *rig, const struct packet *p);
void send_lan(struct rig *rig, unsigned int lan, uint8_t mac, const struct packet *p); /* to the gateway's MAC */
void send_frame(struct rig *rig, unsigned int lan, const uint8_t dst[6], uint8_t mac, const struct packet *p);

/* The gateway itself sends a UDP packet; from: its own choice if 0. */
void say(wm_ip4 from, wm_ip4 to);

/* The next IPv4 packet that comes out within a second; false: none came. */
bool recv_wg(struct rig *rig, struct packet *ret);
bool recv_lan(struct rig *rig, unsigned int lan, struct packet *ret, struct ether_header *ret_eth);
/* Nothing came out anywhere. For after rig_counted, which knows that the packet has been through. */
void assert_silence(struct rig *rig);

/* `got` is `sent` with other addresses and one hop less to live. */
void assert_translated(const struct packet *got, const struct packet *sent, wm_ip4 src, wm_ip4 dst);

/* Counters since rig_mark: waits until `reason` has grown by `packets`, then
 * asserts that it is exact and that no other reason has grown. */
void rig_mark(struct rig *rig);
void rig_counted(struct rig *rig, enum wm_reason reason, uint64_t packets);
struct wm_end_counters rig_end_counters(struct rig *rig, wm_ip4 overlay); /* since rig_mark */
