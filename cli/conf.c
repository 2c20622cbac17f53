/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util.h"

#define DEVICE_MTU 1420
#define KEEPALIVE_S 25 /* holds a NAT's mapping open */

int conf_hub(struct api *api, struct hub *ret, struct wm_error *err)
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

int conf_text(char buf[CONF_MAX], const struct hub *hub, const struct placed_device *p, const struct wm_key *private_key)
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

int conf_open(struct conf_file *f, const char *path, bool force)
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

int conf_write(struct conf_file *f, const char *text, size_t len)
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
void conf_drop(struct conf_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (*f->temp)
		unlink(f->temp);
}
