/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The registry's API (docs/api.md) as the CLI uses it: one function for each
 * thing asked, answers decoded by table. 0 or -errno with a sentence.
 */
#pragma once

#include "cli/mesh.h"
#include "core/json.h"
#include "core/model.h"

struct api; /* a mesh's registry and our token there */

struct whoami {
	char role[16];
	char name[WM_NAME_SIZE];
	char mesh_name[WM_NAME_SIZE];
	char instance[WM_INSTANCE_ID_SIZE];
	char url[256]; /* how others reach the registry, or "" */
	struct wm_prefix supernet;
	uint64_t generation;
};

struct enrolment {
	char kind[16];
	char name[WM_NAME_SIZE];
	char token[WM_TOKEN_MAX];
	char expires[40];
};

/* As the API gives it: with the hub's domain. */
struct placed_device {
	struct wm_device device;
	char domain[WM_NAME_SIZE];
};
extern const struct wm_table placed_device_table;

int api_open(const struct mesh *mesh, struct api **ret, struct wm_error *err);
void api_close(struct api *api); /* NULL-safe */

int api_health(struct api *api, struct wm_error *err); /* without the token's help */
int api_whoami(struct api *api, struct whoami *ret, struct wm_error *err);
int api_config(struct api *api, struct wm_config *ret, struct wm_error *err); /* the whole mesh */
int api_config_text(struct api *api, char **ret, struct wm_error *err); /* GET /config, indented; malloc'd */

/* Any request, its answer as text (NUL behind it, malloc'd) or as a tree. body NULL: none. */
int api_text(struct api *api, const char *method, const char *path, const char *body, char **ret, size_t *ret_len,
	     const char *doing, struct wm_error *err);
int api_json(struct api *api, const char *method, const char *path, const char *body, struct wm_json **ret,
	     const char *doing, struct wm_error *err);
/* Waits until the mesh is past this generation of this instance: *ret_generation, -EAGAIN when it was not in time. */
int api_wait(struct api *api, const char *instance, uint64_t generation, unsigned int seconds, uint64_t *ret_generation,
	     struct wm_error *err);
/* What is asked from here on is done only to the mesh as it was when the last answer was made:
 * by the tag of that answer, or as this generation of this instance. Else -ESTALE. */
int api_only_if_same(struct api *api, const char *instance, uint64_t generation, struct wm_error *err);

/* Sends obj's fields in `mask` (NULL table: no body) and decodes the answer into
 * *ret by ret_table (NULL: there is none to decode). `doing` begins the sentence
 * of a refusal: "site b". */
int api_send(struct api *api, const char *method, const char *path, const struct wm_table *table, const void *obj,
	     uint32_t mask, const struct wm_table *ret_table, void *ret, const char *doing, struct wm_error *err);

/* The fields of a table by key, for masks; the key exists. */
uint32_t field_bit(const struct wm_table *table, const char *key);

/* A one-time enrolment for a "gateway" (name: its domain) or a "device". Wipe it after use. */
int api_enrolment(struct api *api, const char *kind, const char *name, struct enrolment *ret, struct wm_error *err);

/* The host "nas.b", or the device "laptop" or "laptop.hub": its kind and the
 * path of its resource. -ENOENT with a sentence. */
struct target {
	bool device;
	char name[WM_FQDN_SIZE]; /* as people call it */
	char path[WM_FQDN_SIZE + 16];
};
int api_target(struct api *api, const char *text, struct target *ret, struct wm_error *err);
