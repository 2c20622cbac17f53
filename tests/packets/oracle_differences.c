/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where nftables may do otherwise than BPF: each entry is one of those in
 * docs/dataplane-nft.md, with a row in cases_nft.c, and says exactly what both
 * do then. Whatever else differs is a fault of one of them.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "packets/frame.h"
#include "packets/oracle.h"
#include "packets/plane.h"

/* --- the same? ------------------------------------------------------------------------------- */

/* What does not matter. */
enum { ERROR_SOURCE = 1, FRAME_TO = 2, L4_SUM = 4, MSS = 8 };

/* n: bytes of TCP that are there. */
static void forget_tcp_options(uint8_t *tcp, size_t n)
{
	size_t header = n >= 20 ? WM_MIN(n, (size_t)(tcp[12] >> 4) * 4) : 0;

	if (header > 20)
		memset(tcp + 20, 0, header - 20);
}

/* A copy with one form for what may have several. Sums are looked at before, one by one (oracle_rules.c). */
static void canonical(const struct seen *s, unsigned int but, struct seen *ret)
{
	uint8_t *ip = malloc(s->len + 1), *l4;
	size_t header = (s->data[0] & 15u) * 4, n = s->len - header, quoted;

	if (!ip)
		abort();
	*ret = *s;
	ret->data = memcpy(ip, s->data, s->len);
	l4 = ip + header;
	if (but & FRAME_TO)
		memset(ret->eth, 0, 6);
	if (s->any_id) { /* the stack's own: id and "don't fragment" are its choice */
		put16(ip + 4, 0);
		ip[6] &= (uint8_t)~0x40;
		put16(ip + 10, 0);
	}
	if (get16(ip + 6) & 0x1fff)
		return;
	if (ip[9] == IPPROTO_TCP && n >= 18 && (get16(l4 + 16) == 0xffff || but & MSS))
		put16(l4 + 16, 0);
	if (but & MSS && ip[9] == IPPROTO_TCP)
		forget_tcp_options(l4, n);
	if (but & L4_SUM && csum_offset(ip[9]) && n >= csum_offset(ip[9]) + 2u)
		put16(l4 + csum_offset(ip[9]), 0);
	if (ip[9] != IPPROTO_ICMP || n < 28 || (l4[0] != 3 && l4[0] != 4 && l4[0] != 5 && l4[0] != 11 && l4[0] != 12))
		return;
	/* BPF moves a quoted checksum, nftables does not. */
	put16(l4 + 2, 0);
	quoted = 8 + (l4[8] & 15u) * 4;
	if (but & MSS && l4[8 + 9] == IPPROTO_TCP && n > quoted)
		forget_tcp_options(l4 + quoted, n - quoted);
	if (csum_offset(l4[8 + 9]) && quoted + csum_offset(l4[8 + 9]) + 2 <= n && !(get16(l4 + 8 + 6) & 0x1fff))
		put16(l4 + quoted + csum_offset(l4[8 + 9]), 0);
	if (but & ERROR_SOURCE && s->any_id) {
		put32(ip + 12, GW);
		put16(ip + 10, 0);
	}
}

static int compare(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int eth = memcmp(x->eth, y->eth, ETH_LEN);

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return eth ? eth : memcmp(x->data, y->data, x->len);
}

static struct seen *canonical_list(const struct outcome *o, unsigned int but)
{
	struct seen *all = calloc(o->out.n + 1, sizeof(*all));

	if (!all)
		abort();
	for (size_t n = 0; n < o->out.n; n++)
		canonical(&o->out.item[n], but, &all[n]);
	if (o->out.n)
		qsort(all, o->out.n, sizeof(*all), compare);
	return all;
}

static void free_list(struct seen *all, size_t n)
{
	while (n > 0)
		free(all[--n].data);
	free(all);
}

