/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is in force becomes what shall be: all of it (apply), or from those who
 * went to those who came (change).
 *
 * Desired rules and elements come from the plan (nft_rules, nft_sets), actual
 * ones from the kernel (nft_state), and what differs goes out as one batch. The
 * kernel numbers the generations of its rulesets, so what this process saw or
 * wrote last is still true while the number is the same, and nothing is read.
 */
#include <errno.h>
#include <string.h>
#include <linux/netlink.h>

#include "core/util.h"
#include "kernel/carried.h"
#include "kernel/nft_keep.h"
#include "kernel/nft_priv.h"
#include "kernel/nft_probe.h"
#include "kernel/nft_rules.h"
#include "kernel/nft_state.h"

/* What the kernel had when we last looked or wrote. One: a process drives one
 * instance, in one network namespace. */
static struct {
	char table[sizeof(((struct wm_instance *)0)->nft_table)];
	bool valid;
	struct wm_nft_state state;
} last;

void wm_nft_forget(void)
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
	wm_nft_forget();
	rc = wm_nft_state_read(nl, table, &last.state);
	if (!rc)
		rc = wm_copy(last.table, sizeof(last.table), table);
	last.valid = !rc;
	return rc;
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
		wm_nft_forget(); /* a batch that was cut may be half there */
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

int wm_nft_apply(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex, struct wm_error *err)
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
	for (int i = 1; i < WM_NFT_ATTEMPTS && rc == -ERESTART; i++)
		rc = converge(nl, inst->nft_table, &want, &answer);
	wm_nft_want_free(&want);
	if (rc < 0)
		return wm_nft_explain(err, inst->nft_table, rc, &answer);
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
		wm_nft_forget();
		return -EAGAIN;
	}
	return changes;
}

int wm_nft_change(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_plan_diff *since,
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
		return wm_nft_explain(err, inst->nft_table, rc, NULL);
	if (rc > 0 && since->ngone)
		wm_carried_forget(inst, plan);
	return rc;
}
