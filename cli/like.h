/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A name that the mesh does not have, and the one that may have been meant.
 */
#pragma once

#include "cli/api.h"

enum { LIKE_SITES = 1, LIKE_HOSTS = 2, LIKE_DEVICES = 4 };
#define LIKE_TEXT (WM_FQDN_SIZE + 80)

/* "did you mean 'nas.b'?", or `otherwise` (shorter than LIKE_TEXT). The mesh is asked for its names. */
const char *did_you_mean(struct api *api, unsigned int kinds, const char *word, const char *otherwise, char buf[LIKE_TEXT]);
const char *nearest_in(const struct wm_config *config, unsigned int kinds, const char *word, char buf[WM_FQDN_SIZE]);

/* A refusal that may have been for want of this site: then a sentence that says so, else NULL. */
const char *site_missing(struct api *api, const char *domain, char buf[LIKE_TEXT + WM_NAME_SIZE]);
