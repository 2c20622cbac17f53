/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bytes from the description of a packet.
 */
#pragma once

#include <linux/virtio_net.h>

#include "packets/packets.h"

#define BYTES_MAX 66000
#define ETH_LEN 14

/* The port or id that stands for ROW in row number `row`. */
uint16_t row_port(unsigned int row);

/* The IP packet (or with .ethertype what follows the Ethernet header); bytes written to buf (BYTES_MAX). */
size_t build_packet(const struct pkt *p, unsigned int row, uint8_t *buf);

/* The offload state of p, for a device that wants its packets `before` bytes later. */
struct virtio_net_hdr build_vnet(const struct pkt *p, size_t before);

/* Where the L4 checksum is in an IP packet of that protocol; 0: nowhere. From the L4 header. */
unsigned int csum_offset(uint8_t proto);

/* Ones' complement sum of bytes as big-endian words, added to sum, unfolded. */
uint32_t csum_add(uint32_t sum, const uint8_t *data, size_t len);
uint16_t csum_fold(uint32_t sum); /* not complemented */
uint32_t csum_pseudo(wm_ip4 src, wm_ip4 dst, uint8_t proto, size_t len);

uint16_t get16(const uint8_t *at);
uint32_t get32(const uint8_t *at);
void put16(uint8_t *at, uint16_t v);
void put32(uint8_t *at, uint32_t v);
