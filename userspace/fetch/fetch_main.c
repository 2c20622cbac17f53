/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-fetch: the only part of a gateway that speaks HTTP and JSON. It runs
 * without privileges as a child of wm-gateway, keeps no state, and turns each
 * request record on its socket into an HTTP request and the answer into records.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/key.h"
#include "core/log.h"
#include "core/record.h"
#include "core/util.h"
#include "fetch/answer.h"

#define SOCKET_FD 3
#define NOBODY 65534

/* The user that packaging makes for it, else nobody. */
static int drop_privileges(void)
{
	const struct passwd *user;
	uid_t uid = NOBODY;
	gid_t gid = NOBODY;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (!geteuid()) {
		user = getpwnam("wm-fetch");
		if (user) {
			uid = user->pw_uid;
			gid = user->pw_gid;
		}
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			return -errno;
	}
	/* After the change of user, which resets both. */
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	return 0;
}

int main(void)
{
	WM_AUTO_FCLOSE FILE *in = NULL;
	struct wm_answerer *answerer;
	struct wm_record record;
	struct wm_error err;
	int rc;

	wm_log_open("wm-fetch", WM_LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	rc = drop_privileges();
	if (rc) {
		wm_error("cannot give up privileges: %s", strerror(-rc));
		return 1;
	}
	in = fdopen(SOCKET_FD, "r");
	if (!in) {
		wm_error("this is a helper that wm-gateway starts; there is nothing to do by hand");
		return 2;
	}
	if (wm_key_init() || !(answerer = wm_answerer_new(SOCKET_FD))) {
		wm_error("out of memory or randomness");
		return 1;
	}
	do {
		rc = wm_record_read(in, &record, &err);
		if (!rc)
			rc = wm_answer(answerer, &record);
		wm_wipe(&record, sizeof(record));
	} while (!rc);
	wm_answerer_free(answerer);
	/* The gateway closing its end is how this program ends. */
	return rc == -ENODATA || rc == -EPIPE || rc == -ECONNRESET ? 0 : 1;
}
