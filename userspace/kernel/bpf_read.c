/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the data plane has counted, and its clock.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

/* The coarse clocks advance once a tick, and say so. */
uint32_t wm_bpf_hz(void)
{
	struct timespec tick = { 0 };

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_nsec <= 0)
		return 250;
	return (uint32_t)((1000000000 + tick.tv_nsec / 2) / tick.tv_nsec);
}

/* The kernel's jiffies now, as the programs read them: a program of seven
 * instructions leaves them in skb->cb. */
int wm_bpf_jiffies(uint64_t *ret)
{
	static const int16_t low = offsetof(struct __sk_buff, cb[0]), high = offsetof(struct __sk_buff, cb[1]);
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_jiffies64 },
		{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_0, .off = low },
		{ .code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = BPF_REG_0, .imm = 32 },
		{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_0, .off = high },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	char frame[64] = { 0 }; /* what prog_run wants at least is an Ethernet header */
	struct __sk_buff skb = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame), .ctx_out = &skb,
		    .ctx_size_out = sizeof(skb));
	WM_AUTO_CLOSE int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "wm_jiffies", "Dual BSD/GPL", code,
					     WM_ARRAY_LEN(code), NULL);
	int rc;

	if (fd < 0)
		return fd;
	rc = bpf_prog_test_run_opts(fd, &run);
	if (!rc)
		*ret = (uint64_t)skb.cb[1] << 32 | skb.cb[0];
	return rc;
}

/* All processors' values of one entry; `size` is a multiple of 8. */
static int read_per_cpu(const struct wm_bpf_set *set, enum wm_bpf_map map, uint32_t index, void *values)
{
	return bpf_map_lookup_elem(set->map[map], &index, values);
}

static int read_reasons(const struct wm_bpf_set *set, int cpus, struct wm_counters *ret)
{
	WM_AUTO_FREE struct wm_counter *value = calloc((size_t)cpus, sizeof(*value));
	int rc = value ? 0 : -ENOMEM;

	for (uint32_t r = 0; !rc && r < WM_REASON_COUNT; r++) {
		rc = read_per_cpu(set, WM_BPF_COUNTERS, r, value);
		for (int c = 0; !rc && c < cpus; c++) {
			ret->reason[r].packets += value[c].packets;
			ret->reason[r].bytes += value[c].bytes;
		}
	}
	return rc;
}

int wm_bpf_now(const struct wm_bpf_set *set, struct wm_bpf_moment *ret)
{
	*ret = (struct wm_bpf_moment){ .unix_time = wm_unix_time(), .hz = set->meta.params.hz };
	return wm_bpf_jiffies(&ret->jiffies);
}

int64_t wm_bpf_unix_time(const struct wm_bpf_moment *now, uint64_t jiffies)
{
	if (!jiffies)
		return 0;
	return jiffies > now->jiffies ? now->unix_time : now->unix_time - (int64_t)((now->jiffies - jiffies) / now->hz);
}

static int read_end(const struct wm_bpf_set *set, uint32_t index, const struct wm_bpf_moment *now, int cpus,
		    struct wm_host_stats *value, struct wm_end_counters *ret)
{
	uint64_t seen = 0;
	int rc = read_per_cpu(set, WM_BPF_HOST_STATS, index, value);

	if (rc)
		return rc;
	*ret = (struct wm_end_counters){ .overlay = ntohl(set->meta.params.subnet) + index };
	for (int c = 0; c < cpus; c++) {
		ret->to.packets += value[c].to_packets;
		ret->to.bytes += value[c].to_bytes;
		ret->from.packets += value[c].from_packets;
		ret->from.bytes += value[c].from_bytes;
		ret->drops += value[c].drops;
		seen = WM_MAX(seen, value[c].last_seen);
	}
	ret->last_seen = wm_bpf_unix_time(now, seen);
	return 0;
}

static int read_ends(const struct wm_bpf_set *set, const struct wm_bpf_content *content, int cpus,
		     struct wm_counters *ret)
{
	WM_AUTO_FREE struct wm_host_stats *value = calloc((size_t)cpus, sizeof(*value));
	struct wm_bpf_moment now;
	size_t cap = 0;
	int rc = value ? wm_bpf_now(set, &now) : -ENOMEM;

	for (uint32_t i = 0; !rc && i < content->naddrs; i++) {
		if (content->hosts[i].kind == WM_KIND_NOBODY)
			continue;
		rc = wm_grow((void **)&ret->ends, &cap, ret->nends + 1, sizeof(*ret->ends));
		if (!rc)
			rc = read_end(set, i, &now, cpus, value, &ret->ends[ret->nends++]);
	}
	return rc;
}

int wm_bpf_counters(const struct wm_bpf_set *set, struct wm_counters *ret, struct wm_error *err)
{
	WM_AUTO_BPF_CONTENT struct wm_bpf_content content = { 0 };
	struct wm_counters counters = { 0 };
	int cpus = libbpf_num_possible_cpus();
	int rc = wm_bpf_content_read(set, &content, err);

	if (rc)
		return rc;
	rc = cpus < 0 ? cpus : read_reasons(set, cpus, &counters);
	if (!rc)
		rc = read_ends(set, &content, cpus, &counters);
	if (rc) {
		wm_counters_free(&counters);
		return wm_bpf_fail(err, rc, "cannot read the data plane's counters");
	}
	*ret = counters;
	return 0;
}
