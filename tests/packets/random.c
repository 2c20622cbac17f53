/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who sends what to whom: talks, errors about them, strangers, fragments.
 */
#include "packets/random.h"

#include <netinet/in.h>
#include <string.h>

#include "core/util.h"
#include "packets/dice.h"
#include "packets/twist.h"
#include "packets/who.h"

/* Where a machine sends from, with which address, and how the mesh knows it. */
struct party {
	enum place at;
	wm_ip4 local, overlay;
	bool device; /* at a hub only */
	bool second; /* of the second mesh */
};

static const struct party parties[] = {
	{ WG, FAR, FAR },	  { WG, FAR2, FAR2 },	     { LAN0, ANN_L, ANN },     { LAN0, BOB_L, BOB },
	{ LAN1, CARL_L, CARL },	  { LAN2, TWIN_L, TWIN },    { LAN0, BOUND_L, BOUND }, { LAN0, ISO_L, ISO },
	{ LAN0, ISO2_L, ISO2 },	  { LAN1, ISO1_L, ISO1 },    { LAN0, ISO_L, ISO },     { LAN0, ISO2_L, ISO2 },
	{ LAN1, ISO1_L, ISO1 },	  { LOCAL, GW, GW },	     { WG, ROAM, ROAM, true }, { WG, IDEV, IDEV, true },
	{ WG, IDEV, IDEV, true }, { LAN0, MOVER_L, MOVER },
	{ WG2, FARX, FARX, false, true }, { LAN0, ANN_L, ANNX, false, true }, { LAN0, ONLYX_L, ONLYX, false, true },
	{ WG2, FARX, FARX, false, true }, { LOCAL, GWX, GWX, false, true },
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

static const struct party *any_party(struct traffic *t, bool second)
{
	const struct party *p;

	do
		p = &ONE_OF(t, parties);
	while ((p->device && t->config != HUB) || p->second != second);
	return p;
}

/* Few ports: talks meet old ones again, in whatever state they were left. */
static void begin_talk(struct traffic *t, struct talk *talk)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP,
					  IPPROTO_UDP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMP, IPPROTO_UDPLITE, IPPROTO_SCTP,
					  IPPROTO_DCCP };
	bool second = t->config == PAIR && once_in(t, 3);

	/* What the gateway says to itself never meets us. */
	do
		*talk = (struct talk){ .peer = any_party(t, second), .end = any_party(t, second), .proto = ONE_OF(t, protos) };
	while (talk->peer->at == LOCAL && talk->end->at == LOCAL);
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

static void fill_tcp(struct traffic *t, struct pkt *p)
{
	static const uint8_t flags[] = { SYN, SYN, SYN | ACK, SYN | ACK, ACK, ACK, ACK, ACK, PSH | ACK, FIN | ACK, FIN | ACK,
					 RST, RST | ACK, FIN, SYN | RST, SYN | FIN, NO_FLAGS, FIN | PSH | URG };
	static const struct {
		uint8_t n, bytes[8];
	} options[] = {
		{ 4, { 2, 4, 1460 >> 8, 1460 & 0xff } },	       { 4, { 2, 4, 1460 >> 8, 1460 & 0xff } },
		{ 4, { 2, 4, 536 >> 8, 536 & 0xff } },		       { 8, { 2, 4, 9000 >> 8, 9000 & 0xff, 4, 2, 1, 1 } },
		{ 8, { 1, 1, 4, 2, 2, 4, 1460 >> 8, 1460 & 0xff } }, { 8, { 1, 2, 4, 1460 >> 8, 1460 & 0xff, 1, 1, 0 } },
	};
	unsigned int o = below(t, WM_ARRAY_LEN(options));

	p->flags = ONE_OF(t, flags);
	p->seq = (uint32_t)next(t);
	p->ack = p->flags & ACK ? (uint32_t)next(t) : 0;
	if (p->flags == NO_FLAGS || !(p->flags & SYN) || once_in(t, 2))
		return;
	p->ntcpopt = options[o].n;
	memcpy(p->tcpopt, options[o].bytes, sizeof(options[o].bytes));
}

