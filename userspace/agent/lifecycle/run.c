/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/linux.h"
#include "core/util.h"

#define STEP_S 300 /* a service manager may wait for what stops */
#define LAST_MS 20000 /* for what was told to end, before it is killed */

void wm_argv_add(struct wm_argv *io, const char *word)
{
	if (!word)
		return;
	if (io->n == WM_ARGV_MAX)
		io->cut = true;
	else
		io->word[io->n++] = word;
	io->word[io->n] = NULL;
}

void wm_argv_add_all(struct wm_argv *io, const char *const words[])
{
	while (*words)
		wm_argv_add(io, *words++);
}

int wm_argv_whole(const struct wm_argv *argv, struct wm_error *err)
{
	return argv->cut ? wm_fail(err, E2BIG, "%s: more than %d words are not given to a program", argv->word[0], WM_ARGV_MAX) : 0;
}

bool wm_run_found(const char *program)
{
	WM_AUTO_FREE char *copy = strdup(getenv("PATH") ? getenv("PATH") : "/usr/sbin:/usr/bin:/sbin:/bin");
	char path[WM_PATH_SIZE], *save = NULL;

	for (char *dir = copy ? strtok_r(copy, ":", &save) : NULL; dir; dir = strtok_r(NULL, ":", &save)) {
		if (!wm_format(path, sizeof(path), "%s/%s", dir, program) && !access(path, X_OK))
			return true;
	}
	return false;
}

/* --- signals: what we run is in a session of its own, and hears of ^C only from us ------------------- */

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static volatile sig_atomic_t running, got; /* the child's pid or 0; the signal that came meanwhile or 0 */

static void kill_all(pid_t pid, int sig)
{
	if (kill(-pid, sig)) /* it may not have its session yet */
		kill(pid, sig);
}

static void pass_on(int sig)
{
	int was = errno;

	got = sig;
	if (running > 0)
		kill_all((pid_t)running, sig);
	errno = was;
}

/* They are blocked from here until listen_for(pid); what is ignored stays so. */
static void listen_first(struct sigaction *ret_were, sigset_t *ret_mask)
{
	struct sigaction act = { .sa_handler = pass_on };
	sigset_t block;

	sigemptyset(&block);
	for (size_t i = 0; i < WM_ARRAY_LEN(ends); i++)
		sigaddset(&block, ends[i]);
	sigprocmask(SIG_BLOCK, &block, ret_mask);
	got = 0;
	for (size_t i = 0; i < WM_ARRAY_LEN(ends); i++) {
		sigaction(ends[i], NULL, &ret_were[i]);
		if (ret_were[i].sa_handler != SIG_IGN)
			sigaction(ends[i], &act, NULL);
	}
}

static void listen_for(pid_t pid, const sigset_t *mask)
{
	running = pid;
	sigprocmask(SIG_SETMASK, mask, NULL);
}

/* As it was; a signal that came is ours now. */
static void listen_no_more(const struct sigaction *were)
{
	int sig = got;

	running = 0;
	for (size_t i = 0; i < WM_ARRAY_LEN(ends); i++)
		sigaction(ends[i], &were[i], NULL);
	if (sig)
		raise(sig);
}

/* --- a child ------------------------------------------------------------------------------------------- */

