/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each function appends the few libnftnl expressions that say its one thing.
 */
#include "kernel/nft_expr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "core/util.h"
#include "kernel/nft_drops.h"
#include "kernel/nft_expr_priv.h"

#define IP_CSUM_OFFSET 10

/* --- rules ------------------------------------------------------------------------ */

void wm_nft_rules_free(struct wm_nft_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		if (rules->v[i].rule)
			nftnl_rule_free(rules->v[i].rule);
	}
	free(rules->v);
	*rules = (struct wm_nft_rules){ 0 };
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325u;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

static int set_comment(struct wm_nft_rule *r)
{
	WM_AUTO_FREE char *buf = calloc(1, WM_NFT_MSG_MAX);
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	struct nlmsghdr *nlh;

	if (!buf || !udata) {
		if (udata)
			nftnl_udata_buf_free(udata);
		return -ENOMEM;
	}
	nlh = mnl_nlmsg_put_header(buf);
	nftnl_rule_nlmsg_build_payload(nlh, r->rule);
	snprintf(r->mark, sizeof(r->mark), "wm %016llx",
		 (unsigned long long)hash(mnl_nlmsg_get_payload(nlh), mnl_nlmsg_get_payload_len(nlh)));
	nftnl_udata_put_strz(udata, NFTNL_UDATA_RULE_COMMENT, r->mark);
	nftnl_rule_set_data(r->rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(udata), nftnl_udata_buf_len(udata));
	nftnl_udata_buf_free(udata);
	return 0;
}

int wm_nft_rules_finish(struct wm_nft_rules *rules)
{
	for (size_t i = 0; i < rules->n && !rules->error; i++)
		rules->error = set_comment(&rules->v[i]);
	return rules->error;
}

void wm_nft_rules_write(struct wm_nft_batch *batch, const struct wm_nft_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		struct nlmsghdr *nlh = wm_nft_msg(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

		if (!nlh)
			return;
		nftnl_rule_nlmsg_build_payload(nlh, rules->v[i].rule);
		wm_nft_msg_end(batch, nlh);
		batch->changes++;
	}
}

void nft_rule(struct wm_nft_rules *b, const char *chain)
{
	struct nftnl_rule *rule;

	if (b->error)
		return;
	b->error = wm_grow((void **)&b->v, &b->cap, b->n + 1, sizeof(*b->v));
	if (b->error)
		return;
	rule = nftnl_rule_alloc();
	if (!rule) {
		b->error = -ENOMEM;
		return;
	}
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, wm_nft_families[b->part]);
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, b->table);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
	b->v[b->n++] = (struct wm_nft_rule){ .chain = chain, .rule = rule };
}

/* --- single expressions ----------------------------------------------------------- */

struct nftnl_expr *nft_put(struct wm_nft_rules *b, const char *name)
{
	struct nftnl_expr *e = b->error ? NULL : nftnl_expr_alloc(name);

	if (e)
		nftnl_rule_add_expr(b->v[b->n - 1].rule, e);
	else if (!b->error)
		b->error = -ENOMEM;
	return e;
}

void nft_load_meta(struct wm_nft_rules *b, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *e = nft_put(b, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
}

void nft_load(struct wm_nft_rules *b, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct nftnl_expr *e = nft_put(b, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

void nft_mask(struct wm_nft_rules *b, uint32_t reg, const void *bits, uint32_t len)
{
	const uint8_t zero[16] = { 0 };
	struct nftnl_expr *e = nft_put(b, "bitwise");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set_data(e, NFTNL_EXPR_BITWISE_MASK, bits, len);
	nftnl_expr_set_data(e, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

void nft_compare(struct wm_nft_rules *b, enum nft_test test, uint32_t reg, const void *data, uint32_t len)
{
	struct nftnl_expr *e = nft_put(b, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, test == NFT_IS ? NFT_CMP_EQ : NFT_CMP_NEQ);
	nftnl_expr_set_data(e, NFTNL_EXPR_CMP_DATA, data, len);
}

static void compare_u8(struct wm_nft_rules *b, enum nft_test test, uint32_t reg, uint8_t value)
{
	nft_compare(b, test, reg, &value, 1);
}

void nft_lookup(struct wm_nft_rules *b, enum nft_test test, const char *set, uint32_t key, uint32_t value)
{
	struct nftnl_expr *e = nft_put(b, "lookup");

	if (!e)
		return;
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, key);
	if (value != NOWHERE)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, value);
	else
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, test == NFT_NOT ? NFT_LOOKUP_F_INV : 0);
}

void nft_store(struct wm_nft_rules *b, uint32_t base, uint32_t offset, uint32_t csum, uint32_t flags, uint32_t reg)
{
	struct nftnl_expr *e = nft_put(b, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, 4);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_OFFSET, csum);
	if (flags)
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_FLAGS, flags);
}

void nft_store_addr(struct wm_nft_rules *b, enum nft_addr which, uint32_t reg)
{
	nft_store(b, NFT_PAYLOAD_NETWORK_HEADER, which, IP_CSUM_OFFSET, NFT_PAYLOAD_L4CSUM_PSEUDOHDR, reg);
}

void nft_store_mark(struct wm_nft_rules *b, uint32_t reg)
{
	struct nftnl_expr *e = nft_put(b, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, reg);
}

void nft_immediate(struct wm_nft_rules *b, uint32_t reg, const void *data, uint32_t len)
{
	struct nftnl_expr *e = nft_put(b, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, reg);
	nftnl_expr_set_data(e, NFTNL_EXPR_IMM_DATA, data, len);
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

void nft_at_most(struct wm_nft_rules *b, uint32_t reg, const void *data, uint32_t len)
{
	struct nftnl_expr *e = nft_put(b, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_LTE);
	nftnl_expr_set_data(e, NFTNL_EXPR_CMP_DATA, data, len);
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
