/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/gateway_options.h"

#include <getopt.h>
#include <string.h>

#include "agent/lifecycle/verbs.h"
#include "core/util.h"

static const struct option longs[] = {
	{ "instance", required_argument, NULL, 'i' }, { "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' }, { "check", no_argument, NULL, 'C' }, { "verbose", no_argument, NULL, 'v' },
	{ "dry-run", no_argument, NULL, 'D' }, { "yes", no_argument, NULL, 'y' }, { "env", required_argument, NULL, 'E' },
	{ "native", no_argument, NULL, 'N' }, { "lxc", no_argument, NULL, 'L' }, { "keep-site", no_argument, NULL, 'K' },
	{ "follow", no_argument, NULL, 'f' }, { "lines", required_argument, NULL, 'n' }, { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' }, { 0 },
};

static const char *name_of(char option)
{
	size_t i = 0;

	while (longs[i].name && longs[i].val != option)
		i++;
	return longs[i].name ? longs[i].name : "";
}

/* All of them fit: there are fewer kinds. */
static void note(struct wm_gateway_options *opt, int option)
{
	size_t n = strlen(opt->given);

	if (!strchr("icv", option) && !strchr(opt->given, option) && n + 1 < sizeof(opt->given))
		opt->given[n] = (char)option;
}

/* False: there is no such option, or its value is none; said so. */
static bool take(struct wm_gateway_options *opt, int option)
{
	switch (option) {
	case 'i':
		opt->instance = optarg;
		return true;
	case 'c':
		opt->config = optarg;
		return true;
	case 'j':
		return opt->json = true;
	case 'C':
		return opt->check = true;
	case 'v':
		return opt->verbose = true;
	default:
		return wm_life_option(&opt->life, option, optarg);
	}
}

int wm_gateway_options_parse(int argc, char **argv, void (*usage)(FILE *f), struct wm_gateway_options *ret)
{
	struct wm_gateway_options opt = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "i:c:jvhyfn:", longs, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (c == 'V') {
			puts("wm-gateway " WM_VERSION);
			return 0;
		}
		if (!take(&opt, c)) {
			fprintf(stderr, "wm-gateway --help lists verbs and options\n");
			return 2;
		}
		note(&opt, c);
	}
	*ret = opt;
	return -1;
}

bool wm_gateway_options_allow(const struct wm_gateway_options *opt, const char *verb, const char *takes)
{
	for (const char *c = opt->given; *c; c++) {
		if (strchr(takes, *c))
			continue;
		fprintf(stderr, "wm-gateway: %s takes no --%s; nothing was done; wm-gateway --help says what it takes\n", verb, name_of(*c));
		return false;
	}
	return true;
}
