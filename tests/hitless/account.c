/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hitless/account.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "hitless.skel.h"

#define BYTES sizeof(struct wire_packet)

__attribute__((format(printf, 2, 3))) static void tell(struct account_result *r, const char *fmt, ...)
{
	size_t at = strlen(r->detail);
	va_list ap;

	if (at)
		return; /* the first says most */
	va_start(ap, fmt);
	vsnprintf(r->detail, sizeof(r->detail), fmt, ap);
	va_end(ap);
}

/* --- moments ----------------------------------------------------------------------------------- */

static void moment_free(struct account_moment *m)
{
	free(m->sent_all);
	free(m->sent_must);
	free(m->came);
	free(m->came_must);
	wm_counters_free(&m->counters);
	*m = (struct account_moment){ 0 };
}

static struct proof_count *copy(const struct proof_count *from, uint32_t n)
{
	struct proof_count *to = calloc(n, sizeof(*to));

	if (to)
		memcpy(to, from, n * sizeof(*to));
	return to;
}

/* counters: those of the data plane, too. */
static int moment_take(struct account_moment *m, const struct load *load, bool counters, struct wm_error *err)
{
	const struct rig *rig = load->rig;
	uint32_t n = rig->world.all;

	*m = (struct account_moment){
		.sent = load->shared->sent,
		.lost = load->shared->lost,
		.sent_all = copy(load->sent, n),
		.sent_must = copy(load->sent_must, n),
		.came = copy(rig->came, n),
		.came_must = copy(rig->came_must, n),
	};
	for (int i = 0; i < PROOF_FAULTS_END; i++)
		m->fault[i] = rig->progs->bss->tally.fault[i];
	if (!m->sent_all || !m->sent_must || !m->came || !m->came_must)
		return wm_fail(err, ENOMEM, "no memory for an account");
	return counters ? rig->plane->read(&rig->inst, &m->counters, err) : 0;
}

/* Of an overlay address; zero if it is not registered. */
static struct wm_end_counters end_of(const struct account_moment *m, wm_ip4 overlay)
{
	size_t low = 0, high = m->counters.nends;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (m->counters.ends[middle].overlay < overlay)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < m->counters.nends && m->counters.ends[low].overlay == overlay)
		return m->counters.ends[low];
	return (struct wm_end_counters){ .overlay = overlay };
}

/* --- what is compared ---------------------------------------------------------------------------- */

/* Index by index, packets that had to come out. */
static void compare_packets(const struct proof_world *w, const struct account_moment *was, const struct account_moment *is,
			    struct account_result *r)
{
	for (uint32_t i = 0; i < w->all; i++) {
		uint64_t sent[] = { is->sent_must[i].to - was->sent_must[i].to, is->sent_must[i].from - was->sent_must[i].from };
		uint64_t came[] = { is->came_must[i].to - was->came_must[i].to, is->came_must[i].from - was->came_must[i].from };

		for (int from = 0; from < 2; from++) {
			if (came[from] == sent[from])
				continue;
			tell(r, "host %u%s: %llu packets %s it were sent, %llu came out", i,
			     proof_is_isolated(w, i) ? " (isolated)" : "", (unsigned long long)sent[from],
			     from ? "from" : "to", (unsigned long long)came[from]);
			if (came[from] > sent[from])
				r->finding[ACCOUNT_DOUBLED] += came[from] - sent[from];
			else
				r->finding[ACCOUNT_LOST] += sent[from] - came[from];
		}
	}
}

static void compare_faults(const struct load *load, const struct account_moment *was, const struct account_moment *is,
			   struct account_result *r)
{
	static const char *const texts[] = {
#define PROOF_TEXT(name, text) [PROOF_##name] = text,
		PROOF_FAULTS(PROOF_TEXT)
#undef PROOF_TEXT
	};
	const struct wire_packet *p = &load->rig->progs->bss->tally.first;

	for (int i = PROOF_GOOD + 1; i < PROOF_FAULTS_END; i++) {
		uint64_t n = is->fault[i] - was->fault[i];
		char src[WM_IP4_TEXT], dst[WM_IP4_TEXT];

		if (!n)
			continue;
		r->finding[ACCOUNT_WRONG] += n;
		tell(r, "%llu packets came out %s; the first of all: way %u of %u (%u), %s to %s", (unsigned long long)n,
		     texts[i], p->way & PROOF_WAY, p->host, p->peer, wm_ip4_format(bpf_ntohl(p->src), src),
		     wm_ip4_format(bpf_ntohl(p->dst), dst));
	}
}

static bool counts(uint64_t packets, struct wm_count was, struct wm_count is)
{
	return is.packets - was.packets == packets && is.bytes - was.bytes == packets * BYTES;
}

