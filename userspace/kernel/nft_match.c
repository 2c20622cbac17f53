/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a rule says, match by match and statement by statement: each function
 * appends the few expressions that say its one thing.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <libnftnl/expr.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "kernel/nft_drops.h"
#include "kernel/nft_expr_priv.h"

static void compare_u8(struct wm_nft_rules *b, enum nft_test test, uint32_t reg, uint8_t value)
{
	nft_compare(b, test, reg, &value, 1);
}

static void verdict(struct wm_nft_rules *b, int code, const char *chain)
{
	struct nftnl_expr *e = nft_put(b, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
}

/* --- matches ---------------------------------------------------------------------- */

static void if_is(struct wm_nft_rules *b, uint32_t key, enum nft_test test, const char *ifname)
{
	char name[IFNAMSIZ] = { 0 };

	memcpy(name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	nft_load_meta(b, key, REG(0));
	nft_compare(b, test, REG(0), name, sizeof(name));
}

void nft_in_if(struct wm_nft_rules *b, enum nft_test test, const char *ifname)
{
	if_is(b, NFT_META_IIFNAME, test, ifname);
}

void nft_out_if(struct wm_nft_rules *b, enum nft_test test, const char *ifname)
{
	if_is(b, NFT_META_OIFNAME, test, ifname);
}

void nft_forwarded(struct wm_nft_rules *b)
{
	const uint32_t none = 0;

	nft_load_meta(b, NFT_META_IIF, REG(0));
	nft_compare(b, NFT_NOT, REG(0), &none, sizeof(none));
}

/* The frame's sender; matches frames only. */
static void load_mac(struct wm_nft_rules *b, uint32_t reg)
{
	const uint16_t ether = ARPHRD_ETHER;

	nft_load_meta(b, NFT_META_IIFTYPE, reg);
	nft_compare(b, NFT_IS, reg, &ether, sizeof(ether));
	nft_load(b, NFT_PAYLOAD_LL_HEADER, 6, 6, reg);
}

/* Whole octets are compared as they are; the kernel is faster without a mask. */
void nft_addr_in(struct wm_nft_rules *b, enum nft_addr which, enum nft_test test, struct wm_prefix prefix)
{
	uint32_t addr = htonl(prefix.addr), bits = htonl(wm_prefix_mask(prefix.len));
	uint32_t len = prefix.len && prefix.len % 8 == 0 ? prefix.len / 8 : 4;

	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, which, len, REG(0));
	if (prefix.len % 8 || !prefix.len)
		nft_mask(b, REG(0), &bits, sizeof(bits));
	nft_compare(b, test, REG(0), &addr, len);
}

void nft_addr_is(struct wm_nft_rules *b, enum nft_addr which, enum nft_test test, wm_ip4 addr)
{
	nft_addr_in(b, which, test, (struct wm_prefix){ addr, 32 });
}

void nft_mark_is(struct wm_nft_rules *b, enum nft_test test, uint32_t value, uint32_t bits)
{
	nft_load_meta(b, NFT_META_MARK, REG(0));
	if (bits != UINT32_MAX)
		nft_mask(b, REG(0), &bits, sizeof(bits));
	nft_compare(b, test, REG(0), &value, sizeof(value));
}

void nft_to_us(struct wm_nft_rules *b, enum nft_test test)
{
	nft_load_meta(b, NFT_META_PKTTYPE, REG(0));
	compare_u8(b, test, REG(0), PACKET_HOST);
}

void nft_has_options(struct wm_nft_rules *b, enum nft_test test)
{
	const uint8_t ihl = 0x0f;

	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, 0, 1, REG(0));
	nft_mask(b, REG(0), &ihl, 1);
	compare_u8(b, test == NFT_IS ? NFT_NOT : NFT_IS, REG(0), 5);
}

void nft_has_option(struct wm_nft_rules *b, uint8_t option)
{
	struct nftnl_expr *e = nft_put(b, "exthdr");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, REG(0));
	nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, option);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, 0);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, 1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV4);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
	compare_u8(b, NFT_IS, REG(0), 1);
}

void nft_fragment(struct wm_nft_rules *b, enum nft_test later)
{
	const uint16_t offset = htons(0x1fff), none = 0;

	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, 6, sizeof(offset), REG(0));
	nft_mask(b, REG(0), &offset, sizeof(offset));
	nft_compare(b, later == NFT_IS ? NFT_NOT : NFT_IS, REG(0), &none, sizeof(none));
}

void nft_protocol_is(struct wm_nft_rules *b, uint8_t protocol)
{
	nft_load_meta(b, NFT_META_L4PROTO, REG(0));
	compare_u8(b, NFT_IS, REG(0), protocol);
}

void nft_l4_is(struct wm_nft_rules *b, uint32_t offset, uint8_t bits, uint8_t value)
{
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, offset, 1, REG(0));
	if (bits != 0xff)
		nft_mask(b, REG(0), &bits, 1);
	compare_u8(b, NFT_IS, REG(0), value);
}

void nft_last_hop(struct wm_nft_rules *b)
{
	const uint8_t most = 1;

	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, 8, 1, REG(0));
	nft_at_most(b, REG(0), &most, sizeof(most));
}

void nft_last_fragment(struct wm_nft_rules *b, enum nft_test test)
{
	const uint8_t more = 0x20, none = 0;

	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, 6, 1, REG(0));
	nft_mask(b, REG(0), &more, 1);
	nft_compare(b, test, REG(0), &none, 1);
}

