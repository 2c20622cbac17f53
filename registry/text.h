/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The API's smaller objects as JSON text. Each returns a malloc'd line, NULL
 * without memory.
 */
#pragma once

#include "core/time.h"
#include "registry/registry.h"

char *text_mesh(const struct wm_mesh *mesh);
char *text_mesh_settings(const struct wm_mesh *mesh); /* what somebody chose: name and supernet */
int text_mesh_settings_read(const char *json, struct wm_mesh *io); /* 0 or -EINVAL */
char *text_audit(const struct store_audit *entry);
char *text_whoami(const struct registry *registry, const struct identity *who, const char *address);
char *text_token(const struct store_token *token, const char *secret); /* secret NULL: not shown */
char *text_enrolment(const char *token, const struct object_key *key, int64_t expires); /* token NULL: not shown */
char *text_enrolled(enum wm_token_kind role, const char *name, const char *token);
