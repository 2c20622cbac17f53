/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lifecycle/backup.h"
#include "agent/lifecycle/logs.h"
#include "agent/lifecycle/native.h"
#include "core/util.h"

static const struct wm_life_verb verbs[] = {
	{ "install", "[KEY=VALUE ...]: make this machine a gateway, or bring the one that it is up to date", WM_LIFE_ARGS, wm_native_install },
	{ "start", "start the service", 0, wm_native_start },
	{ "stop", "stop it; what is in force stays so", 0, wm_native_stop },
	{ "logs", "[-n N] [-f]: what it has said", 0, wm_life_logs },
	{ "uninstall", "take the gateway off this machine; its key and settings stay", 0, wm_native_uninstall },
	{ "destroy", "deregister the site, and take everything away", 0, wm_native_destroy },
	{ "backup", "[FILE]: key, settings and token in one file", 1, wm_life_backup },
	{ "restore", "FILE: put them back", 1, wm_life_restore },
};

void wm_life_usage(FILE *f)
{
	fprintf(f, "\nlife cycle:\n");
	for (size_t i = 0; i < WM_ARRAY_LEN(verbs); i++)
		fprintf(f, "  %-9s %s\n", verbs[i].name, verbs[i].help);
	fprintf(f, "\noptions of these:\n"
		   "      --dry-run        change nothing, say what would be done\n"
		   "  -y, --yes            ask nothing\n"
		   "      --env FILE       install: settings from a file of KEY=VALUE lines\n"
		   "      --native         install: this machine itself is the gateway (the default)\n"
		   "      --keep-site      destroy: the site stays in the registry\n"
		   "  -n, --lines N        logs: the last N lines (50)\n"
		   "  -f, --follow         logs: and what comes\n");
}

static bool parse_lines(const char *value, unsigned int *ret)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || !n || n > 100000) {
		fprintf(stderr, "wm-gateway: -n takes a number from 1 to 100000, and '%.40s' is none\n", value);
		return false;
	}
	*ret = (unsigned int)n;
	return true;
}

bool wm_life_option(struct wm_life_options *io, int option, const char *value)
{
	switch (option) {
	case 'D':
		return io->dry_run = true;
	case 'E':
		io->env_file = value;
		return true;
	case 'K':
		return io->keep_site = true;
	case 'N':
		return io->native = true;
	case 'f':
		return io->follow = true;
	case 'n':
		return parse_lines(value, &io->lines);
	case 'y':
		return io->yes = true;
	default:
		return false;
	}
}

const struct wm_life_verb *wm_life_verb_find(const char *name)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(verbs); i++) {
		if (!strcmp(name, verbs[i].name))
			return &verbs[i];
	}
	return NULL;
}
