/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/bpf_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/netns.h"

#define BPFFS "/var/run/bpf"

static wm_ip4 ip(const char *text)
{
	wm_ip4 addr = 0;

	assert_int_equal(wm_ip4_parse(text, &addr), 0);
	return addr;
}

static struct wm_prefix prefix(const char *text)
{
	struct wm_prefix p = { 0 };

	assert_int_equal(wm_prefix_parse(text, &p), 0);
	return p;
}

static void make_link(const char *name)
{
	char line[100];

	snprintf(line, sizeof(line), "ip link add %s type veth peer name %s-peer", name, name);
	must(line);
	snprintf(line, sizeof(line), "ip link set %s up", name);
	must(line);
}

void rig_lan(struct rig *rig, unsigned int slot, const char *ifname, const char *addr)
{
	struct wm_lan *lan = &rig->plan.lans[slot];

	memset(lan, 0, sizeof(*lan));
	if (slot >= rig->plan.nlans)
		rig->plan.nlans = slot + 1;
	assert_int_equal(wm_copy(lan->ifname, sizeof(lan->ifname), ifname), 0);
	lan->ifindex = if_nametoindex(ifname);
	assert_int_not_equal(lan->ifindex, 0);
	lan->addr = ip(addr);
	lan->prefix = (struct wm_prefix){ lan->addr & wm_prefix_mask(24), 24 };
	lan->mac.byte[5] = (uint8_t)slot;
	lan->mtu = 1500;
}

void rig_open(struct rig *rig)
{
	*rig = (struct rig){
		.inst = { .ifname = "wg", .tc_prio = RIG_PRIO, .fwmark = 0x574d0000, .bpffs = BPFFS, .fastpath = true,
			  .no_tcx = !strstr(program_invocation_short_name, "tcx") }
	};
	make_link("wg");
	make_link("lan0");
	make_link("lan1");
	assert_true(mkdir(BPFFS, 0755) == 0 || errno == EEXIST);
	assert_int_equal(mount("bpf", BPFFS, "bpf", 0, NULL), 0);
	rig->wg = if_nametoindex("wg");
	rig->plan.supernet = prefix("172.30.0.0/16");
	rig->plan.subnet = prefix("172.30.2.0/23");
	rig->plan.gateway = ip("172.30.2.1");
	rig->plan.mtu = 1420;
	rig->plan.ends = rig->ends;
	rig_lan(rig, 0, "lan0", "192.168.1.1");
	rig_host(rig, "nas", "172.30.2.2", "192.168.1.10", false);
	rig_host(rig, "cam", "172.30.2.3", "192.168.1.11", true);
}

void rig_close(struct rig *rig)
{
	(void)rig;
	works("ip link del wg");
	works("ip link del lan0");
	works("ip link del lan1");
	assert_int_equal(umount2(BPFFS, MNT_DETACH), 0);
	assert_int_equal(rmdir(BPFFS), 0);
}

int rig_setup(void **state)
{
	rig_open(*state);
	return 0;
}

int rig_teardown(void **state)
{
	rig_close(*state);
	return 0;
}

/* --- the plan -------------------------------------------------------------------------- */

void rig_drop(struct rig *rig, const char *overlay)
{
	struct wm_plan *plan = &rig->plan;
	wm_ip4 addr = ip(overlay);

	for (size_t i = 0; i < plan->nends; i++) {
		if (plan->ends[i].overlay != addr)
			continue;
		memmove(&plan->ends[i], &plan->ends[i + 1], (plan->nends - i - 1) * sizeof(plan->ends[0]));
		plan->nends--;
		return;
	}
}

struct wm_end *rig_host(struct rig *rig, const char *name, const char *overlay, const char *local, bool isolated)
{
	struct wm_plan *plan = &rig->plan;
	wm_ip4 addr = ip(overlay);
	size_t at = 0;

