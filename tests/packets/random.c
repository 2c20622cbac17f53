/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/random.h"

#include <netinet/in.h>
#include <string.h>

#include "core/util.h"
#include "packets/who.h"

/* Where a machine sends from, with which address, and how the mesh knows it. */
struct party {
	enum place at;
	wm_ip4 local, overlay;
	bool device; /* at a hub only */
};

static const struct party parties[] = {
	{ WG, FAR, FAR },	  { WG, FAR2, FAR2 },	     { LAN0, ANN_L, ANN },     { LAN0, BOB_L, BOB },
	{ LAN1, CARL_L, CARL },	  { LAN2, TWIN_L, TWIN },    { LAN0, BOUND_L, BOUND }, { LAN0, ISO_L, ISO },
	{ LAN0, ISO2_L, ISO2 },	  { LAN1, ISO1_L, ISO1 },    { LAN0, ISO_L, ISO },     { LAN0, ISO2_L, ISO2 },
	{ LAN1, ISO1_L, ISO1 },	  { LOCAL, GW, GW },	     { WG, ROAM, ROAM, true }, { WG, IDEV, IDEV, true },
	{ WG, IDEV, IDEV, true },
};

/* Sources and destinations that are no party's, or not there. All of a LAN's are machines that answer ARP. */
static const wm_ip4 strange[] = {
	NOBODY, GW, IP(172, 30, 2, 0), IP(172, 30, 2, 255), IP(172, 30, 0, 0), IP(172, 30, 255, 255), OUTSIDE,
	IP(127, 0, 0, 1), IP(224, 0, 0, 251), IP(255, 255, 255, 255), IP(0, 0, 0, 0), ANN_L, ISO_L, CARL_L, GW0, FARX,
};

static const struct {
	enum place at;
	wm_ip4 src;
} strangers[] = {
	{ LAN0, STRANGER_L }, { LAN0, ROUTER_L }, { LAN1, STRANGER_L }, { LAN0, CARL_L }, { LAN1, ANN_L }, { LAN0, ANN },
	{ LAN0, FAR },	      { LAN0, GW },	  { LAN0, GW0 },	{ BOX, BOX_L },	  { BOX, ANN_L },  { BOX, ANN },
	{ BOX, FAR2 },	      { BOX, GW },	  { WG, OUTSIDE },	{ WG, ANN },	  { WG, ISO },	   { WG, GW },
	{ WG, ANN_L },	      { WG, NOBODY },	  { WG, IP(172, 30, 0, 0) }, { LAN2, BOB_L },
};

/* splitmix64 */
static uint64_t next(struct traffic *t)
{
	uint64_t z = (t->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static unsigned int below(struct traffic *t, unsigned int n)
{
	return (unsigned int)(next(t) % n);
}

static bool once_in(struct traffic *t, unsigned int n)
{
	return below(t, n) == 0;
}

#define ONE_OF(t, list) ((list)[below(t, WM_ARRAY_LEN(list))])

static const struct party *any_party(struct traffic *t)
{
	const struct party *p;

	do
		p = &ONE_OF(t, parties);
	while (p->device && t->config != HUB);
	return p;
}

/* Few ports: talks meet old ones again, in whatever state they were left. */
static void begin_talk(struct traffic *t, struct talk *talk)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP };

	*talk = (struct talk){ .peer = any_party(t), .end = any_party(t), .proto = ONE_OF(t, protos) };
	talk->peer_port = (uint16_t)(40000 + below(t, 6));
	talk->end_port = once_in(t, 6) ? 53 : (uint16_t)(500 + below(t, 6));
}

void traffic_begin(struct traffic *t, uint64_t seed, enum config config)
{
	*t = (struct traffic){ .state = seed * 0x9e3779b97f4a7c15u + config, .config = config };
	for (int i = 0; i < TALKS; i++)
		begin_talk(t, &t->talk[i]);
}

/* --- packets ------------------------------------------------------------------------ */

