/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Isolation: an isolated end may answer and may not initiate. The same life of a
 * flow as in bpf/flow.h, told by the sets of nft_flow.h: only packets towards
 * the end open it and refresh it.
 *
 * Where a rule takes a flow out of one set and puts it into another, taking out
 * comes first: should the other be full, the flow is lost, not immortal.
 */
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include "core/util.h"
#include "kernel/nft_expr_priv.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_rules_priv.h"
#include "wm_limits.h"

/* All of the first n bytes of the transport header are there. */
static void l4_has(struct wm_nft_rules *b, uint32_t n)
{
	nft_l4_is(b, n - 1, 0, 0);
}

static void tcp_flag(struct wm_nft_rules *b, uint8_t flag)
{
	nft_l4_is(b, 13, flag, flag);
}

/* The first packet of a connection: SYN, not ACK. */
static void tcp_opens(struct wm_nft_rules *b)
{
	nft_l4_is(b, 13, TH_SYN | TH_ACK, TH_SYN);
}

/* Drops because of the isolated end that is the packet's `which` address, and counts it there. */
static void refuse(struct wm_nft_rules *b, const char *chain, enum nft_addr which, enum wm_reason reason)
{
	nft_rule(b, chain), nft_overlay_in(b, which, NFT_IS, WM_NFT_ISO_DROPS), nft_drop(b, reason);
	nft_rule(b, chain), nft_drop(b, reason);
}

/* By protocol, whole headers only: `first` for a packet or a first fragment, `later` for other fragments. */
static void by_protocol(struct wm_nft_rules *b, const char *chain, const char *const first[3], const char *later,
			const char *invalid)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP }, headers[] = { 20, 8, 8 };

	for (int i = 0; i < 3; i++) {
		nft_rule(b, chain), nft_protocol_is(b, protocols[i]), nft_fragment(b, NFT_IS);
		if (later)
			nft_goto(b, later);
		else
			nft_return(b);
		nft_rule(b, chain), nft_protocol_is(b, protocols[i]), l4_has(b, headers[i]), nft_goto(b, first[i]);
		nft_rule(b, chain), nft_protocol_is(b, protocols[i]), nft_goto(b, invalid);
	}
}

/* --- towards an isolated end ---------------------------------------------------------- */

#define TO NFT_FLOW_TO

/* Unanswered so far. No room: nothing is evicted, the new flow is refused. */
static void open_flow(struct wm_nft_rules *b, const char *chain, enum nft_flow flow, unsigned int seconds)
{
	nft_rule(b, chain), nft_flow_put(b, flow, WM_NFT_HALF, seconds), nft_return(b);
	nft_rule(b, chain), nft_goto(b, "to_full");
}

/* A reset closes what there is, and opens nothing. */
static void to_tcp_reset(struct wm_nft_rules *b)
{
	static const enum wm_nft_flow_set sets[] = { WM_NFT_LIVE, WM_NFT_ANSWERED, WM_NFT_HALF };

	for (size_t i = 0; i < WM_ARRAY_LEN(sets); i++) {
		nft_rule(b, "to_tcp_rst"), nft_flow_in(b, TO, sets[i]), nft_flow_drop(b, TO, sets[i]);
		nft_flow_drop(b, TO, WM_NFT_FIN_PEER), nft_flow_drop(b, TO, WM_NFT_FIN_END), nft_flow_drop(b, TO, WM_NFT_SEEN);
		nft_flow_add(b, TO, WM_NFT_CLOSED, WM_S_TCP_CLOSED), nft_return(b);
	}
	nft_rule(b, "to_tcp_rst"), nft_return(b);
}

