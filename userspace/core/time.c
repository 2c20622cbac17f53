/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/time.h"

#include <errno.h>
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

/* What strptime is lenient about (spaces, one digit, the 31st of June) does not come out again as it went in. */
int wm_time_parse(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	char again[WM_TIME_TEXT];
	int64_t t;

	if (!end || *end)
		return -EINVAL;
	t = (int64_t)timegm(&tm);
	if (strcmp(wm_time_format(t, again), text))
		return -EINVAL;
	*ret = t;
	return 0;
}
