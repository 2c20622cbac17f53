/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/packet.h"

#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "unit/unit.h"

#define SRC 0xc0a8010a
#define DST 0xac1e0302

/* Ones' complement sum of big-endian words; 0xffff over what has its own checksum in it. */
static uint32_t sum(uint32_t from, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		from += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (from >> 16)
		from = (from & 0xffff) + (from >> 16);
	return from;
}

static const struct {
	const char *name;
	struct wm_packet p;
	size_t len;
} packets[] = {
	{ "tcp", { SRC, DST, 6, 64, 40000, 443, .tcp_flags = 0x12 }, 40 },
	{ "tcp of a size", { SRC, DST, 6, 1, 1, 65535, .tcp_flags = 2, .size = 1501, .df = true }, 1501 },
	{ "udp", { SRC, DST, 17, 255, 5353, 53 }, 28 },
	{ "udp of an odd size", { SRC, DST, 17, 64, 5353, 53, .size = 29 }, 29 },
	{ "icmp", { SRC, DST, 1, 64, 7, 1, .icmp_type = 8 }, 28 },
	{ "gre", { SRC, DST, 47, 64 }, 20 },
	{ "a first fragment", { SRC, DST, 17, 64, 5353, 53, .size = 100, .more = true }, 100 },
	{ "a later fragment", { SRC, DST, 17, 64, .frag = 1480, .more = true }, 28 },
};

static void made_and_read_back(void **state)
{
	uint8_t data[WM_PACKET_MAX];
	struct wm_packet got;
	size_t len;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(packets); i++) {
		const struct wm_packet *p = &packets[i].p;
		bool sums = !p->frag && (p->proto == 6 || p->proto == 17);

		assert_int_equal(wm_packet_make(p, data, &len), 0);
		assert_int_equal(len, packets[i].len);
		assert_int_equal(sum(0, data, 20), 0xffff);
		if (sums)
			assert_int_equal(sum(sum((uint32_t)p->proto + (uint32_t)len - 20, data + 12, 8), data + 20, len - 20), 0xffff);
		if (p->proto == 1)
			assert_int_equal(sum(0, data + 20, len - 20), 0xffff);
		assert_int_equal(wm_packet_read(data, len, &got), 0);
		assert_int_equal(got.size, packets[i].len);
		got.size = p->size;
		assert_int_equal(got.src, p->src);
		assert_int_equal(got.dst, p->dst);
		assert_int_equal(got.sport, p->sport);
		assert_int_equal(got.dport, p->dport);
		assert_int_equal(got.tcp_flags, p->tcp_flags);
		assert_int_equal(got.icmp_type, p->icmp_type);
		assert_int_equal(got.frag, p->frag);
		assert_int_equal(got.ttl, p->ttl);
		assert_true(got.more == p->more && got.df == p->df);
	}
}

static void what_cannot_be(void **state)
{
	const struct wm_packet bad[] = {
		{ SRC, DST, 6, 64, .size = 39 },  { SRC, DST, 17, 64, .size = 20 }, { SRC, DST, 47, 64, .size = 19 },
		{ SRC, DST, 6, 64, .frag = 4 }, { SRC, DST, 17, 64, .size = WM_PACKET_MAX + 1 },
	};
	uint8_t data[WM_PACKET_MAX];
	struct wm_packet got;
	size_t len;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_int_equal(wm_packet_make(&bad[i], data, &len), -EINVAL);
	assert_int_equal(wm_packet_make(&packets[0].p, data, &len), 0);
	assert_int_equal(wm_packet_read(data, 0, &got), -EBADMSG);
	assert_int_equal(wm_packet_read(data, 19, &got), -EBADMSG);
	assert_int_equal(wm_packet_read(data, 39, &got), 0); /* no ports then */
	assert_int_equal(got.dport, 0);
	data[0] = 0x4f;
	assert_int_equal(wm_packet_read(data, 40, &got), -EBADMSG);
	data[0] = 0x44;
	assert_int_equal(wm_packet_read(data, 40, &got), -EBADMSG);
	data[0] = 0x65;
	assert_int_equal(wm_packet_read(data, 40, &got), -EBADMSG);
}

static void flags_by_letters(void **state)
{
	static const struct {
		const char *text;
		uint8_t flags;
		const char *again;
	} rows[] = { { "S", 2, "S" }, { "SA", 0x12, "SA" }, { "AS", 0x12, "SA" }, { "FPU", 0x29, "FPU" }, { "0", 0, "0" },
		     { "FSRPAUEC", 0xff, "SFRAPUEC" } };
	static const char *const bad[] = { "", "X", "s", "S0", "S A", "syn" };
	char text[WM_TCP_FLAGS_TEXT];
	uint8_t flags;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		assert_int_equal(wm_tcp_flags_parse(rows[i].text, &flags), 0);
		assert_int_equal(flags, rows[i].flags);
		assert_string_equal(wm_tcp_flags_format(flags, text), rows[i].again);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_int_equal(wm_tcp_flags_parse(bad[i], &flags), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(made_and_read_back),
		TEST(what_cannot_be),
		TEST(flags_by_letters),
	};

	return UNIT_RUN("packet", tests);
}
