/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define HOSTS_MAX 1000000
#define NUMBER_MAX 1000000

static const char usage[] = "usage: wm-bench [options]        as root, on a machine with nothing else to do\n"
			    "\n"
			    "What a packet costs a gateway, of wm and of what could be in its place: all of\n"
			    "them in one run, taking turns. Each packet that comes out is verified.\n"
			    "\n"
			    "  --quick          what matters most, in less than three minutes\n"
			    "  --full           rules for each host also where they are 200,000\n"
			    "  --cost           the programs alone (BPF_PROG_TEST_RUN), up to 1,000,000 hosts\n"
			    "  --hosts N[,N]    how many hosts the site has       (10,1000,10000,100000)\n"
			    "  --rounds N       how often each has its turn       (21)\n"
			    "  --packets N      in a turn                         (12000)\n"
			    "  --load WORD      only what has this in its name: wg_to_lan, tcp, transit,\n"
			    "                   programs, stats, ...\n"
			    "  --rival WORD     only rivals with this in their name, and wm bpf\n"
			    "  --out DIR        write result.json, table.txt, targets.txt and path.svg there\n"
			    "  -j, --json       write JSON, not a table\n"
			    "  -h, --help\n";

enum { QUICK = 256, FULL, COST, HOSTS, ROUNDS, PACKETS, LOAD, RIVAL, OUT };

static const struct option words[] = {
	{ "quick", no_argument, NULL, QUICK },
	{ "full", no_argument, NULL, FULL },
	{ "cost", no_argument, NULL, COST },
	{ "hosts", required_argument, NULL, HOSTS },
	{ "rounds", required_argument, NULL, ROUNDS },
	{ "packets", required_argument, NULL, PACKETS },
	{ "load", required_argument, NULL, LOAD },
	{ "rival", required_argument, NULL, RIVAL },
	{ "out", required_argument, NULL, OUT },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int number(const char *text, uint32_t max, uint32_t *ret, const char **ret_end)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || !n || n > max)
		return -EINVAL;
	*ret = (uint32_t)n;
	*ret_end = end;
	return 0;
}

static int one_number(const char *text, uint32_t max, uint32_t *ret)
{
	const char *end;
	int rc = number(text, max, ret, &end);

	return rc < 0 ? rc : *end ? -EINVAL : 0;
}

static int sizes(const char *text, uint32_t ret[SIZES_MAX], unsigned int *ret_n)
{
	for (*ret_n = 0; *ret_n < SIZES_MAX; text++) {
		int rc = number(text, HOSTS_MAX, &ret[(*ret_n)++], &text);

		if (rc < 0 || !*text)
			return rc;
		if (*text != ',')
			break;
	}
	return -EINVAL;
}

/* For paths and for programs alone; NULL: as before. */
static int take_sizes(struct options *o, const char *paths, const char *programs)
{
	int rc = sizes(paths, o->hosts, &o->nhosts);

	return rc < 0 || !programs ? rc : sizes(programs, o->programs, &o->nprograms);
}

static int take(struct options *o, int word)
{
	switch (word) {
	case QUICK:
		o->run.quick = true;
		o->run.rounds = 11;
		return take_sizes(o, "10,1000,10000", "10,256,10000,65000");
	case FULL:
		o->run.rules = true;
		return 0;
	case COST:
		o->cost = true;
		return 0;
	case HOSTS:
		return take_sizes(o, optarg, optarg);
	case ROUNDS:
		return one_number(optarg, NUMBER_MAX, &o->run.rounds);
	case PACKETS:
		return one_number(optarg, NUMBER_MAX, &o->run.packets);
	case LOAD:
		o->run.load = optarg;
		return 0;
	case RIVAL:
		o->run.rival = optarg;
		return 0;
	case OUT:
		o->out = optarg;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int options_read(int argc, char **argv, struct options *ret)
{
	int word, rc = 0;

	*ret = (struct options){ .run = { .rounds = 21, .packets = 12000 } };
	rc = take_sizes(ret, "10,1000,10000,100000", "10,256,1000,10000,65000,1000000");
	while (rc == 0 && (word = getopt_long(argc, argv, "hj", words, NULL)) != -1) {
		if (word == 'h') {
			fputs(usage, stdout);
			return 1;
		}
		rc = take(ret, word);
	}
	if (rc == 0 && optind == argc)
		return 0;
	fputs(usage, stderr);
	return -EINVAL;
}
