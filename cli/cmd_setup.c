/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm host-setup, openwrt-setup: the registry's script for a machine or a router,
 * with what it has to know in front as shell variables. Nothing is printed
 * before all of it is there: what goes into a shell is whole or empty.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/each.h"
#include "cli/show.h"
#include "core/util.h"

/* What stands in front of a script, in this order. */
struct variables {
	char slug[MESH_SLUG_SIZE], name[WM_NAME_SIZE], supernet[WM_PREFIX_TEXT], gateway[WM_IP4_TEXT], url[512];
	char *domains; /* separated by blanks; malloc'd */
};

/* --- without an address: which gateways there are ------------------------------------------ */

static int gateways_one(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	static const struct wm_col cols[] = {
		{"site", "SITE", 0}, {"wg_ip", "GATEWAY", 0}, {"endpoint", "ENDPOINT", 0}, {NULL, "STATE", WM_COL_TRUNC},
	};
	char text[160];

	(void)m, (void)arg;
	wm_out_table(out, "gateways", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < got->config.nsites; i++) {
		const struct wm_site *s = &got->config.sites[i];
		char buf[WM_ENDPOINT_TEXT], state[STATE_TEXT];

		wm_out_row(out);
		wm_out_cell_str(out, s->domain);
		wm_out_cell_str(out, show_ip(wm_site_gateway(s), buf));
		wm_out_cell_str(out, show_endpoint(&s->endpoint, buf));
		wm_out_cell_str(out, state_text(&got->config, s, report_of(&got->reports, s->domain), state));
	}
	wm_out_table_end(out, "no sites; create one: wm add-site DOMAIN");
	snprintf(text, sizeof(text), "Give the LAN address of this site's gateway (LXC_IFACES in its gateway.env): wm %s ADDRESS",
		 cli->command->name);
	if (got->config.nsites)
		wm_out_line(out, text);
	return WM_EXIT_OK;
}

/* --- variables -------------------------------------------------------------------------------- */

static int join_domains(const struct wm_config *config, char **ret)
{
	size_t len;
	FILE *f = open_memstream(ret, &len);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < config->nsites; i++)
		fprintf(f, "%s%s", i ? " " : "", config->sites[i].domain);
	return fclose(f) ? -ENOMEM : 0;
}

static int read_gateway(const struct cli *cli, wm_ip4 *ret)
{
	if (!wm_ip4_parse(cli->arg[0], ret) && wm_ip4_is_unicast(*ret))
		return 0;
	return complain(WM_EXIT_USAGE, "'%s' must be an address like 192.168.1.250: the gateway's on its LAN", cli->arg[0]);
}

/* The address of the gateway that is typed is most easily mistaken for its overlay address. */
static int check_gateway(const struct cli *cli, const struct wm_config *config, struct variables *v)
{
	wm_ip4 gateway;

	if (read_gateway(cli, &gateway))
		return WM_EXIT_USAGE;
	if (wm_prefix_has(config->mesh.supernet, gateway))
		return complain(WM_EXIT_USAGE, "%s is an address of the mesh; give the one that the gateway has on its LAN "
					       "(LXC_IFACES in its gateway.env)",
				cli->arg[0]);
	wm_ip4_format(gateway, v->gateway);
	return 0;
}

static int fill_variables(struct cli *cli, struct api *api, const struct mesh *mesh, struct variables *v)
{
	struct wm_config config = {0};
	struct wm_error err = {0};
	struct whoami who;
	int code, rc = api_whoami(api, &who, &err);

	rc = rc ?: api_config(api, &config, &err);
	if (rc)
		return complain_error(rc, &err);
	code = check_gateway(cli, &config, v);
	wm_copy(v->slug, sizeof(v->slug), mesh->slug);
	wm_copy(v->name, sizeof(v->name), who.mesh_name);
	wm_copy(v->url, sizeof(v->url), *who.url ? who.url : mesh->url);
	wm_prefix_format(config.mesh.supernet, v->supernet);
	if (!code && join_domains(&config, &v->domains))
		code = complain(WM_EXIT_FAILED, "out of memory");
	/* It becomes the name of a file. */
	if (!code && (!*v->slug || *v->slug == '.' || strspn(v->slug, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
								   "0123456789-_.") != strlen(v->slug)))
		code = complain(WM_EXIT_USAGE, "mesh '%s': a script needs a slug of letters, digits and '-'; rename %s", v->slug,
				mesh->path);
	wm_config_free(&config);
	return code;
}