static bool same_out(const struct outcome *a, const struct outcome *b, unsigned int but)
{
	struct seen *x, *y;
	bool same = a->out.n == b->out.n;

	if (!same)
		return false;
	if (but)
		but |= FRAME_TO; /* each has been looked at by itself */
	x = canonical_list(a, but);
	y = canonical_list(b, but);
	for (size_t n = 0; n < a->out.n && same; n++)
		same = compare(&x[n], &y[n]) == 0;
	free_list(x, a->out.n);
	free_list(y, b->out.n);
	return same;
}

static bool same_reasons(const struct outcome *a, const struct outcome *b)
{
	return memcmp(a->reason, b->reason, sizeof(a->reason)) == 0;
}

/* --- words for what differs ------------------------------------------------------------------- */

static const uint8_t *l4_of(const struct input *in)
{
	return in->sent.ip + (in->sent.ip[0] & 15u) * 4;
}

static size_t l4_len(const struct input *in)
{
	return get16(in->sent.ip + 2) - (in->sent.ip[0] & 15u) * 4u;
}

static bool whole(const struct input *in)
{
	return in->sent.ip && is_whole(in->sent.ip, in->sent.len);
}

static bool is_header_sum_right(const struct input *in)
{
	return csum_fold(csum_add(0, in->sent.ip, (in->sent.ip[0] & 15u) * 4)) == 0xffff;
}

static bool has_options(const struct input *in)
{
	return (in->sent.ip[0] & 15) > 5;
}

/* Nothing comes out, and this is counted, once, alone. */
static bool only_counts(const struct outcome *o, unsigned int reason)
{
	return !o->out.n && reasons_of(o) == 1 && rose(o, reason) == 1;
}

/* It is counted once as gone on its way. */
static bool is_passed(const struct outcome *o)
{
	return rose(o, WM_REASON_TO_LAN) + rose(o, WM_REASON_TO_MESH) + rose(o, WM_REASON_HAIRPIN) + rose(o, WM_REASON_RELAY) +
	       rose(o, WM_REASON_LOCAL) == 1 && reasons_of(o) == 1;
}

/* All that comes out is an ICMP error of the stack's. */
static bool is_told(const struct outcome *o, uint8_t type, uint8_t code)
{
	const struct seen *s = o->out.item;

	return o->out.n == 1 && s->any_id && s->data[9] == IPPROTO_ICMP && s->data[(s->data[0] & 15) * 4] == type &&
	       s->data[(s->data[0] & 15) * 4 + 1] == code;
}

static bool is_mss_elsewhere(const struct input *in)
{
	return in->sent.ip[9] == IPPROTO_TCP && l4_len(in) > 20 && l4_of(in)[13] & SYN && (l4_of(in)[20] != 2 || has_options(in));
}

/* mss() and dccp(), below, may hold of what is cut or too big, too. */
static unsigned int besides(const struct input *in)
{
	return (is_mss_elsewhere(in) ? MSS : 0) | (in->sent.ip[9] == IPPROTO_DCCP ? L4_SUM : 0);
}

/* BPF hands it over untouched and counts it as local; nftables has translated and counted it before. The answer is g's
 * with nftables, and counted as such. */
static bool is_counted_before(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	const struct seen *s = nft->out.item;
	unsigned int answer = s->at == WG || s->at == WG2 ? WM_REASON_LOCAL : WM_REASON_TO_LAN;
	unsigned int passed = rose(nft, WM_REASON_TO_LAN) + rose(nft, WM_REASON_TO_MESH) + rose(nft, WM_REASON_HAIRPIN) +
			      rose(nft, WM_REASON_RELAY) + rose(nft, WM_REASON_LOCAL);

	return (get32(s->data + 12) == GW || get32(s->data + 12) == GWX) && rose(nft, answer) >= 1 && passed == 2 && reasons_of(nft) == 2 &&
	       rose(bpf, WM_REASON_LOCAL) >= 1 && !drops_of(bpf) &&
	       same_out(bpf, nft, ERROR_SOURCE | besides(in));
}

