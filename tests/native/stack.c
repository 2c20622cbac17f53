/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * As much of Linux's IP as the rows meet: routes as wm_link_up makes them,
 * forwarding with TTL, MTU, fragments and options, ICMP errors (reassembly.c),
 * and a machine that answers ping and refuses ports. Only what comes out of
 * here is compared with the real kernel (tests/packets runs the same rows there).
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "native/ip.h"
#include "native/world.h"
#include "packets/frame.h"

#define QUOTED_MOST (576 - 20 - 8)
#define OPTION_RECORD 7

/* --- addresses and routes -------------------------------------------------------------- */

static const struct link {
	enum place at;
	wm_ip4 addr, net;
	uint16_t mtu;
} links[] = {
	{ LAN0, GW0, GW0 & 0xffffff00, LAN_MTU },
	{ LAN1, GW1, GW1 & 0xffffff00, LAN1_MTU },
	{ LAN2, GW2, GW2 & 0xffffff00, LAN_MTU },
	{ BOX, BOX_GW, BOX_GW & 0xffffff00, LAN_MTU },
};

struct route {
	enum place out; /* NOWHERE: none */
	wm_ip4 source;  /* what the gateway would call itself there */
	uint16_t mtu;
};

static wm_ip4 gateway_of(unsigned int mesh)
{
	const struct native_plane *p = plane_of(mesh);

	return p ? ntohl(p->params.gateway) : 0;
}

static bool is_in_mesh(unsigned int mesh, wm_ip4 addr)
{
	const struct native_plane *p = plane_of(mesh);

	return p && (htonl(addr) & p->params.supernet_mask) == p->params.supernet;
}

bool stack_is_own(wm_ip4 addr)
{
	for (size_t n = 0; n < WM_ARRAY_LEN(links); n++)
		if (links[n].addr == addr)
			return true;
	return addr && (addr == gateway_of(0) || addr == gateway_of(1));
}

static bool has_our_mark(uint32_t mark)
{
	for (unsigned int mesh = 0; mesh < 2; mesh++) {
		const struct native_plane *p = plane_of(mesh);

		if (p && mark && (mark & WM_MARK_MASK) == p->params.fwmark)
			return true;
	}
	return false;
}

/* To the hosts of a site, no more than the least of its LANs takes. */
static uint16_t mesh_mtu(unsigned int mesh, wm_ip4 dst)
{
	const struct native_plane *p = plane_of(mesh);
	const struct wm_lan_info *lan = (const struct wm_lan_info *)p->map[WM_BPF_LANS].values;
	uint16_t least = WG_MTU;

	if ((htonl(dst) & p->params.subnet_mask) != p->params.subnet)
		return WG_MTU;
	for (unsigned int n = 0; n < WM_LAN_SLOTS; n++)
		if (lan[n].ifindex && lan[n].mtu < least)
			least = (uint16_t)lan[n].mtu;
	return least;
}

/* The LAN that a mark names has a table of its own, which comes before the others. */
static struct route find_route(wm_ip4 dst, uint32_t mark)
{
	uint32_t slot = has_our_mark(mark) ? mark & 0xff : 0;

	for (unsigned int mesh = 0; mesh < 2; mesh++)
		if (is_in_mesh(mesh, dst))
			return (struct route){ mesh ? WG2 : WG, gateway_of(mesh), mesh_mtu(mesh, dst) };
	if (slot && slot <= 3 && (dst & 0xffffff00) == links[slot - 1].net)
		return (struct route){ links[slot - 1].at, links[slot - 1].addr, links[slot - 1].mtu };
	for (size_t n = 0; n < WM_ARRAY_LEN(links); n++)
		if ((dst & 0xffffff00) == links[n].net)
			return (struct route){ links[n].at, links[n].addr, links[n].mtu };
	return (struct route){ NOWHERE };
}

/* --- headers --------------------------------------------------------------------------- */

