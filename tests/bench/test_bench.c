/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the benchmark computes, without a packet: in which order hosts come, quartiles and ratios, and whether a target
 * is reached.
 */
#include "bench/target.h"
#include "bench/world.h"
#include "core/util.h"
#include "unit/unit.h"

static void each_host_comes_once(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 7, 10, 256, 1000, 4096, 7918, 10000, 10001, 65000, 100000 };

	(void)state;
	for (size_t k = 0; k < WM_ARRAY_LEN(sizes); k++) {
		WM_AUTO_FREE uint8_t *seen = calloc(1, sizes[k]);
		const struct wire_order order = { .one = 0 };
		struct wire_world w;

		assert_non_null(seen);
		world_make(&w, sizes[k]);
		for (uint32_t i = 0; i < sizes[k]; i++) {
			uint32_t host = wire_host_of(&w, &order, 3 * sizes[k] + i);

			assert_in_range(host, 0, sizes[k] - 1);
			assert_int_equal(seen[host]++, 0);
		}
	}
}

/* Equal distances a processor guesses. */
static void no_distance_comes_twice_in_a_row(void **state)
{
	static const uint32_t sizes[] = { 1000, 10000, 65000, 100000, 1000000 };

	(void)state;
	for (size_t k = 0; k < WM_ARRAY_LEN(sizes); k++) {
		const struct wire_order order = { .one = 0 };
		int64_t before = 0;
		struct wire_world w;

		world_make(&w, sizes[k]);
		for (uint32_t i = 0; i < 2000; i++) {
			int64_t distance = (int64_t)wire_host_of(&w, &order, i + 1) - wire_host_of(&w, &order, i);

			assert_true(distance != before);
			before = distance;
		}
	}
}

static void quartiles_and_ratios(void **state)
{
	static double values[] = { 5, 1, 4, 2, 3 }, halves[] = { 10, 2, 8, 4, 6, 99 };
	const struct series a = { .ns = halves, .n = 6 }, b = { .ns = values, .n = 5 };
	struct spread s = spread_of(values, 5);

	(void)state;
	assert_true(s.q1 == 2 && s.median == 3 && s.q3 == 4);
	s = spread_of(values, 2);
	assert_true(s.q1 == 2 && s.median == 3 && s.q3 == 4);
	s = spread_of(values, 0);
	assert_true(s.median == 0);
	/* Round by round, as far as both have some. */
	s = spread_ratio(&a, &b);
	assert_true(s.q1 == 2 && s.median == 2 && s.q3 == 2);
}

/* --- targets -------------------------------------------------------------------------------- */

static double floor_ns[] = { 500 }, bpf_ns[] = { 600 }, ct_ns[] = { 1200 }, set_ns[] = { 1000 }, ingress_ns[] = { 900 };
static struct series few[] = { { .rival = "floor", .ns = floor_ns, .n = 1 },
			       { .rival = "wm_bpf", .ns = floor_ns, .n = 1 } };
static struct series many[] = {
	{ .rival = "floor", .ns = floor_ns, .n = 1 },	      { .rival = "wm_bpf", .ns = bpf_ns, .n = 1 },
	{ .rival = "nft_ct_maps", .ns = ct_ns, .n = 1 },      { .rival = "nft_stateless", .ns = set_ns, .n = 1 },
	{ .rival = "nft_ingress", .ns = ingress_ns, .n = 1 }, { .rival = "nft_rules", .ns = ct_ns, .n = 0 },
};
static struct measure measures[] = {
	{ .name = "wg_to_lan", .hosts = 10, .flows = 40, .series = few, .nseries = 2 },
	{ .name = "wg_to_lan", .hosts = 1000, .flows = 4000, .series = many, .nseries = 6 },
};
static const struct result result = { .measure = measures, .n = 2 };
static const struct costs costs = {
	.cost = { { .program = "in", .hosts = 10, .ns = { .median = 20 } },
		  { .program = "in_more", .hosts = 10, .ns = { .median = 1 } },
		  { .program = "out", .hosts = 10, .ns = { .median = 5 } },
		  { .program = "in", .hosts = 1000, .ns = { .median = 30 } } },
	.n = 4,
};

static void targets_are_found(void **state)
{
	static const struct {
		struct target t;
		double want; /* 0: nothing is to be found */
	} rows[] = {
		{ { TARGET_GROSS, "", "wg_to_lan", "wm_bpf", "nft_ct_maps", 1000, 0 }, 2 },
		{ { TARGET_GROSS, "", "wg_to_lan", "wm_bpf", "nft_stateless nft_ingress", 1000, 0 }, 1.5 },
		{ { TARGET_NET, "", "wg_to_lan", "wm_bpf", "nft_stateless nft_ingress", 1000, 0 }, 4 },
		{ { TARGET_STREAM, "", "wg_to_lan", "wm_bpf", "nft_ct_maps", 1000, 0 }, 0.5 },
		{ { TARGET_GROWTH, "", "wg_to_lan", "wm_bpf", "", 1000, 0 }, 1.2 },
		{ { TARGET_PROGRAM, "", "in", "", "", 1000, 0 }, 30 },
		{ { TARGET_PROGRAM, "", "in+out", "", "", 10, 0 }, 25 },
		{ { TARGET_PROGRAM_GROWTH, "", "in", "", "", 1000, 0 }, 1.5 },
		/* left out, or never measured */
		{ { TARGET_GROSS, "", "wg_to_lan", "wm_bpf", "nft_rules", 1000, 0 }, 0 },
		{ { TARGET_GROSS, "", "wg_to_lan", "wm_bpf", "nft_ct_maps", 10, 0 }, 0 },
		{ { TARGET_GROSS, "", "lan_to_wg", "wm_bpf", "nft_ct_maps", 1000, 0 }, 0 },
		{ { TARGET_GROWTH, "", "wg_to_lan", "wm_bpf", "", 10000, 0 }, 0 },
		{ { TARGET_PROGRAM, "", "in+out", "", "", 1000, 0 }, 0 },
		{ { TARGET_PROGRAM, "", "i", "", "", 1000, 0 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		double found = 0;

		assert_int_equal(target_find(&rows[i].t, &result, &costs, &found), rows[i].want > 0);
		assert_true(found == rows[i].want);
	}
}

static void what_is_enough(void **state)
{
	const struct target least = { .kind = TARGET_GROSS, .want = 2 }, most = { .kind = TARGET_PROGRAM, .want = 2 };

	(void)state;
	assert_true(target_reached(&least, 2) && target_reached(&least, 3) && !target_reached(&least, 1.99));
	assert_true(target_reached(&most, 2) && target_reached(&most, 1) && !target_reached(&most, 2.01));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_host_comes_once), TEST(no_distance_comes_twice_in_a_row),
		TEST(quartiles_and_ratios), TEST(targets_are_found),
		TEST(what_is_enough),
	};

	return UNIT_RUN("bench", tests);
}
