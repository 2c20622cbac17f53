/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the two ways to a WireGuard device share: wg_genl.c (the kernel's, by
 * generic netlink) and wg_uapi.c (wireguard-go's, by its socket).
 */
#pragma once

#include "core/error.h"
#include "core/wg.h"

/* A diff in the order in which nothing established is interrupted: peers are
 * made and prefixes moved to them first; then prefixes that nobody has any more
 * move to a throw-away peer, which takes them away with it; then peers go.
 * (No kernel before 6.16 and no wireguard-go of that age can remove a single
 * allowed IP; replacing a peer's whole list loses packets.) */
enum wm_wg_step_kind {
	WM_WG_STEP_SET,    /* the fields of op that its flags name */
	WM_WG_STEP_ALLOW,  /* add op->allowed to the peer */
	WM_WG_STEP_REMOVE, /* the peer */
};

struct wm_wg_step {
	enum wm_wg_step_kind kind;
	bool create;                /* the peer need not exist; else nothing happens when it is gone by then */
	const struct wm_key *peer;
	const struct wm_wg_op *op;  /* NULL for the throw-away peer's end */
};

struct wm_wg_steps {
	struct wm_wg_step *step;
	size_t n, cap;
	const struct wm_wg_diff *device; /* its device fields are to be set; NULL: not */
	struct wm_key throw_away;
};

/* A way to a device: reads into *ret (not yet finished) or carries out steps. */
struct wm_wg_way {
	const char *name;
	int (*read)(const char *ifname, struct wm_wg_device *ret, struct wm_error *err);
	int (*write)(const char *ifname, const struct wm_wg_steps *steps, struct wm_error *err);
};

extern const struct wm_wg_way wm_wg_kernel, wm_wg_go;

/* A connection to the socket of a live wireguard-go; -ENOENT or -ECONNREFUSED: there is none. */
int wm_uapi_connect(const char *ifname);