static void to_tcp_fin(struct wm_nft_rules *b)
{
	nft_rule(b, "to_tcp_fin"), nft_flow_in(b, TO, WM_NFT_FIN_END), nft_flow_in(b, TO, WM_NFT_ANSWERED);
	nft_flow_drop(b, TO, WM_NFT_ANSWERED), nft_flow_drop(b, TO, WM_NFT_FIN_END), nft_flow_drop(b, TO, WM_NFT_FIN_PEER);
	nft_flow_add(b, TO, WM_NFT_CLOSED, WM_S_TCP_CLOSED), nft_return(b);
	nft_rule(b, "to_tcp_fin"), nft_flow_in(b, TO, WM_NFT_ANSWERED);
	nft_flow_put(b, TO, WM_NFT_FIN_PEER, WM_S_TCP_OPENING), nft_flow_put(b, TO, WM_NFT_ANSWERED, WM_S_TCP_OPENING);
	nft_return(b);
	nft_rule(b, "to_tcp_fin"), nft_flow_in(b, TO, WM_NFT_LIVE), nft_flow_drop(b, TO, WM_NFT_LIVE);
	nft_flow_put(b, TO, WM_NFT_FIN_PEER, WM_S_TCP_OPENING), nft_flow_put(b, TO, WM_NFT_ANSWERED, WM_S_TCP_OPENING);
	nft_return(b);
	nft_rule(b, "to_tcp_fin"), nft_flow_in(b, TO, WM_NFT_HALF);
	nft_flow_put(b, TO, WM_NFT_FIN_PEER, WM_S_TCP_OPENING), nft_flow_put(b, TO, WM_NFT_HALF, WM_S_TCP_OPENING);
	nft_return(b);
	nft_rule(b, "to_tcp_fin"), nft_flow_drop(b, TO, WM_NFT_SEEN), nft_flow_put(b, TO, WM_NFT_FIN_PEER, WM_S_TCP_OPENING);
	nft_flow_put(b, TO, WM_NFT_HALF, WM_S_TCP_OPENING), nft_return(b);
	nft_rule(b, "to_tcp_fin"), nft_goto(b, "to_full");
}

static void to_tcp(struct wm_nft_rules *b)
{
	nft_rule(b, "to_tcp"), tcp_flag(b, TH_RST), nft_goto(b, "to_tcp_rst");
	/* A new connection on an old tuple begins anew. */
	nft_rule(b, "to_tcp"), tcp_opens(b), nft_flow_in(b, TO, WM_NFT_CLOSED), nft_flow_drop(b, TO, WM_NFT_CLOSED);
	nft_goto(b, "to_tcp_open");
	nft_rule(b, "to_tcp"), tcp_opens(b), nft_goto(b, "to_tcp_on");
	nft_rule(b, "to_tcp"), nft_flow_in(b, TO, WM_NFT_CLOSED), nft_return(b);
	nft_rule(b, "to_tcp"), tcp_flag(b, TH_FIN), nft_goto(b, "to_tcp_fin");
	nft_rule(b, "to_tcp"), nft_goto(b, "to_tcp_on");

	nft_rule(b, "to_tcp_on"), nft_flow_in(b, TO, WM_NFT_LIVE), nft_flow_put(b, TO, WM_NFT_LIVE, WM_S_TCP_LIVE);
	nft_return(b);
	for (int i = 0; i < 2; i++) {
		enum wm_nft_flow_set fin = i ? WM_NFT_FIN_END : WM_NFT_FIN_PEER;

		nft_rule(b, "to_tcp_on"), nft_flow_in(b, TO, fin), nft_flow_in(b, TO, WM_NFT_ANSWERED);
		nft_flow_put(b, TO, fin, WM_S_TCP_OPENING), nft_flow_put(b, TO, WM_NFT_ANSWERED, WM_S_TCP_OPENING), nft_return(b);
	}
	/* Whoever asked has closed before it was established: that it is not any more. */
	nft_rule(b, "to_tcp_on"), nft_flow_in(b, TO, WM_NFT_FIN_PEER), nft_flow_in(b, TO, WM_NFT_HALF);
	nft_flow_put(b, TO, WM_NFT_FIN_PEER, WM_S_TCP_OPENING), nft_flow_put(b, TO, WM_NFT_HALF, WM_S_TCP_OPENING), nft_return(b);
	nft_rule(b, "to_tcp_on"), tcp_flag(b, TH_ACK), nft_flow_in(b, TO, WM_NFT_SEEN), nft_flow_in(b, TO, WM_NFT_HALF);
	nft_flow_put(b, TO, WM_NFT_LIVE, WM_S_TCP_LIVE), nft_flow_drop(b, TO, WM_NFT_HALF), nft_flow_drop(b, TO, WM_NFT_SEEN);
	nft_return(b);
	nft_rule(b, "to_tcp_on"), nft_flow_in(b, TO, WM_NFT_ANSWERED);
	nft_flow_put(b, TO, WM_NFT_ANSWERED, WM_S_TCP_OPENING), nft_return(b);
	nft_rule(b, "to_tcp_on"), nft_goto(b, "to_tcp_open");

	/* What was answered before this connection began is no answer to it; nor is a FIN from then one of its own. */
	nft_rule(b, "to_tcp_open"), nft_flow_in(b, TO, WM_NFT_HALF), nft_flow_put(b, TO, WM_NFT_HALF, WM_S_TCP_OPENING);
	nft_return(b);
	nft_rule(b, "to_tcp_open"), nft_flow_drop(b, TO, WM_NFT_SEEN), nft_flow_drop(b, TO, WM_NFT_FIN_PEER);
	nft_flow_put(b, TO, WM_NFT_HALF, WM_S_TCP_OPENING), nft_return(b);
	nft_rule(b, "to_tcp_open"), nft_goto(b, "to_full");
	to_tcp_fin(b);
	to_tcp_reset(b);
}

