/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Questions on a terminal.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "agent/lifecycle/settings.h"
#include "core/util.h"

/* Ctrl-C would leave the terminal silent: it waits until the line is in. */
static bool read_line(bool secret, char *ret, size_t size)
{
	struct termios was, now;
	sigset_t all, before;
	bool hidden = secret && !tcgetattr(STDIN_FILENO, &was), got;

	if (hidden) {
		sigemptyset(&all);
		sigaddset(&all, SIGINT);
		sigaddset(&all, SIGTSTP);
		sigprocmask(SIG_BLOCK, &all, &before);
		now = was;
		now.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &now);
	}
	got = fgets(ret, (int)size, stdin) != NULL;
	if (hidden) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		sigprocmask(SIG_SETMASK, &before, NULL);
		fputc('\n', stderr);
	}
	return got;
}

int wm_ask(const char *question, const char *fallback, bool secret, char *ret, size_t size)
{
	size_t len;

	fprintf(stderr, "%s%s%s%s: ", question, *fallback ? " [" : "", fallback, *fallback ? "]" : "");
	if (!read_line(secret, ret, size)) {
		*ret = '\0';
		return -ENODATA;
	}
	len = strcspn(ret, "\r\n");
	if (!ret[len] && len + 1 == size)
		return -E2BIG; /* cut off */
	while (len && (ret[len - 1] == ' ' || ret[len - 1] == '\t'))
		len--;
	ret[len] = '\0';
	return *ret ? 0 : wm_copy(ret, size, fallback);
}
