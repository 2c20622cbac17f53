/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/removal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"

#define WAITING "removal"
#define SERIES "removals"

static int state_path(const struct wm_instance *inst, const char *name, char *ret)
{
	return wm_format(ret, WM_PATH_SIZE, "%s/%s", inst->state_dir, name);
}

static int read_state(const struct wm_instance *inst, const char *name, char **ret)
{
	char path[WM_PATH_SIZE];
	int rc = state_path(inst, name, path);

	return rc ? rc : wm_read_file(path, WM_REMOVAL_TEXT, ret, NULL);
}

/* rc: of reading it; that there is none is no loss. so: what comes of it. */
static void note_unread(const struct wm_instance *inst, const char *name, int rc, const char *so)
{
	if (rc && rc != -ENOENT)
		wm_warning("%s/%s: cannot read it: %s; %s", inst->state_dir, name, strerror(-rc), so);
}

/* "wm-gateway confirm 12", as it has to be typed. */
static void explain(struct wm_gateway *g)
{
	const struct wm_removal *r = &g->removal;
	const char *name = g->inst->name;

	if (!r->generation || r->confirmed)
		g->waits = (struct wm_error){ 0 };
	else
		wm_fail(&g->waits, 0,
			"generation %" PRIu64 " waits: it removes %" PRIu64 " of the %" PRIu64 " sites, hosts and devices known here lately, and what was in force stays; if that is meant: wm-gateway confirm %" PRIu64 "%s%s",
			r->generation, r->removed, r->known, r->generation, *name ? " --instance " : "", name);
}

static int keep(const struct wm_gateway *g, struct wm_error *err)
{
	WM_AUTO_FREE char *old = NULL;
	char path[WM_PATH_SIZE], text[WM_REMOVAL_TEXT];
	int rc = state_path(g->inst, WAITING, path);

	wm_removal_format(&g->removal, text);
	/* The registry says it again with every answer. */
	if (!rc && (wm_read_file(path, WM_REMOVAL_TEXT, &old, NULL) || strcmp(old, text)))
		rc = wm_replace_file(path, 0600, text, strlen(text));
	return rc ? wm_fail(err, -rc, "%s/removal: cannot write it: %s", g->inst->state_dir, strerror(-rc)) : 0;
}

/* A damaged one is no loss: what is known now is the beginning of the next. */
static void load_series(struct wm_gateway *g)
{
	WM_AUTO_FREE char *text = NULL;
	int rc = read_state(g->inst, SERIES, &text);

	if (!rc)
		rc = wm_removal_series_parse(text, &g->series);
	note_unread(g->inst, SERIES, rc, "removals are counted from now on");
}

/* Only removals are written: without any, what is known is what the config on disk has. */
static void keep_series(const struct wm_gateway *g)
{
	char path[WM_PATH_SIZE], text[WM_REMOVAL_TEXT];
	int rc = state_path(g->inst, SERIES, path);

	wm_removal_series_format(&g->series, text);
	if (!rc && g->series.last)
		rc = wm_replace_file(path, 0600, text, strlen(text));
	else if (!rc && unlink(path) && errno != ENOENT)
		rc = -errno;
	if (rc)
		wm_warning("%s/removals: cannot write it: %s; removals are counted anew after a restart", g->inst->state_dir, strerror(-rc));
}

void wm_gateway_removal_load(struct wm_gateway *g)
{
	WM_AUTO_FREE char *text = NULL;
	int rc = read_state(g->inst, WAITING, &text);

	if (!rc)
		rc = wm_removal_parse(text, &g->removal);
	note_unread(g->inst, WAITING, rc, "what waits for the operator will be told again");
	load_series(g);
	explain(g);
}

bool wm_gateway_may_remove(struct wm_gateway *g, const struct wm_mesh *mesh, size_t removed, size_t known, size_t left)
{
	/* What waits does not go into force by waiting for long enough. */
	bool waits = g->removal.generation && !g->removal.confirmed;
	struct wm_removal now;
	struct wm_error err;

	g->series_next = wm_removal_series_next(&g->series, known, left, wm_unix_time(), waits);
	/* Of the one by itself and of all together, what is worse. */
	if (!wm_removal_is_mass(removed, known) && g->series_next.known > left) {
		known = g->series_next.known;
		removed = known - left;
	}
	if (!wm_removal_is_mass(removed, known))
		return true;
	wm_removal_of(mesh, removed, known, &now);
	/* More than was confirmed is something else, whatever the registry calls it. */
	if (wm_removal_same(&now, &g->removal) && now.removed <= g->removal.removed) {
		if (!g->removal.confirmed)
			return false;
		wm_info("generation %" PRIu64 " was confirmed: %zu of %zu sites, hosts and devices are removed", now.generation,
			removed, known);
		/* With what was meant a new series begins. */
		g->series_next = (struct wm_removal_series){ 0 };
		return true;
	}
	g->removal = now;
	g->report_due = true;
	explain(g);
	wm_warning("%s", g->waits.text);
	if (keep(g, &err))
		wm_warning("%s", err.text);
	return false;
}

void wm_gateway_removal_done(struct wm_gateway *g)
{
	char path[WM_PATH_SIZE];

	if (!g->removal.generation)
		return;
	g->removal = (struct wm_removal){ 0 };
	g->report_due |= *g->waits.text != '\0';
	explain(g);
	if (!state_path(g->inst, WAITING, path) && unlink(path) && errno != ENOENT)
		wm_warning("%s: cannot remove it: %s", path, strerror(errno));
}

void wm_gateway_removal_accepted(struct wm_gateway *g)
{
	struct wm_removal_series before = g->series;

	g->series = g->series_next;
	if (g->series.last != before.last)
		keep_series(g);
	wm_gateway_removal_done(g);
}

int wm_gateway_confirm(struct wm_gateway *g, uint64_t generation, struct wm_error *err)
{
	struct wm_removal *r = &g->removal;

	if (!r->generation)
		return wm_fail(err, ENOENT, "nothing waits to be confirmed");
	if (r->generation != generation)
		return wm_fail(err, ESTALE, "generation %" PRIu64 " waits to be confirmed, not %" PRIu64 "; 'wm-gateway status' says what it removes",
			       r->generation, generation);
	if (r->confirmed)
		return 0;
	r->confirmed = true;
	if (keep(g, err)) {
		r->confirmed = false;
		return -EIO;
	}
	explain(g);
	return 0;
}
