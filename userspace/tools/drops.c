/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf drops: who was dropped, to whom, why, how often and where; -f: each drop as it happens.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/output.h"
#include "core/util.h"
#include "tools/tools.h"

#define WHO_TEXT (WM_FQDN_SIZE + 64)
#define POLL_MS 1000 /* where the back end cannot tell drops as they happen */

/* What the options let through. */
struct filter {
	struct tool_who host;  /* if by_host */
	bool by_host;
	unsigned int reason;   /* WM_REASON_COUNT: any */
};

/* The reason of that name; WM_REASON_COUNT: none, or no name is given. */
static unsigned int find_reason(const char *name)
{
	unsigned int r = 0;

	while (r < WM_REASON_COUNT && !(name && wm_reason_is_drop(r) && !strcmp(wm_reason_name(r), name)))
		r++;
	return r;
}

int tool_drops_check(struct context *ctx, struct wm_error *err)
{
	const char *reason = ctx->opt.reason;

	if (!reason || find_reason(reason) < WM_REASON_COUNT)
		return 0;
	return tool_misuse(ctx, err, "--reason %s: no packet is dropped for that; wm-bpf stats lists the reasons", reason);
}

static int make_filter(struct context *ctx, struct filter *ret, struct wm_error *err)
{
	*ret = (struct filter){ .by_host = ctx->opt.host != NULL, .reason = find_reason(ctx->opt.reason) };
	return ctx->opt.host ? tool_find_host(ctx, &ret->host, err) : 0;
}

static bool is_host(const struct tool_who *host, wm_ip4 addr)
{
	return addr && (addr == host->overlay || addr == host->local);
}

static bool passes(const struct filter *f, const struct wm_drop_view *v)
{
	if (f->reason < WM_REASON_COUNT && f->reason != v->reason)
		return false;
	return !f->by_host || is_host(&f->host, v->src) || is_host(&f->host, v->dst) || is_host(&f->host, v->sender);
}

/* --- one of them, in words ----------------------------------------------------------------- */

struct words {
	char from_name[WM_FQDN_SIZE], to_name[WM_FQDN_SIZE]; /* "": nobody that we know */
	char from[WM_IP4_TEXT], to[WM_IP4_TEXT], mac[WM_MAC_TEXT], interface[TOOL_IFNAME];
	/* for people */
	char sender[WHO_TEXT], protocol[TOOL_PROTOCOL + 8], where[TOOL_IFNAME + 32];
};

/* The sender by name if it is registered; by its MAC besides, where that may be the point. */
static void name_sender(const struct wm_drop_view *v, struct words *w)
{
	bool shown = v->has_mac && (!*w->from_name || v->reason == WM_REASON_UNREGISTERED);

	snprintf(w->sender, sizeof(w->sender), "%s%s%s%s", *w->from_name ? w->from_name : w->from, shown ? " (" : "",
		 shown ? w->mac : "", shown ? ")" : "");
}

static void name_place(const struct wm_drop_view *v, struct words *w)
{
	if (v->place == WM_DROP_FROM_WG)
		snprintf(w->where, sizeof(w->where), "from the mesh");
	else if (v->place == WM_DROP_FROM_LAN)
		snprintf(w->where, sizeof(w->where), "from %s", w->interface);
	else if (*w->interface)
		snprintf(w->where, sizeof(w->where), "going out, from %s", w->interface);
	else
		snprintf(w->where, sizeof(w->where), "going out, our own");
}

static void put_in_words(const struct context *ctx, const struct wm_drop_view *v, struct words *w)
{
	const char *proto;

	*w = (struct words){ "" };
	wm_ip4_format(v->src, w->from);
	wm_ip4_format(v->dst, w->to);
	if (v->has_mac)
		wm_mac_format(&v->mac, w->mac);
	if (v->ifindex)
		tool_ifname(v->ifindex, w->interface);
	/* An overlay address in a frame from a LAN is nobody's there. */
	if (v->sender || v->place != WM_DROP_FROM_LAN)
		tool_name(ctx, v->sender ? v->sender : v->src, w->from_name);
	tool_name(ctx, v->dst, w->to_name);
	proto = tool_protocol(v->proto, w->protocol);
	if (v->port)
		snprintf(w->protocol, sizeof(w->protocol), "%s %u", proto, v->port);
	else if (proto != w->protocol)
		snprintf(w->protocol, sizeof(w->protocol), "%s", proto);
	name_sender(v, w);
	if (!v->src && !v->dst)
		snprintf(w->sender, sizeof(w->sender), "not IPv4");
	name_place(v, w);
}

static const char *or_null(const char *s)
{
	return *s ? s : NULL;
}

/* --- the list ------------------------------------------------------------------------------ */

