/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf stats: what has become of packets, all together and by host; --watch: again and again, with what happens a
 * second.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/output.h"
#include "core/util.h"
#include "tools/stats.h"
#include "tools/tools.h"

int tool_stats_check(struct context *ctx, struct wm_error *err)
{
	const struct options *o = &ctx->opt;

	if (o->sort && stats_key_parse(o->sort) == STATS_KEYS)
		return tool_misuse(ctx, err, "--sort %s: nothing to sort by; there are bytes, packets, to-bytes, to-packets, "
				   "from-bytes, from-packets, drops, seen, name and address", o->sort);
	if (o->type && !stats_type_valid(o->type))
		return tool_misuse(ctx, err, "--type %s: no type of hosts or devices; there are standard, isolated and roaming", o->type);
	if (o->openmetrics && o->json)
		return tool_misuse(ctx, err, "stats: --json or --openmetrics, not both");
	if (o->openmetrics && o->watch)
		return tool_misuse(ctx, err, "stats: --openmetrics is one answer to one question; who wants rates asks again");
	return 0;
}

static int make_wish(struct context *ctx, struct stats_wish *ret, struct wm_error *err)
{
	const struct options *o = &ctx->opt;
	struct tool_who who;
	int rc = o->host ? tool_find_host(ctx, &who, err) : 0;

	if (!rc && o->sort && stats_key_parse(o->sort) == STATS_SEEN && ctx->plane == &wm_dataplane_nft)
		rc = tool_misuse(ctx, err, "--sort seen: nftables is in force, which does not record it; sort by packets or bytes");
	if (rc)
		return rc;
	*ret = (struct stats_wish){
		.key = o->sort ? stats_key_parse(o->sort) : o->openmetrics && !o->limit ? STATS_ADDRESS : STATS_BYTES,
		.reverse = o->reverse, .limit = o->limit,
		.by_host = o->host, .host = o->host ? who.overlay : 0, .drops = o->only_drops, .type = o->type,
	};
	return 0;
}

static int look(struct context *ctx, struct stats_look *ret, struct wm_error *err)
{
	int rc = ctx->plane->read(&ctx->inst, &ret->counters, err);

	ret->at_ms = wm_monotonic_ms();
	ret->unix_time = wm_unix_time();
	return rc;
}

static int make_view(struct context *ctx, const struct stats_look *now, const struct stats_look *before,
		     const struct stats_wish *wish, struct stats_view *ret, struct wm_error *err)
{
	if (stats_view_make(now, before, &ctx->config, wish, ret))
		return wm_fail(err, ENOMEM, "no memory for %zu hosts and devices", now->counters.nends);
	ret->dataplane = ctx->plane->name;
	ret->seen = ctx->plane != &wm_dataplane_nft;
	return 0;
}

static int once(struct context *ctx, const struct stats_wish *wish, struct wm_error *err)
{
	struct stats_look now = { 0 };
	struct stats_view view = { 0 };
	int rc = look(ctx, &now, err);

	if (!rc)
		rc = make_view(ctx, &now, NULL, wish, &view, err);
	if (!rc && !ctx->opt.openmetrics)
		stats_show(ctx->out, &view, (struct stats_form){ 0 });
	else if (!rc)
		rc = stats_metrics(stdout, &view, ctx->inst.name);
	if (rc && *err->text == '\0')
		wm_fail(err, -rc, "cannot write the metrics: %s", strerror(-rc));
	stats_view_free(&view);
	wm_counters_free(&now.counters);
	return rc;
}

/* --- again and again ------------------------------------------------------------------------- */

static int put_json(const struct stats_view *view)
{
	struct wm_out *out = wm_out_new(stdout, WM_OUT_JSON_LINE);

	if (!out)
		return -ENOMEM;
	stats_show(out, view, (struct stats_form){ .watched = true });
	return wm_out_end(out);
}

static int put_text(const struct context *ctx, FILE *f, const struct stats_view *view, bool brief)
{
	struct wm_out *out = wm_out_new(f, WM_OUT_TEXT);
	time_t at = (time_t)view->unix_time;
	char line[128], clock[32];
	struct tm tm = { 0 };

	if (!out)
		return -ENOMEM;
	localtime_r(&at, &tm);
	strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(line, sizeof(line), "%s, %s, every %lu s", clock, view->dataplane, ctx->opt.watch);
	wm_out_line(out, line);
	stats_show(out, view, (struct stats_form){ .watched = true, .brief = brief });
	if (!brief)
		wm_out_line(out, "");
	return wm_out_end(out);
}

static int draw(const struct context *ctx, const struct stats_view *view, struct tool_screen screen)
{
	WM_AUTO_FREE char *text = NULL, *redraw = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int rc = f ? put_text(ctx, f, view, true) : -ENOMEM;

	if (f && fclose(f) && !rc)
		rc = -ENOMEM;
	if (!rc)
		redraw = tool_redraw(text, screen);
	if (!redraw)
		return rc ? rc : -ENOMEM;
	/* The first time what was there before goes, also to the right of it. */
	if (view->seconds <= 0)
		fputs("\033[H\033[2J", stdout);
	fputs(redraw, stdout);
	return fflush(stdout) ? -errno : 0;
}

/* As many hosts as fit between what is above and a line below; one above it all, one for the cursor. */
static unsigned long fitting(struct tool_screen screen, const struct wm_counters *counters)
{
	size_t others = stats_height(counters) + 3;

	return screen.rows > others ? screen.rows - others : 1;
}

/* 1: whoever read it has left. */
static int show(struct context *ctx, const struct stats_look *now, const struct stats_look *before, struct stats_wish wish,
		struct wm_error *err)
{
	struct tool_screen screen = { 0 };
	struct stats_view view;
	bool terminal = !ctx->opt.json && tool_screen(STDOUT_FILENO, &screen);
	int rc;

	if (terminal && !wish.limit)
		wish.limit = fitting(screen, &now->counters);
	rc = make_view(ctx, now, before, &wish, &view, err);
	if (rc)
		return rc;
	rc = terminal ? draw(ctx, &view, screen) : ctx->opt.json ? put_json(&view) : put_text(ctx, stdout, &view, false);
	stats_view_free(&view);
	if (!rc)
		return 0;
	return tool_reader_left(-rc) ? 1 : wm_fail(err, -rc, "cannot write the output: %s", strerror(-rc));
}

static uint64_t ms_until(uint64_t *next, uint64_t period)
{
	uint64_t now = wm_monotonic_ms();

	do
		*next += period;
	while (*next <= now);
	return *next - now;
}

static int watch(struct context *ctx, const struct stats_wish *wish, struct wm_error *err)
{
	struct stats_look now = { 0 }, before = { 0 };
	uint64_t next = wm_monotonic_ms();
	int stop_fd, rc = tool_stop_open(&stop_fd, err);

	if (rc)
		return rc;
	do {
		tool_recall(ctx);
		rc = look(ctx, &now, err);
		if (rc)
			break;
		rc = show(ctx, &now, before.at_ms ? &before : NULL, *wish, err);
		wm_counters_free(&before.counters);
		before = now;
		now = (struct stats_look){ 0 };
	} while (!rc && !tool_stopped(stop_fd, ms_until(&next, ctx->opt.watch * 1000)));
	wm_counters_free(&before.counters);
	return rc < 0 ? rc : 0;
}

int tool_stats(struct context *ctx, struct wm_error *err)
{
	struct stats_wish wish;
	int rc = make_wish(ctx, &wish, err);

	if (rc)
		return rc;
	return ctx->opt.watch ? watch(ctx, &wish, err) : once(ctx, &wish, err);
}
