/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "native/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

/* Of rows; and of ways that differ in config, branches taken or verdicts, with the fast path alone. */
#define LEAST 400

/* One packet of a row, as one mode saw it. */
struct entry {
	const struct group *group;
	const struct row *row;
	unsigned int mode;
	uint64_t path, verdict, kind;
};

static struct {
	struct entry *item;
	size_t n, cap;
	uint32_t reasons; /* bits, of floods too */
} table;

/* What sort of packet it is, as far as a sender could tell: two that differ in this are not alike, even if the
 * programs take the same way for both (GRE and ESP; to a host and to itself). Not ports, ids and payload. */
static uint64_t kind_of(const struct trace *t)
{
	const struct pkt *p = t->pkt;
	uint64_t h = hash_more(1, t->at);

	h = hash_more(h, (uint64_t)p->src << 32 | p->dst);
	h = hash_more(h, (uint64_t)p->proto << 32 | (uint64_t)p->type << 24 | (uint64_t)p->code << 16 | p->flags);
	h = hash_more(h, (uint64_t)p->sum << 32 | (uint64_t)p->ttl << 16 | (uint64_t)p->df << 8 | p->version << 4 | p->ihl);
	h = hash_more(h, (uint64_t)p->nopt << 32 | p->opt[0] << 8 | p->opt[1]);
	h = hash_more(h, (uint64_t)p->sliced << 32 | (uint64_t)p->slice_at << 16 | p->slice_len);
	h = hash_more(h, (uint64_t)p->gso << 32 | (uint64_t)p->linear << 16 | p->pad);
	h = hash_more(h, (uint64_t)(uint32_t)p->tot_len << 32 | (uint64_t)p->cut << 16 | p->quote_len);
	h = hash_more(h, (uint64_t)p->vlan3 << 16 | p->vlan4);
	h = hash_more(h, (uint64_t)p->ethertype << 32 | (uint64_t)p->vlan << 16 | p->vlan2);
	h = hash_more(h, (uint64_t)p->len << 32 | (uint64_t)p->coverage << 16 | p->ntcpopt << 8 | p->tcpopt[0] << 1 | t->zero_sum);
	h = hash_more(h, (uint64_t)p->from_mac_of << 3 | p->from_group << 2 | p->other_mac << 1 | p->group_mac);
	if (p->quote) {
		struct trace quoted = { .pkt = p->quote };

		h = hash_more(h, kind_of(&quoted));
	}
	return h;
}

/* What the row has done to the plan and the clock before this packet, and how often the packet comes. */
static uint64_t moment_of(const struct row *row, const struct trace *t)
{
	const struct step *s = row->step;
	uint64_t h = 1;

	for (; s < row->step + STEPS && (const char *)s <= (const char *)t->pkt; s++)
		h = hash_more(h, (uint64_t)(uintptr_t)s->change + s->age_s);
	return hash_more(h, s[-1].times);
}

void table_add(const struct group *group, const struct row *row, unsigned int mode, const struct trace *item, size_t n)
{
	for (size_t x = 0; x < n; x++) {
		table.reasons |= item[x].reasons;
		/* of a flood otherwise */
		if ((const char *)item[x].pkt < (const char *)row || (const char *)item[x].pkt >= (const char *)(row + 1))
			continue;
		if (wm_grow((void **)&table.item, &table.cap, table.n + 1, sizeof(*table.item)) < 0)
			abort();
		table.item[table.n++] = (struct entry){
			group, row, mode, item[x].path, item[x].verdict, hash_more(kind_of(&item[x]), moment_of(row, &item[x])),
		};
	}
}

bool table_reasons(void)
{
	bool good = true;

	for (unsigned int reason = 0; reason < WM_REASON_COUNT; reason++) {
		if (table.reasons & 1u << reason)
			continue;
		printf("# no row ends in %s\n", wm_reason_name(reason));
		good = false;
	}
	return good;
}

/* --- alike ------------------------------------------------------------------------------- */

static int by_way(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->group->config != y->group->config)
		return x->group->config < y->group->config ? -1 : 1;
	if (x->mode != y->mode)
		return x->mode < y->mode ? -1 : 1;
	if (x->path != y->path)
		return x->path < y->path ? -1 : 1;
	if (x->verdict != y->verdict)
		return x->verdict < y->verdict ? -1 : 1;
	return 0;
}

bool table_is_large(void)
{
	struct entry *sorted = malloc((table.n + 1) * sizeof(*sorted));
	size_t ways = 0, rows = 0, fast = 0;

	if (!sorted)
		abort();
	memcpy(sorted, table.item, table.n * sizeof(*sorted));
	qsort(sorted, table.n, sizeof(*sorted), by_way);
	for (size_t n = 0; n < table.n; n++)
		if (n == 0 || by_way(&sorted[n - 1], &sorted[n])) {
			ways++;
			fast += sorted[n].mode == FAST;
		}
	free(sorted);
	for (size_t g = 0; g < ngroups; g++)
		for (size_t n = 0; n < groups[g]->n; n++)
			rows += !groups[g]->rows[n].only || groups[g]->rows[n].only & BPF;
	printf("# %zu rows, %zu packets; %zu ways (config, mode, branches taken, verdicts), %zu of them with the fast path\n", rows,
	       table.n, ways, fast);
	return rows >= LEAST && fast >= LEAST;
}

static int by_way_and_kind(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = by_way(a, b);

	return order ? order : x->kind < y->kind ? -1 : x->kind > y->kind;
}

/* A row that has a packet like no other row's. */
static bool is_of_its_own(const struct row *row, const struct entry *sorted)
{
	for (size_t n = 0; n < table.n; n++) {
		if (sorted[n].row != row)
			continue;
		size_t from = n, to = n;

		while (from > 0 && !by_way_and_kind(&sorted[from - 1], &sorted[n]))
			from--;
		while (to < table.n && !by_way_and_kind(&sorted[to], &sorted[n]))
			to++;
		while (from < to && sorted[from].row == row)
			from++;
		if (from == to)
			return true;
	}
	return false;
}

static bool has_entry(const struct row *row)
{
	for (size_t n = 0; n < table.n; n++)
		if (table.item[n].row == row)
			return true;
	return false;
}

bool table_no_twins(void)
{
	struct entry *sorted = malloc(table.n * sizeof(*sorted));
	bool good = true;

	if (!sorted)
		abort();
	memcpy(sorted, table.item, table.n * sizeof(*sorted));
	qsort(sorted, table.n, sizeof(*sorted), by_way_and_kind);
	for (size_t g = 0; g < ngroups; g++)
		for (size_t n = 0; n < groups[g]->n; n++) {
			const struct row *row = &groups[g]->rows[n];

			if (!has_entry(row) || is_of_its_own(row, sorted))
				continue;
			printf("# %s: %s: every packet of it is another row's too\n", groups[g]->name, row->name);
			good = false;
		}
	free(sorted);
	return good;
}
