/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm add-device, device-setup: by an enrolment, with which the device makes its
 * own key; or with a key made here and a whole config (--conf, --qr), where the
 * order of things sees to it that no device is left over without its config:
 * first the file is there, then the device, then what is in the file.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/conf.h"
#include "cli/dry.h"
#include "cli/like.h"
#include "cli/show.h"
#include "core/util.h"

/* One device that is being set up. */
struct setup {
	struct cli *cli;
	const struct mesh *mesh;
	struct api *api;
	struct placed_device p;
	uint32_t mask; /* fields of p that are to be sent */
	bool is_new;   /* it is to be created, else it is there already */
};

static bool wants_key(const struct cli *cli)
{
	return cli->opt[OPT_CONF] || cli->opt[OPT_QR];
}

static int check_options(const struct cli *cli)
{
	if (cli->opt[OPT_FORCE] && !cli->opt[OPT_CONF])
		return complain(WM_EXIT_USAGE, "--force is for the file of --conf, and there is no --conf");
	if (cli->opt[OPT_QR] && cli->opt[OPT_JSON])
		return complain(WM_EXIT_USAGE, "--qr draws for people; with --json give --conf FILE");
	if (wm_host_valid(cli->arg[0]))
		return 0;
	return complain(WM_EXIT_USAGE, "'%s' cannot be a device's name: one word of a-z, 0-9 and '-' (gw and localhost "
				       "are taken)",
			cli->arg[0]);
}

static int parse_device(struct setup *s)
{
	const char *type = s->cli->opt[OPT_TYPE] ?: "roaming", *overlay = s->cli->opt[OPT_WG_IP];
	int code = check_options(s->cli);

	if (code)
		return code;
	wm_copy(s->p.device.name, sizeof(s->p.device.name), s->cli->arg[0]);
	if (strcmp(type, "roaming") && strcmp(type, "isolated"))
		return complain(WM_EXIT_USAGE, "--type '%s' must be roaming or isolated (of a device)", type);
	s->p.device.access = strcmp(type, "roaming") ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
	s->mask = field_bit(&placed_device_table, "name") | field_bit(&placed_device_table, "type");
	if (overlay && wm_ip4_parse(overlay, &s->p.device.overlay))
		return complain(WM_EXIT_USAGE, "--wg-ip '%s' must be an address like 172.30.1.10", overlay);
	if (overlay)
		s->mask |= field_bit(&placed_device_table, "wg_ip");
	return 0;
}

/* --- what is said in the end ---------------------------------------------------------------- */

/* A registry says it, and it goes into a shell. */
static bool is_address(const char *url)
{
	return (!strncmp(url, "https://", 8) || !strncmp(url, "http://", 7)) &&
	       strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/[]%@") == strlen(url);
}

/* The registry serves the script that does it; one without it is not promised. */
static void show_one_liner(struct wm_out *out, const struct setup *s, const struct enrolment *e)
{
	WM_AUTO_FREE char *script = NULL;
	const char *url = s->mesh->url;
	struct whoami who = {0};
	char line[WM_TOKEN_MAX + 1400];
	size_t len;

	if (api_text(s->api, "GET", "/setup", NULL, &script, &len, "setup", NULL))
		return;
	if (!api_whoami(s->api, &who, NULL) && *who.url)
		url = who.url;
	if (!is_address(url))
		return;
	snprintf(line, sizeof(line), "curl -fsSL%s '%s/setup' | sudo%s sh -s -- --token %s --registry '%s' --name %s --type %s%s",
		 *s->mesh->ca ? " --cacert CA-FILE" : "", url, s->mesh->allow_http ? " env WM_REGISTRY_ALLOW_HTTP=true" : "",
		 e->token, url, s->p.device.name, wm_device_type_name(s->p.device.access), *s->mesh->ca ? " --ca CA-FILE" : "");
	wm_out_str(out, "command", "run on it", line);
	if (*s->mesh->ca) {
		snprintf(line, sizeof(line), "CA-FILE there is a copy of %s", s->mesh->ca);
		wm_out_line(out, line);
	}
}

static int show_done_with(const struct setup *s, const struct enrolment *e, const char *conf)
{
	char text[PATH_MAX + 64], overlay[WM_IP4_TEXT], done[32];
	struct wm_out *out = show_begin(s->cli);

	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), "device %s %s: overlay %s, %s", s->p.device.name,
		 s->is_new ? show_done(s->cli, "added", done) : show_done(s->cli, "set up", done),
		 wm_ip4_format(s->p.device.overlay, overlay), wm_device_type_name(s->p.device.access));
	show_change(s->cli, out, s->mesh, text);
	wm_out_object(out, "device", NULL);
	show_device(out, &s->p);
	wm_out_object_end(out);
	if (e) {
		wm_out_object(out, "enrolment", NULL);
		wm_out_str(out, "token", "enrolment", e->token);
		wm_out_str(out, "expires", "works once, until", e->expires);
		wm_out_object_end(out);
		show_one_liner(out, s, e);
	}
	if (conf)
		wm_out_str(out, "conf", "WireGuard config", conf);
	return show_end(out, WM_EXIT_OK);
}

/* --- with an enrolment ---------------------------------------------------------------------- */

static int set_up_enrolled(struct setup *s)
{
	struct wm_error err = {0};
	struct enrolment e;
	int rc = 0, code;

	if (s->is_new)
		rc = api_send(s->api, "POST", "/v1/devices", &placed_device_table, &s->p, s->mask, &placed_device_table, &s->p,
			      s->p.device.name, &err);
	if (rc)
		return complain_error(rc, &err);
	rc = api_enrolment(s->api, "device", s->p.device.name, &e, &err);
	if (rc && s->is_new)
		return complain(exit_code_of(rc),
				"device %s is created, but has no enrolment: %s; when that is mended: wm device-setup %s",
				s->p.device.name, err.text, s->p.device.name);
	if (rc)
		return complain_error(rc, &err);
	code = show_done_with(s, &e, NULL);
	wm_wipe(&e, sizeof(e));
	return code;
}

