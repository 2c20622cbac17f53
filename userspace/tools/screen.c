/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A terminal that is drawn on again and again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/tools.h"

bool tool_screen(int fd, struct tool_screen *ret)
{
	const char *term = getenv("TERM");
	struct winsize size = { 0 };

	if (!isatty(fd) || !term || !*term || !strcmp(term, "dumb"))
		return false;
	/* Serial lines do not know their size. */
	*ret = (struct tool_screen){ 24, 80 };
	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		*ret = (struct tool_screen){ size.ws_row, size.ws_col };
	return true;
}

/* How many bytes of a line fit: a character is a byte that continues none. */
static size_t fitting(const char *line, size_t len, unsigned int cols)
{
	unsigned int used = 0;

	for (size_t i = 0; i < len; i++) {
		used += ((unsigned char)line[i] & 0xc0) != 0x80;
		if (used > cols)
			return i;
	}
	return len;
}

/* The last row stays free for the cursor, and nothing scrolls. */
char *tool_redraw(const char *text, struct tool_screen screen)
{
	char *ret = NULL;
	size_t size;
	FILE *f = open_memstream(&ret, &size);

	if (!f)
		return NULL;
	fputs("\033[H", f);
	for (unsigned int row = 1; *text && row < screen.rows; row++) {
		size_t len = strcspn(text, "\n");

		fwrite(text, 1, fitting(text, len, screen.cols), f);
		fputs("\033[K\n", f);
		text += len + (text[len] == '\n');
	}
	fputs("\033[J", f);
	if (fclose(f)) {
		free(ret);
		return NULL;
	}
	return ret;
}
