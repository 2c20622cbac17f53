/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/box.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "core/util.h"

#define ASK_S 30
#define CHANGE_S 300
#define LOOKS 150 /* for a container that comes up, */
#define LOOK_MS 200
#define WORDS_MAX 330 /* as much as a sentence has room for */

/* The words behind sh -c. Data are only ever its arguments. */
#define WRITE_FILE "umask 077 && mkdir -p \"${1%/*}\" && cat >\"$1.wm-new\" && chmod \"$2\" \"$1.wm-new\" && mv -f \"$1.wm-new\" \"$1\""
#define SAME_FILE "[ -f \"$1\" ] && [ ! -L \"$1\" ] && [ \"$(stat -c %a \"$1\")\" = \"$2\" ] && cmp -s - \"$1\""

enum verb { EXISTS, STATE, START, STOP, DESTROY, INSIDE };

const char *const wm_box_kinds[WM_BOX_KINDS] = { [WM_BOX_LXC] = "lxc", [WM_BOX_PCT] = "pct" };

/* %s: its name. LXC's programs take -P behind their name. */
static const char *const commands[WM_BOX_KINDS][6][7] = {
	[WM_BOX_LXC] = {
		[EXISTS] = { "lxc-info", "-n", "%s", "-s" },
		[STATE] = { "lxc-info", "-n", "%s", "-s", "-H" },
		[START] = { "lxc-start", "-n", "%s", "-d" },
		[STOP] = { "lxc-stop", "-n", "%s", "-t", "30" },
		[DESTROY] = { "lxc-destroy", "-n", "%s" },
		[INSIDE] = { "lxc-attach", "-n", "%s", "--clear-env", "--" },
	},
	[WM_BOX_PCT] = {
		[EXISTS] = { "pct", "status", "%s" },
		[STATE] = { "pct", "status", "%s" },
		[START] = { "pct", "start", "%s" },
		[STOP] = { "pct", "shutdown", "%s", "--forceStop", "1", "--timeout", "30" },
		[DESTROY] = { "pct", "destroy", "%s", "--purge", "1" },
		[INSIDE] = { "pct", "exec", "%s", "--" },
	},
};

struct words {
	const char *word[WM_BOX_ARGS + 12];
	size_t n;
};

static void command(const struct wm_box *box, enum verb verb, struct words *ret)
{
	const char *const *words = commands[box->kind][verb];

	ret->n = 0;
	for (size_t i = 0; i < WM_ARRAY_LEN(commands[0][0]) && words[i]; i++) {
		ret->word[ret->n++] = strcmp(words[i], "%s") ? words[i] : box->name;
		if (!i && box->kind == WM_BOX_LXC && *box->path) {
			ret->word[ret->n++] = "-P";
			ret->word[ret->n++] = box->path;
		}
	}
	ret->word[ret->n] = NULL;
}

static int ask(const struct wm_box *box, enum verb verb, char *text, struct wm_error *err)
{
	struct words w;

	command(box, verb, &w);
	return wm_run(w.word, ASK_S, text, err);
}

int wm_box_exists(const struct wm_box *box, struct wm_error *err)
{
	int rc = ask(box, EXISTS, NULL, err);

	return rc < 0 ? rc : !rc;
}

int wm_box_running(const struct wm_box *box, struct wm_error *err)
{
	char text[WM_RUN_OUTPUT];
	int rc = ask(box, STATE, text, err);

	return rc < 0 ? rc : !rc && (strstr(text, "RUNNING") || strstr(text, "status: running"));
}

/* --- changes ------------------------------------------------------------------------------ */

static int change(struct wm_life *l, const struct wm_box *box, enum verb verb, const char *done, const char *would, struct wm_error *err)
{
	char said[WM_NAME_SIZE + 16];
	struct words w;

	command(box, verb, &w);
	wm_format(said, sizeof(said), "container %s", box->name);
	return wm_step_run(l, done, would, said, w.word, err);
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

static int inside(const struct wm_box *box, const char *const argv[], struct words *ret, struct wm_error *err)
{
	command(box, INSIDE, ret);
	for (size_t i = 0; argv[i]; i++) {
		if (ret->n + 1 >= WM_ARRAY_LEN(ret->word))
			return wm_fail(err, E2BIG, "%s: too many arguments for a program in the container", argv[0]);
		ret->word[ret->n++] = argv[i];
	}
	ret->word[ret->n] = NULL;
	return 0;
}

int wm_box_run_argv(const struct wm_box *box, const void *data, size_t len, unsigned int seconds, char *ret_text, struct wm_error *err,
		    const char *const argv[])
{
	struct words w;
	int rc = inside(box, argv, &w, err);

	if (rc)
		return rc;
	return data ? wm_run_fed(w.word, data, len, seconds, ret_text, err) : wm_run(w.word, seconds, ret_text, err);
}

int wm_box_run(const struct wm_box *box, const void *data, size_t len, unsigned int seconds, char *ret_text, struct wm_error *err,
	       const char *program, ...)
{
	const char *argv[WM_BOX_ARGS + 1] = { program };
	size_t n = 0;
	va_list ap;

	va_start(ap, program);
	while (argv[n] && n < WM_BOX_ARGS)
		argv[++n] = va_arg(ap, const char *);
	va_end(ap);
	argv[n] = NULL;
	return wm_box_run_argv(box, data, len, seconds, ret_text, err, argv);
}

int wm_box_run_instead(const struct wm_box *box, struct wm_error *err, const char *const argv[])
{
	struct words w;
	int rc = inside(box, argv, &w, err);

	return rc ? rc : wm_run_instead(w.word, err);
}

const char *wm_box_last_words(char *text)
{
	size_t len = strlen(text);

	while (len && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	for (char *c = text; *c; c++)
		*c = *c == '\n' ? ' ' : *c;
	return len > WORDS_MAX ? text + len - WORDS_MAX : text;
}

void wm_box_tame(char *text)
{
	for (; *text; text++)
		if (*text != '\n' && ((unsigned char)*text < ' ' || *text == 0x7f))
			*text = '?';
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
