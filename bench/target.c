/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/target.h"

#include <string.h>

#include "bench/rival.h"
#include "core/util.h"

#define BEST_STATELESS "nft_stateless nft_ingress"

/* clang-format off */
const struct target targets[] = {
	{ TARGET_PROGRAM, "XDP shield, an unregistered packet", "shield", "", "", 256, 10 },
	{ TARGET_PROGRAM, "XDP shield, an unregistered packet", "shield", "", "", 65000, 20 },
	{ TARGET_PROGRAM, "program, wg -> LAN", "wg_in", "", "", 256, 25 },
	{ TARGET_PROGRAM, "program, wg -> LAN", "wg_in", "", "", 65000, 60 },
	{ TARGET_PROGRAM, "program, wg -> LAN", "wg_in", "", "", 1000000, 200 },
	{ TARGET_PROGRAM, "both programs, LAN -> wg", "lan_in+wg_out", "", "", 256, 35 },
	{ TARGET_PROGRAM, "both programs, LAN -> wg", "lan_in+wg_out", "", "", 65000, 200 },
	{ TARGET_PROGRAM, "both programs, LAN -> wg", "lan_in+wg_out", "", "", 1000000, 600 },
	{ TARGET_PROGRAM_GROWTH, "program, wg -> LAN, growth from 10 hosts", "wg_in", "", "", 10000, 1.2 },
	{ TARGET_PROGRAM_GROWTH, "both programs, LAN -> wg, growth from 10 hosts", "lan_in+wg_out", "", "", 10000, 1.2 },
	{ TARGET_GROWTH, "path, wg -> LAN, growth from 10 hosts", "wg_to_lan", RIVAL_BPF, "", 10000, 1.3 },
	{ TARGET_GROWTH, "path, LAN -> wg, growth from 10 hosts", "lan_to_wg", RIVAL_BPF, "", 10000, 1.3 },

	{ TARGET_GROSS, "wg -> LAN, over nft conntrack maps", "wg_to_lan", RIVAL_BPF, "nft_ct_maps", 1000, 1.9 },
	{ TARGET_GROSS, "wg -> LAN, over nft conntrack maps", "wg_to_lan", RIVAL_BPF, "nft_ct_maps", 10000, 2.6 },
	{ TARGET_GROSS, "wg -> LAN, over the best stateless nft", "wg_to_lan", RIVAL_BPF, BEST_STATELESS, 1000, 1.7 },
	{ TARGET_GROSS, "wg -> LAN, over the best stateless nft", "wg_to_lan", RIVAL_BPF, BEST_STATELESS, 10000, 2.1 },
	{ TARGET_NET, "the same, net of the floor", "wg_to_lan", RIVAL_BPF, BEST_STATELESS, 1000, 7 },
	{ TARGET_NET, "the same, net of the floor", "wg_to_lan", RIVAL_BPF, BEST_STATELESS, 10000, 6 },
	{ TARGET_GROSS, "LAN -> wg, over nft conntrack maps", "lan_to_wg", RIVAL_BPF, "nft_ct_maps", 1000, 1.8 },
	{ TARGET_GROSS, "LAN -> wg, over nft conntrack maps", "lan_to_wg", RIVAL_BPF, "nft_ct_maps", 10000, 2.4 },
	{ TARGET_GROSS, "LAN -> wg, over the best stateless nft", "lan_to_wg", RIVAL_BPF, BEST_STATELESS, 1000, 1.6 },
	{ TARGET_GROSS, "LAN -> wg, over the best stateless nft", "lan_to_wg", RIVAL_BPF, BEST_STATELESS, 10000, 1.7 },
	{ TARGET_GROSS, "wg -> LAN, over an nft rule per host", "wg_to_lan", RIVAL_BPF, "nft_rules", 1000, 5 },
	{ TARGET_GROSS, "wg -> LAN, over an nft rule per host", "wg_to_lan", RIVAL_BPF, "nft_rules", 10000, 30 },
	{ TARGET_GROSS, "wg -> LAN, over plain forwarding", "wg_to_lan", RIVAL_BPF, RIVAL_PLAIN, 1000, 1.15 },
	{ TARGET_GROSS, "LAN -> wg, over plain forwarding", "lan_to_wg", RIVAL_BPF, RIVAL_PLAIN, 1000, 1.0 },
	{ TARGET_GROSS, "hub, wg -> wg, over plain forwarding", "relay", RIVAL_BPF, RIVAL_PLAIN, 1000, 1.1 },
	{ TARGET_NET, "the same, net of the floor", "relay", RIVAL_BPF, RIVAL_PLAIN, 1000, 2 },
	{ TARGET_GROSS, "all isolated, wg -> LAN, over nft conntrack", "isolated_to_lan", RIVAL_BPF, "nft_ct_maps", 1000, 1.8 },
	{ TARGET_GROSS, "all isolated, LAN -> wg, over nft conntrack", "isolated_to_wg", RIVAL_BPF, "nft_ct_maps", 1000, 1.8 },
	{ TARGET_STREAM, "TCP wg -> LAN, of plain forwarding, one stream", "tcp_to_lan_one", RIVAL_BPF, RIVAL_PLAIN, 0, 1.03 },
	{ TARGET_STREAM, "TCP LAN -> wg, of plain forwarding, one stream", "tcp_to_wg_one", RIVAL_BPF, RIVAL_PLAIN, 0, 1.03 },
	{ TARGET_STREAM, "TCP wg -> LAN, of plain forwarding, 8 streams", "tcp_to_lan", RIVAL_BPF, RIVAL_PLAIN, 0, 1.03 },
	{ TARGET_STREAM, "TCP LAN -> wg, of plain forwarding, 8 streams", "tcp_to_wg", RIVAL_BPF, RIVAL_PLAIN, 0, 1.03 },
	{ TARGET_GROSS, "wm nft, wg -> LAN, over nft conntrack maps", "wg_to_lan", RIVAL_NFT, "nft_ct_maps", 1000, 1.15 },
	{ TARGET_GROSS, "wm nft, LAN -> wg, over nft conntrack maps", "lan_to_wg", RIVAL_NFT, "nft_ct_maps", 1000, 1.15 },
	{ TARGET_GROSS, "wm nft, wg -> LAN, over an nft rule per host", "wg_to_lan", RIVAL_NFT, "nft_rules", 10000, 10 },
};
/* clang-format on */
const unsigned int ntargets = WM_ARRAY_LEN(targets);

