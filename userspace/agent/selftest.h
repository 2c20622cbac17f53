/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Has a wm-gateway that lies on the disk say whether it can work on this
 * machine (`self-test`, before anything is stopped for it), or what it is.
 */
#pragma once

#include "agent/update.h"

/* 0: it says that it is that version, and can; else -errno with what it says: -EIO, -EBADMSG it cannot; -ECANCELED,
 * -ETIMEDOUT it did not come to say so, which may be this machine's fault; others it was not asked. */
int wm_selftest_run(const struct wm_instance *inst, const struct wm_version *version, const struct wm_gateway_args *args,
		    struct wm_error *err);

/* Which version a program is, and not a newer release that it would hand over to. -errno: it does not say. */
int wm_selftest_version(const char *program, struct wm_version *ret);
