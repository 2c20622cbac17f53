/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/releases.h"
#include "core/util.h"

#define TIMEOUT_S 60
#define END_S 5 /* between its last word and its end */
#define SAID_MAX 1024

enum { NOT_READY = 126, NOT_STARTED = 127 }; /* exit codes, as a shell has them */

/* A program that was asked something: what it said, cut, and how it ended. */
struct answer {
	char said[SAID_MAX];
	int status;
	bool in_time;
};

static void child(char *const *argv, int out)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	wm_update_environment();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(NOT_READY);
	execv(argv[0], argv);
	_exit(NOT_STARTED);
}

/* All that it says, cut; false: it takes too long. */
static bool listen_to(int fd, char *ret, size_t size)
{
	uint64_t end = wm_monotonic_ms() + 1000ull * TIMEOUT_S;
	size_t len = 0;

	*ret = '\0';
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = wm_monotonic_ms();
		char more[256];
		ssize_t n;

		if (now >= end)
			return false;
		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		n = read(fd, more, sizeof(more));
		if (n <= 0)
			return true;
		n = (ssize_t)WM_MIN((size_t)n, size - 1 - len);
		memcpy(ret + len, more, (size_t)n);
		len += (size_t)n;
		ret[len] = '\0';
	}
}

/* What has closed its output and stays is no better than what goes on talking. */
static bool wait_for_end(pid_t pid, bool in_time, int *ret_status)
{
	uint64_t end = wm_monotonic_ms() + 1000 * END_S;

	while (in_time && wm_monotonic_ms() < end) {
		if (waitpid(pid, ret_status, WNOHANG) == pid)
			return true;
		usleep(10000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, ret_status, 0);
	return false;
}

static int judge(const struct wm_version *version, struct answer *a, struct wm_error *err)
{
	char text[WM_VERSION_TEXT], expected[WM_VERSION_TEXT + 16];
	char *first = strtok(a->said, "\n"), *last = first;
	int status = a->status;

	if (!a->in_time)
		return wm_fail(err, ETIMEDOUT, "its self-test does not end");
	for (char *line = first; line; line = strtok(NULL, "\n"))
		last = line;
	/* By who is short of memory; or it was never begun. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return wm_fail(err, ECANCELED, "its self-test was killed");
	if (WIFEXITED(status) && (WEXITSTATUS(status) == NOT_READY || WEXITSTATUS(status) == NOT_STARTED))
		return wm_fail(err, ECANCELED, "its self-test cannot be started (exit code %d)", WEXITSTATUS(status));
	if (WIFSIGNALED(status))
		return wm_fail(err, EIO, "its self-test was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		return wm_fail(err, EIO, "its self-test fails with exit code %d: %.200s", WEXITSTATUS(status), last ? last : "");
	wm_format(expected, sizeof(expected), "wm-gateway %s", wm_version_format(version, text));
	if (!first || strcmp(first, expected))
		return wm_fail(err, EBADMSG, "it says that it is '%.60s' and not '%s'", first ? first : "", expected);
	return 0;
}

static int ask(char *const *argv, struct answer *ret, struct wm_error *err)
{
	WM_AUTO_CLOSE int in = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return wm_fail(err, errno, "pipe: %s", strerror(errno));
	in = fds[0];
	pid = fork();
	if (!pid)
		child(argv, fds[1]);
	close(fds[1]);
	if (pid < 0)
		return wm_fail(err, errno, "fork: %s", strerror(errno));
	ret->status = 0;
	ret->in_time = listen_to(in, ret->said, sizeof(ret->said));
	ret->in_time = wait_for_end(pid, ret->in_time, &ret->status);
	return 0;
}

int wm_selftest_run(const struct wm_instance *inst, const struct wm_version *version, const struct wm_gateway_args *args,
		    struct wm_error *err)
{
	WM_AUTO_FREE char **argv = calloc(args->n + 3, sizeof(*argv));
	char program[PATH_MAX];
	struct answer answer;
	int rc;

	if (!argv || wm_releases_program(inst, version, WM_RELEASE_GATEWAY, program))
		return wm_fail(err, ENOMEM, "out of memory");
	argv[0] = program;
	memcpy(argv + 1, args->list, args->n * sizeof(*argv));
	argv[args->n + 1] = (char *)"self-test";
	rc = ask(argv, &answer, err);
	return rc ? rc : judge(version, &answer, err);
}

int wm_selftest_version(const char *program, struct wm_version *ret)
{
	static const char name[] = "wm-gateway ";
	char *const argv[] = { (char *)program, (char *)"--version", NULL };
	struct answer answer;
	struct wm_error err;
	int rc = ask(argv, &answer, &err);

	if (rc)
		return rc;
	answer.said[strcspn(answer.said, "\n")] = '\0';
	if (!answer.in_time || !WIFEXITED(answer.status) || WEXITSTATUS(answer.status) || strncmp(answer.said, name, strlen(name)))
		return -EIO;
	return wm_version_parse(answer.said + strlen(name), ret);
}
