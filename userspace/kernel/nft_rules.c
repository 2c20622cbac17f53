/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The ruleset, top to bottom as a packet meets it. docs/dataplane-nft.md draws it.
 *
 * Sources are translated in prerouting, not on the way out: the routing decision
 * then already sees the mesh's addresses, a hairpinned packet has both of them
 * (so the stack sends no redirect), and what leaves through wg needs only to be
 * checked. A packet that is checked carries the instance's mark.
 *
 * Every chain ends in a verdict for whatever reaches its end: a goto never
 * comes back, and the base chains' policy is accept.
 */
#include "kernel/nft_rules_priv.h"

#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

#include "core/util.h"
#include "kernel/nft_drops.h"
#include "kernel/nft_expr_priv.h"
#include "wm_limits.h"

#define AFTER_NAT (NF_IP_PRI_NAT_SRC + 150) /* sees packets as they leave */
#define MARK_MASK 0xffffff00u
#define TCP_IP_HEADERS 40

const struct wm_nft_chain wm_nft_chains[] = {
	{ "prerouting", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW },
	{ "output", "route", NF_INET_LOCAL_OUT, NF_IP_PRI_RAW },
	{ "postrouting", "filter", NF_INET_POST_ROUTING, AFTER_NAT },
	{ "options" },
	{ "wg_in" },       /* from a tunnel */
	{ "wg_device" },   /* ... with a source in our own subnet */
	{ "wg_isolated" }, /* ... of an isolated device */
	{ "wg_expired" },  /* ... whose last hop this is */
	{ "wg_relay" },    /* ... for another site or a device, at the hub */
	{ "wg_away" },     /* ... for nobody of this site */
	{ "lan_in" },      /* from a LAN, to the mesh */
	{ "lan_icmp" },    /* ... if it is ICMP */
	{ "lan_home" },    /* ... to an address of this site */
	{ "lan_known" },   /* is the sender registered? Counts nothing */
	{ "lan_expired" }, /* ... whose last hop this is */
	{ "lan_mark" },    /* the mark of the LAN that it comes from */
	{ "lan_mesh" },    /* ... out to a tunnel */
	{ "lan_hairpin" }, /* ... back to a host of ours, whose address is in already */
	{ "lan_local" },   /* ... to this gateway */
	{ "lan_to_iso" },  /* ... to an isolated end */
	{ "lan_home_from" }, /* ... of which the source is an overlay address already */
	{ "lan_nobody" },  /* ... to an address without an owner */
	{ "lan_refuse" },  /* ... from somebody who may not, or is isolated */
	{ "lan_isolated" }, /* ... from an isolated host, its source translated */
	{ "unregistered" },
	{ "router" },      /* an unregistered router's ICMP error */
	{ "router_quote" },
	{ "router_host" },
	{ "router_from" },
	{ "router_limit" },
	{ "router_pair" },
	{ "router_about" },
	{ "router_flow" },
	{ "router_to" },
	{ "router_away" },
	{ "errors_in" },   /* ICMP errors, and the packets that they quote */
	{ "errors_out" },
	{ "errors_own" },
	{ "quote_valid" },
	{ "quote_invalid" },
	{ "quote_in" },
	{ "quote_host" },
	{ "quote_out" },
	{ "quote_own" },
	{ "to_iso" },      /* towards an isolated end */
	{ "to_tcp" },
	{ "to_tcp_on" },
	{ "to_tcp_open" },
	{ "to_tcp_fin" },
	{ "to_tcp_rst" },
	{ "to_udp" },
	{ "to_icmp" },
	{ "to_echo" },
	{ "to_invalid" },
	{ "to_full" },
	{ "from_iso" },    /* from an isolated end */
	{ "from_tcp" },
	{ "from_tcp_rst" },
	{ "from_tcp_fin" },
	{ "from_udp" },
	{ "from_icmp" },
	{ "from_echo" },
	{ "from_error" },
	{ "from_error_pair" },
	{ "from_error_flow" },
	{ "from_later" },
	{ "from_ok" },
	{ "from_refuse" },
	{ "from_invalid" },
	{ "from_full" },
	{ "output_to_iso" }, /* this machine's own, towards an isolated end */
	{ "wg_out" },      /* out to a tunnel */
	{ "wg_own" },      /* ... from this gateway itself */
	{ "drop_invalid" }, /* the drops: noted, counted */
	{ "drop_spoofed" },
	{ "drop_unregistered" },
	{ "drop_isolated" },
	{ "drop_no_host" },
	{ "drop_not_relay" },
	{ "drop_untranslated" },
	{ "drop_redirect" },
	{ "drop_flow_full" },
	{ "drop_no_neighbour" },
};
const unsigned int wm_nft_nchains = WM_ARRAY_LEN(wm_nft_chains);

