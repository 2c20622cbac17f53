/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gateway.env as install makes it: of KEY=VALUE arguments, else --env FILE,
 * else the environment, else the file that is there, else, on a terminal,
 * questions. Nothing is written here.
 */
#pragma once

#include "agent/lifecycle/step.h"
#include "core/key.h"

struct wm_settings {
	char *text;                /* gateway.env as it is to be, without WM_REGISTRY_TOKEN */
	char token[WM_TOKEN_MAX];  /* what was given for that, or "" */
	bool was_there;            /* there was a gateway.env */
};

/* Collects and checks all of it as wm-gateway itself does; l->inst is then the instance with these settings, token included. */
int wm_settings_collect(struct wm_life *l, struct wm_settings *ret, struct wm_error *err);
/* gateway.env is so; keep_token: with the token in it. */
int wm_settings_write(struct wm_life *l, const struct wm_settings *s, bool keep_token, struct wm_error *err);
/* text, with a line "KEY=" for every setting that it does not have, but the token: another's, given these by --env, then has no
 * other. *ret is malloc'd. */
int wm_settings_whole(const char *text, char **ret, struct wm_error *err);
void wm_settings_free(struct wm_settings *s);

/* "" keeps the fallback; secret: not shown. -ENODATA at the end of input. ret: size */
int wm_ask(const char *question, const char *fallback, bool secret, char *ret, size_t size);
