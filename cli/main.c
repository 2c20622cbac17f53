/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm: the operator's command line. Everything it does is a request to a
 * registry or a file in ~/.config/wm.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/mesh.h"
#include "core/key.h"

int main(int argc, char **argv)
{
	struct cli cli = {0};
	int code;

	setlocale(LC_CTYPE, ""); /* the width of names in tables */
	signal(SIGPIPE, SIG_IGN); /* `wm list | head` is a write error, said once */
	code = cli_parse(&cli, argc, argv);
	if (code)
		return code;
	if (cli.opt[OPT_HELP])
		return cli_help(&cli);
	if (cli.opt[OPT_VERSION]) {
		printf("wm %s\n", WM_VERSION);
		return WM_EXIT_OK;
	}
	if (wm_key_init())
		return complain(WM_EXIT_FAILED, "the system's random numbers are not available");
	if (!(cli.command->flags & COMMAND_RAW))
		code = cli_load_meshes(&cli);
	if (!code)
		code = cli.command->fn(&cli);
	cli_free_meshes(&cli);
	return code;
}
