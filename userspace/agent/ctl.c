/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/util.h"

#define ANSWER_MAX ((size_t)64 << 20)
#define HEAD_LEN (offsetof(struct wm_ctl_request, json) + sizeof(uint32_t)) /* what every request has */

static int run_path(const struct wm_instance *inst, const char *file, char *ret, size_t size, struct wm_error *err)
{
	int rc = wm_format(ret, size, "%s/%s", inst->run_dir, file);

	/* The reason first: of so long a sentence the end is lost. */
	return rc ? wm_fail(err, ENAMETOOLONG, "WM_RUN is too long a path: %s/%s", inst->run_dir, file) : 0;
}

int wm_ctl_lock(const struct wm_instance *inst, int *ret_lock, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	WM_AUTO_CLOSE int fd = -1;
	int rc = run_path(inst, "lock", path, sizeof(path), err);

	if (rc)
		return rc;
	rc = wm_make_dirs(inst->run_dir, 0755);
	if (rc)
		return wm_fail(err, -rc, "%s: cannot make the directory: %s", inst->run_dir, strerror(-rc));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return wm_fail(err, errno, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB))
		return wm_fail(err, EBUSY, "another wm-gateway is at work for this instance (it holds %s); 'wm-gateway status' shows it", path);
	*ret_lock = wm_steal_fd(&fd);
	return 0;
}

static int make_address(const struct wm_instance *inst, struct sockaddr_un *ret, struct wm_error *err)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return run_path(inst, "ctl", ret->sun_path, sizeof(ret->sun_path), err);
}

int wm_ctl_listen(const struct wm_instance *inst, int *ret_fd, struct wm_error *err)
{
	struct sockaddr_un addr;
	WM_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int rc = make_address(inst, &addr, err);

	if (rc)
		return rc;
	if (fd < 0)
		return wm_fail(err, errno, "socket: %s", strerror(errno));
	/* We hold the lock: what lies there is of a run that was killed. */
	unlink(addr.sun_path);
	mask = umask(0177);
	rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 8) ? errno : 0;
	umask(mask);
	if (rc)
		return wm_fail(err, rc, "%s: cannot listen: %s", addr.sun_path, strerror(rc));
	*ret_fd = wm_steal_fd(&fd);
	return 0;
}

int wm_ctl_accept(int listen_fd, struct wm_ctl_request *ret)
{
	const struct timeval second = { .tv_sec = 1 };
	WM_AUTO_CLOSE int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct wm_ctl_request request = { 0 };

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	if (recv(fd, &request, HEAD_LEN, MSG_WAITALL) != (ssize_t)HEAD_LEN)
		return -EBADMSG;
	if (request.version != WM_CTL_VERSION) {
		wm_ctl_answer(wm_steal_fd(&fd), 1, "the running wm-gateway is of another version; restart it\n");
		return -EPROTO;
	}
	if (request.verb == WM_CTL_CONFIRM &&
	    recv(fd, &request.generation, sizeof(request.generation), MSG_WAITALL) != (ssize_t)sizeof(request.generation))
		return -EBADMSG;
	*ret = request;
	return wm_steal_fd(&fd);
}

static int send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

void wm_ctl_answer(int fd, int exit_code, const char *text)
{
	struct wm_ctl_answer head = { .version = WM_CTL_VERSION, .exit_code = exit_code };

	if (!send_all(fd, &head, sizeof(head)))
		send_all(fd, text, strlen(text));
	close(fd);
}

static int receive(int fd, struct wm_ctl_answer *head, char **ret_text, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	size_t len = 0, cap = 0;
	ssize_t n;

	if (recv(fd, head, sizeof(*head), MSG_WAITALL) != (ssize_t)sizeof(*head))
		return wm_fail(err, ETIMEDOUT, "the running wm-gateway did not answer");
	do {
		if (wm_grow((void **)&text, &cap, len + 4096, 1))
			return wm_fail(err, ENOMEM, "out of memory");
		n = recv(fd, text + len, cap - len - 1, 0);
		if (n < 0)
			return wm_fail(err, errno, "the running wm-gateway broke off: %s", strerror(errno));
		len += (size_t)n;
	} while (n && len < ANSWER_MAX);
	text[len] = '\0';
	*ret_text = WM_STEAL(text);
	return 0;
}

int wm_ctl_ask(const struct wm_instance *inst, enum wm_ctl_verb verb, int json, uint64_t generation, unsigned int timeout_s,
	       char **ret_text, int *ret_exit_code, struct wm_error *err)
{
	const struct wm_ctl_request request = {
		.version = WM_CTL_VERSION, .verb = verb, .json = (uint32_t)json, .generation = generation,
	};
	const struct timeval timeout = { .tv_sec = timeout_s };
	struct wm_ctl_answer head;
	struct sockaddr_un addr;
	WM_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = make_address(inst, &addr, err);

	if (rc)
		return rc;
	if (fd < 0)
		return wm_fail(err, errno, "socket: %s", strerror(errno));
	/* For connect too: a run that hangs has a full queue. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return -ENOENT;
		if (errno == EAGAIN)
			return wm_fail(err, ETIMEDOUT, "the running wm-gateway did not answer");
		return wm_fail(err, errno, "%s: %s", addr.sun_path, strerror(errno));
	}
	if (send_all(fd, &request, HEAD_LEN) ||
	    (verb == WM_CTL_CONFIRM && send_all(fd, &request.generation, sizeof(request.generation))))
		return wm_fail(err, EPIPE, "the running wm-gateway broke off");
	rc = receive(fd, &head, ret_text, err);
	if (!rc)
		*ret_exit_code = head.exit_code;
	return rc;
}
