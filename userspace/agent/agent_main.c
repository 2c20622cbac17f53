/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-agent: runs `wm-gateway run`, starts it again when it ends, and replaces
 * it by newer releases (updater.h). It is kept so small that it never needs an
 * update: whatever a release of wm-gateway gets wrong, the next one can still
 * be started. Arguments are passed on.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/updater.h"
#include "core/log.h"
#include "core/util.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 60000
#define STEADY_MS 60000 /* a run this long resets the backoff */
#define STOP_MS 10000   /* what does not end by then is killed; systemd waits longer for us */
#define NEVER UINT64_MAX

struct agent {
	char gateway[PATH_MAX]; /* of the package */
	char running[PATH_MAX]; /* which was started last */
	char **args;      /* of wm-gateway, "run" included, NULL at the end */
	sigset_t signals;
	pid_t child;      /* 0: none */
	uint64_t started; /* monotonic ms */
	uint64_t start_at, kill_at; /* monotonic ms */
	uint64_t backoff_ms;
	bool hung;        /* the child was killed for that */
	bool replacing;   /* the child was told to end, for another program */
	bool stop;
	struct wm_updater updater;
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

static void start(struct agent *a)
{
	pid_t parent = getpid();

	a->started = wm_monotonic_ms();
	a->start_at = a->kill_at = NEVER;
	strcpy(a->running, a->updater.program);
	a->args[0] = a->running;
	a->child = fork();
	if (!a->child) {
		sigprocmask(SIG_UNBLOCK, &a->signals, NULL);
		/* Killed with us, so that a new wm-agent finds the lock free; traffic needs neither. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(0);
		if (strcmp(a->running, a->gateway))
			wm_update_environment();
		setenv("WM_NO_HANDOVER", "1", 1);
		execv(a->running, a->args);
		_exit(127);
	}
	if (a->child < 0) {
		wm_error("fork: %s", strerror(errno));
		a->child = 0;
		a->start_at = a->started + BACKOFF_FIRST_MS;
		return;
	}
	wm_updater_started(&a->updater);
}

static void end_child(struct agent *a)
{
	if (!a->child)
		return;
	kill(a->child, SIGTERM);
	a->kill_at = wm_monotonic_ms() + STOP_MS;
}

static void back_off(struct agent *a, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		wm_error("%s cannot be run: reinstall wm-gateway", a->running);
	else if (WIFEXITED(status))
		wm_warning("wm-gateway ended with exit code %d", WEXITSTATUS(status));
	else
		wm_warning("wm-gateway was ended by signal %d", WTERMSIG(status));
	if (wm_monotonic_ms() - a->started > STEADY_MS || !a->backoff_ms)
		a->backoff_ms = BACKOFF_FIRST_MS;
	else
		a->backoff_ms = WM_MIN(2 * a->backoff_ms, (uint64_t)BACKOFF_MAX_MS);
	a->start_at = wm_monotonic_ms() + a->backoff_ms;
	wm_info("starting it again in %llu ms", (unsigned long long)a->backoff_ms);
}

static void child_ended(struct agent *a, int status)
{
	bool hung = a->hung;

	a->child = 0;
	a->kill_at = NEVER;
	a->hung = false;
	if (a->stop)
		return;
	/* Also where it was quicker than we to end it. */
	if (a->replacing || a->updater.change) {
		a->replacing = a->updater.change = false;
		a->start_at = 0;
		return;
	}
	back_off(a, status);
	if (hung)
		wm_updater_hung(&a->updater, wm_monotonic_ms() - a->started);
	else
		wm_updater_ended(&a->updater, status, wm_monotonic_ms() - a->started);
	/* Another program has not failed yet. */
	if (strcmp(a->running, a->updater.program))
		a->start_at = 0;
}

static void reap(struct agent *a)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == a->child)
			child_ended(a, status);
		else
			wm_updater_on_end(&a->updater, pid, status);
	}
}

