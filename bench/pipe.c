/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/pipe.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <netinet/ip.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"

#define BARE 120 /* bytes: what is longer carries data */

struct held {
	struct virtio_net_hdr head;
	uint8_t data[ETH_HLEN + 65536];
} __attribute__((packed));

static uint16_t sum_of(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(struct iphdr); i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}

/* Of the LAN's host whose address it is here (near) or there. */
static uint32_t host_of(const struct wire_world *w, uint32_t addr, int translated)
{
	return addr - wire_near(w, 0, translated);
}

static enum wire_fault check_ip(const struct wire_world *w, const uint8_t *data, size_t len, uint32_t near_host)
{
	struct iphdr ip;

	if (len < sizeof(ip))
		return WIRE_STRANGE;
	memcpy(&ip, data, sizeof(ip));
	if (ip.version != 4 || ip.protocol != IPPROTO_TCP || ntohs(ip.tot_len) != len)
		return WIRE_STRANGE;
	if (near_host >= w->hosts)
		return WIRE_ADDRESS;
	if (ip.ttl != w->ttl)
		return WIRE_TTL;
	return sum_of(data) == 0xffff ? WIRE_GOOD : WIRE_IP_SUM;
}

static uint32_t address_at(const uint8_t *data, size_t offset)
{
	uint32_t addr;

	memcpy(&addr, data + offset, sizeof(addr));
	return ntohl(addr);
}

static enum wire_fault out_of_wg(const struct wire_world *w, const uint8_t *data, size_t len)
{
	uint32_t src = address_at(data, offsetof(struct iphdr, saddr));

	if (address_at(data, offsetof(struct iphdr, daddr)) != w->away + 2)
		return WIRE_ADDRESS;
	return check_ip(w, data, len, host_of(w, src, 1));
}

static enum wire_fault out_of_lan(const struct wire_world *w, uint8_t *data, size_t len)
{
	static const uint8_t far[ETH_ALEN] = PIPE_FAR_MAC;
	const uint8_t *ip = data + ETH_HLEN;
	uint32_t host = host_of(w, address_at(ip, offsetof(struct iphdr, daddr)), 0);
	uint8_t mac[ETH_ALEN];

	wire_host_mac(host, mac);
	if (memcmp(data, mac, ETH_ALEN) != 0)
		return WIRE_MAC;
	if (address_at(ip, offsetof(struct iphdr, saddr)) != w->away + 2)
		return WIRE_ADDRESS;
	memcpy(data, far, ETH_ALEN);
	return check_ip(w, ip, len - ETH_HLEN, host);
}

static void into_lan(const struct wire_world *w, uint8_t *data)
{
	uint32_t src = address_at(data + ETH_HLEN, offsetof(struct iphdr, saddr));

	wire_host_mac(host_of(w, src, 0), data + ETH_ALEN);
}

/* Whether it is to be handed on. What is no IPv4 is not ours to look at, and nobody here needs it. */
static bool look(struct pipe *p, struct held *h, size_t len)
{
	bool frame = p->kind == PIPE_INTO_LAN || p->kind == PIPE_OUT_OF_LAN;
	size_t ip = frame ? ETH_HLEN : 0;
	enum wire_fault fault = WIRE_GOOD;

	if (len < ip + sizeof(struct iphdr) || (frame && (h->data[12] != ETH_P_IP >> 8 || h->data[13])))
		return false;
	if (p->kind == PIPE_INTO_LAN)
		into_lan(p->world, h->data);
	else if (p->kind == PIPE_OUT_OF_WG)
		fault = out_of_wg(p->world, h->data, len);
	else if (p->kind == PIPE_OUT_OF_LAN)
		fault = out_of_lan(p->world, h->data, len);
	p->faults[fault]++;
	if (len - ip > BARE) {
		p->packets++;
		p->bytes += len - ip;
	}
	return true;
}

int pipe_move(struct pipe *p, unsigned int most, struct wm_error *err)
{
	static struct held held;
	unsigned int n;

	for (n = 0; n < most; n++) {
		ssize_t len = read(p->from, &held, sizeof(held));

		if (len < 0 && errno == EAGAIN)
			break;
		if (len < (ssize_t)sizeof(held.head))
			return wm_fail(err, len < 0 ? errno : EIO, "cannot read from a TUN: %s", strerror(errno));
		if (look(p, &held, (size_t)len - sizeof(held.head)) && write(p->to, &held, (size_t)len) != len)
			return wm_fail(err, errno, "cannot write to a TUN: %s", strerror(errno));
	}
	return (int)n;
}
