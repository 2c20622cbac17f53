/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a packet test says: a row of steps, each a packet that comes in at a
 * place, the packets that must come out, and the counters that must rise.
 * Whatever else comes out, anywhere, and whatever other counter rises is a failure.
 *
 * Addresses and ports are in host byte order, as everywhere in userspace.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/plan.h"
#include "core/reason.h"
#include "packets/who.h"

enum place {
	NOWHERE,
	WG,    /* the tunnel of the mesh under test: raw IP */
	WG2,   /* that of a second mesh on the same machine */
	LAN0,  /* the far ends of the LANs: Ethernet */
	LAN1,
	LAN2,  /* has the same subnet as LAN0 */
	BOX,   /* something else on the gateway's machine, a container */
	LOCAL, /* the gateway's own sockets */
	TAP,   /* what LAN0 hands to the stack, behind our filter */
	PLACES
};

enum sum {
	SUM_RIGHT,
	SUM_NONE,    /* UDP: 0 */
	SUM_WRONG,   /* by a fixed difference, so that a translated one is wrong by the same */
	SUM_PARTIAL, /* left to the device: virtio_net_hdr says so */
};

/* In ports and ICMP ids: a number that no other row uses. */
#define ROW 1
/* In expect.ttl: as it came in. */
#define SAME_TTL 255

struct pkt {
	uint8_t proto;
	wm_ip4 src, dst;
	uint16_t sport, dport; /* ICMP echo: id, sequence number */
	uint16_t len;          /* bytes behind the L4 header; of other protocols: behind the IP header */
	uint16_t data;         /* where in the endless pattern of payload bytes they begin */
	uint8_t ttl;           /* 0: 64 */
	uint8_t tos;
	uint16_t id;           /* 0: 0x1234 */
	bool df;
	uint8_t opt[40], nopt; /* IP options, padded by the row to whole words */
	enum sum sum;
	wm_ip4 sum_src, sum_dst; /* 0: src, dst; else the L4 checksum is that of these addresses */

	uint8_t flags;         /* TCP; 0: ACK; NO_FLAGS: none */
	uint32_t seq, ack;
	uint16_t window;       /* 0: 1000; NO_WINDOW: 0 */
	uint8_t tcpopt[40], ntcpopt;
	uint16_t coverage;     /* UDP-Lite; 0: all */

	uint8_t type, code;    /* ICMP */
	uint32_t rest;         /* its second word when it quotes; 3/4: the MTU */
	const struct pkt *quote;
	uint16_t quote_len;    /* so many bytes of it; 0: all */

	bool sliced;           /* a fragment: so much of the IP payload, more to follow unless it is the end */
	uint16_t slice_at, slice_len;

	/* lies and what is beside the packet */
	bool probing;          /* LOCAL: from a socket that looks for the path's MTU itself (IP_PMTUDISC_PROBE) */
	uint8_t version, ihl;  /* 0: true */
	int tot_len;           /* added to the true length */
	uint16_t cut;          /* only so many bytes of it; 0: all */
	struct {
		uint16_t at;   /* from its first byte on, as often around as it takes */
		uint8_t by;    /* these bits of it turn; 0: none do */
	} flip[3];
	bool flip_mended;      /* the header's checksum is that of what was flipped */
	uint8_t pad;           /* bytes behind it */
	uint16_t gso;          /* one packet that stands for several: TCP's segment size; UDP's fragment size */
	uint16_t linear;       /* so many bytes in the skb's head, the rest in pages */

	/* Ethernet; zero: from the sender's MAC to the gateway's, IPv4, no tag */
	wm_ip4 from_mac_of;    /* the MAC of this address instead of src */
	bool from_group;       /* from a MAC that is no machine's but a group's */
	bool other_mac;        /* for somebody else on that LAN */
	bool group_mac;        /* to everybody */
	uint16_t ethertype;    /* what follows is then raw: `len` bytes of pattern */
	uint16_t vlan, vlan2;  /* 802.1Q; vlan2: the outer one, 802.1ad */
	uint16_t vlan3, vlan4; /* between the two: 802.1Q, and 802.1ad within */
};

#define NO_FLAGS 0x80 /* CWR is not used by any row */
#define NO_WINDOW 0xffff
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20

