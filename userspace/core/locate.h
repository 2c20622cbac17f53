/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where others reach this gateway: what PUBLIC_IP says of it, and what of that
 * the registry is told. Pure; who looks is wm-fetch, who tells is the agent.
 */
#pragma once

#include <stdbool.h>

#include "core/addr.h"
#include "core/env.h"

#define WM_DNS_NAME_SIZE 254
#define WM_SERVICES_SIZE 512
#define WM_SERVICES_MAX 8

enum wm_locate_by {
	WM_LOCATE_OWN,   /* PUBLIC_IP is not set: as it is seen from outside, if that is an IPv4 address of this machine */
	WM_LOCATE_GIVEN, /* an address */
	WM_LOCATE_NAME,  /* a name in DNS, looked up again and again */
	WM_LOCATE_ANY,   /* "auto": as it is seen from outside; what is in between forwards our port */
	WM_LOCATE_NEVER, /* "none": nothing is said */
};

struct wm_locate {
	enum wm_locate_by by;
	struct wm_endpoint given;          /* of GIVEN */
	char name[WM_DNS_NAME_SIZE];       /* of NAME */
	uint16_t port;                     /* of all */
	char services[WM_SERVICES_SIZE];   /* WM_ENDPOINT_SERVICES: https URLs, separated by ','; "" none */
};

/* From PUBLIC_IP and WM_ENDPOINT_SERVICES. port: where WireGuard listens. -EINVAL names the key. */
int wm_locate_load(const struct wm_env *env, uint16_t port, struct wm_locate *ret, struct wm_error *err);

/* NAME or NAME:PORT, a name of at least two labels: name and, if it is there, port of *io; -EINVAL. */
int wm_locate_parse_name(const char *text, struct wm_locate *io);

/* An address that the whole internet reaches (RFC 6890 and what took its place): not private, shared, local, for
 * documentation or benchmarks, multicast or reserved. */
bool wm_endpoint_is_public(const struct wm_endpoint *ep);

struct wm_located {
	struct wm_endpoint seen; /* what was found; family 0: nothing */
	bool own;                /* an address of this machine */
};

/* What the registry is to have as our endpoint, which may be none (family 0). False: whatever it has, for that was said by
 * somebody who knows better. said: what we told it last without being given it. located: NULL while not known. */
bool wm_locate_decide(const struct wm_locate *l, const struct wm_located *located, const struct wm_endpoint *registry,
		      const struct wm_endpoint *said, struct wm_endpoint *ret);
