/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/place.h"
#include "bench/rival.h"
#include "bench/run.h"
#include "bench/world.h"
#include "core/record_file.h"
#include "core/util.h"

#define HOME PLACE_RUN "/gateway" /* of the gateway that is looked at */
#define SITE "s"
#define TOP 20
#define FORMS 4

static const struct form {
	const char *name, *title;
	const char *words[4]; /* behind wm-bpf stats */
	bool all;	      /* of the hosts; else TOP */
} forms[FORMS] = {
	{ "top", "the 20 with the most bytes", { "-n", "20" }, false },
	{ "text", "all hosts, text", { NULL }, true },
	{ "json", "all hosts, JSON", { "-j" }, true },
	{ "openmetrics", "all hosts, OpenMetrics", { "--openmetrics" }, true },
};

static const struct plane {
	const char *name;
	unsigned int how;
} planes[] = { { "bpf", 0 }, { "nft", PLANE_NFT } };

/* --- a gateway as wm-bpf finds one -------------------------------------------------------------- */

static int fill_config(struct wm_config *config, const struct wire_world *w)
{
	struct wm_site site = { .domain = SITE, .subnet = world_subnet(w) };
	int rc = wm_config_add_site(config, &site);

	config->mesh.supernet = world_supernet(w);
	for (uint32_t h = 0; h < w->hosts && rc == 0; h++) {
		struct wm_host host = { .domain = SITE,
					.overlay = wire_near(w, h, 1),
					.local = wire_near(w, h, 0),
					.access = WM_ACCESS_FULL };

		wm_format(host.name, sizeof(host.name), "h%u", h);
		rc = wm_config_add_host(config, &host);
	}
	return rc;
}

/* What everybody is called. */
static int save_config(const struct wire_world *w, struct wm_error *err)
{
	struct wm_config config = { .mesh = { .generation = 1, .name = "bench", .instance = "bench" } };
	int rc = fill_config(&config, w);

	rc = rc < 0 ? wm_fail(err, -rc, "no memory for a config") : wm_config_finish(&config, err);
	if (rc == 0)
		rc = wm_config_save(HOME "/config", &config, NULL, err);
	wm_config_free(&config);
	return rc;
}

static int make_home(const struct rig *rig, struct wm_error *err)
{
	static const char env[] = "SITE_DOMAIN=" SITE "\nWM_REGISTRY_URL=http://127.0.0.1:1\n"
				  "WM_REGISTRY_TOKEN=nobody-asks-for-it\n";
	int rc = wm_make_dirs(HOME, 0755);

	if (rc == 0)
		rc = wm_replace_file(HOME "/gateway.env", 0600, env, strlen(env));
	if (rc < 0)
		return wm_fail(err, -rc, "cannot write " HOME "/gateway.env: %s", strerror(-rc));
	setenv("WM_ETC", HOME, 1);
	setenv("WM_STATE", HOME, 1);
	setenv("WM_RUN", HOME, 1);
	setenv("WM_BPFFS", rig->inst.bpffs, 1);
	return save_config(&rig->world, err);
}

/* --- looks ------------------------------------------------------------------------------------ */

static int find_tool(char *ret, size_t size, struct wm_error *err)
{
	ssize_t len = readlink("/proc/self/exe", ret, size - 1);
	char *slash;

	ret[len > 0 ? len : 0] = '\0';
	slash = strrchr(ret, '/');
	if (!slash || wm_format(slash + 1, size - (size_t)(slash + 1 - ret), "wm-bpf") < 0 || access(ret, X_OK) < 0)
		return wm_fail(err, ENOENT, "there is no wm-bpf beside wm-bench");
	return 0;
}

/* Every host there is must be in it; of a table with a limit, the limit. */
static int count_names(int fd, size_t *ret, uint64_t *ret_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !st.st_size)
		return -EIO;
	char *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return -errno;
	/* h5.s: once in a row of text or JSON; OpenMetrics has a line for each number. */
	*ret = 0;
	for (const char *at = text, *end = text + st.st_size; (at = memmem(at, (size_t)(end - at), "." SITE, 2));
	     at += 2)
		*ret += at[2] == ' ' || at[2] == '"';
	*ret_size = (uint64_t)st.st_size;
	munmap(text, (size_t)st.st_size);
	return 0;
}

static int look(const char *tool, const struct form *form, uint32_t hosts, double *ret_ms, uint64_t *ret_size,
		struct wm_error *err)
{
	const char *words[8] = { tool, "stats" };
	size_t names = 0, want = form->all ? hosts : WM_MIN(hosts, (uint32_t)TOP);
	uint64_t us = 0;
	WM_AUTO_CLOSE int out = -1;

	memcpy(&words[2], form->words, sizeof(form->words));
	int rc = place_time(words, &us, &out, err);
	if (rc == 0 && (count_names(out, &names, ret_size) < 0 || names < want || names % want))
		rc = wm_fail(err, EBADMSG, "wm-bpf stats names %zu hosts, not %zu", names, want);
	*ret_ms = (double)us / 1000;
	return rc;
}

static int measure_plane(const char *tool, const struct plane *plane, uint32_t hosts, uint32_t rounds,
			 struct stats *ret, struct wm_error *err)
{
	WM_AUTO_FREE double *ms = calloc((size_t)rounds * FORMS, sizeof(*ms));
	uint64_t size[FORMS] = { 0 };
	int rc = ms ? 0 : wm_fail(err, ENOMEM, "no memory");

	for (uint32_t round = 0; round < rounds && rc == 0; round++)
		for (size_t i = 0; i < FORMS && rc == 0; i++)
			rc = look(tool, &forms[i], hosts, &ms[i * rounds + round], &size[i], err);
	for (size_t i = 0; i < FORMS && rc == 0 && ret->n < STATS_MAX; i++)
		ret->cost[ret->n++] = (struct stats_cost){
			plane->name, forms[i].name, forms[i].title, hosts, spread_of(&ms[i * rounds], rounds), size[i]
		};
	return rc;
}

static int measure(const char *tool, const struct plane *plane, uint32_t hosts, uint32_t rounds, struct stats *ret,
		   struct wm_error *err)
{
	struct wire_world world;
	struct wm_error left;
	struct rig rig;

	world_make(&world, hosts);
	int rc = rig_open(&rig, &world, err);
	if (rc < 0)
		return rc;
	rc = place_enter(rig.gateway_ns, err);
	if (rc == 0)
		rc = plane_apply(&rig, plane->how, SCOPE_SITE, err);
	if (rc >= 0)
		rc = make_home(&rig, err);
	if (rc == 0)
		rc = measure_plane(tool, plane, hosts, rounds, ret, err);
	rig_close(&rig);
	place_leave(0, &left);
	return rc < 0 ? wm_fail_in(err, rc, "%s", plane->name) : 0;
}

int stats_measure(uint32_t hosts, uint32_t rounds, struct stats *ret, struct wm_error *err)
{
	char tool[512];
	int rc = find_tool(tool, sizeof(tool), err);

	run_say("wm-bpf stats, %u hosts", hosts);
	for (size_t i = 0; i < WM_ARRAY_LEN(planes) && rc == 0; i++)
		rc = measure(tool, &planes[i], hosts, rounds, ret, err);
	return rc < 0 ? wm_fail_in(err, rc, "wm-bpf stats, %u hosts", hosts) : 0;
}
