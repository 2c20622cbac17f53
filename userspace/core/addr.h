/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Addresses as plain numbers. IPv4 addresses are in HOST byte order
 * everywhere in userspace; they are swapped where they meet the kernel
 * (userspace/kernel/) and nowhere else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

typedef uint32_t wm_ip4; /* host byte order; 0 = none */

struct wm_prefix {
	wm_ip4 addr; /* host bits are zero */
	uint8_t len; /* 0..32 */
};

struct wm_mac {
	uint8_t byte[6];
};

/* A UDP endpoint, numeric. family 0: there is none. */
struct wm_endpoint {
	uint8_t family;   /* 0, 4 or 6 */
	uint8_t addr[16]; /* network byte order; IPv4 in the first four bytes */
	uint16_t port;    /* host byte order */
};

#define WM_IP4_TEXT 16       /* "255.255.255.255" */
#define WM_PREFIX_TEXT 19    /* "255.255.255.255/32" */
#define WM_MAC_TEXT 18       /* "aa:bb:cc:dd:ee:ff" */
#define WM_ENDPOINT_TEXT 56  /* "[v6 address]:65535" */

/* Parsers take the whole string, canonical forms only (no octal, no missing
 * octets, no white space); 0 or -EINVAL; *ret only on success. */
int wm_ip4_parse(const char *text, wm_ip4 *ret);
int wm_prefix_parse(const char *text, struct wm_prefix *ret); /* refuses host bits: -EINVAL */
int wm_mac_parse(const char *text, struct wm_mac *ret);       /* refuses group addresses and zero */
int wm_endpoint_parse(const char *text, struct wm_endpoint *ret); /* "1.2.3.4:51820", "[2001:db8::1]:51820" */

/* Each formats into buf (at least the size above) and returns buf. */
const char *wm_ip4_format(wm_ip4 addr, char *buf);
const char *wm_prefix_format(struct wm_prefix prefix, char *buf);
const char *wm_mac_format(const struct wm_mac *mac, char *buf);
const char *wm_endpoint_format(const struct wm_endpoint *ep, char *buf); /* "" for none */

wm_ip4 wm_prefix_mask(uint8_t len);
wm_ip4 wm_prefix_last(struct wm_prefix p); /* the broadcast address of a subnet */
bool wm_prefix_has(struct wm_prefix p, wm_ip4 addr);
bool wm_prefix_covers(struct wm_prefix outer, struct wm_prefix inner);
bool wm_prefix_overlaps(struct wm_prefix a, struct wm_prefix b);
bool wm_prefix_equal(struct wm_prefix a, struct wm_prefix b);
bool wm_endpoint_equal(const struct wm_endpoint *a, const struct wm_endpoint *b);

/* A machine could own it: not 0/8, loopback, link-local, multicast, reserved
 * or limited broadcast (RFC 1122, 3927, 5771, 1112). */
bool wm_ip4_is_unicast(wm_ip4 addr);
bool wm_prefix_is_unicast(struct wm_prefix p); /* every address of it is */
