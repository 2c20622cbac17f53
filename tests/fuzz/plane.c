/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer's target: the data plane in its world, whatever is sent to it.
 * WM_FUZZ_SAY=1 says what comes in and goes out.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "fuzz/input.h"
#include "fuzz/oracle.h"
#include "packets/describe.h"
#include "packets/frame.h"
#include "packets/plane.h"
#include "packets/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* packets/rig.h, as far as plane.c asks. */
uint32_t rig_ifindex(enum place at)
{
	return 10 + (uint32_t)at;
}

int rig_wg_down(enum place at)
{
	(void)at;
	return 0;
}

/* --- a packet ------------------------------------------------------------------------------ */

struct packet_bytes {
	uint8_t data[INPUT_MOST];
	size_t len, before; /* before: bytes of Ethernet header */
	struct virtio_net_hdr vnet;
};

/* Where its L4 header is, of a packet that is all there and no later fragment; 0: nowhere. */
static size_t l4_of(const struct packet_bytes *p)
{
	const uint8_t *ip = p->data + p->before;
	size_t header;

	if (p->len < p->before + 20 || (p->before && get16(p->data + p->before - 2) != 0x0800))
		return 0;
	header = (ip[0] & 15u) * 4;
	if (ip[0] >> 4 != 4 || header < 20 || get16(ip + 2) < header || get16(ip + 2) > p->len - p->before)
		return 0;
	return get16(ip + 6) & 0x1fff ? 0 : p->before + header;
}

/* The sum over what is there; a fragment's covers what is not. */
static void repair_l4(struct packet_bytes *p, size_t l4)
{
	uint8_t *ip = p->data + p->before;
	size_t end = p->before + get16(ip + 2), len = end - l4;
	unsigned int at = ip[9] == IPPROTO_ICMP ? 2 : csum_offset(ip[9]);
	uint32_t pseudo = ip[9] == IPPROTO_ICMP ? 0 : csum_pseudo(get32(ip + 12), get32(ip + 16), ip[9], len);
	size_t covered = len;
	uint16_t sum;

	if (!at || len < at + 2u || len < 8 || get16(ip + 6) & 0x3fff)
		return;
	if (ip[9] == IPPROTO_UDPLITE && get16(p->data + l4 + 4) >= 8)
		covered = WM_MIN(len, get16(p->data + l4 + 4));
	put16(p->data + l4 + at, 0);
	sum = (uint16_t)~csum_fold(csum_add(pseudo, p->data + l4, covered));
	put16(p->data + l4 + at, !sum && ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_ICMP ? 0xffff : sum);
	if (p->vnet.flags)
		put16(p->data + l4 + at, csum_fold(pseudo));
}

static void repair(struct packet_bytes *p)
{
	uint8_t *ip = p->data + p->before;
	size_t l4 = l4_of(p);

	if (!l4)
		return;
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~csum_fold(csum_add(0, ip, l4 - p->before)));
	repair_l4(p, l4);
}

/* Offloads as a driver would announce them: only of what is whole, and only where there is a checksum to leave. */
static void offload(struct packet_bytes *p, const struct record *r)
{
	const uint8_t *ip = p->data + p->before;
	size_t l4 = l4_of(p), segment = r->size[0] | (size_t)r->size[1] << 8, header;

	p->vnet = (struct virtio_net_hdr){ 0 };
	if (!l4 || !(r->flags & RECORD_PARTIAL) || (ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_UDP) ||
	    get16(ip + 6) & 0x2000 || l4 + (ip[9] == IPPROTO_TCP ? 20 : 8) > p->before + get16(ip + 2))
		return;
	p->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	p->vnet.csum_start = (uint16_t)l4;
	p->vnet.csum_offset = (uint16_t)csum_offset(ip[9]);
	if (!(r->flags & RECORD_GSO) || ip[9] != IPPROTO_TCP)
		return;
	header = l4 + (size_t)(p->data[l4 + 12] >> 4) * 4;
	if (header < l4 + 20 || segment < 16 || p->len != p->before + get16(ip + 2) || p->len <= header + segment)
		return;
	p->vnet.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	p->vnet.gso_size = (uint16_t)segment;
}

static void say(const char *what, enum place at, const uint8_t *ip, size_t len)
{
	struct seen s = { .at = at, .data = (uint8_t *)(uintptr_t)ip, .len = len, .ip = true };
	char line[DESCRIBE_SIZE];

	if (getenv("WM_FUZZ_SAY"))
		fprintf(stderr, "%s %s\n", what, describe(&s, line));
}

static void send_packet(struct packet_bytes *p, const struct record *r, enum place at)
{
	const struct sent *sent;

	p->before = rig_is_lan(at) ? ETH_LEN + 4 * frame_tags(p->data, p->len, false) : 0;
	offload(p, r);
	if (r->flags & RECORD_REPAIR)
		repair(p);
	if (p->len >= p->before)
		say("in: ", at, p->data + p->before, p->len - p->before);
	sent = oracle_before(at, p->data, p->len, &p->vnet);
	world_send(at, p->data, p->len, &p->vnet);
	for (size_t n = 0; n < world.out.n; n++)
		say("out:", world.out.item[n].at, world.out.item[n].data, world.out.item[n].len);
	oracle_after(sent);
	for (size_t n = 0; n < world.out.n; n++)
		free(world.out.item[n].data);
	world.out.n = 0;
}

/* --- an input ------------------------------------------------------------------------------- */

/* A second mesh or none: its places lead nowhere then. */
static bool is_there(enum place at)
{
	return at != WG2 || plane_of(1);
}

static void play(const uint8_t *data, size_t size)
{
	static struct packet_bytes p;
	struct record r;

	for (size_t at = 0; at + sizeof(r) <= size; at += p.len) {
		memcpy(&r, data + at, sizeof(r));
		at += sizeof(r);
		enum place place = (enum place)(WG + r.at % (TAP - WG + 1));
		size_t len = r.len[0] | (size_t)r.len[1] << 8;

		p.len = place == TAP ? 0 : WM_MIN(WM_MIN(len, size - at), (size_t)INPUT_MOST);
		memcpy(p.data, data + at, p.len);
		if (place == TAP)
			plane_age((unsigned int)len);
		else if (is_there(place))
			send_packet(&p, &r, place);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int before = UINT8_MAX;
	unsigned int choice;

	if (!size)
		return 0;
	choice = data[0] % (4 * CONFIGS);
	if (choice != before)
		plane_down();
	before = choice;
	plane_forget();
	native_now = (uint64_t)1 << 32;
	if (plane_up(input_config((uint8_t)choice), input_mode((uint8_t)choice)) < 0)
		abort();
	oracle_reset();
	world.ran = oracle_ran;
	world.end = oracle_end;
	play(data + 1, size - 1);
	world_reset();
	return 0;
}
