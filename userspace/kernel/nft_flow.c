/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/nft_flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "core/util.h"
#include "kernel/nft_expr_priv.h"
#include "wm_limits.h"

#define GC_MS 1000

/* Types of nft's text language, a register each: `nft list` shows what stands there, and would not survive others. */
enum { IP = 7, PROTO = 12, PORT = 13, MARK = 19 };
#define TYPES2(a, b) ((a) << 6 | (b))
#define TYPES4(a, b, c, d) (TYPES2(a, b) << 12 | TYPES2(c, d))
#define TYPES5(a, b, c, d, e) (TYPES4(a, b, c, d) << 6 | (e))
#define FLOW_KEY 20, TYPES5(MARK, IP, PROTO, PORT, PORT) /* owner, peer, protocol, end's port, peer's port */
#define FRAG_KEY 16, TYPES4(MARK, IP, PORT, PROTO)       /* owner, destination, id, protocol */
#define PAIR_KEY 20, TYPES5(IP, IP, IP, PORT, MARK)      /* two addresses that are compared; source, id and processor of the packet */

/* A flood fills the half-open ones and is refused from then on; what is established has room of its own. */
const struct wm_nft_flow_shape wm_nft_flow_sets[WM_NFT_FLOW_SETS] = {
	[WM_NFT_HALF] = { "flow_half", FLOW_KEY, 65536, WM_S_TCP_OPENING },
	[WM_NFT_SEEN] = { "flow_seen", FLOW_KEY, 65536, WM_S_TCP_OPENING },
	[WM_NFT_ANSWERED] = { "flow_answered", FLOW_KEY, 65536, WM_S_UDP_ANSWERED },
	[WM_NFT_LIVE] = { "flow_live", FLOW_KEY, 262144, WM_S_TCP_LIVE },
	[WM_NFT_FIN_PEER] = { "flow_fin_peer", FLOW_KEY, 65536, WM_S_TCP_OPENING },
	[WM_NFT_FIN_END] = { "flow_fin_end", FLOW_KEY, 65536, WM_S_TCP_OPENING },
	[WM_NFT_CLOSED] = { "flow_closed", FLOW_KEY, 65536, WM_S_TCP_CLOSED },
	[WM_NFT_FRAGS] = { "flow_frags", FRAG_KEY, 65536, WM_S_FRAGMENTS },
	[WM_NFT_PAIRS] = { "pairs", PAIR_KEY, 65536, 1 },
	[WM_NFT_ROUTER_PAIRS] = { "router_pairs", PAIR_KEY, 65536, 1 },
};

void wm_nft_flow_set_create(struct wm_nft_batch *batch, const char *table, enum wm_nft_flow_set id)
{
	const struct wm_nft_flow_shape *set = &wm_nft_flow_sets[id];
	struct nlmsghdr *nlh = wm_nft_msg(batch, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	struct nftnl_set *s = nlh ? nftnl_set_alloc() : NULL;

	if (!nlh)
		return;
	if (!s) {
		batch->error = -ENOMEM;
		return;
	}
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_IPV4);
	nftnl_set_set_str(s, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, set->name);
	nftnl_set_set_u32(s, NFTNL_SET_ID, 1000 + (uint32_t)id);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, WM_NFT_FLOW_FLAGS);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, set->key_type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, set->key_len);
	nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, set->size);
	nftnl_set_set_u64(s, NFTNL_SET_TIMEOUT, set->timeout_s * 1000ull);
	nftnl_set_set_u32(s, NFTNL_SET_GC_INTERVAL, GC_MS);
	nftnl_set_nlmsg_build_payload(nlh, s);
	wm_nft_msg_end(batch, nlh);
	batch->changes++;
	nftnl_set_free(s);
}

/* --- keys --------------------------------------------------------------------------- */

#define IP_ID 4
#define IP_SRC NFT_SRC
#define IP_DST NFT_DST
#define QUOTED 8 /* where an ICMP error's quoted packet begins */
#define QUOTED_PROTO (QUOTED + 9)
#define QUOTED_SRC (QUOTED + IP_SRC)
#define QUOTED_DST (QUOTED + IP_DST)
#define QUOTED_L4 (QUOTED + 20)

static void load_ip(struct wm_nft_rules *b, uint32_t offset, uint32_t len, uint32_t reg)
{
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, offset, len, reg);
}

static void load_l4(struct wm_nft_rules *b, uint32_t offset, uint32_t len, uint32_t reg)
{
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, offset, len, reg);
}

static void load_flow(struct wm_nft_rules *b, enum nft_flow flow)
{
	static const struct {
		uint8_t peer;                /* offset in the IP header */
		uint8_t end_port, peer_port; /* in the transport header; 0xff: none */
	} shapes[] = {
		[NFT_FLOW_TO] = { IP_SRC, 2, 0 },
		[NFT_FLOW_FROM] = { IP_DST, 0, 2 },
		[NFT_ECHO_TO] = { IP_SRC, 4, 0xff },
		[NFT_ECHO_FROM] = { IP_DST, 4, 0xff },
		[NFT_QUOTED_FLOW] = { IP_DST, QUOTED_L4 + 2, QUOTED_L4 },
		[NFT_QUOTED_ECHO] = { IP_DST, QUOTED_L4 + 4, 0xff },
	};
	const uint32_t none = 0;

	nft_load_meta(b, NFT_META_MARK, REG(0));
	load_ip(b, shapes[flow].peer, 4, REG(1));
	if (flow == NFT_QUOTED_FLOW || flow == NFT_QUOTED_ECHO)
		load_l4(b, QUOTED_PROTO, 1, REG(2));
	else
		nft_load_meta(b, NFT_META_L4PROTO, REG(2));
	load_l4(b, shapes[flow].end_port, 2, REG(3));
	if (shapes[flow].peer_port != 0xff)
		load_l4(b, shapes[flow].peer_port, 2, REG(4));
	else
		nft_immediate(b, REG(4), &none, sizeof(none));
}

