/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/reason.h"

static const struct {
	const char *name, *help;
	int drop;
} reasons[] = {
#define WM_REASON_ROW(NAME, name_, drop_, help_) [WM_REASON_##NAME] = { .name = #name_, .help = help_, .drop = drop_ },
	WM_REASONS(WM_REASON_ROW)
#undef WM_REASON_ROW
};

const char *wm_reason_name(unsigned int reason)
{
	return reason < WM_REASON_COUNT ? reasons[reason].name : "?";
}

const char *wm_reason_help(unsigned int reason)
{
	return reason < WM_REASON_COUNT ? reasons[reason].help : "";
}

int wm_reason_is_drop(unsigned int reason)
{
	return reason < WM_REASON_COUNT && reasons[reason].drop;
}
