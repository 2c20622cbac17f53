/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All rows of tests/packets that prog_run can do: on the programs of this
 * process and on the kernel's at once. An argument chooses the rows whose name
 * contains it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "native/loaded.h"
#include "packets/plane.h"
#include "packets/run.h"

static const char *only;
static unsigned int ran, failed, skipped, compared;

static void run_one(const struct group *g, const struct row *row, unsigned int mode)
{
	bool good;

	if ((row->only && !(row->only & mode)) || (only && !strstr(row->name, only)))
		return;
	if (!loaded_is_faithful(row)) {
		skipped++;
		return;
	}
	ran++;
	good = run_row(row, ran, "/dev/null");
	good &= loaded_different() == 0;
	compared += loaded_same();
	failed += !good;
	printf("%sok %u - %s: %s: %s\n", good ? "" : "not ", ran, mode == FAST ? "fast path" : "stack", g->name, row->name);
}

static bool run_config(enum config config, unsigned int mode)
{
	if (plane_up(config, mode) < 0)
		return false;
	for (size_t g = 0; g < ngroups; g++)
		for (size_t n = 0; groups[g]->config == config && n < groups[g]->n; n++)
			run_one(groups[g], &groups[g]->rows[n], mode);
	plane_down();
	return true;
}

static int body(void)
{
	bool good = loaded_devices();

	world.wg_has_ethernet = true;
	loaded_start();
	for (unsigned int config = 0; config < CONFIGS && good; config++)
		good = run_config((enum config)config, FAST) && run_config((enum config)config, STACK);
	if (!good) {
		printf("Bail out! the programs could not be loaded\n");
		return 1;
	}
	printf("# %u runs of a program did the same here and in the kernel; %u rows are not for prog_run\n", compared, skipped);
	printf("1..%u\n", ran);
	return failed || !compared ? 1 : 0;
}

int main(int argc, char **argv)
{
	only = argc > 1 ? argv[1] : NULL;
	netns_run(body);
}
