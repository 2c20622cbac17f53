/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What every part of `wm` shares: commands and options as rows, exit codes,
 * and the one place where errors are said.
 *
 * A command returns its exit code and has said why when that is not 0.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum wm_exit {
	WM_EXIT_OK = 0,
	WM_EXIT_FAILED = 1,      /* the check failed, not found, the registry says no */
	WM_EXIT_USAGE = 2,       /* the command line, or a file of ours, is wrong */
	WM_EXIT_UNREACHABLE = 3, /* no registry, or none that works */
	WM_EXIT_REFUSED = 4,     /* the token is not accepted or may not do this */
};

enum option_id {
	OPT_MESH, OPT_JSON, OPT_YES, OPT_HELP, OPT_VERSION, OPT_TOKEN_FILE, OPT_CONFIG_DIR, /* everywhere */
	OPT_OUTPUT, OPT_DRY_RUN,
	OPT_NAME, OPT_CA, OPT_ALLOW_HTTP,
	OPT_SUBNET, OPT_HUB, OPT_ENDPOINT, OPT_CASCADE, OPT_DEVICE, OPT_END,
	OPT_LOCAL_IP, OPT_WG_IP, OPT_TYPE, OPT_MAC,
	OPT_CONF, OPT_FORCE, OPT_QR,
	OPT_ROLE, OPT_LIMIT, OPT_BEFORE, OPT_KEEP, OPT_SYNCED, OPT_TIMEOUT,
	OPT_COUNT,
};

/* What a word of the command line is, for its completion. */
enum words {
	WORDS_NONE, WORDS_MESH, WORDS_SITE, WORDS_DEVICE, WORDS_TARGET, /* a host or a device */
	WORDS_NAME, /* a site, host or device */
	WORDS_FILE, WORDS_TYPE, WORDS_FORMAT, WORDS_ROLE, WORDS_SHELL,
};

struct option_row {
	const char *name;  /* without "--" */
	char letter;       /* 0: none */
	const char *arg;   /* NULL: a flag */
	enum words words;  /* of arg */
	const char *help;
};
extern const struct option_row option_rows[OPT_COUNT];

#define ARGS_MAX 8
#define OPT(id) (1ull << OPT_##id)
#define OPT_EVERYWHERE                                                                                                 \
	(OPT(MESH) | OPT(JSON) | OPT(YES) | OPT(HELP) | OPT(VERSION) | OPT(TOKEN_FILE) | OPT(CONFIG_DIR))

struct mesh;
struct command;

struct cli {
	const struct command *command;
	const char *opt[OPT_COUNT]; /* NULL: not given; a flag: "" */
	char *arg[ARGS_MAX];        /* borrowed from argv, and writable: a token is wiped there */
	int nargs;
	char **raw;                 /* of a command that takes words as they are, up to a NULL */
	char config_dir[PATH_MAX];
	struct mesh *meshes;        /* loaded by cli_load_meshes */
	size_t nmeshes;
};

enum section { SECTION_MESH, SECTION_LOOK, SECTION_CHANGE, SECTION_HISTORY, SECTION_SETUP, SECTION_COUNT };
extern const char *const section_names[SECTION_COUNT];

enum { COMMAND_HIDDEN = 1, COMMAND_RAW = 2 };

struct command {
	enum section section;
	const char *name;    /* one word or two: "mesh add" */
	const char *args;    /* "NAME.DOMAIN --local-ip A" */
	int least, most;     /* positional arguments */
	enum words words;    /* of those */
	uint64_t options;    /* besides those that every command takes */
	int (*fn)(struct cli *cli);
	const char *help;    /* one line */
	const char *more;    /* what `--help` adds, or NULL */
	unsigned int flags;
};
extern const struct command command_rows[];
extern const size_t command_count;

/* options.c */
int cli_parse(struct cli *cli, int argc, char **argv);
/* The row that the first one or two of `words` name, or NULL; *ret_used says how many. */
const struct command *find_command(char *const *words, int n, int *ret_used);
/* The number that an option gives, 1..most; what it is without. Complains. */
int option_number(const struct cli *cli, enum option_id id, uint64_t without, uint64_t most, uint64_t *ret);
int find_option(const char *name, size_t len); /* -1: none is called so */

/* help.c */
int cli_help(const struct cli *cli); /* to stdout */

/* suggest.c: which of n names is nearest to a mistyped word; -1: none is near. */
int nearest(const char *word, size_t n, const char *(*name_of)(const void *arg, size_t i), const void *arg);
/* Up to four names that have the word in them, as "--local-ip or --wg-ip"; false: none, or more. */
bool names_with(const char *word, const char *prefix, size_t n, const char *(*name_of)(const void *arg, size_t i), const void *arg,
	   char *ret, size_t size);

/* say.c */
/* "wm: ..." on stderr; returns `code`, so that `return complain(...)` reads. */
int complain(enum wm_exit code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int complain_error(int rc, const struct wm_error *err); /* rc: -errno of http/ and core/ */
int exit_code_of(int rc);
bool on_terminal(void); /* somebody can be asked */
bool ask_yes(const char *question);
int confirm_change(const struct cli *cli, const char *question); /* --yes, or a yes: 0. Else complains */
/* A line without its '\n'; secret: without echo. 0, or -ECANCELED. */
int ask_line(const char *prompt, bool secret, char *ret, size_t size);

/* The commands, by file. */
int cmd_mesh_list(struct cli *cli);
int cmd_mesh_add(struct cli *cli);
int cmd_mesh_remove(struct cli *cli);
int cmd_list(struct cli *cli);
int cmd_list_sites(struct cli *cli);
int cmd_list_hosts(struct cli *cli);
int cmd_list_devices(struct cli *cli);
int cmd_health(struct cli *cli);
int cmd_check(struct cli *cli);
int cmd_info(struct cli *cli);
int cmd_deepcheck(struct cli *cli);
int cmd_show_config(struct cli *cli);
int cmd_add_site(struct cli *cli);
int cmd_remove_site(struct cli *cli);
int cmd_enrol(struct cli *cli);
int cmd_add_host(struct cli *cli);
int cmd_add_device(struct cli *cli);
int cmd_device_setup(struct cli *cli);
int cmd_set(struct cli *cli);
int cmd_remove(struct cli *cli);
int cmd_token_list(struct cli *cli);
int cmd_token_create(struct cli *cli);
int cmd_token_revoke(struct cli *cli);
int cmd_audit(struct cli *cli);
int cmd_undo(struct cli *cli);
int cmd_wait(struct cli *cli);
int cmd_export(struct cli *cli);
int cmd_import(struct cli *cli);
int cmd_host_setup(struct cli *cli);
int cmd_openwrt_setup(struct cli *cli);
int cmd_netplan_setup(struct cli *cli);
int cmd_complete(struct cli *cli);
int cmd_completion(struct cli *cli);
int cmd_manual(struct cli *cli);
