/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/nft_probe.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <linux/netlink.h>

#include "core/util.h"
#include "kernel/fastpath.h"
#include "kernel/nft_state.h"

#define ANY_DEVICE "lo"
#define PROBE "wm probe"

/* Everything that a hub with hosts, devices and bound MACs makes us use. */
static int make_want(enum wm_nft_part part, struct wm_nft_want *ret)
{
	static const struct wm_end ends[] = {
		{ .overlay = 0xc6120002, .local = 0xc6130003, .access = WM_ACCESS_FULL },
		{ .overlay = 0xc6120003, .local = 0xc6130004, .access = WM_ACCESS_FULL, .has_mac = true },
		{ .overlay = 0xc6120004, .kind = WM_END_DEVICE },
	};
	static const struct wm_instance inst = { .nft_table = PROBE, .ifname = ANY_DEVICE, .fwmark = 0x574d0000, .fastpath = true };
	const uint32_t lo = if_nametoindex(ANY_DEVICE);
	const struct wm_lan lan = { .ifname = ANY_DEVICE, .ifindex = lo, .prefix = { 0xc6130000, 24 }, .mtu = 64 };
	const struct wm_plan plan = {
		.supernet = { 0xc6120000, 16 }, .subnet = { 0xc6120000, 23 }, .gateway = 0xc6120001, .hub = true,
		.mtu = 1420, .nlans = 2, .lans = { lan, lan },
		.ends = (struct wm_end *)ends, .nends = WM_ARRAY_LEN(ends),
	};
	int rc = wm_nft_content_plan(&inst, &plan, part == WM_NFT_FAST, &ret->content, NULL);

	if (!rc && part == WM_NFT_MAIN)
		return wm_nft_rules_make(&inst, &plan, &ret->table[part]);
	return rc ? rc : wm_nft_fast_make(&inst, &plan, lo, &ret->table[part]);
}

/* A batch that ends in a message that must be refused: the kernel checks all of it, loads what modules it takes, and takes
 * it all back. */
static int try_once(struct wm_nl *nl, enum wm_nft_part part, struct wm_nft_answer *ret)
{
	struct wm_nft_batch batch = { 0 };
	struct wm_nft_want want = { 0 };
	uint32_t generation = 0;
	int rc = wm_nft_generation(nl, &generation);

	if (!rc)
		rc = make_want(part, &want);
	if (!rc) {
		wm_nft_state_diff(&batch, PROBE, &(struct wm_nft_state){ 0 }, &want, NULL);
		wm_nft_table_delete(&batch, part, "wm nothing"); /* must be refused */
		rc = wm_nft_batch_send(&batch, generation, ret);
		if (rc == -ENOENT && ret->refused == batch.seq)
			rc = 0;
		else if (rc >= 0)
			rc = -EPROTO;
	}
	wm_nft_want_free(&want);
	wm_nft_batch_free(&batch);
	return rc;
}

int wm_nft_try(struct wm_nl *nl, enum wm_nft_part part, struct wm_nft_answer *ret)
{
	int rc = try_once(nl, part, ret);

	for (int i = 1; i < WM_NFT_ATTEMPTS && rc == -ERESTART; i++)
		rc = try_once(nl, part, ret);
	return rc;
}

/* What a kernel says of itself, and not of this moment, this process or its memory. */
static bool is_lasting(int answer)
{
	static const int lasting[] = { 0, -EOPNOTSUPP, -EPROTONOSUPPORT, -EAFNOSUPPORT, -ENOENT, -EINVAL };
	bool found = false;

	for (size_t i = 0; i < WM_ARRAY_LEN(lasting); i++)
		found |= answer == lasting[i];
	return found;
}

/* Once a process: a kernel does not learn while it runs. */
static int can_fast(struct wm_nl *nl)
{
	static bool known;
	static int answer;
	struct wm_nft_answer why;

	if (known)
		return answer;
	answer = wm_nft_try(nl, WM_NFT_FAST, &why);
	known = is_lasting(answer);
	return answer;
}

int wm_nft_fast_wanted(struct wm_nl *nl, const struct wm_instance *inst, uint32_t wg)
{
	int rc = wm_nft_table_exists(nl, WM_NFT_FAST, inst->nft_table);

	if (rc > 0)
		return 1;
	if (rc == -EEXIST)
		return 0;
	if (rc < 0)
		return rc;
	return inst->fastpath && wg && !can_fast(nl);
}

/* The devices that it is on. */
static const char *say_devices(const struct wm_nft_table *table, char *buf, size_t size)
{
	size_t n = 0;

	for (int i = 0; i < WM_NFT_FAST_CHAINS; i++) {
		if (*table->device[i] && n < size)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "on ", table->device[i]);
	}
	return n ? buf : "off";
}

const char *wm_nft_fastpath(const struct wm_instance *inst, char *buf, size_t size)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_nft_table table = { 0 };
	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, NULL);

	if (!rc)
		rc = wm_nft_table_exists(nl, WM_NFT_FAST, inst->nft_table);
	if (rc == -EEXIST) {
		snprintf(buf, size, "off: there is an nftables table netdev %s that is not of wm-gateway's making", inst->nft_table);
		return buf;
	}
	if (rc > 0)
		rc = wm_nft_devices_read(nl, inst->nft_table, &table);
	else if (!rc)
		rc = can_fast(nl);
	if (!rc)
		return say_devices(&table, buf, size);
	snprintf(buf, size, "off: %s at netdev ingress (%s)",
		 is_lasting(rc) ? "this kernel does not forward" : "the kernel cannot say now whether it forwards",
		 rc == -ERESTART ? "others keep changing rulesets" : strerror(-rc));
	return buf;
}
