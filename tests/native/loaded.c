/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "native/loaded.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "packets/describe.h"
#include "packets/flows.h"
#include "packets/frame.h"
#include "packets/plane.h"
#include "packets/rig.h"

#define LONGEST 3000
#define CPUS_MAX 1024

static struct wm_bpf_set sets[2];
static unsigned int same, different;

unsigned int loaded_same(void)
{
	unsigned int n = same;

	same = 0;
	return n;
}

unsigned int loaded_different(void)
{
	unsigned int n = different;

	different = 0;
	return n;
}

/* --- devices ------------------------------------------------------------------------------- */

/* prog_run asks a device for its MAC, to tell frames for us from others. */
bool loaded_devices(void)
{
	char line[160];
	uint8_t mac[6];

	for (enum place at = WG; at <= BOX; at++) {
		if (rig_is_lan(at))
			rig_gateway_mac(at, mac);
		else
			memset(mac, 0, sizeof(mac)), mac[0] = 2;
		snprintf(line, sizeof(line), "ip link add dev place%d index %u address %02x:%02x:%02x:%02x:%02x:%02x type veth peer name far%d",
			 at, rig_ifindex(at), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], at);
		if (!works(line)) {
			printf("# cannot: %s\n", line);
			return false;
		}
	}
	return true;
}

/* --- maps ---------------------------------------------------------------------------------- */

static int load(unsigned int mesh, const struct wm_params *params, const struct wm_bpf_content *want,
		struct wm_error *err)
{
	uint32_t sizes[WM_BPF_MAPS];
	int rc;

	wm_bpf_set_close(&sets[mesh]);
	wm_bpf_sizes(want, (uint32_t)wm_bpf_processor_places(), sizes);
	sizes[WM_BPF_FLOWS] = ENDS * WM_FLOW_BUCKETS;
	rc = wm_bpf_load(params, NULL, NULL, sizes, &sets[mesh], err);
	if (rc < 0)
		return rc;
	rc = wm_bpf_content_fill(&sets[mesh], &(struct wm_bpf_content){ 0 }, want, err);
	return rc < 0 ? rc : 0;
}

/* Changed parameters need other programs, on the same maps. */
static int reload(unsigned int mesh, const struct wm_params *params, struct wm_error *err)
{
	struct wm_bpf_set old = sets[mesh];
	bool share[WM_BPF_MAPS];
	int rc;

	memset(share, true, sizeof(share));
	rc = wm_bpf_load(params, &old, share, old.size, &sets[mesh], err);
	if (rc == 0)
		wm_bpf_set_close(&old);
	return rc;
}

static int apply(unsigned int mesh, const struct wm_params *params, const struct wm_bpf_content *have,
		 const struct wm_bpf_content *want)
{
	struct wm_error err = { 0 };
	int rc = 0;

	if (!have) {
		rc = load(mesh, params, want, &err);
	} else {
		memset(sets[mesh].fresh, false, sizeof(sets[mesh].fresh));
		if (memcmp(&sets[mesh].meta.params, params, sizeof(*params)) != 0)
			rc = reload(mesh, params, &err);
		memset(sets[mesh].fresh, false, sizeof(sets[mesh].fresh));
		if (rc == 0)
			rc = wm_bpf_content_change(&sets[mesh], have, want, &err);
	}
	if (rc < 0)
		printf("# cannot load: %s\n", err.text);
	return rc < 0 ? rc : 0;
}

static int age(unsigned int seconds)
{
	return flows_age(&sets[0], seconds);
}

static void count(unsigned int mesh, uint64_t ret[WM_REASON_COUNT])
{
	static struct wm_counter values[CPUS_MAX];

	for (uint32_t reason = 0; reason < WM_REASON_COUNT; reason++) {
		ret[reason] = 0;
		memset(values, 0, sizeof(values));
		if (bpf_map_lookup_elem(sets[mesh].map[WM_BPF_COUNTERS], &reason, values))
			continue;
		for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++)
			ret[reason] += values[cpu].packets;
	}
}

static unsigned int risen(const uint64_t before[WM_REASON_COUNT], const uint64_t after[WM_REASON_COUNT])
{
	unsigned int reason = WM_REASON_COUNT;

	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		if (after[n] != before[n])
			reason = n;
	return reason;
}

/* --- running -------------------------------------------------------------------------------- */

