/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/oracle_count.h"

#include <stdio.h>
#include <string.h>

#include "packets/plane.h"

int counting_read(struct counting *c, uint64_t ret[MESHES][WM_REASON_COUNT])
{
	struct wm_counters now = { 0 };
	int rc = 0;

	memset(ret, 0, MESHES * sizeof(*ret));
	for (unsigned int mesh = 0; mesh < plane_meshes() && rc == 0; mesh++) {
		rc = plane_mode() & NFT ? wm_nft_reasons_read(c->nl, plane_instance(mesh)->nft_table, &now) :
					  wm_bpf_reasons_read(&c->set[mesh], now.reason);
		for (unsigned int n = 0; n < WM_REASON_COUNT && rc == 0; n++) {
			ret[mesh][n] = now.reason[n].packets - c->last[mesh][n];
			c->last[mesh][n] = now.reason[n].packets;
		}
	}
	return rc;
}

int counting_begin(struct counting *c)
{
	uint64_t none[MESHES][WM_REASON_COUNT];
	struct wm_error err = { 0 };
	int rc = 0;

	*c = (struct counting){ 0 };
	for (unsigned int mesh = 0; mesh < MESHES; mesh++)
		wm_bpf_set_init(&c->set[mesh]);
	if (plane_mode() & NFT)
		rc = wm_nl_open(NETLINK_NETFILTER, &c->nl, &err);
	for (unsigned int mesh = 0; mesh < plane_meshes() && !(plane_mode() & NFT) && rc == 0; mesh++)
		rc = wm_bpf_set_open(plane_instance(mesh), &c->set[mesh], &err);
	if (rc == 0)
		rc = counting_read(c, none);
	if (rc < 0)
		printf("# cannot read the counters: %s %s\n", strerror(-rc), err.text);
	return rc;
}

void counting_end(struct counting *c)
{
	for (unsigned int mesh = 0; mesh < MESHES; mesh++)
		wm_bpf_set_close(&c->set[mesh]);
	wm_nl_close(c->nl);
}
