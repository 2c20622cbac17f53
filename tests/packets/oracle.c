// SPDX-License-Identifier: GPL-2.0-or-later
// time limit: 600 s
/*
 * The two back ends as each other's oracle: the same random packets through BPF
 * and through nftables, one after the other. What each does has to keep the
 * rules (oracle_rules.c), and what both do must be the same, but for what
 * docs/dataplane-nft.md says (oracle_differences.c).
 *
 *   oracle [packets [seed]]     100,000 and a fixed seed; a difference leaves its packets and how to see it again
 *
 * Packets go in chunks, each on planes that are brought up anew: flows then
 * start from nothing and none of them grows old while the other back end works.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "packets/describe.h"
#include "packets/oracle.h"
#include "packets/oracle_count.h"
#include "packets/plane.h"
#include "packets/random.h"
#include "packets/rig.h"

#define PACKETS 100000
#define SEED 20261
#define CHUNK 2500
#define PAST 12
#define SHOWN 5 /* differences that are described; more are only counted */
#define AGAIN_MAX 10 /* of a hundred chunks, so many may be run again because packets were late */

static struct input input[CHUNK];
static struct outcome outcome[BACK_ENDS][CHUNK];
static unsigned int used[DIFFERENCES_MAX]; /* of the chunks that are done */
static unsigned int shown;
static uint64_t around, of_all; /* packets around nftables' stack, of those that could */

/* --- one chunk through one back end --------------------------------------------------- */

/* TAP is before nftables and behind BPF; neighbours ask who has what, whenever they like. */
static void take_out(struct seen_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->item[i].at == TAP || get16(list->item[i].eth + 12) == 0x0806)
			free(list->item[i].data);
		else
			list->item[n++] = list->item[i];
	}
	list->n = n;
}

static int send_input(const struct input *in, int *ret_rc)
{
	int rc = *ret_rc = rig_send(in->at, &in->pkt, 0);

	/* What the kernel does not let a socket of its own send does not count. */
	return rc == -EPERM || rc == -EINVAL || rc == -ENETUNREACH || rc == -EHOSTUNREACH || rc == -EACCES || rc == -EMSGSIZE || rc == -ENOBUFS ? 0 : rc;
}

/* *aged_ms: by how much the planes are older than the clock says. */
static int run_input(struct counting *c, const struct input *in, struct outcome *ret, int wait_ms, uint64_t *aged_ms)
{
	seen_clear(&ret->out);
	int rc = in->age_s ? plane_age(in->age_s) : 0;
	*aged_ms += in->age_s * 1000ull;
	ret->when = wm_monotonic_ms() + *aged_ms;
	if (rc == 0)
		rc = send_input(in, &ret->rc);
	if (rc == 0)
		rc = rig_settle();
	if (rc == 0)
		rc = rig_receive(&ret->out, wait_ms);
	take_out(&ret->out);
	return rc == 0 ? counting_read(c, ret->reason) : rc;
}

static int count_around(unsigned int n)
{
	uint64_t more = 0;
	int rc = plane_read_around(&more);

	around += more;
	of_all += n;
	return rc;
}

static int run_chunk(enum config config, enum back_end by, unsigned int mode, unsigned int n, int wait_ms)
{
	struct counting c = { 0 };
	struct seen_list early = { 0 };
	uint64_t aged_ms = 0;

	int rc = plane_up(config, mode);
	if (rc == 0)
		rc = rig_receive(&early, 20);
	seen_clear(&early);
	if (rc == 0)
		rc = counting_begin(&c);
	for (unsigned int i = 0; i < n && rc == 0; i++) {
		input[i].sent = rules_sent(input[i].at, input[i].data, input[i].len);
		rc = run_input(&c, &input[i], &outcome[by][i], wait_ms, &aged_ms);
	}
	if (rc < 0)
		printf("# %s: %s\n", mode & NFT ? "nftables" : "BPF", strerror(-rc));
	outcome_rules_begin(by);
	for (unsigned int i = 0; i < n && rc == 0; i++)
		outcome_rules(&input[i], &outcome[by][i]);
	counting_end(&c);
	if (rc == 0 && mode == NFT_FAST)
		rc = count_around(n);
	plane_down();
	return rc;
}

/* --- saying what is wrong --------------------------------------------------------------- */

static void say_outcome(const char *who, const struct outcome *o)
{
	char line[DESCRIBE_SIZE];

	printf("#   %s:", who);
	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		if (o->reason[0][n] || o->reason[1][n])
			printf(" %s %llu", wm_reason_name(n), (unsigned long long)(o->reason[0][n] + o->reason[1][n]));
	printf("%s%s%s\n", o->out.n ? "" : " (nothing comes out)", o->wrong ? "; wrong: " : "", o->wrong ? o->wrong : "");
	for (size_t n = 0; n < o->out.n; n++)
		printf("#     %s%s\n", describe(&o->out.item[n], line), o->out.item[n].any_id ? " (the stack's)" : "");
}

