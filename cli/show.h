/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How sites, hosts and devices look: as members of a JSON object, as rows of
 * tables with the API's keys, and all together in one compact table.
 */
#pragma once

#include "cli/api.h"
#include "core/output.h"

struct wm_out *show_begin(struct cli *cli); /* stdout, text or JSON as the options say */
int show_end(struct wm_out *out, int code); /* code, or a complaint when writing failed */

int show_removed(struct cli *cli, const struct mesh *mesh, const char *kind, const char *name); /* the exit code */

/* JSON only: the object that the API calls so. */
void show_site(struct wm_out *out, const struct wm_site *site);
void show_host(struct wm_out *out, const struct wm_host *host);
void show_device(struct wm_out *out, const struct placed_device *device);

void show_sites(struct wm_out *out, const struct wm_config *config, const struct reports *reports);
void show_hosts(struct wm_out *out, const struct wm_config *config);
void show_devices(struct wm_out *out, const struct wm_config *config);
void show_tree(struct wm_out *out, const struct wm_config *config, const struct reports *reports); /* text only */
