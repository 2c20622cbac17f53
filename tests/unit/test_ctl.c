/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The control socket, with a real run (a child of the test) behind it: who
 * hangs, lies or goes away on either side costs the other no more than a
 * bounded time.
 */
#include "agent/ctl.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"
#include "unit/unit.h"

static struct wm_instance inst;
static int tests_run;

/* A run directory of its own for each test. */
static int setup(void **state)
{
	char name[32];

	inst = (struct wm_instance){ 0 };
	snprintf(name, sizeof(name), "run%d", tests_run++);
	strcpy(inst.run_dir, unit_path(name));
	return unit_setup(state);
}

static const char *ctl_path(void)
{
	static char path[WM_PATH_SIZE + 8];

	snprintf(path, sizeof(path), "%s/ctl", inst.run_dir);
	return path;
}

static int listen_at_last(void)
{
	int lock, fd = -1;

	assert_ok(wm_ctl_lock(&inst, &lock, &err));
	assert_ok(wm_ctl_listen(&inst, &fd, &err));
	close(lock);
	return fd;
}

static int ask(enum wm_ctl_verb verb, int json, unsigned int timeout_s, char **ret_text, int *ret_code)
{
	return wm_ctl_ask(&inst, verb, json, verb == WM_CTL_CONFIRM ? 1ull << 40 : 0, timeout_s, ret_text, ret_code, &err);
}

