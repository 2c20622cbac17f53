/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whose an end's counters are, with nftables, where they are in elements of sets:
 * they go when another one takes the address.
 */
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/carried.h"
#include "kernel/netns.h"
#include "kernel/nft_setup.h"

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

static int body(void)
{
	const struct CMUnitTest tests[] = { SPOKE(nobody_inherits), SPOKE(nor_what_was_carried) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft counters", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
