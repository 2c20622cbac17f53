/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/logs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lifecycle/run.h"
#include "agent/lifecycle/service.h"
#include "core/util.h"

#define LINES 50
#define TAG "wm-gateway"
#define LOOK_US 500000

static int journal(const struct wm_life *l, struct wm_error *err)
{
	char lines[16], name[WM_PATH_SIZE];
	const char *argv[] = { "journalctl", "--no-pager", "-u", name, "-n", lines, l->opt->follow ? "-f" : NULL, NULL };

	wm_service_own(l, name);
	wm_format(lines, sizeof(lines), "%u", l->opt->lines ? l->opt->lines : LINES);
	return wm_run_instead(argv, err);
}

/* --- syslog's file --------------------------------------------------------------------------------- */

static const char *const files[] = { "/var/log/messages", "/var/log/daemon.log", "/var/log/syslog" };

/* The last lines of ours, in a ring; then what comes. */
struct tail {
	FILE *f;
	char **ring;
	unsigned int size;
	uint64_t n; /* of ours, seen */
};

static int read_on(struct tail *t)
{
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, t->f) > 0) {
		char **place;

		if (!strstr(line, TAG))
			continue;
		place = &t->ring[t->n++ % t->size];
		free(*place);
		*place = line;
		line = NULL;
		cap = 0;
	}
	free(line);
	clearerr(t->f);
	return ferror(t->f) ? -EIO : 0;
}

static void print(struct tail *t)
{
	for (uint64_t i = t->n > t->size ? t->n - t->size : 0; i < t->n; i++)
		fputs(t->ring[i % t->size], stdout);
	t->n = 0;
	fflush(stdout);
}

static int show(struct tail *t, bool follow)
{
	do {
		int rc = read_on(t);

		if (rc)
			return rc;
		print(t);
		if (follow)
			usleep(LOOK_US);
	} while (follow && !ferror(stdout));
	return 0;
}

static int messages(const struct wm_life *l, struct wm_error *err)
{
	struct tail t = { .size = WM_MIN(l->opt->lines ? l->opt->lines : LINES, 100000u) };
	char path[WM_PATH_SIZE];
	int rc = 0;

	for (size_t i = 0; !t.f && i < WM_ARRAY_LEN(files); i++) {
		if (!wm_life_path(l, path, NULL, "%s", files[i]))
			t.f = fopen(path, "re");
	}
	if (!t.f)
		return wm_fail(err, ENOENT, "there is neither systemd's journal nor a readable log file in /var/log on this machine; wm-agent logs to its standard error");
	t.ring = calloc(t.size, sizeof(*t.ring));
	rc = t.ring ? show(&t, l->opt->follow) : -ENOMEM;
	for (unsigned int i = 0; t.ring && i < t.size; i++)
		free(t.ring[i]);
	free(t.ring);
	fclose(t.f);
	return rc ? wm_fail(err, -rc, "%s: cannot read it: %s", path, strerror(-rc)) : 0;
}

int wm_life_logs(const struct wm_life_options *opt)
{
	struct wm_error err = { 0 };
	struct wm_life l;
	int rc = wm_life_begin(&l, opt, &err);

	if (!rc)
		rc = wm_service_manager(&l) == WM_MANAGER_SYSTEMD ? journal(&l, &err) : messages(&l, &err);
	l.changes++;
	return wm_life_end(&l, rc, &err);
}