uint32_t wm_nft_done(const struct wm_nft_site *s)
{
	return s->inst->fwmark | WM_MARK_DONE;
}

/* A source route that is at its end, or lies, the kernel does not show as an option, and its stack drops it later, when
 * it would have opened a flow to an isolated end. As the first option it is seen. */
static void options(struct wm_nft_rules *b)
{
	static const uint8_t kinds[] = { IPOPT_LSRR & ~IPOPT_COPY, IPOPT_SSRR & ~IPOPT_COPY };
	const uint8_t bits = (uint8_t)~IPOPT_COPY; /* whether fragments have it, too */

	nft_rule(b, "options"), nft_has_option(b, IPOPT_LSRR), nft_drop(b, WM_REASON_INVALID);
	nft_rule(b, "options"), nft_has_option(b, IPOPT_SSRR), nft_drop(b, WM_REASON_INVALID);
	for (uint32_t kind = 0; kind < WM_ARRAY_LEN(kinds); kind++) {
		nft_rule(b, "options"), nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, sizeof(struct iphdr), 1, REG(0));
		nft_mask(b, REG(0), &bits, 1), nft_compare(b, NFT_IS, REG(0), &kinds[kind], 1);
		nft_drop(b, WM_REASON_INVALID);
	}
	nft_rule(b, "options"), nft_return(b);
}

static void prerouting(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	/* Judged already: BPF's filters are in force besides, while one back end takes over from the other. */
	nft_rule(b, "prerouting"), nft_mark_is(b, NFT_IS, s->inst->fwmark & MARK_MASK, MARK_MASK), nft_accept(b);
	nft_rule(b, "prerouting"), nft_in_if(b, NFT_IS, s->inst->ifname), nft_goto(b, "wg_in");
	nft_rule(b, "prerouting"), nft_addr_in(b, NFT_DST, NFT_NOT, s->plan->supernet), nft_accept(b);
	for (unsigned int i = 0; i < s->plan->nlans; i++)
		nft_rule(b, "prerouting"), nft_in_if(b, NFT_IS, s->plan->lans[i].ifname), nft_goto(b, "lan_in");

	options(b);
}

/* --- from a tunnel ---------------------------------------------------------------- */

/* The map of marks is asked only where LANs are several. */
void wm_nft_to_host(const struct wm_nft_site *s)
{
	if (s->plan->nlans > 1)
		nft_map_mark(s->b, WM_NFT_LAN_MARK);
	nft_translate_dst(s->b, WM_NFT_TO);
	if (s->plan->nlans == 1)
		nft_set_mark(s->b, wm_nft_lan_mark(s->inst, 0));
}

static void lower_mss(const struct wm_nft_site *s, const char *chain)
{
	if (s->plan->mtu > TCP_IP_HEADERS) {
		nft_rule(s->b, chain), nft_tcp_syn_with_mss(s->b);
		nft_lower_mss(s->b, (uint16_t)(s->plan->mtu - TCP_IP_HEADERS));
	}
}

