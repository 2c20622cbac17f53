/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files of the sources that the program has in itself.
 */
#pragma once

struct embedded {
	const char *name; /* "host" of setup/host.sh, "table.js" of registry/web/table.js */
	const char *text, *end;
};

extern const struct embedded embedded_openapi_file;
extern const struct embedded embedded_page_file; /* the dashboard's page */
extern const struct embedded embedded_web[];     /* what that loads; both lists are sorted by name and end with a NULL name */
extern const struct embedded embedded_setup[];
const struct embedded *embedded_find(const struct embedded *list, const char *name); /* NULL: there is none */
