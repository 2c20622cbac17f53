/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files of the sources that the program has in itself.
 */
#pragma once

struct embedded {
	const char *name; /* "host" of setup/host.sh */
	const char *text, *end;
};

extern const struct embedded embedded_openapi_file;
extern const struct embedded embedded_setup[]; /* sorted by name; ends with a NULL name */
const struct embedded *embedded_find(const char *name); /* of those; NULL: there is none */
