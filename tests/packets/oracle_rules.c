/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What must hold of a back end's outcome, whatever the other one does: the
 * rules of rules.c and isolation.c, MACs, sums, and one reason for each packet.
 */
#include <netinet/in.h>
#include <string.h>

#include "core/util.h"
#include "packets/frame.h"
#include "packets/isolation.h"
#include "packets/oracle.h"
#include "packets/plane.h"

#define S_HEARD 12 /* ten, and a grain */
#define HEARD_MAX 32

static enum back_end by;

/* What frames of registered machines came from. */
static struct heard {
	enum place at;
	wm_ip4 addr;
	uint8_t mac[6], maybe[6]; /* maybe: of one that was malformed; where BPF saw that, before or after, is its affair */
	uint64_t when;
} heard[HEARD_MAX];
static unsigned int nheard;

void outcome_rules_begin(enum back_end back_end)
{
	by = back_end;
	nheard = 0;
	isolation_reset();
}

/* --- reasons ------------------------------------------------------------------------------- */

unsigned int rose(const struct outcome *o, unsigned int reason)
{
	return (unsigned int)(o->reason[0][reason] + o->reason[1][reason]);
}

unsigned int reasons_of(const struct outcome *o)
{
	unsigned int all = 0;

	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		all += rose(o, n);
	return all;
}

unsigned int drops_of(const struct outcome *o)
{
	unsigned int all = 0;

	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		all += wm_reason_is_drop(n) ? rose(o, n) : 0;
	return all;
}

unsigned int derived_of(const struct outcome *o)
{
	unsigned int n = 0;

	for (size_t i = 0; i < o->out.n; i++)
		n += !o->out.item[i].any_id;
	return n;
}

/* --- the stack's own answers ------------------------------------------------------------------ */

static bool is_gateways(wm_ip4 addr)
{
	return addr == GW || addr == GW0 || addr == GW1 || addr == GW2 || addr == BOX_GW || addr == GWX;
}

/* The sender, by the address that it sent with or by the one that the mesh knows. */
static bool is_to_sender(const struct input *in, const struct seen *s)
{
	wm_ip4 sender = get32(in->sent.ip + 12), to = get32(s->data + 16);

	return to == sender || to == overlay_at(in->at, sender) || to == local_at(s->at, sender) || (to == ANNX && sender == ANN_L) ||
	       (to == ONLYX && sender == ONLYX_L);
}

/* An ICMP error: it quotes what was sent, whole or as far as there is room; addresses in it are looked at elsewhere. */
static bool is_error_about(const struct input *in, const uint8_t *l4, size_t len)
{
	const uint8_t *q = l4 + 8, *ip = in->sent.ip;

	if (len < 8 + 20 || (l4[0] != 3 && l4[0] != 11 && l4[0] != 12 && l4[0] != 5))
		return false;
	return q[0] == ip[0] && q[9] == ip[9] && get16(q + 2) == get16(ip + 2) && (get16(q + 4) == get16(ip + 4) || in->at == LOCAL);
}

static bool is_echo_reply(const struct input *in, const uint8_t *l4, size_t len)
{
	size_t header = (in->sent.ip[0] & 15u) * 4;
	const uint8_t *asked = in->sent.ip + header;

	if (in->sent.ip[9] != IPPROTO_ICMP || get16(in->sent.ip + 2) - header != len || (asked[0] != 8 && asked[0] != 13))
		return false;
	if (asked[0] == 13)
		return l4[0] == 14;
	return l4[0] == 0 && memcmp(asked + 4, l4 + 4, len - 4) == 0;
}

static bool is_reset(const struct input *in, const uint8_t *l4, size_t len)
{
	const uint8_t *asked = in->sent.ip + (in->sent.ip[0] & 15u) * 4;

	return in->sent.ip[9] == IPPROTO_TCP && len == 20 && l4[13] & RST && get16(l4) == get16(asked + 2) && get16(l4 + 2) == get16(asked);
}

