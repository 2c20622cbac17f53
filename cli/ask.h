/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm add-host without arguments: questions, each answer held against the mesh.
 */
#pragma once

#include "cli/api.h"

/* Completes *host; *mask: fields of the API that are to be sent. The exit code. */
int ask_host(struct api *api, struct wm_host *host, uint32_t *mask);
