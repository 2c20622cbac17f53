/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf trace: what would become of a packet that the command line describes, by the real programs on what the live
 * maps hold, hop by hop and by name. Nothing live changes.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/output.h"
#include "core/util.h"
#include "tools/trace.h"

#define TEXT 256
#define PACKET_TEXT 160

/* --- in words --------------------------------------------------------------------------------- */

static const char *describe(const struct wm_packet *p, char text[PACKET_TEXT])
{
	char proto[TOOL_PROTOCOL], flags[WM_TCP_FLAGS_TEXT], src[WM_IP4_TEXT], dst[WM_IP4_TEXT], more[64] = "";
	const char *name = tool_protocol(p->proto, proto);

	wm_ip4_format(p->src, src);
	wm_ip4_format(p->dst, dst);
	if (p->frag)
		snprintf(more, sizeof(more), " fragment at %u", p->frag);
	else if (p->proto == IPPROTO_TCP)
		snprintf(more, sizeof(more), " %u > %u %s", p->sport, p->dport, wm_tcp_flags_format(p->tcp_flags, flags));
	else if (p->proto == IPPROTO_UDP)
		snprintf(more, sizeof(more), " %u > %u", p->sport, p->dport);
	else if (p->proto == IPPROTO_ICMP)
		snprintf(more, sizeof(more), " type %u, id %u", p->icmp_type, p->sport);
	snprintf(text, PACKET_TEXT, "%s > %s %s%s%s, %u bytes, ttl %u%s", src, dst, name, more, p->more && !p->frag ? ", first fragment" : "",
		 p->size, p->ttl, p->df ? ", df" : "");
	return text;
}

static const char *name_or(const struct context *ctx, wm_ip4 overlay, char name[WM_FQDN_SIZE], char addr[WM_IP4_TEXT])
{
	const char *found = tool_name(ctx, overlay, name);

	return found ? found : wm_ip4_format(overlay, addr);
}

static const char *const hook_names[] = {
	[WM_TRACE_LAN_IN] = "wm_lan_in", [WM_TRACE_WG_IN] = "wm_wg_in", [WM_TRACE_WG_OUT] = "wm_wg_out",
};

static const char *const end_names[] = {
	[WM_TRACE_DROPPED] = "dropped",
	[WM_TRACE_UNTOUCHED] = "not for the mesh: left alone",
	[WM_TRACE_ON] = "on to the tunnel",
	[WM_TRACE_ON_BY_STACK] = "to the kernel's stack, which forwards it to the tunnel",
	[WM_TRACE_INTO_TUNNEL] = "into the tunnel",
	[WM_TRACE_OUT_OF_LAN] = "out of the LAN",
	[WM_TRACE_OUT_OF_LAN_BY_STACK] = "to the kernel's stack, which forwards it to the LAN",
	[WM_TRACE_TO_SELF] = "to this gateway itself",
	[WM_TRACE_ANSWERED] = "to the kernel's stack, which answers its sender with an ICMP error",
};

/* The facts that decide, a sentence each. */
struct facts {
	struct {
		const char *about;
		char text[TEXT];
	} item[8];
	size_t n;
};

static char *fact(struct facts *f, const char *about)
{
	if (f->n < WM_ARRAY_LEN(f->item))
		f->n++;
	f->item[f->n - 1].about = about;
	return f->item[f->n - 1].text;
}

/* An address that the site's own maps do not have. */
static void stranger(const struct context *ctx, wm_ip4 overlay, char *text)
{
	char addr[WM_IP4_TEXT];
	struct tool_who who;

	tool_find_overlay(ctx, overlay, &who);
	wm_ip4_format(overlay, addr);
	if (who.gateway && who.here)
		snprintf(text, TEXT, "this gateway itself (%s)", addr);
	else if (who.known)
		snprintf(text, TEXT, "%s (%s), of another site", who.name, addr);
	else
		snprintf(text, TEXT, "%s, which nobody of this mesh has", addr);
}

