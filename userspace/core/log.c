/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/name.h"

static const char *log_ident = "wm";
static enum wm_log_level log_most = WM_LOG_INFO;
static bool log_journal;

void wm_log_open(const char *ident, enum wm_log_level most)
{
	log_ident = ident;
	log_most = most;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
}

void wm_log(enum wm_log_level level, const char *fmt, ...)
{
	/* sd-daemon(3) */
	static const char *const prefix[] = { "<3>", "<4>", "<6>", "<7>" };
	char line[1024], *p = line;
	uint32_t code;
	va_list args;
	int n;

	if (level > log_most)
		return;
	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (n < 0)
		return;
	/* One event, one line: what came from elsewhere may hold anything. */
	for (size_t len; *p; p += len ? len : 1) {
		len = wm_utf8_decode(p, &code);
		if (!len || wm_is_control(code))
			memset(p, ' ', len ? len : 1);
	}
	/* One write, so that lines of several processes do not mix. */
	if (dprintf(STDERR_FILENO, "%s%s: %s\n", log_journal ? prefix[level] : "", log_ident, line) < 0)
		return;
}
