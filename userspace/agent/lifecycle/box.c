/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/box.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/util.h"

#define ASK_S 30
#define CHANGE_S 300
#define LOOKS 150 /* for a container that comes up, */
#define LOOK_MS 200
#define CONFIG_MAX 65536
#define WORDS_MAX 330 /* as much as a sentence has room for */

/* The words behind sh -c. Data are only ever its arguments. */
#define WRITE_FILE "umask 077 && mkdir -p \"${1%/*}\" && cat >\"$1.wm-new\" && chmod \"$2\" \"$1.wm-new\" && mv -f \"$1.wm-new\" \"$1\""
#define SAME_FILE "[ -f \"$1\" ] && [ ! -L \"$1\" ] && [ \"$(stat -c %a \"$1\")\" = \"$2\" ] && cmp -s - \"$1\""

enum verb { STATE, CONFIG, START, STOP, DESTROY, INSIDE, VERBS };

const char *const wm_box_kinds[WM_BOX_KINDS] = { [WM_BOX_LXC] = "lxc", [WM_BOX_PCT] = "pct" };

/* %s: its name. LXC's programs take -P behind their name. */
static const char *const commands[WM_BOX_KINDS][VERBS][7] = {
	[WM_BOX_LXC] = {
		[STATE] = { "lxc-info", "-n", "%s", "-s", "-H" },
		[START] = { "lxc-start", "-n", "%s", "-d" },
		[STOP] = { "lxc-stop", "-n", "%s", "-t", "30" },
		[DESTROY] = { "lxc-destroy", "-n", "%s" },
		[INSIDE] = { "lxc-attach", "-n", "%s", "--clear-env", "--" },
	},
	[WM_BOX_PCT] = {
		[STATE] = { "pct", "status", "%s" },
		[CONFIG] = { "pct", "config", "%s" },
		[START] = { "pct", "start", "%s" },
		[STOP] = { "pct", "shutdown", "%s", "--forceStop", "1", "--timeout", "30" },
		[DESTROY] = { "pct", "destroy", "%s", "--purge", "1" },
		[INSIDE] = { "pct", "exec", "%s", "--" },
	},
};

/* What is run, and what its words are borrowed from. */
struct command {
	struct wm_argv argv;
	char path[WM_PATH_SIZE];
};

/* With nothing of our environment but PATH: pct hands all of it on into the container, where it is read by whoever is root
 * there. And what they say is compared below: in no other language. */
static void command(const struct wm_box *box, enum verb verb, struct command *ret)
{
	const char *const *words = commands[box->kind][verb];

	ret->argv = (struct wm_argv){ 0 };
	if (wm_format(ret->path, sizeof(ret->path), "PATH=%s", getenv("PATH") ? getenv("PATH") : ""))
		strcpy(ret->path, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	wm_argv_add_all(&ret->argv, (const char *const[]){ "env", "-i", ret->path, "LC_ALL=C", NULL });
	for (size_t i = 0; i < WM_ARRAY_LEN(commands[0][0]) && words[i]; i++) {
		wm_argv_add(&ret->argv, strcmp(words[i], "%s") ? words[i] : box->name);
		if (!i && box->kind == WM_BOX_LXC && *box->path)
			wm_argv_add_all(&ret->argv, (const char *const[]){ "-P", box->path, NULL });
	}
}

int wm_box_lxc_dir(const struct wm_box *box, char *ret, struct wm_error *err)
{
	static const char *const argv[] = { "lxc-config", "lxc.lxcpath", NULL };
	char text[WM_RUN_OUTPUT] = "";
	int rc = *box->path ? 0 : wm_run(argv, ASK_S, text, err);

	if (rc < 0)
		return rc;
	text[strcspn(text, "\r\n")] = '\0';
	if (rc || (!*box->path && !*text) || wm_format(ret, WM_PATH_SIZE, "%s/%s", *box->path ? box->path : text, box->name))
		return wm_fail(err, EIO, "lxc-config does not say where containers are; set LXC_PATH");
	return 0;
}

int wm_box_lxc_config(const struct wm_box *box, char *ret, struct wm_error *err)
{
	char dir[WM_PATH_SIZE];
	int rc = wm_box_lxc_dir(box, dir, err);

	if (!rc && wm_format(ret, WM_PATH_SIZE, "%s/config", dir))
		rc = wm_fail(err, ENAMETOOLONG, "%s: the path is too long", dir);
	return rc;
}

/* Whether that is all they say, and it is that there is no such container: whatever else keeps them from answering (Proxmox's
 * file system of settings is not there, a right is missing) they end just so. */
static bool says_absent(const struct wm_box *box, const char *text)
{
	static const struct {
		const char *first, *last;
	} says[WM_BOX_KINDS] = { [WM_BOX_LXC] = { "", " doesn't exist" }, [WM_BOX_PCT] = { "Configuration file '", "' does not exist" } };
	const char *first = says[box->kind].first, *last = says[box->kind].last;
	size_t len = strcspn(text, "\r\n");

	return !text[len + strspn(text + len, " \r\n")] && len > strlen(last) && !strncmp(text, first, strlen(first)) &&
	       !strncmp(text + len - strlen(last), last, strlen(last));
}

/* 1: its state is in text (WM_RUN_OUTPUT); 0: there is none of that name; -errno: nobody knows. */
static int ask(const struct wm_box *box, char *text, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	struct command c;
	int rc;

	command(box, STATE, &c);
	rc = wm_run(c.argv.word, ASK_S, text, err);
	if (rc <= 0)
		return rc ? rc : 1;
	if (!says_absent(box, text))
		return wm_fail(err, EIO, "container %s: %s does not say whether there is one (exit code %d): %s", box->name,
			       commands[box->kind][STATE][0], rc, wm_box_last_words(text));
	if (box->kind == WM_BOX_PCT)
		return 0;
	rc = wm_box_lxc_config(box, path, err);
	if (rc)
		return rc;
	return access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR) ?
		       0 : wm_fail(err, EIO, "container %s: lxc-info says that there is none, but there is its %s", box->name, path);
}

