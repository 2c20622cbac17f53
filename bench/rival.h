/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What can stand between mesh and LAN: wm's data planes, what a user could run
 * in their place, and the least that moves a packet at all.
 */
#pragma once

#include <stdio.h>

#include "bench/rig.h"

/* What a comparison is about; a rival says in which it takes part. */
enum scope {
	SCOPE_SITE = 1,	    /* a site's gateway: both ways between mesh and LAN */
	SCOPE_ISOLATED = 2, /* the same, but hosts may only answer */
	SCOPE_HUB = 4,	    /* between two tunnels */
	SCOPE_FLOOD = 8,    /* from machines that nobody registered */
};

enum {
	RIVAL_UNTRANSLATED = 1, /* hosts are addressed by their LAN addresses */
	RIVAL_KEEPS_TTL = 2,
	RIVAL_HEARD = 4, /* hosts have been heard from in the last seconds */
	RIVAL_TO_LAN_ONLY = 8,
	RIVAL_RULES = 16,  /* a rule per host: so slow that fewer packets must do */
	RIVAL_KEY = 32,	   /* also in a quick run */
	RIVAL_FAULTY = 64, /* on purpose: only when it is asked for */
};

struct rival {
	const char *name;  /* as in the result */
	const char *title; /* as people read it */
	const char *lacks; /* what it does not do that wm does; "" */
	unsigned int scopes, flags;
	uint32_t hosts_max; /* beyond, it is left out; 0: any number */
	/* In the gateway's namespace: in force from here on. */
	int (*up)(struct rig *rig, const struct rival *self, enum scope scope, struct wm_error *err);
	int (*rules)(const struct rig *rig, enum scope scope, FILE *f); /* the text of its rules */
	unsigned int how;						/* of wm's: enum plane_how */
	const char *fault; /* a rule of nft that spoils packets on their way out */
};

#define RIVAL_FLOOR "floor"
#define RIVAL_PLAIN "plain"
#define RIVAL_BPF "wm_bpf"
#define RIVAL_NFT "wm_nft"

extern const struct rival rivals[];
extern const unsigned int nrivals;

/* wm's own, as wm-gateway brings it into force. */
enum plane_how {
	PLANE_NFT = 1,
	PLANE_STACK = 2,  /* WM_FASTPATH=off */
	PLANE_SHIELD = 4, /* WM_XDP=native */
};
int plane_apply(struct rig *rig, unsigned int how, enum scope scope, struct wm_error *err);
/* And with addresses, routes and neighbours. */
int plane_up(struct rig *rig, const struct rival *self, enum scope scope, struct wm_error *err);
