/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm add-device. With --conf the key is made here, and the order of things
 * sees to it that no device is left over without its config: first the file
 * is there, then the device, then what is in the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/show.h"
#include "core/util.h"

#define DEVICE_MTU 1420
#define KEEPALIVE_S 25 /* holds a NAT's mapping open */
#define CONF_MAX 2048

/* What the config says beside the device's own key and address. */
struct hub {
	struct wm_prefix supernet;
	struct wm_site site;
};

static int parse_device(struct cli *cli, struct placed_device *p, uint32_t *mask)
{
	const char *type = cli->opt[OPT_TYPE] ?: "roaming", *overlay = cli->opt[OPT_WG_IP];

	if (!wm_host_valid(cli->arg[0]))
		return complain(WM_EXIT_USAGE, "'%s' cannot be a device's name: one word of a-z, 0-9 and '-' (gw and localhost "
					       "are taken)",
				cli->arg[0]);
	wm_copy(p->device.name, sizeof(p->device.name), cli->arg[0]);
	if (strcmp(type, "roaming") && strcmp(type, "isolated"))
		return complain(WM_EXIT_USAGE, "--type '%s' must be roaming or isolated (of a device)", type);
	p->device.access = strcmp(type, "roaming") ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
	*mask = field_bit(&placed_device_table, "name") | field_bit(&placed_device_table, "type");
	if (overlay && wm_ip4_parse(overlay, &p->device.overlay))
		return complain(WM_EXIT_USAGE, "--wg-ip '%s' must be an address like 172.30.1.10", overlay);
	if (overlay)
		*mask |= field_bit(&placed_device_table, "wg_ip");
	if (cli->opt[OPT_FORCE] && !cli->opt[OPT_CONF])
		return complain(WM_EXIT_USAGE, "--force is for the file of --conf, and there is no --conf");
	return 0;
}

/* --- without --conf: an enrolment --------------------------------------------------------- */

static int show_added(struct cli *cli, const struct mesh *mesh, const struct placed_device *p,
		      const struct enrolment *e, const char *conf)
{
	char text[PATH_MAX + 64], overlay[WM_IP4_TEXT];
	struct wm_out *out = show_begin(cli);

	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), "device %s added: overlay %s, %s", p->device.name,
		 wm_ip4_format(p->device.overlay, overlay), wm_device_type_name(p->device.access));
	wm_out_line(out, text);
	wm_out_str(out, "mesh", NULL, mesh->slug);
	wm_out_object(out, "device", NULL);
	show_device(out, p);
	wm_out_object_end(out);
	if (e) {
		wm_out_object(out, "enrolment", NULL);
		wm_out_str(out, "token", "enrolment", e->token);
		wm_out_str(out, "expires", "works once, until", e->expires);
		wm_out_object_end(out);
	} else {
		wm_out_str(out, "conf", "WireGuard config", conf);
	}
	return show_end(out, WM_EXIT_OK);
}

static int add_enrolled(struct cli *cli, struct api *api, const struct mesh *mesh, struct placed_device *p,
			uint32_t mask)
{
	struct wm_error err = {0};
	struct enrolment e;
	int rc, code;

	rc = api_send(api, "POST", "/v1/devices", &placed_device_table, p, mask, &placed_device_table, p, p->device.name,
		      &err);
	if (rc)
		return complain_error(rc, &err);
	rc = api_enrolment(api, "device", p->device.name, &e, &err);
	if (rc)
		return complain(exit_code_of(rc),
				"device %s is created, but has no enrolment: %s; when that is mended: wm enrol --device %s",
				p->device.name, err.text, p->device.name);
	code = show_added(cli, mesh, p, &e, NULL);
	wm_wipe(&e, sizeof(e));
	return code;
}

/* --- with --conf: a whole WireGuard config -------------------------------------------------- */

static int find_hub(struct api *api, struct hub *ret, struct wm_error *err)
{
	struct wm_config config = {0};
	const struct wm_site *hub;
	int rc = api_config(api, &config, err);

	if (rc)
		return rc;
	hub = wm_config_hub(&config);
	if (hub) {
		ret->site = *hub;
		ret->supernet = config.mesh.supernet;
	}
	wm_config_free(&config);
	if (!hub)
		return wm_fail(err, EINVAL, "the mesh has no hub, where devices connect; create it: wm add-site DOMAIN --hub");
	if (wm_key_is_zero(&ret->site.public_key))
		return wm_fail(err, EINVAL, "the hub '%s' has no key yet: start its gateway first (wm enrol %s)",
			       ret->site.domain, ret->site.domain);
	if (!ret->site.endpoint.family)
		return wm_fail(err, EINVAL, "the hub '%s' has no endpoint, so no device could reach it: set PUBLIC_IP in its "
					    "gateway.env",
			       ret->site.domain);
	return 0;
}

