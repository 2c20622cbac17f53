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

int wm_bpf_reasons_read(const struct wm_bpf_set *set, struct wm_count ret[WM_REASON_COUNT])
{
	int cpus = libbpf_num_possible_cpus();
	WM_AUTO_FREE struct wm_counter *value = cpus < 0 ? NULL : calloc((size_t)cpus, sizeof(*value));
	int rc = cpus < 0 ? cpus : value ? 0 : -ENOMEM;

	memset(ret, 0, WM_REASON_COUNT * sizeof(*ret));
	for (uint32_t r = 0; !rc && r < WM_REASON_COUNT; r++) {
		rc = bpf_map_lookup_elem(set->map[WM_BPF_COUNTERS], &r, value);
		for (int c = 0; !rc && c < cpus; c++) {
			ret[r].packets += value[c].packets;
			ret[r].bytes += value[c].bytes;
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

/* --- hosts and devices ------------------------------------------------------------------------- */

/* What programs have written about hosts and devices, as it lies in the kernel: not even copied. */
struct views {
	struct wm_bpf_view hosts, stats, drops;
};

/* The end of that step, or now: it was seen then or a little before. */
static int64_t time_of_step(const struct wm_bpf_moment *now, uint32_t step)
{
	return step ? wm_bpf_unix_time(now, ((uint64_t)step + 1) << WM_STEP_SHIFT) : 0;
}

/* Stats are of the first processor; the others' follow, one subnet behind the other. */
static struct wm_end_counters sum_of(const struct wm_bpf_set *set, const struct views *v, uint32_t index,
				     const struct wm_bpf_moment *now)
{
	const struct wm_host_info *host = (const struct wm_host_info *)v->hosts.values + index;
	const struct wm_host_stats *stats = v->stats.values;
	struct wm_end_counters end = {
		.overlay = ntohl(set->meta.params.subnet) + index, .owner = host->owner,
		.drops = ((const uint64_t *)v->drops.values)[index], .last_seen = time_of_step(now, host->seen),
	};
	uint32_t size = set->size[WM_BPF_HOST_STATS], addresses = set->size[WM_BPF_HOSTS];

	for (uint32_t at = index; at < size; at += addresses) {
		const struct wm_host_stats *one = &stats[at];

		end.to.packets += one->to_packets;
		end.to.bytes += one->to_bytes;
		end.from.packets += one->from_packets;
		end.from.bytes += one->from_bytes;
	}
	return end;
}

static int add_ends(const struct wm_bpf_set *set, const struct views *v, struct wm_counters *ret)
{
	const struct wm_host_info *hosts = v->hosts.values;
	struct wm_bpf_moment now;
	size_t cap = 0;
	int rc = wm_bpf_now(set, &now);

	for (uint32_t i = 0; !rc && i < set->size[WM_BPF_HOSTS]; i++) {
		if (hosts[i].kind == WM_KIND_NOBODY)
			continue;
		rc = wm_grow((void **)&ret->ends, &cap, ret->nends + 1, sizeof(*ret->ends));
		if (rc)
			break;
		ret->ends[ret->nends++] = sum_of(set, v, i, &now);
	}
	return rc;
}

static int read_ends(const struct wm_bpf_set *set, struct wm_counters *ret)
{
	struct views v = { 0 };
	int rc = wm_bpf_view(set, WM_BPF_HOSTS, &v.hosts);

	if (!rc)
		rc = wm_bpf_view(set, WM_BPF_HOST_STATS, &v.stats);
	if (!rc)
		rc = wm_bpf_view(set, WM_BPF_HOST_DROPS, &v.drops);
	if (!rc)
		rc = add_ends(set, &v, ret);
	wm_bpf_view_end(&v.drops);
	wm_bpf_view_end(&v.stats);
	wm_bpf_view_end(&v.hosts);
	return rc;
}

int wm_bpf_counters(const struct wm_bpf_set *set, struct wm_counters *ret, struct wm_error *err)
{
	struct wm_counters counters = { 0 };
	int rc = wm_bpf_reasons_read(set, counters.reason);

	if (!rc)
		rc = read_ends(set, &counters);
	if (rc) {
		wm_counters_free(&counters);
		return wm_bpf_fail(err, rc, "cannot read the data plane's counters");
	}
	*ret = counters;
	return 0;
}