struct result {
	int action;
	unsigned int reason;
	uint32_t mark, len;
	const uint8_t *data;
};

static void say_different(enum wm_bpf_prog prog, const struct skb *in, const struct result *here,
			  const struct result *there)
{
	struct seen s = { .at = prog == WM_BPF_LAN_IN ? LAN0 : WG, .ip = true };
	char line[DESCRIBE_SIZE];
	uint32_t from = 0;

	s.data = in->data + in->network;
	s.len = in->ctx.len - in->network;
	while (from < here->len && from < there->len && here->data[from] == there->data[from])
		from++;
	printf("# %s on %s\n#   here:       action %d, reason %s, mark %x, %u bytes\n", wm_bpf_progs[prog], describe(&s, line),
	       here->action, wm_reason_name(here->reason), here->mark, here->len);
	printf("#   the kernel: action %d, reason %s, mark %x, %u bytes, different from byte %u on\n", there->action,
	       wm_reason_name(there->reason), there->mark, there->len, from);
	different++;
}

/* What is dropped is gone, whatever it looked like. Where to on a LAN depends on a clock, which is not the same. */
static bool is_same(const struct result *a, const struct result *b)
{
	uint32_t skip = a->action == TC_ACT_REDIRECT ? ETH_LEN : 0;

	if (a->action != b->action || a->reason != b->reason)
		return false;
	if (a->action == TC_ACT_SHOT)
		return true;
	return a->mark == b->mark && a->len == b->len && memcmp(a->data + skip, b->data + skip, a->len - skip) == 0;
}

static int run_loaded(unsigned int mesh, enum wm_bpf_prog prog, const struct skb *in, struct result *ret)
{
	static uint8_t out[LONGEST + 64];
	struct __sk_buff ctx = {
		.mark = in->ctx.mark, .ifindex = in->ctx.ifindex, .ingress_ifindex = in->ctx.ingress_ifindex,
	}, after = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = in->data, .data_size_in = in->ctx.len, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .ctx_out = &after,
		    .ctx_size_out = sizeof(after));
	uint64_t before[WM_REASON_COUNT], now[WM_REASON_COUNT];
	int rc;

	count(mesh, before);
	rc = bpf_prog_test_run_opts(sets[mesh].prog[prog], &run);
	if (rc)
		return rc;
	count(mesh, now);
	*ret = (struct result){ (int)run.retval, risen(before, now), after.mark, run.data_size_out, out };
	return 0;
}

static unsigned int mesh_of(const struct native_plane *plane)
{
	return plane == plane_of(1);
}

static int run_both(struct native_plane *plane, enum wm_bpf_prog prog, struct skb *skb)
{
	struct skb *in = skb_copy(skb);
	uint64_t before[WM_REASON_COUNT], after[WM_REASON_COUNT];
	const struct wm_counter *counters = (const struct wm_counter *)plane->map[WM_BPF_COUNTERS].values;
	struct result here, there;
	int rc;

	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		before[n] = counters[n].packets;
	here.action = native_run(plane, prog, skb);
	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		after[n] = counters[n].packets;
	here.reason = risen(before, after);
	here.mark = skb->ctx.mark;
	here.len = skb->ctx.len;
	here.data = skb->data;
	rc = run_loaded(mesh_of(plane), prog, in, &there);
	if (rc == -EINVAL && in->ctx.len < ETH_LEN + 20) {
		; /* newer kernels want a whole IP header */
	} else if (rc) {
		printf("# prog_run of %u bytes: %s\n", in->ctx.len, strerror(-rc));
		different++;
	} else if (is_same(&here, &there)) {
		same++;
	} else {
		say_different(prog, in, &here, &there);
	}
	skb_free(in);
	return here.action;
}

void loaded_start(void)
{
	wm_bpf_set_init(&sets[0]);
	wm_bpf_set_init(&sets[1]);
	plane_hooks.applied = apply;
	plane_hooks.aged = age;
	world.run = run_both;
}

bool loaded_is_faithful(const struct row *row)
{
	for (const struct step *s = row->step; s < row->step + STEPS; s++)
		if (s->flood || s->pkt.sum == SUM_PARTIAL || s->pkt.gso || s->pkt.vlan || s->pkt.vlan2 || s->pkt.len > LONGEST ||
		    s->pkt.ethertype == 0x8100)
			return false;
	return true;
}
