/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * BPF programs that are in force, and a kernel that no longer lets us ask about
 * them: they stay in front of whatever else there is, so nobody may say that
 * they are gone. And where there never were any, that hinders nobody.
 */
#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"

static struct rig rig;

/* This process has a capability, or it has not; both as often as it likes. */
static void set_capability(int cap, bool on)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2], *at = &data[cap / 32];
	uint32_t bit = 1u << cap % 32;

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	assert_true(at->permitted & bit);
	at->effective = on ? at->effective | bit : at->effective & ~bit;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static void may_bpf(bool may)
{
	set_capability(CAP_SYS_ADMIN, may);
	set_capability(CAP_BPF, may);
	set_capability(CAP_PERFMON, may);
}

static int setup(void **state)
{
	(void)state;
	rig_open(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	set_capability(CAP_NET_ADMIN, true);
	may_bpf(true);
	rig_close(&rig);
	return 0;
}

static void expect_says_what_to_do(const struct wm_error *err)
{
	assert_non_null(strstr(err->text, rig.inst.ifname));
	assert_non_null(strstr(err->text, rig.inst.bpffs));
	assert_non_null(strstr(err->text, "CAP_SYS_ADMIN"));
	assert_non_null(strstr(err->text, "restart the machine"));
}

/* --- tests -------------------------------------------------------------------------------- */

/* The first: nothing has been asked before. */
static void test_a_refusal_is_no_answer(void **state)
{
	(void)state;
	may_bpf(false);
	set_capability(CAP_NET_ADMIN, false);
	assert_int_equal(wm_bpf_tcx_is_there(), -EPERM);
	set_capability(CAP_NET_ADMIN, true);
	may_bpf(true);
	assert_true(wm_bpf_tcx_is_there() >= 0);
	if (!rig.inst.no_tcx)
		assert_int_equal(wm_bpf_tcx_is_there(), 1);
}

/* In tcx lists, or with a shield, whose it is nobody tells. */
static void test_what_is_left_is_told(void **state)
{
	char *before, *after;
	struct wm_error err;

	(void)state;
	if (rig.inst.no_tcx)
		rig.inst.xdp = WM_XDP_GENERIC;
	rig_apply(&rig);
	before = rig_surroundings(&rig);
	may_bpf(false);
	assert_int_equal(wm_dataplane_bpf.probe(&rig.inst, &err), -EPERM);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &err), -EPERM);
	expect_says_what_to_do(&err);
	assert_int_equal(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &err), -EPERM);
	expect_says_what_to_do(&err);
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &err), -EPERM);
	expect_says_what_to_do(&err);
	may_bpf(true);
	after = rig_surroundings(&rig);
	assert_string_equal(before, after);
	free(before);
	free(after);
	/* And once it may be: away with it. */
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &err), 1);
	assert_true(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &err) > 0);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &err), 0);
}

/* An upgrade has left them, too, and knows where they are. */
static void test_of_another_layout(void **state)
{
	struct wm_error err;
	char other[WM_PATH_SIZE];

	(void)state;
	rig_apply(&rig);
	assert_int_equal(wm_format(other, sizeof(other), "%s/default/v%d", rig.inst.bpffs, WM_LAYOUT - 1), 0);
	assert_int_equal(rename(rig_pin_path(&rig, ""), other), 0);
	may_bpf(false);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &err), -EPERM);
	expect_says_what_to_do(&err);
}

/* rtnetlink's they are, and known by their names: those of this instance alone. In lists they stay, and that is told. */
static void test_filters_go_all_the_same(void **state)
{
	struct wm_error err = { 0 };
	uint32_t ids[RIG_TCX_MOST];
	char *text;

	(void)state;
	rig_foreign("lan0", 3);
	rig_foreign("lan1", RIG_PRIO);
	rig_apply(&rig);
	may_bpf(false);
	if (!rig.inst.no_tcx) {
		assert_int_equal(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &err), -EPERM);
		may_bpf(true);
		assert_int_equal(rig_tcx("lan0", "ingress", ids), 1);
		return;
	}
	assert_int_equal(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &err), 3);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &err), 0);
	assert_int_equal(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &err), 0);
	may_bpf(true);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &err), 0);
	text = rig_surroundings(&rig);
	assert_null(strstr(text, "wm_"));
	assert_non_null(strstr(text, "pref 3 bpf"));
	assert_non_null(strstr(text, "pref 20000 bpf"));
	free(text);
}

/* What is there then is a list of devices whose qdiscs are ours. */
static void test_what_was_retired_is_not_missed(void **state)
{
	struct wm_error err = { 0 };

	(void)state;
	rig_apply(&rig);
	assert_true(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &err) > 0);
	may_bpf(false);
	assert_int_equal(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &err), 0);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &err), 0);
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &err), 0);
	assert_int_equal(access(rig_pin_path(&rig, ""), F_OK), -1);
}

static void test_where_it_never_was(void **state)
{
	struct wm_error err = { 0 };

	(void)state;
	may_bpf(false);
	assert_int_equal(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &err), 0);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &err), 0);
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &err), 0);
	assert_string_equal(err.text, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_refusal_is_no_answer), TEST(test_what_is_left_is_told), TEST(test_of_another_layout),
		TEST(test_filters_go_all_the_same),
		TEST(test_what_was_retired_is_not_missed), TEST(test_where_it_never_was),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("forbidden", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
