/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf flows: what isolated hosts and devices may answer right now.
 */
#include "core/output.h"
#include "core/util.h"
#include "tools/tools.h"

int tool_flows(struct context *ctx, struct wm_error *err)
{
	static const struct wm_col cols[] = {
		{ "name", "ISOLATED", 0 }, { "wg_ip", "OVERLAY", 0 }, { "protocol", "PROTO", 0 },
		{ "port", "PORT, ID", WM_COL_RIGHT }, { "peer_name", "PEER", 0 }, { "peer", "ADDRESS", 0 },
		{ "peer_port", "PORT", WM_COL_RIGHT }, { "state", "STATE", 0 }, { "seconds", "LIVES FOR S", WM_COL_RIGHT },
	};
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT], proto[TOOL_PROTOCOL];
	struct wm_flow_views views;
	int rc = ctx->plane->flows(&ctx->inst, &views, err);

	if (rc)
		return rc;
	wm_out_table(ctx->out, "flows", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < views.n; i++) {
		const struct wm_flow_view *v = &views.item[i];

		wm_out_row(ctx->out);
		wm_out_cell_str(ctx->out, tool_name(ctx, v->end, name));
		wm_out_cell_str(ctx->out, wm_ip4_format(v->end, addr));
		wm_out_cell_str(ctx->out, tool_protocol(v->proto, proto));
		wm_out_cell_uint(ctx->out, v->end_port);
		wm_out_cell_str(ctx->out, tool_name(ctx, v->peer, name));
		wm_out_cell_str(ctx->out, wm_ip4_format(v->peer, addr));
		wm_out_cell_uint(ctx->out, v->peer_port);
		wm_out_cell_str(ctx->out, wm_flow_state_name(v->state));
		wm_out_cell_uint(ctx->out, v->seconds);
	}
	wm_out_table_end(ctx->out, "no flow through an isolated host or device");
	wm_flow_views_free(&views);
	return 0;
}
