/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Frames into a LAN of bpf_rig.h, and what of them is left behind the shield.
 *
 *     fd of lan0-peer --> lan0-peer ===veth=== [shield] lan0 --> fd of lan0 (before tc)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/bpf_rig.h"

#define FRAME_MOST 9100

struct frame {
	uint8_t byte[FRAME_MOST];
	size_t len;
};

/* A packet socket for everything on that device. */
int frames_open(const char *ifname);
void frame_send(int fd, const struct frame *f);
/* What arrives at fd before a mark that is sent from `from` behind it; at most n. A tag that the kernel keeps beside a
 * frame is put back. Fails the test when the mark does not come. */
size_t frames_until_mark(int from, int fd, struct frame *ret, size_t n);

/* Packets and bytes under this reason so far. */
struct wm_count rig_reason(const struct rig *rig, enum wm_reason reason);

/* A program that passes everything, none of ours, by ip(8)'s mode name ("xdpgeneric"); its id. */
uint32_t xdp_foreign(const char *ifname, uint32_t mode);
void xdp_off(const char *ifname);

/* What is on a device now. */
struct wm_nic xdp_at(const char *ifname);
/* What status says of it; fails the test unless it is a LAN of what is in force. */
struct wm_shield xdp_status(const struct rig *rig, const char *ifname);