static void fill(struct traffic *t, struct pkt *p, bool asks)
{
	p->len = (uint16_t)below(t, 60);
	if (p->proto == IPPROTO_TCP) {
		fill_tcp(t, p);
	} else if (p->proto == IPPROTO_UDPLITE) {
		const uint16_t covers[] = { 0, 8, (uint16_t)(8 + p->len), (uint16_t)(8 + p->len / 2) };

		p->coverage = ONE_OF(t, covers);
	} else if (p->proto == IPPROTO_DCCP || p->proto == IPPROTO_SCTP) {
		p->len = (uint16_t)(p->len + 12);
	} else if (p->proto == IPPROTO_ICMP) {
		static const uint8_t others[] = { 0, 3, 8, 9, 10, 14, 15, 17, 42 };

		p->type = once_in(t, 12) ? ONE_OF(t, others) : asks ? 8 : 0;
		if (!asks)
			p->sport = p->dport;
		p->dport = 1;
	}
}

/* One packet of a talk, in either direction. */
static enum place of_talk(struct traffic *t, struct talk *talk, struct pkt *p, bool asks)
{
	const struct party *from = asks ? talk->peer : talk->end, *to = asks ? talk->end : talk->peer;

	*p = (struct pkt){ .proto = talk->proto, .src = from->local, .dst = to->overlay };
	p->sport = asks ? talk->peer_port : talk->end_port;
	p->dport = asks ? talk->end_port : talk->peer_port;
	if (talk->proto == IPPROTO_ICMP)
		p->sport = p->dport = talk->end_port;
	fill(t, p, asks);
	talk->last[asks ? 0 : 1] = *p;
	if (from->local == MOVER_L && once_in(t, 4))
		p->from_mac_of = once_in(t, 2) ? STRANGER_L : LISTED_L;
	return from->at;
}

/* What an error quotes is seldom what the one that it goes to could have sent. */
static void twist_quoted(struct traffic *t, struct pkt *q)
{
	if (once_in(t, 10))
		q->src = ONE_OF(t, strange);
	if (once_in(t, 10))
		q->dst = any_party(t, false)->local;
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
}

/* An error about a packet of a talk, mostly an earlier one, by the one that got it, who saw it with the address that it
 * has itself, or by somebody on the way. */
static enum place about_talk(struct traffic *t, struct talk *talk, struct pkt *p)
{
	static const struct {
		uint8_t type, code;
	} errors[] = { { 3, 0 }, { 3, 1 }, { 3, 3 }, { 3, 3 }, { 11, 0 }, { 11, 1 }, { 12, 0 }, { 5, 1 }, { 4, 0 }, { 3, 13 }, { 3, 4 } };
	bool asked = once_in(t, 2);
	const struct party *by = asked ? talk->end : talk->peer, *to = asked ? talk->peer : talk->end;
	struct pkt *q = &t->quoted;
	unsigned int e = below(t, WM_ARRAY_LEN(errors));

	if (talk->last[asked ? 0 : 1].proto && !once_in(t, 4))
		*q = talk->last[asked ? 0 : 1];
	else
		of_talk(t, talk, q, asked);
	q->src = to->overlay;
	q->dst = by->local;
	q->ttl = 63;
	twist_quoted(t, q);
	*p = (struct pkt){ .proto = IPPROTO_ICMP, .src = by->local, .dst = to->overlay, .type = errors[e].type,
			   .code = errors[e].code, .quote = q };
	/* The stack would believe it, and remember it for the rest of the run. */
	if (to->at == LOCAL && (p->type == 5 || (p->type == 3 && p->code == 4)))
		p->type = 11, p->code = 0;
	if (by->at == WG && !by->device && once_in(t, 6))
		p->src = FAR2;
	if (once_in(t, 3))
		p->quote_len = (uint16_t)(20 + q->nopt + 8);
	else if (once_in(t, p->type == 5 ? 2 : 6))
		p->quote_len = (uint16_t)(1 + below(t, p->type == 5 ? 19 : 40));
	return by->at;
}

/* A router of a LAN, registered nowhere, about a packet to a host. */
static enum place by_router(struct traffic *t, struct pkt *p)
{
	static const wm_ip4 liars[] = { ANN, ISO, FAR, GW, CARL_L, STRANGER_L };
	const struct party *to = any_party(t, false);
	struct pkt *q = &t->quoted;

	*q = (struct pkt){ .proto = IPPROTO_UDP, .src = to->overlay, .dst = once_in(t, 3) ? any_party(t, false)->local : ANN_L,
			   .sport = 40000, .dport = 80, .len = 20, .ttl = 1 };
	*p = (struct pkt){ .proto = IPPROTO_ICMP, .src = once_in(t, 6) ? ONE_OF(t, liars) : ROUTER_L, .dst = to->overlay,
			   .type = to->at != LOCAL && once_in(t, 4) ? 3 : 11, .quote = q };
	p->code = p->type == 3 ? 4 : 0;
	return LAN0;
}

