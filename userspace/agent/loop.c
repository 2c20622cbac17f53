/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/ctl.h"
#include "agent/removal.h"
#include "agent/repair.h"
#include "agent/report.h"
#include "agent/status.h"
#include "core/log.h"
#include "core/pace.h"
#include "core/util.h"

#define REPORT_MS 15000
#define BACKOFF_MAX_MS 60000
#define ANSWER_MAX_MS 900000 /* a whole config, however large, on top of a long-poll's wait */
#define CLIENTS_MAX 16
#define NEVER UINT64_MAX

struct loop {
	struct wm_gateway *g;
	int epoll, signals, ctl;
	uint64_t ask_at, report_at; /* monotonic ms */
	struct wm_repair repair;
	unsigned int asked_wait_s;
	unsigned int row; /* of configs that followed each other at once */
	uint64_t backoff_ms;
	int waiting[CLIENTS_MAX]; /* `sync` clients that wait for the next answer */
	int nwaiting;
	bool stop;
};

static int watch(struct loop *l, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* A child may have been replaced by another one, under the same number; a closed fd has left epoll by itself. */
static void watch_child(struct loop *l, const struct wm_fetcher *f)
{
	if (f->fd >= 0 && watch(l, f->fd) && errno != EEXIST)
		wm_error("epoll: %s", strerror(errno));
}

static void back_off(struct loop *l)
{
	uint64_t first = 1000ull * l->g->inst->poll_s;

	l->backoff_ms = l->backoff_ms ? WM_MIN(2 * l->backoff_ms, (uint64_t)BACKOFF_MAX_MS) : first;
	l->ask_at = wm_monotonic_ms() + wm_jitter(l->backoff_ms);
}

static void answer_waiting(struct loop *l)
{
	const struct wm_gateway *g = l->g;
	const char *why = wm_gateway_wrong(g);
	/* Who proves a new release by it must not take that back for what no release can mend. */
	bool failed = *g->registry.text || (*why && !g->applied);
	char text[sizeof(g->registry.text) + 128];

	if (!l->nwaiting)
		return;
	if (failed)
		snprintf(text, sizeof(text), "%s\n", why);
	else
		snprintf(text, sizeof(text), "in sync: generation %llu, data plane %s\n%s%s%s",
			 (unsigned long long)g->config.mesh.generation, g->last.dataplane, *why ? WM_CTL_BUT : "", why, *why ? "\n" : "");
	for (int i = 0; i < l->nwaiting; i++)
		wm_ctl_answer(l->waiting[i], failed, text);
	l->nwaiting = 0;
}

static void ask(struct loop *l)
{
	struct wm_error err;
	struct wm_answer failed = { .kind = WM_ANSWER_PROBLEM };

	/* The first question, or one to a registry that failed last, is not left to be held: that would hide for so
	 * long that the registry is there, and it is told nothing before it has answered. */
	l->asked_wait_s = l->nwaiting || !l->g->registry_seen || *l->g->registry.text ? 0 : l->g->inst->wait_s;
	l->ask_at = NEVER;
	if (!wm_gateway_ask(l->g, l->asked_wait_s, &err))
		return;
	failed.err = err;
	wm_gateway_take(l->g, &failed);
	answer_waiting(l);
	back_off(l);
}

/* Long-polls follow each other, and a question that was not to be held, at once; a registry (or proxy) that does not
 * hold them, or is never to (WM_WAIT=0), is polled. */
static void after_idle(struct loop *l, uint64_t asked_at)
{
	uint64_t now = wm_monotonic_ms();
	bool held = l->g->inst->wait_s && 2 * (now - asked_at) >= 1000ull * l->asked_wait_s;

	l->ask_at = held ? now : now + wm_jitter(1000ull * l->g->inst->poll_s);
}

static void on_fetcher(struct loop *l)
{
	struct wm_gateway *g = l->g;
	uint64_t asked_at = g->fetcher.since, answered_at = wm_monotonic_ms();
	struct wm_answer answer;
	bool enrolled;

	wm_fetcher_read(&g->fetcher, &answer);
	enrolled = answer.kind == WM_ANSWER_DONE;
	switch (wm_gateway_take(g, &answer)) {
	case WM_NEXT_WAIT:
		return;
	case WM_NEXT_AGAIN:
		l->ask_at = wm_monotonic_ms();
		if (enrolled || g->need_enrol)
			return; /* what a waiting client asked for has not been had yet */
		l->ask_at += wm_pace_follow(&l->row, answered_at - asked_at, l->ask_at - answered_at);
		l->backoff_ms = 0;
		break;
	case WM_NEXT_IDLE:
		l->backoff_ms = 0;
		after_idle(l, asked_at);
		if (l->nwaiting)
			wm_repair_now(&l->repair);
		break;
	case WM_NEXT_BACKOFF:
		back_off(l);
		break;
	}
	wm_repair_renew(&l->repair);
	answer_waiting(l);
}

static void on_teller(struct loop *l)
{
	struct wm_answer answer;

	wm_fetcher_read(&l->g->teller, &answer);
	wm_gateway_told(l->g, &answer);
}

static void send_status(struct loop *l, int fd, bool json)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct wm_out *out = f ? wm_out_new(f, json ? WM_OUT_JSON : WM_OUT_TEXT) : NULL;

	if (out) {
		wm_status_print(out, l->g, true, json);
		wm_out_end(out);
	}
	if (f)
		fclose(f);
	wm_ctl_answer(fd, out ? wm_status_exit_code(l->g, true) : 1, out ? text : "out of memory\n");
	free(text);
}

