/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What would become of a packet: the real programs, loaded once more (bpf_trace_copy.c),
 * get it hook by hook, as the live ones would. Which counter rose is the reason.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_trace_priv.h"

#define L2 ETH_HLEN /* a test run has an Ethernet header, also where wg has none */

static const enum wm_bpf_prog prog_of[] = {
	[WM_TRACE_LAN_IN] = WM_BPF_LAN_IN, [WM_TRACE_WG_IN] = WM_BPF_WG_IN, [WM_TRACE_WG_OUT] = WM_BPF_WG_OUT,
};

static const uint8_t hook_of[] = {
	[WM_TRACE_LAN] = WM_TRACE_LAN_IN, [WM_TRACE_WG] = WM_TRACE_WG_IN, [WM_TRACE_SELF] = WM_TRACE_WG_OUT,
};

static wm_ip4 subnet_of(const struct wm_bpf_tracing *job)
{
	return ntohl(job->live.meta.params.subnet);
}

/* --- who ---------------------------------------------------------------------------------- */

const struct wm_host_info *wm_bpf_trace_host(const struct wm_bpf_tracing *job, wm_ip4 overlay)
{
	uint32_t index = overlay - subnet_of(job);

	return index < job->content.naddrs && job->content.hosts[index].kind != WM_KIND_NOBODY ? &job->content.hosts[index]
											      : NULL;
}

/* The overlay address of a LAN address; 0: nobody's. */
static wm_ip4 overlay_of(const struct wm_bpf_tracing *job, uint32_t ifindex, wm_ip4 local)
{
	const struct wm_bpf_lan_host wanted = { .key = { ifindex, htonl(local) } };
	const struct wm_bpf_lan_host *found = NULL;

	if (job->content.nlan_hosts)
		found = bsearch(&wanted, job->content.lan_hosts, job->content.nlan_hosts, sizeof(wanted), wm_bpf_lan_host_order);
	return found ? subnet_of(job) + found->index : 0;
}

static bool is_router(const struct wm_bpf_tracing *job, const struct wm_host_info *h, const struct wm_mac *mac)
{
	const struct wm_lan_info *lan = h->lan < WM_LAN_SLOTS ? &job->content.lans[h->lan] : NULL;

	for (int i = 0; lan && i < lan->nrouters && i < WM_LAN_ROUTERS; i++) {
		if (!memcmp(lan->router[i], mac->byte, sizeof(mac->byte)))
			return true;
	}
	return false;
}

static struct wm_trace_who who_is(const struct wm_bpf_tracing *job, wm_ip4 overlay, const struct wm_mac *mac)
{
	const struct wm_host_info *h = overlay ? wm_bpf_trace_host(job, overlay) : NULL;
	struct wm_trace_who who = { .overlay = overlay };

	if (!h)
		return who;
	who.known = true;
	who.device = h->kind == WM_KIND_DEVICE;
	who.isolated = h->isolated;
	who.local = ntohl(h->local);
	who.ifindex = h->ifindex;
	who.has_mac = h->has_mac;
	memcpy(who.mac.byte, h->mac, sizeof(who.mac.byte));
	who.mac_fits = !h->has_mac || !memcmp(h->mac, mac->byte, sizeof(h->mac)) || is_router(job, h, mac);
	return who;
}

/* --- flows ---------------------------------------------------------------------------------- */

/* The state of the flow that a packet between two addresses belongs to, if one of them is an isolated end. */
static int flow_state(const struct wm_bpf_tracing *job, const struct wm_packet *p, const struct wm_trace_who *end, bool towards,
		      wm_ip4 peer, uint8_t *ret)
{
	struct wm_flow_views views = { 0 };
	bool icmp = p->proto == 1;
	uint16_t end_port = towards && !icmp ? p->dport : p->sport, peer_port = icmp ? 0 : towards ? p->sport : p->dport;
	int rc = wm_bpf_flows(&job->set, &views, job->err);

	*ret = WM_FLOW_STATES;
	for (size_t i = 0; !rc && i < views.n; i++) {
		const struct wm_flow_view *v = &views.item[i];

		if (v->end == end->overlay && v->peer == peer && v->proto == p->proto && v->end_port == end_port &&
		    v->peer_port == peer_port)
			*ret = v->state;
	}
	wm_flow_views_free(&views);
	return rc;
}

/* Before and after the program has run. */
static int note_flow(const struct wm_bpf_tracing *job, struct wm_trace_hop *hop, uint8_t *ret)
{
	*ret = WM_FLOW_STATES;
	if (hop->to.isolated)
		return flow_state(job, &hop->in, &hop->to, true, hop->from.overlay, ret);
	return hop->from.isolated ? flow_state(job, &hop->in, &hop->from, false, hop->to.overlay, ret) : 0;
}

/* --- running -------------------------------------------------------------------------------- */

