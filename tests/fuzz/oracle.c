/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/oracle.h"

#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "packets/describe.h"
#include "packets/frame.h"
#include "packets/verify.h"

static const struct sent *judged; /* what is on its way, for messages */
static bool dropped;              /* a program has dropped it, or something that it led to */

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

/* --- checksums ---------------------------------------------------------------------------- */

static bool is_whole(const uint8_t *ip, size_t len)
{
	return len >= 20 && ip[0] >> 4 == 4 && (ip[0] & 15) >= 5 && (ip[0] & 15u) * 4 <= len && get16(ip + 2) <= len &&
	       get16(ip + 2) >= (ip[0] & 15u) * 4;
}

/* UDP-Lite that does not even cover its own header has no checksum that could be right. */
static bool is_right(const uint8_t *ip, size_t len)
{
	size_t header = is_whole(ip, len) ? (ip[0] & 15u) * 4 : 0;

	if (!header || verify_sums(ip, len))
		return false;
	if (ip[9] != IPPROTO_UDPLITE || get16(ip + 2) < header + 8)
		return true;
	return !get16(ip + header + 4) || get16(ip + header + 4) >= 8;
}

/* The packet that an ICMP error quotes, if it is all there; NULL: none. */
static const uint8_t *quoted(const uint8_t *ip, size_t len, size_t *ret_len)
{
	const uint8_t *l4 = ip + (ip[0] & 15u) * 4;

	if (!is_whole(ip, len) || ip[9] != IPPROTO_ICMP || get16(ip + 6) & 0x3fff ||
	    get16(ip + 2) < (ip[0] & 15u) * 4 + 8 + 20)
		return NULL;
	if (l4[0] != 3 && l4[0] != 4 && l4[0] != 11 && l4[0] != 12)
		return NULL;
	*ret_len = get16(ip + 2) - (size_t)(l4 + 8 - ip);
	return l4 + 8;
}

static bool is_quote_right(const uint8_t *ip, size_t len)
{
	size_t n = 0;
	const uint8_t *q = quoted(ip, len, &n);

	return q && is_right(q, n);
}

/* --- before ------------------------------------------------------------------------------- */

static bool is_frame_for_mesh(const uint8_t *frame, const uint8_t *ip, enum place at)
{
	uint8_t own[6];

	rig_gateway_mac(at, own);
	return memcmp(frame, own, 6) == 0 && at != BOX && (get32(ip + 16) >> 16 == IP(172, 30, 0, 0) >> 16 ||
	       (plane_of(1) && get32(ip + 16) >> 16 == IP(10, 50, 0, 0) >> 16));
}

const struct sent *oracle_before(enum place at, const uint8_t *data, size_t len, const struct virtio_net_hdr *vnet)
{
	static uint8_t copy[BYTES_MAX];
	static struct sent sent;
	size_t before = rig_is_lan(at) ? ETH_LEN : 0;

	sent = (struct sent){ .at = at };
	judged = &sent;
	dropped = false;
	/* Tags of VLAN 0 say only a priority. */
	while (before && len >= before + 4 && (get16(data + before - 2) == 0x8100 || get16(data + before - 2) == 0x88a8) &&
	       !(get16(data + before) & 0x0fff))
		before += 4;
	if (len < before + 20 || (before && get16(data + before - 2) != 0x0800))
		return &sent;
	sent.ip = data + before;
	sent.len = len - before;
	sent.mesh = before ? is_frame_for_mesh(data, sent.ip, at) : at != LOCAL;
	memcpy(copy, sent.ip, sent.len);
	if (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		struct skb *skb = skb_new(copy, sent.len);

		skb->partial = true;
		skb->csum_start = vnet->csum_start - (uint32_t)before;
		skb->csum_offset = vnet->csum_offset;
		finish_sum(skb);
		memcpy(copy, skb->data, sent.len);
		skb_free(skb);
	}
	sent.right = is_right(copy, sent.len) && (sent.at != LOCAL);
	sent.quote_right = sent.right && is_quote_right(copy, sent.len);
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
	if (run->prog == WM_BPF_WG_OUT && !run->reasons)
		broken("a packet leaves for wg uncounted", NULL);
}

/* What the stack drops of its own (a wrong sum, no route) may have been counted or not. */
void oracle_end(const struct packet_in *in, enum fate fate)
{
	if (in->counted > 1)
		broken("a packet is counted twice on its way", NULL);
	if (in->mesh && !in->counted && fate != FATE_STACK)
		broken("a packet of the mesh is not counted", NULL);
	if (!in->mesh && in->counted)
		broken("a packet that is none of ours is counted", NULL);
}

/* --- what may come out -------------------------------------------------------------------- */

static const struct {
	enum place at;
	wm_ip4 overlay, local;
} registered[] = {
	{ LAN0, ANN, ANN_L },	  { LAN0, BOB, BOB_L },	    { LAN1, CARL, CARL_L },   { LAN2, TWIN, TWIN_L },
	{ LAN0, ISO, ISO_L },	  { LAN1, ISO1, ISO1_L },   { LAN0, ISO2, ISO2_L },   { LAN0, BOUND, BOUND_L },
	{ LAN0, MOVER, MOVER_L }, { LAN0, MARK0, MARK0_L }, { LAN1, MARK1, MARK1_L }, { LAN2, MARK2, MARK2_L },
	{ LAN0, EDGE, EDGE_L },	  { LAN0, 0, ONLYX_L }, /* of the second mesh */
};

