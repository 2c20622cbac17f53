/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/verify.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "packets/describe.h"

/* A sum over data that contains its own complement is all ones. */
static bool is_whole(uint32_t sum)
{
	return csum_fold(sum) == 0xffff;
}

/* The L4 checksum of a packet that is all there. */
static const char *verify_l4(const uint8_t *ip, const uint8_t *l4, size_t len)
{
	uint8_t proto = ip[9];
	uint32_t pseudo = csum_pseudo(get32(ip + 12), get32(ip + 16), proto, len);
	size_t covered = len;

	if (proto == IPPROTO_ICMP)
		return len < 8 || is_whole(csum_add(0, l4, len)) ? NULL : "wrong ICMP checksum";
	if (!csum_offset(proto) || len < csum_offset(proto) + 2)
		return NULL;
	if (proto == IPPROTO_UDP && !get16(l4 + 6))
		return NULL;
	if (proto == IPPROTO_UDPLITE && get16(l4 + 4))
		covered = WM_MIN(len, get16(l4 + 4));
	return is_whole(csum_add(pseudo, l4, covered)) ? NULL : "wrong L4 checksum";
}

const char *verify_sums(const uint8_t *ip, size_t len)
{
	size_t header = len ? (ip[0] & 15u) * 4 : 0;

	if (len < 20 || header < 20 || header > len || get16(ip + 2) > len || get16(ip + 2) < header)
		return "no whole IPv4 packet";
	if (!is_whole(csum_add(0, ip, header)))
		return "wrong IP header checksum";
	if (get16(ip + 6) & 0x3fff)
		return NULL; /* a fragment */
	return verify_l4(ip, ip + header, get16(ip + 2) - header);
}

/* The stack's choice of IP id, "don't fragment" and so of the header checksum, taken out. */
static void forget_id(uint8_t *ip, size_t len)
{
	if (len < 20)
		return;
	put16(ip + 4, 0);
	ip[6] &= (uint8_t)~0x40;
	put16(ip + 10, 0);
}

/* One zero for the two of ones' complement, where a checksum is. */
static void one_zero(uint8_t *ip, size_t len)
{
	size_t header = len ? (ip[0] & 15u) * 4 : 0;

	if (len < header + 8 || header < 20 || get16(ip + 6) & 0x1fff)
		return;
	size_t at = header + (ip[9] == IPPROTO_ICMP ? 2 : csum_offset(ip[9]));
	/* UDP: 0 is no checksum, another thing than a sum of 0. */
	if (at == header || ip[9] == IPPROTO_UDP || at + 2 > len)
		return;
	if (get16(ip + at) == 0xffff)
		put16(ip + at, 0);
}

static bool same_bytes(const struct seen *want, const struct seen *got)
{
	static uint8_t x[BYTES_MAX], y[BYTES_MAX];

	if (want->len != got->len)
		return false;
	memcpy(x, want->data, want->len);
	memcpy(y, got->data, got->len);
	if (want->ip) {
		one_zero(x, want->len);
		one_zero(y, got->len);
	}
	if (want->any_id) {
		forget_id(x, want->len);
		forget_id(y, got->len);
	}
	return memcmp(x, y, want->len) == 0;
}

bool verify_same(const struct seen *want, const struct seen *got)
{
	return want->at == got->at && want->ip == got->ip && !got->unfinished &&
	       memcmp(want->eth, got->eth, ETH_LEN) == 0 && same_bytes(want, got);
}

/* Where two packets of the same place begin to differ. */
static void say_difference(const struct seen *want, const struct seen *got, const char *where)
{
	size_t n = WM_MIN(want->len, got->len), at = 0;

	if (memcmp(want->eth, got->eth, ETH_LEN) != 0)
		printf("# %s: they differ in the Ethernet header\n", where);
	while (at < n && want->data[at] == got->data[at])
		at++;
	if (at < n)
		printf("# %s: they differ from byte %zu on: %02x, not %02x\n", where, at, got->data[at], want->data[at]);
	else if (want->len != got->len)
		printf("# %s: %zu bytes, not %zu\n", where, got->len, want->len);
}

bool verify_all(const struct seen_list *want, const struct seen_list *got, const char *where)
{
	WM_AUTO_FREE bool *found = calloc(got->n + 1, sizeof(*found));
	const struct seen *missing = NULL;
	char line[DESCRIBE_SIZE];
	bool good = true;

	if (!found)
		abort();
	for (size_t w = 0; w < want->n; w++) {
		size_t g = 0;

		while (g < got->n && (found[g] || !verify_same(&want->item[w], &got->item[g])))
			g++;
		found[g] = true;
		const char *wrong = g < got->n && got->item[g].ip && !want->item[w].wrong_sum ?
					    verify_sums(got->item[g].data, got->item[g].len) : NULL;
		if (g < got->n && !wrong)
			continue;
		good = false;
		missing = &want->item[w];
		printf("# %s: %s %s\n", where, wrong ? wrong : "expected", describe(missing, line));
	}
	for (size_t g = 0; g < got->n; g++) {
		if (found[g])
			continue;
		good = false;
		printf("# %s: got      %s\n", where, describe(&got->item[g], line));
		if (missing && missing->at == got->item[g].at)
			say_difference(missing, &got->item[g], where);
	}
	return good;
}
