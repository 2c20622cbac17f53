/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define IP_LEN 20u

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static uint32_t add_words(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(data + i);
	return len % 2 ? sum + (uint32_t)data[len - 1] * 256 : sum;
}

static uint16_t finish_sum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void wm_packet_sum_header(uint8_t *data)
{
	put16(data + 10, 0);
	put16(data + 10, finish_sum(add_words(0, data, (data[0] & 15u) * 4)));
}

/* Of the transport header: its length, and where its checksum stands (0: none). */
static size_t header_of(uint8_t proto, size_t *ret_sum)
{
	*ret_sum = proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : proto == IPPROTO_ICMP ? 2 : 0;
	return proto == IPPROTO_TCP ? 20 : proto == IPPROTO_UDP || proto == IPPROTO_ICMP ? 8 : 0;
}

static void put_transport(const struct wm_packet *p, uint8_t *l4, size_t len)
{
	if (p->proto == IPPROTO_ICMP) {
		l4[0] = p->icmp_type;
		put16(l4 + 4, p->sport);
		put16(l4 + 6, p->dport);
		return;
	}
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return;
	put16(l4, p->sport);
	put16(l4 + 2, p->dport);
	if (p->proto == IPPROTO_UDP) {
		put16(l4 + 4, (uint16_t)len);
		return;
	}
	l4[12] = 0x50;
	l4[13] = p->tcp_flags;
	put16(l4 + 14, 1000);
}

static void sum_transport(const struct wm_packet *p, const uint8_t *ip, uint8_t *l4, size_t len, size_t at)
{
	uint32_t sum = 0;
	uint16_t is;

	if (p->proto != IPPROTO_ICMP)
		sum = add_words((uint32_t)p->proto + (uint32_t)len, ip + 12, 8);
	is = finish_sum(add_words(sum, l4, len));
	put16(l4 + at, is || p->proto != IPPROTO_UDP ? is : 0xffff);
}

int wm_packet_make(const struct wm_packet *p, uint8_t ret[WM_PACKET_MAX], size_t *ret_len)
{
	size_t at, header = p->frag ? 0 : header_of(p->proto, &at);
	size_t len = p->size ? p->size : IP_LEN + header + (p->frag ? 8 : 0);

	if (len < IP_LEN + header || len > WM_PACKET_MAX || p->frag % 8)
		return -EINVAL;
	memset(ret, 0, len);
	ret[0] = 0x45;
	put16(ret + 2, (uint16_t)len);
	put16(ret + 4, 1);
	put16(ret + 6, (uint16_t)(p->frag / 8 | (p->more ? 0x2000 : 0) | (p->df ? 0x4000 : 0)));
	ret[8] = p->ttl;
	ret[9] = p->proto;
	put32(ret + 12, p->src);
	put32(ret + 16, p->dst);
	wm_packet_sum_header(ret);
	if (header) {
		put_transport(p, ret + IP_LEN, len - IP_LEN);
		sum_transport(p, ret, ret + IP_LEN, len - IP_LEN, at);
	}
	*ret_len = len;
	return 0;
}

int wm_packet_read(const uint8_t *data, size_t len, struct wm_packet *ret)
{
	size_t ihl = len ? (data[0] & 15u) * 4 : 0, sum_at;
	struct wm_packet p = { 0 };
	const uint8_t *l4 = data + ihl;

	if (len < IP_LEN || data[0] >> 4 != 4 || ihl < IP_LEN || ihl > len)
		return -EBADMSG;
	p.size = get16(data + 2);
	p.frag = (uint16_t)((get16(data + 6) & 0x1fff) * 8);
	p.more = get16(data + 6) & 0x2000;
	p.df = get16(data + 6) & 0x4000;
	p.ttl = data[8];
	p.proto = data[9];
	p.src = get32(data + 12);
	p.dst = get32(data + 16);
	if (!p.frag && header_of(p.proto, &sum_at) && len - ihl >= header_of(p.proto, &sum_at)) {
		bool icmp = p.proto == IPPROTO_ICMP;

		p.sport = get16(l4 + (icmp ? 4 : 0));
		p.dport = get16(l4 + (icmp ? 6 : 2));
		p.icmp_type = icmp ? l4[0] : 0;
		p.tcp_flags = p.proto == IPPROTO_TCP ? l4[13] : 0;
	}
	*ret = p;
	return 0;
}

static const char flag_letters[] = "FSRPAUEC"; /* from the lowest bit */

int wm_tcp_flags_parse(const char *text, uint8_t *ret)
{
	uint8_t flags = 0;

	if (!strcmp(text, "0")) {
		*ret = 0;
		return 0;
	}
	for (const char *c = text; *c; c++) {
		const char *at = strchr(flag_letters, *c);

		if (!at)
			return -EINVAL;
		flags |= (uint8_t)(1u << (at - flag_letters));
	}
	if (!flags)
		return -EINVAL;
	*ret = flags;
	return 0;
}

const char *wm_tcp_flags_format(uint8_t flags, char buf[WM_TCP_FLAGS_TEXT])
{
	static const uint8_t order[] = { 1, 0, 2, 4, 3, 5, 6, 7 }; /* SYN first, as people say it */
	size_t n = 0;

	for (size_t i = 0; i < sizeof(order); i++) {
		if (flags & 1u << order[i])
			buf[n++] = flag_letters[order[i]];
	}
	if (!n)
		buf[n++] = '0';
	buf[n] = '\0';
	return buf;
}