wm_ip4 overlay_at(enum place at, wm_ip4 addr)
{
	for (size_t n = 0; n < WM_ARRAY_LEN(registered); n++)
		if (registered[n].at == at && registered[n].local == addr && registered[n].overlay)
			return registered[n].overlay;
	return addr;
}

static bool is_registered_at(enum place at, wm_ip4 local)
{
	for (size_t n = 0; n < WM_ARRAY_LEN(registered); n++)
		if (registered[n].at == at && registered[n].local == local && (registered[n].overlay || plane_of(1)))
			return true;
	return false;
}

/* Whoever may speak from this site's subnet: what stands behind the place where it came in, or the gateway. */
static bool may_be_source(wm_ip4 src, enum place from)
{
	if (src == GW)
		return true;
	for (size_t n = 0; n < WM_ARRAY_LEN(registered); n++)
		if (registered[n].overlay == src)
			return from == registered[n].at || !rig_is_lan(from);
	return plane_of(0)->params.hub && (src == ROAM || src == IDEV);
}

static void judge_wg(const struct seen *s, const struct sent *sent)
{
	wm_ip4 src = get32(s->data + 12), dst = get32(s->data + 16), mesh = s->at == WG ? IP(172, 30, 0, 0) : IP(10, 50, 0, 0);
	wm_ip4 subnet = mesh | 2 << 8;

	if (src >> 16 != mesh >> 16 || dst >> 16 != mesh >> 16)
		broken("a packet leaves through a tunnel with an address outside its mesh", s);
	if (dst == mesh || dst == (mesh | 0xffff))
		broken("a packet leaves through a tunnel to everybody", s);
	if (s->at == WG && src >> 8 == subnet >> 8 && !may_be_source(src, sent->at))
		broken("a packet leaves through a tunnel with somebody else's source", s);
	if (s->at == WG && rig_is_lan(sent->at) && src >> 8 != subnet >> 8)
		broken("a packet leaves through a tunnel with another site's source", s);
	if (sent->at == BOX && src != GW)
		broken("a container's packet leaves through a tunnel", s);
}

static void judge_lan(const struct seen *s, const struct sent *sent)
{
	uint8_t own[6];

	rig_gateway_mac(s->at, own);
	if (memcmp(s->eth + 6, own, 6) != 0)
		broken("a frame leaves with somebody else's MAC", s);
	if (s->eth[0] & 1)
		broken("a frame leaves to a group of machines", s);
	if (!s->ip || s->len < 20)
		broken("something leaves to a LAN that is no IPv4", s);
	if (sent->mesh && !is_registered_at(s->at, get32(s->data + 16)))
		broken("a packet of the mesh reaches an unregistered address of a LAN", s);
}

static void judge_local(const struct seen *s, const struct sent *sent)
{
	wm_ip4 dst = get32(s->data + 16);

	if (sent->mesh && dst != GW && dst != IP(10, 50, 2, 1))
		broken("a packet of the mesh reaches another address of the gateway than g", s);
}

/* What is quoted has to make sense to whom it goes to: a host's own packets as it sent them, by its LAN address; the mesh
 * knows hosts by overlay addresses only. */
static void judge_quote(const struct seen *s, const struct sent *sent)
{
	size_t len;
	const uint8_t *q = quoted(s->data, s->len, &len);

	if (!q || s->at == LOCAL || q[0] >> 4 != 4)
		return;
	if (s->at == WG && rig_is_lan(sent->at) && is_registered_at(sent->at, get32(q + 16)) &&
	    overlay_at(sent->at, get32(q + 16)) != get32(q + 16))
		broken("the mesh is told of a host by its LAN address", s);
	if (s->at >= LAN0 && s->at <= LAN2 && sent->mesh && get32(q + 12) != get32(s->data + 16) &&
	    get32(q + 12) == overlay_at(s->at, get32(s->data + 16)))
		broken("a host is told of its own packet by its overlay address", s);
}

/* One hop at most, and never more life than it had. */
static void judge_ttl(const struct seen *s, const struct sent *sent)
{
	if (!sent->ip || sent->len < 20 || memcmp(s->data + 4, sent->ip + 4, 2) != 0 || s->data[9] != sent->ip[9])
		return; /* the stack's own */
	if (stack_is_own(get32(s->data + 12)) && get16(s->data + 4) == SAID_ID)
		return; /* so is this, though the sender has chosen the same id */
	if (s->at == LOCAL)
		return; /* maybe put together from others */
	if (s->data[8] != sent->ip[8] && s->data[8] + 1 != sent->ip[8])
		broken("a TTL is neither as it was nor one less", s);
}

void oracle_after(const struct sent *sent)
{
	if (!dropped)
		isolation_let_in(sent);
	for (size_t n = 0; n < world.out.n; n++) {
		const struct seen *s = &world.out.item[n];

		if (s->at == TAP)
			continue;
		if (s->at == WG || s->at == WG2)
			judge_wg(s, sent);
		else if (s->at == LOCAL)
			judge_local(s, sent);
		else if (s->at != BOX)
			judge_lan(s, sent);
		if (sent->right && s->ip && !is_right(s->data, s->len) && s->at != LOCAL)
			broken("a right checksum has become a wrong one", s);
		if (sent->quote_right && s->at != LOCAL && quoted(s->data, s->len, &(size_t){ 0 }) && !is_quote_right(s->data, s->len))
			broken("a quoted right checksum has become a wrong one", s);
		if (s->ip && s->len >= 20) {
			judge_quote(s, sent);
			judge_ttl(s, sent);
		}
		if (sent->mesh || s->at == WG)
			isolation_saw(s);
	}
	judged = NULL;
}
