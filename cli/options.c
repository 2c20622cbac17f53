/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The command line against the tables of commands.c, help from the same
 * tables, and a suggestion for what was mistyped.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "core/util.h"

#define EVERYWHERE                                                                                                     \
	(OPT(MESH) | OPT(JSON) | OPT(YES) | OPT(HELP) | OPT(VERSION) | OPT(TOKEN_FILE) | OPT(CONFIG_DIR))
#define WORD_MAX 40

/* Optimal string alignment: insert, delete, replace, swap neighbours. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int d[WORD_MAX + 1][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= la; i++)
		d[i][0] = (unsigned int)i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			unsigned int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			best = WM_MIN(best, d[i - 1][j] + 1);
			best = WM_MIN(best, d[i][j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = WM_MIN(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	}
	return d[la][lb];
}

const char *nearest(const char *word, size_t n, const char *(*name_of)(const void *arg, size_t i), const void *arg)
{
	/* A third of the letters may be wrong; of "x" nothing is near. */
	unsigned int most = (unsigned int)WM_MIN(strlen(word), WORD_MAX) / 3;
	const char *best = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned int far = distance(word, name_of(arg, i));

		if (far > most)
			continue;
		best = name_of(arg, i);
		most = far - !!far;
		if (!far)
			break;
	}
	return best;
}

static const char *command_name(const void *rows, size_t i)
{
	return ((const struct command *)rows)[i].name;
}

static const char *option_name(const void *rows, size_t i)
{
	return ((const struct option_row *)rows)[i].name;
}

static int find_option(const char *name, size_t len)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		if (strlen(option_rows[i].name) == len && !strncmp(option_rows[i].name, name, len))
			return i;
	}
	return -1;
}

static int unknown_option(const char *word)
{
	char name[WORD_MAX + 1];
	const char *like;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	like = nearest(name, OPT_COUNT, option_name, option_rows);
	if (like)
		return complain(WM_EXIT_USAGE, "there is no option --%s; did you mean --%s?", name, like);
	return complain(WM_EXIT_USAGE, "there is no option --%s; 'wm --help' lists what there is", name);
}

/* Takes argv[*at], and its argument when that stands in the next word. */
static int take_option(struct cli *cli, int id, const char *value, int argc, char **argv, int *at)
{
	const struct option_row *row = &option_rows[id];

	if (cli->opt[id])
		return complain(WM_EXIT_USAGE, "--%s is given twice", row->name);
	if (!row->arg) {
		if (value)
			return complain(WM_EXIT_USAGE, "--%s takes no value", row->name);
		cli->opt[id] = "";
		return 0;
	}
	if (!value && *at + 1 < argc)
		value = argv[++*at];
	if (!value || !*value)
		return complain(WM_EXIT_USAGE, "--%s needs a value: --%s %s", row->name, row->name, row->arg);
	cli->opt[id] = value;
	return 0;
}

static int take_long(struct cli *cli, int argc, char **argv, int *at)
{
	const char *word = argv[*at], *equals = strchr(word, '=');
	int id = find_option(word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2));

	if (id < 0)
		return unknown_option(word);
	return take_option(cli, id, equals ? equals + 1 : NULL, argc, argv, at);
}

static int take_letters(struct cli *cli, int argc, char **argv, int *at)
{
	for (const char *c = argv[*at] + 1; *c; c++) {
		int id = 0, code;

		while (id < OPT_COUNT && option_rows[id].letter != *c)
			id++;
		if (id == OPT_COUNT)
			return complain(WM_EXIT_USAGE, "there is no option -%c; 'wm --help' lists what there is", *c);
		code = take_option(cli, id, NULL, argc, argv, at);
		if (code)
			return code;
	}
	return 0;
}

/* The row that the first one or two of `words` name; *ret_used says how many. */
static const struct command *find_command(char **words, int n, int *ret_used)
{
	for (size_t i = 0; i < command_count; i++) {
		const char *name = command_rows[i].name, *space = strchr(name, ' ');

		*ret_used = space ? 2 : 1;
		if (!space && !strcmp(words[0], name))
			return &command_rows[i];
		if (space && n > 1 && strlen(words[0]) == (size_t)(space - name) &&
		    !strncmp(words[0], name, (size_t)(space - name)) && !strcmp(words[1], space + 1))
			return &command_rows[i];
	}
	return NULL;
}