static void wg_in(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;
	const struct wm_plan *plan = s->plan;
	const wm_ip4 edges[] = { plan->supernet.addr, wm_prefix_last(plan->supernet) };

	nft_rule(b, "wg_in"), nft_notrack(b);
	nft_rule(b, "wg_in"), nft_has_options(b, NFT_IS), nft_jump(b, "options");
	nft_rule(b, "wg_in"), nft_addr_in(b, NFT_SRC, NFT_NOT, plan->supernet), nft_drop(b, WM_REASON_SPOOFED);
	for (unsigned int i = 0; i < WM_ARRAY_LEN(edges); i++)
		nft_rule(b, "wg_in"), nft_addr_is(b, NFT_SRC, NFT_IS, edges[i]), nft_drop(b, WM_REASON_SPOOFED);
	nft_rule(b, "wg_in"), nft_addr_in(b, NFT_SRC, NFT_IS, plan->subnet), nft_jump(b, "wg_device");
	lower_mss(s, "wg_in");
	nft_rule(b, "wg_in"), nft_addr_is(b, NFT_DST, NFT_IS, plan->gateway), nft_count(b, WM_REASON_LOCAL), nft_accept(b);
	nft_rule(b, "wg_in"), nft_addr_in(b, NFT_DST, NFT_NOT, plan->subnet), nft_goto(b, "wg_away");
	nft_rule(b, "wg_in"), nft_last_hop(b), nft_goto(b, "wg_expired");
	nft_rule(b, "wg_in"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_ISO), nft_jump(b, "to_iso");
	wm_nft_jump_errors(s, "wg_in", "errors_in");
	nft_rule(b, "wg_in"), wm_nft_to_host(s), nft_count(b, WM_REASON_TO_LAN), nft_accept(b);
	if (plan->hub) {
		nft_rule(b, "wg_in"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_DEV_TO);
		nft_goto(b, "wg_relay");
	}
	nft_rule(b, "wg_in"), nft_drop(b, WM_REASON_NO_HOST);

	/* Only devices of a hub have addresses of its subnet behind wg. */
	if (plan->hub) {
		nft_rule(b, "wg_device"), nft_overlay_in(b, NFT_SRC, NFT_IS, WM_NFT_DEV_FROM), nft_return(b);
		nft_rule(b, "wg_device"), nft_overlay_in(b, NFT_SRC, NFT_IS, WM_NFT_DEV_ISOLATED), nft_goto(b, "wg_isolated");
	}
	nft_rule(b, "wg_device"), nft_drop(b, WM_REASON_SPOOFED);
	nft_rule(b, "wg_isolated"), nft_jump(b, "from_iso");
	nft_rule(b, "wg_isolated"), nft_set_mark(b, 0), nft_overlay_in(b, NFT_SRC, NFT_IS, WM_NFT_ISO_FROM), nft_return(b);
	nft_rule(b, "wg_isolated"), nft_drop(b, WM_REASON_SPOOFED);
}

static void wg_ends(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;
	struct wm_prefix all = s->plan->supernet;

	/* Untouched, so that the stack's time-exceeded quotes it as it was sent. */
	nft_rule(b, "wg_expired"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_ENDS), nft_set_mark(b, s->inst->fwmark);
	nft_count(b, WM_REASON_LOCAL), nft_accept(b);
	nft_rule(b, "wg_expired"), nft_drop(b, WM_REASON_NO_HOST);

	nft_rule(b, "wg_away"), nft_addr_in(b, NFT_DST, NFT_NOT, all), nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_away"), nft_addr_is(b, NFT_DST, NFT_IS, all.addr), nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_away"), nft_addr_is(b, NFT_DST, NFT_IS, wm_prefix_last(all)), nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_away");
	if (s->plan->hub)
		nft_goto(b, "wg_relay");
	else
		nft_drop(b, WM_REASON_NOT_RELAY);

	nft_rule(b, "wg_relay"), nft_set_mark(b, wm_nft_done(s));
	nft_rule(b, "wg_relay"), nft_last_hop(b), nft_count(b, WM_REASON_LOCAL), nft_accept(b);
	nft_rule(b, "wg_relay"), nft_icmp_is(b, ICMP_REDIRECT), nft_drop(b, WM_REASON_REDIRECT);
	nft_rule(b, "wg_relay"), nft_count(b, WM_REASON_RELAY), nft_accept(b);
}