static int conf_text(char *buf, const struct hub *hub, const struct placed_device *p, const struct wm_key *private_key)
{
	char own[WM_KEY_TEXT], peer[WM_KEY_TEXT], addr[WM_IP4_TEXT], dns[WM_IP4_TEXT], endpoint[WM_ENDPOINT_TEXT],
		allowed[WM_PREFIX_TEXT];
	int len = snprintf(buf, CONF_MAX,
			   "# device %s.%s\n"
			   "[Interface]\n"
			   "PrivateKey = %s\n"
			   "Address = %s/32\n"
			   "DNS = %s\n"
			   "MTU = %u\n"
			   "\n"
			   "[Peer]\n"
			   "PublicKey = %s\n"
			   "Endpoint = %s\n"
			   "AllowedIPs = %s\n"
			   "PersistentKeepalive = %u\n",
			   p->device.name, hub->site.domain, wm_key_format(private_key, own), wm_ip4_format(p->device.overlay, addr),
			   wm_ip4_format(wm_site_gateway(&hub->site), dns), DEVICE_MTU,
			   wm_key_format(&hub->site.public_key, peer), wm_endpoint_format(&hub->site.endpoint, endpoint),
			   wm_prefix_format(hub->supernet, allowed), KEEPALIVE_S);

	wm_wipe(own, sizeof(own));
	return len;
}

/* A new file, or with --force one beside the old that replaces it in the end. */
struct conf_file {
	const char *path;
	char temp[PATH_MAX]; /* what is written, equal to path unless forced; "" when it is done */
	int fd;
};

static int conf_open(struct conf_file *f, const char *path, bool force)
{
	f->path = path;
	if (wm_format(f->temp, sizeof(f->temp), force ? "%s.new" : "%s", path))
		return complain(WM_EXIT_USAGE, "--conf: the file name is too long");
	f->fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd < 0 && errno == EEXIST)
		return complain(WM_EXIT_USAGE, force ? "%s exists; remove it first" : "%s exists; to replace it, add --force",
				f->temp);
	if (f->fd < 0)
		return complain(WM_EXIT_USAGE, "%s: cannot create it: %s", f->temp, strerror(errno));
	return 0;
}

static int conf_write(struct conf_file *f, const char *text, size_t len)
{
	int rc = wm_write_full(f->fd, text, len);

	if (!rc && fsync(f->fd) && errno != EINVAL) /* EINVAL: nothing to sync, as on a pipe */
		rc = -errno;
	if (close(f->fd) && !rc)
		rc = -errno;
	f->fd = -1;
	if (!rc && strcmp(f->temp, f->path) && rename(f->temp, f->path))
		rc = -errno;
	if (!rc)
		*f->temp = '\0';
	return rc;
}

/* What was not written to its end does not stay behind. */
static void conf_drop(struct conf_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (*f->temp)
		unlink(f->temp);
}

static int create_and_write(struct cli *cli, struct api *api, const struct mesh *mesh, struct placed_device *p,
			    uint32_t mask, struct conf_file *f)
{
	struct wm_error err = {0};
	struct wm_key private_key;
	char text[CONF_MAX];
	struct hub hub = {0};
	int rc = find_hub(api, &hub, &err);

	if (rc)
		return complain_error(rc, &err);
	wm_key_generate(&private_key);
	rc = wm_key_public(&private_key, &p->device.public_key);
	if (rc)
		return complain(WM_EXIT_FAILED, "no key could be made: %s", strerror(-rc));
	mask |= field_bit(&placed_device_table, "public_key");
	rc = api_send(api, "POST", "/v1/devices", &placed_device_table, p, mask, &placed_device_table, p, p->device.name,
		      &err);
	if (!rc) {
		int failed = conf_write(f, text, (size_t)conf_text(text, &hub, p, &private_key));

		if (failed)
			rc = wm_fail(&err, EIO, "device %s is created, but %s could not be written (%s) and its key is lost; run "
						"'wm remove %s' and try again",
				     p->device.name, f->path, strerror(-failed), p->device.name);
	}
	wm_wipe(&private_key, sizeof(private_key));
	wm_wipe(text, sizeof(text));
	if (rc)
		return complain_error(rc, &err);
	return show_added(cli, mesh, p, NULL, f->path);
}

static int add_with_conf(struct cli *cli, struct api *api, const struct mesh *mesh, struct placed_device *p,
			 uint32_t mask)
{
	struct conf_file f;
	int code = conf_open(&f, cli->opt[OPT_CONF], cli->opt[OPT_FORCE]);

	if (code)
		return code;
	code = create_and_write(cli, api, mesh, p, mask, &f);
	conf_drop(&f);
	return code;
}

int cmd_add_device(struct cli *cli)
{
	struct placed_device device = {0};
	struct wm_error err = {0};
	struct mesh *mesh;
	struct api *api = NULL;
	uint32_t mask = 0;
	int rc, code = parse_device(cli, &device, &mask);

	code = code ?: mesh_choose(cli, &mesh);
	if (code)
		return code;
	rc = api_open(mesh, &api, &err);
	if (rc)
		return complain_error(rc, &err);
	code = cli->opt[OPT_CONF] ? add_with_conf(cli, api, mesh, &device, mask)
				  : add_enrolled(cli, api, mesh, &device, mask);
	api_close(api);
	return code;
}