static void on_signal(struct agent *a, int sig)
{
	if (sig == SIGHUP && a->child)
		kill(a->child, SIGHUP);
	if (sig == SIGUSR1)
		wm_updater_look_now(&a->updater);
	if ((sig == SIGTERM || sig == SIGINT) && !a->stop) {
		a->stop = true;
		wm_updater_stop(&a->updater);
		end_child(a);
	}
}

static void on_time(struct agent *a)
{
	uint64_t now = wm_monotonic_ms();

	if (a->updater.change) {
		a->updater.change = false;
		a->replacing = a->child != 0;
		a->start_at = 0;
		end_child(a);
	}
	/* What hangs does not end when it is told to. Traffic does not need it. */
	if (a->updater.hangs && a->child) {
		wm_error("wm-gateway has not answered for minutes; killing it");
		kill(a->child, SIGKILL);
		a->hung = true;
	}
	a->updater.hangs = false;
	if (a->child && now >= a->kill_at) {
		kill(a->child, SIGKILL);
		a->kill_at = NEVER;
	}
	if (a->stop)
		return;
	if (!a->child && now >= a->start_at)
		start(a);
	wm_updater_on_time(&a->updater);
}

/* Sleeps until a signal comes or it is time for something. */
static void wait_signal(struct agent *a)
{
	uint64_t now = wm_monotonic_ms(), next = NEVER;
	struct timespec ts = { .tv_sec = 3600 };
	siginfo_t info;

	if (a->child)
		next = a->kill_at;
	else if (!a->stop)
		next = a->start_at;
	if (!a->stop)
		next = WM_MIN(next, wm_updater_next_ms(&a->updater));
	next = next <= now || a->updater.change || a->updater.hangs ? 0 : next - now;
	if (next < 3600000) {
		ts.tv_sec = (time_t)(next / 1000);
		ts.tv_nsec = (long)(next % 1000) * 1000000;
	}
	on_signal(a, sigtimedwait(&a->signals, &info, &ts));
	/* One SIGCHLD may stand for several. */
	reap(a);
}

/* Of the arguments, which are wm-gateway's, those two are of interest here. */
static void read_arguments(struct agent *a, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "instance", required_argument, NULL, 'i' }, { "config", required_argument, NULL, 'c' }, { 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "i:c:jvh", longs, NULL)) != -1) {
		if (c == 'i')
			a->updater.instance = optarg;
		if (c == 'c')
			a->updater.config = optarg;
	}
}

static int open_agent(struct agent *a, int argc, char **argv)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD };

	a->args = calloc((size_t)argc + 2, sizeof(*a->args));
	if (!a->args || find_gateway(a))
		return -ENOENT;
	memcpy(a->args + 1, argv + 1, (size_t)(argc - 1) * sizeof(*argv));
	a->args[argc] = (char *)"run";
	read_arguments(a, argc, argv);
	a->updater.args = (struct wm_gateway_args){ a->args + 1, (size_t)argc - 1 };
	a->updater.packaged = a->gateway;
	sigemptyset(&a->signals);
	for (size_t i = 0; i < WM_ARRAY_LEN(signals); i++)
		sigaddset(&a->signals, signals[i]);
	sigprocmask(SIG_BLOCK, &a->signals, NULL);
	wm_updater_open(&a->updater);
	return 0;
}

int main(int argc, char **argv)
{
	struct agent a = { .kill_at = NEVER };

	wm_log_open("wm-agent", WM_LOG_INFO);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		puts("usage: wm-agent [options of wm-gateway]\n\n"
		     "Runs `wm-gateway run` with these options, starts it again when it ends, and\n"
		     "replaces it by newer releases that are signed by whom /etc/wm/release.pub names.\n"
		     "WM_GATEWAY names the program; default: wm-gateway beside this one.");
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("wm-agent " WM_VERSION);
		return 0;
	}
	if (wm_key_init() || open_agent(&a, argc, argv)) {
		wm_error("cannot find wm-gateway");
		return 1;
	}
	while (!a.stop || a.child) {
		on_time(&a);
		if (!a.stop || a.child)
			wait_signal(&a);
	}
	wm_updater_close(&a.updater);
	free(a.args);
	return 0;
}