static void fill(struct traffic *t, struct pkt *p, bool asks)
{
	static const uint8_t flags[] = { SYN, SYN, SYN | ACK, SYN | ACK, ACK, ACK, ACK, ACK, PSH | ACK, FIN | ACK, FIN | ACK,
					 RST, RST | ACK, FIN, SYN | RST, SYN | FIN, NO_FLAGS, FIN | PSH | URG };

	p->len = (uint16_t)below(t, 60);
	if (p->proto == IPPROTO_TCP) {
		p->flags = ONE_OF(t, flags);
		p->seq = (uint32_t)next(t);
		p->ack = p->flags & ACK ? (uint32_t)next(t) : 0;
		if (p->flags & SYN && once_in(t, 2)) {
			static const uint8_t mss[] = { 2, 4, 1460 >> 8, 1460 & 0xff };

			memcpy(p->tcpopt, mss, sizeof(mss));
			p->ntcpopt = sizeof(mss);
		}
	} else if (p->proto == IPPROTO_ICMP) {
		static const uint8_t others[] = { 0, 3, 8, 9, 10, 14, 15, 17, 42 };

		p->type = once_in(t, 12) ? ONE_OF(t, others) : asks ? 8 : 0;
		if (!asks)
			p->sport = p->dport;
		p->dport = 1;
	}
}

/* One packet of a talk, in either direction. */
static enum place of_talk(struct traffic *t, const struct talk *talk, struct pkt *p, bool asks)
{
	const struct party *from = asks ? talk->peer : talk->end, *to = asks ? talk->end : talk->peer;

	*p = (struct pkt){ .proto = talk->proto, .src = from->local, .dst = to->overlay };
	p->sport = asks ? talk->peer_port : talk->end_port;
	p->dport = asks ? talk->end_port : talk->peer_port;
	if (talk->proto == IPPROTO_ICMP)
		p->sport = p->dport = talk->end_port;
	fill(t, p, asks);
	return from->at;
}

/* An error about a packet of a talk, by the one that got it, who saw it with the address that it has itself. */
static enum place about_talk(struct traffic *t, const struct talk *talk, struct pkt *p)
{
	static const struct {
		uint8_t type, code;
	} errors[] = { { 3, 0 }, { 3, 1 }, { 3, 3 }, { 3, 3 }, { 11, 0 }, { 11, 1 }, { 12, 0 }, { 5, 1 }, { 4, 0 }, { 3, 13 } };
	bool asked = once_in(t, 2);
	const struct party *by = asked ? talk->end : talk->peer, *to = asked ? talk->peer : talk->end;
	struct pkt *q = &t->quoted;
	unsigned int e = below(t, WM_ARRAY_LEN(errors));

	of_talk(t, talk, q, asked);
	q->src = to->overlay;
	q->dst = by->local;
	if (once_in(t, 10))
		q->src = ONE_OF(t, strange);
	if (once_in(t, 10))
		q->dst = any_party(t)->local;
	if (once_in(t, 12)) {
		q->nopt = 4;
		memset(q->opt, 1, 4);
	}
	if (once_in(t, 12)) {
		q->sliced = true;
		q->slice_at = once_in(t, 2) ? 0 : 8;
		q->slice_len = 8;
		q->len = 32;
	}
	*p = (struct pkt){ .proto = IPPROTO_ICMP, .src = by->local, .dst = to->overlay, .type = errors[e].type,
			   .code = errors[e].code, .quote = q };
	if (once_in(t, 6))
		p->quote_len = (uint16_t)(1 + below(t, 40));
	return by->at;
}

/* A router of a LAN, registered nowhere, about a packet to a host. */
static enum place by_router(struct traffic *t, struct pkt *p)
{
	const struct party *to = any_party(t);
	struct pkt *q = &t->quoted;

	*q = (struct pkt){ .proto = IPPROTO_UDP, .src = to->overlay, .dst = once_in(t, 3) ? any_party(t)->local : ANN_L,
			   .sport = 40000, .dport = 80, .len = 20, .ttl = 1 };
	*p = (struct pkt){ .proto = IPPROTO_ICMP, .src = ROUTER_L, .dst = to->overlay, .type = once_in(t, 4) ? 3 : 11, .quote = q };
	return LAN0;
}

