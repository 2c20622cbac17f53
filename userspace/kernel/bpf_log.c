/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libbpf tells on stderr what went wrong; here it is kept instead, and the
 * lines that say why stand behind the error they belong to.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

#define LINES 3
#define LINE_SIZE 120

/* libbpf takes one print function for the whole process. */
static char lines[LINES][LINE_SIZE];
static unsigned int nlines;

/* Lines around the reason that say nothing about it. */
static bool is_noise(const char *line)
{
	static const char *const noise[] = { "processed ", "verification time", "stack depth", "failed to load object",
					     "failed to load BPF skeleton", "prog '" };

	for (size_t i = 0; i < WM_ARRAY_LEN(noise); i++) {
		if (!strncmp(line, noise[i], strlen(noise[i])))
			return true;
	}
	return strstr(line, "LOG --") || !*line;
}

static void keep(const char *line)
{
	if (!strncmp(line, "libbpf: ", 8))
		line += 8;
	if (is_noise(line))
		return;
	if (nlines == LINES) {
		memmove(lines[0], lines[1], sizeof(lines) - sizeof(lines[0]));
		nlines--;
	}
	snprintf(lines[nlines++], LINE_SIZE, "%s", line);
}

static int listen_to(enum libbpf_print_level level, const char *fmt, va_list args)
{
	WM_AUTO_FREE char *text = NULL;
	char *rest;

	if (level != LIBBPF_WARN)
		return 0;
	if (vasprintf(&text, fmt, args) < 0) {
		text = NULL;
		return 0;
	}
	rest = text;
	for (char *line; (line = strsep(&rest, "\n"));)
		keep(line);
	return 0;
}

void wm_bpf_log_start(void)
{
	nlines = 0;
	libbpf_set_print(listen_to);
}

int wm_bpf_fail(struct wm_error *err, int rc, const char *fmt, ...)
{
	char what[200], why[LINES * (LINE_SIZE + 4)] = "";
	size_t len = 0;
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	for (unsigned int i = 0; i < nlines; i++)
		len += (size_t)snprintf(why + len, sizeof(why) - len, "%s%s", i ? "; " : " (", lines[i]);
	nlines = 0;
	if (rc == -EPERM) /* a refused program is EACCES */
		return wm_fail(err, -rc, "%s: BPF is not permitted here (not root, or an unprivileged container?)%s%s",
			       what, why, len ? ")" : "");
	return wm_fail(err, -rc, "%s: %s%s%s", what, strerror(-rc), why, len ? ")" : "");
}