/* A program that gets at our terminal could type on it, and what runs in a container is not trusted: it has none. */
static void child(const char *const argv[], int in, int out)
{
	struct sigaction plain = { .sa_handler = SIG_DFL }, was;
	sigset_t none;

	setsid();
	for (size_t i = 0; i < WM_ARRAY_LEN(ends); i++) {
		if (!sigaction(ends[i], NULL, &was) && was.sa_handler != SIG_IGN)
			sigaction(ends[i], &plain, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	unsetenv("WM_REGISTRY_TOKEN");
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(126);
	wm_close_from(STDERR_FILENO + 1);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

/* The end of what it says, until nobody holds the pipe. False: not in time. */
static bool collect(int fd, uint64_t end, char *text)
{
	bool told = false;
	size_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = wm_monotonic_ms();
		char piece[512];
		ssize_t n;

		if (got && !told) {
			told = true;
			end = WM_MIN(end, now + LAST_MS);
		}
		if (now >= end)
			return false;
		if (poll(&p, 1, (int)WM_MIN(end - now, 1000u)) <= 0)
			continue;
		n = read(fd, piece, sizeof(piece));
		if (n <= 0)
			return true;
		if (len + (size_t)n >= WM_RUN_OUTPUT) {
			size_t drop = len + (size_t)n - WM_RUN_OUTPUT + 1;

			memmove(text, text + drop, len - drop);
			len -= drop;
		}
		memcpy(text + len, piece, (size_t)n);
		len += (size_t)n;
		text[len] = '\0';
	}
}

/* It has ended. */
static int wait_for(pid_t pid, int *ret_status)
{
	pid_t rc;

	do {
		rc = waitpid(pid, ret_status, 0);
	} while (rc < 0 && errno == EINTR);
	return rc == pid ? 0 : -ECHILD;
}

static int run(const char *const argv[], int in, unsigned int seconds, char *ret_text, struct wm_error *err)
{
	char own[WM_RUN_OUTPUT], *text = ret_text ? ret_text : own;
	struct sigaction were[WM_ARRAY_LEN(ends)];
	int fds[2], status, rc;
	sigset_t mask;
	bool in_time;
	pid_t pid;

	*text = '\0';
	if (pipe2(fds, O_CLOEXEC))
		return wm_fail(err, errno, "pipe: %s", strerror(errno));
	fflush(NULL);
	listen_first(were, &mask);
	pid = fork();
	if (!pid)
		child(argv, in, fds[1]);
	listen_for(WM_MAX(pid, 0), &mask);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		listen_no_more(were);
		return wm_fail(err, errno, "%s: cannot start it: %s", argv[0], strerror(errno));
	}
	in_time = collect(fds[0], wm_monotonic_ms() + 1000ull * seconds, text);
	close(fds[0]);
	if (!in_time)
		kill_all(pid, SIGKILL);
	rc = wait_for(pid, &status);
	listen_no_more(were);
	if (rc)
		return wm_fail(err, ECHILD, "%s: lost sight of it", argv[0]);
	if (!in_time)
		return wm_fail(err, ETIMEDOUT, "%s did not end within %u s and was killed", argv[0], seconds);
	if (WIFSIGNALED(status))
		return wm_fail(err, EINTR, "%s was ended by signal %d", argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status) == 127 && !*text)
		return wm_fail(err, ENOENT, "%s: there is no such program in PATH; install it", argv[0]);
	return WEXITSTATUS(status);
}

int wm_run(const char *const argv[], unsigned int seconds, char *ret_text, struct wm_error *err)
{
	WM_AUTO_CLOSE int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return null < 0 ? wm_fail(err, errno, "/dev/null: %s", strerror(errno)) : run(argv, null, seconds, ret_text, err);
}

/* In memory: nobody else reads it, and no program has to take it in time. */
int wm_run_fed(const char *const argv[], const void *data, size_t len, unsigned int seconds, char *ret_text, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = memfd_create("wm", MFD_CLOEXEC);

	if (fd < 0 || wm_write_full(fd, data, len) || lseek(fd, 0, SEEK_SET))
		return wm_fail(err, EIO, "%s: no memory for what it is to read", argv[0]);
	return run(argv, fd, seconds, ret_text, err);
}

static const char *last_line(char *text)
{
	size_t len = strlen(text);
	char *line;

	while (len && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

int wm_step_run(struct wm_life *l, const char *done, const char *would, const char *said, const char *const argv[], struct wm_error *err)
{
	char text[WM_RUN_OUTPUT];
	int rc;

	if (!wm_life_change(l, done, would, "%s", said))
		return 0;
	rc = wm_run(argv, STEP_S, text, err);
	if (rc <= 0)
		return rc;
	const char *why = last_line(text);

	return wm_fail(err, EIO, "%s %s: it failed (exit code %d)%s%.300s", argv[0], argv[1] ? argv[1] : "", rc, *why ? ": " : "", why);
}

int wm_run_instead(const char *const argv[], struct wm_error *err)
{
	unsetenv("WM_REGISTRY_TOKEN");
	fflush(NULL);
	execvp(argv[0], (char *const *)argv);
	return wm_fail(err, errno, "%s: cannot run it: %s", argv[0], strerror(errno));
}