static void to_iso(struct wm_nft_rules *b)
{
	static const char *const first[] = { "to_tcp", "to_udp", "to_icmp" };

	nft_rule(b, "to_iso"), nft_mark_owner(b, NFT_DST);
	by_protocol(b, "to_iso", first, NULL, "to_invalid");
	refuse(b, "to_iso", NFT_DST, WM_REASON_ISOLATED);
	to_tcp(b);
	nft_rule(b, "to_udp"), nft_flow_in(b, TO, WM_NFT_ANSWERED), nft_flow_put(b, TO, WM_NFT_ANSWERED, WM_S_UDP_ANSWERED);
	nft_return(b);
	open_flow(b, "to_udp", TO, WM_S_UDP);
	nft_rule(b, "to_icmp"), nft_l4_is(b, 0, 0xff, ICMP_ECHO), nft_goto(b, "to_echo");
	nft_rule(b, "to_icmp"), nft_return(b);
	open_flow(b, "to_echo", NFT_ECHO_TO, WM_S_ICMP);
	refuse(b, "to_invalid", NFT_DST, WM_REASON_INVALID);
	refuse(b, "to_full", NFT_DST, WM_REASON_FLOW_FULL);
}

/* --- from an isolated end -------------------------------------------------------------- */

#define FROM NFT_FLOW_FROM

static void dport_is(struct wm_nft_rules *b, uint16_t port)
{
	const uint16_t value = htons(port);

	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, REG(0));
	nft_compare(b, NFT_IS, REG(0), &value, sizeof(value));
}

/* For what it gives to all: names and an echo, in one piece. A first fragment would take the room of those that answer. */
static void to_gateway(const struct wm_nft_site *s)
{
	nft_addr_is(s->b, NFT_DST, NFT_IS, s->plan->gateway);
	nft_last_fragment(s->b, NFT_IS);
}

/* What was asked, but has not been answered so far: it is from now on, if there is room. */
static void refuse_new(struct wm_nft_rules *b, const char *chain)
{
	nft_rule(b, chain), nft_flow_in(b, FROM, WM_NFT_HALF), nft_goto(b, "from_full");
	nft_rule(b, chain), nft_goto(b, "from_refuse");
}

static void from_tcp_closing(struct wm_nft_rules *b)
{
	static const enum wm_nft_flow_set sets[] = { WM_NFT_LIVE, WM_NFT_ANSWERED, WM_NFT_HALF };

	nft_rule(b, "from_tcp_rst"), nft_flow_in(b, FROM, WM_NFT_CLOSED), nft_goto(b, "from_ok");
	for (size_t i = 0; i < WM_ARRAY_LEN(sets); i++) {
		nft_rule(b, "from_tcp_rst"), nft_flow_in(b, FROM, sets[i]), nft_flow_drop(b, FROM, sets[i]);
		nft_flow_drop(b, FROM, WM_NFT_FIN_PEER), nft_flow_drop(b, FROM, WM_NFT_FIN_END), nft_flow_drop(b, FROM, WM_NFT_SEEN);
		nft_flow_add(b, FROM, WM_NFT_CLOSED, WM_S_TCP_CLOSED), nft_goto(b, "from_ok");
	}
	nft_rule(b, "from_tcp_rst"), nft_goto(b, "from_refuse");

	nft_rule(b, "from_tcp_fin"), nft_flow_in(b, FROM, WM_NFT_CLOSED), nft_goto(b, "from_ok");
	for (size_t i = 1; i < WM_ARRAY_LEN(sets); i++) { /* the peer has closed already */
		nft_rule(b, "from_tcp_fin"), nft_flow_in(b, FROM, WM_NFT_FIN_PEER), nft_flow_in(b, FROM, sets[i]);
		nft_flow_drop(b, FROM, sets[i]), nft_flow_drop(b, FROM, WM_NFT_FIN_PEER);
		nft_flow_drop(b, FROM, WM_NFT_FIN_END), nft_flow_drop(b, FROM, WM_NFT_SEEN);
		nft_flow_add(b, FROM, WM_NFT_CLOSED, WM_S_TCP_CLOSED), nft_goto(b, "from_ok");
	}
	/* Only the first FIN counts. */
	nft_rule(b, "from_tcp_fin"), nft_flow_in(b, FROM, WM_NFT_FIN_END), nft_flow_in(b, FROM, WM_NFT_ANSWERED);
	nft_goto(b, "from_ok");
	for (size_t i = 0; i < WM_ARRAY_LEN(sets); i++) {
		nft_rule(b, "from_tcp_fin"), nft_flow_in(b, FROM, sets[i]), nft_flow_drop(b, FROM, sets[i]);
		nft_flow_drop(b, FROM, WM_NFT_SEEN), nft_flow_put(b, FROM, WM_NFT_FIN_END, WM_S_TCP_OPENING);
		nft_flow_put(b, FROM, WM_NFT_ANSWERED, WM_S_TCP_OPENING), nft_goto(b, "from_ok");
	}
	nft_rule(b, "from_tcp_fin"), nft_goto(b, "from_refuse");
}

