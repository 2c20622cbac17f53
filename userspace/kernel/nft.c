/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The data plane on nftables: its verbs over tables of our own, one that judges
 * everything (family ip) and one that is quicker with plain packets (netdev).
 * nft_apply.c makes them what they shall be; the others look and take down.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "core/util.h"
#include "kernel/carried.h"
#include "kernel/dataplane.h"
#include "kernel/grace.h"
#include "kernel/nft_drops.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_objects.h"
#include "kernel/nft_priv.h"
#include "kernel/nft_probe.h"
#include "kernel/nft_state.h"

static const char *message_name(uint16_t type)
{
	static const char *const names[NFT_MSG_MAX] = {
		[NFT_MSG_NEWTABLE] = "a table",	  [NFT_MSG_NEWCHAIN] = "a chain", [NFT_MSG_NEWRULE] = "a rule",
		[NFT_MSG_NEWSET] = "a set",	  [NFT_MSG_NEWSETELEM] = "elements", [NFT_MSG_NEWOBJ] = "a counter",
		[NFT_MSG_DELTABLE] = "deleting a table", [NFT_MSG_DELRULE] = "deleting rules",
		[NFT_MSG_DELSETELEM] = "deleting elements",
	};

	return type < NFT_MSG_MAX && names[type] ? names[type] : "the batch";
}

int wm_nft_explain(struct wm_error *err, const char *table, int rc, const struct wm_nft_answer *answer)
{
	if (rc == -EPERM)
		return wm_fail(err, EPERM, "the kernel lets only root (CAP_NET_ADMIN) change nftables: table ip %s is as it was", table);
	if (rc == -EMSGSIZE)
		return wm_fail(err, EMSGSIZE,
			       "nftables table ip %s: this process may not send all rules at once, and nothing less is safe: raise net.core.wmem_max (its default of 212992 is enough)",
			       table);
	if (rc == -ERESTART || rc == -EBUSY)
		return wm_fail(err, EBUSY, "nftables table ip %s: other programs kept changing rulesets; trying again helps", table);
	if (rc == -EEXIST && !(answer && answer->refused))
		return wm_fail(err, EEXIST, "there is an nftables table ip %s that is not of wm-gateway's making; rename or delete it", table);
	if (answer && answer->refused)
		return wm_fail(err, -rc, "nftables table ip %s: the kernel refused %s: %s%s%s%s", table, message_name(answer->type),
			       strerror(-rc), *answer->why ? " (" : "", answer->why, *answer->why ? ")" : "");
	return wm_fail(err, -rc, "nftables table ip %s: %s", table, strerror(-rc));
}

/* A socket, if our table is there to be looked at; else -ENOENT. */
static int open_table(const struct wm_instance *inst, struct wm_nl **ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);

	if (rc)
		return rc;
	rc = wm_nft_table_exists(nl, WM_NFT_MAIN, inst->nft_table);
	if (rc == 0 || rc == -EEXIST)
		return wm_fail(err, ENOENT, "there is no nftables table ip %s: this back end is not in force", inst->nft_table);
	if (rc < 0)
		return wm_nft_explain(err, inst->nft_table, rc, NULL);
	*ret = WM_STEAL(nl);
	return 0;
}

/* What it has counted itself, and its number. */
static int read_own(struct wm_nl *nl, const char *table, struct wm_counters *ret, uint64_t *ret_handle)
{
	struct wm_counters counters = { 0 };
	int rc = wm_nft_table_handle(nl, table, ret_handle);

	if (!rc)
		rc = wm_nft_reasons_read(nl, table, &counters);
	if (!rc)
		rc = wm_nft_content_counters(nl, table, &counters);
	if (rc)
		wm_counters_free(&counters);
	else
		*ret = counters;
	return rc;
}

static int nft_read(const struct wm_instance *inst, struct wm_counters *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	uint64_t handle;
	int rc = open_table(inst, &nl, err);

	if (rc)
		return rc;
	rc = read_own(nl, inst->nft_table, ret, &handle);
	return rc ? wm_nft_explain(err, inst->nft_table, rc, NULL) : wm_carried_merge(inst, handle, ret, err);
}

static int nft_flows(const struct wm_instance *inst, struct wm_flow_views *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = open_table(inst, &nl, err);

	if (rc)
		return rc;
	rc = wm_nft_flows(nl, inst->nft_table, ret);
	return rc ? wm_nft_explain(err, inst->nft_table, rc, NULL) : 0;
}

static int nft_drops(const struct wm_instance *inst, struct wm_drop_views *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = open_table(inst, &nl, err);

	if (rc)
		return rc;
	rc = wm_nft_drops(nl, inst->nft_table, if_nametoindex(inst->ifname), ret);
	return rc ? wm_nft_explain(err, inst->nft_table, rc, NULL) : 0;
}

