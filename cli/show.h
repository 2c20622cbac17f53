/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How sites, hosts and devices look: as members of a JSON object (show.c), as
 * rows of tables with the API's keys (tables.c), and all together in one
 * compact table (tree.c).
 */
#pragma once

#include "cli/reports.h"
#include "core/output.h"

struct wm_out *show_begin(struct cli *cli); /* stdout, text or JSON as the options say */
int show_end(struct wm_out *out, int code); /* code, or a complaint when writing failed */
bool show_wide(const struct cli *cli);      /* -o wide */

/* Begins what is said after a change: a line of text; which mesh, and whether it was one. */
void show_dry(const struct cli *cli, struct wm_out *out); /* "dry_run": true, where it is one */
void show_change(struct cli *cli, struct wm_out *out, const struct mesh *mesh, const char *text);
int show_would(struct cli *cli, const struct mesh *mesh, const char *text); /* a dry run that has no more to show; the exit code */
const char *show_done(const struct cli *cli, const char *what, char buf[32]); /* "would be added" with --dry-run */

int show_removed(struct cli *cli, const struct mesh *mesh, const char *kind, const char *name); /* the exit code */

/* Texts for output: NULL where there is nothing to show. */
const char *show_ip(wm_ip4 addr, char *buf);
const char *show_key(const struct wm_key *key, char *buf);
const char *show_endpoint(const struct wm_endpoint *ep, char *buf);
const char *show_text(const char *text);

/* JSON only: the object that the API calls so. */
void show_site(struct wm_out *out, const struct wm_site *site);
void show_host(struct wm_out *out, const struct wm_host *host);
void show_device(struct wm_out *out, const struct placed_device *device);

/* tables.c */
void show_sites(struct wm_out *out, const struct wm_config *config, const struct reports *reports);
void show_hosts(struct wm_out *out, const struct wm_config *config, const struct reports *reports);
void show_devices(struct wm_out *out, const struct wm_config *config, const struct reports *reports);
#define STATE_TEXT 384
/* What an operator wants to know of a gateway at a glance. report NULL: there is none. */
const char *state_text(const struct wm_config *config, const struct wm_site *site, const struct report *report,
		       char buf[STATE_TEXT]);
const char *device_state(const struct wm_device *device, const struct peer *peer, char buf[STATE_TEXT]);

/* tree.c: text only */
void show_tree(struct wm_out *out, const struct wm_config *config, const struct reports *reports, bool wide);