static void from_tcp(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;
	static const enum wm_nft_flow_set sets[] = { WM_NFT_LIVE, WM_NFT_ANSWERED, WM_NFT_CLOSED };

	nft_rule(b, "from_tcp"), to_gateway(s), dport_is(b, 53), nft_goto(b, "from_ok");
	nft_rule(b, "from_tcp"), tcp_opens(b), nft_goto(b, "from_refuse");
	nft_rule(b, "from_tcp"), tcp_flag(b, TH_RST), nft_goto(b, "from_tcp_rst");
	nft_rule(b, "from_tcp"), tcp_flag(b, TH_FIN), nft_goto(b, "from_tcp_fin");
	for (size_t i = 0; i < WM_ARRAY_LEN(sets); i++)
		nft_rule(b, "from_tcp"), nft_flow_in(b, FROM, sets[i]), nft_goto(b, "from_ok");
	nft_rule(b, "from_tcp"), nft_flow_in(b, FROM, WM_NFT_HALF), nft_flow_add(b, FROM, WM_NFT_SEEN, WM_S_TCP_OPENING);
	nft_goto(b, "from_ok");
	refuse_new(b, "from_tcp");
	from_tcp_closing(b);
}

static void from_udp(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "from_udp"), to_gateway(s), dport_is(b, 53), nft_goto(b, "from_ok");
	nft_rule(b, "from_udp"), nft_flow_in(b, FROM, WM_NFT_ANSWERED), nft_goto(b, "from_ok");
	/* Not longer than from the question on: that was WM_S_UDP ago at most. */
	nft_rule(b, "from_udp"), nft_flow_in(b, FROM, WM_NFT_HALF);
	nft_flow_add(b, FROM, WM_NFT_ANSWERED, WM_S_UDP_ANSWERED - WM_S_UDP), nft_flow_drop(b, FROM, WM_NFT_HALF);
	nft_goto(b, "from_ok");
	refuse_new(b, "from_udp");
}

static void from_icmp(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;
	static const uint8_t errors[] = { ICMP_DEST_UNREACH, ICMP_SOURCE_QUENCH, ICMP_REDIRECT, ICMP_TIME_EXCEEDED,
					  ICMP_PARAMETERPROB };

	nft_rule(b, "from_icmp"), to_gateway(s), nft_l4_is(b, 0, 0xff, ICMP_ECHO), nft_goto(b, "from_ok");
	nft_rule(b, "from_icmp"), nft_l4_is(b, 0, 0xff, ICMP_ECHOREPLY), nft_goto(b, "from_echo");
	for (size_t i = 0; i < WM_ARRAY_LEN(errors); i++)
		nft_rule(b, "from_icmp"), nft_l4_is(b, 0, 0xff, errors[i]), nft_goto(b, "from_error");
	nft_rule(b, "from_icmp"), nft_goto(b, "from_refuse");

	nft_rule(b, "from_echo"), nft_flow_in(b, NFT_ECHO_FROM, WM_NFT_HALF), nft_goto(b, "from_ok");
	nft_rule(b, "from_echo"), nft_goto(b, "from_refuse");
}

/* --- quoted flows ---------------------------------------------------------------------- */

void wm_nft_quotes_ports(struct wm_nft_rules *b)
{
	const uint16_t offset = htons(0x1fff), none = 0;

	nft_l4_is(b, 8, 0xff, 0x45);
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, 8 + 6, 2, REG(0)), nft_mask(b, REG(0), &offset, sizeof(offset));
	nft_compare(b, NFT_IS, REG(0), &none, sizeof(none));
	l4_has(b, 8 + 20 + 8);
}

