/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-registry: what an operator starts.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/log.h"
#include "core/util.h"
#include "registry/maintain.h"
#include "registry/options.h"
#include "registry/serve.h"

static int (*const verbs[])(struct options *options, struct wm_error *err) = {
	[VERB_SERVE] = serve,		   [VERB_BACKUP] = maintain_backup, [VERB_RESTORE] = maintain_restore,
	[VERB_RENEW] = maintain_renew,	   [VERB_MIGRATE] = maintain_migrate, [VERB_CHECK] = maintain_check,
};

int main(int argc, char **argv)
{
	struct options options;
	struct wm_error err = { 0 };
	int rc;

	wm_log_open("wm-registry", WM_LOG_INFO);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	rc = wm_key_init() ? wm_fail(&err, EIO, "the system gives no random numbers") : 0;
	if (!rc)
		rc = options_read(argc, argv, &options, &err);
	if (rc) {
		if (rc < 0)
			fprintf(stderr, "wm-registry: %s\n", err.text);
		return rc > 0 ? 0 : rc == -EINVAL ? 2 : 1;
	}
	rc = verbs[options.verb](&options, &err);
	options_clear(&options);
	if (rc < 0)
		fprintf(stderr, "wm-registry: %s\n", err.text);
	return rc ? 1 : 0;
}
