/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm complete WORD...: what may stand where the last word stands, a line each,
 * a tab and a description behind it; ":files" where files do. None has in it what
 * a shell would not leave as it is. The shells' own
 * scripts (wm completion) only ask this.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/api.h"
#include "core/util.h"

#define PATIENCE_S 3 /* somebody waits at a prompt */
#define SHOWN_MAX 1000

/* A command line that is not finished. */
struct line {
	struct cli *cli;
	const char *word;          /* the last, to be completed */
	int prefix;                /* of it: "--mesh=", which stays in front of each offer */
	const char *whole;
	char *plain[ARGS_MAX + 2]; /* words before it that are neither options nor their values */
	int nplain;
	int value_of;              /* the option that it is the value of, or -1 */
	const struct command *command;
	int nargs;                 /* positional arguments before it */
};

/* Some names are a registry's. What a shell could take for more than a word is not offered to it. */
static bool is_word(const char *value)
{
	static const char may[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *value && !value[strspn(value, may)];
}

static void offer(const struct line *l, const char *value, const char *help)
{
	char text[WM_NAME_SIZE + 600];

	if (!is_word(value) || strncmp(value, l->word, strlen(l->word)))
		return;
	snprintf(text, sizeof(text), "%s", help);
	wm_printable(text);
	printf("%.*s%s\t%s\n", l->prefix, l->whole, value, text);
}

static void offer_list(const struct line *l, const char *const *values, size_t n, const char *help)
{
	for (size_t i = 0; i < n; i++)
		offer(l, values[i], help);
}

/* --- names of the meshes -------------------------------------------------------------------- */

static void offer_meshes(const struct line *l)
{
	char title[WM_NAME_SIZE], help[WM_NAME_SIZE + 600];

	for (size_t i = 0; i < l->cli->nmeshes; i++) {
		const struct mesh *m = &l->cli->meshes[i];

		snprintf(help, sizeof(help), "%s, %s", mesh_title(m, title), m->url);
		offer(l, m->slug, help);
		if (*m->name && strcmp(m->name, m->slug))
			offer(l, m->name, m->url);
	}
}

static void offer_config(const struct line *l, const struct wm_config *c, bool sites, bool hosts, bool devices)
{
	char name[WM_FQDN_SIZE], help[64], text[WM_PREFIX_TEXT];
	size_t shown = 0;

	for (size_t i = 0; sites && i < c->nsites && shown++ < SHOWN_MAX; i++) {
		snprintf(help, sizeof(help), "site %s", wm_prefix_format(c->sites[i].subnet, text));
		offer(l, c->sites[i].domain, help);
	}
	for (size_t i = 0; hosts && i < c->nhosts && shown < SHOWN_MAX; i++) {
		wm_format(name, sizeof(name), "%s.%s", c->hosts[i].name, c->hosts[i].domain);
		if (strncmp(name, l->word, strlen(l->word)))
			continue;
		snprintf(help, sizeof(help), "host %s", wm_ip4_format(c->hosts[i].overlay, text));
		offer(l, name, help);
		shown++;
	}
	for (size_t i = 0; devices && i < c->ndevices && shown < SHOWN_MAX; i++) {
		if (strncmp(c->devices[i].name, l->word, strlen(l->word)))
			continue;
		snprintf(help, sizeof(help), "device %s", wm_ip4_format(c->devices[i].overlay, text));
		offer(l, c->devices[i].name, help);
		shown++;
	}
}

/* Of --mesh's, or of all. What fails is not offered. */
static void offer_names(const struct line *l, bool sites, bool hosts, bool devices)
{
	const char *only = l->cli->opt[OPT_MESH];

	alarm(PATIENCE_S);
	for (size_t i = 0; i < l->cli->nmeshes; i++) {
		struct mesh *m = &l->cli->meshes[i];
		struct wm_config config = {0};
		struct api *api = NULL;

		if (*m->problem.text || (only && strcmp(only, m->slug) && strcmp(only, m->name)))
			continue;
		if (!api_open(m, &api, NULL) && !api_config(api, &config, NULL))
			offer_config(l, &config, sites, hosts, devices);
		wm_config_free(&config);
		api_close(api);
		fflush(stdout); /* what is there by then counts */
	}
}

/* --- words of the tables ------------------------------------------------------------------------ */

/* The first words of commands, or behind "mesh" and the like the second ones. */
static void offer_commands(const struct line *l)
{
	const char *first = l->nplain ? l->plain[l->nplain - 1] : NULL;

	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &command_rows[i];
		const char *space = strchr(c->name, ' ');
		char word[32];

		if (c->flags & COMMAND_HIDDEN)
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)(space ? space - c->name : (ptrdiff_t)strlen(c->name)), c->name);
		if (first && space && !strcmp(first, word))
			offer(l, space + 1, c->help);
		else if (!first && !space)
			offer(l, word, c->help);
		else if (!first && (!i || strncmp(command_rows[i - 1].name, word, strlen(word))))
			offer(l, word, section_names[c->section]);
	}
}

