/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/nft_setup.h"

#include "kernel/netns.h"

struct rig rig;

static int begin(unsigned int nlans, bool is_hub)
{
	rig_open(&rig, nlans, is_hub);
	rig_apply(&rig);
	rig_mark(&rig);
	return 0;
}

int bare(void **state)
{
	(void)state;
	rig_open(&rig, 1, true);
	return 0;
}

int spoke(void **state)
{
	(void)state;
	return begin(1, false);
}

int spoke_two_lans(void **state)
{
	(void)state;
	return begin(2, false);
}

int hub(void **state)
{
	(void)state;
	return begin(1, true);
}

int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

char *ruleset(void)
{
	return run_out(NULL, "nft", "-a", "list", "ruleset", NULL);
}

void disturb(void)
{
	must("nft add table ip6 somebody");
	must("nft delete table ip6 somebody");
}