/* A line each; none: all is well. */
static void send_problems(struct loop *l, int fd)
{
	const struct wm_gateway *g = l->g;
	const struct {
		const char *what, *text;
	} rows[] = { { "registry", g->registry.text }, { "in force", g->problem.text }, { "waits", g->waits.text } };
	char text[3 * (sizeof(g->problem.text) + 16)];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		if (*rows[i].text)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s: %s\n", rows[i].what, rows[i].text);
	wm_ctl_answer(fd, len ? 1 : 0, text);
}

/* The answer is what the registry says next. */
static void sync_for(struct loop *l, int fd)
{
	l->waiting[l->nwaiting++] = fd;
	/* A long-poll that is out would keep the client waiting: ask anew. */
	wm_fetcher_stop(&l->g->fetcher);
	l->ask_at = 0;
}

static void on_ctl(struct loop *l)
{
	struct wm_ctl_request request;
	struct wm_error err = { 0 };
	char text[sizeof(err.text) + 2];
	int fd = wm_ctl_accept(l->ctl, &request);
	bool room = l->nwaiting < CLIENTS_MAX;

	if (fd < 0)
		return;
	if (request.verb == WM_CTL_STATUS) {
		send_status(l, fd, request.json);
	} else if (request.verb == WM_CTL_PROBLEMS) {
		send_problems(l, fd);
	} else if (request.verb == WM_CTL_SYNC && room) {
		sync_for(l, fd);
	} else if (request.verb == WM_CTL_CONFIRM && room) {
		if (!wm_gateway_confirm(l->g, request.generation, &err)) {
			sync_for(l, fd);
			return;
		}
		snprintf(text, sizeof(text), "%s\n", err.text);
		wm_ctl_answer(fd, 1, text);
	} else {
		wm_ctl_answer(fd, 1, "the running wm-gateway cannot do that\n");
	}
}

static void on_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	if (read(l->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		wm_repair_all(&l->repair);
		return;
	}
	wm_info("stopping; traffic keeps flowing");
	l->stop = true;
}

/* A child that does not answer was taken over or stopped, or its registry keeps it: another one will ask again. */
static void end_what_hangs(struct loop *l)
{
	struct wm_gateway *g = l->g;
	struct wm_answer none = { .kind = WM_ANSWER_PROBLEM };
	uint64_t now = wm_monotonic_ms();

	if (g->fetcher.busy && now - g->fetcher.since > ANSWER_MAX_MS + 1000ull * l->asked_wait_s) {
		wm_warning("the registry's answer does not end; asking again");
		wm_fetcher_stop(&g->fetcher);
		back_off(l);
	}
	if (g->teller.busy && now - g->teller.since > ANSWER_MAX_MS) {
		wm_warning("the registry does not say whether it has the report; telling it anew");
		wm_fetcher_stop(&g->teller);
		wm_fail(&none.err, ETIMEDOUT, "the registry did not answer in time");
		wm_gateway_told(g, &none);
	}
}

static void on_time(struct loop *l)
{
	struct wm_gateway *g = l->g;
	uint64_t now = wm_monotonic_ms();

	wm_repair_on_time(&l->repair);
	if (now >= l->report_at) {
		g->report_due = true;
		l->report_at = now + wm_jitter(REPORT_MS);
	}
	end_what_hangs(l);
	if (!g->fetcher.busy && now >= l->ask_at)
		ask(l);
	wm_gateway_tell(g);
}

static int until_next(const struct loop *l)
{
	uint64_t now = wm_monotonic_ms(), next = WM_MIN(wm_repair_next(&l->repair), l->report_at);

	if (!l->g->fetcher.busy)
		next = WM_MIN(next, l->ask_at);
	return next <= now ? 0 : (int)WM_MIN(next - now, (uint64_t)60000);
}

static void dispatch(struct loop *l, int fd)
{
	if (fd == l->signals)
		on_signal(l);
	else if (fd == l->ctl)
		on_ctl(l);
	else if (fd == l->g->fetcher.fd)
		on_fetcher(l);
	else if (fd == l->g->teller.fd)
		on_teller(l);
	else
		wm_repair_on_notice(&l->repair);
}

static int open_loop(struct loop *l)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	l->signals = signalfd(-1, &set, SFD_CLOEXEC);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->signals < 0 || l->epoll < 0)
		return -errno;
	return watch(l, l->signals) ?: watch(l, l->ctl);
}

int wm_loop_run(struct wm_gateway *g, int ctl_fd)
{
	struct loop l = { .g = g, .ctl = ctl_fd };
	int rc = open_loop(&l);

	if (rc)
		wm_error("cannot start the loop: %s", strerror(-rc));
	wm_repair_open(&l.repair, g, l.epoll);
	g->stays = g->memory.preshared.stays = true;
	l.stop = rc != 0;
	l.report_at = wm_monotonic_ms() + wm_jitter(REPORT_MS);
	while (!l.stop) {
		struct epoll_event ev;
		int n;

		on_time(&l);
		watch_child(&l, &g->fetcher);
		watch_child(&l, &g->teller);
		n = epoll_wait(l.epoll, &ev, 1, until_next(&l));
		if (n > 0)
			dispatch(&l, ev.data.fd);
	}
	answer_waiting(&l);
	wm_repair_close(&l.repair);
	close(l.signals);
	close(l.epoll);
	return rc ? 1 : 0;
}