static void sender_facts(const struct context *ctx, const struct wm_trace_hop *h, struct facts *f)
{
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT], other[WM_IP4_TEXT], lan[TOOL_IFNAME], mac[WM_MAC_TEXT], bound[WM_MAC_TEXT];
	const struct wm_trace_who *who = &h->from;

	if (!who->known) {
		if (h->hook == WM_TRACE_LAN_IN)
			snprintf(fact(f, "sender"), TEXT, "%s, nobody that is registered on %s", wm_ip4_format(h->in.src, addr),
				 tool_ifname(h->ifindex, lan));
		else
			stranger(ctx, h->in.src, fact(f, "sender"));
		return;
	}
	snprintf(fact(f, "sender"), TEXT, "%s (%s)%s", name_or(ctx, who->overlay, name, other), wm_ip4_format(h->in.src, addr),
		 who->isolated ? ", isolated: it may answer, not initiate" : "");
	if (h->hook == WM_TRACE_LAN_IN && who->has_mac)
		snprintf(fact(f, "its MAC"), TEXT, "%s; it is bound to %s%s", wm_mac_format(&h->mac, mac), wm_mac_format(&who->mac, bound),
			 who->mac_fits ? "" : ", and that is no listed router's");
}

static void receiver_facts(const struct context *ctx, const struct wm_trace_hop *h, struct facts *f)
{
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT], local[WM_IP4_TEXT], lan[TOOL_IFNAME];
	const struct wm_trace_who *who = &h->to;
	char *text = fact(f, "receiver");

	if (!who->known)
		stranger(ctx, h->in.dst, text);
	else if (who->device)
		snprintf(text, TEXT, "%s, %s device behind this hub", name_or(ctx, who->overlay, name, addr),
			 who->isolated ? "an isolated" : "a roaming");
	else
		snprintf(text, TEXT, "%s, %s host at %s on %s", name_or(ctx, who->overlay, name, addr),
			 who->isolated ? "an isolated" : "a standard", wm_ip4_format(who->local, local), tool_ifname(who->ifindex, lan));
}

static const char *state_name(uint8_t state)
{
	return state < WM_FLOW_STATES ? wm_flow_state_name(state) : "none";
}

static void flow_facts(const struct wm_trace_hop *h, uint32_t wg_mtu, struct facts *f)
{
	if (h->has_flow && h->flow_before != h->flow_after)
		snprintf(fact(f, "its flow"), TEXT, "%s before, %s with it", state_name(h->flow_before), state_name(h->flow_after));
	else if (h->has_flow)
		snprintf(fact(f, "its flow"), TEXT, "%s", state_name(h->flow_before));
	if (h->end == WM_TRACE_ANSWERED && h->in.ttl <= 1)
		snprintf(fact(f, "error"), TEXT, "time exceeded: its last hop ends here");
	else if (h->end == WM_TRACE_ANSWERED)
		snprintf(fact(f, "error"), TEXT, "fragmentation needed: too big for the way on (tunnel: %u bytes), and df", wg_mtu);
}

static void all_facts(const struct context *ctx, const struct wm_trace_hop *h, uint32_t wg_mtu, struct facts *f)
{
	*f = (struct facts){ .n = 0 };
	if (h->end == WM_TRACE_UNTOUCHED)
		return;
	sender_facts(ctx, h, f);
	receiver_facts(ctx, h, f);
	flow_facts(h, wg_mtu, f);
}

/* --- what came of it ---------------------------------------------------------------------------- */

