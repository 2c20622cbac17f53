/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm completion SHELL: the script that makes a shell ask `wm complete`.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "core/util.h"

static const char bash[] =
	"# bash completion of wm, which knows the words itself: wm complete\n"
	"_wm() {\n"
	"\tlocal line word\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [ \"$line\" = :files ]; then\n"
	"\t\t\tcompopt -o default\n"
	"\t\t\treturn\n"
	"\t\tfi\n"
	"\t\tprintf -v word %q \"${line%%$'\\t'*}\" # bash puts it into the command line as it is\n"
	"\t\tCOMPREPLY+=(\"$word\")\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _wm wm\n";

static const char zsh[] =
	"#compdef wm\n"
	"# zsh completion of wm, which knows the words itself: wm complete\n"
	"_wm() {\n"
	"\tlocal line\n"
	"\tlocal -a lines items\n"
	"\tlines=(\"${(@f)$(\"$words[1]\" complete \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
	"\tif [[ $lines[1] == :files ]]; then\n"
	"\t\t_files\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tfor line in $lines; do\n"
	"\t\titems+=(\"${${${line%%$'\\t'*}//\\\\/\\\\\\\\}//:/\\\\:}:${line#*$'\\t'}\")\n"
	"\tdone\n"
	"\t_describe wm items\n"
	"}\n"
	"if [[ $funcstack[1] == _wm ]]; then _wm \"$@\"; else compdef _wm wm; fi\n";

static const char fish[] =
	"# fish completion of wm, which knows the words itself: wm complete\n"
	"function __wm_complete\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l word (commandline -ct)\n"
	"\tset -l lines ($words[1] complete $words[2..-1] \"$word\" 2>/dev/null)\n"
	"\tif test \"$lines[1]\" = :files\n"
	"\t\t__fish_complete_path \"$word\"\n"
	"\telse if test (count $lines) -gt 0\n"
	"\t\tprintf '%s\\n' $lines\n"
	"\tend\n"
	"end\n"
	"complete -c wm -f -a '(__wm_complete)'\n";

int cmd_completion(struct cli *cli)
{
	static const struct {
		const char *shell, *script;
	} rows[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		if (strcmp(cli->arg[0], rows[i].shell))
			continue;
		fputs(rows[i].script, stdout);
		return fflush(stdout) ? WM_EXIT_FAILED : WM_EXIT_OK;
	}
	return complain(WM_EXIT_USAGE, "'%s' is not one of the shells bash, zsh, fish", cli->arg[0]);
}
