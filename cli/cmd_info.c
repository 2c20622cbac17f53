/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm info: the mesh, its registry, and this machine's place in it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/each.h"
#include "cli/here.h"
#include "core/util.h"

static void show_place(void *arg, const struct place *p)
{
	struct wm_out *out = arg;
	char line[256], overlay[WM_IP4_TEXT], by[WM_IP4_TEXT];

	wm_ip4_format(p->overlay, overlay);
	snprintf(line, sizeof(line), "this machine: %s %s (%s%s%s), by its address %s on %s", p->kind, p->name, overlay,
		 p->isolated ? ", isolated" : "", p->by->addr == p->overlay ? "" : " in the mesh",
		 wm_ip4_format(p->by->addr, by), p->by->ifname);
	wm_out_object(out, NULL, NULL);
	wm_out_line(out, line);
	wm_out_str(out, "kind", NULL, p->kind);
	wm_out_str(out, "name", NULL, p->name);
	wm_out_str(out, "wg_ip", NULL, overlay);
	wm_out_bool(out, "isolated", NULL, p->isolated);
	wm_out_str(out, "address", NULL, by);
	wm_out_str(out, "interface", NULL, p->by->ifname);
	wm_out_object_end(out);
}

static void show_way(struct wm_out *out, const struct wm_mesh *mesh)
{
	char line[160], via[WM_IP4_TEXT];
	struct way way;

	here_way(mesh->supernet.addr + 1, &way);
	if (!*way.ifname)
		snprintf(line, sizeof(line), "there is no route to the mesh here");
	else
		snprintf(line, sizeof(line), "packets to the mesh leave by %s%s%s%s", way.ifname, way.via ? " via " : "",
			 way.via ? wm_ip4_format(way.via, via) : "", way.len ? "" : ", the default route");
	wm_out_line(out, line);
	wm_out_object(out, "route", NULL);
	wm_out_str(out, "interface", NULL, *way.ifname ? way.ifname : NULL);
	wm_out_str(out, "via", NULL, way.via ? wm_ip4_format(way.via, via) : NULL);
	wm_out_bool(out, "default", NULL, *way.ifname && !way.len);
	wm_out_object_end(out);
}

static int info_one(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	const struct wm_site *hub = wm_config_hub(&got->config);
	char supernet[WM_PREFIX_TEXT];

	(void)cli;
	wm_out_str(out, NULL, "registry", m->url);
	wm_out_str(out, "file", "configured in", m->path);
	wm_out_str(out, "role", "our token", got->who.role);
	wm_out_str(out, "supernet", "supernet", wm_prefix_format(got->config.mesh.supernet, supernet));
	wm_out_str(out, "instance", "instance", got->config.mesh.instance);
	wm_out_uint(out, "generation", "generation", got->config.mesh.generation);
	wm_out_str(out, "hub", "hub", hub ? hub->domain : NULL);
	wm_out_uint(out, "sites", "sites", got->config.nsites);
	wm_out_uint(out, "hosts", "hosts", got->config.nhosts);
	wm_out_uint(out, "devices", "devices", got->config.ndevices);
	wm_out_array(out, "here");
	if (!here_places(arg, &got->config, show_place, out))
		wm_out_line(out, "this machine: has no address of the mesh, and none of a registered host");
	wm_out_array_end(out);
	show_way(out, &got->config.mesh);
	return WM_EXIT_OK;
}

int cmd_info(struct cli *cli)
{
	struct here here;
	int code, rc = here_load(&here);

	if (rc)
		return complain(WM_EXIT_FAILED, "this machine's addresses cannot be read: %s", strerror(-rc));
	code = each_mesh(cli, NEED_HEALTH | NEED_CONFIG, info_one, &here);
	here_free(&here);
	return code;
}
