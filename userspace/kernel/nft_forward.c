/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table that leads a UDP port of this machine into a container. Two chains
 * of one rule each; compared by the rules' comments (nft_expr.h), replaced
 * whole in one transaction where they differ.
 */
#include "kernel/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "core/util.h"
#include "kernel/nft_expr_priv.h"
#include "kernel/nft_state_priv.h"

#define UDP_DPORT 2 /* offset */

static const struct wm_nft_chain chains[] = {
	{ "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST },
	{ "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER },
};

static void to_own_address(struct wm_nft_rules *b)
{
	const uint32_t local = RTN_LOCAL;
	struct nftnl_expr *e = nft_put(b, "fib");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, REG(0));
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
	nft_compare(b, NFT_IS, REG(0), &local, sizeof(local));
}

static void to_udp_port(struct wm_nft_rules *b, uint16_t port)
{
	const uint16_t wire = htons(port);

	nft_protocol_is(b, IPPROTO_UDP);
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, UDP_DPORT, sizeof(wire), REG(0));
	nft_compare(b, NFT_IS, REG(0), &wire, sizeof(wire));
}

static void lead_to(struct wm_nft_rules *b, wm_ip4 addr, uint16_t port)
{
	const uint32_t addr_wire = htonl(addr);
	const uint16_t port_wire = htons(port);

	nft_immediate(b, REG(0), &addr_wire, sizeof(addr_wire));
	nft_immediate(b, REG(1), &port_wire, sizeof(port_wire));
	struct nftnl_expr *e = nft_put(b, "nat");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, NFPROTO_IPV4);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, REG(0));
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, REG(1));
}

static int make_rules(const char *table, uint16_t port, wm_ip4 to, struct wm_nft_rules *ret)
{
	*ret = (struct wm_nft_rules){ .table = table, .part = WM_NFT_MAIN };
	nft_rule(ret, "prerouting");
	to_own_address(ret);
	to_udp_port(ret, port);
	lead_to(ret, to, port);
	nft_rule(ret, "forward");
	nft_addr_is(ret, NFT_DST, NFT_IS, to);
	to_udp_port(ret, port);
	nft_accept(ret);
	return wm_nft_rules_finish(ret);
}

/* --- what is there ------------------------------------------------------------------------ */

struct reading {
	const char *table;
	const struct wm_nft_rules *want;
	size_t n;  /* rules that there are */
	bool same; /* as wanted, so far */
};

static int read_rule(const struct nlmsghdr *nlh, void *arg)
{
	struct reading *r = arg;
	const struct nlattr *tb[NFTA_RULE_USERDATA + 1];

	if (!nlh) {
		r->n = 0;
		r->same = true;
		return 0;
	}
	wm_nl_attrs(nlh, sizeof(struct nfgenmsg), tb, WM_ARRAY_LEN(tb));
	if (((const struct nfgenmsg *)mnl_nlmsg_get_payload(nlh))->nfgen_family != NFPROTO_IPV4 ||
	    strcmp(wm_nl_str(tb[NFTA_RULE_TABLE]), r->table))
		return 0;
	const struct wm_nft_rule *want = r->n < r->want->n ? &r->want->v[r->n] : NULL;
	r->same &= want && !strcmp(want->chain, wm_nl_str(tb[NFTA_RULE_CHAIN])) &&
		   !strcmp(want->mark, wm_nft_comment_of(tb[NFTA_RULE_USERDATA]));
	r->n++;
	return 0;
}

/* 1: as wanted; 0: not. */
static int is_so(struct wm_nl *nl, const char *table, const struct wm_nft_rules *want)
{
	struct reading r = { .table = table, .want = want, .same = true };
	struct nlmsghdr *nlh = wm_nft_request(nl, WM_NFT_MAIN, NFT_MSG_GETRULE);

	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, table);
	int rc = wm_nl_dump(nl, read_rule, &r);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	return r.same && r.n == want->n;
}

/* --- who else decides ------------------------------------------------------------------------ */

