/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/nft_packet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

/* --- checksums ---------------------------------------------------------------------- */

static uint32_t add_up(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

size_t header_len(const struct packet *p)
{
	return (p->byte[0] & 15) * 4u;
}

static uint32_t pseudo(const struct packet *p)
{
	size_t len = p->len - header_len(p);

	return add_up(0, p->byte + 12, 8) + p->byte[9] + (uint32_t)(len & 0xffff);
}

int sum_offset(const struct packet *p)
{
	switch (p->byte[9]) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
		return 6;
	case IPPROTO_ICMP:
		return 2;
	}
	return -1;
}

static void put_sum(uint8_t *at, uint16_t sum)
{
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

void leave_unfinished(struct packet *p)
{
	put_sum(p->byte + header_len(p) + sum_offset(p), fold(pseudo(p)));
}

static void fix_l4(struct packet *p)
{
	uint8_t *l4 = p->byte + header_len(p);
	int offset = sum_offset(p);
	uint16_t sum;

	if (offset < 0)
		return;
	put_sum(l4 + offset, 0);
	sum = fold(add_up(p->byte[9] == IPPROTO_ICMP ? 0 : pseudo(p), l4, p->len - header_len(p)));
	put_sum(l4 + offset, sum == 0xffff && p->byte[9] == IPPROTO_UDP ? 0xffff : (uint16_t)~sum);
}

void fix_ip(struct packet *p)
{
	p->byte[2] = (uint8_t)(p->len >> 8);
	p->byte[3] = (uint8_t)p->len;
	put_sum(p->byte + 10, 0);
	put_sum(p->byte + 10, (uint16_t)~fold(add_up(0, p->byte, header_len(p))));
}

bool sums_right(const struct packet *p)
{
	const uint8_t *l4 = p->byte + header_len(p);
	int offset = sum_offset(p);
	bool fragment = (p->byte[6] & 0x3f) || p->byte[7];

	if (fold(add_up(0, p->byte, header_len(p))) != 0xffff)
		return false;
	if (offset < 0 || fragment || (p->byte[9] == IPPROTO_UDP && !l4[6] && !l4[7]))
		return true;
	return fold(add_up(p->byte[9] == IPPROTO_ICMP ? 0 : pseudo(p), l4, p->len - header_len(p))) == 0xffff;
}

/* --- packets ------------------------------------------------------------------------ */

static void put_addr(uint8_t *at, wm_ip4 addr)
{
	uint32_t be = htonl(addr);

	memcpy(at, &be, 4);
}

static wm_ip4 get_addr(const uint8_t *at)
{
	uint32_t be;

	memcpy(&be, at, 4);
	return ntohl(be);
}

wm_ip4 src_of(const struct packet *p)
{
	return get_addr(p->byte + 12);
}

wm_ip4 dst_of(const struct packet *p)
{
	return get_addr(p->byte + 16);
}

struct packet raw(wm_ip4 src, wm_ip4 dst, uint8_t protocol, size_t payload)
{
	struct packet p = { .len = 20 + payload };

	p.byte[0] = 0x45;
	p.byte[4] = 0x12;
	p.byte[5] = 0x34;
	p.byte[8] = 64;
	p.byte[9] = protocol;
	put_addr(p.byte + 12, src);
	put_addr(p.byte + 16, dst);
	for (size_t i = 0; i < payload; i++)
		p.byte[20 + i] = (uint8_t)(i * 7 + 1);
	fix_ip(&p);
	return p;
}

struct packet udp(wm_ip4 src, wm_ip4 dst, size_t payload)
{
	struct packet p = raw(src, dst, IPPROTO_UDP, 8 + payload);
	const struct udphdr h = { .source = htons(4000), .dest = htons(5000), .len = htons((uint16_t)(8 + payload)) };

	memcpy(p.byte + 20, &h, sizeof(h));
	fix_l4(&p);
	return p;
}

struct packet tcp(wm_ip4 src, wm_ip4 dst, uint8_t flags, const uint8_t *options, size_t noptions, size_t payload)
{
	struct packet p = raw(src, dst, IPPROTO_TCP, 20 + noptions + payload);
	struct tcphdr h = { .source = htons(4000), .dest = htons(5000), .seq = htonl(1), .window = htons(1000),
			    .doff = (uint8_t)(5 + noptions / 4) & 15 };

	memcpy(p.byte + 20, &h, sizeof(h));
	p.byte[20 + 13] = flags;
	if (noptions)
		memcpy(p.byte + 40, options, noptions);
	fix_l4(&p);
	return p;
}

struct packet icmp(wm_ip4 src, wm_ip4 dst, uint8_t type, uint8_t code, size_t payload)
{
	struct packet p = raw(src, dst, IPPROTO_ICMP, 8 + payload);

	p.byte[20] = type;
	p.byte[21] = code;
	fix_l4(&p);
	return p;
}

void with_options(struct packet *p, const uint8_t *options, size_t len)
{
	memmove(p->byte + 20 + len, p->byte + 20, p->len - 20);
	memcpy(p->byte + 20, options, len);
	p->len += len;
	p->byte[0] = (uint8_t)(0x45 + len / 4);
	fix_ip(p);
}
