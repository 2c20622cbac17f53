/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files of the sources that the program has in itself: the scripts of setup/ as they were at build (gen/setup.inc has a
 * line SETUP(name) for each), the API's description, and the dashboard (gen/web.inc: a line WEB(name, ending) for each file).
 */
#include "registry/embedded.h"

#include <string.h>

/* The assembler finds the files: it is given -I of the checkout. */
#define EMBED(symbol, path)                                                          \
	__asm__(".pushsection .rodata.embedded,\"a\"\nembedded_" #symbol ":\n"       \
		".incbin \"" path "\"\nembedded_" #symbol "_end:\n"                   \
		".byte 0\n.popsection\n");                                           \
	extern const char embedded_##symbol[] __attribute__((visibility("hidden"))); \
	extern const char embedded_##symbol##_end[] __attribute__((visibility("hidden")));

#ifndef SETUP_DIR /* a test has others */
#define SETUP_DIR "setup/"
#endif

EMBED(openapi, "docs/openapi.yaml")
EMBED(page, "registry/web/index.html")
#define WEB(name, ending) EMBED(web_##name##_##ending, "registry/web/" #name "." #ending)
#include "web.inc"
#undef WEB
#define SETUP(name) EMBED(setup_##name, SETUP_DIR #name ".sh")
#include "setup.inc"
#undef SETUP

const struct embedded embedded_openapi_file = { "openapi", embedded_openapi, embedded_openapi_end };
const struct embedded embedded_page_file = { "index.html", embedded_page, embedded_page_end };

const struct embedded embedded_web[] = {
#define WEB(name, ending) { #name "." #ending, embedded_web_##name##_##ending, embedded_web_##name##_##ending##_end },
#include "web.inc"
#undef WEB
	{ 0 },
};

const struct embedded embedded_setup[] = {
#define SETUP(name) { #name, embedded_setup_##name, embedded_setup_##name##_end },
#include "setup.inc"
#undef SETUP
	{ 0 },
};

const struct embedded *embedded_find(const struct embedded *list, const char *name)
{
	for (const struct embedded *e = list; e->name; e++) {
		if (!strcmp(e->name, name))
			return e;
	}
	return NULL;
}