static void print_hop(struct context *ctx, const struct wm_trace_hop *h, uint32_t wg_mtu)
{
	const char *reason = h->reason < WM_REASON_COUNT ? wm_reason_name(h->reason) : NULL;
	char in[PACKET_TEXT], out[PACKET_TEXT], where[TOOL_IFNAME], line[TEXT + 16];
	struct wm_out *o = ctx->out;
	struct facts facts;

	wm_out_line(o, "");
	wm_out_object(o, NULL, hook_names[h->hook]);
	wm_out_str(o, "program", NULL, hook_names[h->hook]);
	wm_out_str(o, "came_from", "comes from", h->ifindex ? tool_ifname(h->ifindex, where) : "this gateway itself");
	wm_out_str(o, "in", "comes in", describe(&h->in, in));
	all_facts(ctx, h, wg_mtu, &facts);
	wm_out_array(o, "facts");
	for (size_t i = 0; i < facts.n; i++) {
		wm_out_object(o, NULL, NULL);
		wm_out_str(o, "about", NULL, facts.item[i].about);
		wm_out_str(o, "fact", facts.item[i].about, facts.item[i].text);
		wm_out_object_end(o);
	}
	wm_out_array_end(o);
	if (h->has_flow) {
		wm_out_str(o, "flow_before", NULL, h->flow_before < WM_FLOW_STATES ? state_name(h->flow_before) : NULL);
		wm_out_str(o, "flow_after", NULL, h->flow_after < WM_FLOW_STATES ? state_name(h->flow_after) : NULL);
	}
	wm_out_str(o, "reason", NULL, reason);
	wm_out_uint(o, "mark", NULL, h->mark);
	snprintf(line, sizeof(line), "%s%s%s%s", end_names[h->end], reason ? " (" : "", reason ? reason : "", reason ? ")" : "");
	wm_out_str(o, "verdict", "verdict", line);
	wm_out_bool(o, "dropped", NULL, h->end == WM_TRACE_DROPPED);
	if (h->end != WM_TRACE_DROPPED)
		wm_out_str(o, "out", "goes out", describe(&h->out, out));
	wm_out_object_end(o);
}

static bool is_passing(const struct wm_trace *t)
{
	uint8_t end = t->hop[t->n - 1].end;

	return !t->cut && end != WM_TRACE_DROPPED && end != WM_TRACE_ANSWERED;
}

static void print_end(struct context *ctx, const struct wm_trace *t)
{
	const struct wm_trace_hop *last = &t->hop[t->n - 1];
	bool dropped = last->end == WM_TRACE_DROPPED, counted = last->reason < WM_REASON_COUNT;

	wm_out_line(ctx->out, "");
	wm_out_bool(ctx->out, "passes", "passes", is_passing(t));
	if (t->cut) {
		wm_out_str(ctx->out, "cut", "unknown",
			   "what wg egress makes of it: before Linux 5.14 a test run cannot say where a packet came in");
		return;
	}
	wm_out_str(ctx->out, "reason", counted ? "reason" : NULL, counted ? wm_reason_name(last->reason) : NULL);
	if (counted && last->end != WM_TRACE_ANSWERED)
		wm_out_str(ctx->out, "help", "meaning", wm_reason_help(last->reason));
	if (dropped)
		wm_out_str(ctx->out, "advice", "what to do", tool_advice(last->reason));
}

int tool_trace(struct context *ctx, struct wm_error *err)
{
	struct trace_request r = { 0 };
	struct wm_trace trace;
	int rc;

	if (!ctx->plane->trace)
		return tool_misuse(ctx, err, "trace needs the BPF data plane, and nftables is in force, on which no packet can be tried. "
				   "What becomes of real ones: 'nft monitor trace', with 'meta nftrace set 1' in a table of your own; "
				   "wm-bpf drops -f names those that are dropped");
	rc = tool_trace_request(ctx, &r, err);
	if (!rc)
		rc = ctx->plane->trace(&ctx->inst, &r.in, &trace, err);
	if (rc) {
		ctx->exit = 2;
		return rc;
	}
	wm_out_array(ctx->out, "hops");
	for (size_t i = 0; i < trace.n; i++)
		print_hop(ctx, &trace.hop[i], trace.wg_mtu);
	wm_out_array_end(ctx->out);
	print_end(ctx, &trace);
	ctx->exit = is_passing(&trace) ? 0 : 1;
	return 0;
}
