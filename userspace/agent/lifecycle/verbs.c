/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lifecycle/backup.h"
#include "agent/lifecycle/logs.h"
#include "agent/lifecycle/lxc.h"
#include "agent/lifecycle/native.h"
#include "core/util.h"

/* Where nobody says which: a container where there is one of ours, else the machine itself. */
static bool in_container(const struct wm_life_options *opt)
{
	return opt->lxc || (!opt->native && wm_lxc_here(opt));
}

static int logs_inside(const struct wm_life_options *opt)
{
	char lines[16];
	const char *const argv[] = { "logs", "-n", lines, opt->follow ? "-f" : NULL, NULL };

	wm_format(lines, sizeof(lines), "%u", opt->lines ? opt->lines : 50);
	return wm_lxc_inside(opt, argv);
}

#define EITHER(name, native, lxc)                                  \
	static int name(const struct wm_life_options *opt)         \
	{                                                          \
		return in_container(opt) ? lxc(opt) : native(opt); \
	}
EITHER(install, wm_native_install, wm_lxc_install)
EITHER(start, wm_native_start, wm_lxc_start)
EITHER(stop, wm_native_stop, wm_lxc_stop)
EITHER(logs, wm_life_logs, logs_inside)
EITHER(uninstall, wm_native_uninstall, wm_lxc_uninstall)
EITHER(destroy, wm_native_destroy, wm_lxc_destroy)
EITHER(backup, wm_life_backup, wm_lxc_backup)
EITHER(restore, wm_life_restore, wm_lxc_restore)

static const struct wm_life_verb verbs[] = {
	{ "install", "[KEY=VALUE ...]: make this machine a gateway, or bring the one that it is up to date", WM_LIFE_ARGS, "DyLNE", install },
	{ "start", "start the service", 0, "DyLN", start },
	{ "stop", "stop it; what is in force stays so", 0, "DyLN", stop },
	{ "logs", "[-n N] [-f]: what it has said", 0, "LNfn", logs },
	{ "uninstall", "take the gateway off this machine; its key and settings stay", 0, "DyLN", uninstall },
	{ "destroy", "deregister the site, and take everything away", 0, "DyLNK", destroy },
	{ "backup", "[FILE]: key, settings and token in one file", 1, "DyLN", backup },
	{ "restore", "FILE: put them back", 1, "DyLN", restore },
};

void wm_life_usage(FILE *f)
{
	fprintf(f, "\nlife cycle:\n");
	for (size_t i = 0; i < WM_ARRAY_LEN(verbs); i++)
		fprintf(f, "  %-9s %s\n", verbs[i].name, verbs[i].help);
	fprintf(f, "\noptions of these:\n"
		   "      --dry-run        all but logs: change nothing, say what would be done\n"
		   "  -y, --yes            ask nothing\n"
		   "      --env FILE       install: settings from a file of KEY=VALUE lines\n"
		   "      --native         this machine itself is the gateway (the default, unless a container of it is)\n"
		   "      --lxc            a container of this machine is it, by LXC or Proxmox\n"
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
	case 'L':
		return io->lxc = true;
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
