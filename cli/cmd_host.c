/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm add-host, and set and remove, which work on hosts and devices alike.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/dry.h"
#include "cli/like.h"
#include "cli/show.h"
#include "core/util.h"

/* --- options of a host, as fields of the API ---------------------------------------- */

static int read_local(const char *text, void *host)
{
	return wm_ip4_parse(text, &((struct wm_host *)host)->local);
}

static int read_overlay(const char *text, void *host)
{
	return wm_ip4_parse(text, &((struct wm_host *)host)->overlay);
}

static int read_type(const char *text, void *host)
{
	((struct wm_host *)host)->access = strcmp(text, "standard") ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
	return strcmp(text, "standard") && strcmp(text, "isolated") ? -EINVAL : 0;
}

static int read_mac(const char *text, void *host)
{
	struct wm_host *h = host;

	memset(&h->mac, 0, sizeof(h->mac)); /* "none": null in the API */
	return strcmp(text, "none") ? wm_mac_parse(text, &h->mac) : 0;
}

static int read_device_overlay(const char *text, void *placed)
{
	return wm_ip4_parse(text, &((struct placed_device *)placed)->device.overlay);
}

static int read_device_type(const char *text, void *placed)
{
	((struct placed_device *)placed)->device.access = strcmp(text, "roaming") ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
	return strcmp(text, "roaming") && strcmp(text, "isolated") ? -EINVAL : 0;
}

struct option_field {
	enum option_id option;
	const char *key;
	int (*read)(const char *text, void *obj);
	const char *form;
};

static const struct option_field host_options[] = {
	{OPT_LOCAL_IP, "local_ip", read_local, "an address like 192.168.1.10"},
	{OPT_WG_IP, "wg_ip", read_overlay, "an address like 172.30.2.10"},
	{OPT_TYPE, "type", read_type, "standard or isolated (of a host)"},
	{OPT_MAC, "mac", read_mac, "a unicast MAC address like 02:00:00:12:34:56, or none"},
};

static const struct option_field device_options[] = {
	{OPT_WG_IP, "wg_ip", read_device_overlay, "an address like 172.30.1.10"},
	{OPT_TYPE, "type", read_device_type, "roaming or isolated (of a device)"},
};

/* Fills obj from the options that were given; *ret_mask: those. */
static int read_options(const struct cli *cli, const struct option_field *fields, size_t n, const struct wm_table *table,
			void *obj, uint32_t *ret_mask)
{
	*ret_mask = 0;
	for (size_t i = 0; i < n; i++) {
		const char *text = cli->opt[fields[i].option];

		if (!text)
			continue;
		if (fields[i].read(text, obj))
			return complain(WM_EXIT_USAGE, "--%s '%s' must be %s", option_rows[fields[i].option].name, text,
					fields[i].form);
		*ret_mask |= field_bit(table, fields[i].key);
	}
	return 0;
}

/* --- after a change ------------------------------------------------------------------ */

static int show_changed_host(struct cli *cli, const struct mesh *mesh, const struct wm_host *h, const char *what)
{
	char text[512], overlay[WM_IP4_TEXT], local[WM_IP4_TEXT], done[32];
	struct wm_out *out = show_begin(cli);

	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), "host %s.%s %s: overlay %s, LAN address %s, %s", h->name, h->domain,
		 show_done(cli, what, done), wm_ip4_format(h->overlay, overlay), wm_ip4_format(h->local, local),
		 wm_host_type_name(h->access));
	show_change(cli, out, mesh, text);
	wm_out_object(out, "host", NULL);
	show_host(out, h);
	wm_out_object_end(out);
	return show_end(out, WM_EXIT_OK);
}

