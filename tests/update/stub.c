/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A wm-gateway that does what a line behind its own end says, so that a test
 * can make releases of it:
 *
 *   STUB <version> <self-test> <run>
 *
 * self-test: ok, fails, hangs, lies (another version), killed. run: syncs,
 * asked (syncs, unless there is <run_dir>/unsynced), away (makes that), killed, unsynced,
 * deaf, dies, stays (unsynced, and whatever it is told), crashes and ends (once
 * it is in force), ails (ends while there is <run_dir>/ails), hangs (while there
 * is <run_dir>/hangs). Each of them ends
 * while there is <run_dir>/broken, and takes <run_dir>/once away and ends. While it runs, <run_dir>/runs says "<version> <pid>".
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/ctl.h"
#include "core/util.h"

static char version[32], self_test[16], run[16];

static int read_line(void)
{
	WM_AUTO_FREE char *self = NULL;
	size_t len;
	char *last;

	if (wm_read_file("/proc/self/exe", 64u << 20, &self, &len))
		return -1;
	last = memrchr(self, '\n', len - 1);
	return last && sscanf(last + 1, "STUB %31s %15s %15s", version, self_test, run) == 3 ? 0 : -1;
}

static int test_self(void)
{
	printf("wm-gateway %s\n", strcmp(self_test, "lies") ? version : "9.9.9");
	fflush(stdout);
	if (!strcmp(self_test, "hangs"))
		pause();
	if (!strcmp(self_test, "killed"))
		raise(SIGKILL);
	if (strcmp(self_test, "fails"))
		return 0;
	fprintf(stderr, "wm-gateway: the kernel does not take it\n");
	return 1;
}

/* Without a core file. */
static void crash(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	abort();
}

static bool is_in_force(const struct wm_instance *inst)
{
	char path[WM_PATH_SIZE], to[32] = "";

	return !wm_format(path, sizeof(path), "%s/current", inst->releases) && readlink(path, to, sizeof(to) - 1) > 0 &&
	       !strcmp(to, version);
}

/* The line, for all that come after. */
static int go_away(const struct wm_instance *inst)
{
	char path[WM_PATH_SIZE];
	int fd = wm_format(path, sizeof(path), "%s/unsynced", inst->run_dir) ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return fd < 0 ? -1 : close(fd);
}

static bool there_is(const struct wm_instance *inst, const char *name)
{
	char path[WM_PATH_SIZE];

	return !wm_format(path, sizeof(path), "%s/%s", inst->run_dir, name) && !access(path, F_OK);
}

static bool is_in_sync(const struct wm_instance *inst)
{
	if (!strcmp(run, "asked"))
		return !there_is(inst, "unsynced");
	return !strcmp(run, "syncs") || !strcmp(run, "crashes") || !strcmp(run, "ends") || !strcmp(run, "ails") ||
	       !strcmp(run, "hangs");
}

static bool take_away(const struct wm_instance *inst, const char *name)
{
	char path[WM_PATH_SIZE];

	return !wm_format(path, sizeof(path), "%s/%s", inst->run_dir, name) && !unlink(path);
}

static bool has_to_end(const struct wm_instance *inst)
{
	return there_is(inst, "broken") || take_away(inst, "once") || (!strcmp(run, "ends") && is_in_force(inst)) ||
	       (!strcmp(run, "ails") && there_is(inst, "ails"));
}

static int serve(const struct wm_instance *inst, int ctl)
{
	struct wm_ctl_request request;

	for (;;) {
		if (has_to_end(inst))
			return 3;
		while (!strcmp(run, "hangs") && there_is(inst, "hangs"))
			usleep(10000);
		if (!strcmp(run, "crashes") && is_in_force(inst))
			crash();
		int fd = wm_ctl_accept(ctl, &request);

		if (fd >= 0)
			wm_ctl_answer(fd, !is_in_sync(inst), "\n");
		else
			usleep(10000);
	}
}

static int do_run(void)
{
	struct wm_instance inst;
	struct wm_error err;
	char path[WM_PATH_SIZE], text[64];
	int lock, ctl, fd;

	if (wm_instance_names(&inst, NULL, &err) || wm_ctl_lock(&inst, &lock, &err)) {
		fprintf(stderr, "stub: %s\n", err.text);
		return 1;
	}
	/* Not by a rename: killed.bats kills whoever does the third of these. */
	if (wm_format(path, sizeof(path), "%s/runs", inst.run_dir) || wm_format(text, sizeof(text), "%s %d\n", version, getpid()))
		return 1;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || wm_write_full(fd, text, strlen(text)) || close(fd))
		return 1;
	if (!strcmp(run, "dies"))
		return 3;
	if (!strcmp(run, "killed"))
		raise(SIGKILL);
	if (!strcmp(run, "away") && go_away(&inst))
		return 1;
	if (!strcmp(run, "stays"))
		signal(SIGTERM, SIG_IGN);
	if (!strcmp(run, "deaf"))
		pause();
	if (wm_ctl_listen(&inst, &ctl, &err))
		return 1;
	return serve(&inst, ctl);
}

int main(int argc, char **argv)
{
	const char *verb = argv[argc - 1];

	if (read_line())
		return 9;
	if (!strcmp(verb, "--version"))
		return printf("wm-gateway %s\n", version) < 0;
	return !strcmp(verb, "self-test") ? test_self() : do_run();
}
