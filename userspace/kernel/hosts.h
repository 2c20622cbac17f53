/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names for the site's own dnsmasq: a hosts file (addn-hosts) and the mesh's
 * domains (servers-file), because SIGHUP re-reads those two and not dnsmasq's
 * configuration; and the piece of configuration that names these, for its directory of such pieces.
 */
#pragma once

#include "core/error.h"
#include "core/instance.h"
#include "core/plan.h"

/* Which files these were when they were last as they shall be. Zero: not known. */
struct wm_hosts_memory {
	struct wm_file_mark {
		uint64_t dev, ino, size;
		int64_t mtime_ns, ctime_ns;
	} hosts, servers, conf;
	struct wm_file_mark pid; /* of dnsmasq: whom we told, or knew to be there */
	bool know_pid;
	bool localises; /* the hosts file has what is for devices */
};

/* Writes the files atomically and sends dnsmasq a SIGHUP, each only when something
 * changed that it reads then; also to another dnsmasq than last time, which may have
 * read them in between. No dnsmasq running is not an error. Addresses for devices are
 * written unless dnsmasq runs since before its configuration has localise-queries:
 * it would tell them to everybody. Returns changes made or -errno. since: all that
 * has changed since the last call that did not fail; a file that nobody has touched
 * since then is not read (NULL: each is). */
int wm_hosts_apply(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_plan_diff *since,
		   struct wm_hosts_memory *memory, struct wm_error *err);

/* Takes the names and the domains away. The piece of configuration stays: a dnsmasq whose own names it does not start without
 * it, but does without the two files. */
int wm_hosts_remove(const struct wm_instance *inst, struct wm_error *err);