static int show_changed_device(struct cli *cli, const struct mesh *mesh, const struct placed_device *d)
{
	char text[512], overlay[WM_IP4_TEXT], done[32];
	struct wm_out *out = show_begin(cli);

	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), "device %s %s: overlay %s, %s", d->device.name, show_done(cli, "changed", done),
		 wm_ip4_format(d->device.overlay, overlay), wm_device_type_name(d->device.access));
	show_change(cli, out, mesh, text);
	wm_out_object(out, "device", NULL);
	show_device(out, d);
	wm_out_object_end(out);
	return show_end(out, WM_EXIT_OK);
}

/* The table's mac has no word for "there is one" beside its bytes. */
static void note_mac(struct wm_host *h)
{
	static const struct wm_mac none;

	h->has_mac = memcmp(&h->mac, &none, sizeof(none)) != 0;
}

/* --- the commands ----------------------------------------------------------------------- */

static int read_name(const char *text, struct wm_host *host)
{
	if (!wm_fqdn_split(text, host->name, host->domain) && wm_host_valid(host->name))
		return 0;
	return complain(WM_EXIT_USAGE, "'%s' must be NAME.DOMAIN like nas.b: its own name and its site's, of a-z, 0-9 and '-' "
				       "(gw and localhost are taken)",
			text);
}

static int add_host(struct cli *cli, struct api *api, const struct mesh *mesh, struct wm_host *host, uint32_t mask)
{
	char name[WM_FQDN_SIZE], like[LIKE_TEXT + WM_NAME_SIZE];
	struct wm_error err = {0};
	int rc;

	mask |= field_bit(&wm_host_table, "name") | field_bit(&wm_host_table, "domain");
	if (!(mask & field_bit(&wm_host_table, "type")))
		host->access = WM_ACCESS_FULL;
	note_mac(host);
	wm_format(name, sizeof(name), "%s.%s", host->name, host->domain);
	if (cli->opt[OPT_DRY_RUN])
		rc = dry_add_host(api, host, &err);
	else
		rc = api_send(api, "POST", "/v1/hosts", &wm_host_table, host, mask, &wm_host_table, host, name, &err);
	if ((rc == -ENOENT || rc == -EEXIST) && !cli->opt[OPT_DRY_RUN] && site_missing(api, host->domain, like))
		return complain(WM_EXIT_FAILED, "%s: %s", name, like);
	if (rc)
		return complain_error(rc, &err);
	note_mac(host);
	return show_changed_host(cli, mesh, host, "added");
}

int cmd_add_host(struct cli *cli)
{
	struct wm_host host = {0};
	struct wm_error err = {0};
	struct mesh *mesh;
	struct api *api = NULL;
	uint32_t mask = 0;
	int rc, code = 0;

	if (!cli->nargs && !on_terminal())
		return complain(WM_EXIT_USAGE, "an argument is missing; use: wm %s %s (without arguments it asks, on a terminal)",
				cli->command->name, cli->command->args);
	if (cli->nargs)
		code = read_name(cli->arg[0], &host);
	if (!code && cli->nargs && !cli->opt[OPT_LOCAL_IP])
		code = complain(WM_EXIT_USAGE, "--local-ip is missing: the address that %s has on its LAN", cli->arg[0]);
	code = code ?: read_options(cli, host_options, WM_ARRAY_LEN(host_options), &wm_host_table, &host, &mask);
	code = code ?: mesh_choose(cli, &mesh);
	if (code)
		return code;
	rc = api_open(mesh, &api, &err);
	if (rc)
		code = complain_error(rc, &err);
	else if (!cli->nargs)
		code = ask_host(api, &host, &mask);
	code = code ?: add_host(cli, api, mesh, &host, mask);
	api_close(api);
	return code;
}

/* For a dry run: the options once more, on what is there. */
static void edit_host(void *cli, void *host)
{
	uint32_t mask;

	if (!read_options(cli, host_options, WM_ARRAY_LEN(host_options), &wm_host_table, host, &mask) &&
	    ((struct cli *)cli)->opt[OPT_MAC])
		note_mac(host);
}

