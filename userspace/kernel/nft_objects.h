/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/objects.h"
#include "kernel/nl.h"

/* The sets of our table; -ENOENT: there is no such table. */
int wm_nft_objects(struct wm_nl *nl, const char *table, struct wm_objects *ret);
