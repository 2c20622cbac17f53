/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All rivals with a tunnel each, taking turns.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/load.h"
#include "bench/place.h"
#include "bench/rival.h"
#include "bench/tunnel.h"
#include "core/util.h"

/* Of the rivals those that matter most, unless others are asked for. */
static const char *const names[] = { RIVAL_FLOOR, "plain", RIVAL_BPF, RIVAL_NFT, "nft_ct_maps" };
#define FIELD_MAX 8

struct entrant {
	const struct rival *rival;
	struct tunnel tunnel;
};

struct field {
	struct entrant entrant[FIELD_MAX];
	unsigned int n;
};

static const struct {
	const char *name, *title;
	enum wire_way way;
	uint32_t at_once; /* packets of UDP */
} loads[TUNNEL_LOADS] = {
	[TUNNEL_UDP_TO_LAN] = { "udp_to_lan", "wg -> LAN, packets of 44 bytes", WIRE_TO_LAN, TUNNEL_BURST },
	[TUNNEL_UDP_TO_WG] = { "udp_to_wg", "LAN -> wg, packets of 44 bytes", WIRE_TO_WG, TUNNEL_BURST },
	[TUNNEL_ONE_TO_LAN] = { "one_to_lan", "wg -> LAN, packets of 44 bytes, one at a time", WIRE_TO_LAN, 1 },
	[TUNNEL_ONE_TO_WG] = { "one_to_wg", "LAN -> wg, packets of 44 bytes, one at a time", WIRE_TO_WG, 1 },
	[TUNNEL_TCP_TO_LAN] = { "tcp_to_lan", "wg -> LAN, one stream of TCP, for 1000 bytes", WIRE_TO_LAN },
	[TUNNEL_TCP_TO_WG] = { "tcp_to_wg", "LAN -> wg, one stream of TCP, for 1000 bytes", WIRE_TO_WG },
};

/* --- the field ---------------------------------------------------------------------------------- */

static bool takes_part(const struct rival *r, const struct tunnel_wish *wish)
{
	if (!(r->scopes & SCOPE_SITE))
		return false;
	if (wish->rival && strcmp(r->name, RIVAL_FLOOR) != 0)
		return strstr(r->name, wish->rival) != NULL;
	for (size_t i = 0; i < WM_ARRAY_LEN(names); i++)
		if (strcmp(names[i], r->name) == 0)
			return true;
	return false;
}

static int come_into_force(struct entrant *e, struct wm_error *err)
{
	struct tunnel *t = &e->tunnel;
	int rc = place_enter(t->rig.gateway_ns, err);

	if (rc == 0 && strcmp(e->rival->name, RIVAL_FLOOR) == 0)
		rc = tunnel_floor(t, err);
	else if (rc == 0)
		rc = e->rival->up(&t->rig, e->rival, SCOPE_SITE, err);
	if (rc == 0)
		rc = tunnel_neighbours(t, err);
	return place_leave(rc, err);
}

static int said(const struct entrant *e, int rc, struct wm_error *err)
{
	return rc < 0 ? wm_fail_in(err, rc, "%s", e->rival->name) : 0;
}

static int field_open(struct field *f, const struct tunnel_wish *wish, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < nrivals && f->n < FIELD_MAX && rc == 0; i++) {
		struct entrant *e = &f->entrant[f->n];
		struct wire_world world;

		if (!takes_part(&rivals[i], wish))
			continue;
		f->n++;
		e->rival = &rivals[i];
		world_make(&world, wish->hosts);
		world.translates = !(e->rival->flags & RIVAL_UNTRANSLATED);
		rc = tunnel_open(&e->tunnel, &world, wish->kernel, err);
		if (rc == 0)
			rc = come_into_force(e, err);
		if (rc == 0)
			rc = tunnel_meet(&e->tunnel, err);
		rc = said(e, rc, err);
	}
	return rc;
}

/* --- a turn --------------------------------------------------------------------------------------- */

/* Of what is measured: the gateway's work, or with the kernel's WireGuard the machine's. */
static uint64_t work_of(const struct tunnel *t)
{
	if (!t->gateway.go)
		return tunnel_machine_ns();
	return tunnel_process_ns(t->gateway.go) + napi_cpu_ns(&t->rig.lan) + napi_cpu_ns(&t->under_gateway);
}

/* Of packets, or of thousands of bytes. One at a time they take an eighth of the packets, because they take so much longer. */
static uint32_t amount(enum tunnel_load load, const struct tunnel_wish *wish)
{
	if (TUNNEL_IS_TCP(load))
		return wish->kilobytes;
	return loads[load].at_once == 1 ? WM_MAX(wish->packets / 8, 1u) : wish->packets;
}

