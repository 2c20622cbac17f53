/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who is asking. A token's kind is its role.
 */
#pragma once

#include <stdbool.h>

#include "core/key.h"
#include "registry/store.h"

struct registry;

struct identity {
	enum wm_token_kind role;   /* OTHER: nobody */
	char name[WM_NAME_SIZE];   /* gateway: its site; device: itself; enrolment: what it is for; else a label */
	enum object_kind subject;  /* of an enrolment: OBJECT_SITE or OBJECT_DEVICE */
	struct wm_token_hash hash; /* of the token */
	char who[STORE_WHO_SIZE];  /* for audit and log: "gateway b", "admin ops (token 3)" */
};

/* One bit for each role, for the table of routes. */
enum {
	ROLE_PUBLIC = 1 << WM_TOKEN_OTHER,
	ROLE_ADMIN = 1 << WM_TOKEN_ADMIN,
	ROLE_READ = 1 << WM_TOKEN_READ,
	ROLE_GATEWAY = 1 << WM_TOKEN_GATEWAY,
	ROLE_DEVICE = 1 << WM_TOKEN_DEVICE,
	ROLE_ENROLMENT = 1 << WM_TOKEN_ENROLMENT,
	ROLE_ROAMING = 1 << 30, /* a device, if it is a roaming one now */
};

const char *auth_role_name(enum wm_token_kind role); /* "gateway" */
enum wm_token_kind auth_role_parse(const char *name); /* OTHER: not a role */

/* 0; -EACCES whatever is wrong with the token; another -errno with a sentence when the store failed. */
int auth_identify(struct registry *registry, const char *token, struct identity *ret, struct wm_error *err);

/* A gateway or device may act on nothing but itself; others on all that the route lets them. */
bool auth_owns(const struct identity *who, enum object_kind kind, const char *name);

/* A master token that guards anything: long enough, and not one from an example. 0 or -EINVAL. */
int auth_check_master(const char *token, struct wm_error *err);
