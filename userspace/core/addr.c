/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"

/* A decimal without sign, space or leading zero, at most `most`; returns what is behind it, NULL if none. */
static const char *parse_decimal(const char *s, unsigned int most, unsigned int *ret)
{
	unsigned int n = 0;
	const char *p = s;

	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (unsigned int)(*p - '0');
		if (n > most)
			return NULL;
	}
	if (p == s || (*s == '0' && p != s + 1))
		return NULL;
	*ret = n;
	return p;
}

static const char *parse_quad(const char *s, wm_ip4 *ret)
{
	wm_ip4 addr = 0;

	for (int i = 0; i < 4; i++) {
		unsigned int octet;

		if (i && *s++ != '.')
			return NULL;
		s = parse_decimal(s, 255, &octet);
		if (!s)
			return NULL;
		addr = addr << 8 | octet;
	}
	*ret = addr;
	return s;
}

int wm_ip4_parse(const char *text, wm_ip4 *ret)
{
	wm_ip4 addr;
	const char *end = parse_quad(text, &addr);

	if (!end || *end)
		return -EINVAL;
	*ret = addr;
	return 0;
}

int wm_prefix_parse(const char *text, struct wm_prefix *ret)
{
	unsigned int len;
	wm_ip4 addr;
	const char *s = parse_quad(text, &addr);

	if (!s || *s++ != '/')
		return -EINVAL;
	s = parse_decimal(s, 32, &len);
	if (!s || *s || (addr & ~wm_prefix_mask((uint8_t)len)))
		return -EINVAL;
	*ret = (struct wm_prefix){ .addr = addr, .len = (uint8_t)len };
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int wm_mac_parse(const char *text, struct wm_mac *ret)
{
	struct wm_mac mac;
	bool any = false;

	if (strlen(text) != WM_MAC_TEXT - 1)
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return -EINVAL;
		mac.byte[i] = (uint8_t)(high << 4 | low);
		any |= mac.byte[i] != 0;
	}
	if (!any || (mac.byte[0] & 1))
		return -EINVAL;
	*ret = mac;
	return 0;
}

int wm_endpoint_parse(const char *text, struct wm_endpoint *ret)
{
	struct wm_endpoint ep = { 0 };
	unsigned int port;
	const char *s;
	wm_ip4 addr;

	if (text[0] == '[') {
		const char *end = strchr(text, ']');
		char host[INET6_ADDRSTRLEN];
		size_t len = end ? (size_t)(end - text - 1) : sizeof(host);

		if (len >= sizeof(host))
			return -EINVAL;
		memcpy(host, text + 1, len);
		host[len] = '\0';
		if (inet_pton(AF_INET6, host, ep.addr) != 1)
			return -EINVAL;
		ep.family = 6;
		s = end + 1;
	} else {
		uint32_t wire;

		s = parse_quad(text, &addr);
		if (!s)
			return -EINVAL;
		wire = htonl(addr);
		memcpy(ep.addr, &wire, sizeof(wire));
		ep.family = 4;
	}
	if (*s++ != ':')
		return -EINVAL;
	s = parse_decimal(s, 65535, &port);
	if (!s || *s || !port)
		return -EINVAL;
	ep.port = (uint16_t)port;
	*ret = ep;
	return 0;
}

/* By hand: a hosts file has a million of them. */
const char *wm_ip4_format(wm_ip4 addr, char *buf)
{
	char *p = buf;

	for (int shift = 24; shift >= 0; shift -= 8) {
		unsigned int octet = addr >> shift & 255;

		if (octet >= 100)
			*p++ = (char)('0' + octet / 100);
		if (octet >= 10)
			*p++ = (char)('0' + octet / 10 % 10);
		*p++ = (char)('0' + octet % 10);
		*p++ = shift ? '.' : '\0';
	}
	return buf;
}

const char *wm_prefix_format(struct wm_prefix prefix, char *buf)
{
	char addr[WM_IP4_TEXT];

	snprintf(buf, WM_PREFIX_TEXT, "%s/%u", wm_ip4_format(prefix.addr, addr), prefix.len & 63u);
	return buf;
}

const char *wm_mac_format(const struct wm_mac *mac, char *buf)
{
	const uint8_t *b = mac->byte;

	snprintf(buf, WM_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	return buf;
}

const char *wm_endpoint_format(const struct wm_endpoint *ep, char *buf)
{
	char host[INET6_ADDRSTRLEN];

	buf[0] = '\0';
	if (ep->family == 4 && inet_ntop(AF_INET, ep->addr, host, sizeof(host)))
		snprintf(buf, WM_ENDPOINT_TEXT, "%s:%u", host, ep->port);
	else if (ep->family == 6 && inet_ntop(AF_INET6, ep->addr, host, sizeof(host)))
		snprintf(buf, WM_ENDPOINT_TEXT, "[%s]:%u", host, ep->port);
	return buf;
}

wm_ip4 wm_prefix_mask(uint8_t len)
{
	return len ? ~(wm_ip4)0 << (32 - len) : 0;
}

wm_ip4 wm_prefix_last(struct wm_prefix p)
{
	return p.addr | ~wm_prefix_mask(p.len);
}

bool wm_prefix_has(struct wm_prefix p, wm_ip4 addr)
{
	return (addr & wm_prefix_mask(p.len)) == p.addr;
}

bool wm_prefix_covers(struct wm_prefix outer, struct wm_prefix inner)
{
	return outer.len <= inner.len && wm_prefix_has(outer, inner.addr);
}

bool wm_prefix_overlaps(struct wm_prefix a, struct wm_prefix b)
{
	return wm_prefix_covers(a, b) || wm_prefix_covers(b, a);
}

bool wm_prefix_equal(struct wm_prefix a, struct wm_prefix b)
{
	return a.addr == b.addr && a.len == b.len;
}

bool wm_endpoint_equal(const struct wm_endpoint *a, const struct wm_endpoint *b)
{
	size_t len = a->family == 4 ? 4 : 16;

	if (a->family != b->family)
		return false;
	return !a->family || (a->port == b->port && !memcmp(a->addr, b->addr, len));
}

bool wm_prefix_is_unicast(struct wm_prefix p)
{
	static const struct wm_prefix not_unicast[] = {
		{ 0x00000000, 8 },  /* this network */
		{ 0x7f000000, 8 },  /* loopback */
		{ 0xa9fe0000, 16 }, /* link-local */
		{ 0xe0000000, 3 },  /* multicast, reserved, limited broadcast */
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(not_unicast); i++) {
		if (wm_prefix_overlaps(not_unicast[i], p))
			return false;
	}
	return true;
}

bool wm_ip4_is_unicast(wm_ip4 addr)
{
	return wm_prefix_is_unicast((struct wm_prefix){ addr, 32 });
}
