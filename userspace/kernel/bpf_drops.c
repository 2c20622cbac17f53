/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the programs have dropped: the list, and the drops as they happen.
 *
 * The ring has one reader, whose cursor is in the ring: a lock keeps it one.
 * Programs write to it only until the moment that stands in `follow`, which the
 * reader moves on each second: one that was killed is followed by silence.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/dataplane.h"

/* Entries that are evicted and made while we read: more than fit. */
#define SLACK 1024

/* Who has this address on that LAN; 0: nobody. */
static wm_ip4 registered_as(const struct wm_bpf_set *set, const struct wm_drop_key *key)
{
	const struct wm_lan_key at = { .ifindex = key->ifindex, .addr = key->src };
	uint32_t index;

	if (bpf_map_lookup_elem(set->map[WM_BPF_LAN_HOSTS], &at, &index))
		return 0;
	return ntohl(set->meta.params.subnet) + index;
}

static struct wm_drop_view view_of(const struct wm_bpf_set *set, const struct wm_bpf_moment *now,
				   const struct wm_drop_key *key, const struct wm_drop *drop)
{
	static const uint8_t places[WM_HOOK_COUNT] = {
		[WM_HOOK_WG_IN] = WM_DROP_FROM_WG, [WM_HOOK_WG_OUT] = WM_DROP_GOING_OUT, [WM_HOOK_LAN_IN] = WM_DROP_FROM_LAN,
	};
	static const uint8_t nobody[6];
	struct wm_drop_view view = {
		.src = ntohl(key->src), .dst = ntohl(key->dst), .reason = key->reason, .proto = key->proto,
		.place = key->hook < WM_HOOK_COUNT ? places[key->hook] : WM_DROP_PLACES, .ifindex = key->ifindex,
		.sender = key->hook == WM_HOOK_WG_IN ? 0 : registered_as(set, key),
		.count = { drop->packets, drop->bytes }, .last = wm_bpf_unix_time(now, drop->last),
	};

	view.has_mac = memcmp(drop->seen.mac, nobody, sizeof(nobody)) != 0;
	memcpy(view.mac.byte, drop->seen.mac, sizeof(view.mac.byte));
	if (key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP)
		view.port = ntohs(drop->seen.dport);
	return view;
}

/* --- the list ---------------------------------------------------------------------------- */

int wm_bpf_drops(const struct wm_bpf_set *set, struct wm_drop_views *ret, struct wm_error *err)
{
	uint32_t n = set->size[WM_BPF_DROPS] + SLACK, cursor;
	WM_AUTO_FREE struct wm_drop_key *keys = calloc(n, sizeof(*keys));
	WM_AUTO_FREE struct wm_drop *drops = calloc(n, sizeof(*drops));
	struct wm_drop_views views = { 0 };
	struct wm_bpf_moment now;
	int rc = keys && drops ? 0 : -ENOMEM;

	if (!rc)
		rc = bpf_map_lookup_batch(set->map[WM_BPF_DROPS], NULL, &cursor, keys, drops, &n, NULL);
	if (rc == -ENOENT) /* its way of saying that this was all */
		rc = 0;
	if (!rc)
		rc = wm_bpf_now(set, &now);
	for (uint32_t i = 0; !rc && i < n; i++) {
		const struct wm_drop_view view = view_of(set, &now, &keys[i], &drops[i]);

		rc = wm_drop_views_add(&views, &view);
	}
	if (rc) {
		wm_drop_views_free(&views);
		return wm_bpf_fail(err, rc, "cannot read the list of drops");
	}
	wm_drop_views_sort(&views);
	*ret = views;
	return 0;
}

/* --- as they happen ---------------------------------------------------------------------- */

struct following {
	const struct wm_drop_follower *follower;
	struct wm_bpf_set set;
	struct ring_buffer *ring;
	struct wm_bpf_moment now;
	uint64_t before;    /* packets dropped before */
	uint64_t told, untold; /* packets, so far */
	bool stale;         /* left by an earlier reader */
	bool enough;        /* the follower wants no more */
	struct wm_error *err;
};

static int take(void *arg, void *data, size_t size)
{
	struct following *f = arg;
	struct wm_drop_event event;
	struct wm_drop_view view;

	if (f->stale || f->enough || size != sizeof(event))
		return 0;
	memcpy(&event, data, sizeof(event));
	view = view_of(&f->set, &f->now, &event.key, &event.drop);
	f->told += view.count.packets;
	f->enough = f->follower->told(f->follower->arg, &view) != 0;
	return 0;
}

