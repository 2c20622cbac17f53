/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf stats, status: what has become of packets, all together and by host.
 */
#include "core/output.h"
#include "core/util.h"
#include "kernel/link.h"
#include "tools/shields.h"
#include "tools/tools.h"

static void print_reasons(struct wm_out *out, const struct wm_counters *c)
{
	static const struct wm_col cols[] = {
		{ "name", "REASON", 0 }, { "drop", NULL, 0 }, { NULL, "", 0 }, { "packets", "PACKETS", WM_COL_RIGHT },
		{ "bytes", "BYTES", WM_COL_RIGHT }, { "help", "MEANING", WM_COL_TRUNC },
	};

	wm_out_table(out, "reasons", NULL, cols, WM_ARRAY_LEN(cols));
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++) {
		wm_out_row(out);
		wm_out_cell_str(out, wm_reason_name(r));
		wm_out_cell_bool(out, wm_reason_is_drop(r));
		wm_out_cell_str(out, wm_reason_is_drop(r) ? "drop" : "pass");
		wm_out_cell_uint(out, c->reason[r].packets);
		wm_out_cell_uint(out, c->reason[r].bytes);
		wm_out_cell_str(out, wm_reason_help(r));
	}
	wm_out_table_end(out, NULL);
}

static void print_ends(struct context *ctx, const struct wm_counters *c)
{
	static const struct wm_col cols[] = {
		{ "name", "HOST", 0 }, { "wg_ip", "OVERLAY", 0 },
		{ "to_packets", "PACKETS TO", WM_COL_RIGHT }, { "to_bytes", "BYTES TO", WM_COL_RIGHT },
		{ "from_packets", "PACKETS FROM", WM_COL_RIGHT }, { "from_bytes", "BYTES FROM", WM_COL_RIGHT },
		{ "drops", "DROPS", WM_COL_RIGHT }, { "last_seen", NULL, 0 }, { NULL, "LAST SEEN", WM_COL_RIGHT },
	};
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT], age[TOOL_AGE];

	wm_out_line(ctx->out, "");
	wm_out_table(ctx->out, "hosts", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < c->nends; i++) {
		const struct wm_end_counters *e = &c->ends[i];

		wm_out_row(ctx->out);
		wm_out_cell_str(ctx->out, tool_name(ctx, e->overlay, name));
		wm_out_cell_str(ctx->out, wm_ip4_format(e->overlay, addr));
		wm_out_cell_uint(ctx->out, e->to.packets);
		wm_out_cell_uint(ctx->out, e->to.bytes);
		wm_out_cell_uint(ctx->out, e->from.packets);
		wm_out_cell_uint(ctx->out, e->from.bytes);
		wm_out_cell_uint(ctx->out, e->drops);
		wm_out_cell_uint(ctx->out, (uint64_t)e->last_seen);
		wm_out_cell_str(ctx->out, tool_age(e->last_seen, age));
	}
	wm_out_table_end(ctx->out, "no registered host or device");
}

int tool_stats(struct context *ctx, struct wm_error *err)
{
	struct wm_counters counters;
	int rc = ctx->plane->read(&ctx->inst, &counters, err);

	if (rc)
		return rc;
	wm_out_str(ctx->out, "dataplane", NULL, ctx->plane->name);
	print_reasons(ctx->out, &counters);
	print_ends(ctx, &counters);
	wm_counters_free(&counters);
	return 0;
}

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
	wm_shields_print(ctx->out, &ctx->inst);
	print_differences(ctx);
	wm_counters_free(&counters);
	return 0;
}