static uint8_t what_became(const struct wm_bpf_tracing *job, const struct wm_trace_hop *hop, int action)
{
	const struct wm_params *params = &job->live.meta.params;
	bool out = hop->hook == WM_TRACE_WG_OUT;

	if (action == TC_ACT_SHOT)
		return WM_TRACE_DROPPED;
	if (action == TC_ACT_REDIRECT && hop->reason == WM_REASON_TO_MESH)
		return WM_TRACE_INTO_TUNNEL; /* wg egress adds nothing */
	if (action == TC_ACT_REDIRECT)
		return out || hop->reason < WM_REASON_COUNT ? WM_TRACE_OUT_OF_LAN : WM_TRACE_ON;
	if (out)
		return WM_TRACE_INTO_TUNNEL;
	if (hop->reason == WM_REASON_TO_LAN || hop->reason == WM_REASON_HAIRPIN)
		return WM_TRACE_OUT_OF_LAN_BY_STACK;
	if (hop->reason < WM_REASON_COUNT)
		return hop->in.dst == ntohl(params->gateway) ? WM_TRACE_TO_SELF : WM_TRACE_ANSWERED;
	return (hop->mark & WM_MARK_MASK) == params->fwmark ? WM_TRACE_ON_BY_STACK : WM_TRACE_UNTOUCHED;
}

/* Runs hop->hook on the frame, which becomes what comes out. */
static int run(struct wm_bpf_tracing *job, struct wm_trace_hop *hop, uint8_t *frame, size_t *len)
{
	uint8_t out[L2 + WM_PACKET_MAX + 64];
	struct wm_count before[WM_REASON_COUNT], after[WM_REASON_COUNT];
	struct __sk_buff skb = {
		.mark = hop->mark, .ingress_ifindex = hop->hook == WM_TRACE_WG_OUT ? hop->ifindex : 0,
		.ifindex = hop->hook == WM_TRACE_LAN_IN ? hop->ifindex : job->live.meta.params.wg_ifindex,
	}, changed = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)*len, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &skb, .ctx_size_in = sizeof(skb), .ctx_out = &changed,
		    .ctx_size_out = sizeof(changed));
	int rc = wm_bpf_reasons_read(&job->set, before);

	if (!rc)
		rc = bpf_prog_test_run_opts(job->set.prog[prog_of[hop->hook]], &opts);
	if (!rc)
		rc = wm_bpf_reasons_read(&job->set, after);
	if (rc)
		return rc;
	hop->mark = changed.mark;
	hop->reason = WM_REASON_COUNT;
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++) {
		if (after[r].packets != before[r].packets)
			hop->reason = (uint8_t)r;
	}
	*len = WM_MIN((size_t)opts.data_size_out, sizeof(out));
	memcpy(frame, out, WM_MIN(*len, (size_t)(L2 + WM_PACKET_MAX)));
	hop->end = what_became(job, hop, (int)opts.retval);
	return 0;
}

/* The sender and the receiver by overlay address, as this hook sees them. */
static void find_ends(const struct wm_bpf_tracing *job, struct wm_trace_hop *hop, bool from_lan)
{
	wm_ip4 src = from_lan ? overlay_of(job, hop->ifindex, hop->in.src) : hop->in.src;

	hop->from = who_is(job, src, &hop->mac);
	hop->to = who_is(job, hop->in.dst, &hop->mac);
}

static int take_hop(struct wm_bpf_tracing *job, struct wm_trace_hop *hop, uint8_t *frame, size_t *len)
{
	bool from_lan = hop->hook == WM_TRACE_LAN_IN ||
			(hop->ifindex && hop->ifindex != job->live.meta.params.wg_ifindex);
	int rc;

	(void)wm_packet_read(frame + L2, *len - L2, &hop->in);
	find_ends(job, hop, from_lan);
	hop->has_flow = hop->from.isolated || hop->to.isolated;
	rc = note_flow(job, hop, &hop->flow_before);
	if (rc)
		return rc;
	rc = run(job, hop, frame, len);
	/* Before Linux 5.14 a test run cannot say where a packet came in. */
	if (rc == -EINVAL && hop->hook == WM_TRACE_WG_OUT && hop->ifindex)
		return rc;
	if (rc)
		return wm_bpf_fail(job->err, rc, "the kernel does not run the program %s", wm_bpf_progs[prog_of[hop->hook]]);
	hop->out = hop->in;
	if (*len > L2)
		(void)wm_packet_read(frame + L2, *len - L2, &hop->out);
	return note_flow(job, hop, &hop->flow_after);
}

/* --- the way ---------------------------------------------------------------------------------- */

/* What the stack does to a packet that it forwards. */
static void forward(uint8_t *frame)
{
	frame[L2 + 8]--;
	wm_packet_sum_header(frame + L2);
}

