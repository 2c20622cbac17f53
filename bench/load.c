/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/load.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bench/programs.h"
#include "bench/place.h"
#include "core/util.h"

#define NAP_NS 50000
#define RELEASE_NS 10000000
#define LOST_MS 2000 /* all threads sleep for so long: nothing comes any more */
#define STUCK_MS 60000

static const volatile struct wire_tally *tally_of(const struct rig *rig)
{
	return &rig->progs->bss->tally;
}

static uint64_t came_out(const struct rig *rig)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < WIRE_VERDICTS; i++)
		n += tally_of(rig)->count[i];
	return n;
}

/* --- sending ------------------------------------------------------------------------------ */

/* From the tunnel: each packet is written by itself, and waits in the TUN's queue. */
static int send_by_tun(struct rig *rig, uint32_t n, struct wm_error *err)
{
	for (uint32_t i = 0; i < n; i++) {
		struct wire_packet p;

		wire_build(&rig->world, &rig->order, rig->order.next + i, &p);
		if (write(rig->tun, &p, sizeof(p)) != sizeof(p))
			return wm_fail(err, errno, "cannot write to " RIG_WG ": %s", strerror(errno));
	}
	return 0;
}

static bool nap_for(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
	return true;
}

/* From the LAN, in the far namespace. The program makes each frame. Each run leaves a pool of pages that the kernel
 * releases later. On a busy machine it has said once that there is no memory for one more, and sent nothing. */
static int send_by_xdp(struct rig *rig, uint32_t n, struct wm_error *err)
{
	uint8_t frame[ETH_HLEN + sizeof(struct wire_packet)] = { 0 };
	struct xdp_md at = { .data_end = sizeof(frame), .ingress_ifindex = rig->far_ifindex };
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &at,
			    .ctx_size_in = sizeof(at), .repeat = (int)n, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
			    .batch_size = RIG_BURST);

	uint64_t start = wm_monotonic_ms();
	int rc;

	do {
		rig->progs->bss->order = rig->order;
		rc = bpf_prog_test_run_opts(bpf_program__fd(rig->progs->progs.bench_gen), &opts);
	} while (rc == -ENOMEM && wm_monotonic_ms() - start < LOST_MS && nap_for(RELEASE_NS));
	if (rc < 0)
		return wm_fail(err, -rc, "cannot make frames (kernel 5.18): %s", strerror(-rc));
	return 0;
}

/* --- what gets into the tunnel --------------------------------------------------------------- */

static void verify_one(struct rig *rig, const struct wire_packet *p, ssize_t len)
{
	volatile struct wire_tally *tally = &rig->progs->bss->tally;
	enum wire_fault fault = WIRE_STRANGE;
	uint32_t host;

	if (len == sizeof(*p))
		fault = wire_check(&rig->world, p, &host);
	if (fault == WIRE_GOOD)
		rig->got[host]++;
	tally->count[fault]++;
}

/* All that waits in the TUN's queue. A rig that verifies at once never has anything there. */
static int take_out(struct rig *rig, struct wm_error *err)
{
	struct wire_packet p;
	ssize_t len;

	while ((len = read(rig->tun, &p, sizeof(p))) >= 0)
		verify_one(rig, &p, len);
	return errno == EAGAIN ? 0 : wm_fail(err, errno, "cannot read from " RIG_WG ": %s", strerror(errno));
}

/* --- waiting ------------------------------------------------------------------------------ */

static bool all_sleep(const struct rig *rig)
{
	return napi_sleeps(&rig->wg) && napi_sleeps(&rig->lan) && napi_sleeps(&rig->far);
}

/* With what wm's data plane says about it. */
static int lost(const struct rig *rig, uint64_t n, struct wm_error *err)
{
	struct wm_counters c = { 0 };
	struct wm_error left;
	char said[256] = "";
	size_t at = 0;

	if (rig->plane && rig->plane->read(&rig->inst, &c, &left) == 0)
		for (int i = 0; i < WM_REASON_COUNT && at < sizeof(said); i++)
			if (c.reason[i].packets)
				at += (size_t)snprintf(said + at, sizeof(said) - at, ", %s %llu", wm_reason_name(i),
						       (unsigned long long)c.reason[i].packets);
	wm_counters_free(&c);
	return wm_fail(err, EBADMSG, "%llu packets are lost%s", (unsigned long long)n, said);
}

