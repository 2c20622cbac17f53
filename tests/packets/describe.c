/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/describe.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"

const char *describe_place(enum place at)
{
	static const char *const names[PLACES] = {
		[NOWHERE] = "nowhere", [WG] = "wg", [WG2] = "wg2", [LAN0] = "lan0", [LAN1] = "lan1",
		[LAN2] = "lan2", [BOX] = "box", [LOCAL] = "gateway", [TAP] = "stack",
	};

	return names[at];
}

struct text {
	char *at;
	size_t room;
};

static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(t->at, t->room, fmt, ap);
	va_end(ap);
	size_t used = n < 0 ? 0 : WM_MIN((size_t)n, t->room - 1);
	t->at += used;
	t->room -= used;
}

static void say_ip(struct text *t, const uint8_t *ip, size_t len);

static void say_l4(struct text *t, uint8_t proto, const uint8_t *l4, size_t len)
{
	switch (proto) {
	case IPPROTO_TCP:
		if (len >= 20)
			say(t, " tcp %u>%u flags %02x seq %u ack %u sum %04x", get16(l4), get16(l4 + 2), l4[13],
			    get32(l4 + 4), get32(l4 + 8), get16(l4 + 16));
		break;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		if (len >= 8)
			say(t, " udp %u>%u sum %04x", get16(l4), get16(l4 + 2), get16(l4 + 6));
		break;
	case IPPROTO_ICMP:
		if (len < 8)
			break;
		say(t, " icmp %u/%u rest %08x sum %04x", l4[0], l4[1], get32(l4 + 4), get16(l4 + 2));
		if (l4[0] == 3 || l4[0] == 5 || l4[0] == 11 || l4[0] == 12) {
			say(t, " [");
			say_ip(t, l4 + 8, len - 8);
			say(t, "]");
		}
		break;
	default:
		say(t, " proto %u", proto);
	}
}

static void say_ip(struct text *t, const uint8_t *ip, size_t len)
{
	char src[WM_IP4_TEXT], dst[WM_IP4_TEXT];

	if (len < 20 || ip[0] >> 4 != 4 || len < (ip[0] & 15u) * 4) {
		say(t, "%zu bytes %02x%02x...", len, len ? ip[0] : 0, len > 1 ? ip[1] : 0);
		return;
	}
	uint16_t frag = get16(ip + 6);
	say(t, "%s > %s ttl %u len %u/%zu id %04x", wm_ip4_format(get32(ip + 12), src), wm_ip4_format(get32(ip + 16), dst),
	    ip[8], get16(ip + 2), len, get16(ip + 4));
	if (ip[0] != 0x45)
		say(t, " ihl %u", ip[0] & 15);
	if (ip[1])
		say(t, " tos %02x", ip[1]);
	if (frag)
		say(t, "%s%s at %u", frag & 0x4000 ? " DF" : "", frag & 0x2000 ? " MF" : "", (frag & 0x1fff) * 8);
	if (!(frag & 0x1fff))
		say_l4(t, ip[9], ip + (ip[0] & 15) * 4, len - (ip[0] & 15u) * 4);
}

const char *describe(const struct seen *s, char *buf)
{
	struct text t = { buf, DESCRIBE_SIZE };

	say(&t, "%s: ", describe_place(s->at));
	if (s->ip)
		say_ip(&t, s->data, s->len);
	else
		say(&t, "%zu bytes, not IPv4", s->len);
	if (get16(s->eth + 12))
		say(&t, " from %02x:%02x:..%02x:%02x to %02x:%02x:..%02x:%02x", s->eth[6], s->eth[7], s->eth[10],
		    s->eth[11], s->eth[0], s->eth[1], s->eth[4], s->eth[5]);
	if (s->unfinished)
		say(&t, " UNFINISHED");
	return buf;
}

struct pcap_file {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, most, link;
};

struct pcap_packet {
	uint32_t seconds, microseconds, kept, length;
};

int describe_pcap(const char *path, const struct seen_list *list)
{
	struct pcap_file head = { 0xa1b2c3d4, 2, 4, 0, 0, BYTES_MAX, 1 };
	WM_AUTO_FCLOSE FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	fwrite(&head, sizeof(head), 1, f);
	for (size_t n = 0; n < list->n; n++) {
		const struct seen *s = &list->item[n];
		uint32_t len = (uint32_t)(ETH_LEN + s->len);
		struct pcap_packet packet = { (uint32_t)n, 0, len, len };
		uint8_t eth[ETH_LEN] = { 0 };

		memcpy(eth, s->eth, ETH_LEN);
		if (!get16(eth + 12)) {
			eth[5] = eth[11] = (uint8_t)s->at;
			put16(eth + 12, ETH_P_IP);
		}
		fwrite(&packet, sizeof(packet), 1, f);
		fwrite(eth, sizeof(eth), 1, f);
		fwrite(s->data, 1, s->len, f);
	}
	return ferror(f) ? -EIO : 0;
}
