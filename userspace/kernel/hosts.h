/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names for the site's own dnsmasq: a hosts file (addn-hosts) and the mesh's
 * domains (servers-file), because SIGHUP re-reads those two and not dnsmasq's
 * configuration.
 */
#pragma once

#include "core/error.h"
#include "core/instance.h"
#include "core/plan.h"

/* Writes both files atomically and sends dnsmasq a SIGHUP, each only when
 * something changed. No dnsmasq running is not an error. Returns changes made
 * or -errno. */
int wm_hosts_apply(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err);

/* Takes both files away. */
int wm_hosts_remove(const struct wm_instance *inst, struct wm_error *err);
