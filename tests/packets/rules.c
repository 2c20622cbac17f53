/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/rules.h"

#include <netinet/in.h>
#include <string.h>

#include "core/util.h"
#include "packets/frame.h"
#include "packets/plane.h"
#include "packets/verify.h"

#define MESH IP(172, 30, 0, 0)
#define MESH2 IP(10, 50, 0, 0)

/* --- checksums -------------------------------------------------------------------------- */

bool is_whole(const uint8_t *ip, size_t len)
{
	return len >= 20 && ip[0] >> 4 == 4 && (ip[0] & 15) >= 5 && (ip[0] & 15u) * 4 <= len && get16(ip + 2) <= len &&
	       get16(ip + 2) >= (ip[0] & 15u) * 4;
}

/* UDP-Lite that does not even cover its own header has no checksum that could be right; nor may it be 0 (RFC 3828, 3.1). */
bool has_right_sums(const uint8_t *ip, size_t len)
{
	size_t header = is_whole(ip, len) ? (ip[0] & 15u) * 4 : 0;

	if (!header || verify_sums(ip, len))
		return false;
	if (ip[9] != IPPROTO_UDPLITE || get16(ip + 2) < header + 8)
		return true;
	return get16(ip + header + 6) && (!get16(ip + header + 4) || get16(ip + header + 4) >= 8);
}

const uint8_t *quoted_in(const uint8_t *ip, size_t len, size_t *ret_len)
{
	const uint8_t *l4;

	if (!is_whole(ip, len) || ip[9] != IPPROTO_ICMP || get16(ip + 6) & 0x3fff ||
	    get16(ip + 2) < (ip[0] & 15u) * 4 + 8 + 20)
		return NULL;
	l4 = ip + (ip[0] & 15u) * 4;
	if (l4[0] != 3 && l4[0] != 4 && l4[0] != 5 && l4[0] != 11 && l4[0] != 12)
		return NULL;
	*ret_len = get16(ip + 2) - (size_t)(l4 + 8 - ip);
	return l4 + 8;
}

bool has_right_quote(const uint8_t *ip, size_t len)
{
	size_t n = 0;
	const uint8_t *q = quoted_in(ip, len, &n);

	return q && has_right_sums(q, n);
}

/* --- what was sent ------------------------------------------------------------------------ */

static bool is_frame_for_mesh(const uint8_t *frame, const uint8_t *ip, enum place at)
{
	uint8_t own[6];

	rig_gateway_mac(at, own);
	return memcmp(frame, own, 6) == 0 && at != BOX &&
	       (get32(ip + 16) >> 16 == MESH >> 16 || (plane_meshes() > 1 && get32(ip + 16) >> 16 == MESH2 >> 16));
}

struct sent rules_sent(enum place at, const uint8_t *data, size_t len)
{
	size_t before = rig_is_lan(at) ? ETH_LEN + 4 * frame_tags(data, len, true) : 0;
	struct sent sent = { .at = at, .mesh = at == WG || at == WG2 };

