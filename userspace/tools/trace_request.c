/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the command line says of a packet to trace: who sends it to whom, where it comes in, and what is in it.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "core/util.h"
#include "tools/trace.h"

/* "FROM > TO PROTO PORT", the everyday case, without its options. */
static int take_words(struct context *ctx, struct wm_error *err)
{
	struct options *o = &ctx->opt;
	const char **places[] = { &o->from, &o->to, &o->proto, &o->dport };
	size_t at = 0;

	for (int i = 0; i < o->nwords; i++) {
		const char *word = o->words[i];

		if (at == 1 && (!strcmp(word, ">") || !strcmp(word, "->") || !strcmp(word, "to")))
			continue;
		while (at < WM_ARRAY_LEN(places) && *places[at])
			at++;
		if (at == WM_ARRAY_LEN(places))
			return tool_misuse(ctx, err, "trace: what is '%s'? It takes FROM TO [PROTOCOL [PORT]], and options", word);
		*places[at++] = word;
	}
	if (!o->from || !o->to)
		return tool_misuse(ctx, err, "trace: from whom, to whom? Such as: wm-bpf trace nas.b cam.a tcp 443");
	return 0;
}

static int number(struct context *ctx, const char *option, const char *word, unsigned long most, unsigned long otherwise,
		  unsigned long *ret, struct wm_error *err)
{
	*ret = otherwise;
	if (!word || !tool_number(word, most, ret))
		return 0;
	return tool_misuse(ctx, err, "trace: %s %s: not a number up to %lu", option, word, most);
}

static int find_ends(struct context *ctx, struct trace_request *r, struct wm_error *err)
{
	const struct options *o = &ctx->opt;
	struct wm_mac mac;

	if (!wm_mac_parse(o->from, &mac)) {
		for (size_t i = 0; i < ctx->config.nhosts && !r->from.known; i++) {
			const struct wm_host *h = &ctx->config.hosts[i];

			if (h->has_mac && !memcmp(&h->mac, &mac, sizeof(mac)))
				tool_find_overlay(ctx, h->overlay, &r->from);
		}
		if (!r->from.known)
			return tool_misuse(ctx, err, "trace: no host is bound to the MAC %s: give its address, and --mac", o->from);
	} else if (tool_find(ctx, o->from, &r->from)) {
		return tool_misuse(ctx, err, "trace: the saved config knows nobody called %s; give an address", o->from);
	}
	if (tool_find(ctx, o->to, &r->to))
		return tool_misuse(ctx, err, "trace: the saved config knows nobody called %s; give an address", o->to);
	return 0;
}

/* A LAN's machine from its LAN, this gateway from itself, everybody else of the mesh out of the tunnel. */
static int find_place(struct context *ctx, struct trace_request *r, struct wm_error *err)
{
	const char *in = ctx->opt.in;

	r->in.place = WM_TRACE_LAN;
	if (in && !strncmp(in, "lan:", 4)) {
		r->in.ifindex = if_nametoindex(in + 4);
		return r->in.ifindex ? 0 : tool_misuse(ctx, err, "trace: --in %s: there is no such interface", in);
	}
	if (in && !strcmp(in, "self")) {
		r->in.place = WM_TRACE_SELF;
		return 0;
	}
	if (in && !strcmp(in, "wg")) {
		r->in.place = WM_TRACE_WG;
		return 0;
	}
	if (!in && r->from.gateway && r->from.here)
		r->in.place = WM_TRACE_SELF;
	else if (!in && r->from.overlay && (!r->from.here || r->from.device || !r->from.known))
		r->in.place = WM_TRACE_WG;
	return 0;
}

static int make_addresses(struct context *ctx, struct trace_request *r, struct wm_error *err)
{
	struct wm_packet *p = &r->packet;

	p->src = r->in.place == WM_TRACE_LAN && r->from.local ? r->from.local : r->from.overlay ? r->from.overlay : r->from.local;
	p->dst = r->to.overlay ? r->to.overlay : r->to.local;
	/* Given as an address, that one is meant: also a host's LAN address, which no packet of the mesh should have. */
	(void)wm_ip4_parse(ctx->opt.to, &p->dst);
	if (ctx->opt.in)
		(void)wm_ip4_parse(ctx->opt.from, &p->src);
	return p->src && p->dst ? 0 : tool_misuse(ctx, err, "trace: the address 0.0.0.0 is nobody's");
}

