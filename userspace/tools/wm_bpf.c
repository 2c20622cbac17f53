/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/wm_bpf.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/output.h"
#include "core/record.h"
#include "core/util.h"
#include "kernel/dataplane.h"
#include "kernel/link.h"

struct context {
	struct wm_instance inst;
	const struct wm_dataplane *plane; /* in force */
	struct wm_config config;          /* the last good one, for names; may be empty */
	struct wm_out *out;
};

/* --- stats ----------------------------------------------------------------------------- */

static void print_reasons(struct wm_out *out, const struct wm_counters *c)
{
	static const struct wm_col cols[] = {
		{ "name", "REASON", 0 }, { "drop", NULL, 0 }, { NULL, "", 0 }, { "packets", "PACKETS", WM_COL_RIGHT },
		{ "bytes", "BYTES", WM_COL_RIGHT }, { "help", "MEANING", WM_COL_TRUNC },
	};

	wm_out_table(out, "reasons", NULL, cols, WM_ARRAY_LEN(cols));
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++) {
		wm_out_row(out);
		wm_out_cell_str(out, wm_reason_name(r));
		wm_out_cell_bool(out, wm_reason_is_drop(r));
		wm_out_cell_str(out, wm_reason_is_drop(r) ? "drop" : "pass");
		wm_out_cell_uint(out, c->reason[r].packets);
		wm_out_cell_uint(out, c->reason[r].bytes);
		wm_out_cell_str(out, wm_reason_help(r));
	}
	wm_out_table_end(out, NULL);
}

/* Host or device at an overlay address; NULL when the saved config does not have it. */
static const char *end_name(const struct wm_config *config, wm_ip4 overlay, char *buf, size_t size)
{
	const struct wm_site *hub = wm_config_hub(config);

	for (size_t low = 0, high = config->nhosts; low < high;) {
		size_t mid = low + (high - low) / 2;
		const struct wm_host *h = &config->hosts[mid];

		if (h->overlay == overlay) {
			snprintf(buf, size, "%s.%s", h->name, h->domain);
			return buf;
		}
		if (h->overlay < overlay)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t i = 0; hub && i < config->ndevices; i++) {
		if (config->devices[i].overlay != overlay)
			continue;
		snprintf(buf, size, "%s.%s", config->devices[i].name, hub->domain);
		return buf;
	}
	return NULL;
}

static void print_ends(struct context *ctx, const struct wm_counters *c)
{
	static const struct wm_col cols[] = {
		{ "name", "HOST", 0 }, { "wg_ip", "OVERLAY", 0 },
		{ "to_packets", "PACKETS TO", WM_COL_RIGHT }, { "to_bytes", "BYTES TO", WM_COL_RIGHT },
		{ "from_packets", "PACKETS FROM", WM_COL_RIGHT }, { "from_bytes", "BYTES FROM", WM_COL_RIGHT },
		{ "drops", "DROPS", WM_COL_RIGHT }, { "last_seen", NULL, 0 }, { NULL, "LAST SEEN", WM_COL_RIGHT },
	};
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT], age[32];
	int64_t now = wm_unix_time();

	wm_out_line(ctx->out, "");
	wm_out_table(ctx->out, "hosts", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < c->nends; i++) {
		const struct wm_end_counters *e = &c->ends[i];

		snprintf(age, sizeof(age), "%lld s ago", (long long)(now > e->last_seen ? now - e->last_seen : 0));
		wm_out_row(ctx->out);
		wm_out_cell_str(ctx->out, end_name(&ctx->config, e->overlay, name, sizeof(name)));
		wm_out_cell_str(ctx->out, wm_ip4_format(e->overlay, addr));
		wm_out_cell_uint(ctx->out, e->to.packets);
		wm_out_cell_uint(ctx->out, e->to.bytes);
		wm_out_cell_uint(ctx->out, e->from.packets);
		wm_out_cell_uint(ctx->out, e->from.bytes);
		wm_out_cell_uint(ctx->out, e->drops);
		wm_out_cell_uint(ctx->out, (uint64_t)e->last_seen);
		wm_out_cell_str(ctx->out, e->last_seen ? age : "never");
	}
	wm_out_table_end(ctx->out, "no registered host or device");
}

