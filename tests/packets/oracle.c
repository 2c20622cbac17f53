// SPDX-License-Identifier: GPL-2.0-or-later
// time limit: 600 s
/*
 * The two back ends as each other's oracle: the same random packets through BPF
 * and through nftables, one after the other, and what comes out and is counted
 * must be the same, but for what docs/dataplane-nft.md says.
 *
 *   oracle [packets [seed]]     100,000 and a fixed seed; a difference leaves both packets and how to see it again
 *
 * Packets go in chunks, each on planes that are brought up anew: flows then
 * start from nothing and none of them grows old while the other back end works.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/nft_state.h"
#include "packets/describe.h"
#include "packets/expect.h"
#include "packets/plane.h"
#include "packets/random.h"
#include "packets/rig.h"
#include "packets/verify.h"

#define PACKETS 100000
#define SEED 20261
#define CHUNK 2500
#define PAST 12
#define SHOWN 5 /* differences that are described; more are only counted */

struct input {
	enum place at;
	struct pkt pkt, quoted;
};

struct outcome {
	struct seen_list out;
	uint64_t reason[WM_REASON_COUNT]; /* how much each rose */
};

enum { BY_BPF, BY_NFT, BACK_ENDS };

static struct input input[CHUNK];
static struct outcome outcome[BACK_ENDS][CHUNK];

/* --- counters, cheaply -------------------------------------------------------------- */

struct counting {
	struct wm_bpf_set set;
	struct wm_nl *nl;
	uint64_t last[WM_REASON_COUNT];
};

static int read_bpf(struct counting *c, uint64_t ret[WM_REASON_COUNT])
{
	static struct wm_counter cpu[1024];
	int cpus = libbpf_num_possible_cpus();

	for (uint32_t n = 0; n < WM_REASON_COUNT; n++) {
		if (cpus > (int)WM_ARRAY_LEN(cpu) || bpf_map_lookup_elem(c->set.map[WM_BPF_COUNTERS], &n, cpu) < 0)
			return -errno;
		ret[n] = 0;
		for (int i = 0; i < cpus; i++)
			ret[n] += cpu[i].packets;
	}
	return 0;
}

static int read_nft(struct counting *c, uint64_t ret[WM_REASON_COUNT])
{
	struct wm_counters counters = { 0 };
	int rc = wm_nft_reasons_read(c->nl, plane_instance()->nft_table, &counters);

	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		ret[n] = counters.reason[n].packets;
	return rc;
}

static int count(struct counting *c, uint64_t ret[WM_REASON_COUNT])
{
	uint64_t now[WM_REASON_COUNT];
	int rc = plane_mode() == NFT ? read_nft(c, now) : read_bpf(c, now);

	for (unsigned int n = 0; n < WM_REASON_COUNT && rc == 0; n++) {
		ret[n] = now[n] - c->last[n];
		c->last[n] = now[n];
	}
	return rc;
}

static int count_begin(struct counting *c)
{
	uint64_t none[WM_REASON_COUNT];
	struct wm_error err = { 0 };

	*c = (struct counting){ 0 };
	wm_bpf_set_init(&c->set);
	int rc = plane_mode() == NFT ? wm_nl_open(NETLINK_NETFILTER, &c->nl, &err) :
				       wm_bpf_set_open(plane_instance(), &c->set, &err);
	if (rc == 0)
		rc = count(c, none);
	if (rc < 0)
		printf("# cannot read the counters: %s %s\n", strerror(-rc), err.text);
	return rc;
}

static void count_end(struct counting *c)
{
	wm_bpf_set_close(&c->set);
	wm_nl_close(c->nl);
}

/* --- one chunk through one back end --------------------------------------------------- */

static int send_input(const struct input *in)
{
	int rc = rig_send(in->at, &in->pkt, 0);

	/* What the kernel does not let a socket of its own send does not count. */
	return rc == -EPERM || rc == -EINVAL || rc == -ENETUNREACH || rc == -EHOSTUNREACH || rc == -EACCES || rc == -EMSGSIZE || rc == -ENOBUFS ? 0 : rc;
}

static int run_input(struct counting *c, const struct input *in, struct outcome *ret, int wait_ms)
{
	seen_clear(&ret->out);
	int rc = send_input(in);
	if (rc == 0)
		rc = rig_receive(&ret->out, wait_ms);
	return rc == 0 ? count(c, ret->reason) : rc;
}