/* --- out -------------------------------------------------------------------------- */

/* The gateway's own packets to its own hosts, the stack's ICMP errors among
 * them, were routed to wg like all of the mesh; a new destination in a chain of
 * type route makes the kernel route them again. */
static void output(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;
	const struct wm_plan *plan = s->plan;

	nft_rule(b, "output"), nft_addr_in(b, NFT_DST, NFT_NOT, plan->supernet), nft_accept(b);
	/* What the stack tells this machine itself about a packet that was too big for a LAN, by the address it was sent to. */
	nft_rule(b, "output"), nft_addr_is(b, NFT_DST, NFT_IS, plan->gateway), nft_protocol_is(b, IPPROTO_ICMP);
	nft_fragment(b, NFT_NOT), nft_jump(b, "errors_own");
	nft_rule(b, "output"), nft_addr_is(b, NFT_DST, NFT_IS, plan->gateway), nft_accept(b);
	nft_rule(b, "output"), nft_notrack(b);
	nft_rule(b, "output"), nft_has_option(b, IPOPT_LSRR), nft_drop(b, WM_REASON_UNTRANSLATED);
	nft_rule(b, "output"), nft_has_option(b, IPOPT_SSRR), nft_drop(b, WM_REASON_UNTRANSLATED);
	nft_rule(b, "output"), nft_icmp_is(b, ICMP_REDIRECT), nft_drop(b, WM_REASON_REDIRECT);
	/* Any other source than g is refused on its way out. */
	nft_rule(b, "output"), nft_addr_is(b, NFT_SRC, NFT_NOT, plan->gateway), nft_accept(b);
	wm_nft_jump_errors(s, "output", "errors_own");
	nft_rule(b, "output"), nft_addr_in(b, NFT_DST, NFT_NOT, plan->subnet), nft_accept(b);
	nft_rule(b, "output"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_ISO), nft_jump(b, "output_to_iso");
	nft_rule(b, "output_to_iso"), nft_jump(b, "to_iso");
	nft_rule(b, "output_to_iso"), nft_set_mark(b, s->inst->fwmark), nft_return(b);
	wm_nft_jump_errors(s, "output", "errors_in");
	nft_rule(b, "output"), wm_nft_to_host(s);
	nft_count(b, WM_REASON_TO_LAN), nft_accept(b);
}

/* By its filters at the ways in; the one at the way out, behind this, translates and counts. Always here, although it is of
 * use only while both are in force: BPF may take over at any time, and packets are under way from its first filter on, before
 * it could have told anybody. Whoever does not come in by one of these with just this mark, which nothing on a wire has, was
 * judged above and meets none of it. */
static void judged_by_bpf(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "wg_out"), nft_in_if(b, NFT_IS, s->inst->ifname), nft_mark_is(b, NFT_IS, s->inst->fwmark, UINT32_MAX);
	nft_addr_in(b, NFT_SRC, NFT_IS, s->plan->supernet), nft_accept(b);
	for (unsigned int i = 0; i < s->plan->nlans; i++) {
		nft_rule(b, "wg_out"), nft_in_if(b, NFT_IS, s->plan->lans[i].ifname);
		nft_mark_is(b, NFT_IS, wm_nft_lan_mark(s->inst, i), UINT32_MAX);
		nft_addr_in(b, NFT_SRC, NFT_NOT, s->plan->supernet), nft_accept(b);
	}
}

