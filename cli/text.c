/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/text.h"

#include "core/name.h"
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

void put_document(FILE *f, const char *json, size_t len)
{
	const char *end = json + len, *from = json; /* a NUL stands at its end */
	uint32_t code;

	for (size_t n; json < end; json += n ? n : 1) {
		n = wm_utf8_decode(json, &code);
		if (n && (!wm_is_control(code) || code == '\n'))
			continue;
		fwrite(from, 1, (size_t)(json - from), f);
		from = json + (n ? n : 1);
		fprintf(f, "\\u%04x", n ? code : 0xfffd);
	}
	fwrite(from, 1, (size_t)(end - from), f);
}
