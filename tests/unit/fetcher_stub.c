/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/fetcher_stub.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/record.h"
#include "core/util.h"
#include "unit/mesh.h"

#define CHANNEL 3 /* the fetcher's end */

static void send_config(const struct wm_config *c, bool complete)
{
	struct wm_record_end end = { c->mesh.generation, c->nsites + c->nhosts + c->ndevices };

	wm_record_send(CHANNEL, WM_RECORD_MESH, &c->mesh, sizeof(c->mesh));
	for (size_t i = 0; i < c->nsites; i++)
		wm_record_send(CHANNEL, WM_RECORD_SITE, &c->sites[i], sizeof(c->sites[i]));
	for (size_t i = 0; complete && i < c->nhosts; i++)
		wm_record_send(CHANNEL, WM_RECORD_HOST, &c->hosts[i], sizeof(c->hosts[i]));
	for (size_t i = 0; complete && i < c->ndevices; i++)
		wm_record_send(CHANNEL, WM_RECORD_DEVICE, &c->devices[i], sizeof(c->devices[i]));
	if (complete)
		wm_record_send(CHANNEL, WM_RECORD_END, &end, sizeof(end));
}

/* Byte by byte: every border between two reads is met. */
static void send_slowly(const struct wm_config *c)
{
	char *data = NULL;
	size_t len;
	FILE *f = open_memstream(&data, &len);

	wm_config_write(f, c);
	fclose(f);
	for (size_t i = 0; i < len; i++) {
		if (wm_write_full(CHANNEL, data + i, 1))
			break;
	}
	free(data);
}

static void send_problem(int status, int code, const char *text)
{
	struct wm_fetch_problem p = { .http_status = status, .code = code };

	strcpy(p.text, text);
	wm_record_send(CHANNEL, WM_RECORD_PROBLEM, &p, sizeof(p));
}

/* What the gateway left it: the channel, its errors' way out, and two variables. */
static const char *what_is_inherited(void)
{
	extern char **environ;
	DIR *d = opendir("/proc/self/fd");
	sigset_t blocked;
	int nenv = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (atoi(e->d_name) > CHANNEL && atoi(e->d_name) != dirfd(d))
			return "an open file";
	}
	for (char **e = environ; *e; e++, nenv++) {
		if (strncmp(*e, "PATH=", 5) && strncmp(*e, "LC_ALL=", 7))
			return "a variable";
	}
	if (getsid(0) != getpid())
		return "a terminal";
	for (int fd = 0; fd < 2; fd++) {
		struct stat st;

		if (fstat(fd, &st) || st.st_rdev != makedev(1, 3))
			return "stdin or stdout";
	}
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	return sigismember(&blocked, SIGTERM) ? "a blocked signal" : nenv == 2 ? "" : "too little";
}

/* Of generation 17: a host goes. */
static void send_changes(const struct wm_config *c, bool complete)
{
	struct wm_changes head = { .mesh = c->mesh, .after = c->mesh.generation };
	struct wm_gone gone = { .kind = "host", .name = "nas", .domain = "b" };
	struct wm_record_end end = { .generation = c->mesh.generation + 1, .count = 1 };

	head.mesh.generation++;
	wm_record_send(CHANNEL, WM_RECORD_CHANGES, &head, sizeof(head));
	wm_record_send(CHANNEL, WM_RECORD_GONE, &gone, sizeof(gone));
	if (complete)
		wm_record_send(CHANNEL, WM_RECORD_END, &end, sizeof(end));
}

static void answer(const char *what, const struct wm_config *c)
{
	struct pollfd closed = { .fd = CHANNEL };
	struct wm_config bad = *c;

	if (!strcmp(what, "config"))
		send_config(c, true);
	else if (!strcmp(what, "changes"))
		send_changes(c, true);
	else if (!strcmp(what, "half the changes, then problem"))
		send_changes(c, false), send_problem(0, EPIPE, "broke off");
	else if (!strcmp(what, "half the changes twice"))
		send_changes(c, false), send_changes(c, true);
	else if (!strcmp(what, "changes in a config"))
		send_config(c, false), send_changes(c, true);
	else if (!strcmp(what, "a config in changes"))
		send_changes(c, false), send_config(c, true);
	else if (!strcmp(what, "slowly"))
		send_slowly(c);
	else if (!strcmp(what, "unchanged"))
		wm_record_send(CHANNEL, WM_RECORD_UNCHANGED, NULL, 0);
	else if (!strcmp(what, "done"))
		wm_record_send(CHANNEL, WM_RECORD_DONE, NULL, 0);
	else if (!strcmp(what, "problem"))
		send_problem(503, EAGAIN, "the registry is tired");
	else if (!strcmp(what, "hostile"))
		send_problem(200, EPROTO, "x\x1b[2J\xc2\x9b" "2J\n<3>wm-gateway: all is well\a");
	else if (!strcmp(what, "no code"))
		send_problem(0, -5, "nonsense");
	else if (!strcmp(what, "half, then problem"))
		send_config(c, false), send_problem(0, EPIPE, "broke off");
	else if (!strcmp(what, "half, then gone"))
		send_config(c, false), _exit(0);
	else if (!strcmp(what, "gone"))
		_exit(0);
	else if (!strcmp(what, "config, then problem"))
		send_config(c, true), send_problem(0, EPIPE, "broke off");
	else if (!strcmp(what, "without end"))
		while (!wm_record_send(CHANNEL, WM_RECORD_UNCHANGED, NULL, 0))
			;
	else if (!strcmp(what, "garbage"))
		wm_write_full(CHANNEL, "HTTP/1.1 200 OK\r\n\r\n", 19);
	else if (!strcmp(what, "breaks a rule"))
		strcpy(bad.sites[0].domain, "com"), send_config(&bad, true), send_config(c, true);
	else if (!strcmp(what, "two headers"))
		send_config(c, false), send_config(c, true);
	else if (!strcmp(what, "inherited"))
		send_problem(0, EPERM, what_is_inherited());
	else if (!strcmp(what, "deaf"))
		poll(&closed, 1, -1); /* until who asked has gone */
	/* "silent": nothing */
}

int fetcher_main(void)
{
	FILE *f = fdopen(CHANNEL, "r");
	struct wm_record request;
	struct wm_config c;

	if (!f)
		return 1;
	mesh_small_finished(&c);
	while (!wm_record_read(f, &request, NULL))
		answer(request.fetch.target.url, &c);
	wm_config_free(&c);
	fclose(f);
	return 0;
}
