/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm add-site, remove-site, enrol.
 *
 * As text, add-site and enrol print a complete gateway.env, comments included:
 * `wm add-site b >gateway.env` is a file to carry to the gateway.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/dry.h"
#include "cli/like.h"
#include "cli/show.h"
#include "core/locate.h"
#include "core/util.h"

#define DEFAULT_PORT 51820 /* of a gateway: WM_LISTEN_PORT in core/instance.h */

/* What --endpoint says. */
struct where {
	struct wm_endpoint address; /* which the registry is told too; family 0: none was given */
	struct wm_locate named;     /* name "": none was. The gateway looks it up, again and again, and tells the registry */
};

static void env_line(struct wm_out *out, const char *key, const char *value)
{
	char line[WM_TOKEN_MAX + 64];

	snprintf(line, sizeof(line), "%s=%s", key, value);
	wm_out_line(out, line);
	wm_out_str(out, key, NULL, value);
}

__attribute__((format(printf, 2, 3)))
static void env_comment(struct wm_out *out, const char *fmt, ...)
{
	char line[512] = "# ";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + 2, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	wm_out_line(out, line);
}

/* The gateway reports its endpoint itself, so it must know the one that was given here. */
static void env_endpoint(struct wm_out *out, const struct where *where)
{
	const struct wm_locate *named = &where->named;
	unsigned int port = *named->name ? named->port : where->address.port;
	char text[WM_DNS_NAME_SIZE + WM_ENDPOINT_TEXT], number[8];

	if (*named->name)
		snprintf(text, sizeof(text), "%s:%u", named->name, port);
	else if (!*wm_endpoint_format(&where->address, text))
		return;
	env_line(out, "PUBLIC_IP", text);
	if (port == DEFAULT_PORT)
		return;
	env_comment(out, "another number where a router forwards the port to a different one:");
	snprintf(number, sizeof(number), "%u", port);
	env_line(out, "WM_LISTEN_PORT", number);
}

static bool is_local(const char *url)
{
	return strstr(url, "://127.") || strstr(url, "://localhost") || strstr(url, "://[::1]");
}

/* `url`: where the gateway reaches the registry. */
static int show_gateway_env(struct cli *cli, const struct mesh *mesh, const struct wm_site *site,
			    const struct where *where, const struct enrolment *e, const char *url)
{
	char subnet[WM_PREFIX_TEXT], gateway[WM_IP4_TEXT];
	struct wm_out *out = show_begin(cli);

	if (!out)
		return WM_EXIT_FAILED;
	wm_out_str(out, "mesh", NULL, mesh->slug);
	wm_out_object(out, "site", NULL);
	show_site(out, site);
	wm_out_object_end(out);
	wm_out_object(out, "enrolment", NULL);
	wm_out_str(out, "token", NULL, e->token);
	wm_out_str(out, "expires", NULL, e->expires);
	wm_out_object_end(out);

	wm_prefix_format(site->subnet, subnet);
	env_comment(out, "Site %s: subnet %s, gateway %s. This is its gateway's /etc/wm/gateway.env.", site->domain, subnet,
		    wm_ip4_format(wm_site_gateway(site), gateway));
	env_comment(out, "'wm-gateway install --env FILE' there takes it, with LXC_IFACES=ADDRESS: its address on the LAN.");
	env_comment(out, "The token works once, until %s.", e->expires);
	wm_out_object(out, "gateway_env", NULL);
	env_line(out, "SITE_DOMAIN", site->domain);
	env_line(out, "SITE_SUBNET", subnet);
	env_line(out, "IS_HUB", site->hub ? "true" : "false");
	env_endpoint(out, where);
	if (is_local(url))
		env_comment(out, "this address is this machine's own; a gateway elsewhere needs the registry's public one:");
	env_line(out, "WM_REGISTRY_URL", url);
	env_line(out, "WM_REGISTRY_TOKEN", e->token);
	if (*mesh->ca) {
		env_comment(out, "a copy of this CA file is needed there:");
		env_line(out, "WM_REGISTRY_CA", mesh->ca);
	}
	if (mesh->allow_http)
		env_line(out, "WM_REGISTRY_ALLOW_HTTP", "true");
	wm_out_object_end(out);
	return show_end(out, WM_EXIT_OK);
}

/* text: NULL, not said. */
static int parse_endpoint(const char *text, struct where *ret)
{
	*ret = (struct where){ .named.port = DEFAULT_PORT };
	if (!text || !wm_endpoint_parse(text, &ret->address) || !wm_locate_parse_name(text, &ret->named))
		return 0;
	return complain(WM_EXIT_USAGE,
			"--endpoint '%s' must look like 198.51.100.7:51820, [2001:db8::7]:51820, or a name in DNS: "
			"home.example.net:51820",
			text);
}