static int cmd_stats(struct context *ctx, struct wm_error *err)
{
	struct wm_counters counters;
	int rc = ctx->plane->read(&ctx->inst, &counters, err);

	if (rc)
		return rc;
	wm_out_str(ctx->out, "dataplane", NULL, ctx->plane->name);
	print_reasons(ctx->out, &counters);
	print_ends(ctx, &counters);
	wm_counters_free(&counters);
	return 0;
}

/* --- flows ------------------------------------------------------------------------------- */

static const char *protocol_name(uint8_t proto, char buf[8])
{
	if (proto == IPPROTO_TCP)
		return "tcp";
	if (proto == IPPROTO_UDP)
		return "udp";
	if (proto == IPPROTO_ICMP)
		return "icmp";
	snprintf(buf, 8, "%u", proto);
	return buf;
}

static int cmd_flows(struct context *ctx, struct wm_error *err)
{
	static const struct wm_col cols[] = {
		{ "name", "ISOLATED", 0 }, { "wg_ip", "OVERLAY", 0 }, { "protocol", "PROTO", 0 },
		{ "port", "PORT, ID", WM_COL_RIGHT }, { "peer_name", "PEER", 0 }, { "peer", "ADDRESS", 0 },
		{ "peer_port", "PORT", WM_COL_RIGHT }, { "state", "STATE", 0 }, { "seconds", "LIVES FOR S", WM_COL_RIGHT },
	};
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT], proto[8];
	struct wm_flow_views views;
	int rc = ctx->plane->flows(&ctx->inst, &views, err);

	if (rc)
		return rc;
	wm_out_table(ctx->out, "flows", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < views.n; i++) {
		const struct wm_flow_view *v = &views.item[i];

		wm_out_row(ctx->out);
		wm_out_cell_str(ctx->out, end_name(&ctx->config, v->end, name, sizeof(name)));
		wm_out_cell_str(ctx->out, wm_ip4_format(v->end, addr));
		wm_out_cell_str(ctx->out, protocol_name(v->proto, proto));
		wm_out_cell_uint(ctx->out, v->end_port);
		wm_out_cell_str(ctx->out, end_name(&ctx->config, v->peer, name, sizeof(name)));
		wm_out_cell_str(ctx->out, wm_ip4_format(v->peer, addr));
		wm_out_cell_uint(ctx->out, v->peer_port);
		wm_out_cell_str(ctx->out, wm_flow_state_name(v->state));
		wm_out_cell_uint(ctx->out, v->seconds);
	}
	wm_out_table_end(ctx->out, "no flow through an isolated host or device");
	wm_flow_views_free(&views);
	return 0;
}

/* --- status ------------------------------------------------------------------------------ */

static int cmd_status(struct context *ctx, struct wm_error *err)
{
	struct wm_counters counters;
	uint64_t passed = 0, dropped = 0;
	bool up = false;
	int rc = ctx->plane->read(&ctx->inst, &counters, err);

	if (rc)
		return rc;
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++)
		*(wm_reason_is_drop(r) ? &dropped : &passed) += counters.reason[r].packets;
	wm_link_index(ctx->inst.ifname, &up);
	wm_out_str(ctx->out, "dataplane", "data plane", ctx->plane->name);
	wm_out_str(ctx->out, "interface", "interface", ctx->inst.ifname);
	wm_out_bool(ctx->out, "up", "up", up);
	wm_out_uint(ctx->out, "hosts", "registered", counters.nends);
	wm_out_uint(ctx->out, "passed", "packets passed", passed);
	wm_out_uint(ctx->out, "dropped", "packets dropped", dropped);
	wm_counters_free(&counters);
	return 0;
}