static int follow(struct wm_bpf_tracing *job, uint8_t *frame, size_t len)
{
	struct wm_trace *t = job->ret;
	struct wm_trace_hop *hop = &t->hop[0];
	int rc;

	*hop = (struct wm_trace_hop){ .hook = hook_of[job->in->place] };
	if (job->in->place != WM_TRACE_SELF)
		hop->ifindex = job->in->place == WM_TRACE_LAN ? job->ifindex : job->live.meta.params.wg_ifindex;
	memcpy(hop->mac.byte, frame + ETH_ALEN, sizeof(hop->mac.byte));
	rc = take_hop(job, hop, frame, &len);
	t->n = 1;
	if (rc || (hop->end != WM_TRACE_ON && hop->end != WM_TRACE_ON_BY_STACK))
		return rc;
	if (hop->end == WM_TRACE_ON_BY_STACK)
		forward(frame);
	t->hop[1] = (struct wm_trace_hop){ .hook = WM_TRACE_WG_OUT, .ifindex = hop->ifindex, .mark = hop->mark };
	rc = wm_bpf_trace_load(job, WM_BPF_WG_OUT);
	if (rc)
		return rc;
	rc = take_hop(job, &t->hop[1], frame, &len);
	if (rc == -EINVAL) {
		t->cut = true;
		return 0;
	}
	t->n = 2;
	return rc;
}

/* The LAN that a source belongs to by its address. */
static const struct wm_lan_info *lan_of(const struct wm_bpf_tracing *job, wm_ip4 src)
{
	for (int i = 0; i < WM_LAN_SLOTS; i++) {
		const struct wm_lan_info *lan = &job->content.lans[i];

		if (job->in->ifindex ? lan->ifindex == job->in->ifindex : lan->ifindex && (htonl(src) & lan->mask) == lan->net)
			return lan;
	}
	return NULL;
}

static int make_frame(struct wm_bpf_tracing *job, const struct wm_packet *p, uint8_t *frame)
{
	static const uint8_t somebody[ETH_ALEN] = { 2, 0, 0, 0, 0, 1 };
	const struct wm_lan_info *lan;
	const struct wm_host_info *h;
	wm_ip4 overlay;

	memcpy(frame + ETH_ALEN, somebody, ETH_ALEN);
	frame[12] = ETH_P_IP >> 8;
	frame[13] = ETH_P_IP & 0xff;
	memcpy(frame + L2, job->in->data, job->in->len);
	if (job->in->place != WM_TRACE_LAN)
		return 0;
	lan = lan_of(job, p->src);
	if (!lan)
		return wm_fail(job->err, ENOENT, "%s", job->in->ifindex ? "that interface is no LAN of this gateway" :
			       "the source is on no LAN of this gateway: say where it comes in (--in lan:INTERFACE)");
	job->ifindex = lan->ifindex;
	memcpy(frame, lan->mac, ETH_ALEN);
	overlay = overlay_of(job, lan->ifindex, p->src);
	h = overlay ? wm_bpf_trace_host(job, overlay) : NULL;
	if (job->in->has_mac)
		memcpy(frame + ETH_ALEN, job->in->mac.byte, ETH_ALEN);
	else if (h && h->mac_word)
		memcpy(frame + ETH_ALEN, h->mac, ETH_ALEN);
	return 0;
}

/* The machine's own packets that a LAN cannot take do not come as far as the programs (link_route.c says why). */
static int check_size(struct wm_bpf_tracing *job, const struct wm_packet *p)
{
	const struct wm_host_info *h = job->in->place == WM_TRACE_SELF ? wm_bpf_trace_host(job, p->dst) : NULL;
	const struct wm_lan_info *lan = h && h->kind == WM_KIND_HOST && h->lan < WM_LAN_SLOTS ? &job->content.lans[h->lan] : NULL;

	if (!lan || job->in->len <= lan->mtu)
		return 0;
	return wm_fail(job->err, EMSGSIZE, "the LAN of the receiver takes %u bytes at once: the stack of this machine cuts what is "
		       "larger, or does not send it; try --size %u", lan->mtu, lan->mtu);
}

int wm_bpf_trace(const struct wm_instance *inst, const struct wm_trace_in *in, struct wm_trace *ret, struct wm_error *err)
{
	struct wm_bpf_tracing job = { .in = in, .ret = ret, .err = err };
	uint8_t frame[L2 + WM_PACKET_MAX] = { 0 };
	struct wm_packet p = { 0 };
	int rc = wm_bpf_open(inst, &job.live, err);

	*ret = (struct wm_trace){ 0 };
	wm_bpf_set_init(&job.set);
	if (!rc)
		rc = wm_bpf_content_read(&job.live, &job.content, err);
	if (!rc && (in->len > WM_PACKET_MAX || wm_packet_read(in->data, in->len, &p)))
		rc = wm_fail(err, EINVAL, "not an IPv4 packet of at most %d bytes", WM_PACKET_MAX);
	if (!rc)
		rc = check_size(&job, &p);
	if (!rc)
		rc = make_frame(&job, &p, frame);
	ret->wg_mtu = job.live.meta.params.wg_mtu;
	if (!rc)
		rc = wm_bpf_trace_copy(&job, prog_of[hook_of[in->place]],
				 in->place == WM_TRACE_LAN ? overlay_of(&job, job.ifindex, p.src) : p.src, p.dst);
	if (!rc)
		rc = follow(&job, frame, L2 + in->len);
	wm_bpf_content_free(&job.content);
	wm_bpf_set_close(&job.set);
	wm_bpf_set_close(&job.live);
	return rc;
}
