/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rounds in which each rival carries streams of TCP.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/bulk.h"
#include "bench/field.h"
#include "core/util.h"

#define WARM_BYTES 8000000
#define BYTES_PER_PACKET 5600 /* --packets says how much is measured: for each small one so much */

static const struct stream_load {
	const char *name, *title;
	enum bulk_way way;
	unsigned int streams;
} loads[] = {
	{ "tcp_to_lan_one", "TCP, wg -> LAN, one stream", BULK_TO_LAN, 1 },
	{ "tcp_to_wg_one", "TCP, LAN -> wg, one stream", BULK_TO_WG, 1 },
	{ "tcp_to_lan", "TCP, wg -> LAN, 8 streams", BULK_TO_LAN, BULK_STREAMS },
	{ "tcp_to_wg", "TCP, LAN -> wg, 8 streams", BULK_TO_WG, BULK_STREAMS },
};

struct crowd {
	struct field field;
	struct bulk bulk[RIVALS_MAX];
	struct entrant *entrant[RIVALS_MAX];
};

static int connect_all(struct crowd *c, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < c->field.n && rc == 0; i++) {
		c->entrant[i] = &c->field.entrant[i];
		rc = field_said(c->entrant[i], bulk_open(&c->bulk[i], &c->entrant[i]->rig, err), err);
	}
	return rc;
}

static int one_turn(struct bulk *b, const struct stream_load *load, uint64_t bytes, struct series *s,
		    struct wm_error *err)
{
	struct bulk_sum sum;
	/* The rival before has filled the caches. */
	int rc = bulk_send(b, load->way, load->streams, WM_MIN(bytes, (uint64_t)WARM_BYTES), &sum, err);

	if (rc == 0)
		rc = bulk_send(b, load->way, load->streams, bytes, &sum, err);
	s->ns[s->n++] = (double)sum.ns * 1000 / (double)bytes;
	s->packets += sum.packets;
	s->bytes += sum.bytes;
	s->again += sum.again;
	return rc;
}

static int run_load(struct crowd *c, const struct stream_load *load, const struct run *run, struct result *ret,
		    struct wm_error *err)
{
	unsigned int n = c->field.n;
	struct measure *m = result_add(ret, n + c->field.nabsent, run->rounds);
	int rc = 0;

	if (!m)
		return wm_fail(err, ENOMEM, "no memory for results");
	m->name = load->name;
	m->title = load->title;
	m->hosts = c->entrant[0]->rig.world.hosts;
	m->flows = load->streams;
	m->streams = true;
	field_name(&c->field, c->entrant, n, m);
	for (uint32_t round = 0; round < run->rounds && rc == 0; round++)
		for (unsigned int i = 0; i < n && rc == 0; i++)
			rc = field_said(c->entrant[i],
					one_turn(&c->bulk[i], load, (uint64_t)run->packets * BYTES_PER_PACKET,
						 &m->series[i], err),
					err);
	return rc;
}

static bool is_wanted(const struct stream_load *load, const struct run *run)
{
	return (!run->load || strstr(load->name, run->load)) && (!run->quick || load->streams == 1);
}

int run_streams(uint32_t hosts, const struct run *run, struct result *ret, struct wm_error *err)
{
	static const struct field_kind kind = { SCOPE_SITE, RIVAL_TO_LAN_ONLY, bulk_rig_open };
	static struct crowd crowd;
	const char *title = loads[0].title;
	bool wanted = false;

	crowd = (struct crowd){ .field.n = 0 };
	for (size_t i = 0; i < WM_ARRAY_LEN(loads); i++)
		wanted |= is_wanted(&loads[i], run);
	if (wanted)
		run_say("gateways, %u hosts", hosts);
	int rc = wanted ? field_open(&crowd.field, &kind, hosts, run, err) : 0;
	if (rc == 0 && wanted)
		rc = connect_all(&crowd, err);
	for (size_t i = 0; i < WM_ARRAY_LEN(loads) && rc == 0; i++) {
		title = loads[i].title;
		if (!is_wanted(&loads[i], run))
			continue;
		run_say("%s, %u hosts", title, hosts);
		rc = run_load(&crowd, &loads[i], run, ret, err);
	}
	for (size_t i = 0; i < RIVALS_MAX; i++)
		bulk_close(&crowd.bulk[i]);
	field_close(&crowd.field);
	return rc < 0 ? wm_fail_in(err, rc, "%s, %u hosts", title, hosts) : 0;
}
