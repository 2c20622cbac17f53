/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/show.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"

bool show_wide(const struct cli *cli)
{
	return cli->opt[OPT_OUTPUT] && !strcmp(cli->opt[OPT_OUTPUT], "wide");
}

struct wm_out *show_begin(struct cli *cli)
{
	struct wm_out *out = wm_out_new(stdout, cli->opt[OPT_JSON] ? WM_OUT_JSON : WM_OUT_TEXT);

	if (!out)
		complain(WM_EXIT_FAILED, "out of memory");
	else if (show_wide(cli))
		wm_out_uncut(out);
	return out;
}

int show_end(struct wm_out *out, int code)
{
	int rc = wm_out_end(out);

	if (rc && rc != -EPIPE)
		return complain(WM_EXIT_FAILED, "cannot write the output: %s", strerror(-rc));
	return rc ? WM_EXIT_FAILED : code;
}

const char *show_done(const struct cli *cli, const char *what, char buf[32])
{
	snprintf(buf, 32, "%s%s", cli->opt[OPT_DRY_RUN] ? "would be " : "", what);
	return buf;
}

void show_dry(const struct cli *cli, struct wm_out *out)
{
	if (cli->opt[OPT_DRY_RUN])
		wm_out_bool(out, "dry_run", NULL, true);
}

void show_change(struct cli *cli, struct wm_out *out, const struct mesh *mesh, const char *text)
{
	wm_out_line(out, text);
	wm_out_str(out, "mesh", NULL, mesh->slug);
	show_dry(cli, out);
}

int show_would(struct cli *cli, const struct mesh *mesh, const char *text)
{
	struct wm_out *out = show_begin(cli);

	if (!out)
		return WM_EXIT_FAILED;
	show_change(cli, out, mesh, text);
	return show_end(out, WM_EXIT_OK);
}

int show_removed(struct cli *cli, const struct mesh *mesh, const char *kind, const char *name)
{
	struct wm_out *out = show_begin(cli);
	char text[WM_FQDN_SIZE + 64], done[32];

	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), "%s %s %s", kind, name, show_done(cli, "removed", done));
	show_change(cli, out, mesh, text);
	wm_out_object(out, "removed", NULL);
	wm_out_str(out, "kind", NULL, kind);
	wm_out_str(out, "name", NULL, name);
	wm_out_object_end(out);
	return show_end(out, WM_EXIT_OK);
}

const char *show_ip(wm_ip4 addr, char *buf)
{
	return addr ? wm_ip4_format(addr, buf) : NULL;
}

const char *show_key(const struct wm_key *key, char *buf)
{
	return wm_key_is_zero(key) ? NULL : wm_key_format(key, buf);
}

const char *show_endpoint(const struct wm_endpoint *ep, char *buf)
{
	return ep->family ? wm_endpoint_format(ep, buf) : NULL;
}

const char *show_text(const char *text)
{
	return *text ? text : NULL;
}

void show_site(struct wm_out *out, const struct wm_site *site)
{
	char buf[WM_ENDPOINT_TEXT];

	wm_out_str(out, "domain", NULL, site->domain);
	wm_out_str(out, "subnet", NULL, wm_prefix_format(site->subnet, buf));
	wm_out_str(out, "gateway", NULL, show_ip(wm_site_gateway(site), buf));
	wm_out_bool(out, "is_hub", NULL, site->hub);
	wm_out_str(out, "public_key", NULL, show_key(&site->public_key, buf));
	wm_out_str(out, "endpoint", NULL, show_endpoint(&site->endpoint, buf));
}

void show_host(struct wm_out *out, const struct wm_host *host)
{
	char buf[WM_MAC_TEXT];

	wm_out_str(out, "name", NULL, host->name);
	wm_out_str(out, "domain", NULL, host->domain);
	wm_out_str(out, "wg_ip", NULL, show_ip(host->overlay, buf));
	wm_out_str(out, "local_ip", NULL, show_ip(host->local, buf));
	wm_out_str(out, "type", NULL, wm_host_type_name(host->access));
	wm_out_str(out, "mac", NULL, host->has_mac ? wm_mac_format(&host->mac, buf) : NULL);
}

void show_device(struct wm_out *out, const struct placed_device *placed)
{
	const struct wm_device *device = &placed->device;
	char buf[WM_KEY_TEXT];

	wm_out_str(out, "name", NULL, device->name);
	wm_out_str(out, "domain", NULL, show_text(placed->domain));
	wm_out_str(out, "wg_ip", NULL, show_ip(device->overlay, buf));
	wm_out_str(out, "type", NULL, wm_device_type_name(device->access));
	wm_out_str(out, "public_key", NULL, show_key(&device->public_key, buf));
}
