/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/field.h"
#include "bench/load.h"
#include "bench/place.h"
#include "core/util.h"

#define RULES_SHARE 10 /* of the packets, where each host has a rule */
#define RULES_MANY 1000
#define RULES_SHARE_MANY 100
#define QUICK_HOSTS 1000   /* the size at which a quick run has all comparisons */
#define ISOLATED_MAX 10000 /* each has 24 kB for its flows */

const struct comparison comparisons[] = {
	{ SCOPE_SITE,
	  "site",
	  0,
	  { { "wg_to_lan", "wg -> LAN", WIRE_TO_LAN, false },
	    { "lan_to_wg", "LAN -> wg", WIRE_TO_WG, false },
	    { "wg_to_lan_one", "wg -> LAN, one flow", WIRE_TO_LAN, true },
	    { "lan_to_wg_one", "LAN -> wg, one flow", WIRE_TO_WG, true } } },
	{ SCOPE_ISOLATED,
	  "isolated",
	  ISOLATED_MAX,
	  { { "isolated_to_lan", "wg -> LAN, all hosts isolated", WIRE_TO_LAN, false },
	    { "isolated_to_wg", "LAN -> wg, all hosts isolated", WIRE_TO_WG, false },
	    { "isolated_to_lan_one", "wg -> LAN, all hosts isolated, one flow", WIRE_TO_LAN, true },
	    { "isolated_to_wg_one", "LAN -> wg, all hosts isolated, one flow", WIRE_TO_WG, true } } },
	{ SCOPE_HUB,
	  "hub",
	  0,
	  { { "relay", "wg -> wg, at the hub", WIRE_RELAY, false },
	    { "relay_one", "wg -> wg, at the hub, one flow", WIRE_RELAY, true } } },
	{ SCOPE_FLOOD,
	  "flood",
	  0,
	  { { "flood", "unregistered machines on the LAN", WIRE_FLOOD, false },
	    { "flood_one", "an unregistered machine on the LAN", WIRE_FLOOD, true } } },
};
const unsigned int ncomparisons = WM_ARRAY_LEN(comparisons);

static bool is_wanted(const struct comparison *c, const struct load *load, uint32_t hosts, const struct run *run)
{
	if (c->hosts_max && hosts > c->hosts_max)
		return false;
	if (run->quick && (load->one || (c->scope != SCOPE_SITE && hosts != QUICK_HOSTS)))
		return false;
	return !run->load || strstr(load->name, run->load);
}