	rig_drop(rig, overlay);
	assert_true(plan->nends < RIG_ENDS);
	while (at < plan->nends && plan->ends[at].overlay < addr)
		at++;
	memmove(&plan->ends[at + 1], &plan->ends[at], (plan->nends - at) * sizeof(plan->ends[0]));
	plan->nends++;
	plan->ends[at] = (struct wm_end){
		.overlay = addr, .local = ip(local), .kind = WM_END_HOST,
		.access = isolated ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL,
	};
	for (unsigned int i = 0; i < plan->nlans; i++) {
		if (wm_prefix_has(plan->lans[i].prefix, plan->ends[at].local))
			plan->ends[at].lan = (uint8_t)i;
	}
	assert_int_equal(wm_copy(plan->ends[at].name, sizeof(plan->ends[at].name), name), 0);
	return &plan->ends[at];
}

int rig_apply(struct rig *rig)
{
	int rc = wm_dataplane_bpf.apply(&rig->inst, &rig->plan, rig->wg, &rig->err);

	if (rc < 0)
		fail_msg("apply: %s", rig->err.text);
	return rc;
}

/* --- looking ------------------------------------------------------------------------------ */

const char *rig_pin_path(const struct rig *rig, const char *name)
{
	static char path[2][WM_PATH_SIZE];
	static int turn;

	turn = !turn;
	assert_int_equal(wm_format(path[turn], sizeof(path[turn]), "%s/default/v%d%s%s", rig->inst.bpffs, WM_LAYOUT,
				   *name ? "/" : "", name), 0);
	return path[turn];
}

int rig_pin(const struct rig *rig, const char *name)
{
	const char *path = rig_pin_path(rig, name);
	int fd = bpf_obj_get(path);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(-fd));
	return fd;
}

uint32_t rig_index(const char *overlay)
{
	return ip(overlay) - ip("172.30.2.0");
}

static void print_hex(FILE *f, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(f, "%02x", ((const uint8_t *)data)[i]);
}

static void dump_map(const struct rig *rig, const struct wm_bpf_shape *shape, FILE *f)
{
	static const char zero[256];
	char key[16], value[256], previous[16];
	int fd = rig_pin(rig, shape->name);

	for (bool first = true; !bpf_map_get_next_key(fd, first ? NULL : previous, key); first = false) {
		memcpy(previous, key, sizeof(key));
		assert_int_equal(bpf_map_lookup_elem(fd, key, value), 0);
		if (shape->type == BPF_MAP_TYPE_ARRAY && !memcmp(value, zero, shape->value_size))
			continue;
		fprintf(f, "%s ", shape->name);
		print_hex(f, key, shape->key_size);
		fprintf(f, " ");
		print_hex(f, value, shape->value_size);
		fprintf(f, "\n");
	}
	close(fd);
}

char *rig_dump(const struct rig *rig)
{
	static const enum wm_bpf_map maps[] = { WM_BPF_HOSTS, WM_BPF_LAN_HOSTS, WM_BPF_LANS, WM_BPF_FLOWS };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	for (size_t i = 0; i < WM_ARRAY_LEN(maps); i++)
		dump_map(rig, &wm_bpf_maps[maps[i]], f);
	fclose(f);
	return text;
}

/* A whole line of text. */
static bool has_line(const char *text, const char *line, size_t len)
{
	for (const char *at = text; (at = strstr(at, line)); at++) {
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return true;
	}
	return false;
}

static unsigned int missing(const char *from, const char *in)
{
	char *copy = strdup(from), *rest = copy, *line;
	unsigned int n = 0;

	while ((line = strsep(&rest, "\n"))) {
		if (*line && !has_line(in, line, strlen(line)))
			n++;
	}
	free(copy);
	return n;
}

unsigned int rig_differing(const char *a, const char *b)
{
	return missing(a, b) + missing(b, a);
}

/* All processors' counters of an address: those of one are behind those of another. */
static void each_stats(const struct rig *rig, const char *overlay, void (*look)(int fd, uint32_t at, uint64_t *arg), uint64_t *arg)
{
	uint32_t addresses = 1u << (32 - rig->plan.subnet.len);
	int places = wm_bpf_processor_places(), fd = rig_pin(rig, "host_stats");

	assert_true(places > 0);
	for (int c = 0; c < places; c++)
		look(fd, (uint32_t)c * addresses + rig_index(overlay), arg);
	close(fd);
}

