/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Connection tracking's entries of a UDP port of this machine: those that lead
 * elsewhere are ended (ctnetlink).
 */
#include "kernel/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util.h"
#include "kernel/link.h"
#include "kernel/nl.h"

/* One direction of an entry. */
struct tuple {
	wm_ip4 src, dst;
	uint16_t sport, dport;
	uint8_t protocol;
};

struct stale {
	struct tuple *tuple; /* the original direction of those to be ended */
	size_t n, cap;
	uint16_t port;
	wm_ip4 keep;
};

static struct tuple read_tuple(const struct nlattr *attr)
{
	const struct nlattr *tb[CTA_TUPLE_PROTO + 1], *ip[CTA_IP_V4_DST + 1], *proto[CTA_PROTO_DST_PORT + 1];

	wm_nl_nested(attr, tb, WM_ARRAY_LEN(tb));
	wm_nl_nested(tb[CTA_TUPLE_IP], ip, WM_ARRAY_LEN(ip));
	wm_nl_nested(tb[CTA_TUPLE_PROTO], proto, WM_ARRAY_LEN(proto));
	const struct nlattr *number = proto[CTA_PROTO_NUM];
	return (struct tuple){
		.src = wm_nl_ip4(ip[CTA_IP_V4_SRC]),
		.dst = wm_nl_ip4(ip[CTA_IP_V4_DST]),
		.sport = ntohs(wm_nl_u16(proto[CTA_PROTO_SRC_PORT])),
		.dport = ntohs(wm_nl_u16(proto[CTA_PROTO_DST_PORT])),
		.protocol = number && mnl_attr_get_payload_len(number) ? mnl_attr_get_u8(number) : 0,
	};
}

static int read_entry(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[CTA_TUPLE_REPLY + 1];
	struct stale *s = arg;

	if (!nlh) {
		s->n = 0;
		return 0;
	}
	wm_nl_attrs(nlh, sizeof(struct nfgenmsg), tb, WM_ARRAY_LEN(tb));
	const struct tuple there = read_tuple(tb[CTA_TUPLE_ORIG]), back = read_tuple(tb[CTA_TUPLE_REPLY]);
	if (there.protocol != IPPROTO_UDP || there.dport != s->port || !there.dst)
		return 0;
	if (s->keep ? back.src == s->keep : back.src == there.dst)
		return 0;
	if (wm_grow((void **)&s->tuple, &s->cap, s->n + 1, sizeof(*s->tuple)))
		return -ENOMEM;
	s->tuple[s->n++] = there;
	return 0;
}

static struct nlmsghdr *begin(struct wm_nl *nl, uint16_t type)
{
	struct nfgenmsg *header;
	struct nlmsghdr *nlh = wm_nl_begin(nl, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), 0, sizeof(*header), &header);

	header->nfgen_family = AF_INET;
	return nlh;
}

static int end_entry(struct wm_nl *nl, const struct tuple *t)
{
	struct nlmsghdr *nlh = begin(nl, IPCTNL_MSG_CT_DELETE);
	struct nlattr *tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG), *part = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);

	mnl_attr_put_u32(nlh, CTA_IP_V4_SRC, htonl(t->src));
	mnl_attr_put_u32(nlh, CTA_IP_V4_DST, htonl(t->dst));
	mnl_attr_nest_end(nlh, part);
	part = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, t->protocol);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(t->sport));
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(t->dport));
	mnl_attr_nest_end(nlh, part);
	mnl_attr_nest_end(nlh, tuple);
	int rc = wm_nl_write(nl);
	return rc == -ENOENT ? 0 : rc; /* it has ended by itself */
}

/* The port of other machines, which this one only routes to, is none of ours. */
static bool is_to_us(const struct tuple *t)
{
	struct wm_endpoint ep = { .family = 4, .port = t->dport };
	const uint32_t wire = htonl(t->dst);

	memcpy(ep.addr, &wire, sizeof(wire));
	return wm_link_is_own(&ep);
}

int wm_forward_forget(uint16_t port, wm_ip4 keep, struct wm_error *err)
{
	struct stale stale = { .port = port, .keep = keep };
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int ended = 0, rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);

	if (rc)
		return rc;
	begin(nl, IPCTNL_MSG_CT_GET);
	rc = wm_nl_dump(nl, read_entry, &stale);
	for (size_t i = 0; i < stale.n && !rc; i++) {
		if (!is_to_us(&stale.tuple[i]))
			continue;
		rc = end_entry(nl, &stale.tuple[i]);
		ended += !rc;
	}
	free(stale.tuple);
	if (rc)
		return wm_fail(err, -rc, "connection tracking's entries of UDP port %u cannot be ended: %s", port, wm_nl_why(nl, rc));
	return ended;
}