static void compare_counters(const struct proof_world *w, const struct account_moment *was,
			     const struct account_moment *is, struct account_result *r)
{
	for (uint32_t i = 0; i < w->all; i++) {
		struct wm_end_counters before = end_of(was, proof_overlay(w, i)), after = end_of(is, proof_overlay(w, i));
		uint64_t to = is->came[i].to - was->came[i].to, from = is->came[i].from - was->came[i].from;

		if (!proof_is_stable(w, i) || (counts(to, before.to, after.to) && counts(from, before.from, after.from)))
			continue;
		r->finding[ACCOUNT_COUNTERS]++;
		tell(r, "host %u: %llu packets to and %llu from it, its counters went from %llu to %llu and from %llu to %llu", i,
		     (unsigned long long)to, (unsigned long long)from, (unsigned long long)before.to.packets,
		     (unsigned long long)after.to.packets, (unsigned long long)before.from.packets,
		     (unsigned long long)after.from.packets);
	}
}

/* Each packet that was sent, whatever became of it, is counted once. */
static void compare_reasons(const struct account_moment *was, const struct account_moment *is, struct account_result *r)
{
	int64_t sent = (int64_t)(is->sent - was->sent), counted = 0;

	for (int i = 0; i < WM_REASON_COUNT; i++)
		counted += (int64_t)(is->counters.reason[i].packets - was->counters.reason[i].packets);
	if (counted == sent)
		return;
	r->finding[ACCOUNT_REASONS] += (uint64_t)(counted > sent ? counted - sent : sent - counted);
	tell(r, "%lld packets were sent, counters rose by %lld", (long long)sent, (long long)counted);
}

/* Of the hosts that change each is where it is now, and nobody is elsewhere; and is counted there. */
static void compare_roll(const struct town *town, const struct account_moment *was, const struct account_moment *is,
			 struct account_result *r)
{
	const struct proof_world *w = &town->rig->world;

	for (uint32_t k = 0; k < town->n; k++) {
		uint32_t i = town->index[k];
		struct proof_pair want = town->rig->pairs[i];
		uint64_t to = is->came[i].to - was->came[i].to, from = is->came[i].from - was->came[i].from;
		struct wm_end_counters before = end_of(was, proof_overlay(w, i)), after = end_of(is, proof_overlay(w, i));

		if (to == !!want.to[0] && from == !!want.from[0] && counts(to, before.to, after.to))
			continue;
		r->finding[ACCOUNT_ROLL]++;
		tell(r, "address %u in the end: %llu of %d packets to it, %llu of %d from it, its counter went from %llu to %llu", i,
		     (unsigned long long)to, !!want.to[0], (unsigned long long)from, !!want.from[0],
		     (unsigned long long)before.to.packets, (unsigned long long)after.to.packets);
	}
}

/* --- from start to end --------------------------------------------------------------------------- */

void account_free(struct account *a)
{
	moment_free(&a->start);
}

int account_start(struct account *a, struct load *load, struct wm_error *err)
{
	int rc = load_hold(load, err);

	account_free(a);
	*a = (struct account){ 0 };
	return rc < 0 ? rc : moment_take(&a->start, load, true, err);
}

static int roll_call(struct load *load, struct town *town, struct account_result *r, struct wm_error *err)
{
	struct account_moment before = { 0 }, after = { 0 };
	int rc = moment_take(&before, load, true, err);

	if (rc == 0)
		rc = load_roll_call(load, err);
	if (rc == 0)
		rc = moment_take(&after, load, true, err);
	if (rc == 0)
		compare_roll(town, &before, &after, r);
	moment_free(&before);
	moment_free(&after);
	return rc;
}

int account_end(struct account *a, struct load *load, struct town *town, unsigned int without, struct account_result *ret,
		struct wm_error *err)
{
	const struct proof_world *w = &load->rig->world;
	struct account_result r = { 0 };
	struct account_moment end = { 0 };
	int rc = load_hold(load, err);

	if (rc == 0)
		rc = roll_call(load, town, &r, err);
	if (rc == 0)
		rc = moment_take(&end, load, true, err);
	if (rc == 0) {
		compare_packets(w, &a->start, &end, &r);
		compare_faults(load, &a->start, &end, &r);
		/* Relayed packets are known by their sum only. */
		r.finding[ACCOUNT_LOST] = WM_MAX(r.finding[ACCOUNT_LOST], end.lost - a->start.lost);
		if (!(without & ACCOUNT_NO_COUNTERS))
			compare_counters(w, &a->start, &end, &r);
		if (!(without & (ACCOUNT_NO_COUNTERS | ACCOUNT_NO_REASONS)))
			compare_reasons(&a->start, &end, &r);
		if (a->during + a->behind < a->changes)
			r.finding[ACCOUNT_IDLE] = a->changes - a->during - a->behind;
		r.sent = end.sent - a->start.sent;
		*ret = r;
	}
	moment_free(&end);
	return rc;
}
