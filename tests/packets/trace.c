/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What wm-bpf trace says of a packet, and what then becomes of it: the packets of
 * rows are traced just before they are sent. The same reasons, the same way out,
 * and all that programs write is as it was before the trace. One packet of some
 * rows, as loading a program takes a while; with 'all', or a word of their
 * names, all packets of rows. Not those in which a second matters.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/trace.h"
#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/dataplane.h"
#include "packets/frame.h"
#include "packets/plane.h"
#include "packets/rig.h"
#include "packets/run.h"

#define ONE_IN 29 /* rows of a group; every other group with the stack */

static unsigned int traced;
static bool sample; /* one packet a row, of some rows */

/* --- what stands in the maps ---------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
	return hash;
}

/* Order does not matter, as a hash has none. */
static uint64_t sum_of_map(int fd, const struct wm_bpf_shape *shape, int cpus)
{
	bool per_cpu = shape->type == BPF_MAP_TYPE_PERCPU_ARRAY;
	size_t size = per_cpu ? shape->value_size * (size_t)cpus : shape->value_size;
	uint8_t key[16], previous[16], *value = malloc(size);
	uint64_t sum = 0;

	for (bool first = true; value && !bpf_map_get_next_key(fd, first ? NULL : previous, key); first = false) {
		memcpy(previous, key, sizeof(key));
		if (!bpf_map_lookup_elem(fd, key, value))
			sum += mix(mix(0xcbf29ce484222325u, key, shape->key_size), value, size);
	}
	free(value);
	return sum;
}

static bool sum_of_maps(uint64_t ret[WM_BPF_MAPS])
{
	struct wm_error err = { 0 };
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	int cpus = libbpf_num_possible_cpus();

	if (wm_bpf_open(plane_instance(0), &set, &err)) {
		printf("# %s\n", err.text);
		return false;
	}
	for (int i = 0; i < WM_BPF_MAPS; i++)
		ret[i] = wm_bpf_maps[i].type == BPF_MAP_TYPE_RINGBUF ? 0 : sum_of_map(set.map[i], &wm_bpf_maps[i], cpus);
	return true;
}

/* --- what the row says ------------------------------------------------------------------------ */

static bool is_traceable(const struct step *s)
{
	const struct pkt *p = &s->pkt;

	/* A large one of the gateway's own is cut before the programs see it. */
	return !s->flood && (s->at == WG || s->at == LAN0 || s->at == LAN1 || s->at == LAN2 ||
			     (s->at == LOCAL && p->src == GW && p->len + 28 <= LAN1_MTU)) &&
	       p->sum != SUM_PARTIAL && !p->gso && !p->vlan && !p->vlan2 && !p->vlan3 && !p->vlan4 && p->len < 2900 && !p->ethertype && !p->other_mac &&
	       !p->group_mac && !p->pad && !p->version && !p->ihl && !p->tot_len && !p->cut && !p->linear;
}

static bool is_counted(const struct step *s, unsigned int reason)
{
	for (size_t i = 0; i < COUNTS && s->count[i].packets; i++)
		if (s->count[i].reason == reason)
			return true;
	return false;
}

static bool is_traced(const struct wm_trace *t, unsigned int reason)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->hop[i].reason == reason)
			return true;
	return false;
}

/* What the stack or a program on this machine answers counts besides; nothing else may be counted otherwise. */
static bool same_reasons(const struct step *s, const struct wm_trace *t, const char *where)
{
	uint8_t end = t->hop[t->n - 1].end;
	bool good = true, answered = end == WM_TRACE_TO_SELF || end == WM_TRACE_ANSWERED || s->out[0].error;

	for (unsigned int r = 0; r < WM_REASON_COUNT; r++) {
		bool here = is_traced(t, r), there = is_counted(s, r);

		if (here == there || (!here && (t->cut || answered)))
			continue;
		printf("# %s: %s is %s\n", where, wm_reason_name(r), here ? "traced, but not what becomes of it" : "not traced");
		good = false;
	}
	return good;
}

