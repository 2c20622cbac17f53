/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/workable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/dataplane.h"

static int fail(const char *text)
{
	fprintf(stderr, "wm-gateway: %s\n", text);
	return 1;
}

/* Where BPF is asked for, or in force by our own choice, a release that cannot do it is none; else nftables is as good as it
 * was before. */
static bool needs_bpf(const struct wm_instance *inst)
{
	if (inst->dataplane == WM_DATAPLANE_AUTO)
		return wm_dataplane_bpf.present(inst, NULL) == 1;
	return inst->dataplane == WM_DATAPLANE_BPF;
}

int wm_workable(const struct wm_instance *inst)
{
	bool needed = needs_bpf(inst);
	struct wm_error bpf = { 0 }, nft = { 0 };

	printf("wm-gateway " WM_VERSION "\n");
	if (access(inst->fetch_path, X_OK)) {
		fprintf(stderr, "wm-gateway: %s: cannot run it: %s\n", inst->fetch_path, strerror(errno));
		return 1;
	}
	if (inst->dataplane != WM_DATAPLANE_NFT && !wm_dataplane_bpf.probe(inst, &bpf)) {
		printf("data plane bpf\n");
		return 0;
	}
	if (needed)
		return fail(bpf.text);
	if (wm_dataplane_nft.probe(inst, &nft))
		return fail(*bpf.text ? bpf.text : nft.text);
	printf("data plane nft\n");
	return 0;
}
