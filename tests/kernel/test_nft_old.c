/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The nftables back end on a kernel that cannot forward at netdev ingress. In a
 * program of its own: what a kernel can is asked for once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "kernel/fastpath.h"
#include "kernel/netns.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_setup.h"

static unsigned int asked;

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
	return -EOPNOTSUPP;
}

static void it_does_without(void **state)
{
	const struct packet in = udp(FAR, NAS, 20);
	char text[200];
	struct packet got;
	int rc;

	(void)state;
	assert_int_equal(rig_apply(&rig), 0);
	rig.ends[0].local = IP(192, 168, 1, 13);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(asked, 1);
	assert_non_null(strstr(wm_nft_fastpath(&rig.inst, text, sizeof(text)), "off: this kernel does not"));
	free(run_out(&rc, "nft", "list", "table", "netdev", "wm_test", NULL));
	assert_int_not_equal(rc, 0);
	send_wg(&rig, &in);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &in, FAR, IP(192, 168, 1, 13));
	rig_counted(&rig, WM_REASON_TO_LAN, 1);
}

static int body(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(it_does_without, spoke, teardown) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft on an old kernel", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