static int parse_site(struct cli *cli, struct wm_site *site, struct where *where, uint32_t *mask)
{
	const char *subnet = cli->opt[OPT_SUBNET];

	if (!wm_domain_valid(cli->arg[0]) || wm_copy(site->domain, sizeof(site->domain), cli->arg[0]))
		return complain(WM_EXIT_USAGE,
				"'%s' cannot be a site's domain: one word of a-z, 0-9 and '-' that is not a domain of the "
				"internet's own (com, local, test, ...)",
				cli->arg[0]);
	*mask = field_bit(&wm_site_table, "domain");
	if (subnet && wm_prefix_parse(subnet, &site->subnet))
		return complain(WM_EXIT_USAGE, "--subnet '%s' must look like 172.30.2.0/24, with no bits behind the prefix",
				subnet);
	if (subnet)
		*mask |= field_bit(&wm_site_table, "subnet");
	site->hub = cli->opt[OPT_HUB];
	if (site->hub)
		*mask |= field_bit(&wm_site_table, "is_hub");
	if (parse_endpoint(cli->opt[OPT_ENDPOINT], where))
		return WM_EXIT_USAGE;
	site->endpoint = where->address;
	if (where->address.family)
		*mask |= field_bit(&wm_site_table, "endpoint");
	return 0;
}

/* `made`: the site was created by this very command. */
static int enrol_site(struct cli *cli, struct api *api, const struct mesh *mesh, const struct wm_site *site,
		      const struct where *where, bool made)
{
	struct wm_error err = {0};
	struct whoami who = {0};
	struct enrolment e;
	int rc = api_enrolment(api, "gateway", site->domain, &e, &err);
	int code;

	/* On the registry's own machine we may reach it by an address that is nobody else's. */
	if (!rc && is_local(mesh->url))
		rc = api_whoami(api, &who, &err);

	if (rc && made)
		return complain(exit_code_of(rc), "site %s is created, but has no enrolment: %s; when that is mended: wm enrol %s",
				site->domain, err.text, site->domain);
	code = rc ? complain_error(rc, &err) : show_gateway_env(cli, mesh, site, where, &e, *who.url ? who.url : mesh->url);
	wm_wipe(&e, sizeof(e));
	return code;
}

static int show_would_add(struct cli *cli, const struct mesh *mesh, const struct wm_site *site)
{
	char text[256], subnet[WM_PREFIX_TEXT];
	struct wm_out *out = show_begin(cli);

	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), "site %s would be added: subnet %s%s", site->domain,
		 wm_prefix_format(site->subnet, subnet), site->hub ? ", the hub" : "");
	show_change(cli, out, mesh, text);
	wm_out_object(out, "site", NULL);
	show_site(out, site);
	wm_out_object_end(out);
	return show_end(out, WM_EXIT_OK);
}

int cmd_add_site(struct cli *cli)
{
	struct wm_site site = {0};
	struct wm_error err = {0};
	struct where where;
	struct mesh *mesh;
	struct api *api = NULL;
	uint32_t mask = 0;
	int rc, code = parse_site(cli, &site, &where, &mask);

	code = code ?: mesh_choose(cli, &mesh);
	if (code)
		return code;
	rc = api_open(mesh, &api, &err);
	if (!rc && cli->opt[OPT_DRY_RUN]) {
		rc = dry_add_site(api, &site, &err);
		code = rc ? complain_error(rc, &err) : show_would_add(cli, mesh, &site);
	} else {
		rc = rc ?: api_send(api, "POST", "/v1/sites", &wm_site_table, &site, mask, &wm_site_table, &site, site.domain,
				    &err);
		code = rc ? complain_error(rc, &err) : enrol_site(cli, api, mesh, &site, &where, true);
	}
	api_close(api);
	return code;
}

static int show_device_enrolment(struct cli *cli, const struct mesh *mesh, const struct enrolment *e)
{
	struct wm_out *out = show_begin(cli);

	if (!out)
		return WM_EXIT_FAILED;
	wm_out_str(out, "mesh", NULL, mesh->slug);
	wm_out_str(out, "device", NULL, e->name);
	wm_out_object(out, "enrolment", NULL);
	wm_out_str(out, "token", "enrolment", e->token);
	wm_out_str(out, "expires", "works once, until", e->expires);
	wm_out_object_end(out);
	return show_end(out, WM_EXIT_OK);
}

static int enrol_device(struct cli *cli, struct api *api, const struct mesh *mesh, const char *name)
{
	struct wm_error err = {0};
	struct enrolment e;
	int code, rc = api_enrolment(api, "device", name, &e, &err);

	code = rc ? complain_error(rc, &err) : show_device_enrolment(cli, mesh, &e);
	wm_wipe(&e, sizeof(e));
	return code;
}