/* --- program ------------------------------------------------------------------------------- */

static const struct {
	const char *name, *help;
	int (*run)(struct context *ctx, struct wm_error *err);
} commands[] = {
	{ "stats", "packets by what became of them, and by host", cmd_stats },
	{ "flows", "what isolated hosts and devices may answer right now", cmd_flows },
	{ "status", "which data plane is in force", cmd_status },
};

static void usage(FILE *f)
{
	fprintf(f, "usage: wm-bpf [options] command\n\n");
	for (size_t i = 0; i < WM_ARRAY_LEN(commands); i++)
		fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(f, "\noptions:\n"
		   "  -i, --instance NAME  one of several meshes on this machine (WM_INSTANCE)\n"
		   "  -j, --json           machine-readable\n"
		   "      --help, --version\n\n"
		   "exit: 0 ok, 1 failed, 2 usage\n");
}

static int find_plane(struct context *ctx, struct wm_error *err)
{
	static const struct wm_dataplane *const planes[] = { &wm_dataplane_bpf, &wm_dataplane_nft };

	for (size_t i = 0; i < WM_ARRAY_LEN(planes); i++) {
		int rc = planes[i]->present(&ctx->inst, err);

		if (rc < 0)
			return rc;
		if (rc) {
			ctx->plane = planes[i];
			return 0;
		}
	}
	return wm_fail(err, ENOENT, "no data plane is in force for %s%s%s; 'wm-gateway status' tells why", *ctx->inst.name ? "instance '" : "this machine",
		       ctx->inst.name, *ctx->inst.name ? "'" : "");
}

static int open_context(struct context *ctx, const char *instance, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc;

	if (geteuid())
		return wm_fail(err, EPERM, "this needs root (it reads BPF maps); run it with sudo");
	rc = wm_instance_load(&ctx->inst, instance, NULL, err);
	if (rc)
		return rc;
	/* Without a saved config hosts show by address. */
	if (!wm_format(path, sizeof(path), "%s/config", ctx->inst.state_dir) && wm_config_load(path, &ctx->config, NULL))
		ctx->config = (struct wm_config){ 0 };
	return find_plane(ctx, err);
}

static int run(const char *name, const char *instance, bool json)
{
	struct context ctx = { 0 };
	struct wm_error err = { 0 };
	int rc = -EINVAL;

	for (size_t i = 0; i < WM_ARRAY_LEN(commands); i++) {
		if (strcmp(name, commands[i].name))
			continue;
		rc = open_context(&ctx, instance, &err);
		if (rc)
			break;
		ctx.out = wm_out_new(stdout, json ? WM_OUT_JSON : WM_OUT_TEXT);
		rc = ctx.out ? commands[i].run(&ctx, &err) : -ENOMEM;
		if (ctx.out && wm_out_end(ctx.out) && !rc)
			rc = wm_fail(&err, EIO, "cannot write the output");
		break;
	}
	wm_config_free(&ctx.config);
	if (!rc)
		return 0;
	if (!*err.text) {
		fprintf(stderr, "wm-bpf: there is no command '%s'; wm-bpf --help lists them\n", name);
		return 2;
	}
	fprintf(stderr, "wm-bpf: %s\n", err.text);
	return 1;
}

int wm_bpf_main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "instance", required_argument, NULL, 'i' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 },
	};
	const char *instance = NULL;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "i:jh", longs, NULL)) != -1) {
		switch (c) {
		case 'i':
			instance = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			puts("wm-bpf " WM_VERSION);
			return 0;
		default:
			fprintf(stderr, "wm-bpf --help lists commands and options\n");
			return 2;
		}
	}
	if (argc - optind != 1) {
		usage(stderr);
		return 2;
	}
	return run(argv[optind], instance, json);
}
