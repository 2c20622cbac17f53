/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "native/rig.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "packets/net.h"

struct trace_list traces;

/* --- packets/rig.h ---------------------------------------------------------------------- */

int rig_open(void)
{
	return 0;
}

uint32_t rig_ifindex(enum place at)
{
	return 10 + (uint32_t)at;
}

int rig_wg_down(enum place at)
{
	(void)at;
	return 0;
}

int rig_receive(struct seen_list *list, int timeout_ms)
{
	(void)timeout_ms; /* all has come by now */
	for (size_t n = 0; n < world.out.n; n++)
		*seen_add(list) = world.out.item[n];
	world.out.n = 0;
	return 0;
}

/* --- sending ---------------------------------------------------------------------------- */

bool is_marker_packet(const struct pkt *p)
{
	return p->proto == IPPROTO_UDP && p->dport == 9 && p->sport > 9 && p->sport < 64;
}

static struct trace *now;

static void note_run(const struct program_run *run)
{
	now->verdict = hash_more(hash_more(now->verdict, run->prog), (uint64_t)run->reason << 32 | (uint32_t)run->action);
	now->reasons |= 1u << run->reason;
}

void rig_send_noting(enum place at, const struct pkt *p, unsigned int row, void (*ran)(const struct program_run *run))
{
	static uint8_t data[BYTES_MAX + FRAME_HEADER_MAX];
	size_t before = rig_is_lan(at) ? build_frame_header(at, p, data) : 0;
	struct virtio_net_hdr vnet = build_vnet(p, before);
	size_t len = before + build_packet(p, row, data + before);

	world.ran = ran;
	world.probing = p->probing;
	world_send(at, data, len, &vnet);
	world.probing = false;
	world.ran = NULL;
}

int rig_send(enum place at, const struct pkt *p, unsigned int row)
{
	if (is_marker_packet(p)) {
		rig_send_noting(at, p, row, NULL);
		return 0;
	}
	if (wm_grow((void **)&traces.item, &traces.cap, traces.n + 1, sizeof(*traces.item)) < 0)
		abort();
	now = &traces.item[traces.n++];
	*now = (struct trace){ .at = at, .pkt = p };
	native_zero_sums = 0;
	path_begin();
	rig_send_noting(at, p, row, note_run);
	now->path = path_end();
	now->zero_sum = native_zero_sums;
	return 0;
}
