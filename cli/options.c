/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The command line against the tables of commands.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "core/util.h"

#define WORD_MAX 40

/* Nobody is led to what is hidden. */
static const char *command_name(const void *rows, size_t i)
{
	const struct command *row = (const struct command *)rows + i;

	return row->flags & COMMAND_HIDDEN ? "" : row->name;
}

static const char *option_name(const void *rows, size_t i)
{
	return ((const struct option_row *)rows)[i].name;
}

int find_option(const char *name, size_t len)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		if (strlen(option_rows[i].name) == len && !strncmp(option_rows[i].name, name, len))
			return i;
	}
	return -1;
}

static int unknown_option(const char *word)
{
	char name[WORD_MAX + 1], some[128];
	int like;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	like = nearest(name, OPT_COUNT, option_name, option_rows);
	if (like >= 0)
		return complain(WM_EXIT_USAGE, "there is no option --%s; did you mean --%s?", name, option_rows[like].name);
	if (names_with(name, "--", OPT_COUNT, option_name, option_rows, some, sizeof(some)))
		return complain(WM_EXIT_USAGE, "there is no option --%s; did you mean %s?", name, some);
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
		if (option_rows[id].arg && c[1]) /* -owide */
			return take_option(cli, id, c + 1, argc, argv, at);
		code = take_option(cli, id, NULL, argc, argv, at);
		if (code)
			return code;
	}
	return 0;
}

const struct command *find_command(char *const *words, int n, int *ret_used)
{
	for (size_t i = 0; i < command_count; i++) {
		const char *name = command_rows[i].name, *space = strchr(name, ' ');

		*ret_used = space ? 2 : 1;
		if (n && !space && !strcmp(words[0], name))
			return &command_rows[i];
		if (space && n > 1 && strlen(words[0]) == (size_t)(space - name) &&
		    !strncmp(words[0], name, (size_t)(space - name)) && !strcmp(words[1], space + 1))
			return &command_rows[i];
	}
	return NULL;
}

/* "add, list or remove", of the commands that begin with this word; "" when there are none. */
static void second_words(const char *first, char *ret, size_t size)
{
	const char *found[8];
	size_t n = 0, at = 0, len = strlen(first);

	for (size_t i = 0; i < command_count && n < WM_ARRAY_LEN(found); i++) {
		if (!strncmp(command_rows[i].name, first, len) && command_rows[i].name[len] == ' ')
			found[n++] = command_rows[i].name + len + 1;
	}
	*ret = '\0';
	for (size_t i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(ret + at, size - at, "%s%s", !i ? "" : i + 1 < n ? ", " : " or ", found[i]);
}

static int unknown_command(char **words, int n)
{
	char two[WORD_MAX + 1], seconds[64], some[128];
	int like;

	second_words(words[0], seconds, sizeof(seconds));
	if (*seconds && n == 1)
		return complain(WM_EXIT_USAGE, "'wm %s' goes on with %s", words[0], seconds);
	snprintf(two, sizeof(two), "%s %s", words[0], n > 1 ? words[1] : "");
	like = *seconds ? -1 : nearest(words[0], command_count, command_name, command_rows);
	if (like < 0)
		like = nearest(two, command_count, command_name, command_rows);
	if (like >= 0)
		return complain(WM_EXIT_USAGE, "there is no command '%s'; did you mean 'wm %s'?", *seconds ? two : words[0],
				command_rows[like].name);
	if (*seconds)
		return complain(WM_EXIT_USAGE, "there is no command '%s'; 'wm %s' goes on with %s", two, words[0], seconds);
	if (names_with(words[0], "wm ", command_count, command_name, command_rows, some, sizeof(some)))
		return complain(WM_EXIT_USAGE, "there is no command '%s'; did you mean %s?", words[0], some);
	return complain(WM_EXIT_USAGE, "there is no command '%s'; 'wm --help' lists what there is", words[0]);
}

static int check_output(struct cli *cli)
{
	const char *format = cli->opt[OPT_OUTPUT];

	if (!format)
		return 0;
	if (!strcmp(format, "json"))
		cli->opt[OPT_JSON] = "";
	else if (strcmp(format, "text") && strcmp(format, "wide"))
		return complain(WM_EXIT_USAGE, "--output '%s' must be text, wide or json", format);
	else if (cli->opt[OPT_JSON])
		return complain(WM_EXIT_USAGE, "--json and --output %s cannot both be", format);
	return 0;
}

static int check_use(struct cli *cli)
{
	const struct command *c = cli->command;

	for (int i = 0; i < OPT_COUNT; i++) {
		if (cli->opt[i] && !((c->options | OPT_EVERYWHERE) & 1ull << i))
			return complain(WM_EXIT_USAGE, "--%s is not for 'wm %s'; see 'wm %s --help'", option_rows[i].name,
					c->name, c->name);
	}
	if (cli->opt[OPT_HELP] || (cli->nargs >= c->least && cli->nargs <= c->most))
		return check_output(cli);
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
			cli->command = find_command(words, n, &used);
			if (cli->command && cli->command->flags & COMMAND_RAW) {
				cli->raw = argv + at + 1;
				return 0;
			}
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

int option_number(const struct cli *cli, enum option_id id, uint64_t without, uint64_t most, uint64_t *ret)
{
	const char *text = cli->opt[id];
	char *end;

	*ret = without;
	if (!text)
		return 0;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (!errno && !*end && *text >= '0' && *text <= '9' && *ret && *ret <= most)
		return 0;
	return complain(WM_EXIT_USAGE, "--%s '%s' must be a whole number from 1 to %llu", option_rows[id].name, text,
			(unsigned long long)most);
}
