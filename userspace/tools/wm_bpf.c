/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/wm_bpf.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/output.h"
#include "core/record_file.h"
#include "core/util.h"
#include "tools/tools.h"

/* Long options without a letter. */
enum { OPT_HOST = 256, OPT_REASON, OPT_FROM, OPT_TO, OPT_IN, OPT_PROTO, OPT_SPORT, OPT_DPORT, OPT_FLAGS, OPT_TTL, OPT_SIZE, OPT_DF,
       OPT_FRAGMENT, OPT_MAC, OPT_SORT, OPT_TYPE, OPT_DROPS, OPT_OPENMETRICS };

static const struct command {
	const char *name, *options, *help; /* options: letters of letters[] */
	int (*run)(struct context *ctx, struct wm_error *err);
	int (*check)(struct context *ctx, struct wm_error *err); /* may be NULL */
} commands[] = {
	{ "stats", "nHSrYDwM", "packets by what became of them, and by host", tool_stats, tool_stats_check },
	{ "drops", "fnHR", "who was dropped, to whom, why, how often and where", tool_drops, tool_drops_check },
	{ "flows", "", "what isolated hosts and devices may answer right now", tool_flows },
	{ "trace", "T", "what would become of a packet: trace FROM TO [PROTOCOL [PORT]]", tool_trace, tool_trace_check },
	{ "maps", "", "what the data plane is made of, how full and how large", tool_maps },
	{ "status", "", "which data plane is in force, and where the XDP shield is", tool_status },
};

/* The letter in a command's options. */
static const struct {
	int option;
	char letter;
	const char *name;
} letters[] = {
	{ 'f', 'f', "--follow" }, { 'n', 'n', "-n" }, { OPT_HOST, 'H', "--host" }, { OPT_REASON, 'R', "--reason" },
	{ OPT_FROM, 'T', "--from" }, { OPT_TO, 'T', "--to" }, { OPT_IN, 'T', "--in" }, { OPT_PROTO, 'T', "--proto" },
	{ OPT_SPORT, 'T', "--sport" }, { OPT_DPORT, 'T', "--dport" }, { OPT_FLAGS, 'T', "--flags" }, { OPT_TTL, 'T', "--ttl" },
	{ OPT_SIZE, 'T', "--size" }, { OPT_DF, 'T', "--df" }, { OPT_FRAGMENT, 'T', "--fragment" }, { OPT_MAC, 'T', "--mac" },
	{ OPT_SORT, 'S', "--sort" }, { 'r', 'r', "--reverse" }, { OPT_TYPE, 'Y', "--type" }, { OPT_DROPS, 'D', "--drops" },
	{ 'w', 'w', "--watch" }, { OPT_OPENMETRICS, 'M', "--openmetrics" },
};

static void usage(FILE *f)
{
	fprintf(f, "usage: wm-bpf [options] command\n\n");
	for (size_t i = 0; i < WM_ARRAY_LEN(commands); i++)
		fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(f, "\noptions:\n"
		   "  -i, --instance NAME  one of several meshes on this machine (WM_INSTANCE)\n"
		   "  -j, --json           machine-readable\n"
		   "      --help, --version\n"
		   "stats (hosts with the most bytes first):\n"
		   "      --sort KEY       bytes, packets, to-bytes, to-packets, from-bytes, from-packets, drops, seen, name,\n"
		   "                       address\n"
		   "  -r, --reverse        the other way round\n"
		   "  -n N                 no more than N hosts\n"
		   "      --host WHO, --type standard|isolated|roaming, --drops: only such hosts and devices; those with drops\n"
		   "  -w, --watch [S]      again every S seconds (2), with what happens a second, until Ctrl-C; sorted by that;\n"
		   "                       -j: a JSON object a line\n"
		   "      --openmetrics    for Prometheus and its like\n"
		   "drops:\n"
		   "  -f, --follow         each drop as it happens, until Ctrl-C; -j: a JSON object a line\n"
		   "  -n N                 no more than N lines\n"
		   "      --host WHO       from or to nas.b, 192.168.1.10, 172.30.3.2, ...\n"
		   "      --reason NAME    only unregistered, isolated, no_host, ...\n"
		   "trace (who: nas.b, laptop, gw.b or an address; it changes nothing):\n"
		   "      --from WHO, --to WHO, --proto tcp|udp|icmp|N, --dport N: as the words, in any order\n"
		   "      --in lan:IF|wg|self   where it comes in; else where FROM would\n"
		   "      --sport N, --flags S|SA|A|F|R, --ttl N, --size BYTES, --df, --mac MAC\n"
		   "      --fragment first|OFFSET\n\n"
		   "examples:\n"
		   "  wm-bpf stats -w -n 20            who causes traffic, right now?\n"
		   "  wm-bpf stats --sort seen -r      who has been silent for longest?\n"
		   "  wm-bpf drops --host nas.b        why does nothing arrive at nas.b?\n"
		   "  wm-bpf drops -f -j | jq .        as it happens, for a program\n"
		   "  wm-bpf trace nas.b cam.a         would a ping pass?\n"
		   "  wm-bpf trace 192.168.1.20 172.30.3.2 tcp 443\n"
		   "  wm-bpf trace cam.a nas.b icmp reply\n\n"
		   "exit: 0 ok, and of trace: it passes; 1 failed, it does not; 2 usage, or it cannot be tried\n");
}

