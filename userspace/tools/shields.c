/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/shields.h"

#include "core/util.h"
#include "kernel/front.h"
#include "kernel/shield.h"

void wm_shields_print(struct wm_out *out, const struct wm_instance *inst)
{
	static const struct wm_col cols[] = {
		{ "interface", "LAN", 0 }, { "ingress", "INGRESS", 0 }, { "mode", "XDP", 0 }, { "why", "WHY", 0 },
	};
	struct wm_shield lan[WM_LANS_MAX];
	struct wm_error err = { 0 };
	int n = wm_shields_read(inst, lan, &err);

	if (n < 0)
		wm_out_str(out, "shields_problem", "XDP", err.text);
	wm_out_table(out, "shields", NULL, cols, WM_ARRAY_LEN(cols));
	for (int i = 0; i < n; i++) {
		wm_out_row(out);
		wm_out_cell_str(out, lan[i].ifname);
		wm_out_cell_str(out, lan[i].ingress);
		wm_out_cell_str(out, lan[i].mode);
		wm_out_cell_str(out, *lan[i].why ? lan[i].why : NULL);
	}
	wm_out_table_end(out, NULL);
}

void wm_fronts_print(struct wm_out *out, const struct wm_instance *inst)
{
	static const struct wm_col cols[] = { { "interface", "IN FRONT OF OURS AT", 0 }, { "side", "", 0 }, { "what", "WHO MAY KEEP PACKETS FROM THEM", 0 } };
	struct wm_front front[WM_FRONTS_MAX];
	struct wm_error err = { 0 };
	int n = wm_fronts_read(inst, front, &err);

	if (n < 0)
		wm_out_str(out, "in_front_problem", "in front of ours", err.text);
	wm_out_table(out, "in_front", NULL, cols, WM_ARRAY_LEN(cols));
	for (int i = 0; i < n; i++) {
		wm_out_row(out);
		wm_out_cell_str(out, front[i].ifname);
		wm_out_cell_str(out, front[i].side);
		wm_out_cell_str(out, front[i].what);
	}
	wm_out_table_end(out, NULL);
}
