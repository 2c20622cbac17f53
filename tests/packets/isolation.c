/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/isolation.h"

#include <netinet/in.h>
#include <string.h>

#include "core/util.h"
#include "packets/rules.h"

#define ASKED_MAX 8192
#define S_FRAGMENTS 30
/* Between this clock's looks and the kernel's. */
#define GRAIN_MS 2000

enum { ANSWERED = 1, ESTABLISHED = 2, FIN_PEER = 4, FIN_END = 8, RESET = 16 };

/* Overlay addresses; of a ping the id in eport. */
struct asked {
	wm_ip4 end, peer;
	uint16_t eport, pport;
	uint8_t proto;
	unsigned int flags;
	uint64_t when; /* of the last that prolonged it */
};

/* A first fragment from an isolated end that was let in. */
struct begun {
	wm_ip4 end, peer;
	uint16_t id;
	uint8_t proto;
	uint64_t when;
};

static struct asked asked[ASKED_MAX];
static struct begun begun[ASKED_MAX];
static unsigned int nasked, nbegun;
static uint64_t now;
static struct asked last; /* what the packet that came in last asked for; it is noted when it is let in, not once more */

static const struct {
	wm_ip4 overlay, local;
	enum place at;
} isolated[] = {
	{ ISO, ISO_L, LAN0 }, { ISO1, ISO1_L, LAN1 }, { ISO2, ISO2_L, LAN0 }, { IDEV, IDEV, WG },
};

void isolation_reset(void)
{
	nasked = nbegun = 0;
	now = 0;
}

void isolation_clock(uint64_t ms)
{
	now = ms;
	last = (struct asked){ 0 };
}

/* --- the life of a flow --------------------------------------------------------------- */

static bool is_closed(const struct asked *a)
{
	return a->flags & RESET || (a->flags & FIN_PEER && a->flags & FIN_END);
}

/* Seconds after the last packet that prolonged it. */
static uint64_t most(const struct asked *a)
{
	if (a->proto == IPPROTO_UDP)
		return a->flags & ANSWERED ? 180 : 30;
	if (a->proto != IPPROTO_TCP)
		return 30;
	if (is_closed(a))
		return 10;
	return a->flags & ESTABLISHED && !(a->flags & (FIN_PEER | FIN_END)) ? 7200 : 60;
}

static bool is_alive(const struct asked *a)
{
	return now - a->when <= most(a) * 1000 + GRAIN_MS;
}

static bool is_same(const struct asked *a, const struct asked *b)
{
	return a->end == b->end && a->peer == b->peer && a->proto == b->proto && a->eport == b->eport && a->pport == b->pport;
}

static struct asked *find(const struct asked *like)
{
	for (unsigned int n = 0; n < nasked; n++)
		if (is_same(&asked[n], like))
			return &asked[n];
	return NULL;
}

static struct asked *find_alive(const struct asked *like)
{
	struct asked *a = find(like);

	return a && is_alive(a) ? a : NULL;
}

static bool is_first(const uint8_t *ip)
{
	return !(get16(ip + 6) & 0x1fff);
}

/* The L4 header of an unfragmented packet or a first fragment that has one; else NULL. */
static const uint8_t *l4_of(const uint8_t *ip, size_t len)
{
	size_t header = (ip[0] & 15u) * 4, need = ip[9] == IPPROTO_TCP ? 20 : 8;

	return is_first(ip) && header >= 20 && len >= header + need ? ip + header : NULL;
}

/* What a TCP packet towards the end does to a flow that is alive. */
static void tcp_towards(struct asked *a, uint8_t tcp)
{
	unsigned int was = a->flags;

	if ((tcp & (SYN | ACK | RST)) == SYN) {
		a->flags = is_closed(a) ? 0 : a->flags; /* a new connection on an old tuple */
		a->when = now;
		return;
	}
	if (tcp & ACK && a->flags & ANSWERED)
		a->flags |= ESTABLISHED;
	a->flags |= (tcp & FIN ? FIN_PEER : 0) | (tcp & RST ? RESET : 0);
	if (a->flags != was || !is_closed(a))
		a->when = now;
}