/* ip_rcv: what lies or is damaged is dropped; padding goes. */
static bool is_sound(struct flight *f)
{
	const uint8_t *ip = ip_of(f);
	uint32_t len = f->skb->ctx.len;

	if (len < 20 || ip[0] >> 4 != 4 || (ip[0] & 15) < 5 || header_of(f) > len)
		return false;
	if (!f->skb->ctx.gso_size && (get16(ip + 2) < header_of(f) || get16(ip + 2) > len))
		return false;
	if (csum_fold(csum_add(0, ip, header_of(f))) != 0xffff)
		return false;
	if (get16(ip + 2) < len && !f->skb->ctx.gso_size)
		f->skb->ctx.len = get16(ip + 2);
	return true;
}

/* --- out -------------------------------------------------------------------------------- */

static void put_on_wire(struct flight *f, enum place out)
{
	wm_ip4 dst = get32(ip_of(f) + 16);

	if (out == WG || out == WG2) {
		out_of_wg(f, out == WG2);
		return;
	}
	skb_push(f->skb, ETH_HLEN);
	rig_host_mac(out, dst, f->skb->data);
	rig_gateway_mac(out, f->skb->data + 6);
	put16(f->skb->data + 12, ETH_P_IP);
	out_of_lan(f, out);
}

static void fragment(struct flight *f, void *arg)
{
	const struct route *route = arg;
	uint32_t header = header_of(f), payload = f->skb->ctx.len - header, size = (route->mtu - header) & ~7u;
	uint16_t field = get16(ip_of(f) + 6);

	if (f->skb->ctx.len <= route->mtu) {
		put_on_wire(f, route->out);
		return;
	}
	finish_sum(f->skb);
	for (uint32_t at = 0; at < payload; at += size) {
		uint32_t n = WM_MIN(size, payload - at);
		struct flight one = { skb_new(f->skb->data, header + n), f->in };
		uint8_t *ip = one.skb->data;

		one.skb->ctx.mark = f->skb->ctx.mark;
		memcpy(ip + header, f->skb->data + header + at, n);
		put16(ip + 2, (uint16_t)(header + n));
		put16(ip + 6, (uint16_t)((field & 0xe000) | ((field & 0x1fff) + at / 8) | (at + n < payload ? 0x2000 : 0)));
		sum_header(ip, header);
		put_on_wire(&one, route->out);
	}
	skb_free(f->skb);
	f->skb = NULL;
}

static uint32_t wire_size_of(const struct flight *f)
{
	const uint8_t *ip = ip_of(f);
	uint32_t header = header_of(f);

	if (!f->skb->ctx.gso_size || f->skb->ctx.len < header + 20)
		return f->skb->ctx.len;
	return f->skb->ctx.gso_size + header + (ip[9] == IPPROTO_TCP ? (uint32_t)(ip[header + 12] >> 4) * 4 : 8);
}

static void output(struct flight *f, const struct route *route)
{
	struct route to = *route;

	if (wire_size_of(f) <= to.mtu)
		put_on_wire(f, to.out);
	else if (f->skb->ctx.gso_size)
		cut_segments(f, fragment, &to);
	else
		fragment(f, &to);
}

/* --- what the gateway itself says --------------------------------------------------------- */

static void say(wm_ip4 src, wm_ip4 dst, uint8_t proto, uint8_t tos, const uint8_t *l4, size_t len, uint32_t mark)
{
	struct route route = find_route(dst, mark);
	uint8_t buf[BYTES_MAX] = { 0x45, tos };

	if (!route.out)
		return;
	put16(buf + 2, (uint16_t)(20 + len));
	put16(buf + 4, SAID_ID);
	put16(buf + 6, 0x4000);
	buf[8] = 64;
	buf[9] = proto;
	put32(buf + 12, src ? src : route.source);
	put32(buf + 16, dst);
	sum_header(buf, 20);
	memcpy(buf + 20, l4, len);
	struct flight f = { skb_new(buf, 20 + len), { .from = LOCAL } };
	f.skb->ctx.mark = mark; /* fwmark_reflect */
	output(&f, &route);
}