static int run_chunk(enum config config, int back_end, unsigned int mode, unsigned int n, int wait_ms)
{
	struct counting c;
	struct seen_list early = { 0 };

	int rc = plane_up(config, mode);
	if (rc == 0)
		rc = rig_receive(&early, 20);
	seen_clear(&early);
	if (rc == 0)
		rc = count_begin(&c);
	for (unsigned int i = 0; i < n && rc == 0; i++)
		rc = run_input(&c, &input[i], &outcome[back_end][i], wait_ms);
	if (rc < 0)
		printf("# %s: %s\n", mode == NFT ? "nftables" : "BPF", strerror(-rc));
	count_end(&c);
	plane_down();
	return rc;
}

/* --- what may differ ------------------------------------------------------------------- */

/* Takes out of a packet what docs/dataplane-nft.md allows, and what the stack chose. */
static void normalize(struct seen *s)
{
	uint8_t *ip = s->data;
	size_t header = s->len ? (ip[0] & 15u) * 4 : 0;

	if (!s->ip || s->len < 20 || header < 20 || s->len < header)
		return;
	uint8_t *l4 = ip + header;
	size_t n = s->len - header;
	bool error = ip[9] == IPPROTO_ICMP && !(get16(ip + 6) & 0x1fff) && n >= 28 &&
		     (l4[0] == 3 || l4[0] == 4 || l4[0] == 5 || l4[0] == 11 || l4[0] == 12);

	put16(ip + 10, 0);
	wm_ip4 src = get32(ip + 12);

	if (ip[1] == 0xc0 || src == GW || src == GW0 || src == GW1 || src == GW2 || src == BOX_GW) { /* the stack's own */
		put16(ip + 4, 0);
		ip[6] &= (uint8_t)~0x40;
	}
	if (ip[9] == IPPROTO_TCP && n >= 18 && get16(l4 + 16) == 0xffff)
		put16(l4 + 16, 0);
	if (!error)
		return;
	/* About a packet that was translated before: the error comes from g. */
	if (((l4[0] == 3 && l4[1] == 4) || l4[0] == 11) && rig_is_lan(s->at) && ip[1] == 0xc0)
		put32(ip + 12, GW);
	put16(l4 + 2, 0);
	size_t quoted = 8 + (l4[8] & 15u) * 4;
	size_t at = quoted + csum_offset(l4[8 + 9]);
	if (csum_offset(l4[8 + 9]) && at + 2 <= n)
		put16(l4 + at, 0);
}

static int by_place_and_bytes(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->data, y->data, x->len);
}

/* TAP is before nftables and behind BPF. */
static void tidy(struct seen_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->item[i].at == TAP || !list->item[i].ip) {
			free(list->item[i].data);
			continue;
		}
		normalize(&list->item[i]);
		list->item[n++] = list->item[i];
	}
	list->n = n;
	if (n)
		qsort(list->item, n, sizeof(*list->item), by_place_and_bytes);
}

static bool same_out(const struct outcome *a, const struct outcome *b)
{
	if (a->out.n != b->out.n)
		return false;
	for (size_t n = 0; n < a->out.n; n++)
		if (by_place_and_bytes(&a->out.item[n], &b->out.item[n]) != 0)
			return false;
	return true;
}

static bool same_reasons(const struct outcome *a, const struct outcome *b)
{
	return memcmp(a->reason, b->reason, sizeof(a->reason)) == 0;
}

static bool is_plain_header(const struct pkt *p)
{
	return !p->version && !p->ihl && !p->tot_len;
}

static size_t length(const struct input *in)
{
	static uint8_t buf[BYTES_MAX];

	return build_packet(&in->pkt, 0, buf);
}

/* The transport header ends before its checksum does. */
static bool is_short(const struct input *in)
{
	static uint8_t buf[BYTES_MAX];
	size_t n = build_packet(&in->pkt, 0, buf), header = (buf[0] & 15u) * 4, total = get16(buf + 2);

	return in->pkt.proto == IPPROTO_TCP && (n < header + 20 || total < header + 20);
}

static bool is_router_error(const struct input *in)
{
	return in->pkt.quote && in->pkt.src == ROUTER_L;
}

static bool site_has(wm_ip4 addr)
{
	return wm_prefix_has((struct wm_prefix){ IP(172, 30, 2, 0), 24 }, addr) && addr != GW;
}

static bool quotes_options(const struct input *in)
{
	return in->pkt.quote && in->pkt.quote->nopt;
}

static bool rose(const struct outcome *o, unsigned int reason)
{
	return o->reason[reason] != 0;
}

static bool malformed(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	return (rose(bpf, WM_REASON_INVALID) || rose(nft, WM_REASON_INVALID) || !is_plain_header(&in->pkt)) && nft->out.n == 0;
}

static bool short_tcp(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	(void)bpf;
	return is_short(in) && nft->out.n == 0;
}

static bool too_big(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	(void)bpf;
	(void)nft;
	return length(in) > LAN1_MTU;
}