static void wg_out(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;
	const struct wm_plan *plan = s->plan;

	nft_rule(b, "wg_out"), nft_icmp_is(b, ICMP_REDIRECT), nft_drop(b, WM_REASON_REDIRECT);
	/* With rules of its own for routing the kernel does not refuse everybody else's packets with its address. */
	nft_rule(b, "wg_out"), nft_addr_is(b, NFT_SRC, NFT_IS, plan->gateway), nft_forwarded(b);
	nft_drop(b, WM_REASON_UNTRANSLATED);
	/* A group, or an address that another route leads into the tunnel. */
	nft_rule(b, "wg_out"), nft_addr_in(b, NFT_DST, NFT_NOT, plan->supernet), nft_addr_is(b, NFT_SRC, NFT_IS, plan->gateway);
	nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_out"), nft_addr_in(b, NFT_DST, NFT_NOT, plan->supernet), nft_drop(b, WM_REASON_UNTRANSLATED);
	lower_mss(s, "wg_out");
	nft_rule(b, "wg_out"), nft_addr_is(b, NFT_SRC, NFT_IS, plan->gateway), nft_goto(b, "wg_own");
	nft_rule(b, "wg_out"), nft_mark_is(b, NFT_IS, s->inst->fwmark | WM_NFT_ROUTER_MARK, UINT32_MAX);
	nft_set_src(b, plan->gateway), nft_set_mark(b, wm_nft_done(s)), nft_count(b, WM_REASON_ROUTER_ERROR), nft_accept(b);
	/* Programs of this machine can mark what they send; their packets come in nowhere. */
	nft_rule(b, "wg_out"), nft_mark_is(b, NFT_IS, wm_nft_done(s), UINT32_MAX), nft_forwarded(b);
	nft_addr_in(b, NFT_SRC, NFT_IS, plan->supernet), nft_accept(b);
	judged_by_bpf(s);
	nft_rule(b, "wg_out"), nft_drop(b, WM_REASON_UNTRANSLATED);

	if (plan->hub) {
		nft_rule(b, "wg_own"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_DEV_TO);
		nft_set_mark(b, wm_nft_done(s)), nft_count(b, WM_REASON_LOCAL), nft_accept(b);
	}
	nft_rule(b, "wg_own"), nft_addr_in(b, NFT_DST, NFT_IS, plan->subnet), nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_own"), nft_addr_is(b, NFT_DST, NFT_IS, plan->supernet.addr), nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_own"), nft_addr_is(b, NFT_DST, NFT_IS, wm_prefix_last(plan->supernet));
	nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_own"), nft_set_mark(b, wm_nft_done(s)), nft_count(b, WM_REASON_LOCAL), nft_accept(b);
}

/* A packet translated for a LAN leaves through that LAN or not at all: not to
 * the default route while the LAN is down, nor to a LAN that looks the same. */
static void postrouting(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "postrouting"), nft_out_if(b, NFT_IS, s->inst->ifname), nft_goto(b, "wg_out");
	nft_rule(b, "postrouting"), nft_addr_in(b, NFT_SRC, NFT_NOT, s->plan->supernet), nft_accept(b);
	nft_rule(b, "postrouting"), nft_mark_is(b, NFT_NOT, s->inst->fwmark & MARK_MASK, MARK_MASK), nft_accept(b);
	for (unsigned int i = 0; i < s->plan->nlans; i++) {
		nft_rule(b, "postrouting"), nft_mark_is(b, NFT_IS, wm_nft_lan_mark(s->inst, i), UINT32_MAX);
		nft_out_if(b, NFT_IS, s->plan->lans[i].ifname), nft_accept(b);
	}
	/* Never leaves; its mark is that of the packet that it is about. */
	nft_rule(b, "postrouting"), nft_addr_is(b, NFT_DST, NFT_IS, s->plan->gateway), nft_accept(b);
	nft_rule(b, "postrouting"), nft_drop(b, WM_REASON_NO_NEIGHBOUR);
}

int wm_nft_rules_make(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_nft_table *ret)
{
	struct wm_nft_rules rules = { .table = inst->nft_table };
	const struct wm_nft_site s = { &rules, inst, plan };
	int rc;

	prerouting(&s);
	wg_in(&s);
	wg_ends(&s);
	wm_nft_lan(&s);
	output(&s);
	wg_out(&s);
	postrouting(&s);
	wm_nft_isolation(&s);
	wm_nft_quotes(&s);
	wm_nft_drop_chains(&rules);
	rc = wm_nft_rules_finish(&rules);
	if (rc)
		wm_nft_rules_free(&rules);
	else
		*ret = (struct wm_nft_table){ .there = true, .rules = rules };
	return rc;
}
