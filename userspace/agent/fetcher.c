/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/linux.h"
#include "core/util.h"

#define CHILD_FD 3
#define READ_CHUNK (64 * 1024)
#define SEND_MS 5000 /* all records of a request together; a child that is well takes them as fast as they come */

void wm_fetcher_target(const struct wm_instance *inst, const char *token, struct wm_fetch_target *ret)
{
	struct wm_fetch_target target = { .allow_http = inst->allow_http };

	memcpy(target.url, inst->registry_url, sizeof(target.url));
	memcpy(target.ca_file, inst->registry_ca, sizeof(target.ca_file));
	strcpy(target.token, token);
	*ret = target;
	wm_wipe(&target, sizeof(target));
}

/* What was received of an answer that is not complete. */
static void forget(struct wm_fetcher *f)
{
	wm_config_free(&f->config);
	wm_delta_free(&f->delta);
}

void wm_answer_free(struct wm_answer *answer)
{
	wm_config_free(&answer->config);
	wm_delta_free(&answer->delta);
}

void wm_fetcher_stop(struct wm_fetcher *f)
{
	if (f->pid > 0) {
		close(f->fd);
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
	}
	forget(f);
	free(f->buf);
	*f = (struct wm_fetcher){ .fd = -1 };
}

/* Only async-signal-safe calls, and nothing of the parent's is written: between vfork and exec. */
static void child(int fd, const char *path)
{
	static char name[] = "wm-fetch", path_env[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C.UTF-8";
	char *const argv[] = { name, NULL };
	/* Proxies and the like of root's environment have no business here; certificates may be moved. */
	char *const envp[] = { path_env, locale, NULL };
	sigset_t none;
	int null;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (fd == CHILD_FD ? fcntl(fd, F_SETFD, 0) : dup2(fd, CHILD_FD) < 0)
		_exit(126);
	/* Nor has the terminal of who typed `sync`: it must not be its own, to push keys into root's shell (TIOCSTI). */
	null = open("/dev/null", O_RDWR);
	if (setsid() < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(126);
	/* Whatever a library opened without O_CLOEXEC is root's. */
	wm_close_from(CHILD_FD + 1);
	execve(path, argv, envp);
	_exit(127);
}

static int start(struct wm_fetcher *f, const struct wm_instance *inst, struct wm_error *err)
{
	int fds[2];
	pid_t pid;

	if (access(inst->fetch_path, X_OK))
		return wm_fail(err, errno, "%s: cannot run it: %s; reinstall wm-gateway", inst->fetch_path, strerror(errno));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return wm_fail(err, errno, "socketpair: %s", strerror(errno));
	/* Not fork: with a million hosts, copying the page tables takes 10 ms. */
	pid = vfork();
	if (!pid)
		child(fds[1], inst->fetch_path);
	close(fds[1]);
	if (pid < 0) {
		int code = errno;

		close(fds[0]);
		return wm_fail(err, code, "vfork: %s", strerror(code));
	}
	*f = (struct wm_fetcher){ .fd = fds[0], .pid = pid };
	return 0;
}

/* A child that was taken over or stopped does not read, and must not hold up who follows the registry with it. The kernel
 * takes a record whole or not at all: there is no half of one to go on with. */
static int send_in_time(const struct wm_fetcher *f, uint16_t type, const void *request, size_t len)
{
	uint64_t now = wm_monotonic_ms(), end = f->since + SEND_MS, left = end > now ? end - now : 0;
	struct timeval tv = { .tv_sec = (time_t)(left / 1000), .tv_usec = (suseconds_t)(left % 1000 * 1000) };
	int rc;

	/* No time left would mean for ever. */
	if (!left)
		return -ETIMEDOUT;
	if (setsockopt(f->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)))
		return -errno;
	rc = wm_record_send(f->fd, type, request, len);
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}

int wm_fetcher_send(struct wm_fetcher *f, const struct wm_instance *inst, uint16_t type, const void *request,
		    size_t len, struct wm_error *err)
{
	int rc = f->pid > 0 ? 0 : start(f, inst, err);

	if (rc)
		return rc;
	if (!f->busy)
		f->since = wm_monotonic_ms();
	rc = send_in_time(f, type, request, len);
	if (rc) {
		wm_fetcher_stop(f);
		return wm_fail(err, -rc, rc == -ETIMEDOUT ? "%s does not take what it is asked, and was ended" : "%s ended unexpectedly",
			       inst->fetch_path);
	}
	f->busy = true;
	return 0;
}

static void problem(struct wm_answer *ret, int status, int code, const char *text)
{
	ret->kind = WM_ANSWER_PROBLEM;
	ret->http_status = status;
	ret->code = code;
	wm_fail(&ret->err, code, "%s", text);
}

/* One record of the answer; ret->kind stays NONE while more belong to it. */
static int take(struct wm_fetcher *f, const struct wm_record *r, struct wm_answer *ret)
{
	int rc;

	switch (r->type) {
	case WM_RECORD_UNCHANGED:
		ret->kind = WM_ANSWER_UNCHANGED;
		return 0;
	case WM_RECORD_DONE:
	case WM_RECORD_ENROLLED:
		ret->kind = WM_ANSWER_DONE;
		return 0;
	case WM_RECORD_LOCATED:
		ret->kind = WM_ANSWER_LOCATED;
		ret->located = r->located;
		return 0;
	case WM_RECORD_PROBLEM:
		problem(ret, r->problem.http_status, r->problem.code > 0 ? r->problem.code : EIO, r->problem.text);
		return 0;
	default:
		break;
	}
	if (!f->config.mesh.supernet.len && (r->type == WM_RECORD_CHANGES || f->delta.open)) {
		rc = wm_delta_take(&f->delta, r, &ret->err);
		if (rc != 1)
			return rc;
		ret->delta = f->delta;
		f->delta = (struct wm_delta){ 0 };
		ret->kind = WM_ANSWER_CHANGES;
		return 0;
	}
	rc = wm_config_take(&f->config, r, &ret->err);
	if (rc != 1)
		return rc;
	ret->config = f->config;
	f->config = (struct wm_config){ 0 };
	ret->kind = WM_ANSWER_CONFIG;
	return 0;
}

static int parse(struct wm_fetcher *f, struct wm_answer *ret)
{
	struct wm_record record;
	size_t done = 0, used;
	int rc = 0;

	while (!rc && ret->kind == WM_ANSWER_NONE) {
		rc = wm_record_parse(f->buf + done, f->len - done, &record, &used, &ret->err);
		if (rc)
			break;
		done += used;
		rc = take(f, &record, ret);
	}
	if (done)
		memmove(f->buf, f->buf + done, f->len - done);
	f->len -= done;
	return rc < 0 ? rc : 0;
}

/* One question, one answer: what is more would be taken for the next one's, and could fill the memory. */
static void unasked(struct wm_fetcher *f, struct wm_answer *ret)
{
	wm_fetcher_stop(f);
	problem(ret, 0, EBADMSG, "wm-fetch said more than it was asked");
}

void wm_fetcher_read(struct wm_fetcher *f, struct wm_answer *ret)
{
	ssize_t n;
	int rc;

	*ret = (struct wm_answer){ 0 };
	if (wm_grow((void **)&f->buf, &f->cap, f->len + READ_CHUNK, 1)) {
		wm_fetcher_stop(f);
		problem(ret, 0, ENOMEM, "out of memory");
		return;
	}
	n = recv(f->fd, f->buf + f->len, READ_CHUNK, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		wm_fetcher_stop(f);
		problem(ret, 0, EPIPE, "wm-fetch ended unexpectedly");
		return;
	}
	f->len += (size_t)n;
	if (!f->busy) {
		unasked(f, ret);
		return;
	}
	rc = parse(f, ret);
	if (rc) {
		/* A config that is refused may have more records behind it: start afresh. */
		struct wm_error err = ret->err;

		wm_fetcher_stop(f);
		problem(ret, 200, -rc, err.text);
		memcpy(ret->err.field, err.field, sizeof(err.field));
		return;
	}
	if (ret->kind == WM_ANSWER_NONE)
		return;
	forget(f);
	f->busy = false;
	if (f->len) {
		wm_answer_free(ret);
		unasked(f, ret);
	}
}

void wm_fetcher_wait(struct wm_fetcher *f, unsigned int timeout_s, struct wm_answer *ret)
{
	uint64_t end = wm_monotonic_ms() + 1000ull * timeout_s;

	*ret = (struct wm_answer){ 0 };
	while (ret->kind == WM_ANSWER_NONE) {
		struct pollfd p = { .fd = f->fd, .events = POLLIN };
		uint64_t now = wm_monotonic_ms();

		if (now >= end) {
			wm_fetcher_stop(f);
			problem(ret, 0, ETIMEDOUT, "the registry did not answer in time");
			return;
		}
		if (poll(&p, 1, (int)(end - now)) > 0)
			wm_fetcher_read(f, ret);
	}
}