static bool router_of_the_site(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	return is_router_error(in) && site_has(in->pkt.dst) && rose(bpf, WM_REASON_ROUTER_ERROR) && nft->out.n == 0;
}

static bool own_too_big(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	(void)bpf;
	(void)nft;
	return in->at == LOCAL && length(in) > LAN1_MTU;
}

static bool quoted_options(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	(void)bpf;
	return quotes_options(in) && rose(nft, WM_REASON_ISOLATED) && nft->out.n == 0;
}

/* Each names the netfilter limit as docs/dataplane-nft.md does. out: what comes out differs; else only what is counted.
 * None may let nftables pass what BPF drops: that is looked at for all of them. */
/* A header that is longer than it was made holds other things than options. */
static bool lying_options(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	const struct seen *s = nft->out.item;

	(void)bpf;
	return in->pkt.ihl && nft->out.n == 1 && s->len >= 28 && s->data[1] == 0xc0 && s->data[9] == IPPROTO_ICMP &&
	       s->data[(s->data[0] & 15) * 4] == 12;
}

static bool isolated_expired(const struct input *in, const struct outcome *bpf, const struct outcome *nft)
{
	(void)bpf;
	(void)nft;
	return in->pkt.ttl == 1 && (in->pkt.src == ISO_L || in->pkt.src == ISO1_L || in->pkt.src == ISO2_L);
}

static const struct difference {
	const char *name;
	bool out;
	bool (*is)(const struct input *in, const struct outcome *bpf, const struct outcome *nft);
} differences[] = {
	{ "malformed IPv4 is dropped, but not counted alike", false, malformed },
	{ "TCP that ends inside its header is dropped", true, short_tcp },
	{ "about IP options that lie the stack tells the sender", true, lying_options },
	{ "what is too big is counted before the stack looks at its size", false, too_big },
	{ "an isolated host's packet is counted before the stack looks at its TTL", false, isolated_expired },
	{ "a router's error about another host of the site is dropped", true, router_of_the_site },
	{ "the gateway's own packets that are too big for a LAN are cut", true, own_too_big },
	{ "an isolated end's error that quotes IP options is dropped", true, quoted_options },
};

static unsigned int allowed[WM_ARRAY_LEN(differences)];

/* Whatever the reason, nftables may not let out what BPF drops. The stack's own words about it are another thing. */
static bool passes_more(const struct outcome *bpf, const struct outcome *nft)
{
	return bpf->out.n == 0 && nft->out.n && nft->out.item[0].data[1] != 0xc0;
}

static bool is_allowed(const struct input *in, const struct outcome *bpf, const struct outcome *nft, bool out)
{
	for (size_t n = 0; n < WM_ARRAY_LEN(differences); n++)
		if (differences[n].out >= out && differences[n].is(in, bpf, nft)) {
			allowed[n]++;
			return true;
		}
	return false;
}

/* --- judging ------------------------------------------------------------------------- */

static void say_outcome(const char *who, const struct outcome *o)
{
	char line[DESCRIBE_SIZE];

	printf("#   %s:", who);
	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		if (o->reason[n])
			printf(" %s %llu", wm_reason_name(n), (unsigned long long)o->reason[n]);
	printf("%s\n", o->out.n ? "" : " (nothing comes out)");
	for (size_t n = 0; n < o->out.n; n++)
		printf("#     %s\n", describe(&o->out.item[n], line));
}

static void say_input(const struct input *in)
{
	static uint8_t buf[BYTES_MAX];
	char line[DESCRIBE_SIZE];
	struct seen s = { .at = in->at, .data = buf, .ip = true };

	s.len = build_packet(&in->pkt, 0, buf);
	printf("#   in: %s%s%s\n", describe(&s, line), in->pkt.vlan ? " tagged" : "", in->pkt.from_mac_of ? " other MAC" : "");
}

/* What went before with the same ports: flows have a past. */
static void say_past(unsigned int i)
{
	const struct pkt *p = &input[i].pkt;
	unsigned int found = 0, first = i;

	if (p->quote)
		return;

	while (first > 0 && found < PAST) {
		const struct pkt *q = &input[--first].pkt;

		found += q->proto == p->proto && ((q->sport == p->sport && q->dport == p->dport) || (q->sport == p->dport && q->dport == p->sport));
	}
	for (; first < i; first++) {
		const struct pkt *q = &input[first].pkt;

		if (q->proto == p->proto && ((q->sport == p->sport && q->dport == p->dport) || (q->sport == p->dport && q->dport == p->sport)))
			say_input(&input[first]);
	}
}

