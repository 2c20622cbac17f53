/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Starting wireguard-go, where the kernel has no WireGuard. It makes its TUN
 * device, leaves it down, and stays behind as a daemon of its own session: it
 * outlives us, whatever happens to us. It ends when its device is deleted.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/linux.h"
#include "core/util.h"
#include "kernel/link_priv.h"
#include "kernel/wg_priv.h"

#define PROGRAM "wireguard-go"
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define START_MS 10000
#define END_MS 3000
#define POLL_MS 10

static int find_program(char ret[PATH_MAX])
{
	const char *path = getenv("PATH");

	if (!path || !*path)
		path = DEFAULT_PATH;
	while (*path) {
		int len = (int)strcspn(path, ":");

		/* Relative entries would run what lies in the working directory. */
		if (*path == '/' && wm_format(ret, PATH_MAX, "%.*s/%s", len, path, PROGRAM) == 0 &&
		    access(ret, X_OK) == 0)
			return 0;
		path += len + (path[len] == ':');
	}
	return -ENOENT;
}

/* In the child: nothing of ours stays but a pipe for what wireguard-go says
 * before it has become a daemon (then it has /dev/null in all three places). */
static void run(const char *program, const char *ifname, int said_fd)
{
	char *const argv[] = { (char *)PROGRAM, (char *)ifname, NULL };
	char *const env[] = { NULL };
	sigset_t none;

	int null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(said_fd, 1) < 0 || dup2(said_fd, 2) < 0)
		_exit(126);
	wm_close_from(3);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(077);
	if (chdir("/") < 0 || setsid() < 0)
		_exit(126);
	execve(program, argv, env);
	_exit(127);
}

/* Keeps the last line of what it says until it has become a daemon (which
 * closes the pipe) or has failed. */
static int listen_to(int fd, char *text, size_t size)
{
	uint64_t end = wm_monotonic_ms() + START_MS;
	size_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = (int64_t)(end - wm_monotonic_ms());
		int rc = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			return rc < 0 ? -errno : -ETIMEDOUT;
		if (len > size / 2) { /* keep the end */
			memmove(text, text + len - size / 4, size / 4);
			len = size / 4;
		}
		ssize_t n = read(fd, text + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	text[len] = '\0';
	const char *line = strrchr(text, '\n');
	if (line)
		memmove(text, line + 1, strlen(line));
	return 0;
}

/* Its socket is there before the daemon is; only an answer shows that the daemon
 * has set up its device (it sets an MTU of its own while it starts). */
static int await_answer(const char *ifname, struct wm_error *err)
{
	uint64_t end = wm_monotonic_ms() + START_MS;
	int rc;

	do {
		struct wm_wg_device dev = { 0 };
		rc = wm_wg_go.read(ifname, &dev, err);
		wm_wg_device_free(&dev);
		if (rc < 0)
			poll(NULL, 0, POLL_MS);
	} while (rc < 0 && wm_monotonic_ms() < end);
	return rc < 0 ? wm_fail_in(err, rc, "%s was started but does not answer", PROGRAM) : 0;
}

/* One of that name may be about to end, because its device was just deleted. */
static int await_end(const char *ifname, struct wm_error *err)
{
	uint64_t end = wm_monotonic_ms() + END_MS;

	for (;;) {
		WM_AUTO_CLOSE int fd = wm_uapi_connect(ifname);
		if (fd < 0)
			return 0;
		if (wm_monotonic_ms() > end)
			return wm_fail(err, EADDRINUSE,
				       "another %s answers for an interface %s that is not in this network namespace: set "
				       "WM_INTERFACE to another name, or end it",
				       PROGRAM, ifname);
		poll(NULL, 0, POLL_MS);
	}
}

/* Forks and execs it, and waits until it has become a daemon or has failed. */
static int start(const char *program, const char *ifname, struct wm_error *err)
{
	char text[2048] = "";
	int status = 0, pipe_fd[2];

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return wm_fail(err, errno, "cannot start %s: %s", program, strerror(errno));
	WM_AUTO_CLOSE int from = pipe_fd[0];
	WM_AUTO_CLOSE int to = pipe_fd[1];
	pid_t pid = fork();
	if (pid < 0)
		return wm_fail(err, errno, "cannot start %s: %s", program, strerror(errno));
	if (pid == 0)
		run(program, ifname, to);
	close(wm_steal_fd(&to));
	int rc = listen_to(from, text, sizeof(text));
	if (rc < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc < 0)
		return wm_fail(err, -rc, "%s for %s did not become ready: %s", program, ifname, strerror(-rc));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return wm_fail(err, EIO, "this kernel has no WireGuard and %s cannot make %s: %s", program, ifname,
			       text[0] ? text : "it ended without a word");
	return 0;
}

int wm_link_start_go(const char *ifname, struct wm_error *err)
{
	char program[PATH_MAX];

	if (find_program(program) < 0)
		return wm_fail(err, ENOENT,
			       "this kernel has no WireGuard and there is no %s in PATH: load the kernel module "
			       "(modprobe wireguard), or install %s",
			       PROGRAM, PROGRAM);
	int rc = await_end(ifname, err);
	if (rc == 0)
		rc = start(program, ifname, err);
	return rc < 0 ? rc : await_answer(ifname, err);
}
