/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "packets/flows.h"
#include "packets/plane.h"

static int age_bpf(unsigned int seconds)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	struct wm_error err = { 0 };

	wm_bpf_set_init(&set);
	int rc = wm_bpf_set_open(plane_instance(0), &set, &err);
	if (rc == 0)
		rc = flows_age(&set, seconds);
	if (rc < 0)
		printf("# cannot make flows older: %s %s\n", strerror(-rc), err.text);
	return rc;
}

int plane_age(unsigned int seconds)
{
	return plane_mode() & NFT ? plane_age_nft(seconds) : age_bpf(seconds);
}