static enum place of_strangers(struct traffic *t, struct pkt *p)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_GRE,
					  IPPROTO_ESP, 4, 41, 89, 253 };
	const struct party *party = any_party(t, false);
	enum place at = party->at;

	*p = (struct pkt){ .proto = ONE_OF(t, protos), .src = party->local, .dst = ONE_OF(t, strange) };
	if (once_in(t, 2)) {
		unsigned int i = below(t, WM_ARRAY_LEN(strangers));

		at = strangers[i].at;
		p->src = strangers[i].src;
	}
	if (once_in(t, 2))
		p->dst = any_party(t, t->config == PAIR && once_in(t, 3))->overlay;
	if (at == LOCAL && (!wm_prefix_has((struct wm_prefix){ IP(172, 30, 0, 0), 16 }, p->dst) || p->dst == GW))
		p->dst = NOBODY;
	/* A container that speaks as g: the stack answers itself, and what it quotes are its own words to nftables. */
	if (at == BOX && p->src == GW && !wm_prefix_has((struct wm_prefix){ IP(172, 30, 0, 0), 16 }, p->dst))
		p->dst = NOBODY;
	/* Of errors about what has no route the stack sends a few only. */
	if (at != WG && (p->dst == OUTSIDE || (p->dst == FARX && t->config != PAIR)))
		p->dst = NOBODY;
	p->sport = (uint16_t)(40000 + below(t, 6));
	p->dport = once_in(t, 4) ? 53 : (uint16_t)(500 + below(t, 6));
	fill(t, p, true);
	return at;
}

/* Fragments of one packet, in any order, with holes, twice, overlapping. */
static void make_train(struct traffic *t)
{
	struct talk *talk = &t->talk[below(t, TALKS)];
	struct train *train = &t->train;
	struct pkt p;
	unsigned int at = 0, end;

	train->at = of_talk(t, talk, &p, once_in(t, 2));
	/* Not for this machine, whose stack would keep them for the others. */
	if (train->at == LOCAL || p.dst == GW || p.dst == GWX)
		return;
	p.len = (uint16_t)(64 + below(t, 400));
	p.id = (uint16_t)(0x5000 + below(t, 0x1000));
	p.sliced = true;
	end = p.len;
	while (at < end && train->n < TRAIN) {
		unsigned int len = once_in(t, 6) ? 8 : 24 + 8 * below(t, 16);

		p.slice_at = (uint16_t)at;
		p.slice_len = (uint16_t)len;
		if (!once_in(t, 10))
			train->piece[train->n++] = p;
		at += once_in(t, 6) && len > 16 ? len - 16 : once_in(t, 12) ? 0 : len;
	}
	for (unsigned int n = 0; once_in(t, 2) && n < train->n; n++) {
		unsigned int other = below(t, train->n);
		struct pkt swap = train->piece[n];

		train->piece[n] = train->piece[other];
		train->piece[other] = swap;
	}
}

/* No sum of these is the age at which something ends (10, 30, 60, 150, 180, 7200 s), nor within seconds of it. */
static unsigned int pass_time(struct traffic *t)
{
	static const uint16_t ages[] = { 22, 22, 22, 44, 44, 66, 88, 154, 154, 176, 198, 7194 };

	return once_in(t, 250) ? ONE_OF(t, ages) : 0;
}

static enum place next_of_train(struct traffic *t, struct pkt *ret)
{
	struct train *train = &t->train;

	*ret = train->piece[--train->n];
	return train->at;
}

enum place traffic_next(struct traffic *t, struct pkt *ret, unsigned int *ret_age_s)
{
	struct talk *talk = &t->talk[below(t, TALKS)];
	unsigned int kind = below(t, 100);
	enum place at;

	*ret_age_s = pass_time(t);
	if (once_in(t, 30))
		begin_talk(t, talk);
	if (!t->train.n && once_in(t, 60))
		make_train(t);
	if (t->train.n)
		return next_of_train(t, ret);
	if (kind < 66)
		at = of_talk(t, talk, ret, below(t, 5) < 3);
	else if (kind < 80)
		at = about_talk(t, talk, ret);
	else if (kind < 81)
		at = by_router(t, ret);
	else
		at = of_strangers(t, ret);
	if (once_in(t, 3))
		twist(t, at, ret);
	else if (at == LOCAL)
		twist_own(t, ret);
	return at;
}
