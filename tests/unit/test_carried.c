/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Counters that go on when one back end takes over from the other: neither lost
 * nor doubled, whenever somebody is killed, and nobody inherits another's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/carried.h"
#include "unit/unit.h"

#define BPF 7
#define NFT 9
#define ANN 0x0a000002
#define BOB 0x0a000003

static struct wm_instance inst;
static struct wm_end ends[2];
static struct wm_plan plan = { .ends = ends, .nends = 2 };

static int setup(void **state)
{
	char dir[] = "/tmp/wm-carried-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(inst.state_dir, sizeof(inst.state_dir), "%s", dir);
	ends[0] = (struct wm_end){ .overlay = ANN, .name = "ann" };
	ends[1] = (struct wm_end){ .overlay = BOB, .name = "bob" };
	plan.nends = 2;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(wm_carried_remove(&inst, &err), 0);
	assert_int_equal(wm_carried_remove(&inst, &err), 0); /* fine if there is nothing */
	assert_int_equal(rmdir(inst.state_dir), 0);
	return 0;
}

static uint32_t owner(const char *name)
{
	return wm_hash32(name, strlen(name));
}

/* Whoever `source` is has counted n packets to ann, and 10 n from bob. */
static void leave(uint64_t source, uint64_t n, bool knows)
{
	struct wm_end_counters rows[] = {
		{ .overlay = ANN, .owner = knows ? owner("ann") : 0, .to = { n, 44 * n } },
		{ .overlay = BOB, .owner = knows ? owner("bob") : 0, .from = { 10 * n, 440 * n }, .last_seen = 100 },
	};
	struct wm_counters last = { .ends = rows, .nends = 2 };

	last.reason[WM_REASON_TO_LAN] = (struct wm_count){ n, 44 * n };
	assert_int_equal(wm_carried_add(&inst, &plan, source, &last, &err), 0);
}

/* What `source` shows that has itself counted one packet for each. */
static void expect(uint64_t source, uint32_t owner_of_ann, uint64_t to_ann, uint64_t from_bob, uint64_t reason)
{
	struct wm_end_counters rows[] = {
		{ .overlay = ANN, .owner = owner_of_ann, .to = { 1, 44 } },
		{ .overlay = BOB, .from = { 1, 44 } },
	};
	struct wm_counters c = { .ends = rows, .nends = 2 };

	c.reason[WM_REASON_TO_LAN] = (struct wm_count){ 1, 44 };
	assert_int_equal(wm_carried_merge(&inst, source, &c, &err), 0);
	assert_int_equal(rows[0].to.packets, to_ann);
	assert_int_equal(rows[0].to.bytes, 44 * to_ann);
	assert_int_equal(rows[1].from.packets, from_bob);
	assert_int_equal(c.reason[WM_REASON_TO_LAN].packets, reason);
}

static void nothing_is_carried_at_first(void **state)
{
	(void)state;
	expect(NFT, 0, 1, 1, 1);
	assert_int_equal(wm_carried_prune(&inst, &plan, &err), 0);
	expect(NFT, 0, 1, 1, 1);
}

static void it_goes_on_from_one_to_the_next(void **state)
{
	(void)state;
	leave(BPF, 5, true);
	expect(NFT, 0, 6, 51, 6);
	leave(NFT, 2, false); /* itself, without what was before */
	expect(BPF + 1, owner("ann"), 8, 71, 8);
}

/* Killed before its objects were removed: it is told again, or comes back into force with what it has counted. */
static void told_twice_it_counts_once(void **state)
{
	(void)state;
	leave(BPF, 5, true);
	leave(NFT, 2, false);
	leave(NFT, 2, false);
	expect(BPF + 1, 0, 8, 71, 8);
	expect(NFT, 0, 6, 51, 6);
	leave(NFT, 4, false);
	expect(BPF + 1, 0, 10, 91, 10);
}

static void nobody_inherits(void **state)
{
	(void)state;
	leave(BPF, 5, true);
	expect(NFT, owner("eve"), 1, 51, 6);
	strcpy(ends[0].name, "eve");
	assert_int_equal(wm_carried_prune(&inst, &plan, &err), 0);
	expect(NFT, 0, 1, 51, 6); /* nftables does not know whose it is */
	plan.nends = 1;
	assert_int_equal(wm_carried_prune(&inst, &plan, &err), 0);
	plan.nends = 2;
	assert_int_equal(wm_carried_prune(&inst, &plan, &err), 0);
	expect(NFT, 0, 1, 1, 6);
}

static void who_has_gone_by_then_is_forgotten(void **state)
{
	(void)state;
	strcpy(ends[0].name, "eve");
	leave(BPF, 5, true); /* ann's */
	expect(NFT, 0, 1, 51, 6);
}

static void spoil(size_t at, size_t len)
{
	char path[WM_PATH_SIZE + 16], *text;
	size_t size;

	snprintf(path, sizeof(path), "%s/counters", inst.state_dir);
	assert_int_equal(wm_read_file(path, 1 << 20, &text, &size), 0);
	if (at < size)
		text[at] ^= 1;
	assert_int_equal(wm_replace_file(path, 0600, text, WM_MIN(size, len)), 0);
	free(text);
}

/* Another start of the machine, another version, half a file. */
static void what_does_not_belong_here_is_nothing(void **state)
{
	static const size_t where[][2] = { { 0, 1 << 20 }, { 4, 1 << 20 }, { 8, 1 << 20 }, { 1 << 20, 7 },
					   { 1 << 20, 100 }, { 1 << 20, 500 } };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(where); i++) {
		leave(BPF, 5, true);
		expect(NFT, 0, 6, 51, 6);
		spoil(where[i][0], where[i][1]);
		expect(NFT, 0, 1, 1, 1);
		assert_int_equal(wm_carried_remove(&inst, &err), 0);
	}
}

#define CARRIED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CARRIED(nothing_is_carried_at_first), CARRIED(it_goes_on_from_one_to_the_next), CARRIED(told_twice_it_counts_once),
		CARRIED(nobody_inherits), CARRIED(who_has_gone_by_then_is_forgotten), CARRIED(what_does_not_belong_here_is_nothing),
	};

	return UNIT_RUN("carried", tests);
}