bool target_at_most(const struct target *t)
{
	return t->kind != TARGET_GROSS && t->kind != TARGET_NET;
}

/* --- paths ------------------------------------------------------------------------------------ */

/* hosts 0: whatever there is. */
static const struct measure *find_measure(const struct result *r, const char *load, uint32_t hosts)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->measure[i].name, load) == 0 && (!hosts || r->measure[i].hosts == hosts))
			return &r->measure[i];
	return NULL;
}

static const struct series *find_series(const struct measure *m, const char *rival)
{
	const struct series *s = m ? measure_find(m, rival) : NULL;

	return s && s->n ? s : NULL;
}

static double median_of(const struct series *s)
{
	return spread_of(s->ns, s->n).median;
}

static const struct series *fastest(const struct measure *m, const char *names)
{
	const struct series *best = NULL;

	for (size_t i = 0; m && i < m->nseries; i++) {
		const struct series *s = &m->series[i];

		if (s->n && strstr(names, s->rival) && (!best || median_of(s) < median_of(best)))
			best = s;
	}
	return best;
}

static bool find_ratio(const struct target *t, const struct result *r, double *ret)
{
	const struct measure *m = find_measure(r, t->load, t->hosts);
	const struct series *mine = find_series(m, t->mine), *rival = fastest(m, t->rivals);

	if (!mine || !rival)
		return false;
	*ret = t->kind == TARGET_STREAM ? spread_ratio(mine, rival).median : spread_ratio(rival, mine).median;
	return true;
}

static bool find_net(const struct target *t, const struct result *r, double *ret)
{
	const struct measure *m = find_measure(r, t->load, t->hosts);
	const struct series *mine = find_series(m, t->mine), *rival = fastest(m, t->rivals),
			    *low = find_series(m, RIVAL_FLOOR);

	if (!mine || !rival || !low || median_of(mine) <= median_of(low))
		return false;
	*ret = (median_of(rival) - median_of(low)) / (median_of(mine) - median_of(low));
	return true;
}

static bool find_growth(const struct target *t, const struct result *r, double *ret)
{
	const struct series *few = find_series(find_measure(r, t->load, 10), t->mine),
			    *many = find_series(find_measure(r, t->load, t->hosts), t->mine);

	if (!few || !many)
		return false;
	*ret = median_of(many) / median_of(few);
	return true;
}

/* --- programs --------------------------------------------------------------------------------- */

/* Of "a+b" the sum. */
static bool find_program(const char *names, const struct costs *c, uint32_t hosts, double *ret)
{
	double sum = 0;

	while (*names) {
		size_t len = strcspn(names, "+");
		bool found = false;

		for (unsigned int i = 0; i < c->n; i++)
			if (c->cost[i].hosts == hosts && strncmp(c->cost[i].program, names, len) == 0 &&
			    !c->cost[i].program[len]) {
				sum += c->cost[i].ns.median;
				found = true;
			}
		if (!found)
			return false;
		names += len + (names[len] == '+');
	}
	*ret = sum;
	return true;
}

static bool find_program_growth(const struct target *t, const struct costs *c, double *ret)
{
	double few, many;

	if (!find_program(t->load, c, 10, &few) || !find_program(t->load, c, t->hosts, &many) || few <= 0)
		return false;
	*ret = many / few;
	return true;
}

bool target_find(const struct target *t, const struct result *r, const struct costs *c, double *ret)
{
	switch (t->kind) {
	case TARGET_GROSS:
	case TARGET_STREAM:
		return find_ratio(t, r, ret);
	case TARGET_NET:
		return find_net(t, r, ret);
	case TARGET_GROWTH:
		return find_growth(t, r, ret);
	case TARGET_PROGRAM:
		return find_program(t->load, c, t->hosts, ret);
	case TARGET_PROGRAM_GROWTH:
		return find_program_growth(t, c, ret);
	}
	return false;
}

bool target_reached(const struct target *t, double found)
{
	return target_at_most(t) ? found <= t->want : found >= t->want;
}