static int carry(struct entrant *e, enum tunnel_load load, const struct tunnel_wish *wish, struct wm_error *err)
{
	if (TUNNEL_IS_TCP(load))
		return tunnel_tcp(&e->tunnel, loads[load].way, amount(load, wish) * 1000ull, err);
	return tunnel_udp(&e->tunnel, loads[load].way, amount(load, wish), loads[load].at_once, err);
}

/* Every flow asked and answered: whatever a rival remembers, it knows then; and wm has heard every host. */
static int warm_up(struct entrant *e, struct wm_error *err)
{
	uint32_t flows = e->tunnel.rig.world.hosts * e->tunnel.rig.world.peers;
	int rc = tunnel_udp(&e->tunnel, WIRE_TO_WG, flows, TUNNEL_BURST, err);

	return rc < 0 ? rc : tunnel_udp(&e->tunnel, WIRE_TO_LAN, flows, TUNNEL_BURST, err);
}

static int one_turn(struct entrant *e, enum tunnel_load load, const struct tunnel_wish *wish, double *ret, struct wm_error *err)
{
	/* A host that has been silent for ten seconds has to be found anew. */
	bool hear = !TUNNEL_IS_TCP(load) && loads[load].way == WIRE_TO_LAN;
	int rc = hear ? tunnel_udp(&e->tunnel, WIRE_TO_WG, wish->hosts, TUNNEL_BURST, err) : 0;
	uint64_t before = work_of(&e->tunnel);

	if (rc == 0)
		rc = carry(e, load, wish, err);
	*ret = (double)(work_of(&e->tunnel) - before) / amount(load, wish);
	return said(e, rc, err);
}

/* Between packets of UDP, which the counters must know, and TCP, whose segments nobody counts but they. */
static int go_over(struct entrant *e, struct wm_error *err)
{
	struct rig *rig = &e->tunnel.rig;
	int rc = place_enter(rig->gateway_ns, err);

	if (rc == 0 && rig->plane)
		rc = load_verify_counters(rig, err);
	rc = place_leave(rc, err);
	return said(e, rc < 0 ? rc : tunnel_connect(&e->tunnel, err), err);
}

static int run_load(struct field *f, enum tunnel_load load, const struct tunnel_wish *wish, struct result *ret,
		    struct wm_error *err)
{
	struct measure *m = result_add(ret, f->n, wish->rounds);
	int rc = 0;

	if (!m)
		return wm_fail(err, ENOMEM, "no memory for results");
	*m = (struct measure){ .name = loads[load].name, .title = loads[load].title, .hosts = wish->hosts, .series = m->series,
			       .nseries = m->nseries, .flows = TUNNEL_IS_TCP(load) ? 1 : wish->hosts * WORLD_PEERS };
	for (unsigned int i = 0; i < f->n; i++) {
		m->series[i].rival = f->entrant[i].rival->name;
		m->series[i].title = f->entrant[i].rival->title;
		m->series[i].lacks = f->entrant[i].rival->lacks;
	}
	fprintf(stderr, "# %s\n", loads[load].title);
	for (uint32_t round = 0; round < wish->rounds && rc == 0; round++)
		for (unsigned int i = 0; i < f->n && rc == 0; i++) {
			struct series *s = &m->series[i];

			rc = one_turn(&f->entrant[i], load, wish, &s->ns[s->n], err);
			s->n++;
		}
	return rc;
}

int tunnel_run(const struct tunnel_wish *wish, struct result *ret, struct wm_error *err)
{
	static struct field f;
	int rc = field_open(&f, wish, err);

	for (unsigned int i = 0; i < f.n && rc == 0; i++)
		rc = said(&f.entrant[i], warm_up(&f.entrant[i], err), err);
	for (int load = 0; load < TUNNEL_LOADS && rc == 0; load++) {
		for (unsigned int i = 0; i < f.n && rc == 0 && load == TUNNEL_TCP_TO_LAN; i++)
			rc = go_over(&f.entrant[i], err);
		/* wireguard-go, woken by every packet, takes ten times as long as for one of many: nothing else is seen. */
		if (rc == 0 && (wish->kernel || loads[load].at_once != 1))
			rc = run_load(&f, (enum tunnel_load)load, wish, ret, err);
	}
	for (unsigned int i = 0; i < f.n; i++)
		tunnel_close(&f.entrant[i].tunnel);
	return rc;
}
