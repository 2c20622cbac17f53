/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm wait: until the mesh changes, or until every gateway has it in force.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/reports.h"
#include "cli/show.h"
#include "core/util.h"

#define LOOK_MS 300 /* between looks at the reports, which do not wait */
#define LONG_POLL_S 25u
#define NAMED 8     /* so many of those that are behind are named */

struct progress {
	uint64_t generation; /* that the registry has by now */
	size_t enrolled, behind;
	char who[NAMED * WM_NAME_SIZE + 64]; /* the first few that are behind */
};

/* How many gateways have enrolled, and which of them are not there yet. */
static void compare(const struct wm_json *sites, const struct reports *reports, struct progress *p)
{
	char *buf = p->who;
	size_t size = sizeof(p->who);
	size_t n = 0, at = 0;

	p->enrolled = 0;
	*buf = '\0';
	for (size_t i = 0; i < wm_json_size(sites); i++) {
		const struct wm_json *site = wm_json_at(sites, i);
		const char *domain = wm_json_str(wm_json_get(site, "domain")) ?: "";
		const struct report *r = report_of(reports, domain);

		if (wm_json_is_null(wm_json_get(site, "public_key")))
			continue;
		p->enrolled++;
		if (r && *r->seen && r->applied && r->generation >= p->generation)
			continue;
		if (n++ < NAMED && at < size)
			at += (size_t)snprintf(buf + at, size - at, "%s%s", n > 1 ? ", " : "", domain);
	}
	if (n > NAMED && at < size)
		snprintf(buf + at, size - at, " and %zu more", n - NAMED);
	p->behind = n;
}

static int look(struct api *api, struct progress *ret, struct wm_error *err)
{
	struct reports reports = {0};
	struct wm_json *root = NULL;
	struct whoami now;
	int rc = api_whoami(api, &now, err);

	rc = rc ?: api_json(api, "GET", "/v1/sites", NULL, &root, "sites", err);
	rc = rc ?: api_reports(api, &reports, err);
	if (!rc) {
		ret->generation = now.generation;
		compare(wm_json_get(root, "sites"), &reports, ret);
	}
	wm_json_free(root);
	reports_free(&reports);
	return rc;
}

static int wait_synced(struct api *api, uint64_t until_ms, struct progress *ret, struct wm_error *err)
{
	for (;;) {
		int rc = look(api, ret, err);

		if (rc || !ret->behind)
			return rc;
		if (wm_monotonic_ms() >= until_ms)
			return wm_fail(err, ETIME, "not in time: generation %llu is not applied by %s; 'wm check' says more",
				       (unsigned long long)ret->generation, ret->who);
		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
	}
}

static int wait_change(struct api *api, uint64_t until_ms, uint64_t *ret_generation, struct wm_error *err)
{
	struct whoami now;
	int rc = api_whoami(api, &now, err);

	while (!rc) {
		uint64_t ms = wm_monotonic_ms(), left_ms = until_ms > ms ? until_ms - ms : 0;

		rc = api_wait(api, now.instance, now.generation, (unsigned int)WM_MIN((left_ms + 999) / 1000, LONG_POLL_S),
			      ret_generation, err);
		if (rc != -EAGAIN)
			return rc;
		rc = left_ms ? 0 : wm_fail(err, ETIME, "not in time: the mesh is still at generation %llu",
					   (unsigned long long)now.generation);
	}
	return rc;
}

int cmd_wait(struct cli *cli)
{
	bool synced = cli->opt[OPT_SYNCED];
	struct wm_error err = {0};
	struct api *api = NULL;
	struct mesh *mesh;
	struct wm_out *out;
	struct progress p = {0};
	uint64_t seconds, until;
	char text[128];
	int rc, code = option_number(cli, OPT_TIMEOUT, 60, 86400, &seconds);

	code = code ?: mesh_choose(cli, &mesh);
	if (code)
		return code;
	until = wm_monotonic_ms() + seconds * 1000;
	rc = api_open(mesh, &api, &err);
	if (!rc)
		rc = synced ? wait_synced(api, until, &p, &err) : wait_change(api, until, &p.generation, &err);
	api_close(api);
	if (rc)
		return complain_error(rc, &err);
	out = show_begin(cli);
	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), synced && !p.enrolled ? "no gateway has enrolled yet; the mesh is at generation %llu" :
				     synced ? "every gateway has applied generation %llu" : "the mesh is at generation %llu now",
		 (unsigned long long)p.generation);
	wm_out_line(out, text);
	wm_out_str(out, "mesh", NULL, mesh->slug);
	wm_out_uint(out, "generation", NULL, p.generation);
	return show_end(out, WM_EXIT_OK);
}
