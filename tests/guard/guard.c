/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guard/guard.h"

#include <stdio.h>
#include <string.h>

#include <valgrind/callgrind.h>

void guard_begin(void)
{
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_ZERO_STATS;
}

void guard_toggle(void)
{
	CALLGRIND_TOGGLE_COLLECT;
}

void guard_end(const char *name)
{
	CALLGRIND_DUMP_STATS_AT(name);
	CALLGRIND_STOP_INSTRUMENTATION;
}

/* Preparing is not instrumented either, which is ten times as fast. */
static int run(const struct guard_row *row)
{
	long did = row->prepare ? row->prepare() : 0;

	if (did >= 0) {
		guard_begin();
		guard_toggle();
		did = row->run();
		guard_toggle();
		guard_end(row->name);
	}
	if (did == row->want)
		return 0;
	printf("# %s: %ld instead of %ld\n", row->name, did, row->want);
	return 1;
}

int guard_run(const struct guard_row *rows, size_t n, const char *only)
{
	int failed = 0;

	for (size_t i = 0; i < n; i++)
		if (!only || strstr(rows[i].name, only))
			failed |= run(&rows[i]);
	return failed;
}
