/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets for people.
 */
#pragma once

#include "packets/expect.h"

#define DESCRIBE_SIZE 512

const char *describe_place(enum place at);

/* A packet in one line. Returns buf (DESCRIBE_SIZE). */
const char *describe(const struct seen *s, char *buf);

/* Writes packets to a file that tcpdump and Wireshark read. Those from no LAN
 * get an Ethernet header whose addresses end in the number of the place. */
int describe_pcap(const char *path, const struct seen_list *list);
