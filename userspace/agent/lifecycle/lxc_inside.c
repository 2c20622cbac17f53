/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is asked of the gateway in the container: whatever wm-gateway says there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/lifecycle/lxc.h"
#include "agent/lifecycle/lxc_own.h"
#include "core/util.h"

int wm_lxc_open_running(const struct wm_life_options *opt, struct wm_lxc_own *own, struct wm_life *life)
{
	struct wm_error err = { 0 };
	int rc = wm_life_begin(life, opt, &err);

	life->own = own;
	if (!rc)
		rc = wm_lxc_know(life, &err);
	if (!rc)
		rc = wm_lxc_need_box(life, &err);
	if (!rc)
		rc = wm_box_running(&own->facts.box, &err);
	if (!rc)
		rc = wm_fail(&err, ENOTCONN, "container %s does not run; 'wm-gateway start' starts it", own->facts.box.name);
	if (rc > 0)
		return 0;
	fprintf(stderr, "wm-gateway: %s\n", err.text);
	return 1;
}

/* --- what is said there ------------------------------------------------------------------------ */

/* One of its two streams. Somebody who is root in there may have it say anything: a terminal gets it tamed. */
struct stream {
	int from, to;
	size_t most, got; /* bytes; most 0: any number */
	bool tty;
	char text[4096];  /* with the beginning of a character whose end is still to come */
	size_t held;
};

static volatile sig_atomic_t speaker; /* the process, and its group */

static void hand_on(int sig)
{
	int was = errno;

	kill(-(pid_t)speaker, sig);
	errno = was;
}

/* Of a character of several bytes, at the end, whose last are missing: how many are there. */
static size_t unfinished(const char *text, size_t len)
{
	for (size_t n = 1; n <= 3 && n <= len; n++) {
		unsigned char c = (unsigned char)text[len - n];

		if (c >= 0xc0)
			return (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) > n ? n : 0;
		if (c < 0x80)
			return 0;
	}
	return 0;
}

/* False: that was all. */
static bool pump(struct stream *s)
{
	char out[sizeof(s->text) + 1];
	ssize_t n = read(s->from, s->text + s->held, sizeof(s->text) - s->held);
	size_t len = s->held + (size_t)(n > 0 ? n : 0), keep = n > 0 ? unfinished(s->text, len) : 0;

	if (n < 0 && errno == EINTR)
		return true;
	len -= keep;
	memcpy(out, s->text, len);
	memmove(s->text, s->text + len, keep);
	s->held = keep;
	s->got += len;
	if (s->most && s->got > s->most)
		return false;
	if (s->tty)
		wm_box_tame_bytes(out, len);
	return !wm_write_full(s->to, out, len) && n > 0;
}

static void child(const struct wm_box *box, const char *const argv[], int out, int err)
{
	struct wm_error why = { 0 };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setsid(); /* no terminal of ours: what can be typed into one could be by it */
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(126);
	wm_box_run_instead(box, &why, argv);
	fprintf(stderr, "wm-gateway: %s\n", why.text);
	_exit(126);
}

static int await(pid_t pid, struct stream *streams)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = hand_on }, were[WM_ARRAY_LEN(signals)];
	struct pollfd p[2] = { { streams[0].from, POLLIN, 0 }, { streams[1].from, POLLIN, 0 } };
	int status = 0;

	speaker = pid;
	for (size_t i = 0; i < WM_ARRAY_LEN(signals); i++)
		sigaction(signals[i], &act, &were[i]);
	while (p[0].fd >= 0 || p[1].fd >= 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		for (int i = 0; i < 2; i++) {
			if (p[i].fd < 0 || !p[i].revents || pump(&streams[i]))
				continue;
			p[i].fd = -1;
			close(streams[i].from); /* it learns that nobody listens */
		}
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	for (size_t i = 0; i < WM_ARRAY_LEN(signals); i++)
		sigaction(signals[i], &were[i], NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int wm_lxc_hear(const struct wm_box *box, const char *const argv[], int to, size_t most)
{
	struct stream streams[2] = { { .to = to, .most = most, .tty = isatty(to) }, { .to = STDERR_FILENO, .tty = isatty(STDERR_FILENO) } };
	int out[2], err[2];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) {
		fprintf(stderr, "wm-gateway: pipe: %s\n", strerror(errno));
		return 126;
	}
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(box, argv, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	streams[0].from = out[0];
	streams[1].from = err[0];
	if (pid > 0)
		return await(pid, streams);
	fprintf(stderr, "wm-gateway: fork: %s\n", strerror(errno));
	return 126;
}

int wm_lxc_inside(const struct wm_life_options *opt, const char *const argv[])
{
	struct wm_argv words = { 0 };
	struct wm_lxc_own own = { 0 };
	struct wm_error err = { 0 };
	struct wm_life life;

	if (wm_lxc_open_running(opt, &own, &life))
		return 1;
	/* What its host does not let through it cannot see. */
	if (!strcmp(argv[0], "check"))
		wm_lxc_host_look(&own.facts, stderr);
	wm_argv_add(&words, WM_LXC_PROGRAM);
	wm_argv_add_all(&words, argv);
	if (!wm_argv_whole(&words, &err))
		return wm_lxc_hear(&own.facts.box, words.word, STDOUT_FILENO, 0);
	fprintf(stderr, "wm-gateway: %s\n", err.text);
	return 1;
}

int wm_lxc_ask(const struct wm_life_options *opt, const char *verb, bool json, bool check, const char *generation)
{
	const char *argv[5] = { verb };
	unsigned int n = 1;

	if (json)
		argv[n++] = "--json";
	if (check)
		argv[n++] = "--check";
	if (generation)
		argv[n++] = generation;
	return wm_lxc_inside(opt, argv);
}
