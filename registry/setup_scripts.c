/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The scripts of setup/ as they were at build; gen/setup.inc has a line SETUP(name) for each.
 */
#include <string.h>

#include "registry/shelf.h"

/* The assembler finds the files: it is given -I of the checkout. */
#define SETUP(name)                                                          \
	__asm__(".pushsection .rodata.setup,\"a\"\nsetup_" #name ":\n"       \
		".incbin \"setup/" #name ".sh\"\nsetup_" #name "_end:\n"     \
		".byte 0\n.popsection\n");                                   \
	extern const char setup_##name[] __attribute__((visibility("hidden"))); \
	extern const char setup_##name##_end[] __attribute__((visibility("hidden")));
#include "setup.inc"
#undef SETUP

const struct setup_script setup_scripts[] = {
#define SETUP(name) { #name, setup_##name, setup_##name##_end },
#include "setup.inc"
#undef SETUP
	{ 0 },
};

const struct setup_script *setup_find(const char *name)
{
	for (const struct setup_script *s = setup_scripts; s->name; s++) {
		if (!strcmp(s->name, name))
			return s;
	}
	return NULL;
}
