/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm manual: the manual page wm(1) in the language of scdoc, from the tables
 * of commands.c. `make install` makes the page of it.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char head[] =
	"wm(1)\n\n"
	"# NAME\n\n"
	"wm - works on WireGuard meshes: what an operator holds in their hands\n\n"
	"# SYNOPSIS\n\n"
	"*wm* _COMMAND_ [_ARGUMENTS_] [_OPTIONS_]\n\n"
	"# DESCRIPTION\n\n"
	"A mesh is sites with hosts, and devices. Its registry keeps what it should be, its gateways follow.\n"
	"*wm* asks registries and changes what they keep. Which registries, stands in files, one a mesh; *wm mesh add*\n"
	"writes them. Commands that look do so in all of them, each under a header, or in that of *--mesh*. Commands\n"
	"that change something work on the only one, on that of *--mesh*, or ask which on a terminal.\n\n"
	"Options may stand anywhere; *--* ends them.\n\n";

static const char tail[] =
	"# EXIT STATUS\n\n"
	"*0*\n\tdone\n\n"
	"*1*\n\tnot found; something is wrong (check, deepcheck); or the registry says no\n\n"
	"*2*\n\tthe command line, or a file of a mesh, is wrong; nothing was changed\n\n"
	"*3*\n\tthe registry cannot be reached, or does not work\n\n"
	"*4*\n\tthe token is not accepted, or has no right to do this\n\n"
	"Over several meshes, the first failure's.\n\n"
	"# ENVIRONMENT\n\n"
	"*WM_CONFIG_DIR*\n\twhere meshes are kept\n\n"
	"*WM_REGISTRY_TOKEN*\n\tthe token, where a mesh's file has none; for one mesh at a time\n\n"
	"*WM_REGISTRY_CA*\n\ta file of certificates to trust besides the system's\n\n"
	"*NO_COLOR*\n\tif not empty, nothing is coloured\n\n"
	"# FILES\n\n"
	"_~/.config/wm/SLUG.env_\n"
	"\ta mesh: REGISTRY\\_URL, REGISTRY\\_TOKEN, and if need be REGISTRY\\_CA, REGISTRY\\_ALLOW\\_HTTP, MESH\\_NAME.\n"
	"\tOnly its user may read it: it holds a token\n\n"
	"# SEE ALSO\n\n"
	"*wm-registry*(8), *wm-gateway*(8), *wm-bpf*(8), *wg*(8)\n";

/* Text that scdoc takes as it is; a line break becomes a space. */
static void put(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			putchar(' ');
		else if (ispunct((unsigned char)*text) && !strchr(",.:;'()/-", *text))
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

static void put_options(uint64_t which, const char *indent)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct option_row *row = &option_rows[i];

		if (!(which & 1ull << i))
			continue;
		fputs(indent, stdout);
		if (row->letter)
			printf("*-%c*, ", row->letter);
		printf("*--%s*", row->name);
		if (row->arg) {
			printf(" _");
			put(row->arg);
			printf("_");
		}
		printf("\n%s\t", indent);
		put(row->help);
		printf("\n\n");
	}
}

static void put_command(const struct command *c)
{
	printf("*wm %s* ", c->name);
	put(c->args);
	printf("\n\t");
	put(c->help);
	printf(".");
	if (c->more) {
		printf(" ");
		put(c->more);
	}
	printf("\n\n");
	put_options(c->options, "\t");
}

int cmd_manual(struct cli *cli)
{
	(void)cli;
	fputs(head, stdout);
	printf("# COMMANDS\n\n");
	for (int section = 0; section < SECTION_COUNT; section++) {
		printf("## %s\n\n", section_names[section]);
		for (size_t i = 0; i < command_count; i++) {
			if (command_rows[i].section == (enum section)section && !(command_rows[i].flags & COMMAND_HIDDEN))
				put_command(&command_rows[i]);
		}
	}
	printf("# OPTIONS OF EVERY COMMAND\n\n");
	put_options(OPT_EVERYWHERE, "");
	fputs(tail, stdout);
	return fflush(stdout) ? WM_EXIT_FAILED : WM_EXIT_OK;
}