/* The same, but that an error is not answered. */
static bool is_unanswered(const struct outcome *bpf, const struct outcome *nft)
{
	return only_counts(bpf, WM_REASON_LOCAL) && !nft->out.n && is_passed(nft);
}

static bool is_isolated_local(const struct input *in)
{
	wm_ip4 src = get32(in->sent.ip + 12);

	return (in->at == LAN0 && (src == ISO_L || src == ISO2_L)) || (in->at == LAN1 && src == ISO1_L);
}

static bool is_device(const struct input *in)
{
	return in->at == WG && get32(in->sent.ip + 12) == IDEV;
}

/* --- the differences ------------------------------------------------------------------------------ */

static bool malformed(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	return !whole(in) && only_counts(bpf, WM_REASON_INVALID) && !nft->out.n && !reasons_of(nft);
}

static bool header_sum(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	(void)bpf;
	return whole(in) && !is_header_sum_right(in) && !nft->out.n && !reasons_of(nft);
}

static bool short_l4(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	uint8_t proto = whole(in) ? in->sent.ip[9] : 0;

	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDPLITE) || l4_len(in) >= csum_offset(proto) + 2u ||
	    get16(in->sent.ip + 6) & 0x1fff)
		return false;
	return reasons_of(bpf) == 1 && (only_counts(nft, WM_REASON_NO_HOST) || only_counts(nft, WM_REASON_UNREGISTERED));
}

/* The stack reads options after prerouting, and tells the sender: as g, for it was translated by then. */
static bool lying_options(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	if (!whole(in) || !has_options(in) || !is_told(nft, 12, 0) || drops_of(nft) || reasons_of(nft) > 2)
		return false;
	return only_counts(bpf, WM_REASON_INVALID) || (!drops_of(bpf) && reasons_of(bpf) < 2 && same_out(bpf, nft, ERROR_SOURCE));
}

static bool source_route(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	/* What a router says is counted when it leaves. */
	unsigned int counted = whole(in) && in->sent.ip[9] == IPPROTO_ICMP && !is_registered_at(in->at, get32(in->sent.ip + 12)) ? 0 : 1;

	return whole(in) && has_options(in) && only_counts(bpf, WM_REASON_INVALID) && !nft->out.n &&
	       (reasons_of(nft) == 1 || reasons_of(nft) == counted);
}

static bool too_big(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	if (!whole(in) || in->sent.len <= LAN1_MTU || !(get16(in->sent.ip + 6) & 0x4000))
		return false;
	return is_unanswered(bpf, nft) || (is_told(bpf, 3, 4) && is_told(nft, 3, 4) && is_counted_before(in, bpf, nft));
}

static bool cut(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	unsigned int reason = rose(nft, WM_REASON_RELAY) ? WM_REASON_RELAY : WM_REASON_TO_MESH, pieces = derived_of(bpf);

	return whole(in) && in->sent.len > LAN1_MTU && pieces > 1 && rose(bpf, reason) == pieces && reasons_of(bpf) == pieces &&
	       rose(nft, reason) == 1 && reasons_of(nft) == 1 && same_out(bpf, nft, FRAME_TO | besides(in));
}

static bool isolated_expired(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	if (!whole(in) || in->sent.ip[8] > 1 || !is_isolated_local(in))
		return false;
	if (only_counts(bpf, WM_REASON_LOCAL) && only_counts(nft, WM_REASON_REDIRECT))
		return true; /* about an ICMP error nobody is told anything */
	return is_unanswered(bpf, nft) || (is_told(bpf, 11, 0) && is_told(nft, 11, 0) && is_counted_before(in, bpf, nft));
}

