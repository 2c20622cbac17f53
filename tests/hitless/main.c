/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Hitless: all that is done to a gateway, under load, and every packet accounted for.
 *
 *   wm-hitless [--whole] [--hosts N] [--seed N] [--only TEXT] [--way TEXT]     as root; speaks TAP
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/place.h"
#include "core/util.h"
#include "hitless/acts.h"

struct options {
	bool whole;
	uint32_t hosts, seed;
	const char *only, *way;
};

static unsigned int row, failed;

static void print_row(bool ok, const struct act *act, enum rig_way way, unsigned int times, const struct options *o)
{
	char what[100];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(what, sizeof(what), act->name, times);
#pragma GCC diagnostic pop
	printf("%sok %u - %s: %s, %u hosts", ok ? "" : "not ", ++row, rig_ways[way], what, o->hosts);
	failed += !ok;
}

static void print_findings(const struct account_result *r)
{
	static const char *const texts[] = {
#define ACCOUNT_TEXT(name, text) [ACCOUNT_##name] = text,
		ACCOUNT_FINDINGS(ACCOUNT_TEXT)
#undef ACCOUNT_TEXT
	};

	for (int i = 0; i < ACCOUNT_FINDINGS_END; i++)
		if (r->finding[i])
			printf("# %llu %s\n", (unsigned long long)r->finding[i], texts[i]);
	if (*r->detail)
		printf("# %s\n", r->detail);
}

static bool is_good(const struct act *act, const struct account_result *r)
{
	if (act->found != ACCOUNT_FINDINGS_END)
		return r->finding[act->found] > 0;
	for (int i = 0; i < ACCOUNT_FINDINGS_END; i++)
		if (r->finding[i])
			return false;
	return true;
}

static void print_changes(const struct scene *s)
{
	static const char *const texts[] = {
#define TOWN_TEXT(name, text) [TOWN_##name] = text,
		TOWN_CHANGES(TOWN_TEXT)
#undef TOWN_TEXT
	};

	printf("#");
	for (int i = 0; i < TOWN_CHANGES_END; i++)
		printf("%s %llu %s", i ? "," : "", (unsigned long long)s->town.done[i], texts[i]);
	printf("\n");
}

/* A stage for what is played one after the other in one way; opened again after an error. */
struct stage {
	struct scene scene;
	bool open;
};

static int prepare(struct stage *stage, const struct act *act, enum rig_way way, const struct options *o, struct wm_error *err)
{
	struct scene *s = &stage->scene;
	int rc = stage->open ? 0 : scene_open(s, way, o->hosts, act->small, o->seed, err);

	stage->open = true;
	memset(s->town.done, 0, sizeof(s->town.done));
	/* As it should be, whatever was played before. */
	town_plan(&s->town);
	if (rc == 0)
		rc = scene_apply(s, err);
	if (rc == 0)
		rc = load_go_on(&s->load, err);
	if (rc == 0)
		rc = load_warm(&s->load, err);
	if (rc == 0)
		rc = account_start(&s->account, &s->load, err);
	return rc < 0 ? rc : load_go_on(&s->load, err);
}

static void play(struct stage *stage, const struct act *act, enum rig_way way, const struct options *o)
{
	unsigned int times = o->whole ? act->times_whole : act->times;
	struct account_result r = { 0 };
	struct scene *s = &stage->scene;
	struct wm_error err = { 0 };
	int rc = prepare(stage, act, way, o, &err);

	if (rc == 0)
		rc = act->play(s, times, &err);
	if (rc == 0)
		rc = account_end(&s->account, &s->load, &s->town, act->without, &r, &err);
	bool ok = rc == 0 && is_good(act, &r);
	print_row(ok, act, way, times, o);
	if (rc == 0)
		printf(": %llu packets, %llu of them during %u changes", (unsigned long long)r.sent,
		       (unsigned long long)s->account.during, s->account.changes);
	printf("%s\n", act->found != ACCOUNT_FINDINGS_END && ok ? "; found" : "");
	if (rc < 0)
		printf("# %s\n", err.text);
	if (!ok || act->found != ACCOUNT_FINDINGS_END)
		print_findings(&r);
	if (rc == 0 && act->found == ACCOUNT_FINDINGS_END)
		print_changes(s);
	fflush(stdout);
	if (rc < 0 || (!ok && act->found == ACCOUNT_FINDINGS_END)) {
		scene_close(s);
		stage->open = false;
	}
}

/* All of a list that is played in this way, on one stage. */
static void play_all(const struct act *list, unsigned int n, bool small, enum rig_way way, const struct options *o)
{
	static struct stage stage;

	for (unsigned int i = 0; i < n; i++)
		if (list[i].ways & 1u << way && list[i].small == small && (!o->only || strstr(list[i].name, o->only)))
			play(&stage, &list[i], way, o);
	if (stage.open)
		scene_close(&stage.scene);
	stage.open = false;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "whole", no_argument, NULL, 'w' },
		{ "hosts", required_argument, NULL, 'h' },
		{ "seed", required_argument, NULL, 's' },
		{ "only", required_argument, NULL, 'o' },
		{ "way", required_argument, NULL, 'y' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'w')
			*o = (struct options){ true, 10000, o->seed, o->only, o->way };
		else if (c == 'h')
			o->hosts = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 's')
			o->seed = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'o')
			o->only = optarg;
		else if (c == 'y')
			o->way = optarg;
		else
			return -1;
	}
	return optind == argc && o->hosts >= 200 && o->hosts <= 40000 ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options o = { .hosts = 1000, .seed = 1 };
	struct wm_error err;

	if (parse(argc, argv, &o) < 0) {
		fprintf(stderr, "usage: wm-hitless [--whole] [--hosts 200..40000] [--seed N] [--only TEXT] [--way TEXT]\n");
		return 2;
	}
	if (place_open(&err) < 0) {
		printf("Bail out! %s\n", err.text);
		return 1;
	}
	for (int way = 0; way < RIG_WAYS; way++) {
		if (o.way && strcmp(o.way, rig_ways[way]) != 0)
			continue;
		play_all(faults, nfaults, false, (enum rig_way)way, &o);
		play_all(acts, nacts, false, (enum rig_way)way, &o);
		play_all(acts, nacts, true, (enum rig_way)way, &o);
	}
	printf("1..%u\n", row);
	return failed ? 1 : 0;
}