/* True whatever the other back end says. */
static const char *wrong_by_itself(const struct input *in, const struct outcome *o)
{
	bool whole = in->pkt.sum != SUM_WRONG && is_plain_header(&in->pkt) && !in->pkt.quote;

	for (size_t n = 0; n < o->out.n; n++) {
		const struct seen *s = &o->out.item[n];

		if (!s->ip || s->at == TAP || s->len < 20)
			continue;
		if (s->at == WG && !wm_prefix_has((struct wm_prefix){ IP(172, 30, 0, 0), 16 }, get32(s->data + 12)))
			return "something untranslated leaves through the tunnel";
		if (s->at >= LAN0 && s->at <= LAN2 && get32(s->data + 16) == STRANGER_L &&
		    wm_prefix_has((struct wm_prefix){ IP(172, 30, 0, 0), 16 }, get32(s->data + 12)))
			return "something of the mesh reaches an unregistered machine";
		if (whole && s->at != LOCAL && verify_sums(s->data, s->len))
			return "a checksum is wrong";
	}
	return NULL;
}

static bool judge(unsigned int i, bool last)
{
	const struct input *in = &input[i];
	struct outcome *bpf = &outcome[BY_BPF][i], *nft = &outcome[BY_NFT][i];
	const char *wrong = wrong_by_itself(in, bpf);

	if (!wrong)
		wrong = wrong_by_itself(in, nft);
	tidy(&bpf->out);
	tidy(&nft->out);
	bool out = !same_out(bpf, nft);
	if (!wrong && !out && same_reasons(bpf, nft))
		return true;
	if (!wrong && is_allowed(in, bpf, nft, out) && !passes_more(bpf, nft))
		return true;
	static unsigned int shown;
	(void)last;
	if (shown++ < SHOWN) {
		printf("# packet %u of its chunk: %s\n", i, wrong ? wrong : "the back ends differ");
		say_past(i);
		say_input(in);
		say_outcome("BPF", bpf);
		say_outcome("nftables", nft);
	}
	return false;
}

/* --- all of them --------------------------------------------------------------------- */

static void make_chunk(struct traffic *t, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		input[i].at = traffic_next(t, &input[i].pkt);
		if (!input[i].pkt.quote)
			continue;
		input[i].quoted = t->quoted;
		input[i].pkt.quote = &input[i].quoted;
	}
}

static void forget(void)
{
	for (int b = 0; b < BACK_ENDS; b++)
		for (unsigned int i = 0; i < CHUNK; i++)
			seen_clear(&outcome[b][i].out);
}

/* The wait is for packets that were late: a difference that goes away with it was none. */
static int judge_chunk(enum config config, unsigned int mode, unsigned int n, unsigned int *ret_wrong)
{
	for (int wait_ms = 0; wait_ms <= 3; wait_ms += 3) {
		*ret_wrong = 0;
		int rc = run_chunk(config, BY_BPF, mode, n, wait_ms);
		if (rc == 0)
			rc = run_chunk(config, BY_NFT, NFT, n, wait_ms);
		if (rc < 0)
			return rc;
		for (unsigned int i = 0; i < n; i++)
			*ret_wrong += !judge(i, wait_ms);
		if (!*ret_wrong)
			break;
	}
	forget();
	return 0;
}

static void say_allowed(void)
{
	for (size_t n = 0; n < WM_ARRAY_LEN(differences); n++)
		printf("# allowed %u times: %s\n", allowed[n], differences[n].name);
}

int main(int argc, char **argv)
{
	/* An emulated machine gets a tenth. */
	unsigned long packets = argc > 1 ? strtoul(argv[1], NULL, 0) : getenv("WM_SLOW") ? PACKETS / 10 : PACKETS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : SEED;
	unsigned int chunks = (unsigned int)((packets + CHUNK - 1) / CHUNK), failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (rig_open() < 0) {
		printf("Bail out! the test bed could not be made\n");
		return 1;
	}
	printf("# seed %llu\n", (unsigned long long)seed);
	for (unsigned int n = 0; n < chunks; n++) {
		enum config config = (seed + n) % 2 ? SPOKE : HUB;
		unsigned int mode = (seed + n) % 4 < 2 ? FAST : STACK, wrong;
		struct traffic t;

		traffic_begin(&t, seed + n, config);
		make_chunk(&t, CHUNK);
		if (judge_chunk(config, mode, CHUNK, &wrong) < 0) {
			printf("Bail out! the chunk could not be run\n");
			return 1;
		}
		failed += wrong != 0;
		printf("%sok %u - %u packets, %s, %s against nftables, seed %llu\n", wrong ? "not " : "", n + 1, CHUNK,
		       config == HUB ? "hub" : "spoke", mode == FAST ? "fast path" : "stack", (unsigned long long)(seed + n));
	}
	say_allowed();
	printf("1..%u\n", chunks);
	return failed || !chunks;
}