static void edit_device(void *cli, void *placed)
{
	uint32_t mask;

	read_options(cli, device_options, WM_ARRAY_LEN(device_options), &placed_device_table, placed, &mask);
}

static int set_host(struct cli *cli, const struct mesh *mesh, struct api *api, const struct target *t)
{
	struct wm_host host = {0};
	struct wm_error err = {0};
	uint32_t mask = 0;
	int rc, code = read_options(cli, host_options, WM_ARRAY_LEN(host_options), &wm_host_table, &host, &mask);

	if (code)
		return code;
	if (cli->opt[OPT_DRY_RUN]) {
		wm_fqdn_split(t->name, host.name, host.domain);
		rc = dry_set_host(api, &host, edit_host, cli, &err);
	} else {
		rc = api_send(api, "PATCH", t->path, &wm_host_table, &host, mask, &wm_host_table, &host, t->name, &err);
	}
	if (rc)
		return complain_error(rc, &err);
	note_mac(&host);
	return show_changed_host(cli, mesh, &host, "changed");
}

static int set_device(struct cli *cli, const struct mesh *mesh, struct api *api, const struct target *t)
{
	struct placed_device device = {0};
	struct wm_error err = {0};
	uint32_t mask = 0;
	int rc, code;

	if (cli->opt[OPT_LOCAL_IP] || cli->opt[OPT_MAC])
		return complain(WM_EXIT_USAGE, "%s is a device: it has no LAN, so --local-ip and --mac are not for it", t->name);
	code = read_options(cli, device_options, WM_ARRAY_LEN(device_options), &placed_device_table, &device, &mask);
	if (code)
		return code;
	if (cli->opt[OPT_DRY_RUN]) {
		snprintf(device.device.name, sizeof(device.device.name), "%.*s", (int)strcspn(t->name, "."), t->name);
		rc = dry_set_device(api, &device, edit_device, cli, &err);
	} else {
		rc = api_send(api, "PATCH", t->path, &placed_device_table, &device, mask, &placed_device_table, &device,
			      t->name, &err);
	}
	return rc ? complain_error(rc, &err) : show_changed_device(cli, mesh, &device);
}

/* Opens the mesh and finds the host or device that the first argument names. */
static int find_target(struct cli *cli, struct mesh **ret_mesh, struct api **ret_api, struct target *ret)
{
	struct wm_error err = {0};
	int rc, code = mesh_choose(cli, ret_mesh);

	if (code)
		return code;
	rc = api_open(*ret_mesh, ret_api, &err);
	rc = rc ?: api_target(*ret_api, cli->arg[0], ret, &err);
	return rc == -EINVAL ? complain(WM_EXIT_USAGE, "%s", err.text) : rc ? complain_error(rc, &err) : 0;
}

int cmd_set(struct cli *cli)
{
	struct mesh *mesh;
	struct api *api = NULL;
	struct target t;
	int code;

	if (!cli->opt[OPT_TYPE] && !cli->opt[OPT_LOCAL_IP] && !cli->opt[OPT_WG_IP] && !cli->opt[OPT_MAC])
		return complain(WM_EXIT_USAGE, "what should change? use: wm %s %s", cli->command->name, cli->command->args);
	code = find_target(cli, &mesh, &api, &t);
	if (!code)
		code = t.device ? set_device(cli, mesh, api, &t) : set_host(cli, mesh, api, &t);
	api_close(api);
	return code;
}

int cmd_remove(struct cli *cli)
{
	struct wm_error err = {0};
	struct mesh *mesh;
	struct api *api = NULL;
	struct target t;
	int rc = 0, code = find_target(cli, &mesh, &api, &t);

	if (!code && !cli->opt[OPT_DRY_RUN])
		rc = api_send(api, "DELETE", t.path, NULL, NULL, 0, NULL, NULL, t.name, &err);
	api_close(api);
	if (code || rc)
		return code ?: complain_error(rc, &err);
	return show_removed(cli, mesh, t.device ? "device" : "host", t.name);
}