/* The gateway's answer to what was sent: told by what it says, for anybody can send its type of service. */
static bool is_answer(const struct input *in, const struct seen *s)
{
	size_t header = (s->data[0] & 15u) * 4, len = s->len - header;
	const uint8_t *l4 = s->data + header;

	if (!in->sent.ip || !is_whole(in->sent.ip, in->sent.len) || get16(s->data + 6) & 0x3fff || len < 8)
		return false;
	if (!is_gateways(get32(s->data + 12)) || (in->at == LOCAL ? s->at != LOCAL : !is_to_sender(in, s)))
		return false;
	if (s->data[9] == IPPROTO_TCP)
		return is_reset(in, l4, len);
	return s->data[9] == IPPROTO_ICMP && (is_error_about(in, l4, len) || is_echo_reply(in, l4, len));
}

static const char *mark_answers(const struct input *in, struct outcome *o)
{
	for (size_t n = 0; n < o->out.n; n++) {
		struct seen *s = &o->out.item[n];

		if (!s->ip || !is_whole(s->data, s->len))
			return "something comes out that is no whole IPv4 packet";
		if (s->unfinished)
			return "something comes out that a device had to finish";
		s->any_id = is_answer(in, s);
	}
	return NULL;
}

/* --- MACs ------------------------------------------------------------------------------------ */

static struct heard *find_heard(enum place at, wm_ip4 addr)
{
	for (unsigned int n = 0; n < nheard; n++)
		if (heard[n].at == at && heard[n].addr == addr)
			return &heard[n];
	return NULL;
}

/* BPF sends to a host where it was last heard; never to one that is bound. */
static void hear(const struct input *in, const struct outcome *o)
{
	wm_ip4 src = in->sent.ip ? get32(in->sent.ip + 12) : 0;
	struct heard *h;

	if (!in->sent.mesh || !in->sent.mac || in->sent.mac[0] & 1 || !is_registered_at(in->at, src) || src == BOUND_L ||
	    get32(in->sent.ip + 16) >> 16 != GW >> 16) /* each mesh has ears of its own; hosts that move are of the first */
		return;
	h = find_heard(in->at, src);
	if (!h && nheard < HEARD_MAX)
		h = &heard[nheard++];
	if (!h)
		return;
	if (!rose(o, WM_REASON_INVALID))
		*h = (struct heard){ .at = in->at, .addr = src };
	h->at = in->at;
	h->addr = src;
	h->when = o->when;
	memcpy(rose(o, WM_REASON_INVALID) ? h->maybe : h->mac, in->sent.mac, 6);
}

static bool is_heard_from(const struct heard *h, const uint8_t mac[6])
{
	return h && (memcmp(mac, h->mac, 6) == 0 || memcmp(mac, h->maybe, 6) == 0);
}

static const char *judge_mac(const struct seen *s, uint64_t now)
{
	const struct heard *h = find_heard(s->at, get32(s->data + 16));
	uint8_t mac[6];

	if (!rig_is_lan(s->at))
		return NULL;
	if (get16(s->eth + 12) != 0x0800)
		return "a frame leaves with another type than its packet";
	rig_host_mac(s->at, get32(s->data + 16), mac);
	if (memcmp(s->eth, mac, 6) == 0)
		return NULL;
	if (by == BY_BPF && is_heard_from(h, s->eth) && now - h->when <= S_HEARD * 1000)
		return NULL;
	return "a frame leaves to another machine's MAC";
}

/* --- sums and quotes ---------------------------------------------------------------------------- */

/* Equal as ones' complement numbers. */
static bool same_sum(uint32_t a, uint32_t b)
{
	return csum_fold(a) % 0xffff == csum_fold(b) % 0xffff;
}

static uint32_t addresses_and_rest(const uint8_t *ip, const uint8_t *l4, size_t n, bool pseudo)
{
	uint32_t sum = csum_add(0, l4, n);

	return pseudo ? sum + csum_pseudo(get32(ip + 12), get32(ip + 16), 0, 0) : sum;
}

/* A UDP checksum that was not made: there is nothing that could follow the addresses. */
static bool has_no_sum(uint8_t proto, const uint8_t *l4)
{
	return (proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE) && !get16(l4 + 6);
}

