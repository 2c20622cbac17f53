/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/place.h"
#include "bench/run.h"
#include "bench/rig.h"
#include "core/util.h"

int main(int argc, char **argv)
{
	struct run run = {.rounds = argc > 1 ? atoi(argv[1]) : 5, .packets = 4800, .only = argc > 3 ? argv[3] : NULL};
	uint32_t hosts = argc > 2 ? atoi(argv[2]) : 1000;
	struct result r = {.rounds = run.rounds, .packets = run.packets};
	struct wm_error err = {0};

	int rc = place_open(&err);
	if (rc == 0)
		rc = place_stay(RIG_CPU_GATEWAY, &err);
	for (unsigned int i = 0; i < ncomparisons && rc == 0; i++)
		rc = run_comparison(&comparisons[i], hosts, &run, &r, &err);
	for (size_t i = 0; i < r.n; i++) {
		printf("%s %u hosts\n", r.measure[i].title, r.measure[i].hosts);
		for (size_t s = 0; s < r.measure[i].nseries; s++) {
			struct spread sp = spread_of(r.measure[i].series[s].ns, r.measure[i].series[s].n);
			printf("  %-50s %8.0f  %8.0f %8.0f\n", r.measure[i].series[s].title, sp.median, sp.q1, sp.q3);
		}
	}
	if (rc < 0)
		fprintf(stderr, "%s (%s)\n", err.text, strerror(-rc));
	return rc < 0;
}