void nft_from_mac(struct wm_nft_rules *b, const uint8_t mac[6])
{
	load_mac(b, REG(0));
	nft_compare(b, NFT_IS, REG(0), mac, 6);
}

void nft_icmp_is(struct wm_nft_rules *b, uint8_t type)
{
	nft_protocol_is(b, IPPROTO_ICMP);
	nft_fragment(b, NFT_NOT);
	nft_l4_is(b, 7, 0, 0);
	nft_l4_is(b, 0, 0xff, type);
}

/* The kernel's way to rewrite an option spoils the checksum when the option
 * stands at an odd offset, so it must be where every stack puts it: first. */
void nft_tcp_syn_with_mss(struct wm_nft_rules *b)
{
	const uint8_t syn = 0x02, kind_and_length[] = { TCPOPT_MAXSEG, TCPOLEN_MAXSEG };

	nft_protocol_is(b, IPPROTO_TCP);
	nft_fragment(b, NFT_NOT);
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, REG(0));
	nft_mask(b, REG(0), &syn, 1);
	compare_u8(b, NFT_NOT, REG(0), 0);
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, sizeof(struct tcphdr), sizeof(kind_and_length), REG(0));
	nft_compare(b, NFT_IS, REG(0), kind_and_length, sizeof(kind_and_length));
}

void nft_overlay_in(struct wm_nft_rules *b, enum nft_addr which, enum nft_test test, enum wm_nft_set_id set)
{
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, which, 4, REG(0));
	nft_lookup(b, test, wm_nft_sets[set].name, REG(0), wm_nft_sets[set].data ? REG(0) : NOWHERE);
}

/* The key of a sender, in registers from REG(0). */
static void load_sender(struct wm_nft_rules *b, enum wm_nft_set_id set)
{
	if (wm_nft_sets[set].key == WM_NFT_KEY_MAC)
		load_mac(b, REG(2));
	nft_load_meta(b, NFT_META_IIF, REG(0));
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, NFT_SRC, 4, REG(1));
}

void nft_sender_in(struct wm_nft_rules *b, enum wm_nft_set_id set)
{
	load_sender(b, set);
	nft_lookup(b, NFT_IS, wm_nft_sets[set].name, REG(0), wm_nft_sets[set].data ? REG(0) : NOWHERE);
}

/* --- statements ------------------------------------------------------------------- */

void nft_translate_src(struct wm_nft_rules *b, enum wm_nft_set_id map)
{
	load_sender(b, map);
	nft_lookup(b, NFT_IS, wm_nft_sets[map].name, REG(0), REG(0));
	nft_store_addr(b, NFT_SRC, REG(0));
}

void nft_translate_dst(struct wm_nft_rules *b, enum wm_nft_set_id map)
{
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, NFT_DST, 4, REG(0));
	nft_lookup(b, NFT_IS, wm_nft_sets[map].name, REG(0), REG(0));
	nft_store_addr(b, NFT_DST, REG(0));
}

void nft_set_src(struct wm_nft_rules *b, wm_ip4 addr)
{
	const uint32_t value = htonl(addr);

	nft_immediate(b, REG(0), &value, sizeof(value));
	nft_store_addr(b, NFT_SRC, REG(0));
}

void nft_set_mark(struct wm_nft_rules *b, uint32_t value)
{
	nft_immediate(b, REG(0), &value, sizeof(value));
	nft_store_mark(b, REG(0));
}

void nft_map_mark(struct wm_nft_rules *b, enum wm_nft_set_id map)
{
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, NFT_DST, 4, REG(0));
	nft_lookup(b, NFT_IS, wm_nft_sets[map].name, REG(0), REG(0));
	nft_store_mark(b, REG(0));
}

void nft_lower_mss(struct wm_nft_rules *b, uint16_t mss)
{
	const uint16_t value = htons(mss);
	struct nftnl_expr *e;

	nft_immediate(b, REG(0), &value, sizeof(value));
	e = nft_put(b, "exthdr");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_SREG, REG(0));
	nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, TCPOPT_MAXSEG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, 2);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, sizeof(value));
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
}

void nft_notrack(struct wm_nft_rules *b)
{
	nft_put(b, "notrack");
}

void nft_count(struct wm_nft_rules *b, enum wm_reason reason)
{
	struct nftnl_expr *e = nft_put(b, "objref");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	nftnl_expr_set_str(e, NFTNL_EXPR_OBJREF_IMM_NAME, wm_reason_name(reason));
}

void nft_accept(struct wm_nft_rules *b)
{
	verdict(b, NF_ACCEPT, NULL);
}

void nft_return(struct wm_nft_rules *b)
{
	verdict(b, NFT_RETURN, NULL);
}

void nft_goto(struct wm_nft_rules *b, const char *chain)
{
	verdict(b, NFT_GOTO, chain);
}

void nft_jump(struct wm_nft_rules *b, const char *chain)
{
	verdict(b, NFT_JUMP, chain);
}

void nft_drop(struct wm_nft_rules *b, enum wm_reason reason)
{
	nft_goto(b, wm_nft_drop_chain(reason));
}

void nft_drop_now(struct wm_nft_rules *b)
{
	verdict(b, NF_DROP, NULL);
}