/* Whatever is translated, its checksum moves by exactly as much: also where it was wrong, or covers what is not there. */
static const char *judge_moved_sum(const struct input *in, const struct seen *s)
{
	const uint8_t *was = in->sent.ip, *l4_was, *l4;
	size_t header = (was[0] & 15u) * 4, n = get16(was + 2) - header;
	unsigned int at = csum_offset(was[9]);

	if (s->data[9] != was[9] || get16(s->data + 2) - (s->data[0] & 15u) * 4 != n)
		return NULL; /* a piece of it */
	l4_was = was + header;
	l4 = s->data + (s->data[0] & 15u) * 4;
	if (was[9] == IPPROTO_UDPLITE && n >= 8 && get16(l4_was + 4) && get16(l4_was + 4) < n)
		n = WM_MAX(get16(l4_was + 4), (uint16_t)8);
	/* nftables does not know DCCP. */
	if (get16(was + 6) & 0x1fff || !at || n < at + 2 || (was[9] == IPPROTO_DCCP && by == BY_NFT))
		return same_sum(addresses_and_rest(was, l4_was, n, false), addresses_and_rest(s->data, l4, n, false)) ? NULL :
			       "a payload has changed";
	if (has_no_sum(was[9], l4_was))
		return has_no_sum(was[9], l4) ? NULL : "a checksum has come out of none";
	if (has_no_sum(was[9], l4))
		return "a checksum has become none";
	return same_sum(addresses_and_rest(was, l4_was, n, true), addresses_and_rest(s->data, l4, n, true)) ?
		       NULL : "a checksum has not moved with the addresses";
}

/* BPF moves a quoted checksum with the quoted addresses; nftables leaves it. */
static const char *judge_quoted_sum(const struct input *in, const struct seen *s)
{
	size_t n = 0, m = 0, header;
	const uint8_t *was = quoted_in(in->sent.ip, in->sent.len, &n), *q = quoted_in(s->data, s->len, &m);
	unsigned int at = was ? csum_offset(was[9]) : 0;

	header = was ? (was[0] & 15u) * 4 : 0;
	if (!was || !q || !at || was[0] >> 4 != 4 || header < 20 || n != m || n < header + at + 2 || get16(was + 6) & 0x1fff)
		return NULL;
	if (by == BY_NFT || has_no_sum(was[9], was + header))
		return get16(was + header + at) == get16(q + header + at) ? NULL : "a quoted checksum has changed";
	return same_sum(csum_pseudo(get32(was + 12), get32(was + 16), 0, get16(was + header + at)),
			csum_pseudo(get32(q + 12), get32(q + 16), 0, get16(q + header + at))) ?
		       NULL : "a quoted checksum has not moved with the addresses";
}

/* Whoever gets an error about its packet has to know it again. */
static const char *judge_error(const struct input *in, const struct seen *s)
{
	size_t n;
	const uint8_t *q = quoted_in(s->data, s->len, &n);

	if (!q || !in->sent.mesh)
		return NULL;
	return get32(q + 12) != get32(in->sent.ip + 12) || get32(q + 16) != get32(in->sent.ip + 16) ?
		       "the stack quotes other addresses than were sent" : NULL;
}

/* --- counting ---------------------------------------------------------------------------------------- */

/* The stack's own go into the mesh, and are counted as such, when they are g's. */
static unsigned int counted_answers(const struct outcome *o)
{
	unsigned int n = 0;

	for (size_t i = 0; i < o->out.n; i++) {
		const struct seen *s = &o->out.item[i];
		wm_ip4 src = get32(s->data + 12);

		n += s->any_id && s->at != LOCAL && (s->at == WG || s->at == WG2 || src == GW || src == GWX);
	}
	return n;
}