/* Until so many have come out, or nothing moves any more. Of a flood nothing comes: until all sleep. */
static int wait_for(struct rig *rig, uint64_t count, bool flood, struct wm_error *err)
{
	uint64_t start = wm_monotonic_ms(), asleep = 0;

	for (;;) {
		uint64_t now = wm_monotonic_ms();
		int rc = take_out(rig, err);

		if (rc < 0 || (!flood && came_out(rig) >= count))
			return rc;
		nap_for(NAP_NS);
		if (!flood && now - start < 20)
			continue;
		if (!all_sleep(rig))
			asleep = 0;
		else if (flood)
			return 0;
		else if (!asleep)
			asleep = now;
		else if (now - asleep > LOST_MS)
			return lost(rig, count - came_out(rig), err);
		if (now - start > STUCK_MS)
			return wm_fail(err, ETIMEDOUT, "the gateway's threads do not come to an end");
	}
}

int load_wait(struct rig *rig, struct wm_error *err)
{
	return wait_for(rig, UINT64_MAX, true, err);
}

/* --- a whole load -------------------------------------------------------------------------- */

static void note_sent(struct rig *rig, uint32_t n)
{
	for (uint32_t i = 0; i < n && rig->order.way != WIRE_FLOOD; i++)
		rig->want[wire_host_of(&rig->world, &rig->order, rig->order.next + i)]++;
	rig->order.next += n;
}

static int send_all(struct rig *rig, uint32_t packets, struct wm_error *err)
{
	enum wire_way way = (enum wire_way)rig->order.way;
	bool by_tun = way == WIRE_TO_LAN || way == WIRE_RELAY;
	uint64_t count = came_out(rig);
	int rc = 0;

	for (uint32_t n; packets && rc == 0; packets -= n) {
		n = WM_MIN(packets, (uint32_t)RIG_BURST);
		count += n;
		rc = by_tun ? send_by_tun(rig, n, err) : send_by_xdp(rig, n, err);
		note_sent(rig, n);
		if (rc == 0)
			rc = wait_for(rig, count, way == WIRE_FLOOD, err);
	}
	return rc;
}

int load_send(struct rig *rig, enum wire_way way, bool one, uint32_t packets, uint64_t *ret_ns, struct wm_error *err)
{
	rig->order.way = way;
	rig->order.one = one;
	int rc = place_enter(rig->far_ns, err);
	place_hurry(true);
	if (rc == 0)
		rc = load_wait(rig, err);
	uint64_t before = napi_cpu_ns(&rig->wg) + napi_cpu_ns(&rig->lan);
	if (rc == 0)
		rc = send_all(rig, packets, err);
	if (rc == 0)
		rc = load_wait(rig, err);
	if (rc == 0)
		*ret_ns = napi_cpu_ns(&rig->wg) + napi_cpu_ns(&rig->lan) - before;
	place_hurry(false);
	return place_leave(rc, err);
}

const char *load_fault(enum wire_fault fault)
{
	static const char *const why[] = {
#define WIRE_TEXT(name, text) [WIRE_##name] = text,
		WIRE_FAULTS(WIRE_TEXT)
#undef WIRE_TEXT
	};

	return why[fault];
}

int load_verify_right(const struct rig *rig, struct wm_error *err)
{
	for (unsigned int i = WIRE_GOOD + 1; i < WIRE_VERDICTS; i++)
		if (tally_of(rig)->count[i])
			return wm_fail(err, EBADMSG, "%llu packets came out with %s",
				       (unsigned long long)tally_of(rig)->count[i], load_fault(i));
	return 0;
}

int load_verify(const struct rig *rig, struct wm_error *err)
{
	uint32_t wrong = 0, first = 0;
	int rc = load_verify_right(rig, err);

	if (rc < 0)
		return rc;
	for (uint32_t h = 0; h < rig->world.hosts; h++)
		if (rig->got[h] != rig->want[h] && !wrong++)
			first = h;
	if (wrong)
		return wm_fail(err, EBADMSG,
			       "of %u hosts, %u got another number of packets than were sent; host %u %llu, not %llu",
			       rig->world.hosts, wrong, first, (unsigned long long)rig->got[first],
			       (unsigned long long)rig->want[first]);
	return 0;
}

int load_verify_counters(const struct rig *rig, struct wm_error *err)
{
	struct wm_counters c = { 0 };
	int rc = rig->plane->read(&rig->inst, &c, err);

	if (rc == 0 && c.nends != rig->world.hosts)
		rc = wm_fail(err, EBADMSG, "it has counters of %zu hosts, not of %u", c.nends, rig->world.hosts);
	for (uint32_t h = 0; h < rig->world.hosts && rc == 0; h++) {
		uint64_t n = c.ends[h].to.packets + c.ends[h].from.packets;

		if (n != rig->want[h] || c.ends[h].drops)
			rc = wm_fail(err, EBADMSG, "host %u has counted %llu packets, not %llu, and %llu drops", h,
				     (unsigned long long)n, (unsigned long long)rig->want[h],
				     (unsigned long long)c.ends[h].drops);
	}
	wm_counters_free(&c);
	return rc;
}
