/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/transit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bench/field.h"
#include "bench/load.h"
#include "bench/place.h"
#include "bench/programs.h"
#include "core/util.h"
#include "packets/net.h"

#define SENDER_CPU 1
#define SAME_NS 10000 /* between packets, at the rate that is the same for all */
#define HALF 2	      /* so many times what a packet costs, at half of what a rival can carry */
#define PACKETS_MAX 4000

const unsigned int transit_parts[TRANSIT_PARTS] = { 500, 900, 990, 999 };

static const struct transit_load {
	const char *name, *title;
	enum wire_way way;
	bool same; /* the rate */
} loads[] = {
	{ "transit_to_lan", "transit wg -> LAN, at half of what it can carry", WIRE_TO_LAN, false },
	{ "transit_to_wg", "transit LAN -> wg, at half of what it can carry", WIRE_TO_WG, false },
	{ "transit_to_lan_same", "transit wg -> LAN, at 100,000 packets a second", WIRE_TO_LAN, true },
	{ "transit_to_wg_same", "transit LAN -> wg, at 100,000 packets a second", WIRE_TO_WG, true },
};

/* --- sending ---------------------------------------------------------------------------------- */

struct frame {
	struct ethhdr eth;
	struct wire_packet packet;
} __attribute__((packed));

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A packet socket on the far device; where it comes from is the process's namespace. */
static int open_far(const struct rig *rig, struct wm_error *err)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = (int)rig->far_ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	if (fd >= 0 && setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) == 0 &&
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	wm_fail(err, errno, "cannot send frames from " RIG_FAR ": %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -EIO;
}

static bool send_one(struct rig *rig, int far, enum wire_way way)
{
	struct frame f = { .eth = { .h_dest = WIRE_MAC_GATEWAY, .h_proto = htons(ETH_P_IP) } };
	struct wire_packet p;

	rig->order.sent = (uint32_t)now_ns() | 1;
	wire_build(&rig->world, &rig->order, rig->order.next++, &p);
	if (way == WIRE_TO_LAN)
		return write(rig->tun, &p, sizeof(p)) == sizeof(p);
	f.packet = p;
	wire_host_mac(p.host, f.eth.h_source);
	return write(far, &f, sizeof(f)) == sizeof(f);
}

/* Gaps as they are between events of chance: the same each time it begins. */
static double gap(uint32_t *seed, double mean)
{
	*seed = *seed * 1664525 + 1013904223;
	return -mean * log(((double)(*seed >> 8) + 0.5) / (1 << 24));
}

/* *ret_ns: how long it took. */
static int send_paced(struct rig *rig, int far, enum wire_way way, uint32_t n, double mean, uint64_t *ret_ns,
		      struct wm_error *err)
{
	uint64_t start = now_ns();
	uint32_t seed = 1;
	double due = (double)start;

	for (uint32_t i = 0; i < n; i++) {
		due += gap(&seed, mean);
		while ((double)now_ns() < due)
			continue;
		if (!send_one(rig, far, way) && errno != ENOBUFS && errno != EAGAIN)
			return wm_fail(err, errno, "cannot send a packet: %s", strerror(errno));
	}
	*ret_ns = now_ns() - start;
	return 0;
}

/* --- a turn ----------------------------------------------------------------------------------- */

/* A process that has the gateway's processor when nothing else wants it: it does not fall asleep, out of which it comes
 * sooner or later as the hypervisor likes. */
static pid_t keep_awake(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct sched_param none = { 0 };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sched_setscheduler(0, SCHED_IDLE, &none);
		for (;;)
			__asm__ volatile("" ::: "memory");
	}
	return pid;
}