/* What goes on through a hub is counted when it leaves; what the stack refuses until then is in no counter. */
static bool is_refused_relay(const struct input *in, const struct outcome *o)
{
	const struct seen *s = o->out.item;
	const uint8_t *l4;

	if (by != BY_BPF || in->at != WG || o->out.n != 1 || !s->any_id || s->data[9] != IPPROTO_ICMP)
		return false;
	l4 = s->data + (s->data[0] & 15u) * 4;
	return l4[0] == 12 || (l4[0] == 3 && l4[1] == 4);
}

static const char *judge_count(const struct input *in, const struct outcome *o)
{
	unsigned int reasons = reasons_of(o), answers = counted_answers(o), derived = derived_of(o);
	bool mesh = in->sent.mesh || in->at == BOX || (in->at == LOCAL && in->sent.ip && !is_gateways(get32(in->sent.ip + 16)));

	/* What the stack answers to whoever says it is of the mesh does not get out; nor gets in what is for g, but to everybody. */
	if (!mesh) {
		unsigned int drops = rose(o, WM_REASON_UNTRANSLATED) + (in->pkt.group_mac ? rose(o, WM_REASON_INVALID) : 0);

		return reasons > answers + (drops == 1) ? "a packet that is none of ours is counted" : NULL;
	}
	if (drops_of(o) && derived && in->at != BOX)
		return "a packet comes out that is counted as dropped";
	/* What the stack itself does not like, it drops before or after us. */
	if (!reasons)
		return derived && in->at != BOX ? "a packet of the mesh is not counted" : NULL;
	if (reasons == 1 + answers || (reasons == answers && (in->at == BOX || is_refused_relay(in, o))))
		return NULL;
	/* Each piece that the stack has cut is a packet, where BPF sees it. */
	if (derived > 1 && (by == BY_NFT ? reasons == 1 : reasons == derived))
		return NULL;
	/* An answer that is not let out has its own. */
	if (reasons == 2 && !answers && drops_of(o) == 1 && rose(o, WM_REASON_LOCAL) + rose(o, WM_REASON_TO_MESH) == 1)
		return rose(o, WM_REASON_REDIRECT) || rose(o, WM_REASON_NO_HOST) ? NULL : "a packet is counted twice on its way";
	return reasons < 1 + answers ? "an answer of the stack is not counted" : "a packet is counted twice on its way";
}

/* --- all of it ------------------------------------------------------------------------------------------ */

static const char *judge_one(const struct input *in, const struct seen *s, uint64_t now)
{
	struct sent sent = in->sent;
	const char *wrong;

	sent.quote_right &= by == BY_BPF;
	/* The kernel makes the header checksum of the gateway's own. */
	if (in->at == LOCAL && sent.ip)
		sent.right |= in->pkt.sum == SUM_RIGHT;
	if (sent.ip && sent.len >= 20 && sent.ip[9] == IPPROTO_DCCP)
		sent.right &= by == BY_BPF;
	wrong = rules_broken(&sent, s);
	if (!wrong)
		wrong = judge_mac(s, now);
	if (!wrong && (sent.mesh || s->at == WG || in->at == LOCAL))
		wrong = isolation_saw(s);
	if (wrong || !sent.ip || !is_whole(sent.ip, sent.len))
		return wrong;
	if (s->any_id)
		return judge_error(in, s);
	if (s->at == LOCAL && in->pkt.sum == SUM_PARTIAL)
		return NULL; /* nobody has done it */
	wrong = judge_moved_sum(in, s);
	return wrong ? wrong : judge_quoted_sum(in, s);
}

void outcome_rules(const struct input *in, struct outcome *o)
{
	isolation_clock(o->when);
	o->asked_ago = in->sent.ip ? isolation_age(in->at, in->sent.ip, in->sent.len) : UINT64_MAX;
	o->wrong = mark_answers(in, o);
	if (!o->rc && !drops_of(o) && in->sent.ip && (in->sent.mesh || in->at == LOCAL))
		isolation_let_in(in->at, in->sent.ip, in->sent.len);
	if (!o->rc)
		hear(in, o);
	for (size_t n = 0; n < o->out.n && !o->wrong; n++)
		o->wrong = judge_one(in, &o->out.item[n], o->when);
	if (!o->wrong)
		o->wrong = judge_count(in, o);
}
