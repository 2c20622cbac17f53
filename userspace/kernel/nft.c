/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The data plane on nftables: its verbs over tables of our own, one that judges
 * everything (family ip) and one that is quicker with plain packets (netdev).
 *
 * Desired rules and elements come from the plan (nft_rules, nft_sets), actual
 * ones from the kernel (nft_state), and what differs goes out as one batch. The
 * kernel numbers the generations of its rulesets, so what this process saw or
 * wrote last is still true while the number is the same, and nothing is read.
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
#include "kernel/nft_keep.h"
#include "kernel/nft_objects.h"
#include "kernel/nft_probe.h"
#include "kernel/nft_rules.h"
#include "kernel/nft_state.h"

#define ATTEMPTS 10 /* at a batch, while others change rulesets */

/* What the kernel had when we last looked or wrote. One: a process drives one
 * instance, in one network namespace. */
static struct {
	char table[sizeof(((struct wm_instance *)0)->nft_table)];
	bool valid;
	struct wm_nft_state state;
} last;

static void forget(void)
{
	wm_nft_state_free(&last.state);
	last.valid = false;
}

/* Brings `last` up to date. */
static int look(struct wm_nl *nl, const char *table)
{
	uint32_t generation = 0;
	int rc = wm_nft_generation(nl, &generation);

	if (rc)
		return rc;
	if (last.valid && !strcmp(last.table, table) && last.state.generation == generation) {
		rc = wm_nft_devices_same(nl, table, &last.state);
		if (rc)
			return rc < 0 ? rc : 0;
	}
	forget();
	rc = wm_nft_state_read(nl, table, &last.state);
	if (!rc)
		rc = wm_copy(last.table, sizeof(last.table), table);
	last.valid = !rc;
	return rc;
}

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

static int explain(struct wm_error *err, const char *table, int rc, const struct wm_nft_answer *answer)
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

/* What is in force now moves into `last`. */
static void remember(struct wm_nft_want *want, uint32_t generation)
{
	wm_nft_state_free(&last.state);
	last.state = (struct wm_nft_state){ .generation = generation, .content = want->content };
	for (int part = 0; part < WM_NFT_PARTS; part++) {
		last.state.table[part] = want->table[part];
		last.state.whole[part] = want->table[part].there;
	}
	*want = (struct wm_nft_want){ 0 };
}

/* Is there anything? Counters that do not go on are a pity, and no reason to hold up a change. */
static bool find_kept(struct wm_nl *nl, const char *table, const struct wm_nft_content *have, const struct wm_nft_content *want,
		      struct wm_nft_keep *ret)
{
	if (wm_nft_keep_find(nl, table, have, want, ret))
		wm_nft_keep_free(ret);
	return ret->n;
}

/* One look and one batch. The number of changes, or -errno. */
static int converge(struct wm_nl *nl, const char *table, struct wm_nft_want *want, struct wm_nft_answer *answer)
{
	struct wm_nft_batch batch = { 0 };
	struct wm_nft_keep keep = { 0 };
	int rc = look(nl, table), changes;

	if (rc)
		return rc;
	wm_nft_state_diff(&batch, table, &last.state, want, NULL);
	if (batch.len && find_kept(nl, table, &last.state.content, &want->content, &keep)) {
		wm_nft_batch_free(&batch);
		wm_nft_state_diff(&batch, table, &last.state, want, &keep);
	}
	wm_nft_keep_free(&keep);
	changes = (int)batch.changes;
	rc = batch.error;
	if (!rc && batch.len)
		rc = wm_nft_batch_send(&batch, last.state.generation, answer);
	wm_nft_batch_free(&batch);
	if (rc < 0) {
		forget(); /* a batch that was cut may be half there */
		return rc;
	}
	if (changes)
		remember(want, last.state.generation + (uint32_t)rc);
	return changes;
}

/* What shall be in force. */
static int make_want(struct wm_nl *nl, const struct wm_instance *inst, const struct wm_plan *plan,
		     const struct wm_end *ends, size_t nends, uint32_t wg, struct wm_nft_want *ret, struct wm_error *err)
{
	struct wm_nft_want want = { 0 };
	int fast = wm_nft_fast_wanted(nl, inst, wg);
	int rc = fast < 0 ? fast : wm_nft_content_ends(inst, plan, ends, nends, fast, &want.content, err);

	if (!rc)
		rc = wm_nft_rules_make(inst, plan, &want.table[WM_NFT_MAIN]);
	if (!rc && fast)
		rc = wm_nft_fast_make(inst, plan, wg, &want.table[WM_NFT_FAST]);
	if (rc)
		wm_nft_want_free(&want);
	else
		*ret = want;
	return rc;
}

static int nft_apply(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex,
		     struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_nft_want want = { 0 };
	struct wm_nft_answer answer = { 0 };
	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);

	if (rc)
		return rc;
	rc = make_want(nl, inst, plan, plan->ends, plan->nends, wg_ifindex, &want, err);
	if (rc == -EEXIST)
		return rc;
	if (!rc)
		rc = converge(nl, inst->nft_table, &want, &answer);
	for (int i = 1; i < ATTEMPTS && rc == -ERESTART; i++)
		rc = converge(nl, inst->nft_table, &want, &answer);
	wm_nft_want_free(&want);
	if (rc < 0)
		return explain(err, inst->nft_table, rc, &answer);
	if (rc)
		wm_carried_forget(inst, plan);
	return rc;
}

