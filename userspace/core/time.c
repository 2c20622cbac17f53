/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *wm_time_format(int64_t unix_time, char *buf)
{
	time_t t = (time_t)unix_time;
	struct tm tm;

	*buf = '\0';
	if (unix_time > 0 && gmtime_r(&t, &tm) && tm.tm_year <= 9999 - 1900)
		strftime(buf, WM_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

/* timegm(), which POSIX has not: days since 1970 by the Gregorian calendar. */
static int64_t seconds_of(const struct tm *tm)
{
	static const int16_t before[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int64_t year = tm->tm_year + 1900, last = year - (tm->tm_mon < 2); /* whose 29th of February may have been */
	int64_t days = 365 * (year - 1970) + (last / 4 - 1969 / 4) - (last / 100 - 1969 / 100) + (last / 400 - 1969 / 400) +
		       before[tm->tm_mon] + tm->tm_mday - 1;

	return ((days * 24 + tm->tm_hour) * 60 + tm->tm_min) * 60 + tm->tm_sec;
}

/* What strptime is lenient about (spaces, one digit, the 31st of June) does not come out again as it went in. */
int wm_time_parse(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	char again[WM_TIME_TEXT];
	int64_t t;

	if (!end || *end)
		return -EINVAL;
	t = seconds_of(&tm);
	if (strcmp(wm_time_format(t, again), text))
		return -EINVAL;
	*ret = t;
	return 0;
}

const char *wm_time_age(int64_t then, int64_t now, char *buf)
{
	static const struct {
		int64_t below, unit;
		const char *name;
	} units[] = { { 120, 1, "s" }, { 7200, 60, "min" }, { 172800, 3600, "h" }, { INT64_MAX, 86400, "d" } };
	int64_t s = then < now ? now - then : 0;
	size_t i = 0;

	while (s >= units[i].below)
		i++;
	if (then)
		snprintf(buf, WM_AGE_TEXT, "%" PRId64 " %s ago", s / units[i].unit, units[i].name);
	else
		snprintf(buf, WM_AGE_TEXT, "never");
	return buf;
}
