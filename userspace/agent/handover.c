/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/handover.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/releases.h"
#include "agent/update.h"

/* "-i NAME", "-iNAME", "--instance NAME", "--instance=NAME": of whichever program it is. */
static const char *instance_of(int argc, char **argv)
{
	static const char word[] = "--instance";
	size_t len = strlen(word);

	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];

		if (!strncmp(arg, "-i", 2) && arg[2])
			return arg + 2;
		if (!strncmp(arg, word, len) && arg[len] == '=')
			return arg + len + 1;
		if ((!strcmp(arg, "-i") || !strcmp(arg, word)) && i + 1 < argc)
			return argv[i + 1];
	}
	return NULL;
}

void wm_handover(int argc, char **argv)
{
	struct wm_version own, current;
	struct wm_instance inst;
	char program[PATH_MAX];

	if (geteuid() || getenv("WM_NO_HANDOVER") || wm_version_parse(WM_VERSION, &own))
		return;
	if (wm_instance_names(&inst, instance_of(argc, argv), NULL) || wm_releases_current(&inst, &current) ||
	    wm_version_compare(&current, &own) <= 0 || wm_releases_program(&inst, &current, WM_RELEASE_GATEWAY, program))
		return;
	wm_update_environment();
	execv(program, argv);
}