	if (len < before + 20 || (before && get16(data + before - 2) != 0x0800))
		return sent;
	sent.mac = before ? data + 6 : NULL;
	sent.ip = data + before;
	sent.len = len - before;
	sent.mesh |= before && is_frame_for_mesh(data, sent.ip, at);
	sent.right = has_right_sums(sent.ip, sent.len);
	sent.quote_right = sent.right && has_right_quote(sent.ip, sent.len);
	return sent;
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

wm_ip4 local_at(enum place at, wm_ip4 addr)
{
	for (size_t n = 0; n < WM_ARRAY_LEN(registered); n++)
		if (registered[n].at == at && registered[n].overlay == addr && addr)
			return registered[n].local;
	return addr;
}

bool is_registered_at(enum place at, wm_ip4 local)
{
	for (size_t n = 0; n < WM_ARRAY_LEN(registered); n++)
		if (registered[n].at == at && registered[n].local == local && (registered[n].overlay || plane_meshes() > 1))
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
	return plane_config() == HUB && (src == ROAM || src == IDEV);
}

static const char *judge_wg(const struct seen *s, const struct sent *sent)
{
	wm_ip4 src = get32(s->data + 12), dst = get32(s->data + 16), mesh = s->at == WG ? MESH : MESH2;
	wm_ip4 subnet = mesh | 2 << 8;

	if (src >> 16 != mesh >> 16 || dst >> 16 != mesh >> 16)
		return "a packet leaves through a tunnel with an address outside its mesh";
	if (dst == mesh || dst == (mesh | 0xffff))
		return "a packet leaves through a tunnel to everybody";
	if (s->at == WG && src >> 8 == subnet >> 8 && !may_be_source(src, sent->at))
		return "a packet leaves through a tunnel with somebody else's source";
	if (s->at == WG && rig_is_lan(sent->at) && src >> 8 != subnet >> 8)
		return "a packet leaves through a tunnel with another site's source";
	if (sent->at == BOX && src != GW)
		return "a container's packet leaves through a tunnel";
	return NULL;
}

static const char *judge_lan(const struct seen *s, const struct sent *sent)
{
	uint8_t own[6];

	rig_gateway_mac(s->at, own);
	if (memcmp(s->eth + 6, own, 6) != 0)
		return "a frame leaves with somebody else's MAC";
	if (s->eth[0] & 1)
		return "a frame leaves to a group of machines";
	if (!s->ip || s->len < 20)
		return "something leaves to a LAN that is no IPv4";
	if (sent->mesh && !is_registered_at(s->at, get32(s->data + 16)))
		return "a packet of the mesh reaches an unregistered address of a LAN";
	return NULL;
}

static const char *judge_local(const struct seen *s, const struct sent *sent)
{
	wm_ip4 dst = get32(s->data + 16);

	return sent->mesh && dst != GW && dst != GWX ? "a packet of the mesh reaches another address of the gateway than g" : NULL;
}

/* What is quoted has to make sense to whom it goes to: a host's own packets as it sent them, by its LAN address; the mesh
 * knows hosts by overlay addresses only. */
static const char *judge_quote(const struct seen *s, const struct sent *sent)
{
	size_t len;
	const uint8_t *q = quoted_in(s->data, s->len, &len);

	if (!q || s->at == LOCAL || q[0] >> 4 != 4)
		return NULL;
	if (s->at == WG && rig_is_lan(sent->at) && is_registered_at(sent->at, get32(q + 16)) &&
	    overlay_at(sent->at, get32(q + 16)) != get32(q + 16))
		return "the mesh is told of a host by its LAN address";
	if (s->at >= LAN0 && s->at <= LAN2 && sent->mesh && get32(q + 12) != get32(s->data + 16) &&
	    get32(q + 12) == overlay_at(s->at, get32(s->data + 16)))
		return "a host is told of its own packet by its overlay address";
	return NULL;
}

/* The stack's own: it has another id or protocol, or quotes what was sent. */
static bool is_derived(const struct seen *s, const struct sent *sent)
{
	size_t len;
	const uint8_t *q = quoted_in(s->data, s->len, &len);

	if (memcmp(s->data + 4, sent->ip + 4, 2) != 0 || s->data[9] != sent->ip[9])
		return false;
	return !q || memcmp(q + 2, sent->ip + 2, 4) != 0 || q[9] != sent->ip[9];
}

/* One hop at most, and never more life than it had. */
static const char *judge_ttl(const struct seen *s, const struct sent *sent)
{
	if (!sent->ip || sent->len < 20 || !is_derived(s, sent))
		return NULL;
	if (s->at == LOCAL)
		return NULL; /* maybe put together from others */
	return s->data[8] != sent->ip[8] && s->data[8] + 1 != sent->ip[8] ? "a TTL is neither as it was nor one less" : NULL;
}

static const char *judge_place(const struct seen *s, const struct sent *sent)
{
	if (s->at == WG || s->at == WG2)
		return judge_wg(s, sent);
	if (s->at == LOCAL)
		return judge_local(s, sent);
	return s->at != BOX ? judge_lan(s, sent) : NULL;
}

const char *rules_broken(const struct sent *sent, const struct seen *s)
{
	const char *rule = judge_place(s, sent);

	if (!rule && sent->right && s->ip && !has_right_sums(s->data, s->len) && s->at != LOCAL)
		rule = "a right checksum has become a wrong one";
	if (!rule && sent->quote_right && s->at != LOCAL && quoted_in(s->data, s->len, &(size_t){ 0 }) &&
	    !has_right_quote(s->data, s->len))
		rule = "a quoted right checksum has become a wrong one";
	if (!rule && s->ip && s->len >= 20)
		rule = judge_quote(s, sent);
	return rule || !s->ip || s->len < 20 ? rule : judge_ttl(s, sent);
}
