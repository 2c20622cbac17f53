/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the BPF data plane's loader cannot bring into force is refused, with the
 * kernel as before.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"

static struct rig rig;

static void expect_refusal(int rc, const char *says)
{
	char *before = rig_surroundings(&rig), *after;

	assert_int_equal(wm_dataplane_bpf.apply(&rig.inst, &rig.plan, rig.wg, &rig.err), rc);
	if (!strstr(rig.err.text, says))
		fail_msg("\"%s\" does not say \"%s\"", rig.err.text, says);
	after = rig_surroundings(&rig);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_no_bpffs(void **state)
{
	(void)state;
	strcpy(rig.inst.bpffs, "/var/run/elsewhere");
	assert_int_equal(wm_dataplane_bpf.probe(&rig.inst, &rig.err), -ENOENT);
	assert_non_null(strstr(rig.err.text, "mount -t bpf bpf /var/run/elsewhere"));
	assert_int_equal(mkdir("/var/run/elsewhere", 0700), 0);
	expect_refusal(-ENOENT, "mount -t bpf bpf /var/run/elsewhere");
	assert_int_equal(rmdir("/var/run/elsewhere"), 0);
	strcpy(rig.inst.bpffs, "/var/run/bpf");
}

static void test_not_permitted(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int rc = setuid(65534) ? 0 : wm_dataplane_bpf.probe(&rig.inst, &rig.err);

		_exit(rc == -EPERM && strstr(rig.err.text, "BPF is not permitted here") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_our_place_is_taken(void **state)
{
	(void)state;
	rig_foreign("lan0", RIG_PRIO);
	expect_refusal(-EEXIST, "WM_TC_PRIO");
}

static void test_ingress_qdisc_on_wg(void **state)
{
	(void)state;
	must("tc qdisc add dev wg ingress");
	expect_refusal(-EEXIST, "tc qdisc del dev wg ingress");
}

static void test_lan_is_gone(void **state)
{
	(void)state;
	must("ip link del lan0");
	expect_refusal(-ENODEV, "a device that is gone");
}

static void test_twins(void **state)
{
	(void)state;
	rig_host(&rig, "twin", "172.30.2.4", "192.168.1.10", false);
	expect_refusal(-EEXIST, "LAN address 192.168.1.10 is registered for both 172.30.2.2 and 172.30.2.4");
}

static void test_subnet_too_big(void **state)
{
	(void)state;
	rig.plan.subnet.addr &= wm_prefix_mask(8);
	rig.plan.subnet.len = 8;
	expect_refusal(-E2BIG, "/12");
}

/* Their flows are memory that is never swapped. */
static void test_too_many_isolated(void **state)
{
	const uint32_t most = 16384;
	struct wm_end *ends = calloc(most + 1, sizeof(*ends));
	struct wm_bpf_content content = { 0 };

	(void)state;
	assert_non_null(ends);
	rig.plan.subnet = (struct wm_prefix){ rig.plan.supernet.addr, 16 };
	rig.plan.ends = ends;
	rig.plan.nends = most + 1;
	for (uint32_t i = 0; i <= most; i++) {
		ends[i] = (struct wm_end){ .overlay = rig.plan.subnet.addr + 256 + i, .kind = WM_END_DEVICE,
					   .access = WM_ACCESS_ISOLATED };
		snprintf(ends[i].name, sizeof(ends[i].name), "d%u", i);
	}
	expect_refusal(-E2BIG, "this site has 16385 isolated hosts and devices; the BPF data plane holds flows for 16384");
	assert_non_null(strstr(rig.err.text, "WM_DATAPLANE=nft"));
	rig.plan.nends = most;
	assert_int_equal(wm_bpf_content_plan(&rig.plan, &content, &rig.err), 0);
	wm_bpf_content_free(&content);
	free(ends);
}

#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, rig_setup, rig_teardown, &rig)

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_no_bpffs),
		TEST(test_not_permitted),
		TEST(test_our_place_is_taken),
		TEST(test_ingress_qdisc_on_wg),
		TEST(test_lan_is_gone),
		TEST(test_twins),
		TEST(test_subnet_too_big),
		TEST(test_too_many_isolated),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bpf_refused", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
