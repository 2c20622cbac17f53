/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What makes a packet of random traffic odd: bits that turn, lengths that lie,
 * options, pieces, frames for others.
 */
#include <netinet/in.h>
#include <string.h>

#include "packets/build.h"
#include "packets/dice.h"
#include "packets/frame.h"
#include "packets/twist.h"
#include "packets/who.h"

/* To or from an isolated end. What the stack drops behind nftables' back has moved its flow. */
static bool is_isolated(const struct pkt *p)
{
	return p->dst == ISO || p->dst == ISO1 || p->dst == ISO2 || p->dst == IDEV || p->src == ISO_L || p->src == ISO1_L ||
	       p->src == ISO2_L || p->src == IDEV;
}

static bool goes_through(const struct traffic *t, const struct pkt *p)
{
	if (p->dst == GW || p->dst == GWX)
		return false;
	return wm_prefix_has((struct wm_prefix){ IP(172, 30, 0, 0), 16 }, p->dst) ||
	       (t->config == PAIR && wm_prefix_has((struct wm_prefix){ IP(10, 50, 0, 0), 16 }, p->dst));
}

/* Bits that turn on the way. Not those that would make the stack wait for fragments or for a machine that is not there,
 * write times into options, look for ways out of the mesh, or wonder about a source from another world: on a LAN, of
 * another network than its own. */
static void turn_bits(struct traffic *t, enum place from, struct pkt *p)
{
	static const uint8_t not_these[] = { 0, 6, 7, 12, 16, 17 };
	static uint8_t built[BYTES_MAX];
	size_t len = build_packet(p, 0, built);
	unsigned int n = 1 + below(t, 3);

	while (n-- > 0) {
		size_t at = below(t, once_in(t, 2) ? 48 : 100) % len;

		if (memchr(not_these, (int)at, sizeof(not_these)) || (rig_is_lan(from) && (at == 13 || at == 14)) ||
		    (!goes_through(t, p) && (at == 18 || at == 19)))
			at = 20;
		p->flip[n].at = (uint16_t)at;
		p->flip[n].by = (uint8_t)(1u << below(t, 8));
	}
	p->flip_mended = is_isolated(p) || !once_in(t, 4);
}

/* What makes a packet odd: each of these is one way, in a packet that comes in at `at`. */

static void make_big(struct traffic *t, enum place at, struct pkt *p)
{
	if (p->proto == IPPROTO_ICMP && !goes_through(t, p))
		return; /* its echo would be cut, too */
	if ((at == LOCAL && is_isolated(p)) || p->dst == IDEV || p->dst == ROAM)
		return; /* one back end asks the isolated end, the other does not; devices share a route with the LANs */
	p->len = (uint16_t)((at == LOCAL ? 1230 : 1340) + below(t, at == LOCAL ? 140 : 200));
	p->coverage = 0;
	p->df = once_in(t, 2);
}

static void add_options(struct traffic *t, enum place at, struct pkt *p)
{
	p->nopt = 8;
	memset(p->opt, 1, 8);
	if (at != LOCAL && !is_isolated(p) && once_in(t, 4)) {
		p->opt[4] = 7; /* of no length */
		p->opt[5] = 0;
	}
}

/* Through a machine of the mesh; nftables does not see the gateway's own on 5.10. */
static void add_source_route(struct traffic *t, enum place at, struct pkt *p)
{
	const uint8_t route[] = { once_in(t, 2) ? 131 : 137, 7, 4, 172, 30, 3, 9, 0 };

	if (at == LOCAL)
		return;
	p->nopt = sizeof(route);
	memcpy(p->opt, route, sizeof(route));
	if (once_in(t, 3)) { /* at its end, or a list that lies */
		p->nopt = 4;
		p->opt[1] = once_in(t, 2) ? 3 : 0;
	} else if (!is_isolated(p) && once_in(t, 3)) { /* at its end, behind another one */
		const uint8_t behind[] = { 7, 3, 4, p->opt[0], 3, 4, 0, 0 };

		memcpy(p->opt, behind, sizeof(behind));
	}
}

/* Not for this machine, whose stack would keep it for the other half. */
static void make_piece(struct traffic *t, enum place at, struct pkt *p)
{
	if (!goes_through(t, p) || at == LOCAL || p->quote)
		return;
	p->len = 120;
	p->coverage = 0;
	p->id = (uint16_t)(0x4000 + below(t, 4));
	p->sliced = true;
	p->slice_at = (uint16_t)(8 * below(t, 5));
	p->slice_len = (uint16_t)(24 + 8 * below(t, 6));
}

static void lie(struct traffic *t, enum place at, struct pkt *p)
{
	bool tunnel = p->proto == IPPROTO_IPIP || p->proto == IPPROTO_IPV6 || p->proto == IPPROTO_GRE;

	/* No wg device pads; what a TUN's writer pads GRO reads as what the tunnel's packet carries. */
	if (once_in(t, 2))
		p->tot_len = (int)below(t, 60) - (tunnel && !rig_is_lan(at) ? 0 : 30);
	else if (once_in(t, 2))
		p->version = (uint8_t)below(t, 16);
	else
		p->ihl = (uint8_t)below(t, 16);
}

static void twist_frame(struct traffic *t, struct pkt *p)
{
	switch (below(t, 4)) {
	case 0:
		p->pad = (uint8_t)below(t, 30);
		break;
	case 1:
		p->group_mac = once_in(t, 2);
		p->other_mac = !p->group_mac;
		break;
	case 2:
		p->vlan = once_in(t, 2) ? 0x2000 : 7;
		break;
	default:
		if (p->src == BOUND_L)
			p->from_mac_of = once_in(t, 2) ? STRANGER_L : LISTED_L;
		break;
	}
}

static void leave_sum(enum place at, struct pkt *p)
{
	if (at != LOCAL && !p->quote && (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP))
		p->sum = SUM_PARTIAL;
}

void twist(struct traffic *t, enum place at, struct pkt *p)
{
	switch (below(t, 20)) {
	case 0:
		p->ttl = (uint8_t)(1 + below(t, 2));
		break;
	case 1:
		p->ttl = 255;
		p->tos = once_in(t, 3) ? 0xc0 : (uint8_t)next(t); /* 0xc0: as the stack's own words about a packet */
		p->df = true;
		break;
	case 2:
		make_big(t, at, p);
		break;
	case 3:
		add_options(t, at, p);
		break;
	case 4:
		add_source_route(t, at, p);
		break;
	case 5:
		p->sum = p->proto == IPPROTO_UDP && once_in(t, 2) ? SUM_NONE : SUM_WRONG;
		break;
	case 6:
	case 7:
		make_piece(t, at, p);
		break;
	case 8:
	case 9:
		if (at != LOCAL)
			lie(t, at, p);
		break;
	case 10:
	case 11:
	case 12:
		if (rig_is_lan(at) && at != BOX)
			twist_frame(t, p);
		break;
	case 13:
	case 14:
		if (at != LOCAL && (goes_through(t, p) || !p->quote))
			turn_bits(t, at, p);
		break;
	case 15:
		if (at != LOCAL)
			p->cut = (uint16_t)(1 + below(t, 60));
		break;
	case 16:
	case 17:
		leave_sum(at, p);
		break;
	default:
		break;
	}
}

void twist_own(struct traffic *t, struct pkt *p)
{
	if (p->dst != CARL || p->proto != IPPROTO_UDP || !once_in(t, 4))
		return;
	p->len = (uint16_t)(1260 + below(t, 100));
	p->df = once_in(t, 3);
}