static void note(const uint8_t *ip, size_t len, enum place from, wm_ip4 end)
{
	const uint8_t *l4 = l4_of(ip, len);
	struct asked a = { .end = end, .peer = overlay_at(from, get32(ip + 12)), .proto = ip[9], .when = now };
	struct asked *known;

	if (!l4 || (a.proto == IPPROTO_ICMP && l4[0] != 8))
		return;
	a.eport = a.proto == IPPROTO_ICMP ? get16(l4 + 4) : get16(l4 + 2);
	a.pport = a.proto == IPPROTO_ICMP ? 0 : get16(l4);
	if (is_same(&a, &last))
		return;
	last = a;
	known = find(&a);
	if (known && is_alive(known) && a.proto == IPPROTO_TCP) {
		tcp_towards(known, l4[13]);
		return;
	}
	if (known && is_alive(known))
		a.flags = known->flags;
	else if (a.proto == IPPROTO_TCP && l4[13] & RST)
		return; /* a reset opens nothing */
	if (!known && nasked < ASKED_MAX)
		known = &asked[nasked++];
	if (!known)
		return;
	*known = a;
	if (a.proto == IPPROTO_TCP)
		tcp_towards(known, l4[13]);
}

/* A first fragment opens the way for the others. */
static void begin(const uint8_t *ip, wm_ip4 end)
{
	if (get16(ip + 6) & 0x2000 && is_first(ip) && nbegun < ASKED_MAX)
		begun[nbegun++] = (struct begun){ end, get32(ip + 16), get16(ip + 4), ip[9], now };
}

static void note_answer(const uint8_t *ip, size_t len, wm_ip4 end)
{
	const uint8_t *l4 = l4_of(ip, len);
	struct asked a = { .end = end, .peer = get32(ip + 16), .proto = ip[9] };
	struct asked *known;

	begin(ip, end);
	if (!l4 || a.proto == IPPROTO_ICMP || (a.proto == IPPROTO_TCP && (l4[13] & (SYN | ACK)) == SYN))
		return;
	a.eport = get16(l4);
	a.pport = get16(l4 + 2);
	known = find_alive(&a);
	if (!known)
		return;
	unsigned int was = known->flags;
	known->flags |= ANSWERED;
	if (a.proto == IPPROTO_TCP)
		known->flags |= (l4[13] & FIN ? FIN_END : 0) | (l4[13] & RST ? RESET : 0);
	if ((known->flags ^ was) & (FIN_END | RESET))
		known->when = now;
}

