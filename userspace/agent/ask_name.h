/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One question to a name server over UDP, for who wants to know whether it
 * answers as it should.
 */
#pragma once

#include "core/addr.h"
#include "core/error.h"

/* How many IPv4 addresses the server at `server`, port 53, has for a name, and the first of them (0: there is none). -ETIMEDOUT:
 * nobody answers within a second; -ECONNREFUSED; -EBADMSG: what it says is no answer. */
int wm_ask_name(wm_ip4 server, const char *name, wm_ip4 *ret);
