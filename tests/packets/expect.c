/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/expect.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "packets/rig.h"

/* What Linux quotes at most: 576 bytes with the headers (RFC 1812 4.3.2.3). */
#define STACK_QUOTES (576 - 20 - 8)

static unsigned int mode_now = FAST;

void expect_mode(unsigned int mode)
{
	mode_now = mode;
}

struct seen *seen_add(struct seen_list *list)
{
	if (wm_grow((void **)&list->item, &list->cap, list->n + 1, sizeof(*list->item)) < 0)
		abort();
	list->item[list->n] = (struct seen){ 0 };
	return &list->item[list->n++];
}

void seen_clear(struct seen_list *list)
{
	for (size_t n = 0; n < list->n; n++)
		free(list->item[n].data);
	free(list->item);
	*list = (struct seen_list){ 0 };
}

static void retarget(struct pkt *p, wm_ip4 src, wm_ip4 dst)
{
	p->src = src ? src : p->src;
	p->dst = dst ? dst : p->dst;
}

/* The packet that an error quotes. netfilter leaves the L4 checksum in it as it was. */
static void retarget_quoted(struct pkt *p, wm_ip4 src, wm_ip4 dst)
{
	if (mode_now & NFT) {
		p->sum_src = p->src;
		p->sum_dst = p->dst;
	}
	retarget(p, src, dst);
}

/* What a device has made of it when it is on the wire. */
static void finish_offloads(struct pkt *p)
{
	if (p->sum == SUM_PARTIAL)
		p->sum = SUM_RIGHT;
}

/* What was beside it when it came in. */
static void bare(struct pkt *p)
{
	p->gso = p->linear = 0;
	p->pad = 0;
	p->from_mac_of = 0;
	p->from_group = p->other_mac = p->group_mac = false;
	p->vlan = p->vlan2 = p->vlan3 = p->vlan4 = 0;
}

/* The stack's error about `in`; *quoted must live as long as *ret. */
static void derive_error(const struct pkt *in, const struct expect *e, struct pkt *ret, struct pkt *quoted)
{
	*quoted = *in; /* the stack quotes a checksum that was left to the device as it is */
	bare(quoted);
	if (e->quotes_translated)
		retarget_quoted(quoted, e->qsrc, e->qdst);
	if (mode_now & NFT) {
		quoted->sum_src = e->sum_src;
		quoted->sum_dst = e->sum_dst;
	}
	*ret = (struct pkt){
		.proto = IPPROTO_ICMP, .type = e->error, .code = e->code, .rest = e->rest,
		.src = e->src, .dst = e->dst ? e->dst : in->src,
		.tos = 0xc0, .quote = quoted, .quote_len = STACK_QUOTES,
	};
}

static void derive(const struct pkt *in, const struct expect *e, struct pkt *ret, struct pkt *quoted)
{
	uint8_t ttl = in->ttl ? in->ttl : 64;

	*ret = *in;
	if (e->ttl != SAME_TTL)
		ret->ttl = e->ttl ? e->ttl : (uint8_t)(ttl - 1);
	retarget(ret, e->src, e->dst);
	bare(ret);
	if (e->at != LOCAL && e->at != TAP)
		finish_offloads(ret);
	if (e->frag_len) {
		ret->sliced = true;
		ret->slice_at = (uint16_t)(in->slice_at + e->frag_at);
		ret->slice_len = e->frag_len;
	}
	if (e->mss)
		put16(ret->tcpopt + e->mss_at, e->mss);
	if (e->reply) {
		ret->type = 0;
		ret->ttl = 64;
		ret->src = e->src ? e->src : in->dst;
		ret->dst = e->dst ? e->dst : in->src;
	}
	if (in->quote && (e->qsrc || e->qdst)) {
		*quoted = *in->quote;
		retarget_quoted(quoted, e->qsrc, e->qdst);
		ret->quote = quoted;
	}
}

static void add(const struct expect *e, const struct pkt *p, unsigned int row, struct seen_list *list)
{
	static uint8_t buf[BYTES_MAX];
	struct seen *s = seen_add(list);

	s->at = e->at;
	s->any_id = e->any_id || e->error || e->reply;
	s->wrong_sum = p->sum_src || p->sum_dst || p->sum == SUM_WRONG || p->sum == SUM_PARTIAL || p->cut || p->tot_len || p->ihl || (p->flip[0].by && !p->flip_mended) ||
		       (p->sum == SUM_NONE && p->proto == IPPROTO_UDPLITE);
	s->ip = !p->ethertype;
	s->len = build_packet(p, row, buf);
	s->data = malloc(s->len);
	if (!s->data)
		abort();
	memcpy(s->data, buf, s->len);
	if (rig_is_lan(e->at)) {
		rig_host_mac(e->at, e->mac_of ? e->mac_of : p->dst, s->eth);
		rig_gateway_mac(e->at, s->eth + 6);
		put16(s->eth + 12, 0x0800);
	}
}

/* One packet, or the segments of one that stood for several. */
static void add_segments(const struct step *step, const struct expect *e, const struct pkt *p, unsigned int row,
			 struct seen_list *list)
{
	for (unsigned int n = 0; n < step->segments; n++) {
		unsigned int at = n * step->pkt.gso;
		bool last = n + 1 == step->segments;
		struct pkt one = *p;

		one.data = (uint16_t)(p->data + at);
		one.seq = p->seq + at;
		one.tot_len = 0;
		one.id = (uint16_t)((p->id ? p->id : 0x1234) + n);
		one.len = last ? (uint16_t)(p->len - at) : step->pkt.gso;
		one.flags = last ? p->flags : (uint8_t)(p->flags & ~(FIN | PSH));
		add(e, &one, row, list);
	}
}

void expect_step(const struct step *step, unsigned int row, struct seen_list *ret)
{
	for (size_t n = 0; n < OUTS && step->out[n].at != NOWHERE; n++) {
		const struct expect *e = &step->out[n];
		struct pkt p, quoted;

		if (e->error)
			derive_error(&step->pkt, e, &p, &quoted);
		else if (e->pkt)
			p = *e->pkt;
		else
			derive(&step->pkt, e, &p, &quoted);
		if (n == 0 && step->segments)
			add_segments(step, e, &p, row, ret);
		else
			add(e, &p, row, ret);
	}
}