static int unknown_command(char **words, int n)
{
	char two[WORD_MAX + 1];
	const char *like;

	if (!strcmp(words[0], "mesh") && n == 1)
		return complain(WM_EXIT_USAGE, "wm mesh: add, list or remove?");
	snprintf(two, sizeof(two), "%s %s", words[0], n > 1 ? words[1] : "");
	like = nearest(words[0], command_count, command_name, command_rows);
	if (!like)
		like = nearest(two, command_count, command_name, command_rows);
	if (like)
		return complain(WM_EXIT_USAGE, "there is no command '%s'; did you mean 'wm %s'?",
				!strcmp(words[0], "mesh") ? two : words[0], like);
	return complain(WM_EXIT_USAGE, "there is no command '%s'; 'wm --help' lists what there is", words[0]);
}

static int check_use(struct cli *cli)
{
	const struct command *c = cli->command;

	for (int i = 0; i < OPT_COUNT; i++) {
		if (cli->opt[i] && !((c->options | EVERYWHERE) & 1u << i))
			return complain(WM_EXIT_USAGE, "--%s is not for 'wm %s'; see 'wm %s --help'", option_rows[i].name,
					c->name, c->name);
	}
	if (cli->opt[OPT_HELP] || (cli->nargs >= c->least && cli->nargs <= c->most))
		return 0;
	return complain(WM_EXIT_USAGE, "%s; use: wm %s%s%s",
			cli->nargs < c->least ? "an argument is missing" : "too many arguments", c->name,
			*c->args ? " " : "", c->args);
}

int cli_parse(struct cli *cli, int argc, char **argv)
{
	char *words[ARGS_MAX + 2];
	int n = 0, used = 0;
	bool plain = false;

	for (int at = 1; at < argc; at++) {
		char *word = argv[at];
		int code = 0;

		if (plain || word[0] != '-' || !word[1]) {
			if (n == (int)WM_ARRAY_LEN(words))
				return complain(WM_EXIT_USAGE, "too many arguments at '%s'", word);
			words[n++] = word;
		} else if (!strcmp(word, "--")) {
			plain = true;
		} else if (word[1] == '-') {
			code = take_long(cli, argc, argv, &at);
		} else {
			code = take_letters(cli, argc, argv, &at);
		}
		if (code)
			return code;
	}
	if (n && !strcmp(words[0], "help")) { /* wm help [command] */
		cli->opt[OPT_HELP] = "";
		memmove(words, words + 1, (size_t)--n * sizeof(*words));
	}
	if (!n && (cli->opt[OPT_HELP] || cli->opt[OPT_VERSION]))
		return 0;
	if (!n)
		return complain(WM_EXIT_USAGE, "what should be done? 'wm --help' lists the commands");
	cli->command = find_command(words, n, &used);
	if (!cli->command)
		return unknown_command(words, n);
	if (n - used > ARGS_MAX)
		return complain(WM_EXIT_USAGE, "too many arguments; use: wm %s %s", cli->command->name, cli->command->args);
	for (int i = used; i < n; i++)
		cli->arg[cli->nargs++] = words[i];
	return check_use(cli);
}

static void help_options(uint32_t which)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		char left[64], letter[5] = "    ";

		if (!(which & 1u << i))
			continue;
		if (row->letter)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name, row->arg ? " " : "", row->arg ? row->arg : "");
		printf("  %-29s %s\n", left, row->help);
	}
}

int cli_help(const struct cli *cli)
{
	const struct command *c = cli->command;

	if (c) {
		printf("wm %s%s%s\n\n%s.\n", c->name, *c->args ? " " : "", c->args, c->help);
		if (c->more)
			printf("%s\n", c->more);
		if (c->options) {
			printf("\nOptions:\n");
			help_options(c->options);
		}
	} else {
		printf("wm COMMAND [ARGUMENTS] [OPTIONS]\n\nCommands:\n");
		for (size_t i = 0; i < command_count; i++)
			printf("  %-13s %s\n", command_rows[i].name, command_rows[i].help);
	}
	printf("\nEvery command takes:\n");
	help_options(EVERYWHERE);
	if (!c)
		printf("\nExit codes: 0 done, 1 failed or not found, 2 wrong use, 3 no registry, 4 refused.\n"
		       "'wm COMMAND --help' says more about one command.\n");
	return fflush(stdout) ? WM_EXIT_FAILED : WM_EXIT_OK;
}
