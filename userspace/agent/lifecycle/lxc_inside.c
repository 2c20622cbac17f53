/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is asked of the gateway in the container: whatever wm-gateway says there,
 * and its backup.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/lifecycle/lxc.h"
#include "agent/lifecycle/lxc_own.h"
#include "core/util.h"

#define INSIDE_S 300
#define BACKUP_HEAD "wm-gateway backup 1\n" /* as backup.c writes it */
#define BACKUP_MAX (256 * 1024)

/* 0 and the facts of a container that runs; else an exit code. */
static int open_running(const struct wm_life_options *opt, struct wm_lxc_own *own, struct wm_life *life)
{
	struct wm_error err = { 0 };
	int rc = wm_life_begin(life, opt, &err);

	life->own = own;
	if (!rc)
		rc = wm_lxc_know(life, &err);
	if (!rc)
		rc = wm_lxc_need_box(life, &err);
	if (!rc)
		rc = wm_box_running(&own->facts.box, &err);
	if (!rc)
		rc = wm_fail(&err, ENOTCONN, "container %s does not run; 'wm-gateway start' starts it", own->facts.box.name);
	if (rc > 0)
		return 0;
	fprintf(stderr, "wm-gateway: %s\n", err.text);
	return 1;
}

int wm_lxc_inside(const struct wm_life_options *opt, const char *const argv[])
{
	const char *words[WM_BOX_ARGS] = { WM_LXC_PROGRAM };
	struct wm_lxc_own own = { 0 };
	struct wm_error err = { 0 };
	struct wm_life life;

	if (open_running(opt, &own, &life))
		return 1;
	/* What its host does not let through it cannot see. */
	if (!strcmp(argv[0], "check"))
		wm_lxc_host_look(&own.facts, stderr);
	for (size_t i = 0; argv[i] && i + 2 < WM_ARRAY_LEN(words); i++)
		words[i + 1] = argv[i];
	wm_box_run_instead(&own.facts.box, &err, words);
	fprintf(stderr, "wm-gateway: %s\n", err.text);
	return 1;
}

int wm_lxc_ask(const struct wm_life_options *opt, const char *verb, bool json, bool check, const char *generation)
{
	const char *argv[5] = { verb };
	unsigned int n = 1;

	if (json)
		argv[n++] = "--json";
	if (check)
		argv[n++] = "--check";
	if (generation)
		argv[n++] = generation;
	return wm_lxc_inside(opt, argv);
}

/* --- backup, restore --------------------------------------------------------------------------------------------- */

/* Its exit code; what it says on standard output goes to fd. */
static int run_into(const struct wm_box *box, int fd, const char *const argv[])
{
	struct wm_error err;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (dup2(fd, STDOUT_FILENO) >= 0)
			wm_box_run_instead(box, &err, argv);
		_exit(126);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ? 126 : WEXITSTATUS(status);
}

/* Whole or not at all, and never in the place of something else. */
static int backup_into(const struct wm_box *box, const char *path, struct wm_error *err)
{
	static const char *const argv[] = { WM_LXC_PROGRAM, "backup", "-", NULL };
	WM_AUTO_FREE char *text = NULL, *old = NULL;
	WM_AUTO_CLOSE int fd = memfd_create("backup", MFD_CLOEXEC);
	char self[32];
	size_t len = 0;
	int rc;

	if (!wm_read_file(path, BACKUP_MAX, &old, NULL) ? strncmp(old, BACKUP_HEAD, strlen(BACKUP_HEAD)) : !access(path, F_OK))
		return wm_fail(err, EEXIST, "%s: is there already and is no backup of a gateway; choose another name", path);
	wm_format(self, sizeof(self), "/proc/self/fd/%d", fd);
	rc = fd < 0 || run_into(box, fd, argv) ? -EIO : wm_read_file(self, BACKUP_MAX, &text, &len);
	if (rc || strncmp(text, BACKUP_HEAD, strlen(BACKUP_HEAD)))
		return wm_fail(err, EIO, "container %s: its gateway could not be backed up", box->name);
	rc = wm_replace_file(path, 0600, text, len);
	wm_wipe(text, len);
	return rc ? wm_fail(err, -rc, "%s: cannot write it: %s", path, strerror(-rc)) : 0;
}

int wm_lxc_backup(const struct wm_life_options *opt)
{
	static const char *const plain[] = { "backup", "-", NULL };
	struct wm_lxc_own own = { 0 };
	struct wm_error err = { 0 };
	struct wm_life life;
	int rc = 0;

	if (!opt->nargs || !strcmp(opt->args[0], "-")) {
		if (!isatty(STDOUT_FILENO))
			return wm_lxc_inside(opt, plain);
		fprintf(stderr, "wm-gateway: a backup holds the private key and is not shown on a terminal; say into which FILE\n");
		return 1;
	}
	if (open_running(opt, &own, &life))
		return 1;
	if (wm_life_change(&life, "wrote", "write", "%s", opt->args[0]))
		rc = backup_into(&own.facts.box, opt->args[0], &err);
	return wm_life_end(&life, rc, &err);
}

static void say(char *text)
{
	wm_box_tame(text);
	fputs(text, stdout);
}

int wm_lxc_restore(const struct wm_life_options *opt)
{
	const char *path = opt->nargs && strcmp(opt->args[0], "-") ? opt->args[0] : "/dev/stdin";
	struct wm_lxc_own own = { 0 };
	struct wm_error err = { 0 };
	struct wm_life life;
	char *text = NULL, out[WM_RUN_OUTPUT];
	size_t len;
	int rc;

	if (open_running(opt, &own, &life))
		return 1;
	rc = wm_read_file(path, BACKUP_MAX, &text, &len);
	if (rc)
		rc = wm_fail(&err, -rc, "%s: cannot read it: %s", path, strerror(-rc));
	else if (!wm_life_sure(&life, "Restore that into the container? Another gateway's key there would be lost.", &err))
		rc = -ECANCELED;
	else
		rc = wm_box_run(&own.facts.box, text, len, INSIDE_S, out, &err, WM_LXC_PROGRAM, "restore", "-", "--yes", opt->dry_run ? "--dry-run" : NULL, NULL);
	if (rc > 0)
		rc = wm_fail(&err, EIO, "container %s: %s", own.facts.box.name, wm_box_last_words(out));
	else if (!rc)
		say(out);
	if (text)
		wm_wipe(text, len);
	free(text);
	life.changes++; /* it has said what it did */
	return wm_life_end(&life, rc, &err);
}