static void put_stats(int fd, uint32_t at, uint64_t *packets)
{
	struct wm_host_stats stats = { .to_packets = *packets };

	assert_int_equal(bpf_map_update_elem(fd, &at, &stats, BPF_ANY), 0);
}

static void add_stats(int fd, uint32_t at, uint64_t *sum)
{
	struct wm_host_stats stats;

	assert_int_equal(bpf_map_lookup_elem(fd, &at, &stats), 0);
	*sum += stats.to_packets;
}

void rig_count(const struct rig *rig, const char *overlay, uint64_t packets)
{
	each_stats(rig, overlay, put_stats, &packets);
}

uint64_t rig_counted(const struct rig *rig, const char *overlay)
{
	uint64_t sum = 0;

	each_stats(rig, overlay, add_stats, &sum);
	return sum / (uint64_t)wm_bpf_processor_places();
}

unsigned int rig_tcx(const char *ifname, const char *hook, uint32_t ret[RIG_TCX_MOST])
{
	struct {
		uint32_t ifindex, type, query_flags, attach_flags;
		uint64_t ids;
		uint32_t count, pad;
		uint64_t rest[4];
	} q = { .ifindex = if_nametoindex(ifname), .type = strcmp(hook, "egress") ? 46 : 47, .ids = (uintptr_t)ret,
		.count = RIG_TCX_MOST };

	return syscall(SYS_bpf, BPF_PROG_QUERY, &q, sizeof(q)) ? 0 : q.count;
}

static void print_tcx(FILE *f, const char *ifname, const char *hook)
{
	uint32_t ids[RIG_TCX_MOST];
	unsigned int n = rig_tcx(ifname, hook, ids);

	for (unsigned int i = 0; i < n; i++) {
		int fd = bpf_prog_get_fd_by_id(ids[i]);
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		assert_true(fd >= 0);
		assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
		fprintf(f, "tcx %s id %u\n", info.name, ids[i]);
		close(fd);
	}
}

char *rig_filters(const char *ifname, const char *hook)
{
	char *filters = run_out(NULL, "tc", "filter", "show", "dev", ifname, hook, NULL), *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	fputs(filters, f);
	print_tcx(f, ifname, hook);
	fclose(f);
	free(filters);
	return text;
}

void rig_foreign(const char *ifname, uint32_t prio)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = -1 /* TC_ACT_UNSPEC */ }, { .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", code, WM_ARRAY_LEN(code), NULL);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(ifname), .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = prio, .prog_fd = fd, .flags = BPF_TC_F_REPLACE);
	int rc = bpf_tc_hook_create(&hook);

	assert_true(fd >= 0);
	assert_true(!rc || rc == -EEXIST);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	close(fd);
}

char *rig_surroundings(const struct rig *rig)
{
	static const char *const places[][2] = {
		{ "wg", "ingress" },  { "wg", "egress" },    { "lan0", "ingress" },
		{ "lan0", "egress" }, { "lan1", "ingress" },
	};
	char *text, *files = run_out(NULL, "find", rig->inst.bpffs, NULL);
	char *qdiscs = run_out(NULL, "tc", "qdisc", "show", NULL);
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	fprintf(f, "%s%s", files, qdiscs);
	for (size_t i = 0; i < WM_ARRAY_LEN(places); i++) {
		char *filters = if_nametoindex(places[i][0]) ? rig_filters(places[i][0], places[i][1]) : strdup("");

		fprintf(f, "%s", filters);
		free(filters);
	}
	fclose(f);
	free(files);
	free(qdiscs);
	return text;
}

int rig_watch_tc(void)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int group = RTNLGRP_TC, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	assert_true(fd >= 0);
	/* A socket without an address is not told of what nobody asked to hear of: every deletion. */
	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
	return fd;
}

unsigned int rig_watched(int fd)
{
	char buf[65536];
	unsigned int n = 0;

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		n++;
	return n;
}
