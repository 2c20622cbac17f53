/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/build.h"

#include <netinet/in.h>
#include <string.h>

#include "core/util.h"

#define WRONG_BY 0x1111

uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

void put16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

void put32(uint8_t *at, uint32_t v)
{
	put16(at, (uint16_t)(v >> 16));
	put16(at + 2, (uint16_t)v);
}

uint32_t csum_add(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t n = 0; n < len; n += 2)
		sum += (uint32_t)(data[n] << 8 | (n + 1 < len ? data[n + 1] : 0));
	return sum;
}

uint16_t csum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint32_t csum_pseudo(wm_ip4 src, wm_ip4 dst, uint8_t proto, size_t len)
{
	return (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + proto + (uint32_t)len;
}

unsigned int csum_offset(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		return 6;
	default:
		return 0;
	}
}

uint16_t row_port(unsigned int row)
{
	return (uint16_t)(20000 + row);
}

static uint16_t port(uint16_t p, unsigned int row)
{
	return p == ROW ? row_port(row) : p;
}

static void fill(uint8_t *at, size_t from, size_t n)
{
	for (size_t x = from; x < from + n; x++)
		*at++ = (uint8_t)(x * 31 + (x >> 8) * 7 + 5);
}

/* --- L4, each returns its length; checksums come after ------------------------------ */

static size_t build_tcp(const struct pkt *p, unsigned int row, uint8_t *at)
{
	size_t header = 20 + p->ntcpopt;

	put16(at, port(p->sport, row));
	put16(at + 2, port(p->dport, row));
	put32(at + 4, p->seq);
	put32(at + 8, p->ack);
	at[12] = (uint8_t)(header / 4 << 4);
	at[13] = p->flags == NO_FLAGS ? 0 : p->flags ? p->flags : ACK;
	put16(at + 14, p->window == NO_WINDOW ? 0 : p->window ? p->window : 1000);
	memcpy(at + 20, p->tcpopt, p->ntcpopt);
	fill(at + header, p->data, p->len);
	return header + p->len;
}

static size_t build_udp(const struct pkt *p, unsigned int row, uint8_t *at)
{
	put16(at, port(p->sport, row));
	put16(at + 2, port(p->dport, row));
	put16(at + 4, p->proto == IPPROTO_UDPLITE ? p->coverage : (uint16_t)(8 + p->len));
	fill(at + 8, p->data, p->len);
	return 8u + p->len;
}

static size_t build_icmp(const struct pkt *p, unsigned int row, uint8_t *at)
{
	static uint8_t quoted[BYTES_MAX];
	size_t n = p->len;

	at[0] = p->type;
	at[1] = p->code;
	if (p->quote) {
		put32(at + 4, p->rest);
		n = build_packet(p->quote, row, quoted);
		if (p->quote_len)
			n = WM_MIN(n, p->quote_len);
		memcpy(at + 8, quoted, n);
	} else {
		put16(at + 4, port(p->sport, row));
		put16(at + 6, p->dport);
		fill(at + 8, p->data, n);
	}
	return 8 + n;
}

static size_t build_l4(const struct pkt *p, unsigned int row, uint8_t *at)
{
	switch (p->proto) {
	case IPPROTO_TCP:
		return build_tcp(p, row, at);
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return build_udp(p, row, at);
	case IPPROTO_ICMP:
		return build_icmp(p, row, at);
	default:
		fill(at, p->data, p->len);
		if (csum_offset(p->proto))
			put16(at + csum_offset(p->proto), 0);
		return p->len;
	}
}

static void sum_l4(const struct pkt *p, uint8_t *at, size_t n)
{
	unsigned int offset = p->proto == IPPROTO_ICMP ? 2 : csum_offset(p->proto);
	uint32_t pseudo = p->proto == IPPROTO_ICMP ? 0 : csum_pseudo(p->sum_src ? p->sum_src : p->src, p->sum_dst ? p->sum_dst : p->dst, p->proto, n);
	size_t covered = p->proto == IPPROTO_UDPLITE && p->coverage ? p->coverage : n;
	uint16_t sum;

	if (!offset || n < offset + 2 || p->sum == SUM_NONE)
		return;
	if (p->sum == SUM_PARTIAL) {
		put16(at + offset, csum_fold(pseudo));
		return;
	}
	sum = (uint16_t)~csum_fold(csum_add(pseudo, at, covered));
	if (p->sum == SUM_WRONG)
		sum = csum_fold((uint32_t)sum + WRONG_BY);
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_ICMP && !sum)
		sum = 0xffff;
	put16(at + offset, sum);
}

static void flip(const struct pkt *p, uint8_t *buf, size_t n)
{
	size_t header;

	for (size_t i = 0; i < WM_ARRAY_LEN(p->flip); i++)
		if (n)
			buf[p->flip[i].at % n] ^= p->flip[i].by;
	header = n ? (buf[0] & 15u) * 4 : 0;
	if (!p->flip_mended || header < 20 || header > n)
		return;
	put16(buf + 10, 0);
	put16(buf + 10, (uint16_t)~csum_fold(csum_add(0, buf, header)));
}

size_t build_packet(const struct pkt *p, unsigned int row, uint8_t *buf)
{
	size_t header = 20u + p->nopt, n, from = 0;
	uint8_t *at = buf + header;
	bool more = false;

	if (p->ethertype) {
		fill(buf, p->data, p->len);
		return p->len;
	}
	memset(buf, 0, header + 64);
	n = build_l4(p, row, at);
	sum_l4(p, at, n);
	if (p->sliced) {
		from = p->slice_at;
		more = from + p->slice_len < n;
		n = WM_MIN(n - from, p->slice_len);
		memmove(at, at + from, n);
	}
	buf[0] = (uint8_t)((p->version ? p->version : 4) << 4 | (p->ihl ? p->ihl : header / 4));
	buf[1] = p->tos;
	put16(buf + 2, (uint16_t)((int)(header + n) + p->tot_len));
	put16(buf + 4, p->id ? p->id : 0x1234);
	put16(buf + 6, (uint16_t)(from / 8 | (more ? 0x2000 : 0) | (p->df ? 0x4000 : 0)));
	buf[8] = p->ttl ? p->ttl : 64;
	buf[9] = p->proto;
	put32(buf + 12, p->src);
	put32(buf + 16, p->dst);
	memcpy(buf + 20, p->opt, p->nopt);
	put16(buf + 10, (uint16_t)~csum_fold(csum_add(0, buf, header)));
	n += header;
	memset(buf + n, 0, p->pad);
	flip(p, buf, n);
	n += p->pad;
	return p->cut ? WM_MIN(n, p->cut) : n;
}

struct virtio_net_hdr build_vnet(const struct pkt *p, size_t before)
{
	struct virtio_net_hdr v = { .hdr_len = p->linear ? (uint16_t)(before + p->linear) : 0 };
	size_t l4 = before + 20 + p->nopt;

	if (p->sum == SUM_PARTIAL) {
		v.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		v.csum_start = (uint16_t)l4;
		v.csum_offset = (uint16_t)csum_offset(p->proto);
	}
	if (p->gso) {
		v.gso_type = p->proto == IPPROTO_UDP ? VIRTIO_NET_HDR_GSO_UDP : VIRTIO_NET_HDR_GSO_TCPV4;
		v.gso_size = p->gso;
		if (!p->linear)
			v.hdr_len = (uint16_t)(l4 + (p->proto == IPPROTO_UDP ? 8 : 20 + p->ntcpopt));
	}
	return v;
}
