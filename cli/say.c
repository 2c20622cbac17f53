/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Talking with the person at the terminal: errors on stderr, questions.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/key.h"
#include "core/name.h"
#include "core/util.h"

static bool colour(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb");
}

/* Names and sentences of a registry are among it: a terminal must not obey them. */
static void put_clean(const char *text)
{
	uint32_t c;

	for (size_t n; *text; text += n ? n : 1) {
		n = wm_utf8_decode(text, &c);
		if (!n || wm_is_control(c))
			fputc('?', stderr);
		else
			fwrite(text, n, 1, stderr);
	}
}

int complain(enum wm_exit code, const char *fmt, ...)
{
	bool red = colour(STDERR_FILENO);
	char text[2048];
	va_list ap;

	fflush(stdout); /* so that both arrive in order where they go to one place */
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fputs(red ? "\033[1;31mwm:\033[0m " : "wm: ", stderr);
	put_clean(text);
	fputc('\n', stderr);
	return code;
}

int exit_code_of(int rc)
{
	static const struct {
		int err, code;
	} rows[] = {
		{EACCES, WM_EXIT_REFUSED},           {EPERM, WM_EXIT_USAGE},
		{ECONNREFUSED, WM_EXIT_UNREACHABLE}, {EHOSTUNREACH, WM_EXIT_UNREACHABLE},
		{ETIMEDOUT, WM_EXIT_UNREACHABLE},    {ECONNRESET, WM_EXIT_UNREACHABLE},
		{EPROTO, WM_EXIT_UNREACHABLE},       {EREMOTEIO, WM_EXIT_UNREACHABLE},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		if (rows[i].err == -rc)
			return rows[i].code;
	}
	return rc ? WM_EXIT_FAILED : WM_EXIT_OK;
}

int complain_error(int rc, const struct wm_error *err)
{
	return complain(exit_code_of(rc), "%s", err->text);
}

bool on_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* Byte by byte: with echo off, an interrupt must not leave the terminal so. The
 * prompt comes last, because what was typed before it is thrown away. */
static int read_secret(const char *prompt, char *ret, size_t size)
{
	struct termios was, now;
	size_t len = 0;
	char c = 0;
	int rc = 0;

	if (tcgetattr(STDIN_FILENO, &was))
		return -errno;
	now = was;
	now.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &now);
	fprintf(stderr, "%s ", prompt);
	while (!rc && read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && c != '\r') {
		if (c == 3 || c == 4) /* ^C, ^D */
			rc = -ECANCELED;
		else if ((c == 127 || c == 8) && len)
			len--;
		else if ((unsigned char)c > ' ' && len + 1 < size)
			ret[len++] = c;
	}
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	fputc('\n', stderr);
	ret[len] = '\0';
	if (rc)
		wm_wipe(ret, size);
	return rc;
}

int ask_line(const char *prompt, bool secret, char *ret, size_t size)
{
	fflush(stdout);
	if (secret)
		return read_secret(prompt, ret, size);
	put_clean(prompt);
	fputc(' ', stderr);
	if (!fgets(ret, (int)size, stdin))
		return -ECANCELED;
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

bool ask_yes(const char *question)
{
	char prompt[512], answer[16];

	snprintf(prompt, sizeof(prompt), "%s [y/N]", question);
	return !ask_line(prompt, false, answer, sizeof(answer)) && (!strcmp(answer, "y") || !strcmp(answer, "yes"));
}

int confirm_change(const struct cli *cli, const char *question)
{
	if (cli->opt[OPT_YES])
		return 0;
	if (!on_terminal() || cli->opt[OPT_JSON]) /* what is asked about is shown as text */
		return complain(WM_EXIT_USAGE, "nothing was changed; to do it without being asked, add --yes");
	return ask_yes(question) ? 0 : complain(WM_EXIT_FAILED, "nothing was changed");
}