static void offer_options(const struct line *l)
{
	uint64_t may = OPT_EVERYWHERE | (l->command ? l->command->options : 0);
	char name[40];

	for (int i = 0; i < OPT_COUNT; i++) {
		if (!(may & 1ull << i) || l->cli->opt[i])
			continue;
		snprintf(name, sizeof(name), "--%s", option_rows[i].name);
		offer(l, name, option_rows[i].help);
	}
}

static void offer_types(const struct line *l)
{
	static const char *const types[] = {"standard", "roaming", "isolated"};
	const char *command = l->command ? l->command->name : "";

	for (size_t i = 0; i < WM_ARRAY_LEN(types); i++) {
		if (!(i == 0 && !strcmp(command, "add-device")) && !(i == 1 && !strcmp(command, "add-host")))
			offer(l, types[i], i == 2 ? "may answer, not ask" : i ? "a device" : "a host");
	}
}

static void offer_words(const struct line *l, enum words words)
{
	static const char *const formats[] = {"text", "wide", "json"};
	static const char *const roles[] = {"admin", "read", "gateway", "device"};
	static const char *const shells[] = {"bash", "zsh", "fish"};

	switch (words) {
	case WORDS_NONE:
		break;
	case WORDS_MESH:
		offer_meshes(l);
		break;
	case WORDS_SITE:
		offer_names(l, !l->cli->opt[OPT_DEVICE], false, l->cli->opt[OPT_DEVICE]);
		break;
	case WORDS_DEVICE:
		offer_names(l, false, false, true);
		break;
	case WORDS_TARGET:
		offer_names(l, false, true, true);
		break;
	case WORDS_NAME:
		offer_names(l, true, true, true);
		break;
	case WORDS_FILE:
		puts(":files");
		break;
	case WORDS_TYPE:
		offer_types(l);
		break;
	case WORDS_FORMAT:
		offer_list(l, formats, WM_ARRAY_LEN(formats), "format");
		break;
	case WORDS_ROLE:
		offer_list(l, roles, WM_ARRAY_LEN(roles), "role");
		break;
	case WORDS_SHELL:
		offer_list(l, shells, WM_ARRAY_LEN(shells), "shell");
		break;
	}
}

/* --- the line ---------------------------------------------------------------------------------------- */

static int option_of(const char *word)
{
	const char *equals = strchr(word, '=');

	if (!strncmp(word, "--", 2))
		return find_option(word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2));
	for (int i = 0; *word == '-' && i < OPT_COUNT; i++) {
		if (option_rows[i].letter && word[1] == option_rows[i].letter && !word[2])
			return i;
	}
	return -1;
}

/* bash hands "--mesh=home" over in three words. */
static void read_line(struct line *l, char **words)
{
	l->value_of = -1;
	for (; *words && words[1]; words++) {
		int id = option_of(*words);

		if (!strcmp(*words, "="))
			continue;
		if (l->value_of >= 0) {
			l->cli->opt[l->value_of] = *words;
			l->value_of = -1;
		} else if (id >= 0) {
			const char *equals = strchr(*words, '=');

			l->cli->opt[id] = equals ? equals + 1 : "";
			l->value_of = option_rows[id].arg && !equals ? id : -1;
		} else if (**words != '-' && l->nplain < (int)WM_ARRAY_LEN(l->plain)) {
			l->plain[l->nplain++] = *words;
		}
	}
	l->word = *words && strcmp(*words, "=") ? *words : "";
	if (l->value_of < 0 && !strncmp(l->word, "--", 2) && strchr(l->word, '=') && option_of(l->word) >= 0) {
		l->value_of = option_of(l->word);
		l->whole = l->word;
		l->word = strchr(l->word, '=') + 1;
		l->prefix = (int)(l->word - l->whole);
	}
}

int cmd_complete(struct cli *cli)
{
	struct line l = {.cli = cli, .whole = ""};
	int used = 0, code;

	read_line(&l, cli->raw);
	code = cli_load_meshes(cli);
	if (code)
		return code;
	if (l.nplain && !strcmp(l.plain[0], "help"))
		memmove(l.plain, l.plain + 1, (size_t)--l.nplain * sizeof(*l.plain));
	for (int n = 1; n <= l.nplain && !l.command; n++)
		l.command = find_command(l.plain, n, &used);
	l.nargs = l.nplain - used;
	if (l.value_of >= 0)
		offer_words(&l, option_rows[l.value_of].words);
	else if (*l.word == '-')
		offer_options(&l);
	else if (!l.command)
		offer_commands(&l);
	else if (l.nargs < l.command->most)
		offer_words(&l, l.command->words);
	return fflush(stdout) ? WM_EXIT_FAILED : WM_EXIT_OK;
}
