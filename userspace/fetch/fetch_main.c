/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-fetch: the only part of a gateway that speaks HTTP and JSON. It runs
 * without privileges as a child of wm-gateway, keeps no state, and turns each
 * request record on its socket into an HTTP request and the answer into records.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/key.h"
#include "core/log.h"
#include "core/record.h"
#include "core/util.h"
#include "fetch/answer.h"
#include "fetch/confine.h"

#define SOCKET_FD 3

/* Failing is better than going on with more than is needed. A kernel without Landlock or seccomp is no failure: the user, who
 * owns nothing, is the wall; these two are the moat. */
static int confine(struct wm_error *err)
{
	int rc = wm_confine_user();

	if (!rc)
		rc = wm_confine_files();
	if (rc < 0)
		return wm_fail(err, -rc, "%s", strerror(-rc));
	rc = wm_confine_calls(err);
	return WM_MIN(rc, 0);
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
	if (confine(&err)) {
		wm_error("cannot give up privileges: %s; nothing is asked of the registry", err.text);
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
