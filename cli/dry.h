/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * --dry-run: a change made to a copy of the mesh, and checked by the rules that
 * registry and gateways have in common. What was left to the registry to choose
 * is chosen as it would be now.
 */
#pragma once

#include "cli/api.h"

/* *obj is completed. 0, or -errno with a sentence: then the registry would refuse it too. */
int dry_add_site(struct api *api, struct wm_site *site, struct wm_error *err);
int dry_add_host(struct api *api, struct wm_host *host, struct wm_error *err);
int dry_add_device(struct api *api, struct placed_device *device, struct wm_error *err);

/* *host, *device: as it is named and to be; the rest as the registry has it. */
typedef void (*dry_edit_fn)(void *arg, void *object);
int dry_set_host(struct api *api, struct wm_host *host, dry_edit_fn edit, void *arg, struct wm_error *err);
int dry_set_device(struct api *api, struct placed_device *device, dry_edit_fn edit, void *arg, struct wm_error *err);
int dry_remove_site(struct api *api, const char *domain, bool cascade, size_t *ret_lost, struct wm_error *err);