/* All packets that were dropped so far, whether anybody was told or not. */
static int read_dropped(const struct wm_bpf_set *set, uint64_t *ret)
{
	int cpus = libbpf_num_possible_cpus(), rc = 0;
	WM_AUTO_FREE struct wm_counter *value = cpus > 0 ? calloc((size_t)cpus, sizeof(*value)) : NULL;

	if (!value)
		return cpus < 0 ? cpus : -ENOMEM;
	*ret = 0;
	for (uint32_t r = 0; !rc && r < WM_REASON_COUNT; r++) {
		if (!wm_reason_is_drop(r))
			continue;
		rc = bpf_map_lookup_elem(set->map[WM_BPF_COUNTERS], &r, value);
		for (int c = 0; !rc && c < cpus; c++)
			*ret += value[c].packets;
	}
	return rc;
}

/* What was counted and not told: too many in a second, no room in the ring, or we were too late to move `follow` on.
 * Counted first, then the ring is emptied: what is on its way in between is told, and not missed. */
static int say_untold(struct following *f)
{
	uint64_t dropped, missed;
	int rc = read_dropped(&f->set, &dropped);

	if (!rc && ring_buffer__consume(f->ring) < 0)
		rc = -EIO;
	if (rc || dropped < f->before + f->told)
		return rc;
	missed = dropped - f->before - f->told;
	if (missed > f->untold) {
		f->enough |= f->follower->untold(f->follower->arg, missed - f->untold) != 0;
		f->untold = missed;
	}
	return 0;
}

/* Once a second: the programs shall go on telling, and what they could not tell is said. */
static int renew(struct following *f)
{
	uint32_t zero = 0;
	uint64_t until;
	int rc = wm_bpf_now(&f->set, &f->now);

	until = f->now.jiffies + WM_FOLLOW_S * (uint64_t)f->now.hz;
	if (!rc)
		rc = bpf_map_update_elem(f->set.map[WM_BPF_FOLLOW], &zero, &until, BPF_ANY);
	if (!rc)
		rc = say_untold(f);
	return rc ? wm_bpf_fail(f->err, rc, "cannot follow drops") : 0;
}

/* A set that takes this one's place keeps these maps; one that was made anew does not. */
static int still_there(const struct wm_instance *inst, struct following *f)
{
	WM_AUTO_BPF_SET struct wm_bpf_set is;
	int rc = wm_bpf_open(inst, &is, f->err);

	if (!rc && is.meta.map_id[WM_BPF_DROP_EVENTS] != f->set.meta.map_id[WM_BPF_DROP_EVENTS])
		rc = wm_fail(f->err, ESTALE, "the data plane was made anew: follow it again");
	return rc;
}

static int go_on(const struct wm_instance *inst, struct following *f)
{
	struct pollfd fds[] = { { .fd = ring_buffer__epoll_fd(f->ring), .events = POLLIN },
				{ .fd = f->follower->stop_fd, .events = POLLIN } };
	uint64_t next = 0;
	int rc = 0;

	while (!rc && !f->enough && !fds[1].revents) {
		uint64_t now = wm_monotonic_ms();

		if (now >= next) {
			rc = still_there(inst, f);
			if (!rc)
				rc = renew(f);
			next = now + 1000;
		}
		if (!rc && poll(fds, WM_ARRAY_LEN(fds), (int)(next - now)) < 0 && errno != EINTR)
			rc = wm_fail(f->err, errno, "cannot wait for drops: %s", strerror(errno));
		if (!rc && ring_buffer__consume(f->ring) < 0)
			rc = wm_fail(f->err, EIO, "cannot read the ring of drops");
	}
	return rc;
}

int wm_bpf_follow(const struct wm_instance *inst, const struct wm_drop_follower *follower, struct wm_error *err)
{
	struct following f = { .follower = follower, .err = err };
	WM_AUTO_CLOSE int lock = -1;
	const uint64_t never = 0;
	uint32_t zero = 0;
	int rc = wm_bpf_open(inst, &f.set, err);

	if (!rc)
		rc = wm_bpf_lock_following(inst, &lock, err);
	if (!rc) {
		f.ring = ring_buffer__new(f.set.map[WM_BPF_DROP_EVENTS], take, &f, NULL);
		f.stale = true;
		if (f.ring)
			(void)ring_buffer__consume(f.ring);
		f.stale = false;
		rc = f.ring ? read_dropped(&f.set, &f.before) : -errno;
		if (rc)
			wm_bpf_fail(err, rc, "cannot read the ring of drops");
	}
	if (!rc) {
		rc = go_on(inst, &f);
		(void)bpf_map_update_elem(f.set.map[WM_BPF_FOLLOW], &zero, &never, BPF_ANY);
	}
	ring_buffer__free(f.ring);
	wm_bpf_set_close(&f.set);
	return rc;
}
