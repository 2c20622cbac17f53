/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm mesh add, list, remove: the files in ~/.config/wm.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/show.h"
#include "core/util.h"

int cmd_mesh_list(struct cli *cli)
{
	static const struct wm_col cols[] = {
		{"slug", "SLUG", 0}, {"name", "NAME", 0}, {"url", "URL", 0}, {"health", "HEALTH", 0},
		{"problem", NULL, 0},
	};
	struct wm_out *out = show_begin(cli);

	if (!out)
		return WM_EXIT_FAILED;
	wm_out_table(out, "meshes", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < cli->nmeshes; i++) {
		struct mesh *m = &cli->meshes[i];
		struct wm_error err = m->problem;
		char title[WM_NAME_SIZE];
		struct api *api = NULL;
		int rc = *err.text ? -EINVAL : api_open(m, &api, &err);

		if (!rc)
			rc = api_health(api, &err);
		api_close(api);
		wm_out_row(out);
		wm_out_cell_str(out, m->slug);
		wm_out_cell_str(out, mesh_title(m, title));
		wm_out_cell_str(out, *m->url ? m->url : NULL);
		wm_out_cell_str(out, !rc ? "ok" : exit_code_of(rc) == WM_EXIT_UNREACHABLE ? "unreachable" : "broken");
		wm_out_cell_str(out, rc ? err.text : NULL);
		if (rc)
			complain(0, "%s: %s", m->slug, err.text);
	}
	wm_out_table_end(out, "no mesh is configured; connect to one: wm mesh add https://REGISTRY");
	return show_end(out, WM_EXIT_OK);
}

/* Argument, --token-file, environment, question: the first that is there. */
static int find_token(struct cli *cli, char ret[WM_TOKEN_MAX])
{
	const char *env = getenv("WM_REGISTRY_TOKEN");
	int rc = 0;

	if (cli->nargs > 1) {
		rc = wm_copy(ret, WM_TOKEN_MAX, cli->arg[1]);
		/* `ps` reads our arguments from our own memory. */
		wm_wipe(cli->arg[1], strlen(cli->arg[1]));
	} else if (cli->opt[OPT_TOKEN_FILE]) {
		return token_from_file(cli->opt[OPT_TOKEN_FILE], ret);
	} else if (env && *env) {
		rc = wm_copy(ret, WM_TOKEN_MAX, env);
	} else if (!on_terminal()) {
		return complain(WM_EXIT_USAGE, "no token; give it with --token-file FILE or in WM_REGISTRY_TOKEN");
	} else if (ask_line("Token:", true, ret, WM_TOKEN_MAX)) {
		return complain(WM_EXIT_USAGE, "no token was given");
	}
	if (rc || !*ret)
		return complain(WM_EXIT_USAGE, *ret || rc ? "the token is longer than a token can be" : "the token is empty");
	return 0;
}

/* Slug and name must each mean one mesh; the same registry again is an update. */
static int check_unique(const struct cli *cli, const struct mesh *wish)
{
	for (size_t i = 0; i < cli->nmeshes; i++) {
		const struct mesh *m = &cli->meshes[i];
		bool slug = !strcmp(m->slug, wish->slug);

		if (slug && (*m->problem.text || !strcmp(m->url, wish->url)))
			continue;
		if (slug)
			return complain(WM_EXIT_FAILED, "mesh '%s' is configured already, for %s; call this one otherwise with --name",
					m->slug, m->url);
		if (!strcmp(m->name, wish->name))
			return complain(WM_EXIT_FAILED, "mesh '%s' is called '%s' too; call this one otherwise with --name",
					m->slug, m->name);
	}
	return 0;
}

static int fill_settings(struct cli *cli, struct mesh *m)
{
	const char *ca = cli->opt[OPT_CA] ?: getenv("WM_REGISTRY_CA");
	char path[PATH_MAX];
	size_t len;

	if (cli->opt[OPT_NAME] && !wm_label_valid(cli->opt[OPT_NAME]))
		return complain(WM_EXIT_USAGE, "--name '%s' must be of a-z, 0-9 and '-', at most 63 characters",
				cli->opt[OPT_NAME]);
	if (strncmp(cli->arg[0], "https://", 8) && strncmp(cli->arg[0], "http://", 7))
		return complain(WM_EXIT_USAGE, "'%s' is not the address of a registry: it must look like "
					       "https://wm-registry.example.com",
				cli->arg[0]);
	if (wm_copy(m->url, sizeof(m->url), cli->arg[0]))
		return complain(WM_EXIT_USAGE, "the address is longer than %zu characters", sizeof(m->url) - 1);
	for (len = strlen(m->url); len && m->url[len - 1] == '/'; len--)
		m->url[len - 1] = '\0';
	m->allow_http = cli->opt[OPT_ALLOW_HTTP];
	if (ca && *ca && (!realpath(ca, path) || wm_copy(m->ca, sizeof(m->ca), path)))
		return complain(WM_EXIT_USAGE, "CA file %s: %s", ca, strerror(errno));
	/* For messages about a file that is not there yet. */
	wm_copy(m->path, sizeof(m->path), "the mesh");
	return find_token(cli, m->token);
}

