/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/text.h"

#include <stdio.h>

#include "core/time.h"
#include "core/util.h"

int64_t age_of(const char *rfc3339)
{
	int64_t then;

	return wm_time_parse(rfc3339, &then) ? -1 : WM_MAX(wm_unix_time() - then, 0);
}

const char *age_text(int64_t seconds, char buf[AGE_TEXT])
{
	static const struct {
		int64_t upto, unit;
		const char *name;
	} units[] = {{120, 1, "s"}, {7200, 60, "min"}, {172800, 3600, "h"}, {INT64_MAX, 86400, "days"}};
	size_t i = 0;

	if (seconds < 0)
		return "-";
	while (seconds >= units[i].upto)
		i++;
	snprintf(buf, AGE_TEXT, "%lld %s", (long long)(seconds / units[i].unit), units[i].name);
	return buf;
}

const char *bytes_text(uint64_t bytes, char buf[BYTES_TEXT])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)bytes;
	size_t i = 0;

	for (; value >= 1000 && i + 1 < WM_ARRAY_LEN(units); i++)
		value /= 1024;
	snprintf(buf, BYTES_TEXT, "%.*f %s", i && value < 10 ? 1 : 0, value, units[i]);
	return buf;
}