static enum place of_strangers(struct traffic *t, struct pkt *p)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_GRE,
					  IPPROTO_ESP, 4, 41, 89, 253 };
	const struct party *party = any_party(t);
	enum place at = party->at;

	*p = (struct pkt){ .proto = ONE_OF(t, protos), .src = party->local, .dst = ONE_OF(t, strange) };
	if (once_in(t, 2)) {
		unsigned int i = below(t, WM_ARRAY_LEN(strangers));

		at = strangers[i].at;
		p->src = strangers[i].src;
	}
	if (once_in(t, 2))
		p->dst = any_party(t)->overlay;
	if (at == LOCAL && !wm_prefix_has((struct wm_prefix){ IP(172, 30, 0, 0), 16 }, p->dst))
		p->dst = NOBODY;
	/* Of errors about what has no route the stack sends a few only. */
	if (at != WG && (p->dst == OUTSIDE || p->dst == FARX))
		p->dst = NOBODY;
	p->sport = (uint16_t)(40000 + below(t, 6));
	p->dport = once_in(t, 4) ? 53 : (uint16_t)(500 + below(t, 6));
	fill(t, p, true);
	return at;
}

/* What makes a packet odd. */
static void twist(struct traffic *t, enum place at, struct pkt *p)
{
	bool ours = wm_prefix_has((struct wm_prefix){ IP(172, 30, 0, 0), 16 }, p->dst) && p->dst != GW;

	switch (below(t, 24)) {
	case 0:
		p->ttl = (uint8_t)(1 + below(t, 2));
		break;
	case 1:
		p->ttl = 255;
		p->tos = (uint8_t)next(t);
		p->df = true;
		break;
	case 2:
		p->len = (uint16_t)(1340 + below(t, 200));
		p->df = once_in(t, 2);
		break;
	case 3:
		p->nopt = 8;
		p->ntcpopt = 0; /* the MSS that fits is less then, which nftables cannot compute */
		memset(p->opt, 1, 8);
		break;
	case 4: { /* through a machine of the mesh; nftables does not see the gateway's own on 5.10 */
		const uint8_t route[] = { once_in(t, 2) ? 131 : 137, 7, 4, 172, 30, 3, 9, 0 };

		if (at == LOCAL)
			break;
		p->nopt = sizeof(route);
		memcpy(p->opt, route, sizeof(route));
		break;
	}
	case 5:
		p->sum = p->proto == IPPROTO_UDP && once_in(t, 2) ? SUM_NONE : SUM_WRONG;
		break;
	case 6:
	case 7: /* a piece; not for this machine, whose stack would keep it for the other half */
		if (!ours || at == LOCAL || p->quote)
			break;
		p->len = 120;
		p->id = (uint16_t)(0x4000 + below(t, 4));
		p->sliced = true;
		p->slice_at = (uint16_t)(8 * below(t, 5));
		p->slice_len = (uint16_t)(24 + 8 * below(t, 6));
		break;
	case 8:
		if (at != LOCAL)
			p->tot_len = (int)below(t, 60) - 30;
		break;
	case 9:
		if (at != LOCAL && once_in(t, 2))
			p->version = (uint8_t)below(t, 16);
		else if (at != LOCAL)
			p->ihl = (uint8_t)below(t, 16);
		break;
	case 10:
		if (at != LOCAL && at != WG)
			p->pad = (uint8_t)below(t, 30);
		break;
	case 11:
		if (at >= LAN0 && at <= LAN2)
			p->group_mac = once_in(t, 2);
		else
			break;
		p->other_mac = !p->group_mac;
		break;
	case 12:
		if (at >= LAN0 && at <= LAN2)
			p->vlan = once_in(t, 2) ? 0x2000 : 7;
		break;
	case 13:
		if (p->src == BOUND_L)
			p->from_mac_of = once_in(t, 2) ? STRANGER_L : LISTED_L;
		break;
	default:
		break;
	}
}

enum place traffic_next(struct traffic *t, struct pkt *ret)
{
	struct talk *talk = &t->talk[below(t, TALKS)];
	unsigned int kind = below(t, 100);
	enum place at;

	if (once_in(t, 30))
		begin_talk(t, talk);
	if (kind < 68)
		at = of_talk(t, talk, ret, below(t, 5) < 3);
	else if (kind < 80)
		at = about_talk(t, talk, ret);
	else if (kind < 81)
		at = by_router(t, ret);
	else
		at = of_strangers(t, ret);
	if (once_in(t, 3))
		twist(t, at, ret);
	return at;
}