void isolation_let_in(enum place at, const uint8_t *ip, size_t len)
{
	/* Of what is sent through a raw socket the stack writes the length itself (raw(7)). */
	size_t total = at == LOCAL ? len : len >= 20 ? get16(ip + 2) : 0;

	if (total < 20 || total > len || ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
		return;
	for (size_t n = 0; n < WM_ARRAY_LEN(isolated); n++) {
		if (get32(ip + 12) == isolated[n].local && at == isolated[n].at)
			note_answer(ip, total, isolated[n].overlay);
		if (get32(ip + 16) == isolated[n].overlay && (at == LOCAL || ip[8] > 1)) /* else it ends here */
			note(ip, total, at, isolated[n].overlay);
	}
}

/* --- what an end says ------------------------------------------------------------------- */

static bool is_error(const uint8_t *l4)
{
	return l4[0] == 3 || l4[0] == 4 || l4[0] == 5 || l4[0] == 11 || l4[0] == 12;
}

/* Of the flow of what is quoted: it went from the one that it goes to to the end. */
static struct asked *quoted_flow(enum place at, const uint8_t *ip, const uint8_t *l4, size_t len, wm_ip4 end, wm_ip4 own)
{
	const uint8_t *q = l4 + 8, *ql4;
	struct asked a = { .end = end, .peer = get32(ip + 16) };
	size_t header;

	if (len < 8 + 20 + 8)
		return NULL;
	header = (q[0] & 15u) * 4;
	if (len < 8 + header + 8 || !is_first(q))
		return NULL;
	ql4 = q + header;
	a.proto = q[9];
	if (a.proto == IPPROTO_ICMP && ql4[0] != 8)
		return NULL;
	a.eport = a.proto == IPPROTO_ICMP ? get16(ql4 + 4) : get16(ql4 + 2);
	a.pport = a.proto == IPPROTO_ICMP ? 0 : get16(ql4);
	return overlay_at(at, get32(q + 12)) == a.peer && get32(q + 16) == own ? find_alive(&a) : NULL;
}

/* The flow of a packet from an end, which is known as `own` there; ip's destination is an overlay address. */
static struct asked *flow_of(enum place at, const uint8_t *ip, size_t len, wm_ip4 end, wm_ip4 own)
{
	const uint8_t *l4 = l4_of(ip, len);
	struct asked a = { .end = end, .peer = get32(ip + 16), .proto = ip[9] };

	if (!l4 || (ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_UDP && ip[9] != IPPROTO_ICMP))
		return NULL;
	if (ip[9] == IPPROTO_ICMP && is_error(l4))
		return quoted_flow(at, ip, l4, len - (size_t)(l4 - ip), end, own);
	if (ip[9] == IPPROTO_ICMP && l4[0] != 0)
		return NULL;
	a.eport = ip[9] == IPPROTO_ICMP ? get16(l4 + 4) : get16(l4);
	a.pport = ip[9] == IPPROTO_ICMP ? 0 : get16(l4 + 2);
	return find_alive(&a);
}

/* To the gateway also names and echo. */
static bool may_say(enum place at, const uint8_t *ip, size_t len, wm_ip4 end)
{
	const uint8_t *l4 = l4_of(ip, len);

	if (!l4)
		return false;
	if (at == LOCAL && ip[9] == IPPROTO_ICMP && l4[0] == 8)
		return true;
	if (at == LOCAL && (ip[9] == IPPROTO_TCP || ip[9] == IPPROTO_UDP) && get16(l4 + 2) == 53)
		return true;
	if (ip[9] == IPPROTO_TCP && (l4[13] & (SYN | ACK)) == SYN)
		return false;
	return flow_of(at, ip, len, end, end);
}

static bool has_begun(const uint8_t *ip, wm_ip4 end)
{
	for (unsigned int n = 0; n < nbegun; n++)
		if (begun[n].end == end && begun[n].peer == get32(ip + 16) && begun[n].id == get16(ip + 4) &&
		    begun[n].proto == ip[9] && now - begun[n].when <= S_FRAGMENTS * 1000 + GRAIN_MS)
			return true;
	return false;
}

static const char *judge(const struct seen *s, wm_ip4 end)
{
	static uint8_t ip[BYTES_MAX];

	memcpy(ip, s->data, s->len);
	put32(ip + 16, overlay_at(s->at, get32(ip + 16)));
	if (is_first(ip) && !may_say(s->at, ip, s->len, end))
		return "an isolated end has initiated";
	if (is_first(ip)) { /* the stack may have cut it */
		begin(ip, end);
		return NULL;
	}
	if (ip[9] == IPPROTO_TCP && (get16(ip + 6) & 0x1fff) * 8 < 20)
		return "a later fragment from an isolated end begins inside the TCP header";
	return has_begun(ip, end) ? NULL : "a later fragment from an isolated end whose first was not let through";
}

const char *isolation_saw(const struct seen *s)
{
	const char *wrong = NULL;

	if (!s->ip || s->len < 20 || s->at == TAP || s->at == WG2)
		return NULL;
	for (size_t n = 0; n < WM_ARRAY_LEN(isolated); n++) {
		if (get32(s->data + 12) == isolated[n].overlay && !wrong)
			wrong = judge(s, isolated[n].overlay);
		if (s->at == isolated[n].at && get32(s->data + 16) == isolated[n].local)
			note(s->data, s->len, WG, isolated[n].overlay);
	}
	return wrong;
}

uint64_t isolation_age(enum place at, const uint8_t *ip, size_t len)
{
	for (size_t n = 0; len >= 20 && n < WM_ARRAY_LEN(isolated); n++) {
		struct asked *a = NULL;

		if (get32(ip + 12) == isolated[n].local && at == isolated[n].at)
			a = flow_of(at, ip, len, isolated[n].overlay, isolated[n].local);
		if (a)
			return now - a->when;
	}
	return UINT64_MAX;
}
