/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf maps: what the data plane is made of, how full and how large it is.
 */
#include "core/output.h"
#include "core/util.h"
#include "tools/tools.h"

static void print_maps(struct wm_out *out, const struct wm_objects *objects)
{
	static const struct wm_col cols[] = {
		{ "name", "MAP", 0 }, { "id", "ID", WM_COL_RIGHT }, { "used", "USED", WM_COL_RIGHT }, { "size", "OF", WM_COL_RIGHT },
		{ "bytes", "BYTES", WM_COL_RIGHT }, { "help", "WHAT FOR", WM_COL_TRUNC },
	};

	wm_out_table(out, "maps", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < objects->nmaps; i++) {
		const struct wm_map_view *m = &objects->maps[i];
		const uint64_t numbers[] = { m->id ? m->id : WM_UNKNOWN, m->used, m->most, m->bytes };

		wm_out_row(out);
		wm_out_cell_str(out, m->name);
		for (size_t n = 0; n < WM_ARRAY_LEN(numbers); n++) {
			if (numbers[n] == WM_UNKNOWN)
				wm_out_cell_str(out, NULL);
			else
				wm_out_cell_uint(out, numbers[n]);
		}
		wm_out_cell_str(out, m->help);
	}
	wm_out_table_end(out, NULL);
}

static void print_programs(struct wm_out *out, const struct wm_objects *objects)
{
	static const struct wm_col cols[] = {
		{ "name", "PROGRAM", 0 }, { "id", "ID", WM_COL_RIGHT }, { "instructions", "INSTRUCTIONS", WM_COL_RIGHT },
		{ "machine_bytes", "MACHINE CODE", WM_COL_RIGHT }, { "runs", "RUNS", WM_COL_RIGHT },
		{ "nanoseconds_a_run", "NS A RUN", WM_COL_RIGHT },
	};

	wm_out_line(out, "");
	wm_out_table(out, "programs", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < objects->nprogs; i++) {
		const struct wm_prog_view *p = &objects->progs[i];

		wm_out_row(out);
		wm_out_cell_str(out, p->name);
		wm_out_cell_uint(out, p->id);
		wm_out_cell_uint(out, p->instructions);
		wm_out_cell_uint(out, p->machine_bytes);
		wm_out_cell_uint(out, p->runs);
		wm_out_cell_uint(out, p->runs ? p->nanoseconds / p->runs : 0);
	}
	wm_out_table_end(out, "nftables: rules, no programs");
}

int tool_maps(struct context *ctx, struct wm_error *err)
{
	struct wm_objects objects;
	int rc = ctx->plane->objects(&ctx->inst, &objects, err);

	if (rc)
		return rc;
	wm_out_str(ctx->out, "dataplane", NULL, ctx->plane->name);
	print_maps(ctx->out, &objects);
	print_programs(ctx->out, &objects);
	wm_objects_free(&objects);
	return 0;
}
