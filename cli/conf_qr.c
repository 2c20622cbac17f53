/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * QR codes on a terminal (libqrencode; the only file that knows it): two rows
 * of modules are a row of text, light on dark as terminals mostly are.
 */
#include <errno.h>
#include <qrencode.h>

#include "cli/conf.h"

#define MARGIN 4 /* modules of quiet zone around it that readers need */

static bool is_light(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return true;
	return !(code->data[y * code->width + x] & 1);
}

int conf_qr(FILE *to, const char *text)
{
	static const char *const blocks[] = {" ", "\u2584", "\u2580", "\u2588"}; /* none, lower, upper, both */
	QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);

	if (!code)
		return -errno;
	for (int y = -MARGIN; y < code->width + MARGIN; y += 2) {
		for (int x = -MARGIN; x < code->width + MARGIN; x++)
			fputs(blocks[2 * is_light(code, x, y) + is_light(code, x, y + 1)], to);
		fputc('\n', to);
	}
	QRcode_free(code);
	return 0;
}