static bool is_people(const struct whoami *who)
{
	return !strcmp(who->role, "admin") || !strcmp(who->role, "read");
}

/* Only a token that may look at the mesh is worth keeping; of devices' those of roaming ones may. */
static int check_role(struct api *api, const struct whoami *who)
{
	struct wm_error err = {0};
	char *config;
	int rc;

	if (is_people(who))
		return 0;
	if (strcmp(who->role, "device"))
		return complain(WM_EXIT_REFUSED, "this is the token of a %s (%s); wm needs an admin's, a reader's or a roaming device's",
				who->role, *who->name ? who->name : "no name");
	rc = api_config_text(api, &config, &err);
	if (!rc)
		free(config);
	if (exit_code_of(rc) == WM_EXIT_REFUSED)
		return complain(WM_EXIT_REFUSED, "this is the token of device %s, which may not look at the mesh: only roaming devices may",
				who->name);
	return rc ? complain_error(rc, &err) : 0;
}

/* A device's token never takes the place of one that may more: whose it is shows in the token, also while nobody can be asked. */
static int check_place(const struct cli *cli, const struct mesh *wish, const struct whoami *who)
{
	for (size_t i = 0; !is_people(who) && i < cli->nmeshes; i++) {
		const struct mesh *m = &cli->meshes[i];

		if (strcmp(m->slug, wish->slug))
			continue;
		if (*m->problem.text)
			return complain(WM_EXIT_FAILED, "mesh '%s' is configured already, in a file that cannot be used and stays: %s; remove it first: wm mesh remove %s",
					m->slug, m->problem.text, m->slug);
		if (wm_token_kind(m->token) != WM_TOKEN_DEVICE)
			return complain(WM_EXIT_FAILED, "mesh '%s' is configured already, with a token that is no device's, may more than this %s's, and stays",
					m->slug, who->role);
	}
	return 0;
}

static int show_added(struct cli *cli, const struct mesh *m, const char *role, bool known)
{
	struct wm_out *out = show_begin(cli);
	char text[PATH_MAX + 256];

	if (!out)
		return WM_EXIT_FAILED;
	if (cli->opt[OPT_DRY_RUN])
		snprintf(text, sizeof(text), "would connect to %s (%s) as %s, and %s %s", m->name, m->slug, role,
			 known ? "replace" : "write", m->path);
	else
		snprintf(text, sizeof(text), "connected to %s (%s) as %s", m->name, m->slug, role);
	wm_out_line(out, text);
	wm_out_object(out, "mesh", NULL);
	wm_out_str(out, "slug", NULL, m->slug);
	wm_out_str(out, "name", NULL, m->name);
	wm_out_str(out, "url", NULL, m->url);
	wm_out_str(out, "role", NULL, role);
	wm_out_str(out, "file", NULL, m->path);
	wm_out_object_end(out);
	show_dry(cli, out);
	return show_end(out, WM_EXIT_OK);
}

static int add(struct cli *cli, struct mesh *m)
{
	struct wm_error err = {0};
	struct whoami who;
	struct api *api;
	bool known;
	int code, rc = api_open(m, &api, &err);

	if (rc)
		return complain_error(rc, &err);
	rc = api_whoami(api, &who, &err);
	code = rc ? complain_error(rc, &err) : check_role(api, &who);
	api_close(api);
	if (code)
		return code;
	if (cli->opt[OPT_NAME])
		wm_copy(m->slug, sizeof(m->slug), cli->opt[OPT_NAME]);
	else
		mesh_slug(who.supernet, m->slug);
	wm_copy(m->name, sizeof(m->name), cli->opt[OPT_NAME] ?: who.mesh_name);
	code = check_unique(cli, m) ?: check_place(cli, m, &who);
	if (code)
		return code;
	rc = mesh_place(cli, m, &err);
	known = !rc && !access(m->path, F_OK);
	if (!rc && !cli->opt[OPT_DRY_RUN])
		rc = mesh_save(cli, m, &err);
	return rc ? complain_error(rc, &err) : show_added(cli, m, who.role, known);
}

int cmd_mesh_add(struct cli *cli)
{
	struct mesh m = {0};
	int code = fill_settings(cli, &m);

	if (!code)
		code = add(cli, &m);
	wm_wipe(m.token, sizeof(m.token));
	return code;
}

int cmd_mesh_remove(struct cli *cli)
{
	struct mesh *m;
	struct wm_out *out;
	char text[128], done[32];
	int code = mesh_find(cli, cli->arg[0], &m);

	if (code)
		return code;
	if (!cli->opt[OPT_DRY_RUN] && unlink(m->path))
		return complain(WM_EXIT_FAILED, "%s: cannot remove it: %s", m->path, strerror(errno));
	out = show_begin(cli);
	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), "mesh %s %s; the mesh itself is as it was", m->slug, show_done(cli, "forgotten", done));
	wm_out_line(out, text);
	wm_out_str(out, "removed", NULL, m->slug);
	show_dry(cli, out);
	return show_end(out, WM_EXIT_OK);
}
