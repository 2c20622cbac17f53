/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The BPF data plane in devices' tcx lists (Linux 6.6): only ours comes, goes and
 * is replaced in place, whoever else is there; and the way from and to filters.
 */
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/bpf_rig.h"
#include "kernel/front.h"
#include "kernel/netns.h"

static struct rig rig;

static const char *const places[][2] = { { "wg", "ingress" }, { "wg", "egress" }, { "lan0", "ingress" } };

/* The only program there, by its id. */
static uint32_t only(const char *ifname, const char *hook, const char *name)
{
	uint32_t ids[RIG_TCX_MOST];
	struct wm_bpf_owner owner;

	assert_int_equal(rig_tcx(ifname, hook, ids), 1);
	assert_true(wm_bpf_owner_of(ids[0], &owner));
	assert_string_equal(wm_bpf_progs[owner.prog], name);
	assert_int_equal(owner.tc_prio, rig.inst.tc_prio);
	assert_int_equal(owner.fwmark, rig.inst.fwmark);
	return ids[0];
}

static void expect_lists(void)
{
	only("wg", "ingress", "wm_wg_in");
	only("wg", "egress", "wm_wg_out");
	only("lan0", "ingress", "wm_lan_in");
}

/* No filter, and no qdisc that would have one. */
static bool is_plain(const char *ifname)
{
	char *ingress = rig_filters(ifname, "ingress"), *surroundings = rig_surroundings(&rig);
	bool plain = !strstr(ingress, "pref") && !strstr(surroundings, "clsact");

	free(ingress);
	free(surroundings);
	return plain;
}

/* Somebody's program in a list, which lets everything go on; its id. */
static uint32_t put_foreign(const char *ifname, enum wm_bpf_side side, const char *name)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = -1 /* TCX_NEXT */ }, { .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, name, "GPL", code, WM_ARRAY_LEN(code), NULL);
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	assert_int_equal(wm_bpf_tcx_put(if_nametoindex(ifname), side, fd, 0), 0);
	close(fd);
	return info.id;
}

/* --- tests -------------------------------------------------------------------------------- */

static void test_first_apply(void **state)
{
	char *before, *after;

	(void)state;
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &rig.err), 0);
	assert_true(rig_apply(&rig) > 0);
	expect_lists();
	assert_true(is_plain("lan0"));
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &rig.err), 1);
	before = rig_surroundings(&rig);
	assert_int_equal(rig_apply(&rig), 0);
	after = rig_surroundings(&rig);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_others_stay(void **state)
{
	uint32_t before, behind, ids[RIG_TCX_MOST], ours;

	(void)state;
	/* One has the name of ours: it is known by what it was loaded with. */
	before = put_foreign("lan0", WM_BPF_IN, "wm_lan_in");
	rig_apply(&rig);
	behind = put_foreign("lan0", WM_BPF_IN, "foreign");
	assert_int_equal(rig_tcx("lan0", "ingress", ids), 3);
	ours = ids[1];
	assert_int_equal(ids[0], before);
	assert_int_equal(ids[2], behind);
	/* Other programs, in the same place. */
	rig.inst.fastpath = false;
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(rig_tcx("lan0", "ingress", ids), 3);
	assert_int_equal(ids[0], before);
	assert_int_not_equal(ids[1], ours);
	assert_int_equal(ids[2], behind);
	assert_true(wm_dataplane_bpf.remove(&rig.inst, &rig.err) >= 0);
	assert_int_equal(rig_tcx("lan0", "ingress", ids), 2);
	assert_int_equal(ids[0], before);
	assert_int_equal(ids[1], behind);
	assert_int_equal(rig_tcx("wg", "ingress", ids) + rig_tcx("wg", "egress", ids), 0);
}

static void test_what_somebody_takes_off_comes_back(void **state)
{
	(void)state;
	rig_apply(&rig);
	for (size_t i = 0; i < WM_ARRAY_LEN(places); i++) {
		uint32_t ids[RIG_TCX_MOST];
		enum wm_bpf_side side = strcmp(places[i][1], "egress") ? WM_BPF_IN : WM_BPF_OUT;

		assert_int_equal(rig_tcx(places[i][0], places[i][1], ids), 1);
		assert_int_equal(wm_bpf_tcx_take(if_nametoindex(places[i][0]), side, ids[0]), 0);
		assert_int_equal(rig_tcx(places[i][0], places[i][1], ids), 0);
		assert_true(rig_apply(&rig) > 0);
		expect_lists();
	}
}

static void expect_front(int at, const char *ifname, const char *side, const char *what)
{
	struct wm_front front[WM_FRONTS_MAX];

	assert_true(wm_fronts_read(&rig.inst, front, &rig.err) > at);
	assert_string_equal(front[at].ifname, ifname);
	assert_string_equal(front[at].side, side);
	assert_string_equal(front[at].what, what);
}

