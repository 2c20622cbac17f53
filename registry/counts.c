/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/counts.h"

#include <time.h>

const uint64_t counts_step_us[COUNTS_STEPS] = { 100, 1000, 10000, 100000, 1000000, 10000000 };

uint64_t counts_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void counts_took(struct counts *counts, enum counts_what what, uint64_t began_us)
{
	struct counts_times *t = &counts->handling[what];
	uint64_t us = counts_now_us() - began_us;

	for (int i = 0; i < COUNTS_STEPS; i++)
		t->within[i] += us <= counts_step_us[i];
	t->n++;
	t->sum_us += us;
}

void counts_answered(struct counts *counts, unsigned int route, unsigned int status)
{
	if (route < COUNTS_ROUTES && status >= COUNTS_STATUS_MIN && status < COUNTS_STATUS_MIN + COUNTS_STATUSES)
		counts->answers[route][status - COUNTS_STATUS_MIN]++;
}

int counts_objects(struct counts *counts, struct store *store, struct wm_error *err)
{
	int rc;

	if (counts->counted && counts->objects.mesh.generation == store_mesh(store)->generation)
		return 0;
	rc = store_count(store, &counts->objects, err);
	counts->counted = !rc;
	return rc;
}