/* Whether the site or device is there, or the exit code of saying that it is not. */
static int find_joiner(struct api *api, bool device, const char *name, struct wm_site *ret)
{
	char path[WM_NAME_SIZE + 16], like[LIKE_TEXT];
	struct wm_error err = {0};
	int rc;

	wm_format(path, sizeof(path), "/v1/%s/%s", device ? "devices" : "sites", name);
	rc = api_send(api, "GET", path, NULL, NULL, 0, device ? NULL : &wm_site_table, ret, name, &err);
	if (rc == -ENOENT)
		return complain(WM_EXIT_FAILED, "there is no %s '%s'; %s", device ? "device" : "site", name,
				did_you_mean(api, device ? LIKE_DEVICES : LIKE_SITES, name,
					     device ? "'wm list-devices' shows what there is"
						    : "'wm list-sites' shows what there is",
					     like));
	return rc ? complain_error(rc, &err) : 0;
}

static int end_enrolment(struct cli *cli, struct api *api, const struct mesh *mesh, bool device, const char *name)
{
	char path[WM_NAME_SIZE + 32], title[WM_NAME_SIZE + 16];
	struct wm_error err = {0};
	int rc = 0;

	wm_format(path, sizeof(path), "/v1/enrolments/%s/%s", device ? "device" : "gateway", name);
	wm_format(title, sizeof(title), "%s %s", device ? "device" : "site", name);
	if (!cli->opt[OPT_DRY_RUN])
		rc = api_send(api, "DELETE", path, NULL, NULL, 0, NULL, NULL, name, &err);
	if (rc == -ENOENT)
		return complain(WM_EXIT_FAILED, "%s has no enrolment that nobody has used; 'wm token list' shows those that there are", title);
	return rc ? complain_error(rc, &err) : show_removed(cli, mesh, "enrolment", title);
}

int cmd_enrol(struct cli *cli)
{
	const char *name = cli->arg[0];
	bool device = cli->opt[OPT_DEVICE];
	struct wm_site site = {0};
	struct wm_error err = {0};
	struct mesh *mesh;
	struct api *api = NULL;
	char text[160];
	int rc, code;

	if (!wm_label_valid(name))
		return complain(WM_EXIT_USAGE, "'%s' is not the name of a %s: one word of a-z, 0-9 and '-'", name,
				device ? "device" : "site");
	code = mesh_choose(cli, &mesh);
	if (code)
		return code;
	rc = api_open(mesh, &api, &err);
	code = rc ? complain_error(rc, &err) : find_joiner(api, device, name, &site);
	if (!code && cli->opt[OPT_END]) {
		code = end_enrolment(cli, api, mesh, device, name);
	} else if (!code && cli->opt[OPT_DRY_RUN]) {
		snprintf(text, sizeof(text), "an enrolment of %s %s would be made; an older unused one would end",
			 device ? "device" : "site", name);
		code = show_would(cli, mesh, text);
	} else if (!code) {
		code = device ? enrol_device(cli, api, mesh, name) : enrol_site(cli, api, mesh, &site, &(struct where){ .address = site.endpoint }, false);
	}
	api_close(api);
	return code;
}

static int confirm(const struct cli *cli, const struct mesh *mesh, const char *domain, size_t lost)
{
	char question[256], also[64] = "", title[WM_NAME_SIZE];

	if (lost)
		snprintf(also, sizeof(also), " and its %zu host(s) and device(s)", lost);
	snprintf(question, sizeof(question), "Remove site %s of mesh %s%s?", domain, mesh_title(mesh, title), also);
	return confirm_change(cli, question);
}

int cmd_remove_site(struct cli *cli)
{
	const char *domain = cli->arg[0];
	char path[WM_NAME_SIZE + 32];
	struct wm_error err = {0};
	struct mesh *mesh;
	struct api *api = NULL;
	size_t lost = 0;
	int rc, code;

	if (!wm_label_valid(domain))
		return complain(WM_EXIT_USAGE, "'%s' is not the name of a site: one word of a-z, 0-9 and '-'", domain);
	code = mesh_choose(cli, &mesh);
	if (code)
		return code;
	rc = api_open(mesh, &api, &err);
	rc = rc ?: dry_remove_site(api, domain, cli->opt[OPT_CASCADE], &lost, &err);
	if (!rc && !cli->opt[OPT_DRY_RUN])
		code = confirm(cli, mesh, domain, lost);
	if (!rc && !code && !cli->opt[OPT_DRY_RUN]) {
		wm_format(path, sizeof(path), "/v1/sites/%s%s", domain, cli->opt[OPT_CASCADE] ? "?cascade=1" : "");
		rc = api_send(api, "DELETE", path, NULL, NULL, 0, NULL, NULL, domain, &err);
	}
	api_close(api);
	if (rc || code)
		return code ?: complain_error(rc, &err);
	return show_removed(cli, mesh, "site", domain);
}