/* Who is behind ours, or is a mesh's, is in nobody's way. */
static void test_who_is_in_front_is_told(void **state)
{
	struct wm_front front[WM_FRONTS_MAX];
	char out[64];

	(void)state;
	snprintf(out, sizeof(out), "tcx program first, id %u", put_foreign("wg", WM_BPF_OUT, "first"));
	rig_apply(&rig);
	assert_non_null(strstr(rig.err.text, out));
	assert_non_null(strstr(rig.err.text, "egress of wg"));
	put_foreign("lan0", WM_BPF_IN, "behind");
	rig_foreign("lan0", 3);
	assert_int_equal(wm_fronts_read(&rig.inst, front, &rig.err), 1);
	expect_front(0, "wg", "egress", out);
	/* Where ours is a filter, the whole list is in front of it, and filters are. */
	rig.inst.no_tcx = true;
	works("tc filter add dev lan0 ingress prio 5 protocol ip u32 match u32 0 0 classid 1:1");
	works("tc filter add dev lan0 ingress prio 30000 protocol ip u32 match u32 0 0 classid 1:1");
	rig_apply(&rig);
	assert_int_equal(wm_fronts_read(&rig.inst, front, &rig.err), 4);
	expect_front(0, "wg", "egress", out);
	assert_non_null(strstr(front[1].what, "tcx program behind, id "));
	assert_memory_equal(front[2].what, "tc filter, priority 3, foreign:[", 32);
	expect_front(3, "lan0", "ingress", "tc filter, priority 5, u32");
}

/* Each by its priority: on the LAN that both share, and off it again. */
static void test_two_instances(void **state)
{
	struct wm_front front[WM_FRONTS_MAX];
	struct rig other;
	uint32_t ids[RIG_TCX_MOST], first;

	(void)state;
	rig_apply(&rig);
	first = only("lan0", "ingress", "wm_lan_in");
	other = rig;
	other.plan.ends = other.ends;
	other.inst.tc_prio = RIG_PRIO + 1;
	other.inst.fwmark = 0x574e0000;
	assert_int_equal(wm_copy(other.inst.name, sizeof(other.inst.name), "other"), 0);
	must("ip link add wgo type veth peer name wgo-peer");
	other.wg = if_nametoindex("wgo");
	assert_int_equal(wm_copy(other.inst.ifname, sizeof(other.inst.ifname), "wgo"), 0);
	rig_apply(&other);
	assert_int_equal(rig_tcx("lan0", "ingress", ids), 2);
	assert_int_equal(ids[0], first);
	assert_int_equal(wm_fronts_read(&other.inst, front, &other.err), 0);
	assert_int_equal(rig_apply(&rig), 0);
	assert_int_equal(rig_apply(&other), 0);
	assert_true(wm_dataplane_bpf.remove(&other.inst, &other.err) >= 0);
	expect_lists();
	works("ip link del wgo");
}

/* In a list there would be room for both, but each is known by its priority: the second is refused, and changes nothing. */
static void test_two_with_one_priority(void **state)
{
	struct rig other;
	struct wm_error err;

	(void)state;
	rig_apply(&rig);
	other = rig;
	other.plan.ends = other.ends;
	other.inst.fwmark = 0x574e0000;
	assert_int_equal(wm_copy(other.inst.name, sizeof(other.inst.name), "other"), 0);
	assert_int_equal(wm_dataplane_bpf.apply(&other.inst, &other.plan, other.wg, &err), -EEXIST);
	assert_non_null(strstr(err.text, "WM_TC_PRIO"));
	expect_lists();
	assert_int_equal(rig_apply(&rig), 0);
}

static void test_another_priority(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig.inst.tc_prio = RIG_PRIO + 7;
	assert_true(rig_apply(&rig) > 0);
	expect_lists();
	assert_int_equal(rig_apply(&rig), 0);
}

/* WM_TCX=off, and auto again: never both, never none. */
static void test_filters_and_back(void **state)
{
	uint32_t ids[RIG_TCX_MOST];
	char *text;

	(void)state;
	rig_apply(&rig);
	for (int round = 0; round < 2; round++) {
		rig.inst.no_tcx = true;
		assert_true(rig_apply(&rig) > 0);
		for (size_t i = 0; i < WM_ARRAY_LEN(places); i++) {
			text = rig_filters(places[i][0], places[i][1]);
			assert_int_equal(rig_tcx(places[i][0], places[i][1], ids), 0);
			assert_non_null(strstr(text, "pref 20000 bpf"));
			free(text);
		}
		assert_int_equal(rig_apply(&rig), 0);
		rig.inst.no_tcx = false;
		assert_true(rig_apply(&rig) > 0);
		expect_lists();
		text = rig_filters("lan0", "ingress");
		assert_null(strstr(text, "pref 20000 bpf"));
		free(text);
		assert_int_equal(rig_apply(&rig), 0);
	}
}

static void test_a_lan_that_leaves(void **state)
{
	uint32_t ids[RIG_TCX_MOST];

	(void)state;
	rig_lan(&rig, 1, "lan1", "192.168.2.1");
	rig_apply(&rig);
	only("lan1", "ingress", "wm_lan_in");
	rig.plan.nlans = 1;
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(rig_tcx("lan1", "ingress", ids), 0);
	expect_lists();
}

#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, rig_setup, rig_teardown, &rig)

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_first_apply), TEST(test_others_stay), TEST(test_who_is_in_front_is_told), TEST(test_what_somebody_takes_off_comes_back),
		TEST(test_two_instances), TEST(test_two_with_one_priority), TEST(test_another_priority), TEST(test_filters_and_back),
		TEST(test_a_lan_that_leaves),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (!wm_bpf_tcx_is_there()) {
		printf("1..1\nok 1 # SKIP this kernel has no tcx lists (6.6)\n");
		return 0;
	}
	return cmocka_run_group_tests_name("tcx", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
