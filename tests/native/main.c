/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All rows of tests/packets on the programs compiled for this machine; each
 * packet once more for each helper that can fail under it; and what the table
 * as a whole must be: large enough, without repetition, with a row for each
 * reason. An argument chooses the rows whose name contains it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/key.h"
#include "core/util.h"
#include "native/alone.h"
#include "native/faults.h"
#include "native/rig.h"
#include "native/table.h"
#include "packets/plane.h"
#include "packets/run.h"

static const char *const config_names[CONFIGS] = { [SPOKE] = "spoke", [HUB] = "hub", [PAIR] = "two meshes" };

struct tally {
	const char *only;
	char pcaps[WM_PATH_SIZE]; /* a directory */
	unsigned int ran, failed;
	unsigned long faults;
};

static void report(struct tally *t, bool good, const char *what, const char *name)
{
	t->ran++;
	t->failed += !good;
	printf("%sok %u - %s: %s\n", good ? "" : "not ", t->ran, what, name);
}

static const char *mode_name(unsigned int mode)
{
	return mode & SHIELD ? "shield" : mode == FAST ? "fast path" : "stack";
}

static bool is_chosen(const struct tally *t, const struct row *row, unsigned int mode)
{
	/* A flood is the same with an Ethernet header, and long. */
	for (size_t n = 0; world.wg_has_ethernet && n < STEPS; n++)
		if (row->step[n].flood)
			return false;
	return (!row->only || row->only & mode) && (!t->only || strstr(row->name, t->only));
}

static void run_one(struct tally *t, const struct group *g, const struct row *row, unsigned int mode)
{
	char what[128], pcap[WM_PATH_SIZE + 32];
	bool good;

	snprintf(what, sizeof(what), "%s, %s%s: %s", config_names[g->config], mode_name(mode),
		 world.wg_has_ethernet ? ", wg with Ethernet headers" : "", g->name);
	snprintf(pcap, sizeof(pcap), "%s/%u.pcap", t->pcaps, t->ran + 1);
	traces.n = 0;
	native_now += NATIVE_HZ; /* limits are per second */
	good = run_row(row, t->ran + 1, pcap);
	if (!world.wg_has_ethernet)
		table_add(g, row, mode, traces.item, traces.n);
	report(t, good, what, row->name);
}

/* Numbers begin again: the maps do so for each run. */
static void fault_one(struct tally *t, const struct group *g, const struct row *row, unsigned int mode)
{
	char what[128];

	snprintf(what, sizeof(what), "%s, %s, helpers fail: %s", config_names[g->config], mode_name(mode), g->name);
	report(t, fault_row(row, 1, g->config, mode, &t->faults), what, row->name);
}

static bool alone_one(struct tally *t, const struct alone *a)
{
	char what[128];

	snprintf(what, sizeof(what), "%s, one program alone", config_names[a->config]);
	if (plane_up(a->config, FAST) < 0)
		return false;
	report(t, alone_run(a), what, a->name);
	plane_down();
	return true;
}

static bool for_rows(struct tally *t, enum config config, unsigned int mode,
		     void (*each)(struct tally *t, const struct group *g, const struct row *row, unsigned int mode))
{
	if (plane_up(config, mode) < 0)
		return false;
	for (size_t n = 0; n < ngroups; n++)
		for (size_t x = 0; groups[n]->config == config && x < groups[n]->n; x++)
			if (is_chosen(t, &groups[n]->rows[x], mode))
				each(t, groups[n], &groups[n]->rows[x], mode);
	plane_down();
	return true;
}

static bool for_configs(struct tally *t,
			void (*each)(struct tally *t, const struct group *g, const struct row *row, unsigned int mode))
{
	static const unsigned int modes[] = { FAST, STACK, FAST | SHIELD };
	bool good = true;

	for (unsigned int config = 0; config < CONFIGS && good; config++)
		for (size_t m = 0; m < WM_ARRAY_LEN(modes) && good; m++)
			good = for_rows(t, (enum config)config, modes[m], each);
	return good;
}

int main(int argc, char **argv)
{
	const char *build = getenv("B");
	struct tally t = { .only = argc > 1 ? argv[1] : NULL };
	bool good;

	wm_format(t.pcaps, sizeof(t.pcaps), "%s/native/packets", build ? build : "build");
	good = wm_make_dirs(t.pcaps, 0755) == 0 && for_configs(&t, run_one) && for_configs(&t, fault_one);
	world.wg_has_ethernet = true;
	good = good && for_configs(&t, run_one);
	world.wg_has_ethernet = false;
	for (size_t n = 0; n < nalone && good; n++)
		if (!t.only || strstr(alone[n].name, t.only))
			good = alone_one(&t, &alone[n]);
	if (!good) {
		printf("Bail out! the maps could not be filled\n");
		return 1;
	}
	printf("# %lu packets with a failing helper\n", t.faults);
	if (!t.only) {
		report(&t, table_reasons(), "the table", "each reason has a row");
		report(&t, table_is_large(), "the table", "it is large enough");
		report(&t, table_no_twins(), "the table", "no two rows are alike");
	}
	printf("1..%u\n", t.ran);
	return t.failed || !t.ran ? 1 : 0;
}
