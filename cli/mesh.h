/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The meshes this user has connected to: one KEY=VALUE file each,
 * <config dir>/<slug>.env. Files written by hand with only REGISTRY_URL and
 * REGISTRY_TOKEN work; the slug is the file's name.
 */
#pragma once

#include <limits.h>

#include "cli/cli.h"
#include "core/addr.h"
#include "core/key.h"
#include "core/name.h"

#define MESH_SLUG_SIZE 64

struct mesh {
	char slug[MESH_SLUG_SIZE];
	char name[WM_NAME_SIZE];   /* MESH_NAME, or "": only the registry knows */
	char url[512];
	char token[WM_TOKEN_MAX];
	char ca[256];
	bool allow_http;
	char path[PATH_MAX];
	struct wm_error problem;   /* text "": the file is fine */
};

/* Fills cli->meshes, sorted by slug. A broken file is an entry with a problem. */
int cli_load_meshes(struct cli *cli);
void cli_free_meshes(struct cli *cli); /* wipes tokens */

/* The file's path, by the slug; then writes it, 0600, in a directory 0700. */
int mesh_place(const struct cli *cli, struct mesh *mesh, struct wm_error *err);
int mesh_save(const struct cli *cli, struct mesh *mesh, struct wm_error *err);

/* By slug, name, or the name made of its URL; complains when none or several match. */
int mesh_find(struct cli *cli, const char *which, struct mesh **ret);

/* The mesh that a writing command works on: --mesh, the only one there is, or asked for. */
int mesh_choose(struct cli *cli, struct mesh **ret);

/* The token to use: the file's, --token-file's, WM_REGISTRY_TOKEN's. `only`: no
 * other mesh takes part, so that no token strays to another's registry. */
int mesh_token(struct cli *cli, struct mesh *mesh, bool only);
int token_from_file(const char *path, char ret[WM_TOKEN_MAX]); /* complains */

/* What people call it: MESH_NAME, else the network name. */
const char *mesh_title(const struct mesh *mesh, char buf[WM_NAME_SIZE]);

/* 172.30.0.0/16 -> "172-30"; a prefix that ends inside an octet adds its length: "172-16-p12". */
void mesh_slug(struct wm_prefix supernet, char ret[MESH_SLUG_SIZE]);
/* The network name: first label of the URL's host, a leading wm-registry label left out. */
void mesh_network(const char *url, char ret[WM_NAME_SIZE]);
