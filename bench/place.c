/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/napi.h"
#include "core/util.h"
#include "packets/net.h"

static int home = -1;

int place_stay(unsigned int cpu, struct wm_error *err)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		return wm_fail(err, errno, "cannot stay on processor %u: %s", cpu, strerror(errno));
	return 0;
}

void place_hurry(bool hurry)
{
	struct sched_param how = { .sched_priority = hurry ? NAPI_PRIORITY : 0 };

	sched_setscheduler(0, (hurry ? SCHED_FIFO : SCHED_OTHER) | SCHED_RESET_ON_FORK, &how);
}

int place_open(struct wm_error *err)
{
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return wm_fail(err, errno, "cannot make namespaces (root is needed): %s", strerror(errno));
	if (mount("tmpfs", PLACE_RUN, "tmpfs", 0, "mode=755") < 0 || mkdir(PLACE_SYS, 0755) < 0 ||
	    mkdir(PLACE_BPFFS, 0755) < 0 || mount("bpf", PLACE_BPFFS, "bpf", 0, NULL) < 0)
		return wm_fail(err, errno, "cannot mount a bpffs: %s", strerror(errno));
	return 0;
}

int place_net(struct wm_error *err)
{
	static const char *const quiet[] = { "ipv6/conf/all/disable_ipv6", "ipv6/conf/default/disable_ipv6" };

	if (unshare(CLONE_NEWNET) < 0)
		return wm_fail(err, errno, "cannot make a network namespace: %s", strerror(errno));
	for (size_t i = 0; i < WM_ARRAY_LEN(quiet); i++)
		net_sysctl(quiet[i], "1");
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? wm_fail(err, errno, "cannot open a network namespace: %s", strerror(errno)) : fd;
}

int place_enter(int net_fd, struct wm_error *err)
{
	if (setns(net_fd, CLONE_NEWNET) < 0)
		return wm_fail(err, errno, "cannot enter a network namespace: %s", strerror(errno));
	return 0;
}

int place_leave(int rc, struct wm_error *err)
{
	struct wm_error second;
	int back = place_enter(home, rc < 0 ? &second : err);

	return rc < 0 ? rc : back;
}

/* --- programs ------------------------------------------------------------------------------- */

/* A file that holds text, or nothing yet; read from its beginning. */
static int text_file(const char *text)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	if (fd >= 0 && text && (wm_write_full(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static _Noreturn void become(const char *const words[], int in, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	execvp(words[0], (char *const *)words);
	_exit(127);
}

/* What it says goes to `out`. */
static int run_program(const char *const words[], int in, int out, struct rusage *ret, struct wm_error *err)
{
	char said[256] = "";
	int status;

	pid_t pid = fork();
	if (pid == 0)
		become(words, in, out);
	while (pid > 0 && wait4(pid, &status, 0, ret) < 0)
		if (errno != EINTR)
			pid = -1;
	if (pid < 0)
		return wm_fail(err, errno, "cannot run %s: %s", words[0], strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (pread(out, said, sizeof(said) - 1, 0) < 0)
		said[0] = '\0';
	said[strcspn(said, "\n")] = '\0';
	return wm_fail(err, EIO, "%s failed (%d): %s", words[0], status, said);
}

int place_run(const char *const words[], const char *input, struct wm_error *err)
{
	WM_AUTO_CLOSE int in = text_file(input), out = text_file(NULL);
	struct rusage used;

	if (in < 0 || out < 0)
		return wm_fail(err, errno, "cannot make a file: %s", strerror(errno));
	return run_program(words, in, out, &used, err);
}

static uint64_t microseconds(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

int place_time(const char *const words[], uint64_t *ret_us, int *ret_out, struct wm_error *err)
{
	WM_AUTO_CLOSE int in = text_file(""), out = text_file(NULL);
	struct rusage used;

	if (in < 0 || out < 0)
		return wm_fail(err, errno, "cannot make a file: %s", strerror(errno));
	int rc = run_program(words, in, out, &used, err);
	if (rc < 0)
		return rc;
	*ret_us = microseconds(used.ru_utime) + microseconds(used.ru_stime);
	*ret_out = wm_steal_fd(&out);
	return 0;
}
