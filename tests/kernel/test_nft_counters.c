/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whose an end's counters are, with nftables, where they are in elements of sets:
 * they go when another one takes the address, and stay when the elements have to
 * be others.
 */
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/carried.h"
#include "kernel/netns.h"
#include "kernel/nft_setup.h"

#define MANY 200

/* The host in the first place of the plan, which is NAS. */
#define HOST (&rig.ends[0])

static uint32_t hash(const char *name)
{
	return wm_hash32(name, strlen(name));
}

/* So many packets to the host and back out, with no more than their addresses in them. */
static void traffic(unsigned int to, unsigned int from)
{
	const struct packet in = udp(FAR, NAS, 20), out = udp(HOST->local, FAR, 20);
	struct packet got;

	for (unsigned int i = 0; i < to; i++) {
		send_wg(&rig, &in);
		assert_true(recv_lan(&rig, 0, &got, NULL));
	}
	for (unsigned int i = 0; i < from; i++) {
		send_lan(&rig, 0, PLAIN_MAC, &out);
		assert_true(recv_wg(&rig, &got));
	}
}

static void expect(uint32_t owner, uint64_t to, uint64_t from)
{
	struct wm_end_counters row = rig_end_counters(&rig, NAS);

	assert_int_equal(row.owner, owner);
	assert_int_equal(row.to.packets, to);
	assert_int_equal(row.from.packets, from);
}

/* The ruleset and all its elements would be the same, but for whom they count. */
static void nobody_inherits(void **state)
{
	(void)state;
	traffic(3, 2);
	expect(hash("nas"), 3, 2);
	strcpy(HOST->name, "other");
	assert_true(rig_apply(&rig) > 0);
	expect(hash("other"), 0, 0);
	traffic(1, 1);
	expect(hash("other"), 1, 1);
	assert_int_equal(rig_apply(&rig), 0);
}

/* What the other back end had counted, too; also when somebody was killed before he could forget it. */
static void nor_what_was_carried(void **state)
{
	struct wm_end_counters row = { .overlay = NAS, .owner = hash("nas"), .to = { 5, 500 } };
	struct wm_counters last = { .ends = &row, .nends = 1 };
	char dir[] = "/tmp/wm-counters-XXXXXX";
	struct wm_error err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(rig.inst.state_dir, sizeof(rig.inst.state_dir), "%s", dir);
	assert_int_equal(wm_carried_add(&rig.inst, &rig.plan, 7, &last, &err), 0);
	expect(hash("nas"), 5, 0);
	*rig.inst.state_dir = '\0';
	strcpy(HOST->name, "other");
	rig_apply(&rig);
	snprintf(rig.inst.state_dir, sizeof(rig.inst.state_dir), "%s", dir);
	expect(hash("other"), 0, 0);
	assert_int_equal(wm_carried_remove(&rig.inst, &err), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* --- the host is another, and still the same ------------------------------------------------------ */

static void another_lan_address(void)
{
	HOST->local = HOST->local == NAS_LAN ? IP(192, 168, 1, 13) : NAS_LAN;
}

static void another_mac(void)
{
	HOST->has_mac = !HOST->has_mac;
	HOST->mac = (struct wm_mac){ { 2, 0, 0, 0, 0, PLAIN_MAC } };
}

static void another_type(void)
{
	HOST->access = HOST->access == WM_ACCESS_FULL ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
}

static void all_of_it(void)
{
	another_lan_address();
	another_mac();
	another_type();
}

static void (*const changes[])(void) = { another_lan_address, another_mac, another_type, all_of_it };

/* Each of them, and back. All that the host has counted is still there, and counting goes on. */
static void a_change_is_no_end(void **state)
{
	uint64_t to = 3, from = 2;

	(void)state;
	traffic(3, 2);
	for (size_t i = 0; i < 2 * WM_ARRAY_LEN(changes); i++) {
		changes[i / 2]();
		assert_true(rig_apply(&rig) > 0);
		expect(hash("nas"), to, from);
		/* Isolated, it may answer nobody: the other end has another port each time. */
		traffic(1, HOST->access == WM_ACCESS_FULL);
		to++;
		from += HOST->access == WM_ACCESS_FULL;
		expect(hash("nas"), to, from);
		assert_int_equal(rig_apply(&rig), 0);
	}
}

/* The same by what has changed alone. */
static void a_part_will_do(void **state)
{
	struct wm_end gone = *HOST;
	struct wm_plan_diff since = { .gone = &gone, .come = HOST, .ngone = 1, .ncome = 1 };
	struct wm_error err = { 0 };

	(void)state;
	traffic(3, 2);
	all_of_it();
	assert_true(wm_dataplane_nft.change(&rig.inst, &rig.plan, &since, if_nametoindex("wg0"), &err) > 0);
	expect(hash("nas"), 3, 2);
	assert_int_equal(rig_apply(&rig), 0);
	/* Another one in its place: not. */
	gone = *HOST;
	strcpy(HOST->name, "other");
	another_lan_address();
	assert_true(wm_dataplane_nft.change(&rig.inst, &rig.plan, &since, if_nametoindex("wg0"), &err) > 0);
	expect(hash("other"), 0, 0);
}

/* More than are asked for at once. */
static void many_at_once(void **state)
{
	struct wm_counters counters;
	struct wm_error err = { 0 };
	struct wm_end *ends = calloc(MANY + 1, sizeof(*ends));

	(void)state;
	assert_non_null(ends);
	ends[0] = *HOST;
	for (uint32_t i = 1; i <= MANY; i++) {
		ends[i] = (struct wm_end){ .overlay = IP(172, 30, 2, 20) + i, .local = IP(192, 168, 1, 20) + i, .access = WM_ACCESS_FULL };
		snprintf(ends[i].name, sizeof(ends[i].name), "host-%u", i);
	}
	rig.plan.ends = ends;
	rig.plan.nends = MANY + 1;
	rig_apply(&rig);
	for (uint32_t i = 1; i <= MANY; i++) {
		const struct packet in = udp(FAR, ends[i].overlay, 20);

		send_wg(&rig, &in);
		ends[i].has_mac = true;
		ends[i].access = WM_ACCESS_ISOLATED;
	}
	rig_counted(&rig, WM_REASON_TO_LAN, MANY);
	rig_apply(&rig);
	assert_int_equal(wm_dataplane_nft.read(&rig.inst, &counters, &err), 0);
	assert_int_equal(counters.nends, MANY + 1);
	for (uint32_t i = 1; i <= MANY; i++)
		assert_int_equal(counters.ends[i].to.packets, 1);
	wm_counters_free(&counters);
	free(ends);
}

static int body(void)
{
	const struct CMUnitTest tests[] = {
		SPOKE(nobody_inherits), SPOKE(nor_what_was_carried), SPOKE(a_change_is_no_end), LANS(a_change_is_no_end),
		SPOKE(a_part_will_do), SPOKE(many_at_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft counters", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
