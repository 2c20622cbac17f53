/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-agent: runs `wm-gateway run` and starts it again when it ends. It is kept
 * so small that it never needs an update: whatever a release of wm-gateway gets
 * wrong, the next one can still be started. Arguments are passed on.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 60000
#define STEADY_MS 60000 /* a run this long resets the backoff */

struct agent {
	char gateway[PATH_MAX];
	char **args;      /* of wm-gateway, "run" included, NULL at the end */
	int signals;
	pid_t child;      /* 0: none */
	uint64_t started; /* monotonic ms */
	uint64_t backoff_ms;
	bool stop;
};

/* WM_GATEWAY, else beside this program. */
static int find_gateway(struct agent *a)
{
	const char *set = getenv("WM_GATEWAY");
	ssize_t n;
	char *slash;

	if (set && *set)
		return wm_copy(a->gateway, sizeof(a->gateway), set);
	n = readlink("/proc/self/exe", a->gateway, sizeof(a->gateway) - sizeof("wm-gateway"));
	if (n <= 0)
		return -errno;
	a->gateway[n] = '\0';
	slash = strrchr(a->gateway, '/');
	strcpy(slash ? slash + 1 : a->gateway, "wm-gateway");
	return 0;
}

static void start(struct agent *a, const sigset_t *set)
{
	pid_t parent = getpid();

	a->started = wm_monotonic_ms();
	a->child = fork();
	if (!a->child) {
		sigprocmask(SIG_UNBLOCK, set, NULL);
		/* Killed with us, so that a new wm-agent finds the lock free; traffic needs neither. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(0);
		execv(a->gateway, a->args);
		_exit(127);
	}
	if (a->child < 0) {
		wm_error("fork: %s", strerror(errno));
		a->child = 0;
	}
}

static void reap(struct agent *a)
{
	int status;

	if (!a->child || waitpid(a->child, &status, WNOHANG) != a->child)
		return;
	a->child = 0;
	if (a->stop)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		wm_error("%s cannot be run: reinstall wm-gateway", a->gateway);
	else if (WIFEXITED(status))
		wm_warning("wm-gateway ended with exit code %d", WEXITSTATUS(status));
	else
		wm_warning("wm-gateway was ended by signal %d", WTERMSIG(status));
	if (wm_monotonic_ms() - a->started > STEADY_MS || !a->backoff_ms)
		a->backoff_ms = BACKOFF_FIRST_MS;
	else
		a->backoff_ms = WM_MIN(2 * a->backoff_ms, (uint64_t)BACKOFF_MAX_MS);
	wm_info("starting it again in %llu ms", (unsigned long long)a->backoff_ms);
}

/* Sleeps until a signal comes or it is time to start the child. */
static void wait_signal(struct agent *a, const sigset_t *set)
{
	struct timespec ts = { .tv_sec = 3600 };
	siginfo_t info;
	int sig;

	if (!a->child && !a->stop) {
		ts.tv_sec = (time_t)(a->backoff_ms / 1000);
		ts.tv_nsec = (long)(a->backoff_ms % 1000) * 1000000;
	}
	sig = sigtimedwait(set, &info, &ts);
	if (sig == SIGHUP && a->child)
		kill(a->child, SIGHUP);
	if ((sig == SIGTERM || sig == SIGINT) && !a->stop) {
		a->stop = true;
		if (a->child)
			kill(a->child, SIGTERM);
	}
	if (sig != SIGCHLD && sig > 0)
		return;
	if (sig < 0 && !a->child && !a->stop)
		start(a, set);
	reap(a);
}

int main(int argc, char **argv)
{
	struct agent a = { 0 };
	sigset_t set;

	wm_log_open("wm-agent", WM_LOG_INFO);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		puts("usage: wm-agent [options of wm-gateway]\n\n"
		     "Runs `wm-gateway run` with these options and starts it again when it ends.\n"
		     "WM_GATEWAY names the program; default: wm-gateway beside this one.");
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("wm-agent " WM_VERSION);
		return 0;
	}
	a.args = calloc((size_t)argc + 2, sizeof(*a.args));
	if (!a.args || find_gateway(&a)) {
		wm_error("cannot find wm-gateway");
		return 1;
	}
	a.args[0] = a.gateway;
	memcpy(a.args + 1, argv + 1, (size_t)(argc - 1) * sizeof(*argv));
	a.args[argc] = (char *)"run";
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	start(&a, &set);
	while (!a.stop || a.child)
		wait_signal(&a, &set);
	free(a.args);
	return 0;
}