static bool router_of_the_site(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	wm_ip4 dst = in->sent.ip ? get32(in->sent.ip + 16) : 0;

	return whole(in) && in->sent.ip[9] == IPPROTO_ICMP && !is_registered_at(in->at, get32(in->sent.ip + 12)) && dst >> 8 == GW >> 8 && dst != GW &&
	       reasons_of(bpf) == 1 && rose(bpf, WM_REASON_ROUTER_ERROR) == 1 && only_counts(nft, WM_REASON_UNREGISTERED);
}

/* With BPF the stack cuts it or refuses it, by the least that a LAN of the site takes, before it is looked at; with
 * nftables after it was judged, translated and counted, by what its own LAN takes: which may be the whole. */
static bool own_too_big(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	bool whole_one = derived_of(nft) == 1 && nft->out.n == 1 && nft->out.item[0].len == in->sent.len;
	bool dropped = drops_of(nft) == 1 && !nft->out.n;
	unsigned int reason = 0, pieces = derived_of(bpf);

	if (in->at != LOCAL || in->sent.len <= LAN1_MTU || reasons_of(nft) != 1)
		return false;
	while (!rose(nft, reason))
		reason++;
	if (!reasons_of(bpf) && !bpf->out.n) /* about some ICMP nobody is told anything */
		return in->sent.ip[9] == IPPROTO_ICMP && (whole_one || !nft->out.n);
	if (!reasons_of(bpf))
		return is_told(bpf, 3, 4) && bpf->out.item[0].at == LOCAL && (dropped || whole_one || same_out(bpf, nft, ERROR_SOURCE | besides(in)));
	if (rose(bpf, reason) < 2 || rose(bpf, reason) != reasons_of(bpf))
		return false;
	return dropped ? !bpf->out.n : rose(bpf, reason) == pieces && (whole_one || same_out(bpf, nft, FRAME_TO | besides(in)));
}

static bool quoted_options(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	size_t n;
	const uint8_t *q = whole(in) ? quoted_in(in->sent.ip, in->sent.len, &n) : NULL;

	return q && (q[0] & 15) > 5 && (is_isolated_local(in) || is_device(in)) &&
	       (is_passed(bpf) || only_counts(bpf, WM_REASON_REDIRECT)) && only_counts(nft, WM_REASON_ISOLATED);
}

/* 150 s from the first answer on, where BPF gives 180 s from the question; and then it has to be answered anew. */
static bool udp_is_shorter(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	bool icmp = whole(in) && in->sent.ip[9] == IPPROTO_ICMP;

	/* Nor do fragments pass whose first did not. */
	if (whole(in) && in->sent.ip[9] == IPPROTO_UDP && get16(in->sent.ip + 6) & 0x1fff && (is_isolated_local(in) || is_device(in)))
		return is_passed(bpf) && only_counts(nft, WM_REASON_ISOLATED);
	return whole(in) && (in->sent.ip[9] == IPPROTO_UDP || (icmp && l4_len(in) >= 28 && l4_of(in)[8 + 9] == IPPROTO_UDP)) &&
	       bpf->asked_ago >= 30000 && bpf->asked_ago != UINT64_MAX && !drops_of(bpf) && only_counts(nft, WM_REASON_ISOLATED);
}

static bool heard_from(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	(void)in;
	return same_reasons(bpf, nft) && same_out(bpf, nft, FRAME_TO);
}

static bool dccp(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	const uint8_t *ip = nft->out.n ? nft->out.item[0].data : NULL;

	return whole(in) && in->sent.ip[9] == IPPROTO_DCCP && ip && l4_len(in) >= 8 && !(get16(ip + 6) & 0x1fff) &&
	       get16(ip + (ip[0] & 15) * 4 + 6) == get16(l4_of(in) + 6) &&
	       (same_reasons(bpf, nft) || rose(bpf, WM_REASON_TO_MESH) == nft->out.n) && same_out(bpf, nft, L4_SUM);
}