static void print_list(struct context *ctx, const struct wm_drop_views *views, const struct filter *filter)
{
	static const struct wm_col cols[] = {
		{ NULL, "WHEN", WM_COL_RIGHT }, { "last", NULL, 0 }, { "reason", "REASON", 0 }, { NULL, "FROM", 0 },
		{ "from_name", NULL, 0 }, { "from", NULL, 0 }, { "mac", NULL, 0 }, { NULL, "TO", 0 }, { "to_name", NULL, 0 },
		{ "to", NULL, 0 }, { NULL, "PROTOCOL", 0 }, { "protocol", NULL, 0 }, { "port", NULL, 0 },
		{ "packets", "PACKETS", WM_COL_RIGHT }, { "bytes", NULL, 0 }, { NULL, "WHERE", 0 }, { "where", NULL, 0 },
		{ "interface", NULL, 0 },
	};
	char age[TOOL_AGE], proto[TOOL_PROTOCOL];
	unsigned long shown = 0;
	struct words w;

	wm_out_table(ctx->out, "drops", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < views->n && (!ctx->opt.limit || shown < ctx->opt.limit); i++) {
		const struct wm_drop_view *v = &views->item[i];

		if (!passes(filter, v))
			continue;
		shown++;
		put_in_words(ctx, v, &w);
		wm_out_row(ctx->out);
		wm_out_cell_str(ctx->out, tool_age(v->last, age));
		wm_out_cell_uint(ctx->out, (uint64_t)v->last);
		wm_out_cell_str(ctx->out, wm_reason_name(v->reason));
		wm_out_cell_str(ctx->out, w.sender);
		wm_out_cell_str(ctx->out, or_null(w.from_name));
		wm_out_cell_str(ctx->out, w.from);
		wm_out_cell_str(ctx->out, or_null(w.mac));
		wm_out_cell_str(ctx->out, *w.to_name ? w.to_name : w.to);
		wm_out_cell_str(ctx->out, or_null(w.to_name));
		wm_out_cell_str(ctx->out, w.to);
		wm_out_cell_str(ctx->out, w.protocol);
		wm_out_cell_str(ctx->out, tool_protocol(v->proto, proto));
		wm_out_cell_uint(ctx->out, v->port);
		wm_out_cell_uint(ctx->out, v->count.packets);
		wm_out_cell_uint(ctx->out, v->count.bytes);
		wm_out_cell_str(ctx->out, w.where);
		wm_out_cell_str(ctx->out, wm_drop_place_name(v->place));
		wm_out_cell_str(ctx->out, or_null(w.interface));
	}
	wm_out_table_end(ctx->out, ctx->opt.host || ctx->opt.reason ? "no such drop is in the list" : "nothing was dropped");
}

/* Each reason that occurs, how much of it the list does not have, and what to do. */
static void print_reasons(struct context *ctx, const struct wm_drop_views *views, const struct wm_counters *counters,
			  const struct filter *filter)
{
	static const struct wm_col cols[] = {
		{ "name", "REASON", 0 }, { "packets", "DROPPED", WM_COL_RIGHT }, { "others", "NOT IN THE LIST", WM_COL_RIGHT },
		{ "help", "MEANING", 0 }, { "advice", "WHAT TO DO", WM_COL_TRUNC },
	};
	uint64_t listed[WM_REASON_COUNT] = { 0 };

	for (size_t i = 0; i < views->n; i++) {
		if (views->item[i].reason < WM_REASON_COUNT)
			listed[views->item[i].reason] += views->item[i].count.packets;
	}
	wm_out_line(ctx->out, "");
	wm_out_table(ctx->out, "reasons", NULL, cols, WM_ARRAY_LEN(cols));
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++) {
		uint64_t all = counters->reason[r].packets;

		if (!wm_reason_is_drop(r) || !all || (filter->reason < WM_REASON_COUNT && filter->reason != r))
			continue;
		wm_out_row(ctx->out);
		wm_out_cell_str(ctx->out, wm_reason_name(r));
		wm_out_cell_uint(ctx->out, all);
		wm_out_cell_uint(ctx->out, all > listed[r] ? all - listed[r] : 0);
		wm_out_cell_str(ctx->out, wm_reason_help(r));
		wm_out_cell_str(ctx->out, tool_advice(r));
	}
	wm_out_table_end(ctx->out, NULL);
}

static int list(struct context *ctx, const struct filter *filter, struct wm_error *err)
{
	struct wm_drop_views views = { 0 };
	struct wm_counters counters = { 0 };
	int rc = ctx->plane->drops(&ctx->inst, &views, err);

	if (!rc)
		rc = ctx->plane->read(&ctx->inst, &counters, err);
	if (!rc) {
		wm_out_str(ctx->out, "dataplane", NULL, ctx->plane->name);
		print_list(ctx, &views, filter);
		print_reasons(ctx, &views, &counters, filter);
	}
	wm_counters_free(&counters);
	wm_drop_views_free(&views);
	return rc;
}

/* --- as they happen ------------------------------------------------------------------------ */