/* icmp_send. src 0: by the route back. */
static void say_error(const struct flight *f, wm_ip4 src, uint8_t type, uint8_t code, uint32_t rest)
{
	const uint8_t *ip = ip_of(f);
	uint32_t header = header_of(f), quoted = WM_MIN(f->skb->ctx.len, QUOTED_MOST);
	uint8_t l4[8 + QUOTED_MOST] = { type, code };
	bool is_error = ip[9] == IPPROTO_ICMP && f->skb->ctx.len > header &&
			(ip[header] == 3 || ip[header] == 4 || ip[header] == 5 || ip[header] == 11 || ip[header] == 12);

	if (is_error || get16(ip + 6) & 0x1fff)
		return;
	put32(l4 + 4, rest);
	memcpy(l4 + 8, ip, quoted);
	put16(l4 + 2, (uint16_t)~csum_fold(csum_add(0, l4, 8 + quoted)));
	say(src, get32(ip + 12), IPPROTO_ICMP, 0xc0, l4, 8 + quoted, f->skb->ctx.mark);
}

static void answer_echo(const struct flight *f, const uint8_t *l4, size_t len)
{
	static uint8_t reply[BYTES_MAX];

	memcpy(reply, l4, len);
	reply[0] = 0;
	put16(reply + 2, 0);
	put16(reply + 2, (uint16_t)~csum_fold(csum_add(0, reply, len)));
	say(get32(ip_of(f) + 16), get32(ip_of(f) + 12), IPPROTO_ICMP, ip_of(f)[1], reply, len, f->skb->ctx.mark);
}

/* Nobody listens: tcp_v4_send_reset. */
static void refuse_tcp(const struct flight *f, const uint8_t *l4, size_t len)
{
	wm_ip4 src = get32(ip_of(f) + 16), dst = get32(ip_of(f) + 12);
	uint8_t reset[20] = { 0 }, flags = l4[13];

	if (flags & RST)
		return;
	memcpy(reset, l4 + 2, 2);
	memcpy(reset + 2, l4, 2);
	if (flags & ACK)
		memcpy(reset + 4, l4 + 8, 4);
	else
		put32(reset + 8, (uint32_t)(get32(l4 + 4) + !!(flags & SYN) + !!(flags & FIN) + len - (size_t)(l4[12] >> 4) * 4));
	reset[12] = 0x50;
	reset[13] = flags & ACK ? RST : RST | ACK;
	put16(reset + 16, (uint16_t)~csum_fold(csum_add(csum_pseudo(src, dst, IPPROTO_TCP, 20), reset, 20)));
	say(src, dst, IPPROTO_TCP, 0, reset, sizeof(reset), f->skb->ctx.mark);
}

static bool is_l4_right(const struct flight *f, const uint8_t *l4, size_t len)
{
	const uint8_t *ip = ip_of(f);
	uint32_t pseudo = ip[9] == IPPROTO_ICMP ? 0 : csum_pseudo(get32(ip + 12), get32(ip + 16), ip[9], len);

	if (f->skb->partial || (ip[9] == IPPROTO_UDP && !get16(l4 + 6)))
		return true;
	return csum_fold(csum_add(pseudo, l4, len)) == 0xffff;
}

static void answer(struct flight *f)
{
	const uint8_t *ip = ip_of(f), *l4 = ip + header_of(f);
	size_t len = f->skb->ctx.len - header_of(f);

	if (len < 8 || !is_l4_right(f, l4, len))
		return;
	switch (ip[9]) {
	case IPPROTO_ICMP:
		if (l4[0] == 8)
			answer_echo(f, l4, len);
		break;
	case IPPROTO_UDP:
		if (get16(l4 + 2) != 53 && get16(l4 + 2) != 9)
			say_error(f, get32(ip + 16), 3, 3, 0);
		break;
	case IPPROTO_TCP:
		if (len >= 20 && (size_t)(l4[12] >> 4) * 4 >= 20 && (size_t)(l4[12] >> 4) * 4 <= len)
			refuse_tcp(f, l4, len);
		break;
	default:
		break;
	}
}

