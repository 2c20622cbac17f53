/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/oracle.h"

#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packets/describe.h"
#include "packets/frame.h"

#define TAGS_MAX 3 /* as in bpf/wm_tc.bpf.c */

static const struct sent *judged; /* what is on its way, for messages */
static bool dropped;              /* a program has dropped it, or something that it led to */
static bool buried;               /* in more tags of VLAN 0 than the programs look behind */

_Noreturn void broken(const char *rule, const struct seen *s)
{
	char line[DESCRIBE_SIZE];
	struct seen in = { 0 };

	fprintf(stderr, "broken rule: %s\n", rule);
	if (judged && judged->ip) {
		in.at = judged->at;
		in.ip = true;
		in.data = (uint8_t *)(uintptr_t)judged->ip;
		in.len = judged->len;
		fprintf(stderr, "  in:  %s\n", describe(&in, line));
	}
	if (s)
		fprintf(stderr, "  out: %s\n", describe(s, line));
	abort();
}

void oracle_reset(void)
{
	judged = NULL;
	isolation_reset();
}

/* --- before ------------------------------------------------------------------------------- */

/* What a device has yet to do to it is done first. */
static void judge_sums(struct sent *of, const uint8_t *ip, const struct virtio_net_hdr *vnet, size_t before)
{
	static uint8_t copy[BYTES_MAX];

	memcpy(copy, ip, of->len);
	if (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		struct skb *skb = skb_new(copy, of->len);

		skb->partial = true;
		skb->csum_start = vnet->csum_start - (uint32_t)before;
		skb->csum_offset = vnet->csum_offset;
		finish_sum(skb);
		memcpy(copy, skb->data, of->len);
		skb_free(skb);
	}
	of->right = has_right_sums(copy, of->len) && (of->at != LOCAL);
	of->quote_right = of->right && has_right_quote(copy, of->len);
}

const struct sent *oracle_before(enum place at, const uint8_t *data, size_t len, const struct virtio_net_hdr *vnet)
{
	static struct sent sent;

	sent = rules_sent(at, data, len);
	judged = &sent;
	dropped = false;
	buried = rig_is_lan(at) && frame_tags(data, len, true) > TAGS_MAX;
	if (sent.ip)
		judge_sums(&sent, sent.ip, vnet, (size_t)(sent.ip - data));
	isolation_clock(native_now * 1000 / NATIVE_HZ);
	return &sent;
}

/* --- what programs may do ----------------------------------------------------------------- */

void oracle_ran(const struct program_run *run)
{
	dropped |= run->action == TC_ACT_SHOT;
	/* That LAN ingress would have dropped it is compared in the world itself. */
	if (run->prog == WM_BPF_XDP && run->action == TC_ACT_SHOT &&
	    (!judged->mesh || overlay_at(judged->at, get32(judged->ip + 12)) != get32(judged->ip + 12)))
		broken("the shield drops what is not for the mesh, or a registered host's packet", NULL);
	if (run->action != TC_ACT_UNSPEC && run->action != TC_ACT_SHOT && run->action != TC_ACT_REDIRECT)
		broken("a program returns what none of ours may", NULL);
	if (run->reasons > 1)
		broken("a program counts a packet twice", NULL);
	if (run->action == TC_ACT_SHOT && (!run->reasons || !wm_reason_is_drop(run->reason)))
		broken("a program drops without a reason to", NULL);
	if (run->action != TC_ACT_SHOT && run->reasons && wm_reason_is_drop(run->reason))
		broken("a program lets something pass as dropped", NULL);
	if (run->prog == WM_BPF_WG_OUT && !run->reasons && !run->counted)
		broken("a packet leaves for wg uncounted", NULL);
	if (run->prog == WM_BPF_WG_OUT && run->reasons && run->counted && run->action != TC_ACT_SHOT)
		broken("a packet that leaves for wg is counted twice", NULL);
}

/* What the stack drops of its own (a wrong sum, no route) may have been counted or not. */
void oracle_end(const struct packet_in *in, enum fate fate)
{
	if (in->counted > 1)
		broken("a packet is counted twice on its way", NULL);
	if (in->mesh && !in->counted && fate != FATE_STACK)
		broken("a packet of the mesh is not counted", NULL);
	if (!in->mesh && in->counted && !buried)
		broken("a packet that is none of ours is counted", NULL);
}

/* --- what may come out -------------------------------------------------------------------- */

static void check(const char *rule, const struct seen *s)
{
	if (rule)
		broken(rule, s);
}

void oracle_after(const struct sent *sent)
{
	if (!dropped && sent->ip && (sent->mesh || sent->at == LOCAL))
		isolation_let_in(sent->at, sent->ip, sent->len);
	for (size_t n = 0; n < world.out.n; n++) {
		const struct seen *s = &world.out.item[n];

		if (s->at == TAP)
			continue;
		check(rules_broken(sent, s), s);
		if (sent->mesh || s->at == WG)
			check(isolation_saw(s), s);
	}
	judged = NULL;
}
