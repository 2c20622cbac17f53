/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The commands that only look, over all configured meshes (or --mesh's).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/show.h"
#include "core/util.h"

/* What a command shows of a mesh. It is fetched whole before the first line is
 * printed, so that a failure never looks like emptiness. */
enum {
	SHOW_SITES = 1,
	SHOW_HOSTS = 2,
	SHOW_DEVICES = 4,
	SHOW_TREE = 8, /* in JSON all of the above */
	SHOW_HEALTH = 16,
};
#define SHOW_CONFIG (SHOW_SITES | SHOW_HOSTS | SHOW_DEVICES | SHOW_TREE)
#define SHOW_REPORTS SHOW_CONFIG

struct got {
	struct wm_config config;
	struct reports reports;
	struct whoami who;
};

static int fetch(struct api *api, unsigned int what, struct got *ret, struct wm_error *err)
{
	struct wm_error why;
	int rc = 0;

	if (what & SHOW_HEALTH)
		rc = api_health(api, err) ?: api_whoami(api, &ret->who, err);
	if (!rc && what & SHOW_CONFIG)
		rc = api_config(api, &ret->config, err);
	/* Reports only add to the picture. */
	if (!rc && what & SHOW_REPORTS && api_reports(api, &ret->reports, &why))
		complain(0, "what the gateways report is not shown: %s", why.text);
	return rc;
}

static void show_mesh(struct cli *cli, struct wm_out *out, unsigned int what, const struct got *got)
{
	const struct wm_mesh *mesh = &got->config.mesh;
	bool json = cli->opt[OPT_JSON];
	char subnet[WM_PREFIX_TEXT];

	if (what & SHOW_CONFIG) {
		wm_out_str(out, "supernet", NULL, wm_prefix_format(mesh->supernet, subnet));
		wm_out_str(out, "instance", NULL, mesh->instance);
		wm_out_uint(out, "generation", NULL, mesh->generation);
	}
	if (what & SHOW_HEALTH) {
		wm_out_str(out, "status", "registry", "ok");
		wm_out_str(out, "role", "our token", got->who.role);
		wm_out_uint(out, "generation", "generation", got->who.generation);
	}
	if (what & SHOW_TREE && !json)
		show_tree(out, &got->config, &got->reports, show_wide(cli));
	if (what & SHOW_SITES || (what & SHOW_TREE && json))
		show_sites(out, &got->config, &got->reports);
	if (what & SHOW_HOSTS || (what & SHOW_TREE && json))
		show_hosts(out, &got->config, &got->reports);
	if (what & SHOW_DEVICES || (what & SHOW_TREE && json))
		show_devices(out, &got->config, &got->reports);
}

static int show_one(struct cli *cli, struct wm_out *out, struct mesh *m, unsigned int what)
{
	struct wm_error err = m->problem;
	char fallback[WM_NAME_SIZE], header[2 * WM_NAME_SIZE + 16];
	struct got got = {0};
	struct api *api = NULL;
	const char *title;
	int rc = *err.text ? -EPERM : 0;

	rc = rc ?: api_open(m, &api, &err);
	rc = rc ?: fetch(api, what, &got, &err);
	api_close(api);

	/* What it is called here, else what its registry calls it. */
	title = mesh_title(m, fallback);
	if (!*m->name && (*got.config.mesh.name || *got.who.mesh_name))
		title = *got.config.mesh.name ? got.config.mesh.name : got.who.mesh_name;
	snprintf(header, sizeof(header), "=== %s (%s) ===", title, m->slug);
	wm_out_object(out, NULL, NULL);
	wm_out_line(out, header);
	wm_out_str(out, "slug", NULL, m->slug);
	wm_out_str(out, "name", NULL, title);
	wm_out_str(out, "url", NULL, *m->url ? m->url : NULL);
	wm_out_str(out, "problem", NULL, rc ? err.text : NULL);
	if (rc)
		complain_error(rc, &err);
	else
		show_mesh(cli, out, what, &got);
	wm_out_object_end(out);
	wm_config_free(&got.config);
	reports_free(&got.reports);
	return exit_code_of(rc);
}

/* --mesh's, or all, with their tokens: *ret_n of them from *ret on. */
static int choose(struct cli *cli, struct mesh **ret, size_t *ret_n)
{
	bool all = !cli->opt[OPT_MESH] && cli->nmeshes;
	int code = 0;

	*ret = cli->meshes;
	*ret_n = all ? cli->nmeshes : 1;
	if (!all)
		code = mesh_find(cli, cli->opt[OPT_MESH] ?: "", ret);
	for (size_t i = 0; !code && i < *ret_n; i++)
		code = mesh_token(cli, *ret + i, *ret_n == 1);
	return code;
}

static int show_all(struct cli *cli, unsigned int what)
{
	struct mesh *m;
	struct wm_out *out;
	size_t n;
	int code = choose(cli, &m, &n);

	if (code)
		return code;
	out = show_begin(cli);
	if (!out)
		return WM_EXIT_FAILED;
	wm_out_array(out, "meshes");
	for (size_t i = 0; i < n; i++) {
		int one = show_one(cli, out, &m[i], what);

		if (i + 1 < n)
			wm_out_line(out, "");
		code = code ?: one;
	}
	wm_out_array_end(out);
	return show_end(out, code);
}

int cmd_list(struct cli *cli)
{
	return show_all(cli, SHOW_TREE);
}

int cmd_list_sites(struct cli *cli)
{
	return show_all(cli, SHOW_SITES);
}

int cmd_list_hosts(struct cli *cli)
{
	return show_all(cli, SHOW_HOSTS);
}

int cmd_list_devices(struct cli *cli)
{
	return show_all(cli, SHOW_DEVICES);
}

int cmd_health(struct cli *cli)
{
	return show_all(cli, SHOW_HEALTH);
}

/* The registry's own document, one a mesh; with -j nothing stands between them (jq reads such a row). */
int cmd_show_config(struct cli *cli)
{
	struct mesh *m;
	size_t n;
	int code = choose(cli, &m, &n);

	if (code)
		return code;
	for (size_t i = 0; i < n; i++) {
		struct wm_error err = m[i].problem;
		WM_AUTO_FREE char *text = NULL;
		char title[WM_NAME_SIZE];
		struct api *api = NULL;
		int rc = *err.text ? -EPERM : 0;

		rc = rc ?: api_open(&m[i], &api, &err);
		rc = rc ?: api_config_text(api, &text, &err);
		api_close(api);
		if (!cli->opt[OPT_JSON])
			printf("=== %s (%s) ===\n", mesh_title(&m[i], title), m[i].slug);
		if (rc)
			complain_error(rc, &err);
		else
			puts(text);
		code = code ?: exit_code_of(rc);
	}
	if (fflush(stdout) || ferror(stdout))
		return complain(WM_EXIT_FAILED, "cannot write the output: %s", strerror(errno));
	return code;
}
