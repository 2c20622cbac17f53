/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The nftables back end on a kernel that cannot forward at netdev ingress, or not
 * now. In programs of their own: what a kernel can is asked for once. In the one
 * with "busy" in its name the kernel can, later.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "core/util.h"
#include "kernel/fastpath.h"
#include "kernel/netns.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_setup.h"

static unsigned int asked;
static int answer; /* 0: the kernel's own */

/* The linker puts this between the back end and the kernel (nft.mk). */
int __real_wm_nft_batch_send(const struct wm_nft_batch *batch, uint32_t gen, struct wm_nft_answer *ret);
int __wrap_wm_nft_batch_send(const struct wm_nft_batch *batch, uint32_t gen, struct wm_nft_answer *ret);
int __wrap_wm_nft_batch_send(const struct wm_nft_batch *batch, uint32_t gen, struct wm_nft_answer *ret)
{
	const struct nlmsghdr *first = (const void *)batch->buf;

	if (((const struct nfgenmsg *)NLMSG_DATA(first))->nfgen_family != wm_nft_families[WM_NFT_FAST])
		return __real_wm_nft_batch_send(batch, gen, ret);
	asked++;
	*ret = (struct wm_nft_answer){ .refused = 1 };
	return answer ? answer : __real_wm_nft_batch_send(batch, gen, ret);
}

static int setup(void **state)
{
	answer = -ENOMEM;
	return spoke(state);
}

static bool has_table(void)
{
	int rc;

	free(run_out(&rc, "nft", "list", "table", "netdev", "wm_test", NULL));
	return !rc;
}

/* What a kernel says of itself is remembered; what it says of this moment is not. */
static void another_time_it_is_asked_again(void **state)
{
	static const int now[] = { -ENOMEM, -ENOBUFS, -EBUSY, -EINTR, -EAGAIN, -EPERM, -EACCES, -EMFILE };
	char text[200];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(now); i++) {
		answer = now[i];
		asked = 0;
		assert_int_equal(rig_apply(&rig), 0);
		assert_int_equal(asked, 1);
		assert_false(has_table());
		assert_non_null(strstr(wm_nft_fastpath(&rig.inst, text, sizeof(text)), "off: the kernel cannot say now whether"));
		assert_non_null(strstr(text, strerror(-answer)));
	}
}

static void and_comes_when_it_can(void **state)
{
	(void)state;
	answer = 0;
	assert_true(rig_apply(&rig) > 0);
	assert_true(has_table());
	asked = 0;
	assert_int_equal(rig_apply(&rig), 0);
	assert_int_equal(asked, 0);
}

static void it_does_without(void **state)
{
	const struct packet in = udp(FAR, NAS, 20);
	char text[200];
	struct packet got;

	(void)state;
	answer = -EOPNOTSUPP;
	asked = 0;
	assert_int_equal(rig_apply(&rig), 0);
	rig.ends[0].local = IP(192, 168, 1, 13);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(asked, 1);
	assert_non_null(strstr(wm_nft_fastpath(&rig.inst, text, sizeof(text)), "off: this kernel does not"));
	assert_false(has_table());
	send_wg(&rig, &in);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &in, FAR, IP(192, 168, 1, 13));
	rig_counted(&rig, WM_REASON_TO_LAN, 1);
}

static int body(void)
{
	const bool busy = strstr(program_invocation_short_name, "busy");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(another_time_it_is_asked_again, setup, teardown),
		cmocka_unit_test_setup_teardown(busy ? and_comes_when_it_can : it_does_without, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft on an old kernel", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