/* Is what this process saw or wrote last still all true? */
static bool is_as_we_left_it(struct wm_nl *nl, const char *table)
{
	uint32_t generation = 0;

	return last.valid && last.state.whole[WM_NFT_MAIN] && !strcmp(last.table, table) &&
	       !wm_nft_generation(nl, &generation) && generation == last.state.generation &&
	       wm_nft_devices_same(nl, table, &last.state) == 1;
}

/* Chains, rules and which parts there are: nothing of it is to be changed. */
static bool same_frame(const char *table, const struct wm_nft_want *want)
{
	struct wm_nft_state have = last.state;
	struct wm_nft_want shall = *want; /* both borrowed, without what is in the sets */
	struct wm_nft_batch batch = { 0 };
	bool same;

	memset(&have.content, 0, sizeof(have.content));
	memset(&shall.content, 0, sizeof(shall.content));
	wm_nft_state_diff(&batch, table, &have, &shall, NULL);
	same = !batch.len && !batch.error;
	wm_nft_batch_free(&batch);
	return same;
}

/* From the elements of who went to those of who came, and nobody else's. Whatever goes wrong, looking at all tells. */
static int converge_part(struct wm_nl *nl, const char *table, const struct wm_nft_content *gone,
			 const struct wm_nft_content *come)
{
	struct wm_nft_batch batch = { 0 };
	struct wm_nft_answer answer = { 0 };
	struct wm_nft_keep keep = { 0 };
	int rc, changes;

	(void)find_kept(nl, table, gone, come, &keep);
	wm_nft_content_diff(&batch, table, gone, come, &keep);
	wm_nft_keep_free(&keep);
	changes = (int)batch.changes;
	rc = batch.error;
	if (!rc && batch.len)
		rc = wm_nft_batch_send(&batch, last.state.generation, &answer);
	wm_nft_batch_free(&batch);
	if (rc >= 0) {
		last.state.generation += (uint32_t)rc;
		rc = wm_nft_content_splice(&last.state.content, gone, come);
	}
	if (rc) {
		forget();
		return -EAGAIN;
	}
	return changes;
}

static int nft_change(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_plan_diff *since,
		      uint32_t wg_ifindex, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_nft_content gone = { 0 };
	struct wm_nft_want want = { 0 };
	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);

	if (!rc && !is_as_we_left_it(nl, inst->nft_table))
		rc = -EAGAIN;
	if (!rc)
		rc = make_want(nl, inst, plan, since->come, since->ncome, wg_ifindex, &want, err);
	if (!rc && !same_frame(inst->nft_table, &want))
		rc = -EAGAIN;
	if (!rc)
		rc = wm_nft_content_ends(inst, plan, since->gone, since->ngone, want.table[WM_NFT_FAST].there, &gone, err);
	if (!rc)
		rc = converge_part(nl, inst->nft_table, &gone, &want.content);
	wm_nft_want_free(&want);
	wm_nft_content_free(&gone);
	if (rc < 0 && rc != -EAGAIN && !*err->text)
		return explain(err, inst->nft_table, rc, NULL);
	if (rc > 0 && since->ngone)
		wm_carried_forget(inst, plan);
	return rc;
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
		return explain(err, inst->nft_table, rc, NULL);
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
	return rc ? explain(err, inst->nft_table, rc, NULL) : wm_carried_merge(inst, handle, ret, err);
}

static int nft_flows(const struct wm_instance *inst, struct wm_flow_views *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = open_table(inst, &nl, err);

	if (rc)
		return rc;
	rc = wm_nft_flows(nl, inst->nft_table, ret);
	return rc ? explain(err, inst->nft_table, rc, NULL) : 0;
}

static int nft_drops(const struct wm_instance *inst, struct wm_drop_views *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = open_table(inst, &nl, err);

	if (rc)
		return rc;
	rc = wm_nft_drops(nl, inst->nft_table, if_nametoindex(inst->ifname), ret);
	return rc ? explain(err, inst->nft_table, rc, NULL) : 0;
}

static int nft_objects(const struct wm_instance *inst, struct wm_objects *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = open_table(inst, &nl, err);

	if (rc)
		return rc;
	rc = wm_nft_objects(nl, inst->nft_table, ret);
	return rc ? explain(err, inst->nft_table, rc, NULL) : 0;
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
	return rc < 0 ? explain(err, inst->nft_table, rc, NULL) : rc;
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

	forget();
	for (int i = 0; i < ATTEMPTS && rc == -ERESTART; i++) {
		WM_AUTO_NL struct wm_nl *nl = NULL;

		rc = wm_nl_open(NETLINK_NETFILTER, &nl, err);
		if (rc)
			return wm_nft_has_none(rc) ? 0 : rc;
		rc = tell_once(nl, inst->nft_table, what, &answer);
	}
	return rc < 0 ? explain(err, inst->nft_table, rc, &answer) : rc;
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
		explain(&why, inst->nft_table, rc, NULL);
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
	return rc ? explain(err, inst->nft_table, rc, &answer) : 0;
}

const struct wm_dataplane wm_dataplane_nft = {
	.name = "nft",
	.probe = nft_probe,
	.apply = nft_apply,
	.change = nft_change,
	.read = nft_read,
	.flows = nft_flows,
	.drops = nft_drops,
	.objects = nft_objects,
	.present = nft_present,
	.retire = nft_retire,
	.remove = nft_remove,
};