static void let_sleep(pid_t pid)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* What the sink has noted. */
static int read_transits(struct rig *rig, struct transit_series *s, struct wm_error *err)
{
	size_t size = WIRE_TRANSITS * sizeof(uint64_t), n = rig->progs->bss->ntransit;
	const uint64_t *all = mmap(NULL, size, PROT_READ, MAP_SHARED, bpf_map__fd(rig->progs->maps.transit), 0);
	WM_AUTO_FREE uint64_t *sorted = malloc(size);

	if (all == MAP_FAILED || !sorted || !n)
		return wm_fail(err, n ? ENOMEM : EBADMSG, n ? "no memory for times" : "all packets are lost");
	memcpy(sorted, all, n * sizeof(*sorted));
	munmap((void *)all, size);
	qsort(sorted, n, sizeof(*sorted), by_size);
	for (size_t i = 0; i < TRANSIT_PARTS; i++)
		s->ns[i][s->n] = (double)sorted[n * transit_parts[i] / 1000];
	return 0;
}

static int measure(struct rig *rig, enum wire_way way, uint32_t n, double mean, struct transit_series *s,
		   struct wm_error *err)
{
	uint64_t took = 0;
	int rc = place_enter(rig->far_ns, err);
	WM_AUTO_CLOSE int far = rc == 0 ? open_far(rig, err) : -1;

	if (far < 0)
		return place_leave(-EIO, err);
	rig->order.way = way;
	rig->order.one = false;
	rig->progs->bss->ntransit = 0;
	rc = place_stay(SENDER_CPU, err);
	place_hurry(true);
	if (rc == 0)
		rc = send_paced(rig, far, way, n, mean, &took, err);
	rig->order.sent = 0;
	place_hurry(false);
	if (rc == 0)
		rc = load_wait(rig, err);
	if (rc == 0)
		rc = place_stay(RIG_CPU, err);
	s->sent += n;
	s->lost += n - WM_MIN(n, rig->progs->bss->ntransit);
	s->kpps[s->n] = (double)n * 1e6 / (double)WM_MAX(took, 1u);
	if (rc == 0)
		rc = read_transits(rig, s, err);
	s->n++;
	return place_leave(rc, err);
}

/* What a packet costs the processor that the gateway shares with the far end. */
static int price(struct rig *rig, enum wire_way way, uint32_t n, double *ret, struct wm_error *err)
{
	uint64_t before = napi_cpu_ns(&rig->far), ns = 0;
	int rc = load_send(rig, way, false, n, &ns, err);

	*ret = (double)(ns + napi_cpu_ns(&rig->far) - before) / n;
	return rc;
}

static int one_turn(struct entrant *e, const struct transit_load *load, uint32_t n, struct transit_series *s,
		    struct wm_error *err)
{
	double ns = 0;
	int rc = field_hear(e, err);

	if (rc == 0)
		rc = price(&e->rig, load->way, n, &ns, err);
	return rc < 0 ? rc : measure(&e->rig, load->way, n, load->same ? SAME_NS : HALF * ns, s, err);
}

/* --- all of it -------------------------------------------------------------------------------- */

void transits_free(struct transits *t)
{
	for (size_t i = 0; i < t->n; i++) {
		for (size_t s = 0; s < t->transit[i].nseries; s++) {
			for (size_t p = 0; p < TRANSIT_PARTS; p++)
				free(t->transit[i].series[s].ns[p]);
			free(t->transit[i].series[s].kpps);
		}
		free(t->transit[i].series);
	}
	free(t->transit);
	*t = (struct transits){ 0 };
}

static int make_series(struct transit_series *s, const struct rival *r, uint32_t rounds)
{
	bool all = true;

	*s = (struct transit_series){ .rival = r->name, .title = r->title, .kpps = calloc(rounds, sizeof(double)) };
	for (size_t p = 0; p < TRANSIT_PARTS; p++) {
		s->ns[p] = calloc(rounds, sizeof(double));
		all &= s->ns[p] != NULL;
	}
	return all && s->kpps ? 0 : -ENOMEM;
}

