/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/netns.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 32

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static void lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		die("cannot bring lo up");
	close(fd);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The first process of the namespace only reaps; when it ends, all end. */
static int init(int (*body)(void))
{
	int status, rc = 1;
	pid_t pid, ended;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0 ||
	    mount("tmpfs", "/var/run", "tmpfs", 0, "mode=755") < 0)
		die("cannot mount");
	lo_up();
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (pid == 0) {
		rc = body();
		fflush(stdout);
		exit(rc);
	}
	while ((ended = waitpid(-1, &status, 0)) != pid)
		if (ended < 0 && errno != EINTR)
			return 1;
	if (WIFSIGNALED(status))
		printf("Bail out! the test died of signal %d\n", WTERMSIG(status));
	fflush(stdout);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

_Noreturn void netns_run(int (*body)(void))
{
	if (geteuid() != 0) {
		printf("Bail out! needs root: it makes network namespaces\n");
		exit(1);
	}
	if (unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID) < 0)
		die("cannot make namespaces");
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (pid == 0)
		_exit(init(body));
	/* No exit handlers: a leak check would start a process, and the namespace
	 * that our children go to has ended. */
	_exit(wait_for(pid));
}

static char *read_all(int fd)
{
	size_t len = 0, cap = 4096;
	char *text = malloc(cap);
	ssize_t n;

	while (text && (n = read(fd, text + len, cap - len - 1)) > 0) {
		len += (size_t)n;
		if (cap - len < 1024)
			text = realloc(text, cap *= 2);
	}
	if (text)
		text[len] = '\0';
	return text;
}

static char *run_words(int *ret_status, bool quiet, char *const words[])
{
	int fd[2];

	if (pipe(fd) < 0)
		die("pipe");
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (pid == 0) {
		dup2(fd[1], 1);
		if (quiet)
			dup2(fd[1], 2);
		close(fd[0]);
		close(fd[1]);
		execvp(words[0], words);
		_exit(127);
	}
	close(fd[1]);
	char *text = read_all(fd[0]);
	close(fd[0]);
	int status = wait_for(pid);
	if (ret_status)
		*ret_status = status;
	return text;
}

char *run_out(int *ret_status, const char *program, ...)
{
	char *words[WORDS_MAX] = { (char *)program };
	va_list ap;

	va_start(ap, program);
	for (int i = 1; i < WORDS_MAX - 1 && (words[i] = va_arg(ap, char *)); i++)
		;
	va_end(ap);
	return run_words(ret_status, false, words);
}

static int run_line(const char *line, bool quiet)
{
	char *copy = strdup(line), *words[WORDS_MAX], *rest = copy;
	int n = 0, status;

	while (n < WORDS_MAX - 1 && (words[n] = strtok_r(rest, " ", &rest)))
		n++;
	words[n] = NULL;
	free(run_words(&status, quiet, words));
	free(copy);
	return status;
}

void must(const char *line)
{
	if (run_line(line, false) != 0)
		fail_msg("failed: %s", line);
}

bool works(const char *line)
{
	return run_line(line, true) == 0;
}

/* Takes each `from` and what follows it up to (not including) the next `to` out. */
static void cut(char *text, const char *from, const char *to)
{
	while ((text = strstr(text, from))) {
		char *end = strstr(text + strlen(from), to);
		if (!end)
			return;
		memmove(text, end, strlen(end) + 1);
	}
}

char *snapshot(void)
{
	char *links = run_out(NULL, "ip", "-o", "link", NULL);
	char *addrs = run_out(NULL, "ip", "-o", "-4", "addr", NULL);
	char *routes = run_out(NULL, "ip", "-4", "route", "show", "table", "all", NULL);
	/* Of one priority in any order: what was repaired stands behind the others. */
	char *rules = run_out(NULL, "sh", "-c", "ip -4 rule | sort -n", NULL);
	char *all = NULL;

	/* These follow the carrier, some time after the change that we made. */
	cut(links, " qdisc ", " ");
	cut(links, " state ", " ");
	cut(links, ",LOWER_UP", ">");
	cut(links, "NO-CARRIER,", "");
	if (asprintf(&all, "%s%s%s%s", links, addrs, routes, rules) < 0)
		die("memory");
	free(links);
	free(addrs);
	free(routes);
	free(rules);
	return all;
}

int watch_open(void)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && fd >= 0; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			die("cannot watch rtnetlink");
	return fd;
}

unsigned int watch_count(int fd)
{
	char buf[65536];
	unsigned int n = 0;

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		n++;
	return n;
}