void wm_nft_quotes_flow(struct wm_nft_rules *b, const char *chain, const char *known)
{
	static const enum wm_nft_flow_set sets[] = { WM_NFT_LIVE, WM_NFT_ANSWERED, WM_NFT_HALF, WM_NFT_CLOSED };
	const uint8_t icmp = IPPROTO_ICMP;

	for (size_t i = 0; i < WM_ARRAY_LEN(sets); i++) {
		nft_rule(b, chain), nft_l4_is(b, 8 + 9, 0xff, IPPROTO_ICMP), nft_l4_is(b, 8 + 20, 0xff, ICMP_ECHO);
		nft_flow_in(b, NFT_QUOTED_ECHO, sets[i]), nft_goto(b, known);
		nft_rule(b, chain), nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, 8 + 9, 1, REG(0));
		nft_compare(b, NFT_NOT, REG(0), &icmp, 1), nft_flow_in(b, NFT_QUOTED_FLOW, sets[i]), nft_goto(b, known);
	}
}

/* An error passes when the packet that it quotes was sent by whom it goes to, to the end, in a flow that is known.
 * One that quotes IP options is refused: where the ports stand there, nftables cannot compute. */
static void from_error(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "from_error"), nft_jump(b, "quote_valid");
	nft_rule(b, "from_error"), wm_nft_quotes_ports(b), nft_pair_put(b, NFT_PAIR_OUTER, WM_NFT_PAIRS);
	nft_goto(b, "from_error_pair");
	nft_rule(b, "from_error"), nft_goto(b, "from_refuse");

	nft_rule(b, "from_error_pair"), nft_in_if(b, NFT_IS, s->inst->ifname), nft_pair_in(b, NFT_PAIR_QUOTED, WM_NFT_PAIRS);
	nft_pair_drop(b, NFT_PAIR_OUTER, WM_NFT_PAIRS), nft_goto(b, "from_error_flow");
	nft_rule(b, "from_error_pair"), nft_in_if(b, NFT_IS, s->inst->ifname), nft_pair_drop(b, NFT_PAIR_OUTER, WM_NFT_PAIRS);
	nft_goto(b, "from_refuse");
	nft_rule(b, "from_error_pair"), nft_mark_quoted_host(b);
	nft_rule(b, "from_error_pair"), nft_pair_in(b, NFT_PAIR_QUOTED_HOST, WM_NFT_PAIRS);
	nft_pair_drop(b, NFT_PAIR_OUTER, WM_NFT_PAIRS), nft_goto(b, "from_error_flow");
	nft_rule(b, "from_error_pair"), nft_pair_drop(b, NFT_PAIR_OUTER, WM_NFT_PAIRS), nft_goto(b, "from_refuse");

	nft_rule(b, "from_error_flow"), nft_mark_owner(b, NFT_SRC);
	wm_nft_quotes_flow(b, "from_error_flow", "from_ok");
	nft_rule(b, "from_error_flow"), nft_goto(b, "from_refuse");
}

/* Behind a first fragment that was let through, and never inside its header. */
static void from_later(struct wm_nft_rules *b)
{
	const uint16_t bits = htons(0x1fff);

	for (uint16_t at = 1; at <= 2; at++) {
		const uint16_t offset = htons(at);

		nft_rule(b, "from_later"), nft_protocol_is(b, IPPROTO_TCP);
		nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, 6, 2, REG(0)), nft_mask(b, REG(0), &bits, sizeof(bits));
		nft_compare(b, NFT_IS, REG(0), &offset, sizeof(offset)), nft_goto(b, "from_invalid");
	}
	nft_rule(b, "from_later"), nft_fragments_in(b), nft_return(b);
	nft_rule(b, "from_later"), nft_goto(b, "from_refuse");
}

static void from_iso(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;
	static const char *const first[] = { "from_tcp", "from_udp", "from_icmp" };

	nft_rule(b, "from_iso"), nft_mark_owner(b, NFT_SRC);
	by_protocol(b, "from_iso", first, "from_later", "from_invalid");
	nft_rule(b, "from_iso"), nft_goto(b, "from_refuse");
	from_tcp(s);
	from_udp(s);
	from_icmp(s);
	from_error(s);
	from_later(b);

	nft_rule(b, "from_ok"), nft_last_fragment(b, NFT_NOT), nft_fragments_put(b, WM_S_FRAGMENTS);
	nft_rule(b, "from_ok"), nft_return(b);
	refuse(b, "from_refuse", NFT_SRC, WM_REASON_ISOLATED);
	refuse(b, "from_invalid", NFT_SRC, WM_REASON_INVALID);
	refuse(b, "from_full", NFT_SRC, WM_REASON_FLOW_FULL);
}

void wm_nft_isolation(const struct wm_nft_site *s)
{
	to_iso(s->b);
	from_iso(s);
}