static int read_chain(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_CHAIN_TYPE + 1], *hook[NFTA_HOOK_PRIORITY + 1];
	char *found = arg;

	if (!nlh) {
		*found = '\0';
		return 0;
	}
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(nlh);
	wm_nl_attrs(nlh, sizeof(*header), tb, WM_ARRAY_LEN(tb));
	if (!tb[NFTA_CHAIN_HOOK] || (header->nfgen_family != NFPROTO_IPV4 && header->nfgen_family != NFPROTO_INET))
		return 0;
	wm_nl_nested(tb[NFTA_CHAIN_HOOK], hook, WM_ARRAY_LEN(hook));
	if (ntohl(wm_nl_u32(hook[NFTA_HOOK_HOOKNUM])) == NF_INET_FORWARD && tb[NFTA_CHAIN_POLICY] &&
	    ntohl(wm_nl_u32(tb[NFTA_CHAIN_POLICY])) == NF_DROP)
		wm_format(found, WM_FORWARD_CHAIN_TEXT, "table %s %.60s, chain %.60s", header->nfgen_family == NFPROTO_INET ? "inet" : "ip",
			  wm_nl_str(tb[NFTA_CHAIN_TABLE]), wm_nl_str(tb[NFTA_CHAIN_NAME]));
	return 0;
}

int wm_forward_dropped(char *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);

	if (rc)
		return rc;
	*ret = '\0';
	wm_nl_begin(nl, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, 0, sizeof(struct nfgenmsg), NULL);
	rc = wm_nl_dump(nl, read_chain, ret);
	if (rc)
		return wm_fail(err, -rc, "cannot read this machine's nftables: %s", wm_nl_why(nl, rc));
	return *ret != '\0';
}

/* --- changes ---------------------------------------------------------------------------- */

static int explain(struct wm_error *err, const char *table, int rc, const struct wm_nft_answer *answer)
{
	if (rc == -EEXIST && !answer->refused)
		return wm_fail(err, EEXIST, "there is an nftables table ip %s that is not of wm-gateway's making; rename or delete it", table);
	if (rc == -EPERM)
		return wm_fail(err, EPERM, "nftables table ip %s: not allowed here; this needs root (CAP_NET_ADMIN)", table);
	return wm_fail(err, -rc, "nftables table ip %s: %s%s%s%s", table, strerror(-rc), *answer->why ? " (" : "", answer->why,
		       *answer->why ? ")" : "");
}

/* want NULL: no table shall be there. 1 changed, 0 it was so. */
static int converge(struct wm_nl *nl, const char *table, const struct wm_nft_rules *want, struct wm_nft_answer *answer)
{
	struct wm_nft_batch batch = { 0 };
	uint32_t generation;
	int there, rc = wm_nft_generation(nl, &generation);

	there = rc ? rc : wm_nft_table_exists(nl, WM_NFT_MAIN, table);
	if (there < 0)
		return there;
	rc = there && want ? is_so(nl, table, want) : 0;
	if (rc || (!there && !want))
		return rc < 0 ? rc : 0;
	if (there)
		wm_nft_table_delete(&batch, WM_NFT_MAIN, table);
	if (want) {
		wm_nft_table_create(&batch, WM_NFT_MAIN, table);
		for (size_t i = 0; i < WM_ARRAY_LEN(chains); i++)
			wm_nft_chain_create(&batch, table, &chains[i], NULL);
		wm_nft_rules_write(&batch, want);
	}
	rc = batch.error ? batch.error : wm_nft_batch_send(&batch, generation, answer);
	wm_nft_batch_free(&batch);
	return rc < 0 ? rc : 1;
}

static int change(const char *table, const struct wm_nft_rules *want, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_nft_answer answer = { 0 };
	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);

	if (rc)
		return rc;
	for (int i = 0; i < WM_NFT_ATTEMPTS; i++) {
		answer = (struct wm_nft_answer){ 0 };
		rc = converge(nl, table, want, &answer);
		if (rc != -ERESTART && rc != -EBUSY)
			break;
	}
	return rc < 0 ? explain(err, table, rc, &answer) : rc;
}

int wm_forward_set(const char *table, uint16_t port, wm_ip4 to, struct wm_error *err)
{
	struct wm_nft_rules want;
	int rc = make_rules(table, port, to, &want);

	rc = rc ? wm_fail(err, -rc, "out of memory") : change(table, &want, err);
	wm_nft_rules_free(&want);
	return rc;
}

int wm_forward_remove(const char *table, struct wm_error *err)
{
	return change(table, NULL, err);
}

int wm_forward_there(const char *table, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	const struct wm_nft_answer none = { 0 };
	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);

	if (rc)
		return rc;
	rc = wm_nft_table_exists(nl, WM_NFT_MAIN, table);
	return rc < 0 ? explain(err, table, rc, &none) : rc;
}