static int nft_objects(const struct wm_instance *inst, struct wm_objects *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = open_table(inst, &nl, err);

	if (rc)
		return rc;
	rc = wm_nft_objects(nl, inst->nft_table, ret);
	return rc ? wm_nft_explain(err, inst->nft_table, rc, NULL) : 0;
}

static int nft_present(const struct wm_instance *inst, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);

	if (rc)
		return rc;
	for (int part = 0; part < WM_NFT_PARTS && !rc; part++) {
		rc = wm_nft_table_exists(nl, (enum wm_nft_part)part, inst->nft_table);
		if (rc == -EEXIST)
			rc = 0;
	}
	return rc < 0 ? wm_nft_explain(err, inst->nft_table, rc, NULL) : rc;
}

typedef void tell(struct wm_nft_batch *batch, enum wm_nft_part part, const char *table);

/* Something about each table of ours that is there; nothing is written when none is. 1, 0 or -errno. */
static int tell_once(struct wm_nl *nl, const char *table, tell *what, struct wm_nft_answer *answer)
{
	struct wm_nft_batch batch = { 0 };
	uint32_t generation = 0;
	int rc = wm_nft_generation(nl, &generation), told = 0;

	if (wm_nft_has_none(rc))
		return 0;
	for (int part = 0; part < WM_NFT_PARTS && !rc; part++) {
		rc = wm_nft_table_exists(nl, (enum wm_nft_part)part, table);
		if (rc > 0)
			what(&batch, (enum wm_nft_part)part, table);
		if (rc > 0 || rc == -EEXIST) /* somebody else's stays */
			rc = 0;
	}
	if (!rc && batch.len) {
		rc = wm_nft_batch_send(&batch, generation, answer);
		told = 1;
	}
	wm_nft_batch_free(&batch);
	return rc < 0 ? rc : told;
}

static int tell_tables(const struct wm_instance *inst, tell *what, struct wm_error *err)
{
	struct wm_nft_answer answer = { 0 };
	int rc = -ERESTART;

	wm_nft_forget();
	for (int i = 0; i < WM_NFT_ATTEMPTS && rc == -ERESTART; i++) {
		WM_AUTO_NL struct wm_nl *nl = NULL;

		rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);
		if (rc)
			return wm_nft_has_none(rc) ? 0 : rc;
		rc = tell_once(nl, inst->nft_table, what, &answer);
	}
	return rc < 0 ? wm_nft_explain(err, inst->nft_table, rc, &answer) : rc;
}

static int nft_remove(const struct wm_instance *inst, struct wm_error *err)
{
	int rc = tell_tables(inst, wm_nft_table_delete, err);

	return rc < 0 ? rc : wm_carried_remove(inst, err);
}

/* Without rules it judges and counts nothing any more, and what it has counted is still there. */
static int nft_retire(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_counters counted = { 0 };
	struct wm_error why = { 0 };
	uint64_t handle;
	int rc = tell_tables(inst, wm_nft_rules_delete, err);

	if (rc <= 0)
		return rc;
	wm_grace();
	rc = wm_nl_open(NETLINK_NETFILTER, &nl, &why);
	if (!rc)
		rc = read_own(nl, inst->nft_table, &counted, &handle);
	/* Somebody has deleted the one that has the number: what the other one has counted is lost with it. */
	if (rc && rc != -ENOENT && rc != -EEXIST)
		wm_nft_explain(&why, inst->nft_table, rc, NULL);
	else if (!rc)
		rc = wm_carried_add(inst, plan, handle, &counted, &why);
	if (*why.text)
		wm_carried_tell(&why);
	wm_counters_free(&counted);
	return tell_tables(inst, wm_nft_table_delete, err);
}

static int nft_probe(const struct wm_instance *inst, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_nft_answer answer = { 0 };
	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);

	if (rc)
		return rc;
	rc = wm_nft_table_exists(nl, WM_NFT_MAIN, inst->nft_table);
	if (rc > 0)
		return 0; /* what is in force works */
	if (!rc)
		rc = wm_nft_try(nl, WM_NFT_MAIN, &answer);
	return rc ? wm_nft_explain(err, inst->nft_table, rc, &answer) : 0;
}

const struct wm_dataplane wm_dataplane_nft = {
	.name = "nft",
	.probe = nft_probe,
	.apply = wm_nft_apply,
	.change = wm_nft_change,
	.read = nft_read,
	.flows = nft_flows,
	.drops = nft_drops,
	.objects = nft_objects,
	.present = nft_present,
	.retire = nft_retire,
	.remove = nft_remove,
};
