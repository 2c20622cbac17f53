/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/each.h"

#include <errno.h>
#include <stdio.h>

#include "cli/show.h"
#include "core/util.h"

static int fetch(struct api *api, unsigned int need, struct got *ret, struct wm_error *err)
{
	struct wm_error why;
	int rc = 0;

	if (need & NEED_HEALTH)
		rc = api_health(api, err) ?: api_whoami(api, &ret->who, err);
	if (!rc && need & NEED_CONFIG)
		rc = api_config(api, &ret->config, err);
	if (!rc && need & NEED_REPORTS && api_reports(api, &ret->reports, &why))
		complain(0, "what the gateways report is not shown: %s", why.text);
	return rc;
}

static int one_mesh(struct cli *cli, struct wm_out *out, struct mesh *m, unsigned int need, show_mesh_fn show,
		    void *arg)
{
	struct wm_error err = m->problem;
	char fallback[WM_NAME_SIZE], header[2 * WM_NAME_SIZE + 16];
	struct got got = {0};
	struct api *api = NULL;
	const char *title;
	int code, rc = *err.text ? -EPERM : 0;

	rc = rc ?: api_open(m, &api, &err);
	rc = rc ?: fetch(api, need, &got, &err);
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
	code = rc ? complain_error(rc, &err) : show(cli, out, m, &got, arg);
	wm_out_object_end(out);
	wm_config_free(&got.config);
	reports_free(&got.reports);
	return code;
}

int choose_meshes(struct cli *cli, struct mesh **ret, size_t *ret_n)
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

int each_mesh(struct cli *cli, unsigned int need, show_mesh_fn show, void *arg)
{
	struct mesh *m;
	struct wm_out *out;
	size_t n;
	int code = choose_meshes(cli, &m, &n);

	if (code)
		return code;
	out = show_begin(cli);
	if (!out)
		return WM_EXIT_FAILED;
	wm_out_array(out, "meshes");
	for (size_t i = 0; i < n; i++) {
		int one = one_mesh(cli, out, &m[i], need, show, arg);

		if (i + 1 < n)
			wm_out_line(out, "");
		code = code ?: one;
	}
	wm_out_array_end(out);
	return show_end(out, code);
}