static bool same_packet(const struct step *s, const struct wm_trace *t, const char *where)
{
	const struct wm_trace_hop *last = &t->hop[t->n - 1];
	const struct expect *out = &s->out[0];
	wm_ip4 src = out->src ? out->src : s->pkt.src, dst = out->dst ? out->dst : s->pkt.dst;
	bool leaves = last->end == WM_TRACE_INTO_TUNNEL || last->end == WM_TRACE_OUT_OF_LAN;

	if (t->cut)
		return true;
	if (last->end == WM_TRACE_DROPPED && !is_counted(s, last->reason)) {
		printf("# %s: traced as dropped\n", where);
		return false;
	}
	if (!leaves || !out->at || out->pkt || out->error || out->reply)
		return true;
	if (last->out.src == src && last->out.dst == dst)
		return true;
	printf("# %s: traced to leave as %08x > %08x instead of %08x > %08x\n", where, last->out.src, last->out.dst, src, dst);
	return false;
}

/* --- just before it is sent --------------------------------------------------------------------- */

static bool trace_step(const struct step *s, unsigned int number, const char *where)
{
	static unsigned int last; /* row */
	static uint8_t bytes[BYTES_MAX], eth[FRAME_HEADER_MAX];
	uint64_t before[WM_BPF_MAPS], after[WM_BPF_MAPS];
	struct wm_trace_in in = { .data = bytes, .place = s->at == WG ? WM_TRACE_WG : s->at == LOCAL ? WM_TRACE_SELF : WM_TRACE_LAN };
	struct wm_error err = { 0 };
	struct wm_trace t;
	bool good = true;

	if (!is_traceable(s) || (sample && number == last))
		return true;
	last = number;
	in.len = build_packet(&s->pkt, number, bytes);
	if (in.place == WM_TRACE_LAN) {
		build_frame_header(s->at, &s->pkt, eth);
		in.ifindex = rig_ifindex(s->at);
		in.has_mac = true;
		memcpy(in.mac.byte, eth + 6, sizeof(in.mac.byte));
	}
	if (!sum_of_maps(before))
		return false;
	if (wm_dataplane_bpf.trace(plane_instance(0), &in, &t, &err)) {
		printf("# %s: %s\n", where, err.text);
		return false;
	}
	if (!sum_of_maps(after))
		return false;
	for (int i = 0; i < WM_BPF_MAPS; i++) {
		if (before[i] == after[i])
			continue;
		printf("# %s: the trace has changed the map %s\n", where, wm_bpf_maps[i].name);
		good = false;
	}
	traced++;
	return same_reasons(s, &t, where) && same_packet(s, &t, where) && good;
}

static bool is_chosen(const char *only, const struct row *row, unsigned int mode, size_t group, size_t n)
{
	for (size_t i = 0; i < STEPS; i++)
		if (row->step[i].age_s)
			return false;
	if (!only)
		return n % ONE_IN == 0 && mode == (group % 2 ? STACK : FAST);
	return !strcmp(only, "all") || strstr(row->name, only);
}

static bool run_config(enum config config, unsigned int mode, const char *only, unsigned int *ran, unsigned int *failed)
{
	const char *build = getenv("B");
	char pcap[WM_PATH_SIZE];

	wm_format(pcap, sizeof(pcap), "%s/packets/trace.pcap", build ? build : "build");
	if (plane_up(config, mode) < 0)
		return false;
	for (size_t g = 0; g < ngroups; g++) {
		for (size_t n = 0; groups[g]->config == config && n < groups[g]->n; n++) {
			const struct row *row = &groups[g]->rows[n];
			bool good;

			if ((row->only && !(row->only & mode)) || !is_chosen(only, row, mode, g, n))
				continue;
			good = run_row(row, ++*ran, pcap);
			*failed += !good;
			printf("%sok %u - %s, %s: %s\n", good ? "" : "not ", *ran, mode == FAST ? "fast path" : "stack", groups[g]->name, row->name);
		}
	}
	plane_down();
	return true;
}

int main(int argc, char **argv)
{
	static const enum config configs[] = { SPOKE, HUB };
	const char *only = argc > 1 ? argv[1] : NULL;
	unsigned int ran = 0, failed = 0;
	bool good = rig_open() == 0;

	sample = !only;
	setvbuf(stdout, NULL, _IOLBF, 0);
	run_before = trace_step;
	for (size_t c = 0; c < WM_ARRAY_LEN(configs) && good; c++)
		good = run_config(configs[c], FAST, only, &ran, &failed) && run_config(configs[c], STACK, only, &ran, &failed);
	if (!good) {
		printf("Bail out! the test bed could not be made\n");
		return 1;
	}
	printf("# %u packets were traced, then sent\n", traced);
	printf("1..%u\n", ran);
	return failed || !traced ? 1 : 0;
}
