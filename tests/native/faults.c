/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "native/faults.h"

#include <stdio.h>
#include <string.h>

#include "native/rig.h"
#include "packets/describe.h"
#include "packets/plane.h"
#include "packets/verify.h"

static unsigned int counted; /* reasons given in this run */

static void count_reasons(const struct program_run *run)
{
	counted += run->reasons;
}

/* The plane as the rows find it, then the row up to this step, whose change is made and whose time has passed. */
static bool replay(const struct row *row, unsigned int upto, unsigned int number, enum config config, unsigned int mode)
{
	plane_forget();
	if (plane_up(config, mode) < 0)
		return false;
	/* Following has helpers that fail, too. */
	*(uint64_t *)plane_of(0)->map[WM_BPF_FOLLOW].values = UINT64_MAX;
	for (unsigned int n = 0; n <= upto; n++) {
		const struct step *step = &row->step[n];

		if (step->flood || (step->change && plane_change(step->change) < 0) ||
		    (step->age_s && plane_age(step->age_s) < 0))
			return false;
		for (unsigned int t = 0; n < upto && step->at && t < (step->times ? step->times : 1); t++)
			rig_send(step->at, &step->pkt, number);
	}
	seen_clear(&world.out);
	return true;
}

/* A look-up that fails says that somebody is not registered. Then a packet may come out that is another inside (a
 * quoted packet), or from the gateway (what it then takes for a LAN router's error), but not one that has not been
 * translated. */
static bool is_translated(const struct seen *want, const struct seen *got)
{
	if (want->at != got->at || !want->ip || !got->ip || want->len < 20 || got->len < 20)
		return false;
	if (!want->wrong_sum && !verify_sums(want->data, want->len) && verify_sums(got->data, got->len))
		return false;
	return get32(want->data + 16) == get32(got->data + 16) &&
	       (get32(want->data + 12) == get32(got->data + 12) || get32(got->data + 12) == GW);
}

static bool is_wanted(const struct seen *got, const struct seen_list *want)
{
	bool lookup = strcmp(native_fault.failed, "map_lookup_elem") == 0;

	for (size_t n = 0; n < want->n; n++)
		if (verify_same(&want->item[n], got) || (lookup && is_translated(&want->item[n], got)))
			return true;
	return false;
}

static bool judge(const struct step *step, const struct seen_list *want, const char *where)
{
	char line[DESCRIBE_SIZE];
	bool good = true;

	for (size_t n = 0; n < world.out.n; n++) {
		if (is_wanted(&world.out.item[n], want) || (world.out.item[n].at == TAP && !step->tap))
			continue;
		printf("# %s: got %s\n", where, describe(&world.out.item[n], line));
		good = false;
	}
	if (world.out.n < want->n && !counted && !native_fault.only_counted) {
		printf("# %s: it is gone and nobody counted it\n", where);
		good = false;
	}
	return good;
}

static bool fault_step(const struct row *row, unsigned int at, unsigned int number, enum config config,
		       unsigned int mode, unsigned long *ret_runs)
{
	const struct step *step = &row->step[at];
	struct seen_list want = { 0 };
	bool good = true;
	char where[160];

	expect_step(step, number, &want);
	for (unsigned int call = 1; replay(row, at, number, config, mode); call++) {
		native_fault = (struct native_fault){ .fail_at = call };
		counted = 0;
		rig_send_noting(step->at, &step->pkt, number, count_reasons);
		native_fault.fail_at = 0;
		if (!native_fault.failed)
			break;
		snprintf(where, sizeof(where), "step %u, call %u (%s) fails", at + 1, call, native_fault.failed);
		good &= judge(step, &want, where);
		seen_clear(&world.out);
		(*ret_runs)++;
	}
	seen_clear(&world.out);
	seen_clear(&want);
	return good;
}

bool fault_row(const struct row *row, unsigned int number, enum config config, unsigned int mode,
	       unsigned long *ret_runs)
{
	bool good = true;

	for (unsigned int n = 0; n < STEPS && !row->step[n].flood; n++)
		if (row->step[n].at)
			good &= fault_step(row, n, number, config, mode, ret_runs);
	return good;
}