struct following {
	struct context *ctx;
	struct filter filter;
	unsigned long shown;
	int error; /* of writing */
};

static void print_json(const struct wm_drop_view *v, const struct words *w)
{
	struct wm_out *out = wm_out_new(stdout, WM_OUT_JSON_LINE);
	char proto[TOOL_PROTOCOL];

	if (!out)
		return;
	wm_out_uint(out, "time", NULL, (uint64_t)v->last);
	wm_out_str(out, "reason", NULL, wm_reason_name(v->reason));
	wm_out_str(out, "from_name", NULL, or_null(w->from_name));
	wm_out_str(out, "from", NULL, w->from);
	wm_out_str(out, "mac", NULL, or_null(w->mac));
	wm_out_str(out, "to_name", NULL, or_null(w->to_name));
	wm_out_str(out, "to", NULL, w->to);
	wm_out_str(out, "protocol", NULL, tool_protocol(v->proto, proto));
	wm_out_uint(out, "port", NULL, v->port);
	wm_out_uint(out, "packets", NULL, v->count.packets);
	wm_out_uint(out, "bytes", NULL, v->count.bytes);
	wm_out_str(out, "where", NULL, wm_drop_place_name(v->place));
	wm_out_str(out, "interface", NULL, or_null(w->interface));
	wm_out_end(out);
}

static void print_line(const struct wm_drop_view *v, const struct words *w)
{
	time_t at = (time_t)v->last;
	struct tm tm = { 0 };
	char clock[16], packets[32] = "";

	localtime_r(&at, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (v->count.packets > 1)
		snprintf(packets, sizeof(packets), "%llu packets, ", (unsigned long long)v->count.packets);
	printf("%s  %-12s  %s > %s  %s  %s%llu bytes, %s\n", clock, wm_reason_name(v->reason), w->sender,
	       *w->to_name ? w->to_name : w->to, w->protocol, packets, (unsigned long long)v->count.bytes, w->where);
}

/* A line is out when it is written, also to a pipe. Nobody there any more, or a signal while it was full, is an end. */
static int written(struct following *f)
{
	if (fflush(stdout)) {
		f->error = tool_reader_left(errno) ? 0 : errno;
		return 1;
	}
	return f->ctx->opt.limit && f->shown >= f->ctx->opt.limit;
}

static int told(void *arg, const struct wm_drop_view *v)
{
	struct following *f = arg;
	struct words w;

	if (!passes(&f->filter, v))
		return 0;
	put_in_words(f->ctx, v, &w);
	if (f->ctx->opt.json)
		print_json(v, &w);
	else
		print_line(v, &w);
	f->shown++;
	return written(f);
}

static int untold(void *arg, uint64_t n)
{
	struct following *f = arg;

	if (f->ctx->opt.json)
		printf("{\"not_shown\": %llu}\n", (unsigned long long)n);
	else
		printf("... %llu more not shown; wm-bpf stats counts all\n", (unsigned long long)n);
	return written(f);
}

/* The list, once a second: what rose since. */
static int follow_list(struct following *f, int stop_fd, struct wm_error *err)
{
	const struct wm_dataplane *plane = f->ctx->plane;
	struct wm_drop_views was = { 0 }, is = { 0 }, risen = { 0 };
	int rc = plane->drops(&f->ctx->inst, &was, err), enough = 0;

	while (!rc && !enough && !tool_stopped(stop_fd, POLL_MS)) {
		rc = plane->drops(&f->ctx->inst, &is, err);
		if (rc)
			break;
		rc = wm_drop_views_risen(&was, &is, &risen);
		if (rc)
			wm_fail(err, -rc, "out of memory");
		for (size_t i = risen.n; !rc && !enough && i > 0; i--)
			enough = told(f, &risen.item[i - 1]);
		wm_drop_views_free(&risen);
		wm_drop_views_free(&was);
		was = is;
		is = (struct wm_drop_views){ 0 };
	}
	wm_drop_views_free(&was);
	return rc;
}

static int follow(struct context *ctx, const struct filter *filter, struct wm_error *err)
{
	struct following f = { .ctx = ctx, .filter = *filter };
	struct wm_drop_follower follower = { .told = told, .untold = untold, .arg = &f };
	int rc = tool_stop_open(&follower.stop_fd, err);

	if (rc)
		return rc;
	rc = ctx->plane->follow ? ctx->plane->follow(&ctx->inst, &follower, err) : follow_list(&f, follower.stop_fd, err);
	if (!rc && f.error)
		rc = wm_fail(err, f.error, "cannot write the output: %s", strerror(f.error));
	return rc;
}

int tool_drops(struct context *ctx, struct wm_error *err)
{
	struct filter filter;
	int rc = make_filter(ctx, &filter, err);

	if (rc)
		return rc;
	return ctx->opt.follow ? follow(ctx, &filter, err) : list(ctx, &filter, err);
}
