/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bench: what a packet costs a gateway. The status is 1 when a packet was
 * lost or came out wrong, or nothing could be measured.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/cost.h"
#include "bench/options.h"
#include "bench/place.h"
#include "bench/report.h"
#include "bench/run.h"
#include "core/util.h"

#define PROGRAM_ROUNDS 11
#define MANY 50000 /* hosts: all that is measured takes long, and fewer rounds must do */
#define MANY_ROUNDS 11
#define MANY_PROGRAM_ROUNDS 3
#define STATS_ROUNDS 3

static bool is_wanted(const char *part, const struct options *o)
{
	return !o->run.load || strstr(part, o->run.load);
}

static int measure_costs(const struct options *o, struct costs *ret, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int h = 0; h < o->nprograms && rc == 0; h++) {
		uint32_t most = o->programs[h] > MANY ? MANY_PROGRAM_ROUNDS : PROGRAM_ROUNDS;

		run_say("programs, %u hosts", o->programs[h]);
		rc = cost_measure(o->programs[h], WM_MIN(o->run.rounds, most), ret, err);
	}
	return rc;
}

static int measure(const struct options *o, struct report *ret, struct wm_error *err)
{
	uint32_t middle = o->hosts[(o->nhosts - 1) / 2], last = o->hosts[o->nhosts - 1];
	int rc = 0;

	for (unsigned int h = 0; h < o->nhosts && rc == 0; h++) {
		struct run run = o->run;

		if (o->hosts[h] > MANY)
			run.rounds = WM_MIN(run.rounds, (uint32_t)MANY_ROUNDS);
		for (unsigned int i = 0; i < ncomparisons && rc == 0; i++)
			rc = run_comparison(&comparisons[i], o->hosts[h], &run, &ret->result, err);
	}
	/* In super-packets the number of hosts says little, and of waiting it says less: once. */
	if (rc == 0)
		rc = run_streams(middle, &o->run, &ret->result, err);
	if (rc == 0)
		rc = run_transits(middle, &o->run, &ret->transits, err);
	if (rc == 0 && is_wanted("programs", o))
		rc = measure_costs(o, &ret->costs, err);
	if (rc == 0 && is_wanted("stats", o))
		rc = stats_measure(last, WM_MIN(o->run.rounds, (uint32_t)STATS_ROUNDS), &ret->stats, err);
	return rc;
}

static int write_file(const struct options *o, const char *name, const struct report *r, const struct machine *m,
		      struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	char path[512];
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int rc = wm_format(path, sizeof(path), "%s/%s", o->out, name);

	if (rc == 0)
		rc = !f			       ? -ENOMEM
		     : strstr(name, ".svg")    ? plot_write(f, r)
		     : strstr(name, "targets") ? report_summary(f, r, m)
					       : report_write(f, strstr(name, ".json"), r, m);
	if (f)
		fclose(f);
	if (rc == 0)
		rc = wm_replace_file(path, 0644, text, len);
	return rc < 0 ? wm_fail(err, -rc, "cannot write %s: %s", path, strerror(-rc)) : 0;
}

static int write_files(const struct options *o, const struct report *r, const struct machine *m, struct wm_error *err)
{
	static const char *const names[] = { "result.json", "table.txt", "targets.txt", "path.svg" };
	int rc = wm_make_dirs(o->out, 0755);

	if (rc < 0)
		return wm_fail(err, -rc, "cannot make %s: %s", o->out, strerror(-rc));
	for (size_t i = 0; i < WM_ARRAY_LEN(names) && rc == 0; i++)
		rc = write_file(o, names[i], r, m, err);
	return rc;
}

static int run_programs(const struct options *o, struct machine *m, struct wm_error *err)
{
	static struct costs costs;
	int rc = measure_costs(o, &costs, err);

	machine_done(m);
	return rc < 0 ? rc : cost_write(stdout, o->json, &costs, m);
}

static int run_all(const struct options *o, struct machine *m, struct wm_error *err)
{
	static struct report r;

	r.result.rounds = o->run.rounds;
	r.result.packets = o->run.packets;
	int rc = measure(o, &r, err);
	machine_done(m);
	if (rc == 0)
		rc = report_write(stdout, o->json, &r, m);
	if (rc == 0 && o->out)
		rc = write_files(o, &r, m, err);
	result_free(&r.result);
	transits_free(&r.transits);
	return rc;
}

int main(int argc, char **argv)
{
	struct wm_error err = { 0 };
	struct options o;
	struct machine m;
	int rc = options_read(argc, argv, &o);

	if (rc)
		return rc < 0 ? 2 : 0;
	machine_read(&m);
	rc = place_open(&err);
	if (rc == 0)
		rc = place_stay(RIG_CPU, &err);
	if (rc == 0)
		rc = o.cost ? run_programs(&o, &m, &err) : run_all(&o, &m, &err);
	if (rc < 0)
		fprintf(stderr, "wm-bench: %s\n", *err.text ? err.text : strerror(-rc));
	return rc < 0;
}
