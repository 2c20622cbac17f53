/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-registry serve: the store behind routes behind an HTTP server, until it
 * is told to stop.
 */
#pragma once

#include "registry/options.h"

int serve(struct options *options, struct wm_error *err); /* wipes the token; 0 stopped as asked, -errno */
