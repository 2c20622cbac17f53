/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The gateway in the container: one as on any machine, by `wm-gateway install
 * --native` run there, with settings that are right there.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "agent/lifecycle/lxc_own.h"
#include "core/locate.h"
#include "core/util.h"
#include "kernel/host.h"

#define INSTALL_S 600

static void become(char **io, char *text)
{
	wm_wipe_free(*io);
	*io = text;
}

static int edit(char **io, const char *key, const char *value, struct wm_error *err)
{
	char *text;
	int rc = wm_env_edit(*io, key, value, &text, err);

	if (!rc)
		become(io, text);
	return rc;
}

/* And what was taken away here is taken away there. */
static int make_whole(char **io, struct wm_error *err)
{
	char *text;
	int rc = wm_settings_whole(*io, &text, err);

	if (!rc)
		become(io, text);
	return rc;
}

static void host_label(char *ret)
{
	char name[HOST_NAME_MAX + 1] = "";

	gethostname(name, sizeof(name) - 1);
	name[strcspn(name, ".")] = '\0';
	for (char *c = name; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
	*ret = '\0';
	if (wm_label_valid(name))
		wm_copy(ret, WM_NAME_SIZE, name);
}

/* Its socket is at this machine's addresses: where one of them is public, the whole internet reaches it there, but the gateway
 * does not see it among its own. */
static bool host_is_public(void)
{
	struct wm_host_net net;

	if (wm_host_net_read(&net, NULL))
		return false;
	for (unsigned int i = 0; i < net.n; i++) {
		struct wm_endpoint ep = { .family = 4, .port = 1,
					  .addr = { (uint8_t)(net.lan[i].addr >> 24), (uint8_t)(net.lan[i].addr >> 16), (uint8_t)(net.lan[i].addr >> 8),
						    (uint8_t)net.lan[i].addr } };

		if (wm_endpoint_is_public(&ep))
			return true;
	}
	return false;
}

/* Its settings: LANs by the container's own addresses, and what only its host knows. */
static int settings_inside(const struct wm_life *l, char **ret, struct wm_error *err)
{
	static const char *const ours[] = { "LXC_KIND", "LXC_CONTAINER", "LXC_VMID", "LXC_STORAGE", "LXC_TEMPLATE", "LXC_PATH", "LXC_PROGRAMS", "LXC_GATEWAY" };
	const struct wm_lxc_own *own = wm_lxc_own(l);
	char lans[WM_CONTAINER_LANS_TEXT], host[WM_NAME_SIZE], addr[WM_IP4_TEXT], carrier[WM_NAME_SIZE + WM_IP4_TEXT];
	int rc = 0;

	*ret = strdup(own->settings.text);
	if (!*ret)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < WM_ARRAY_LEN(ours) && !rc; i++)
		rc = edit(ret, ours[i], NULL, err);
	if (!rc)
		rc = edit(ret, "LXC_IFACES", wm_container_lans_format(&own->net, lans), err);
	host_label(host);
	if (!rc && !*wm_lxc_value(l, "WM_CARRIER", "") && *host && own->net.nic[0].host &&
	    !wm_format(carrier, sizeof(carrier), "%s:%s", host, wm_ip4_format(own->net.nic[0].host, addr)))
		rc = edit(ret, "WM_CARRIER", carrier, err);
	if (!rc && own->net.behind && !*wm_lxc_value(l, "PUBLIC_IP", "") && host_is_public())
		rc = edit(ret, "PUBLIC_IP", "auto", err);
	if (!rc && *own->settings.token)
		rc = edit(ret, "WM_REGISTRY_TOKEN", own->settings.token, err);
	return rc ? rc : make_whole(ret, err);
}

void wm_lxc_pass_on(struct wm_life *l, char *text)
{
	char *save = NULL;

	wm_box_tame(text);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strcmp(line, "nothing to do"))
			continue;
		fprintf(l->out, "in the container: %s\n", line);
		l->changes += strncmp(line, "note: ", 6) != 0 && strncmp(line, "in sync", 7) != 0;
	}
	fflush(l->out);
}

int wm_lxc_gateway(struct wm_life *l, struct wm_error *err)
{
	const char *const argv[] = { "env", "WM_NO_HANDOVER=1", WM_LXC_PROGRAM, "install", "--native", "--yes", "--env", "/dev/stdin",
				     l->dry_run ? "--dry-run" : NULL, NULL };
	char out[WM_RUN_OUTPUT], *text = NULL;
	int rc, code = 0;

	if (!wm_lxc_own(l)->there) {
		wm_life_change(l, "installed", "install", "packages, programs and the gateway of site '%s' in container %s", l->inst.domain, wm_lxc_box(l)->name);
		return 0;
	}
	rc = settings_inside(l, &text, err);
	if (!rc)
		code = wm_box_run_argv(wm_lxc_box(l), text, strlen(text), INSTALL_S, out, err, argv);
	wm_wipe_free(text);
	if (rc || code < 0)
		return rc ? rc : code;
	wm_lxc_pass_on(l, out);
	return code ? wm_fail(err, EIO, "the gateway in container %s could not be installed; it says why above", wm_lxc_box(l)->name) : 0;
}