/* A copy of what was sent, for people. */
static void add_input(const struct input *in, struct seen_list *list)
{
	size_t before = in->sent.ip ? (size_t)(in->sent.ip - in->data) : 0;
	struct seen *s = seen_add(list);

	s->at = in->at;
	s->ip = in->sent.ip;
	s->len = in->len - before;
	s->data = malloc(s->len + 1);
	if (!s->data)
		abort();
	memcpy(s->data, in->data + before, s->len);
	if (before >= ETH_LEN) {
		memcpy(s->eth, in->data, 12);
		put16(s->eth + 12, 0x0800);
	}
}

static void say_input(unsigned int i, struct seen_list *kept)
{
	const struct input *in = &input[i];
	char line[DESCRIBE_SIZE];

	add_input(in, kept);
	printf("#   in %u: %s%s\n", i, describe(&kept->item[kept->n - 1], line), in->pkt.vlan ? " tagged" : "");
}

/* The two words behind the IP header (of what an ICMP error quotes, behind that one's), as they were sent. */
static uint32_t ports_of(const struct input *in, uint8_t *ret_proto)
{
	const uint8_t *ip = in->sent.ip, *q;
	size_t len = in->sent.len, n, header;

	q = ip && is_whole(ip, len) ? quoted_in(ip, len, &n) : NULL;
	if (q) {
		ip = q;
		len = n;
	}
	header = ip ? (ip[0] & 15u) * 4 : 0;
	*ret_proto = ip ? ip[9] : 0;
	if (!ip || len < header + 8)
		return 0;
	return ip[9] == IPPROTO_ICMP ? get16(ip + header + 4) : get32(ip + header);
}

static bool is_same_talk(const struct input *a, const struct input *b)
{
	uint8_t proto_a, proto_b;
	uint32_t x = ports_of(a, &proto_a), y = ports_of(b, &proto_b);

	return proto_a == proto_b && (x == y || x == (y << 16 | y >> 16));
}

/* What went before with the same ports: flows have a past. */
static void say_past(unsigned int i, struct seen_list *kept)
{
	unsigned int found = 0, first = i, age = 0;

	while (first > 0 && found < PAST)
		found += is_same_talk(&input[--first], &input[i]);
	for (; first < i; first++) {
		age += input[first].age_s;
		if (!is_same_talk(&input[first], &input[i]))
			continue;
		if (age)
			printf("#   %u s pass\n", age);
		age = 0;
		say_input(first, kept);
	}
	age += input[i].age_s;
	if (age)
		printf("#   %u s pass\n", age);
}

static void keep_outcome(const struct outcome *o, struct seen_list *kept)
{
	for (size_t n = 0; n < o->out.n; n++) {
		struct seen *s = seen_add(kept);

		*s = o->out.item[n];
		s->data = malloc(s->len + 1);
		if (!s->data)
			abort();
		memcpy(s->data, o->out.item[n].data, s->len);
	}
}

static void say_wrong(unsigned int i, const char *wrong, unsigned int n, uint64_t seed)
{
	const char *build = getenv("B");
	struct seen_list kept = { 0 };
	char dir[WM_PATH_SIZE], pcap[WM_PATH_SIZE + 64];

	if (shown++ >= SHOWN)
		return;
	printf("# packet %u of its chunk: %s\n", i, wrong);
	say_past(i, &kept);
	say_input(i, &kept);
	say_outcome("BPF", &outcome[BY_BPF][i]);
	say_outcome("nftables", &outcome[BY_NFT][i]);
	keep_outcome(&outcome[BY_BPF][i], &kept);
	keep_outcome(&outcome[BY_NFT][i], &kept);
	printf("#   again: %s/tests/packets/oracle %u %llu\n", build ? build : "build", n, (unsigned long long)seed);
	snprintf(dir, sizeof(dir), "%s/packets", build ? build : "build");
	snprintf(pcap, sizeof(pcap), "%s/oracle-%llu-%u.pcap", dir, (unsigned long long)seed, i);
	if (wm_make_dirs(dir, 0755) == 0 && describe_pcap(pcap, &kept) == 0)
		printf("#   packets (what went before, what was sent, what BPF let out, what nftables let out): %s\n", pcap);
	seen_clear(&kept);
}

/* --- all of them --------------------------------------------------------------------- */

static void make_input(struct traffic *t, struct input *in)
{
	static uint8_t buf[FRAME_HEADER_MAX + BYTES_MAX];
	struct pkt p;
	size_t before;

	in->at = traffic_next(t, &in->pkt, &in->age_s);
	if (in->pkt.quote) {
		in->quoted = t->quoted;
		in->pkt.quote = &in->quoted;
	}
	p = in->pkt;
	if (p.sum == SUM_PARTIAL)
		p.sum = SUM_RIGHT; /* when the device has done its part */
	before = rig_is_lan(in->at) ? build_frame_header(in->at, &p, buf) : 0;
	in->len = before + build_packet(&p, 0, buf + before);
	free(in->data);
	in->data = malloc(in->len + 1);
	if (!in->data)
		abort();
	memcpy(in->data, buf, in->len);
}

static void make_chunk(enum config config, uint64_t seed, unsigned int n)
{
	struct traffic t;

	traffic_begin(&t, seed, config);
	for (unsigned int i = 0; i < n; i++)
		make_input(&t, &input[i]);
}