static struct transit *add(struct transits *t, const struct transit_load *load, struct entrant *const e[],
			   unsigned int n, uint32_t rounds)
{
	if (wm_grow((void **)&t->transit, &t->capacity, t->n + 1, sizeof(*t->transit)) < 0)
		return NULL;
	struct transit *new = &t->transit[t->n];
	*new = (struct transit){ load->name, load->title, e[0]->rig.world.hosts, calloc(n, sizeof(*new->series)), 0 };
	if (!new->series)
		return NULL;
	for (t->n++; new->nseries < n; new->nseries++)
		if (make_series(&new->series[new->nseries], e[new->nseries]->rival, rounds) < 0)
			return NULL;
	return new;
}

static int run_load(struct field *f, const struct transit_load *load, const struct run *run, struct transits *ret,
		    struct wm_error *err)
{
	uint32_t packets = WM_MIN(run->packets, (uint32_t)PACKETS_MAX);
	struct entrant *e[RIVALS_MAX];
	unsigned int n = field_able(f, load->way, e);
	struct transit *t = add(ret, load, e, n, run->rounds);
	int rc = 0;

	if (!t)
		return wm_fail(err, ENOMEM, "no memory for results");
	for (uint32_t round = 0; round < run->rounds && rc == 0; round++)
		for (unsigned int i = 0; i < n && rc == 0; i++)
			rc = field_said(e[i], one_turn(e[i], load, packets, &t->series[i], err), err);
	return rc;
}

/* In the far namespace, and until the gateway has seen everybody: frames of a packet socket go to lan0's thread only
 * when the device that sends them makes no segments. */
static int prepare(struct field *f, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < f->n && rc == 0; i++) {
		struct entrant *e = &f->entrant[i];

		rc = place_enter(e->rig.far_ns, err);
		if (rc == 0 && net_no_offload(RIG_FAR) < 0)
			rc = wm_fail(err, EIO, "cannot turn off the offloads of " RIG_FAR);
		if (rc == 0)
			rc = rig_verify_at_once(&e->rig, err);
		rc = place_leave(rc, err);
		if (rc == 0)
			rc = field_answer(e, err);
		rc = field_said(e, rc, err);
	}
	return rc;
}

static int verify_all(const struct field *f, struct wm_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < f->n && rc == 0; i++)
		rc = field_said(&f->entrant[i], load_verify_right(&f->entrant[i].rig, err), err);
	return rc;
}

static bool is_wanted(const struct transit_load *load, const struct run *run)
{
	return (!run->load || strstr(load->name, run->load)) && !(run->quick && load->same);
}

int run_transits(uint32_t hosts, const struct run *run, struct transits *ret, struct wm_error *err)
{
	static const struct field_kind kind = { SCOPE_SITE, RIVAL_RULES, rig_open };
	struct field f = { .n = 0 };
	const char *title = loads[0].title;
	bool wanted = false;

	for (size_t i = 0; i < WM_ARRAY_LEN(loads); i++)
		wanted |= is_wanted(&loads[i], run);
	if (wanted && sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ret->left_out = "transits: left out, whoever sends needs a processor of its own";
	if (!wanted || ret->left_out)
		return 0;
	run_say("gateways, %u hosts", hosts);
	int rc = field_open(&f, &kind, hosts, run, err);
	if (rc == 0)
		rc = prepare(&f, err);
	pid_t awake = rc == 0 ? keep_awake() : -1;
	for (size_t i = 0; i < WM_ARRAY_LEN(loads) && rc == 0; i++) {
		title = loads[i].title;
		if (!is_wanted(&loads[i], run))
			continue;
		run_say("%s, %u hosts", title, hosts);
		rc = run_load(&f, &loads[i], run, ret, err);
		if (rc == 0)
			rc = verify_all(&f, err);
	}
	field_close(&f);
	let_sleep(awake);
	return rc < 0 ? wm_fail_in(err, rc, "%s, %u hosts", title, hosts) : 0;
}
