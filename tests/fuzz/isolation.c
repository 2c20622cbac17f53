/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Another account of who may answer whom than flow.h's, without tables that
 * fill up: a list of all that has gone out towards isolated ends.
 */
#include <netinet/in.h>
#include <string.h>

#include "core/util.h"
#include "fuzz/oracle.h"

#define ASKED_MAX 1024

/* Overlay addresses; of a ping the id in eport. */
struct asked {
	wm_ip4 end, peer;
	uint16_t eport, pport;
	uint8_t proto;
	uint64_t when; /* jiffies, of the last */
};

/* A first fragment from an isolated end that came out. */
struct begun {
	wm_ip4 src, dst;
	uint16_t id;
	uint8_t proto;
};

static struct asked asked[ASKED_MAX];
static struct begun begun[ASKED_MAX];
static unsigned int nasked, nbegun;

static const struct {
	wm_ip4 overlay, local;
	enum place at;
} isolated[] = {
	{ ISO, ISO_L, LAN0 }, { ISO1, ISO1_L, LAN1 }, { ISO2, ISO2_L, LAN0 }, { IDEV, IDEV, WG },
};

void isolation_reset(void)
{
	nasked = nbegun = 0;
}

/* The longest that an answer may come after the last packet that asked, in seconds: what stands in
 * docs/dataplane.md, and for TCP what a FIN and a RST of the end itself may add. */
static uint64_t most(uint8_t proto)
{
	return proto == IPPROTO_TCP ? 7200 + 60 + 10 : proto == IPPROTO_UDP ? 180 : 30;
}

static struct asked *find(const struct asked *like)
{
	for (unsigned int n = 0; n < nasked; n++)
		if (asked[n].end == like->end && asked[n].peer == like->peer && asked[n].proto == like->proto &&
		    asked[n].eport == like->eport && asked[n].pport == like->pport)
			return &asked[n];
	return NULL;
}

static bool was_asked(struct asked like)
{
	const struct asked *a = find(&like);

	return a && native_now - a->when <= most(a->proto) * NATIVE_HZ;
}

static bool is_first(const uint8_t *ip)
{
	return !(get16(ip + 6) & 0x1fff);
}

/* Towards an end. */
static void note(const uint8_t *ip, size_t len, enum place from, wm_ip4 end)
{
	const uint8_t *l4 = ip + (ip[0] & 15u) * 4;
	struct asked a = { .end = end, .peer = overlay_at(from, get32(ip + 12)), .proto = ip[9], .when = native_now };
	struct asked *known;

	if (!is_first(ip) || len < (ip[0] & 15u) * 4 + 8)
		return;
	if (a.proto == IPPROTO_ICMP && l4[0] != 8)
		return;
	a.eport = a.proto == IPPROTO_ICMP ? get16(l4 + 4) : get16(l4 + 2);
	a.pport = a.proto == IPPROTO_ICMP ? 0 : get16(l4);
	known = find(&a);
	if (!known && nasked < ASKED_MAX)
		known = &asked[nasked++];
	if (known)
		*known = a;
}

static bool is_error(const uint8_t *l4)
{
	return l4[0] == 3 || l4[0] == 4 || l4[0] == 5 || l4[0] == 11 || l4[0] == 12;
}

/* What it quotes went from the one that it goes to to the end, and not longer ago than an answer may come. */
static bool quotes_asked(const struct seen *s, const uint8_t *l4, size_t len, wm_ip4 end)
{
	const uint8_t *q = l4 + 8, *ql4;
	struct asked a = { .end = end, .peer = get32(s->data + 16) };
	size_t header;

	if (len < 8 + 20 + 8)
		return false;
	header = (q[0] & 15u) * 4;
	if (len < 8 + header + 8 || !is_first(q))
		return false;
	ql4 = q + header;
	a.proto = q[9];
	a.eport = a.proto == IPPROTO_ICMP ? get16(ql4 + 4) : get16(ql4 + 2);
	a.pport = a.proto == IPPROTO_ICMP ? 0 : get16(ql4);
	return overlay_at(s->at, get32(q + 12)) == a.peer && get32(q + 16) == end && was_asked(a);
}

static bool may_say(const struct seen *s, wm_ip4 end)
{
	const uint8_t *ip = s->data, *l4 = ip + (ip[0] & 15u) * 4;
	size_t len = s->len - WM_MIN(s->len, (ip[0] & 15u) * 4);
	wm_ip4 dst = get32(ip + 16);
	bool to_gateway = s->at == LOCAL;
	struct asked a = { .end = end, .peer = dst, .proto = ip[9] };

	if (len < 8)
		return false;
	if (ip[9] == IPPROTO_ICMP) {
		if (l4[0] == 8)
			return to_gateway;
		if (is_error(l4))
			return quotes_asked(s, l4, len, end);
		a.eport = get16(l4 + 4);
		return l4[0] == 0 && was_asked(a);
	}
	if (ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_UDP)
		return false;
	if (to_gateway && get16(l4 + 2) == 53)
		return true;
	if (ip[9] == IPPROTO_TCP && (len < 20 || (l4[13] & (SYN | ACK)) == SYN))
		return false;
	a.eport = get16(l4);
	a.pport = get16(l4 + 2);
	return was_asked(a);
}

static bool has_begun(const uint8_t *ip)
{
	for (unsigned int n = 0; n < nbegun; n++)
		if (begun[n].src == get32(ip + 12) && begun[n].id == get16(ip + 4) && begun[n].proto == ip[9])
			return true;
	return false;
}

static void judge(const struct seen *s, wm_ip4 end)
{
	struct seen as_asked = *s;
	uint8_t ip[BYTES_MAX];

	if (!is_first(s->data)) {
		if (s->data[9] == IPPROTO_TCP && (get16(s->data + 6) & 0x1fff) * 8 < 20)
			broken("a later fragment from an isolated end that begins inside the TCP header", s);
		if (!has_begun(s->data))
			broken("a later fragment from an isolated end whose first was not let through", s);
		return;
	}
	memcpy(ip, s->data, s->len);
	put32(ip + 16, overlay_at(s->at, get32(ip + 16)));
	as_asked.data = ip;
	if (!may_say(&as_asked, end))
		broken("an isolated end has initiated", s);
	if (get16(s->data + 6) & 0x2000 && nbegun < ASKED_MAX)
		begun[nbegun++] = (struct begun){ get32(ip + 12), get32(ip + 16), get16(ip + 4), ip[9] };
}

void isolation_saw(const struct seen *s)
{
	if (!s->ip || s->len < 20 || s->at == TAP || s->at == WG2)
		return;
	for (size_t n = 0; n < WM_ARRAY_LEN(isolated); n++) {
		if (get32(s->data + 12) == isolated[n].overlay)
			judge(s, isolated[n].overlay);
		if (s->at == isolated[n].at && get32(s->data + 16) == isolated[n].local)
			note(s->data, s->len, WG, isolated[n].overlay);
	}
}

void isolation_let_in(const struct sent *sent)
{
	for (size_t n = 0; sent->ip && n < WM_ARRAY_LEN(isolated); n++)
		if (get32(sent->ip + 16) == isolated[n].overlay && sent->len >= 20 && (sent->ip[0] & 15) >= 5)
			note(sent->ip, sent->len, sent->at, isolated[n].overlay);
}
