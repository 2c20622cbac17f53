/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * `wm --help`, of all commands or of one, from the tables of commands.c.
 */
#include <stdio.h>

#include "cli/cli.h"

static void help_options(uint64_t which)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		char left[64], letter[5] = "    ";

		if (!(which & 1ull << i))
			continue;
		if (row->letter)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name, row->arg ? " " : "", row->arg ? row->arg : "");
		printf("  %-29s %s\n", left, row->help);
	}
}

static void help_command(const struct command *c)
{
	printf("wm %s%s%s\n\n%s.\n", c->name, *c->args ? " " : "", c->args, c->help);
	if (c->more)
		printf("%s\n", c->more);
	if (!c->options)
		return;
	printf("\nOptions:\n");
	help_options(c->options);
}

static void help_all(void)
{
	printf("wm COMMAND [ARGUMENTS] [OPTIONS]\n");
	for (int section = 0; section < SECTION_COUNT; section++) {
		printf("\n%s:\n", section_names[section]);
		for (size_t i = 0; i < command_count; i++) {
			const struct command *c = &command_rows[i];

			if (c->section == (enum section)section && !(c->flags & COMMAND_HIDDEN))
				printf("  %-14s %s\n", c->name, c->help);
		}
	}
}

int cli_help(const struct cli *cli)
{
	if (cli->command)
		help_command(cli->command);
	else
		help_all();
	printf("\nEvery command takes:\n");
	help_options(OPT_EVERYWHERE);
	if (!cli->command)
		printf("\nExit codes: 0 done, 1 failed or not found, 2 wrong use, 3 no registry, 4 refused.\n"
		       "'wm COMMAND --help' says more about one command.\n");
	return fflush(stdout) ? WM_EXIT_FAILED : WM_EXIT_OK;
}