/* --- in -------------------------------------------------------------------------------------- */

/* Raw sockets for UDP, TCP and ICMP see it first. */
static void deliver(struct flight *f, bool group)
{
	uint8_t proto;

	if (!reassemble(f))
		return;
	proto = ip_of(f)[9];
	if (proto == IPPROTO_UDP || proto == IPPROTO_TCP || proto == IPPROTO_ICMP) {
		struct seen *s = seen_add(&world.out);

		s->at = LOCAL;
		s->ip = true;
		s->len = f->skb->ctx.len;
		s->data = malloc(s->len + 1);
		if (!s->data)
			abort();
		memcpy(s->data, f->skb->data, s->len);
	}
	if (!group)
		answer(f);
	flight_end(f, FATE_LOCAL);
}

/* ip_forward_options: only record route is of any use. */
static void record_route(struct flight *f, wm_ip4 addr)
{
	uint8_t *ip = ip_of(f);
	uint32_t header = header_of(f);

	for (uint32_t at = 20; at < header && ip[at];) {
		if (ip[at] == 1) {
			at++;
			continue;
		}
		if (at + 1 >= header || ip[at + 1] < 2 || at + ip[at + 1] > header)
			return;
		if (ip[at] == OPTION_RECORD && ip[at + 1] >= 3 && ip[at + 2] >= 4 && ip[at + 2] + 3 <= ip[at + 1]) {
			put32(ip + at + ip[at + 2] - 1, addr);
			ip[at + 2] += 4;
		}
		at += ip[at + 1];
	}
}

static void forward(struct flight *f)
{
	uint8_t *ip = ip_of(f);
	struct route route = find_route(get32(ip + 16), f->skb->ctx.mark);

	/* The rule against what our plane has not let through. */
	if ((f->in.from == WG || f->in.from == WG2) && !has_our_mark(f->skb->ctx.mark))
		route.out = NOWHERE;
	if (!route.out) {
		flight_end(f, FATE_STACK);
		return;
	}
	if (ip[8] <= 1 || (wire_size_of(f) > route.mtu && get16(ip + 6) & 0x4000)) {
		say_error(f, 0, ip[8] <= 1 ? 11 : 3, ip[8] <= 1 ? 0 : 4, ip[8] <= 1 ? 0 : route.mtu);
		flight_end(f, FATE_STACK);
		return;
	}
	ip[8]--;
	record_route(f, route.source);
	sum_header(ip, header_of(f));
	output(f, &route);
}

void stack_receive(struct flight *f, bool group)
{
	wm_ip4 dst;

	if (!is_sound(f)) {
		flight_end(f, FATE_STACK);
		return;
	}
	dst = get32(ip_of(f) + 16);
	if (stack_is_own(dst) || dst == UINT32_MAX)
		deliver(f, group || dst == UINT32_MAX);
	else if (group || dst >> 28 >= 0xe || dst >> 24 == 127)
		flight_end(f, FATE_STACK);
	else
		forward(f);
}

/* A raw socket with a header of its own: the kernel sums that up. */
void stack_send(struct flight *f)
{
	struct route route;

	if (f->skb->ctx.len < 20 || ip_of(f)[0] >> 4 != 4 || header_of(f) < 20 || header_of(f) > f->skb->ctx.len) {
		flight_end(f, FATE_STACK);
		return;
	}
	put16(ip_of(f) + 2, (uint16_t)f->skb->ctx.len);
	sum_header(ip_of(f), header_of(f));
	route = find_route(get32(ip_of(f) + 16), 0);
	if (get32(ip_of(f) + 16) >> 28 == 14) /* to a group: by the device that the rig's socket names */
		route = (struct route){ WG, gateway_of(0), WG_MTU };
	if (world.probing)
		route.mtu = WG_MTU;
	if (!route.out || f->skb->ctx.len > WG_MTU || (f->skb->ctx.len > route.mtu && get16(ip_of(f) + 6) & 0x4000))
		flight_end(f, FATE_STACK);
	else
		output(f, &route);
}