void run_say(const char *fmt, ...)
{
	static uint64_t start_ms;
	uint64_t now_ms = wm_monotonic_ms();
	va_list ap;

	start_ms = start_ms ? start_ms : now_ms;
	fprintf(stderr, "# %3llu s: ", (unsigned long long)(now_ms - start_ms) / 1000);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* --- rounds ----------------------------------------------------------------------------------- */

static int warm_up(struct entrant *e, const struct comparison *c, struct wm_error *err)
{
	uint64_t ns;

	if (c->scope == SCOPE_HUB)
		return load_send(&e->rig, WIRE_RELAY, false, e->rig.world.hosts * e->rig.world.peers, &ns, err);
	if (c->scope == SCOPE_FLOOD)
		return load_send(&e->rig, WIRE_FLOOD, false, WIRE_STRANGERS, &ns, err);
	return field_answer(e, err);
}

static int one_turn(struct entrant *e, const struct load *load, uint32_t packets, double *ret, struct wm_error *err)
{
	bool slow = e->rival->flags & RIVAL_RULES && e->rig.world.hosts > RULES_FEW;
	uint64_t ns = 0;

	if (slow)
		packets = WM_MAX(packets / (e->rig.world.hosts > RULES_MANY ? RULES_SHARE_MANY : RULES_SHARE), 1u);
	int rc = load->way == WIRE_TO_LAN ? field_hear(e, err) : 0;

	/* The rival before has filled the caches. */
	if (rc == 0)
		rc = load_send(&e->rig, load->way, load->one, WM_MIN(packets, e->rig.world.hosts), &ns, err);
	if (rc == 0)
		rc = load_send(&e->rig, load->way, load->one, packets, &ns, err);
	*ret = (double)ns / packets;
	return rc;
}

static struct measure *begin(const struct field *f, const struct load *load, struct entrant *const e[], unsigned int n,
			     const struct run *run, struct result *ret)
{
	struct measure *m = result_add(ret, n + f->nabsent, run->rounds);
	uint32_t flows = e[0]->rig.world.hosts * e[0]->rig.world.peers;

	if (!m)
		return NULL;
	m->name = load->name;
	m->title = load->title;
	m->hosts = e[0]->rig.world.hosts;
	m->flows = load->one ? 1 : load->way == WIRE_FLOOD ? WIRE_STRANGERS : flows;
	field_name(f, e, n, m);
	return m;
}

/* In the gateway's namespace, where its data plane is. */
static int verify(struct entrant *e, const struct comparison *c, struct wm_error *err)
{
	int rc = load_verify(&e->rig, err);

	if (rc < 0 || !e->rig.plane || c->scope & (SCOPE_HUB | SCOPE_FLOOD))
		return rc;
	rc = place_enter(e->rig.gateway_ns, err);
	if (rc == 0)
		rc = load_verify_counters(&e->rig, err);
	return place_leave(rc, err);
}

static int run_load(struct field *f, const struct load *load, const struct run *run, struct result *ret,
		    struct wm_error *err)
{
	struct entrant *e[RIVALS_MAX];
	unsigned int n = field_able(f, load->way, e);
	struct measure *m = begin(f, load, e, n, run, ret);
	int rc = 0;

	if (!m)
		return wm_fail(err, ENOMEM, "no memory for results");
	for (uint32_t round = 0; round < run->rounds && rc == 0; round++)
		for (unsigned int i = 0; i < n && rc == 0; i++) {
			struct series *s = &m->series[i];

			rc = field_said(e[i], one_turn(e[i], load, run->packets, &s->ns[s->n], err), err);
			s->n++;
		}
	return rc;
}

/* Of all that was sent since the beginning: after each load, so that an error names it. */
static int verify_all(struct field *f, const struct comparison *c, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < f->n && rc == 0; i++)
		rc = field_said(&f->entrant[i], verify(&f->entrant[i], c, err), err);
	return rc;
}

static int warm_up_all(struct field *f, const struct comparison *c, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < f->n && rc == 0; i++)
		rc = field_said(&f->entrant[i], warm_up(&f->entrant[i], c, err), err);
	return rc;
}

int run_comparison(const struct comparison *c, uint32_t hosts, const struct run *run, struct result *ret,
		   struct wm_error *err)
{
	struct field_kind kind = { c->scope, 0, rig_open };
	struct field f = { .n = 0 };
	const char *title = c->loads[0].title;
	bool wanted = false, warm = false;

	for (unsigned int i = 0; i < LOADS_MAX && c->loads[i].name; i++)
		wanted |= is_wanted(c, &c->loads[i], hosts, run);
	if (wanted)
		run_say("gateways, %u hosts", hosts);
	int rc = wanted ? field_open(&f, &kind, hosts, run, err) : 0;
	for (unsigned int i = 0; i < LOADS_MAX && c->loads[i].name && wanted && rc == 0; i++) {
		title = c->loads[i].title;
		if (!is_wanted(c, &c->loads[i], hosts, run))
			continue;
		run_say("%s, %u hosts", title, hosts);
		/* Answers do not prolong what an isolated host may answer. */
		if (!warm || c->scope == SCOPE_ISOLATED)
			rc = warm_up_all(&f, c, err);
		warm = true;
		if (rc == 0)
			rc = run_load(&f, &c->loads[i], run, ret, err);
		if (rc == 0)
			rc = verify_all(&f, c, err);
	}
	field_close(&f);
	return rc < 0 ? wm_fail_in(err, rc, "%s, %u hosts", title, hosts) : 0;
}
