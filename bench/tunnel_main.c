/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bench-tunnel: what a packet costs a gateway when a real tunnel is part of
 * it. The status is 1 when a packet was lost or came out wrong, or nothing could
 * be measured.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/machine.h"
#include "bench/place.h"
#include "bench/tunnel.h"
#include "core/key.h"
#include "core/util.h"

#define NUMBER_MAX 1000000

static const char usage[] = "usage: wm-bench-tunnel [options]        as root, on a machine with nothing else to do\n"
			    "\n"
			    "What a packet costs a gateway behind a real tunnel: plain forwarding, wm, and\n"
			    "nftables, in one run, taking turns. Each packet that comes out is verified.\n"
			    "\n"
			    "  --kernel         the kernel's WireGuard and the whole machine's work; else\n"
			    "                   wireguard-go and the gateway's\n"
			    "  --instructions   this machine is emulated, a nanosecond an instruction\n"
			    "  --hosts N        how many hosts the site has       (1000)\n"
			    "  --rounds N       how often each has its turn       (21)\n"
			    "  --packets N      in a turn                         (4000)\n"
			    "  --kilobytes N    of TCP in a turn                  (8000)\n"
			    "  --rival WORD     the floor and rivals with this in their name\n"
			    "  --out DIR        write tunnel.json and tunnel.txt there\n"
			    "  -j, --json       write JSON, not a table\n"
			    "  -h, --help\n";

struct options {
	struct tunnel_wish wish;
	const char *out;
	bool json;
};

enum { KERNEL = 256, INSTRUCTIONS, HOSTS, ROUNDS, PACKETS, KILOBYTES, RIVAL, OUT };

static const struct option words[] = {
	{ "kernel", no_argument, NULL, KERNEL },
	{ "instructions", no_argument, NULL, INSTRUCTIONS },
	{ "hosts", required_argument, NULL, HOSTS },
	{ "rounds", required_argument, NULL, ROUNDS },
	{ "packets", required_argument, NULL, PACKETS },
	{ "kilobytes", required_argument, NULL, KILOBYTES },
	{ "rival", required_argument, NULL, RIVAL },
	{ "out", required_argument, NULL, OUT },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int number(uint32_t *ret)
{
	char *end;
	unsigned long n = strtoul(optarg, &end, 10);

	if (end == optarg || *end || !n || n > NUMBER_MAX)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int take(struct options *o, int word)
{
	switch (word) {
	case KERNEL:
		o->wish.kernel = true;
		return 0;
	case INSTRUCTIONS:
		o->wish.instructions = true;
		return 0;
	case HOSTS:
		return number(&o->wish.hosts);
	case ROUNDS:
		return number(&o->wish.rounds);
	case PACKETS:
		return number(&o->wish.packets);
	case KILOBYTES:
		return number(&o->wish.kilobytes);
	case RIVAL:
		o->wish.rival = optarg;
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

/* 1: was asked for help. */
static int read_options(int argc, char **argv, struct options *o)
{
	int word, rc = 0;

	while (rc == 0 && (word = getopt_long(argc, argv, "hj", words, NULL)) != -1) {
		if (word == 'h') {
			fputs(usage, stdout);
			return 1;
		}
		rc = take(o, word);
	}
	if (rc == 0 && optind == argc && o->wish.hosts <= WORLD_MANY)
		return 0;
	fputs(usage, stderr);
	return -EINVAL;
}

static int write_file(const struct options *o, const char *name, const struct result *r, const struct machine *m,
		      struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	char path[512];
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int rc = wm_make_dirs(o->out, 0755);

	if (rc == 0)
		rc = wm_format(path, sizeof(path), "%s/%s", o->out, name);
	if (rc == 0)
		rc = f ? tunnel_report(f, strstr(name, ".json"), &o->wish, r, m) : -ENOMEM;
	if (f)
		fclose(f);
	if (rc == 0)
		rc = wm_replace_file(path, 0644, text, len);
	return rc < 0 ? wm_fail(err, -rc, "cannot write %s into %s: %s", name, o->out, strerror(-rc)) : 0;
}

static int measure(const struct options *o, struct machine *m, struct wm_error *err)
{
	struct result r = { .rounds = o->wish.rounds, .packets = o->wish.packets };
	int rc = wm_key_init() ? wm_fail(err, EIO, "libsodium does not work here") : place_open(err);

	/* Off the gateway's processor, where there is another. */
	if (rc == 0)
		rc = place_stay(sysconf(_SC_NPROCESSORS_ONLN) > 1 ? RIG_CPU + 1 : RIG_CPU, err);
	if (rc == 0)
		rc = tunnel_run(&o->wish, &r, err);
	machine_done(m);
	if (rc == 0)
		rc = tunnel_report(stdout, o->json, &o->wish, &r, m);
	if (rc == 0 && o->out)
		rc = write_file(o, "tunnel.json", &r, m, err);
	if (rc == 0 && o->out)
		rc = write_file(o, "tunnel.txt", &r, m, err);
	result_free(&r);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = { .wish = { .hosts = 1000, .rounds = 21, .packets = 4000, .kilobytes = 8000 } };
	struct wm_error err = { 0 };
	struct machine m;
	int rc = read_options(argc, argv, &o);

	if (rc)
		return rc < 0 ? 2 : 0;
	machine_read(&m);
	rc = measure(&o, &m, &err);
	if (rc < 0)
		fprintf(stderr, "wm-bench-tunnel: %s\n", *err.text ? err.text : strerror(-rc));
	return rc < 0;
}