/* --- with a key that is made here ------------------------------------------------------------- */

static int send_key(struct setup *s, struct wm_error *err)
{
	uint32_t key = field_bit(&placed_device_table, "public_key");
	char path[WM_NAME_SIZE + 16];

	wm_format(path, sizeof(path), "/v1/devices/%s", s->p.device.name);
	return api_send(s->api, s->is_new ? "POST" : "PATCH", s->is_new ? "/v1/devices" : path, &placed_device_table, &s->p,
			s->is_new ? s->mask | key : key, &placed_device_table, &s->p, s->p.device.name, err);
}

/* The key is registered; what fails now must say that its other half is lost. */
static int deliver(struct setup *s, const struct hub *hub, const struct wm_key *private_key, struct conf_file *f)
{
	char text[CONF_MAX];
	size_t len = (size_t)conf_text(text, hub, &s->p, private_key);
	int failed = f->path ? conf_write(f, text, len) : 0, code = 0;

	if (failed)
		code = complain(WM_EXIT_FAILED, "device %s has a key, but %s could not be written (%s) and it is lost; a new one: "
						"wm device-setup %s --conf FILE",
				s->p.device.name, f->path, strerror(-failed), s->p.device.name);
	if (!code)
		code = show_done_with(s, NULL, f->path);
	if (!code && s->cli->opt[OPT_QR] && (failed = conf_qr(stdout, text)))
		code = complain(WM_EXIT_FAILED, "device %s: its config cannot be drawn (%s); wm device-setup %s --conf FILE",
				s->p.device.name, strerror(-failed), s->p.device.name);
	wm_wipe(text, sizeof(text));
	return code;
}

static int set_up_with_key(struct setup *s, struct conf_file *f)
{
	struct wm_error err = {0};
	struct wm_key private_key;
	struct hub hub = {0};
	int code, rc = conf_hub(s->api, &hub, &err);

	if (rc)
		return complain_error(rc, &err);
	wm_key_generate(&private_key);
	rc = wm_key_public(&private_key, &s->p.device.public_key);
	if (rc)
		wm_fail(&err, -rc, "no key could be made: %s", strerror(-rc));
	rc = rc ?: send_key(s, &err);
	code = rc ? complain_error(rc, &err) : deliver(s, &hub, &private_key, f);
	wm_wipe(&private_key, sizeof(private_key));
	return code;
}

static int set_up(struct setup *s)
{
	struct conf_file f = {.fd = -1};
	int code = 0;

	if (!wants_key(s->cli))
		return set_up_enrolled(s);
	if (s->cli->opt[OPT_CONF])
		code = conf_open(&f, s->cli->opt[OPT_CONF], s->cli->opt[OPT_FORCE]);
	if (code)
		return code;
	code = set_up_with_key(s, &f);
	conf_drop(&f);
	return code;
}

/* --- the commands -------------------------------------------------------------------------------- */

int cmd_add_device(struct cli *cli)
{
	struct setup s = {.cli = cli, .is_new = true};
	struct wm_error err = {0};
	struct mesh *mesh;
	int rc, code = parse_device(&s);

	code = code ?: mesh_choose(cli, &mesh);
	if (code)
		return code;
	s.mesh = mesh;
	rc = api_open(mesh, &s.api, &err);
	if (!rc && cli->opt[OPT_DRY_RUN]) {
		rc = dry_add_device(s.api, &s.p, &err);
		code = rc ? complain_error(rc, &err) : show_done_with(&s, NULL, NULL);
	} else {
		code = rc ? complain_error(rc, &err) : set_up(&s);
	}
	api_close(s.api);
	return code;
}

/* A new key ends what the device has now. */
static int may_replace(const struct setup *s)
{
	char question[256];

	if (!wants_key(s->cli) || wm_key_is_zero(&s->p.device.public_key) || s->cli->opt[OPT_YES])
		return 0;
	if (!on_terminal())
		return complain(WM_EXIT_USAGE, "device %s has a key, and its present config would end; to do it, add --yes",
				s->p.device.name);
	snprintf(question, sizeof(question), "Device %s has a key. Make a new one, and end its present config?",
		 s->p.device.name);
	return ask_yes(question) ? 0 : complain(WM_EXIT_FAILED, "nothing was changed");
}

int cmd_device_setup(struct cli *cli)
{
	struct setup s = {.cli = cli};
	char path[WM_NAME_SIZE + 16], like[LIKE_TEXT];
	struct wm_error err = {0};
	struct mesh *mesh;
	int rc, code = check_options(cli);

	code = code ?: mesh_choose(cli, &mesh);
	if (code)
		return code;
	s.mesh = mesh;
	wm_format(path, sizeof(path), "/v1/devices/%s", cli->arg[0]);
	rc = api_open(mesh, &s.api, &err);
	rc = rc ?: api_send(s.api, "GET", path, NULL, NULL, 0, &placed_device_table, &s.p, cli->arg[0], &err);
	if (rc == -ENOENT)
		code = complain(WM_EXIT_FAILED, "there is no device '%s'; %s", cli->arg[0],
				did_you_mean(s.api, LIKE_DEVICES, cli->arg[0], "create it: wm add-device NAME", like));
	else if (rc)
		code = complain_error(rc, &err);
	else if (cli->opt[OPT_DRY_RUN])
		code = show_done_with(&s, NULL, NULL);
	else
		code = may_replace(&s) ?: set_up(&s);
	api_close(s.api);
	return code;
}
