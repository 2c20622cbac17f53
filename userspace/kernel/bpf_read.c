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

static int read_reasons(const struct wm_bpf_set *set, int cpus, struct wm_counters *ret)
{
	WM_AUTO_FREE struct wm_counter *value = calloc((size_t)cpus, sizeof(*value));
	int rc = value ? 0 : -ENOMEM;

	for (uint32_t r = 0; !rc && r < WM_REASON_COUNT; r++) {
		rc = bpf_map_lookup_elem(set->map[WM_BPF_COUNTERS], &r, value);
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

/* --- hosts and devices: all processors' values of many addresses at a time ----------------------- */

#define CHUNK 1024     /* addresses at a time */
#define NO_BATCH (-524) /* ENOTSUPP, the kernel's own: per-CPU arrays have had batches since 5.13 */

struct chunk {
	const struct wm_bpf_set *set;
	const struct wm_host_info *hosts; /* of all addresses */
	int cpus;
	uint32_t first, n;                /* addresses */
	uint32_t cursor;
	uint32_t keys[CHUNK];
	struct wm_host_stats *values;     /* n * cpus */
};

static int read_chunk_each(struct chunk *c)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < c->n; i++) {
		uint32_t index = c->first + i;

		if (c->hosts[index].kind != WM_KIND_NOBODY)
			rc = bpf_map_lookup_elem(c->set->map[WM_BPF_HOST_STATS], &index, c->values + (size_t)i * (size_t)c->cpus);
	}
	return rc;
}

/* Chunks are read in order, from the first: the kernel's cursor knows where it was. */
static int read_chunk(struct chunk *c)
{
	uint32_t n = c->n;
	int rc = bpf_map_lookup_batch(c->set->map[WM_BPF_HOST_STATS], c->first ? &c->cursor : NULL, &c->cursor, c->keys, c->values,
				      &n, NULL);

	if (rc == NO_BATCH)
		return read_chunk_each(c);
	if (rc && rc != -ENOENT) /* its way of saying that this was all */
		return rc;
	return n == c->n ? 0 : -EBADMSG;
}

static struct wm_end_counters sum_of(const struct chunk *c, uint32_t i, const struct wm_bpf_moment *now)
{
	const struct wm_host_stats *value = c->values + (size_t)i * (size_t)c->cpus;
	struct wm_end_counters end = {
		.overlay = ntohl(c->set->meta.params.subnet) + c->first + i, .owner = c->hosts[c->first + i].owner,
	};
	uint64_t seen = 0;

	for (int cpu = 0; cpu < c->cpus; cpu++) {
		end.to.packets += value[cpu].to_packets;
		end.to.bytes += value[cpu].to_bytes;
		end.from.packets += value[cpu].from_packets;
		end.from.bytes += value[cpu].from_bytes;
		end.drops += value[cpu].drops;
		seen = WM_MAX(seen, value[cpu].last_seen);
	}
	end.last_seen = wm_bpf_unix_time(now, seen);
	return end;
}

static int read_ends(const struct wm_bpf_set *set, int cpus, struct wm_counters *ret)
{
	WM_AUTO_FREE struct wm_host_stats *values = calloc((size_t)CHUNK * (size_t)cpus, sizeof(*values));
	WM_AUTO_FREE struct wm_host_info *hosts = values ? wm_bpf_hosts_read(set) : NULL;
	struct chunk c = { .set = set, .hosts = hosts, .cpus = cpus, .values = values };
	struct wm_bpf_moment now;
	size_t cap = 0;
	int rc = hosts ? wm_bpf_now(set, &now) : -errno;

	for (; !rc && c.first < set->size[WM_BPF_HOSTS]; c.first += c.n) {
		c.n = WM_MIN(set->size[WM_BPF_HOSTS] - c.first, (uint32_t)CHUNK);
		rc = read_chunk(&c);
		for (uint32_t i = 0; !rc && i < c.n; i++) {
			if (hosts[c.first + i].kind == WM_KIND_NOBODY)
				continue;
			rc = wm_grow((void **)&ret->ends, &cap, ret->nends + 1, sizeof(*ret->ends));
			if (!rc)
				ret->ends[ret->nends++] = sum_of(&c, i, &now);
		}
	}
	return rc;
}

int wm_bpf_counters(const struct wm_bpf_set *set, struct wm_counters *ret, struct wm_error *err)
{
	struct wm_counters counters = { 0 };
	int cpus = libbpf_num_possible_cpus();
	int rc = cpus < 0 ? cpus : read_reasons(set, cpus, &counters);

	if (!rc)
		rc = read_ends(set, cpus, &counters);
	if (rc) {
		wm_counters_free(&counters);
		return wm_bpf_fail(err, rc, "cannot read the data plane's counters");
	}
	*ret = counters;
	return 0;
}
