/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where a set is pinned, for who opens and pins its objects (bpf_set.c).
 */
#pragma once

#include <limits.h>

#include "kernel/bpf_priv.h"

#define WM_BPF_META "meta" /* the object that is pinned last */
#define WM_BPF_STR_(x) #x
#define WM_BPF_STR(x) WM_BPF_STR_(x)
/* Sets: the one that is the instance's, the one that shall be, and the one that was. */
#define WM_BPF_NOW "v" WM_BPF_STR(WM_LAYOUT)
#define WM_BPF_NEW WM_BPF_NOW "_new"
#define WM_BPF_OLD WM_BPF_NOW "_old"

/* <bpffs>/<instance>[/<set>[/<object>]]; NULL: without. 0 or -ENAMETOOLONG. */
int wm_bpf_pins_path(const struct wm_instance *inst, const char *set, const char *object, char ret[PATH_MAX]);
/* What may not be looked at counts as there. */
bool wm_bpf_pins_exist(const struct wm_instance *inst, const char *set, const char *object);
int wm_bpf_pins_remove_set(const struct wm_instance *inst, const char *set, struct wm_error *err); /* fine if it is not there */
/* The new set takes the place of the one that is the instance's, and that one the old one's. */
int wm_bpf_pins_swap(const struct wm_instance *inst, struct wm_error *err);