int wm_box_exists(const struct wm_box *box, struct wm_error *err)
{
	char text[WM_RUN_OUTPUT];

	return ask(box, text, err);
}

int wm_box_running(const struct wm_box *box, struct wm_error *err)
{
	char text[WM_RUN_OUTPUT];
	int rc = ask(box, text, err);

	return rc <= 0 ? rc : strstr(text, "RUNNING") || strstr(text, "status: running");
}

/* --- whose it is ---------------------------------------------------------------------------- */

static int read_config(const struct wm_box *box, char **ret, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc = wm_box_lxc_config(box, path, err);

	if (rc)
		return rc;
	rc = wm_read_file(path, CONFIG_MAX, ret, NULL);
	return rc ? wm_fail(err, -rc, "%s: cannot read it: %s", path, strerror(-rc)) : 0;
}

int wm_box_pct_config(const struct wm_box *box, char *ret, struct wm_error *err)
{
	struct command c;
	int rc;

	command(box, CONFIG, &c);
	rc = wm_run(c.argv.word, ASK_S, ret, err);
	return rc <= 0 ? rc : wm_fail(err, EIO, "pct config %s: it failed: %.200s", box->name, wm_box_last_words(ret));
}

static int ask_config(const struct wm_box *box, char **ret, struct wm_error *err)
{
	char text[WM_RUN_OUTPUT];
	int rc = wm_box_pct_config(box, text, err);

	if (rc)
		return rc;
	*ret = strdup(text);
	return *ret ? 0 : wm_fail(err, ENOMEM, "out of memory");
}

int wm_box_marked(const struct wm_box *box, const char *mark, struct wm_error *err)
{
	static const struct {
		const char *line;
		int (*read)(const struct wm_box *, char **, struct wm_error *);
	} kinds[WM_BOX_KINDS] = { [WM_BOX_LXC] = { "#", read_config }, [WM_BOX_PCT] = { "description:", ask_config } };
	WM_AUTO_FREE char *text = NULL;
	char words[WM_PATH_SIZE + 16], *save = NULL;
	int rc = kinds[box->kind].read(box, &text, err);

	if (!rc && wm_format(words, sizeof(words), " wm-gateway %s", mark))
		rc = wm_fail(err, ENAMETOOLONG, "%s: the path is too long", mark);
	for (char *line = rc ? NULL : strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *at = strncmp(line, kinds[box->kind].line, strlen(kinds[box->kind].line)) ? NULL : strstr(line, words);

		/* Proxmox writes line breaks as %0A. */
		if (at && (!at[strlen(words)] || strchr(" %\r", at[strlen(words)])))
			return 1;
	}
	return rc;
}

/* --- changes ------------------------------------------------------------------------------ */

static int change(struct wm_life *l, const struct wm_box *box, enum verb verb, const char *done, const char *would, struct wm_error *err)
{
	char said[WM_NAME_SIZE + 16];
	struct command c;

	command(box, verb, &c);
	wm_format(said, sizeof(said), "container %s", box->name);
	return wm_step_run(l, done, would, said, c.argv.word, err);
}

static int await(const struct wm_box *box, struct wm_error *err)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	char text[WM_RUN_OUTPUT];

	for (int i = 0; i < LOOKS; i++) {
		int rc = wm_box_run(box, NULL, 0, ASK_S, text, err, "true", NULL);

		if (rc <= 0)
			return rc;
		nanosleep(&pause, NULL);
	}
	return wm_fail(err, ETIMEDOUT, "container %s: it was started, and no program can be run in it: %s", box->name, wm_box_last_words(text));
}

