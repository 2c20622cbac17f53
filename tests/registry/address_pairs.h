/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Addresses that count as one, and such as do not: an IPv4 address however it is written, of IPv6 a /64.
 */
#pragma once

#include <stdbool.h>

struct address_pair {
	const char *a, *b;
	bool same;
};

#define ADDRESS_PAIRS \
	{ "198.51.100.7", "198.51.100.8", false }, \
	{ "198.51.100.7", "::ffff:198.51.100.7", true }, \
	{ "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true }, \
	{ "2001:db8:1:2::1", "2001:db8:1:3::1", false }