static void load_fragment(struct wm_nft_rules *b)
{
	nft_load_meta(b, NFT_META_MARK, REG(0));
	load_ip(b, IP_DST, 4, REG(1));
	load_ip(b, IP_ID, 2, REG(2));
	nft_load_meta(b, NFT_META_L4PROTO, REG(3));
}

static void load_pair(struct wm_nft_rules *b, enum nft_pair pair)
{
	const uint32_t none = 0;

	switch (pair) {
	case NFT_PAIR_OUTER:
		load_ip(b, IP_DST, 4, REG(0));
		load_ip(b, IP_SRC, 4, REG(1));
		break;
	case NFT_PAIR_QUOTED:
		load_l4(b, QUOTED_SRC, 4, REG(0));
		load_l4(b, QUOTED_DST, 4, REG(1));
		break;
	case NFT_PAIR_QUOTED_HOST:
		load_l4(b, QUOTED_SRC, 4, REG(0));
		nft_load_meta(b, NFT_META_MARK, REG(1));
		break;
	case NFT_PAIR_OUTER_DST:
		load_ip(b, IP_DST, 4, REG(0));
		nft_immediate(b, REG(1), &none, sizeof(none));
		break;
	case NFT_PAIR_QUOTED_SRC:
		load_l4(b, QUOTED_SRC, 4, REG(0));
		nft_immediate(b, REG(1), &none, sizeof(none));
		break;
	}
	load_ip(b, IP_SRC, 4, REG(2));
	load_ip(b, IP_ID, 2, REG(3));
	nft_load_meta(b, NFT_META_CPU, REG(4));
}

void nft_mark_owner(struct wm_nft_rules *b, enum nft_addr end)
{
	load_ip(b, end, 4, REG(0));
	nft_lookup(b, NFT_IS, wm_nft_sets[WM_NFT_ISO].name, REG(0), REG(0));
	nft_store_mark(b, REG(0));
}

void nft_mark_owner_of_mark(struct wm_nft_rules *b)
{
	nft_load_meta(b, NFT_META_MARK, REG(0));
	nft_lookup(b, NFT_IS, wm_nft_sets[WM_NFT_ISO].name, REG(0), REG(0));
	nft_store_mark(b, REG(0));
}

void nft_mark_quoted_host(struct wm_nft_rules *b)
{
	nft_load_meta(b, NFT_META_IIF, REG(0));
	load_l4(b, QUOTED_DST, 4, REG(1));
	nft_lookup(b, NFT_IS, wm_nft_sets[WM_NFT_HOSTS].name, REG(0), REG(0));
	nft_store_mark(b, REG(0));
}

/* --- reading and writing ------------------------------------------------------------ */

static void dynset(struct wm_nft_rules *b, uint32_t op, const char *set, uint64_t timeout_ms)
{
	struct nftnl_expr *e = nft_put(b, "dynset");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, REG(0));
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, op);
	nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, set);
	if (timeout_ms)
		nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, timeout_ms);
}

void nft_flow_in(struct wm_nft_rules *b, enum nft_flow flow, enum wm_nft_flow_set set)
{
	load_flow(b, flow);
	nft_lookup(b, NFT_IS, wm_nft_flow_sets[set].name, REG(0), NOWHERE);
}

void nft_flow_put(struct wm_nft_rules *b, enum nft_flow flow, enum wm_nft_flow_set set, unsigned int seconds)
{
	load_flow(b, flow);
	dynset(b, NFT_DYNSET_OP_UPDATE, wm_nft_flow_sets[set].name, seconds * 1000ull);
}

void nft_flow_add(struct wm_nft_rules *b, enum nft_flow flow, enum wm_nft_flow_set set, unsigned int seconds)
{
	load_flow(b, flow);
	dynset(b, NFT_DYNSET_OP_ADD, wm_nft_flow_sets[set].name, seconds * 1000ull);
}

void nft_flow_drop(struct wm_nft_rules *b, enum nft_flow flow, enum wm_nft_flow_set set)
{
	load_flow(b, flow);
	dynset(b, NFT_DYNSET_OP_DELETE, wm_nft_flow_sets[set].name, 0);
}

void nft_fragments_put(struct wm_nft_rules *b, unsigned int seconds)
{
	load_fragment(b);
	dynset(b, NFT_DYNSET_OP_UPDATE, wm_nft_flow_sets[WM_NFT_FRAGS].name, seconds * 1000ull);
}

void nft_fragments_in(struct wm_nft_rules *b)
{
	load_fragment(b);
	nft_lookup(b, NFT_IS, wm_nft_flow_sets[WM_NFT_FRAGS].name, REG(0), NOWHERE);
}

void nft_pair_put(struct wm_nft_rules *b, enum nft_pair pair, enum wm_nft_flow_set set)
{
	load_pair(b, pair);
	dynset(b, NFT_DYNSET_OP_UPDATE, wm_nft_flow_sets[set].name, 1000);
}

void nft_pair_in(struct wm_nft_rules *b, enum nft_pair pair, enum wm_nft_flow_set set)
{
	load_pair(b, pair);
	nft_lookup(b, NFT_IS, wm_nft_flow_sets[set].name, REG(0), NOWHERE);
}

void nft_pair_drop(struct wm_nft_rules *b, enum nft_pair pair, enum wm_nft_flow_set set)
{
	load_pair(b, pair);
	dynset(b, NFT_DYNSET_OP_DELETE, wm_nft_flow_sets[set].name, 0);
}
