/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm list, list-*, health, show-config.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/each.h"
#include "cli/show.h"
#include "cli/text.h"
#include "core/util.h"

static void show_head(struct wm_out *out, const struct wm_mesh *mesh)
{
	char subnet[WM_PREFIX_TEXT];

	wm_out_str(out, "supernet", NULL, wm_prefix_format(mesh->supernet, subnet));
	wm_out_str(out, "instance", NULL, mesh->instance);
	wm_out_uint(out, "generation", NULL, mesh->generation);
}

static int list_one(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	(void)m, (void)arg;
	show_head(out, &got->config.mesh);
	if (!cli->opt[OPT_JSON]) {
		show_tree(out, &got->config, &got->reports, show_wide(cli));
		return WM_EXIT_OK;
	}
	show_sites(out, &got->config, &got->reports);
	show_hosts(out, &got->config, &got->reports);
	show_devices(out, &got->config, &got->reports);
	return WM_EXIT_OK;
}

static int list_one_sites(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	(void)cli, (void)m, (void)arg;
	show_head(out, &got->config.mesh);
	show_sites(out, &got->config, &got->reports);
	return WM_EXIT_OK;
}

static int list_one_hosts(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	(void)cli, (void)m, (void)arg;
	show_head(out, &got->config.mesh);
	show_hosts(out, &got->config, &got->reports);
	return WM_EXIT_OK;
}

static int list_one_devices(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	(void)cli, (void)m, (void)arg;
	show_head(out, &got->config.mesh);
	show_devices(out, &got->config, &got->reports);
	return WM_EXIT_OK;
}

static int health_one(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	(void)cli, (void)m, (void)arg;
	wm_out_str(out, "status", "registry", "ok");
	wm_out_str(out, "role", "our token", got->who.role);
	wm_out_uint(out, "generation", "generation", got->who.generation);
	return WM_EXIT_OK;
}

int cmd_list(struct cli *cli)
{
	return each_mesh(cli, NEED_CONFIG | NEED_REPORTS, list_one, NULL);
}

int cmd_list_sites(struct cli *cli)
{
	return each_mesh(cli, NEED_CONFIG | NEED_REPORTS, list_one_sites, NULL);
}

int cmd_list_hosts(struct cli *cli)
{
	return each_mesh(cli, NEED_CONFIG | NEED_REPORTS, list_one_hosts, NULL);
}

int cmd_list_devices(struct cli *cli)
{
	return each_mesh(cli, NEED_CONFIG | NEED_REPORTS, list_one_devices, NULL);
}

int cmd_health(struct cli *cli)
{
	return each_mesh(cli, NEED_HEALTH, health_one, NULL);
}

/* The registry's own document, one a mesh; with -j nothing stands between them (jq reads such a row). */
int cmd_show_config(struct cli *cli)
{
	struct mesh *m;
	size_t n;
	int code = choose_meshes(cli, &m, &n);

	if (code)
		return code;
	for (size_t i = 0; i < n; i++) {
		struct wm_error err = m[i].problem;
		WM_AUTO_FREE char *text = NULL;
		char title[WM_NAME_SIZE], head[WM_NAME_SIZE + MESH_SLUG_SIZE + 16];
		struct api *api = NULL;
		int rc = *err.text ? -EPERM : 0;

		rc = rc ?: api_open(&m[i], &api, &err);
		rc = rc ?: api_config_text(api, &text, &err);
		api_close(api);
		snprintf(head, sizeof(head), "=== %s (%s) ===", mesh_title(&m[i], title), m[i].slug);
		wm_printable(head);
		if (!cli->opt[OPT_JSON])
			puts(head);
		if (rc)
			complain_error(rc, &err);
		else
			put_document(stdout, text, strlen(text));
		fputs(rc ? "" : "\n", stdout);
		code = code ?: exit_code_of(rc);
	}
	if (fflush(stdout) || ferror(stdout))
		return complain(WM_EXIT_FAILED, "cannot write the output: %s", strerror(errno));
	return code;
}