static void forget(void)
{
	for (int b = 0; b < BACK_ENDS; b++)
		for (unsigned int i = 0; i < CHUNK; i++)
			seen_clear(&outcome[b][i].out);
}

static const char *judge(unsigned int i, unsigned int *used_now)
{
	const char *wrong = outcome[BY_BPF][i].wrong;

	if (!wrong)
		wrong = outcome[BY_NFT][i].wrong;
	return wrong ? wrong : outcomes_differ(&input[i], &outcome[BY_BPF][i], &outcome[BY_NFT][i], used_now);
}

static unsigned int judge_all(unsigned int n, bool last, uint64_t seed)
{
	unsigned int used_now[DIFFERENCES_MAX] = { 0 }, wrong = 0;

	for (unsigned int i = 0; i < n; i++) {
		const char *what = judge(i, used_now);

		wrong += what != NULL;
		if (what && last)
			say_wrong(i, what, n, seed);
	}
	for (size_t d = 0; d < ndifferences && (last || !wrong); d++)
		used[d] += used_now[d];
	return wrong;
}

/* The ways in which what is plain goes. Not BPF through the stack against nftables around it: a wrong header checksum is
 * the stack's to drop, and the fast paths do not look at it. */
static const struct pair {
	unsigned int bpf, nft;
	const char *name;
} pairs[] = {
	{ FAST, NFT_FAST, "fast path against nftables' fast path" },
	{ STACK, NFT_STACK, "stack against nftables and stack" },
	{ FAST, NFT_STACK, "fast path against nftables and stack" },
};

static int run_both(enum config config, const struct pair *pair, unsigned int n, int wait_ms)
{
	int rc = run_chunk(config, BY_BPF, pair->bpf, n, wait_ms);

	return rc == 0 ? run_chunk(config, BY_NFT, pair->nft, n, wait_ms) : rc;
}

/* A packet that was late is taken for what the next one led to. With a wait for each, none is: what is wrong then is
 * wrong, and only that run counts. */
static int run_seed(uint64_t seed, unsigned int n, enum config config, const struct pair *pair, unsigned int *ret_wrong, unsigned int *again)
{
	int rc = 0;

	make_chunk(config, seed, n);
	rc = run_both(config, pair, n, 0);
	if (rc == 0)
		*ret_wrong = judge_all(n, false, seed);
	if (rc == 0 && *ret_wrong) {
		++*again;
		rc = run_both(config, pair, n, 1);
		if (rc == 0)
			*ret_wrong = judge_all(n, true, seed);
	}
	forget();
	return rc;
}

/* An excuse that nothing needs is a hole. */
static unsigned int say_used(bool all)
{
	unsigned int dead = 0;

	for (size_t n = 0; n < ndifferences; n++) {
		printf("# allowed %u times: %s\n", used[n], difference_name(n));
		dead += all && !used[n];
	}
	return dead;
}

int main(int argc, char **argv)
{
	static const char *const configs[CONFIGS] = { [SPOKE] = "spoke", [HUB] = "hub", [PAIR] = "two meshes" };
	/* An emulated machine gets a tenth. */
	unsigned long packets = argc > 1 ? strtoul(argv[1], NULL, 0) : getenv("WM_SLOW") ? PACKETS / 10 : PACKETS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : SEED;
	unsigned int n = packets < CHUNK ? (unsigned int)packets : CHUNK, chunks = n ? (unsigned int)((packets + n - 1) / n) : 0;
	unsigned int failed = 0, again = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (rig_open() < 0) {
		printf("Bail out! the test bed could not be made\n");
		return 1;
	}
	printf("# seed %llu\n", (unsigned long long)seed);
	for (unsigned int i = 0; i < chunks; i++) {
		enum config config = (enum config)((seed + i) % CONFIGS);
		const struct pair *pair = &pairs[(seed + i) / CONFIGS % WM_ARRAY_LEN(pairs)];
		unsigned int wrong = 0;

		if (run_seed(seed + i, n, config, pair, &wrong, &again) < 0) {
			printf("Bail out! the chunk could not be run\n");
			return 1;
		}
		failed += wrong != 0;
		printf("%sok %u - %u packets, %s, %s, seed %llu\n", wrong ? "not " : "", i + 1, n, configs[config],
		       pair->name, (unsigned long long)(seed + i));
	}
	unsigned int dead = say_used(packets >= PACKETS);
	printf("%sok %u - every difference that is allowed is met\n", dead ? "not " : "", chunks + 1);
	printf("# chunks run once more because of packets that were late: %u\n", again - failed);
	bool late = (again - failed) * 100 > chunks * AGAIN_MAX + 100;
	printf("%sok %u - packets are seldom late\n", late ? "not " : "", chunks + 2);
	bool unmet = of_all && around * 200 < of_all;
	printf("%sok %u - nftables' fast path is met: by %llu packets of %llu\n", unmet ? "not " : "", chunks + 3,
	       (unsigned long long)around, (unsigned long long)of_all);
	printf("1..%u\n", chunks + 3);
	return failed || dead || late || unmet || !chunks;
}