struct expect {
	enum place at;
	wm_ip4 src, dst;       /* 0: as it came in */
	wm_ip4 qsrc, qdst;     /* in what it quotes; 0: as it came in */
	uint8_t ttl;           /* 0: one less than it came in */
	const struct pkt *pkt; /* this one, whole, instead of what came in changed */
	/* An ICMP error about what came in, which it quotes as it came in. */
	uint8_t error, code;
	uint32_t rest;
	bool quotes_translated; /* ... with qsrc and qdst */
	uint16_t frag_at, frag_len; /* what the stack made of it: this fragment (frag_len != 0) */
	uint16_t mss;          /* 0: as it came in; else this one, where in the TCP options mss_at says */
	uint8_t mss_at;
	bool any_id;           /* the stack chose the IP id (and whether it is one to fragment) */
	wm_ip4 mac_of;         /* on Ethernet: for the MAC of this address instead of dst */
	bool reply;            /* an echo request comes back as its reply */
	wm_ip4 sum_src, sum_dst; /* NFT: what it quotes has the L4 checksum of these addresses; 0: as it came in */
};

struct count {
	uint8_t reason; /* enum wm_reason */
	uint16_t packets; /* 0: row of counts ends */
};

struct end_count {
	wm_ip4 overlay; /* 0: not looked at */
	uint16_t to, from, drops;
};

/* Many packets that differ in who sends them (or, `answers`, whom they go to),
 * each maybe with its answer. What comes out is not looked at; two counters
 * together rise by n. */
struct flood {
	unsigned int n;
	bool answers;
	enum place at;
	struct pkt pkt;
	bool new_ids;          /* each with an IP id of its own */
	enum place answer_at; /* NOWHERE: none */
	struct pkt answer;
	uint8_t reason, other; /* enum wm_reason */
	unsigned int least, most; /* how much `other` has in it */
};

#define OUTS 4
#define COUNTS 3
#define STEPS 14

struct step {
	void (*change)(struct wm_plan *plan); /* before all: this is applied to the plan of the row so far */
	unsigned int age_s;    /* then flows and fragments grow older by so many seconds */
	const struct flood *flood; /* then this; nothing else of the step counts */
	enum place at;         /* NOWHERE: nothing comes in, the row ends (unless something changes) */
	struct pkt pkt;
	unsigned int times;    /* 0: once. Each time the same comes out and is counted */
	struct expect out[OUTS];
	unsigned int segments; /* out[0] stands for so many TCP segments */
	struct count count[COUNTS];
	struct end_count end;
	bool tap;              /* look at TAP too */
	enum { ANY_WAY, AROUND, THROUGH } way; /* NFT_FAST: past the stack, or not; each time it was sent */
};

/* In count.reason: a counter of the second mesh. */
#define OTHER_MESH 0x80

enum config { SPOKE, HUB, PAIR, CONFIGS }; /* PAIR: two meshes share the LANs */

/* NFT: what nftables does otherwise has rows of its own, in cases_nft.c. */
enum { FAST = 1, STACK = 2, BPF = FAST | STACK, NFT_STACK = 4, NFT_FAST = 16, NFT = NFT_STACK | NFT_FAST };
/* In a mode besides FAST: the shield is on the LANs. It makes no difference to any row. */
#define SHIELD 8

struct row {
	const char *name;
	unsigned int only; /* FAST, STACK, NFT_STACK, NFT_FAST; 0: all of them */
	struct step step[STEPS];
};

struct group {
	const char *name;
	enum config config;
	const struct row *rows;
	size_t n;
};

/* The groups, in the order in which they run. */
#define PACKET_GROUPS(X) \
	X(translate) \
	X(offload) \
	X(drop_lan) \
	X(drop_wg) \
	X(drop_out) \
	X(self) \
	X(untouched) \
	X(initiate) \
	X(answer) \
	X(flows) \
	X(fragments) \
	X(errors) \
	X(router) \
	X(limits) \
	X(hairpin) \
	X(change) \
	X(mss) \
	X(nft) \
	X(nft_fast) \
	X(odd) \
	X(states) \
	X(scan) \
	X(pieces) \
	X(hub) \
	X(odd_hub) \
	X(mss_hub) \
	X(nft_hub) \
	X(nft_fast_hub) \
	X(attack) \
	X(devices) \
	X(pair) \
	X(pair_more)

#define GROUP_EXTERN(name) extern const struct group group_##name;
PACKET_GROUPS(GROUP_EXTERN)
#undef GROUP_EXTERN

/* All of them. (groups.c) */
extern const struct group *const groups[];
extern const size_t ngroups;