int tool_misuse(struct context *ctx, struct wm_error *err, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ctx->exit = 2;
	return wm_fail(err, EINVAL, "%s", text);
}

int tool_find_host(struct context *ctx, struct tool_who *ret, struct wm_error *err)
{
	if (!tool_find(ctx, ctx->opt.host, ret))
		return 0;
	return tool_misuse(ctx, err, "--host %s: the saved config knows nobody of that name; give an address", ctx->opt.host);
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

void tool_recall(struct context *ctx)
{
	struct wm_config config;
	char path[WM_PATH_SIZE];
	struct stat st;

	if (wm_format(path, sizeof(path), "%s/config", ctx->inst.state_dir) || stat(path, &st) ||
	    !memcmp(&st.st_mtim, &ctx->config_time, sizeof(st.st_mtim)) || wm_config_recall(path, &config, NULL))
		return;
	wm_config_free(&ctx->config);
	ctx->config = config;
	ctx->config_time = st.st_mtim;
}

static int open_context(struct context *ctx, const char *instance, struct wm_error *err)
{
	int rc;

	if (geteuid())
		return wm_fail(err, EPERM, "this needs root (it reads BPF maps); run it with sudo");
	rc = wm_instance_load(&ctx->inst, instance, NULL, err);
	if (rc)
		return rc;
	tool_recall(ctx);
	return find_plane(ctx, err);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(commands); i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

static int run(const struct command *command, struct context *ctx)
{
	struct wm_error err = { 0 };
	int rc = command->check ? command->check(ctx, &err) : 0;

	if (!rc)
		rc = open_context(ctx, ctx->opt.instance, &err);
	/* What goes on, and what is neither text nor JSON, writes for itself. */
	if (!rc && !ctx->opt.follow && !ctx->opt.watch && !ctx->opt.openmetrics) {
		ctx->out = wm_out_new(stdout, ctx->opt.json ? WM_OUT_JSON : WM_OUT_TEXT);
		rc = ctx->out ? 0 : wm_fail(&err, ENOMEM, "out of memory");
	}
	if (!rc)
		rc = command->run(ctx, &err);
	if (ctx->out && wm_out_end(ctx->out) && !rc)
		rc = wm_fail(&err, EIO, "cannot write the output");
	wm_config_free(&ctx->config);
	if (!rc)
		return ctx->exit;
	fprintf(stderr, "wm-bpf: %s\n", err.text);
	/* That a packet does not get there is 1, that it could not be tried is not. */
	return ctx->exit ? ctx->exit : command->run == tool_trace ? 2 : 1;
}

/* Where an option that is a word is kept; NULL: it is none. */
static const char **word_of(struct options *opt, int c)
{
	const char **const words[] = {
		[OPT_HOST - OPT_HOST] = &opt->host,   [OPT_REASON - OPT_HOST] = &opt->reason, [OPT_FROM - OPT_HOST] = &opt->from,
		[OPT_TO - OPT_HOST] = &opt->to,       [OPT_IN - OPT_HOST] = &opt->in,         [OPT_PROTO - OPT_HOST] = &opt->proto,
		[OPT_SPORT - OPT_HOST] = &opt->sport, [OPT_DPORT - OPT_HOST] = &opt->dport,   [OPT_FLAGS - OPT_HOST] = &opt->flags,
		[OPT_TTL - OPT_HOST] = &opt->ttl,     [OPT_SIZE - OPT_HOST] = &opt->size,     [OPT_FRAGMENT - OPT_HOST] = &opt->fragment,
		[OPT_MAC - OPT_HOST] = &opt->mac,     [OPT_SORT - OPT_HOST] = &opt->sort,     [OPT_TYPE - OPT_HOST] = &opt->type,
	};

	return c >= OPT_HOST && (size_t)(c - OPT_HOST) < WM_ARRAY_LEN(words) ? words[c - OPT_HOST] : NULL;
}

/* 0, or 2 after saying what is wrong. */
static int take_watch(struct options *opt, const char *seconds)
{
	opt->watch = 2;
	if (!seconds || (!tool_number(seconds, 86400, &opt->watch) && opt->watch))
		return 0;
	fprintf(stderr, "wm-bpf: --watch %s: not a number of seconds; from 1 to 86400\n", seconds);
	return 2;
}

/* 0, or 2 after saying what is wrong. */
static int take_option(int c, unsigned int *used, struct options *opt)
{
	const char **word;

	for (size_t i = 0; i < WM_ARRAY_LEN(letters); i++) {
		if (letters[i].option == c)
			*used |= 1u << i;
	}
	word = word_of(opt, c);
	if (word) {
		*word = optarg;
		return 0;
	}
	switch (c) {
	case 'i':
		opt->instance = optarg;
		return 0;
	case 'j':
		opt->json = true;
		return 0;
	case 'f':
		opt->follow = true;
		return 0;
	case 'n':
		if (!tool_number(optarg, 1000000000, &opt->limit) && opt->limit)
			return 0;
		fprintf(stderr, "wm-bpf: -n %s: not a number of lines; 1 or more\n", optarg);
		return 2;
	case 'r':
		opt->reverse = true;
		return 0;
	case 'w':
		return take_watch(opt, optarg);
	case OPT_DROPS:
		opt->only_drops = true;
		return 0;
	case OPT_OPENMETRICS:
		opt->openmetrics = true;
		return 0;
	case OPT_DF:
		opt->df = true;
		return 0;
	default:
		fprintf(stderr, "wm-bpf --help lists commands and options\n");
		return 2;
	}
}

/* The command, or NULL after saying what is wrong. */
static const struct command *chosen(struct options *opt, unsigned int used)
{
	const struct command *command = find_command(opt->words[0]);

	if (!command) {
		fprintf(stderr, "wm-bpf: there is no command '%s'; wm-bpf --help lists them\n", opt->words[0]);
		return NULL;
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(letters); i++) {
		if (!(used & 1u << i) || strchr(command->options, letters[i].letter))
			continue;
		fprintf(stderr, "wm-bpf: %s takes no %s; wm-bpf --help lists what it takes\n", command->name, letters[i].name);
		return NULL;
	}
	opt->words++;
	opt->nwords--;
	if (opt->nwords && !strchr(command->options, 'T')) {
		fprintf(stderr, "wm-bpf: %s takes no '%s'; wm-bpf --help lists what it takes\n", command->name, opt->words[0]);
		return NULL;
	}
	return command;
}

int wm_bpf_main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "instance", required_argument, NULL, 'i' }, { "json", no_argument, NULL, 'j' },
		{ "follow", no_argument, NULL, 'f' }, { "host", required_argument, NULL, OPT_HOST },
		{ "reason", required_argument, NULL, OPT_REASON }, { "from", required_argument, NULL, OPT_FROM },
		{ "to", required_argument, NULL, OPT_TO }, { "in", required_argument, NULL, OPT_IN },
		{ "proto", required_argument, NULL, OPT_PROTO }, { "sport", required_argument, NULL, OPT_SPORT },
		{ "dport", required_argument, NULL, OPT_DPORT }, { "flags", required_argument, NULL, OPT_FLAGS },
		{ "ttl", required_argument, NULL, OPT_TTL }, { "size", required_argument, NULL, OPT_SIZE },
		{ "df", no_argument, NULL, OPT_DF }, { "fragment", required_argument, NULL, OPT_FRAGMENT },
		{ "mac", required_argument, NULL, OPT_MAC }, { "sort", required_argument, NULL, OPT_SORT },
		{ "type", required_argument, NULL, OPT_TYPE }, { "reverse", no_argument, NULL, 'r' },
		{ "drops", no_argument, NULL, OPT_DROPS }, { "watch", optional_argument, NULL, 'w' },
		{ "openmetrics", no_argument, NULL, OPT_OPENMETRICS },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 },
	};
	struct context ctx = { 0 };
	const struct command *command;
	unsigned int used = 0; /* of letters[] */
	int c;

	while ((c = getopt_long(argc, argv, "i:jfn:rw::h", longs, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (c == 'V') {
			puts("wm-bpf " WM_VERSION);
			return 0;
		}
		/* Its value may stand behind a space, as everybody else's. */
		if (c == 'w' && !optarg && optind < argc && *argv[optind] >= '0' && *argv[optind] <= '9')
			optarg = argv[optind++];
		if (take_option(c, &used, &ctx.opt))
			return 2;
	}
	ctx.opt.words = argv + optind;
	ctx.opt.nwords = argc - optind;
	if (ctx.opt.nwords < 1) {
		usage(stderr);
		return 2;
	}
	command = chosen(&ctx.opt, used);
	return command ? run(command, &ctx) : 2;
}