static void each_variable(const struct variables *v, void (*on)(void *arg, const char *key, const char *value), void *arg)
{
	on(arg, "WM_MESH_SLUG", v->slug);
	on(arg, "WM_MESH_NAME", v->name);
	on(arg, "WM_MESH_SUPERNET", v->supernet);
	on(arg, "WM_MESH_DOMAINS", v->domains);
	on(arg, "WM_GATEWAY", v->gateway);
	on(arg, "WM_REGISTRY_URL", v->url);
}

/* In single quotes a shell leaves everything as it is but these. */
static void put_assignment(void *f, const char *key, const char *value)
{
	fprintf(f, "%s='", key);
	for (; *value; value++) {
		if (*value == '\'')
			fputs("'\\''", f);
		else
			fputc((unsigned char)*value < ' ' ? ' ' : *value, f);
	}
	fputs("'\n", f);
}

static void put_member(void *out, const char *key, const char *value)
{
	wm_out_str(out, key, NULL, value);
}

/* --- the script --------------------------------------------------------------------------------- */

/* Who looks at it before it is run sees all of it. */
static bool is_plain(const char *script)
{
	uint32_t code;

	for (size_t n; *script; script += n) {
		n = wm_utf8_decode(script, &code);
		if (!n || (wm_is_control(code) && code != '\n' && code != '\t'))
			return false;
	}
	return true;
}

static int print_script(struct cli *cli, const struct mesh *mesh, const struct variables *v, const char *script, size_t len)
{
	const char *rest = strchr(script, '\n');
	struct wm_out *out;

	if (strlen(script) != len || strncmp(script, "#!/bin/sh", 9) || !rest || !is_plain(script))
		return complain(WM_EXIT_UNREACHABLE, "what the registry serves is not a script for /bin/sh; nothing is printed");
	if (cli->opt[OPT_JSON]) {
		out = show_begin(cli);
		if (!out)
			return WM_EXIT_FAILED;
		wm_out_str(out, "mesh", NULL, mesh->slug);
		wm_out_object(out, "variables", NULL);
		each_variable(v, put_member, out);
		wm_out_object_end(out);
		wm_out_str(out, "script", NULL, script);
		return show_end(out, WM_EXIT_OK);
	}
	printf("%.*s\n", (int)(rest - script), script);
	each_variable(v, put_assignment, stdout);
	fputs(rest + 1, stdout);
	if (fflush(stdout) || ferror(stdout))
		return complain(WM_EXIT_FAILED, "cannot write the output: %s", strerror(errno));
	return WM_EXIT_OK;
}

static int setup(struct cli *cli, const char *path)
{
	WM_AUTO_FREE char *script = NULL;
	struct variables v = {0};
	struct wm_error err = {0};
	struct api *api = NULL;
	struct mesh *mesh;
	size_t len = 0;
	wm_ip4 gateway;
	int rc, code = read_gateway(cli, &gateway);

	code = code ?: mesh_choose(cli, &mesh);
	if (code)
		return code;
	rc = api_open(mesh, &api, &err);
	code = rc ? complain_error(rc, &err) : fill_variables(cli, api, mesh, &v);
	if (!code) {
		rc = api_text(api, "GET", path, NULL, &script, &len, "setup", &err);
		if (rc == -ENOENT)
			code = complain(WM_EXIT_FAILED, "registry %s has no script at %s: it was built without, or is older than this wm", mesh->url,
					path);
		else
			code = rc ? complain_error(rc, &err) : print_script(cli, mesh, &v, script, len);
	}
	api_close(api);
	free(v.domains);
	return code;
}

int cmd_host_setup(struct cli *cli)
{
	if (!cli->nargs)
		return each_mesh(cli, NEED_CONFIG | NEED_REPORTS, gateways_one, NULL);
	return setup(cli, "/setup/host");
}

int cmd_netplan_setup(struct cli *cli)
{
	complain(0, "netplan-setup is the old name of 'wm host-setup', and does the same");
	return cmd_host_setup(cli);
}

int cmd_openwrt_setup(struct cli *cli)
{
	return setup(cli, "/setup/openwrt");
}
