/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the commands of wm-bpf share: what they were asked, and how things are called.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "core/instance.h"
#include "core/model.h"
#include "kernel/dataplane.h"

struct wm_out;

struct options {
	const char *instance;
	bool json;
	bool follow;
	const char *host, *reason; /* drops, stats: only these */
	unsigned long limit;       /* drops, stats: so many; 0: all */
	/* stats */
	const char *sort, *type;
	bool reverse, only_drops, openmetrics;
	unsigned long watch;       /* seconds; 0: once */
	/* trace: in words */
	const char *from, *to, *in, *proto, *sport, *dport, *flags, *ttl, *size, *fragment, *mac;
	bool df;
	char **words;              /* behind the command */
	int nwords;
};

struct context {
	struct options opt;
	struct wm_instance inst;
	const struct wm_dataplane *plane; /* in force */
	struct wm_config config;          /* the last good one, for names; may be empty */
	struct timespec config_time;      /* of its file */
	struct wm_out *out;
	int exit;                         /* of the program; 0: as the command's return says */
};

/* A command: 0, or -errno with the sentence in err. ctx->exit may say more. */
int tool_stats(struct context *ctx, struct wm_error *err);
int tool_status(struct context *ctx, struct wm_error *err);
int tool_flows(struct context *ctx, struct wm_error *err);
int tool_drops(struct context *ctx, struct wm_error *err);
int tool_trace(struct context *ctx, struct wm_error *err);
int tool_maps(struct context *ctx, struct wm_error *err);

/* What is wrong with a command's words, whatever machine this is; comes before all else. */
int tool_stats_check(struct context *ctx, struct wm_error *err);
int tool_drops_check(struct context *ctx, struct wm_error *err);
int tool_trace_check(struct context *ctx, struct wm_error *err);

/* The command line is wrong: -EINVAL, and exit 2. */
int tool_misuse(struct context *ctx, struct wm_error *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Reads the saved config, or reads it again if it has changed since. Without one hosts show by address. */
void tool_recall(struct context *ctx);

/* --- stop.c --- */

/* A descriptor that is readable after Ctrl-C or SIGTERM, which from then on end nothing else than a write that waits. */
int tool_stop_open(int *ret_fd, struct wm_error *err);
bool tool_stopped(int fd, uint64_t ms); /* now or within so many */
bool tool_reader_left(int code); /* an errno of writing that is an end, and no failure */

/* --- screen.c --- */

struct tool_screen {
	unsigned int rows, cols;
};
bool tool_screen(int fd, struct tool_screen *ret); /* is it a terminal that can be drawn on? */
/* Text as a redraw of the whole screen, cut where it does not fit; malloc'd. NULL: no memory. */
char *tool_redraw(const char *text, struct tool_screen screen);

/* --- names.c --- */

#define TOOL_AGE 32
#define TOOL_PROTOCOL 16
#define TOOL_IFNAME 32

/* Host, device or gateway with an overlay address; NULL: the saved config knows nobody there. */
const char *tool_name(const struct context *ctx, wm_ip4 overlay, char buf[WM_FQDN_SIZE]);

/* Whom a word means: "nas.b", "laptop", "gw.b", or an address of one of them; a bare address has no name. */
struct tool_who {
	wm_ip4 overlay;    /* 0: none */
	wm_ip4 local;      /* of a host here; or what was given, if it is not of the mesh */
	bool known;        /* registered, or a gateway */
	bool isolated, device, gateway, here;
	char name[WM_FQDN_SIZE];
	bool has_mac;
	struct wm_mac mac; /* that it is bound to */
};
/* 0, or -ENOENT: the config has no such name. */
int tool_find(const struct context *ctx, const char *word, struct tool_who *ret);
/* Of --host; nobody: the command line is wrong. */
int tool_find_host(struct context *ctx, struct tool_who *ret, struct wm_error *err);
void tool_find_overlay(const struct context *ctx, wm_ip4 overlay, struct tool_who *ret);

int tool_number(const char *word, unsigned long most, unsigned long *ret); /* decimal; 0, -EINVAL */
const char *tool_protocol(uint8_t proto, char buf[TOOL_PROTOCOL]);
int tool_protocol_parse(const char *word, uint8_t *ret); /* 0, -EINVAL */
const char *tool_age(int64_t unix_time, char buf[TOOL_AGE]); /* "3 s ago", "never" */
const char *tool_ifname(uint32_t ifindex, char buf[TOOL_IFNAME]); /* "eth1"; "interface-7" when it is gone */
/* What an operator does about it; "" where there is nothing to do. */
const char *tool_advice(unsigned int reason);
