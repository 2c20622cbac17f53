/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf status: which data plane is in force, and how it stands.
 */
#include "core/output.h"
#include "core/util.h"
#include "kernel/fastpath.h"
#include "kernel/link.h"
#include "tools/shields.h"
#include "tools/tools.h"

static void print_differences(struct context *ctx)
{
	static const struct wm_col cols[] = { { "what", "NOT AS WITH BPF (why: docs/dataplane-nft.md)", 0 } };
	size_t n = ctx->plane == &wm_dataplane_nft ? wm_nft_ndifferences : 0;

	wm_out_table(ctx->out, "differences", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < n; i++) {
		wm_out_row(ctx->out);
		wm_out_cell_str(ctx->out, wm_nft_differences[i].what);
	}
	wm_out_table_end(ctx->out, NULL);
}

int tool_status(struct context *ctx, struct wm_error *err)
{
	struct wm_counters counters;
	char text[200];
	uint64_t passed = 0, dropped = 0;
	bool up = false;
	int rc = ctx->plane->read(&ctx->inst, &counters, err);

	if (rc)
		return rc;
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++)
		*(wm_reason_is_drop(r) ? &dropped : &passed) += counters.reason[r].packets;
	wm_link_index(ctx->inst.ifname, &up);
	wm_out_str(ctx->out, "dataplane", "data plane", ctx->plane->name);
	wm_out_str(ctx->out, "interface", "interface", ctx->inst.ifname);
	wm_out_bool(ctx->out, "up", "up", up);
	wm_out_uint(ctx->out, "hosts", "registered", counters.nends);
	wm_out_uint(ctx->out, "passed", "packets passed", passed);
	wm_out_uint(ctx->out, "dropped", "packets dropped", dropped);
	if (ctx->plane == &wm_dataplane_nft)
		wm_out_str(ctx->out, "fastpath", "fast path", wm_nft_fastpath(&ctx->inst, text, sizeof(text)));
	wm_shields_print(ctx->out, &ctx->inst);
	wm_fronts_print(ctx->out, &ctx->inst);
	print_differences(ctx);
	wm_counters_free(&counters);
	return 0;
}