static int make_fragment(struct context *ctx, struct wm_packet *p, struct wm_error *err)
{
	const char *text = ctx->opt.fragment;
	unsigned long at = 0;

	if (!text)
		return 0;
	p->more = true;
	if (!strcmp(text, "first"))
		return 0;
	if (tool_number(text, 65528, &at) || !at || at % 8)
		return tool_misuse(ctx, err, "trace: --fragment %s: 'first', or an offset in bytes, a multiple of 8", text);
	p->frag = (uint16_t)at;
	return 0;
}

static int take_place(struct context *ctx, struct wm_error *err)
{
	const char *in = ctx->opt.in;

	if (!in || !strncmp(in, "lan:", 4) || !strcmp(in, "lan") || !strcmp(in, "wg") || !strcmp(in, "self"))
		return 0;
	return tool_misuse(ctx, err, "trace: --in %s: lan, lan:INTERFACE, wg or self", in);
}

static int take_mac(struct context *ctx, struct trace_request *r, struct wm_error *err)
{
	r->in.has_mac = ctx->opt.mac != NULL;
	if (!ctx->opt.mac || !wm_mac_parse(ctx->opt.mac, &r->in.mac))
		return 0;
	return tool_misuse(ctx, err, "trace: --mac %s: not the MAC of a machine", ctx->opt.mac);
}

static int make_bytes(struct context *ctx, struct trace_request *r, struct wm_error *err)
{
	r->in.data = r->bytes;
	if (!wm_packet_make(&r->packet, r->bytes, &r->in.len))
		return 0;
	return tool_misuse(ctx, err, "trace: --size %s: the headers do not fit into that", ctx->opt.size);
}

/* All of it but its addresses. */
static int take_packet(struct context *ctx, struct trace_request *r, struct wm_error *err)
{
	const struct options *o = &ctx->opt;
	struct wm_packet *p = &r->packet;
	unsigned long sport, dport, ttl, size;
	int rc;

	if (o->proto && tool_protocol_parse(o->proto, &p->proto))
		return tool_misuse(ctx, err, "trace: '%s' is no protocol: tcp, udp, icmp, or a number", o->proto);
	if (!o->proto)
		p->proto = IPPROTO_ICMP;
	p->tcp_flags = 0x02;
	p->icmp_type = o->dport && p->proto == IPPROTO_ICMP && !strcmp(o->dport, "reply") ? ICMP_ECHOREPLY : ICMP_ECHO;
	if (o->flags && wm_tcp_flags_parse(o->flags, &p->tcp_flags))
		return tool_misuse(ctx, err, "trace: --flags %s: letters of FSRPAUEC, or 0 for none", o->flags);
	rc = number(ctx, "--sport", o->sport, 65535, p->proto == IPPROTO_ICMP ? 1 : 40000, &sport, err);
	if (!rc)
		rc = number(ctx, "port", p->icmp_type == ICMP_ECHOREPLY ? NULL : o->dport, 65535, p->proto == IPPROTO_TCP ? 443 : 9,
			    &dport, err);
	if (!rc)
		rc = number(ctx, "--ttl", o->ttl, 255, 64, &ttl, err);
	if (!rc)
		rc = number(ctx, "--size", o->size, WM_PACKET_MAX, 0, &size, err);
	if (!rc)
		rc = make_fragment(ctx, p, err);
	if (rc)
		return rc;
	p->sport = (uint16_t)sport;
	p->dport = (uint16_t)dport;
	p->ttl = (uint8_t)ttl;
	p->size = (uint16_t)size;
	p->df = o->df;
	return make_bytes(ctx, r, err);
}

/* Who the words are is asked later, when the saved config is there. */
int tool_trace_check(struct context *ctx, struct wm_error *err)
{
	struct trace_request r = { 0 };
	int rc = take_words(ctx, err);

	if (!rc)
		rc = take_place(ctx, err);
	if (!rc)
		rc = take_mac(ctx, &r, err);
	return rc ? rc : take_packet(ctx, &r, err);
}

int tool_trace_request(struct context *ctx, struct trace_request *r, struct wm_error *err)
{
	int rc = find_ends(ctx, r, err);

	if (!rc)
		rc = find_place(ctx, r, err);
	if (!rc)
		rc = take_mac(ctx, r, err);
	if (!rc)
		rc = take_packet(ctx, r, err);
	if (!rc)
		rc = make_addresses(ctx, r, err);
	return rc ? rc : make_bytes(ctx, r, err);
}