int wm_step_box_start(struct wm_life *l, const struct wm_box *box, struct wm_error *err)
{
	int rc = wm_box_running(box, err);

	if (rc)
		return rc < 0 ? rc : 0;
	rc = change(l, box, START, "started", "start", err);
	if (rc && box->kind == WM_BOX_LXC)
		return wm_fail_in(err, rc, "container %s does not start ('lxc-start -n %s -F -l INFO -o /dev/stderr' shows why)", box->name, box->name);
	return rc || l->dry_run ? rc : await(box, err);
}

int wm_step_box_stop(struct wm_life *l, const struct wm_box *box, struct wm_error *err)
{
	int rc = wm_box_running(box, err);

	return rc > 0 ? change(l, box, STOP, "stopped", "stop", err) : rc;
}

int wm_step_box_destroy(struct wm_life *l, const struct wm_box *box, struct wm_error *err)
{
	int rc = wm_box_exists(box, err);

	return rc > 0 ? change(l, box, DESTROY, "destroyed", "destroy", err) : rc;
}

/* --- inside --------------------------------------------------------------------------------- */

static int inside(const struct wm_box *box, const char *const argv[], struct command *ret, struct wm_error *err)
{
	command(box, INSIDE, ret);
	wm_argv_add_all(&ret->argv, argv);
	return wm_argv_whole(&ret->argv, err);
}

int wm_box_run_argv(const struct wm_box *box, const void *data, size_t len, unsigned int seconds, char *ret_text, struct wm_error *err,
		    const char *const argv[])
{
	struct command c;
	int rc = inside(box, argv, &c, err);

	if (rc)
		return rc;
	return data ? wm_run_fed(c.argv.word, data, len, seconds, ret_text, err) : wm_run(c.argv.word, seconds, ret_text, err);
}

int wm_box_run(const struct wm_box *box, const void *data, size_t len, unsigned int seconds, char *ret_text, struct wm_error *err,
	       const char *program, ...)
{
	struct wm_argv argv = { 0 };
	va_list ap;

	va_start(ap, program);
	for (const char *word = program; word; word = va_arg(ap, const char *))
		wm_argv_add(&argv, word);
	va_end(ap);
	return argv.cut ? wm_argv_whole(&argv, err) : wm_box_run_argv(box, data, len, seconds, ret_text, err, argv.word);
}

int wm_box_run_instead(const struct wm_box *box, struct wm_error *err, const char *const argv[])
{
	struct command c;
	int rc = inside(box, argv, &c, err);

	return rc ? rc : wm_run_instead(c.argv.word, err);
}

const char *wm_box_last_words(char *text)
{
	size_t len = strlen(text);

	while (len && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	wm_box_tame(text);
	for (char *c = text; *c; c++)
		*c = *c == '\n' ? ' ' : *c;
	return len > WORDS_MAX ? text + len - WORDS_MAX : text;
}

/* The bytes of the character of UTF-8 that is there; 0: none that is to be shown. U+0080 to U+009F control a terminal as
 * escapes do. */
static size_t character(const unsigned char *c, size_t len)
{
	size_t n = *c < 0x80 ? 1 : *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : *c < 0xf5 ? 4 : 0;

	if (n > len || (n == 1 && (*c == 0x7f || (*c < ' ' && *c != '\n' && *c != '\t'))) || (*c == 0xc2 && c[1] < 0xa0))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void wm_box_tame_bytes(char *text, size_t len)
{
	for (size_t i = 0, n; i < len; i += n ? n : 1) {
		n = character((const unsigned char *)text + i, len - i);
		if (!n)
			text[i] = '?';
	}
}

void wm_box_tame(char *text)
{
	wm_box_tame_bytes(text, strlen(text));
}

int wm_box_write(const struct wm_box *box, const char *path, const char *mode, const void *data, size_t len, struct wm_error *err)
{
	char text[WM_RUN_OUTPUT];
	int rc = wm_box_run(box, data, len, CHANGE_S, text, err, "/bin/sh", "-c", WRITE_FILE, "sh", path, mode, NULL);

	return rc <= 0 ? rc : wm_fail(err, EIO, "container %s: %s cannot be written there: %s", box->name, path, wm_box_last_words(text));
}

int wm_step_box_file(struct wm_life *l, const struct wm_box *box, const char *path, const char *mode, const void *data, size_t len,
		     struct wm_error *err)
{
	int rc = wm_box_run(box, data, len, ASK_S, NULL, err, "/bin/sh", "-c", SAME_FILE, "sh", path, mode, NULL);

	if (rc <= 0)
		return rc;
	if (!wm_life_change(l, "wrote", "write", "%s in container %s", path, box->name))
		return 0;
	return wm_box_write(box, path, mode, data, len, err);
}
