/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For delta*.c only.
 */
#pragma once

#include "core/delta.h"
#include "core/sorted.h"

/* By kind and name: equal when both are about one object. */
int wm_delta_same_order(const struct wm_delta_item *a, const struct wm_delta_item *b);