static int connect_raw(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(wm_copy(addr.sun_path, sizeof(addr.sun_path), ctl_path()), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static int await(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 10000);
}

/* A run that answers one request with what it was asked, and `size` bytes more. */
static pid_t serve_one(int listen_fd, size_t size)
{
	struct wm_ctl_request request;
	pid_t pid = fork();
	char *text;
	int fd;

	if (pid)
		return pid;
	if (await(listen_fd) != 1)
		_exit(1);
	fd = wm_ctl_accept(listen_fd, &request);
	text = malloc(size + 100);
	if (fd < 0 || !text)
		_exit(2);
	snprintf(text, 100, "verb %u json %u\n", request.verb, request.json);
	if (request.verb == WM_CTL_CONFIRM)
		snprintf(text, 100, "g %llx\n", (unsigned long long)request.generation);
	memset(text + strlen(text), 'x', size);
	text[sizeof("verb 1 json 0\n") - 1 + size] = '\0';
	wm_ctl_answer(fd, 7, text);
	_exit(0);
}

static void assert_exits(pid_t pid, int code)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void the_lock_is_for_one(void **state)
{
	int lock, second = -7;

	(void)state;
	assert_ok(wm_ctl_lock(&inst, &lock, &err));
	assert_refused(wm_ctl_lock(&inst, &second, &err), EBUSY, "", "status");
	assert_int_equal(second, -7);
	close(lock);
	assert_ok(wm_ctl_lock(&inst, &lock, &err));
	close(lock);
}

static void a_killed_run_leaves_no_lock(void **state)
{
	int fds[2], lock;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		if (wm_ctl_lock(&inst, &lock, NULL) || write(fds[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	assert_refused(wm_ctl_lock(&inst, &lock, &err), EBUSY, "", NULL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(wm_ctl_lock(&inst, &lock, &err));
	close(lock);
}

static void a_lock_that_cannot_be_is_an_error_with_its_path(void **state)
{
	int lock;

	(void)state;
	assert_int_equal(wm_replace_file(inst.run_dir, 0600, "", 0), 0); /* a file where the directory should be */
	assert_refused(wm_ctl_lock(&inst, &lock, &err), ENOTDIR, "", inst.run_dir);
	memset(inst.run_dir, 'x', sizeof(inst.run_dir) - 1);
	assert_refused(wm_ctl_lock(&inst, &lock, &err), ENAMETOOLONG, "", "WM_RUN");
	inst.run_dir[120] = '\0'; /* a good path, but too long for a socket's address */
	assert_refused(wm_ctl_listen(&inst, &lock, &err), ENAMETOOLONG, "", "WM_RUN");
	assert_refused(ask(WM_CTL_STATUS, 0, 1, &(char *){ NULL }, &lock), ENAMETOOLONG, "", "WM_RUN");
}

static void nobody_there_is_no_error(void **state)
{
	char *text = NULL;
	int code = 5, fd;

	(void)state;
	assert_int_equal(ask(WM_CTL_STATUS, 0, 1, &text, &code), -ENOENT);
	fd = listen_at_last();
	close(fd); /* killed: the socket's file is still there */
	assert_int_equal(access(ctl_path(), F_OK), 0);
	assert_int_equal(ask(WM_CTL_STATUS, 0, 1, &text, &code), -ENOENT);
	assert_null(text);
	assert_int_equal(code, 5);
	/* The next run listens all the same. */
	fd = listen_at_last();
	assert_true(fd >= 0);
	close(fd);
}

static void the_socket_is_for_its_owner(void **state)
{
	mode_t mask = umask(0), after;
	int fd = listen_at_last();
	struct stat st;

	(void)state;
	after = umask(mask);
	assert_int_equal(after, 0); /* left as it was */
	assert_int_equal(stat(ctl_path(), &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	close(fd);
}

static void questions_are_answered(void **state)
{
	static const struct {
		enum wm_ctl_verb verb;
		int json;
		size_t size;
		const char *head;
	} rows[] = {
		{ WM_CTL_SYNC, 0, 0, "verb 1 json 0\n" },
		{ WM_CTL_STATUS, 1, 100, "verb 2 json 1\n" },
		{ WM_CTL_CONFIRM, 0, 0, "g 10000000000\n" },
		{ WM_CTL_STATUS, 0, 5000000, "verb 2 json 0\n" }, /* a status of many peers */
	};
	int fd = listen_at_last();

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		pid_t pid = serve_one(fd, rows[i].size);
		WM_AUTO_FREE char *text = NULL;
		int code = 0;

		assert_ok(ask(rows[i].verb, rows[i].json, 10, &text, &code));
		assert_int_equal(code, 7);
		assert_int_equal(strlen(text), strlen(rows[i].head) + rows[i].size);
		assert_memory_equal(text, rows[i].head, strlen(rows[i].head));
		assert_exits(pid, 0);
	}
	close(fd);
}

static void nobody_waiting_is_again(void **state)
{
	struct wm_ctl_request request;
	int fd = listen_at_last();

	(void)state;
	assert_int_equal(wm_ctl_accept(fd, &request), -EAGAIN);
	close(fd);
}

static void clients_that_say_nothing_or_nonsense_are_forgotten(void **state)
{
	struct wm_ctl_request request = { .verb = 99 };
	uint64_t start = wm_monotonic_ms();
	int fd = listen_at_last(), client;

	(void)state;
	client = connect_raw();
	assert_int_equal(wm_ctl_accept(fd, &request), -EBADMSG); /* says nothing: after a second */
	close(client);
	client = connect_raw();
	assert_int_equal(send(client, "GET", 3, 0), 3);
	close(client);
	assert_int_equal(wm_ctl_accept(fd, &request), -EBADMSG); /* goes away in the middle */
	client = connect_raw();
	close(client);
	assert_int_equal(wm_ctl_accept(fd, &request), -EBADMSG);
	assert_int_equal(request.verb, 99);
	assert_true(wm_monotonic_ms() - start < 10000);
	close(fd);
}

static void another_version_is_told_so(void **state)
{
	const struct wm_ctl_request newer = { .version = WM_CTL_VERSION + 1, .verb = WM_CTL_SYNC };
	struct wm_ctl_request request;
	struct {
		struct wm_ctl_answer head;
		char text[200];
	} answer = { .head = { 0 } };
	int fd = listen_at_last(), client = connect_raw();

	(void)state;
	assert_int_equal(send(client, &newer, sizeof(newer), 0), sizeof(newer));
	assert_int_equal(wm_ctl_accept(fd, &request), -EPROTO);
	assert_true(recv(client, &answer, sizeof(answer) - 1, MSG_WAITALL) > (ssize_t)sizeof(answer.head));
	assert_int_equal(answer.head.version, WM_CTL_VERSION);
	assert_int_equal(answer.head.exit_code, 1);
	assert_non_null(strstr(answer.text, "version"));
	close(client);
	close(fd);
}

static void a_client_that_does_not_read_loses_the_rest(void **state)
{
	const struct wm_ctl_request good = { .version = WM_CTL_VERSION, .verb = WM_CTL_STATUS };
	WM_AUTO_FREE char *text = malloc(8000001);
	struct wm_ctl_request request;
	int fd = listen_at_last();

	(void)state;
	memset(text, 'x', 8000000);
	text[8000000] = '\0';
	for (int gone = 0; gone < 2; gone++) {
		uint64_t start = wm_monotonic_ms();
		int client = connect_raw(), served;

		assert_int_equal(send(client, &good, sizeof(good), 0), sizeof(good));
		served = wm_ctl_accept(fd, &request);
		assert_true(served >= 0);
		if (gone)
			close(client); /* no SIGPIPE either */
		wm_ctl_answer(served, 0, text);
		assert_true(wm_monotonic_ms() - start < 10000);
		if (!gone)
			close(client);
	}
	close(fd);
}

static void a_run_that_hangs_is_not_waited_for_for_ever(void **state)
{
	uint64_t start = wm_monotonic_ms();
	int fd = listen_at_last(), waiting[64], code;
	size_t n = 0;
	char *text;

	(void)state;
	/* It takes the question and is silent. */
	assert_refused(ask(WM_CTL_STATUS, 0, 1, &text, &code), ETIMEDOUT, "", "did not answer");
	/* Its queue is full: not even the question gets there. */
	for (; n < WM_ARRAY_LEN(waiting); n++) {
		struct sockaddr_un addr = { .sun_family = AF_UNIX };

		waiting[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_int_equal(wm_copy(addr.sun_path, sizeof(addr.sun_path), ctl_path()), 0);
		if (connect(waiting[n], (struct sockaddr *)&addr, sizeof(addr))) {
			assert_int_equal(errno, EAGAIN);
			break;
		}
	}
	assert_true(n < WM_ARRAY_LEN(waiting));
	assert_refused(ask(WM_CTL_STATUS, 0, 1, &text, &code), ETIMEDOUT, "", "did not answer");
	assert_true(wm_monotonic_ms() - start < 10000);
	for (size_t i = 0; i <= n; i++)
		close(waiting[i]);
	close(fd);
}

static void a_run_that_dies_in_the_middle_is_an_error(void **state)
{
	struct wm_ctl_request request;
	int fd = listen_at_last(), code = 5;
	char *text = NULL;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		int client = await(fd) == 1 ? wm_ctl_accept(fd, &request) : -1;

		/* Half of the answer's head. */
		_exit(client >= 0 && send(client, "\1\0\0\0", 4, 0) == 4 ? 0 : 1);
	}
	assert_refused(ask(WM_CTL_SYNC, 0, 10, &text, &code), ETIMEDOUT, "", "did not answer");
	assert_null(text);
	assert_int_equal(code, 5);
	assert_exits(pid, 0);
	close(fd);
}

#define CTL_TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CTL_TEST(the_lock_is_for_one),
		CTL_TEST(a_killed_run_leaves_no_lock),
		CTL_TEST(a_lock_that_cannot_be_is_an_error_with_its_path),
		CTL_TEST(nobody_there_is_no_error),
		CTL_TEST(the_socket_is_for_its_owner),
		CTL_TEST(questions_are_answered),
		CTL_TEST(nobody_waiting_is_again),
		CTL_TEST(clients_that_say_nothing_or_nonsense_are_forgotten),
		CTL_TEST(another_version_is_told_so),
		CTL_TEST(a_client_that_does_not_read_loses_the_rest),
		CTL_TEST(a_run_that_hangs_is_not_waited_for_for_ever),
		CTL_TEST(a_run_that_dies_in_the_middle_is_an_error),
	};

	return UNIT_RUN("ctl", tests);
}
