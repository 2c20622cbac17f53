/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets against the loaded BPF programs at their real hooks. Every row runs
 * with the fast path and with the stack carrying what was translated, unless it
 * says otherwise; what comes in from a LAN, once more with the shield in front
 * of the fast path. An argument chooses the rows whose name contains it.
 *
 * time limit: 240 s
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/key.h"
#include "core/util.h"
#include "kernel/fastpath.h"
#include "kernel/shield.h"
#include "packets/plane.h"
#include "packets/rig.h"
#include "packets/run.h"

static const char *const config_names[CONFIGS] = { [SPOKE] = "spoke", [HUB] = "hub", [PAIR] = "two meshes" };

struct tally {
	const char *only;
	char pcaps[WM_PATH_SIZE]; /* a directory */
	unsigned int ran, failed;
};

static const char *mode_name(unsigned int mode)
{
	switch (mode) {
	case FAST:
		return "fast path";
	case STACK:
		return "stack";
	case NFT_STACK:
		return "nftables, stack";
	case NFT_FAST:
		return "nftables, fast path";
	}
	return "shield";
}

static void report(struct tally *t, bool good, const struct group *g, unsigned int mode, const char *name)
{
	t->ran++;
	t->failed += !good;
	printf("%sok %u - %s, %s: %s: %s\n", good ? "" : "not ", t->ran, config_names[g->config],
	       mode_name(mode), g->name, name);
	fflush(stdout);
}

static bool has_lan_packet(const struct row *row)
{
	for (size_t n = 0; n < STEPS; n++)
		if (row->step[n].at >= LAN0 && row->step[n].at <= LAN2)
			return true;
	return false;
}

static void run_group(struct tally *t, const struct group *g, unsigned int mode)
{
	char pcap[WM_PATH_SIZE + 32];

	for (size_t n = 0; n < g->n; n++) {
		const struct row *row = &g->rows[n];

		if ((row->only && !(row->only & mode)) || (t->only && !strstr(row->name, t->only)))
			continue;
		if (mode & SHIELD && !has_lan_packet(row))
			continue;
		/* Numbers are unique across groups of a config, as flows outlive a row. */
		snprintf(pcap, sizeof(pcap), "%s/%u.pcap", t->pcaps, t->ran + 1);
		report(t, run_row(row, t->ran + 1, pcap), g, mode, row->name);
	}
}

/* Else the rows would say nothing about it. */
static bool shield_is_on(void)
{
	struct wm_shield lan[WM_LANS_MAX];
	struct wm_error err = { 0 };
	int n = wm_shields_read(plane_instance(0), lan, &err);

	for (int i = 0; i < n; i++)
		if (strcmp(lan[i].mode, "generic") != 0) {
			printf("# no shield on %s: %s\n", lan[i].ifname, lan[i].why);
			return false;
		}
	if (n <= 0)
		printf("# no shield on any LAN: %s\n", err.text);
	return n > 0;
}

static bool fast_path_is_on(void)
{
	char text[WM_PATH_SIZE];
	const char *is = wm_nft_fastpath(plane_instance(0), text, sizeof(text));

	if (!strncmp(is, "on ", 3))
		return true;
	printf("# the fast path: %s\n", is);
	return false;
}

static bool run_config(struct tally *t, enum config config, unsigned int mode)
{
	bool good = plane_up(config, mode) == 0 && (!(mode & SHIELD) || shield_is_on()) && (mode != NFT_FAST || fast_path_is_on());

	for (size_t n = 0; n < ngroups && good; n++)
		if (groups[n]->config == config)
			run_group(t, groups[n], mode);
	plane_down();
	return good;
}

int main(int argc, char **argv)
{
	static const unsigned int modes[] = { FAST, STACK, NFT_STACK, NFT_FAST, FAST | SHIELD };
	const char *build = getenv("B");
	struct tally t = { .only = argc > 1 ? argv[1] : NULL };
	bool good;

	setvbuf(stdout, NULL, _IOLBF, 0);
	wm_format(t.pcaps, sizeof(t.pcaps), "%s/packets", build ? build : "build");
	if (wm_make_dirs(t.pcaps, 0755) != 0)
		printf("# %s cannot be made: rows that fail leave no packets\n", t.pcaps);
	good = rig_open() == 0;
	for (unsigned int config = 0; config < CONFIGS && good; config++)
		for (size_t m = 0; m < WM_ARRAY_LEN(modes) && good; m++)
			good = run_config(&t, (enum config)config, modes[m]);
	if (!good) {
		printf("Bail out! the test bed could not be made\n");
		return 1;
	}
	printf("1..%u\n", t.ran);
	return t.failed || !t.ran ? 1 : 0;
}