/* It stands elsewhere than first, or is lowered as if there were no IP options: options and their sum aside all is equal. */
static bool mss(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	return whole(in) && is_mss_elsewhere(in) && same_reasons(bpf, nft) &&
	       (same_out(bpf, nft, MSS) || (is_told(bpf, 11, 0) && is_told(nft, 11, 0) && bpf->out.item[0].len == nft->out.item[0].len));
}

/* Where it goes is looked at after what it quotes was translated. */
static bool short_quote(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	return whole(in) && rig_is_lan(in->at) && in->sent.ip[9] == IPPROTO_ICMP && only_counts(nft, WM_REASON_INVALID) &&
	       (only_counts(bpf, WM_REASON_REDIRECT) || only_counts(bpf, WM_REASON_NO_HOST) ||
		(in->sent.ip[8] <= 1 && only_counts(bpf, WM_REASON_LOCAL)));
}

static const struct difference {
	const char *name;
	bool (*is)(const struct input *in, const struct outcome *bpf, const struct outcome *nft);
	bool more; /* nftables passes what BPF does not */
} differences[] = {
	{ "malformed IPv4 is dropped by the stack, uncounted", malformed, false },
	{ "a wrong header checksum is the stack's to drop", header_sum, false },
	{ "TCP or UDP-Lite that ends before its checksum is dropped", short_l4, false },
	{ "about IP options that lie the stack tells the sender", lying_options, false },
	{ "source routes that are at their end, or lie, are counted as if they were none", source_route, false },
	{ "what is too big is counted before the stack answers, as g", too_big, false },
	{ "what the stack cuts is counted once", cut, false },
	{ "an isolated host's answer whose TTL ends here is counted before the stack answers, as g", isolated_expired, false },
	{ "a router's error about another host of the site is dropped", router_of_the_site, false },
	{ "the gateway's own packet that is too big for a LAN of the site is cut or refused by its own LAN only", own_too_big, true },
	{ "an isolated end's error that quotes IP options is dropped", quoted_options, false },
	{ "a UDP flow that was answered lives shorter", udp_is_shorter, false },
	{ "frames go to the MAC of the neighbour table", heard_from, false },
	{ "DCCP keeps its checksum", dccp, false },
	{ "a host's ICMP error whose quoted packet is malformed is invalid before anything else", short_quote, false },
	{ "the MSS is lowered where it is the first option, as if there were no IP options", mss, false },
};
const size_t ndifferences = WM_ARRAY_LEN(differences);
_Static_assert(WM_ARRAY_LEN(differences) <= DIFFERENCES_MAX, "used[] has room for all");

const char *difference_name(size_t n)
{
	return differences[n].name;
}

/* --- both ------------------------------------------------------------------------------------------ */

static unsigned int derived_at(const struct outcome *o, enum place at, wm_ip4 dst)
{
	unsigned int n = 0;

	for (size_t i = 0; i < o->out.n; i++)
		n += !o->out.item[i].any_id && o->out.item[i].at == at && get32(o->out.item[i].data + 16) == dst;
	return n;
}

/* The stack's own words are another thing. */
static bool passes_more(const struct outcome *bpf, const struct outcome *nft)
{
	for (size_t i = 0; i < nft->out.n; i++) {
		const struct seen *s = &nft->out.item[i];
		wm_ip4 dst = get32(s->data + 16);

		if (!s->any_id && derived_at(nft, s->at, dst) > derived_at(bpf, s->at, dst))
			return true;
	}
	return false;
}

const char *outcomes_differ(const struct input *in, const struct outcome *bpf, const struct outcome *nft, unsigned int *used)
{
	if (same_reasons(bpf, nft) && same_out(bpf, nft, 0))
		return NULL;
	for (size_t n = 0; n < ndifferences; n++) {
		if (!differences[n].is(in, bpf, nft))
			continue;
		if (passes_more(bpf, nft) && !differences[n].more)
			break;
		used[n]++;
		return NULL;
	}
	return passes_more(bpf, nft) ? "nftables passes what BPF does not" : "the back ends differ";
}
