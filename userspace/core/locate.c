/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/locate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

/* --- PUBLIC_IP ---------------------------------------------------------------------------- */

/* Labels of letters, digits and '-', at least two, of which the last is no number (else it would be half an address). */
static bool name_valid(const char *name)
{
	size_t labels = 0, len = 0;
	bool digits = true;

	for (const char *p = name;; p++) {
		bool end = !*p || *p == '.';

		if (end && (!len || len > 63 || p[-1] == '-'))
			return false;
		if (!*p)
			return labels && !digits;
		if (end) {
			labels++;
			len = 0;
			digits = true;
			continue;
		}
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", *p) || (*p == '-' && !len))
			return false;
		digits &= *p >= '0' && *p <= '9';
		len++;
	}
}

int wm_locate_parse_name(const char *text, struct wm_locate *io)
{
	const char *colon = strchr(text, ':');
	char *end;
	unsigned long port;

	if (wm_format(io->name, sizeof(io->name), "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text) ||
	    !name_valid(io->name))
		return -EINVAL;
	if (!colon)
		return 0;
	if (!colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5)
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (!port || port > UINT16_MAX)
		return -EINVAL;
	io->port = (uint16_t)port;
	return 0;
}

/* An address, or ADDRESS:PORT when the outer port differs. */
static int parse_address(const char *text, struct wm_locate *io)
{
	char whole[WM_ENDPOINT_TEXT + 8];

	if (!wm_endpoint_parse(text, &io->given))
		return 0;
	return wm_format(whole, sizeof(whole), strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, io->port) ||
	       wm_endpoint_parse(whole, &io->given);
}

static int load_public(const char *text, struct wm_locate *io, struct wm_error *err)
{
	if (!text)
		io->by = WM_LOCATE_OWN;
	else if (!strcmp(text, "none"))
		io->by = WM_LOCATE_NEVER;
	else if (!strcmp(text, "auto"))
		io->by = WM_LOCATE_ANY;
	else if (!parse_address(text, io))
		io->by = WM_LOCATE_GIVEN;
	else if (!wm_locate_parse_name(text, io))
		io->by = WM_LOCATE_NAME;
	else
		return wm_fail(err, EINVAL, "PUBLIC_IP is '%.60s'; it must be an IP address, ADDRESS:PORT, a DNS name, NAME:PORT, auto or none",
			       text);
	return 0;
}

/* One that is not encrypted could be answered by anybody on the way. */
static int load_services(const char *text, struct wm_locate *io, struct wm_error *err)
{
	size_t n = 0;

	if (wm_copy(io->services, sizeof(io->services), text))
		return wm_fail(err, EINVAL, "WM_ENDPOINT_SERVICES is too long; %d characters are allowed", WM_SERVICES_SIZE - 1);
	for (const char *p = text; *p; n++) {
		size_t len = strcspn(p, ",");

		if (strncmp(p, "https://", 8) || len < 9 || strcspn(p, " \t\"'\\") < len)
			return wm_fail(err, EINVAL, "WM_ENDPOINT_SERVICES has '%.*s'; it must be https:// addresses, separated by commas",
				       (int)WM_MIN(len, (size_t)60), p);
		p += len;
		p += *p == ',';
	}
	if (n == 1 || n > WM_SERVICES_MAX)
		return wm_fail(err, EINVAL, "WM_ENDPOINT_SERVICES names %zu; it must be 2 to %d, because two have to agree", n, WM_SERVICES_MAX);
	return 0;
}

int wm_locate_load(const struct wm_env *env, uint16_t port, struct wm_locate *ret, struct wm_error *err)
{
	struct wm_locate l = { .port = port };
	int rc = load_public(wm_env_get(env, "PUBLIC_IP", NULL), &l, err);

	if (!rc)
		rc = load_services(wm_env_get(env, "WM_ENDPOINT_SERVICES", ""), &l, err);
	if (!rc)
		*ret = l;
	return rc;
}

/* --- what is public -------------------------------------------------------------------------- */

static bool is_public_4(const uint8_t *a)
{
	static const struct wm_prefix special[] = {
		{ 0x00000000, 8 },  /* this network */
		{ 0x0a000000, 8 },  /* private */
		{ 0x64400000, 10 }, /* shared: carrier-grade NAT */
		{ 0x7f000000, 8 },  /* loopback */
		{ 0xa9fe0000, 16 }, /* link-local */
		{ 0xac100000, 12 }, /* private */
		{ 0xc0000000, 24 }, /* protocol assignments */
		{ 0xc0000200, 24 }, /* documentation */
		{ 0xc0586300, 24 }, /* 6to4 relays, gone */
		{ 0xc0a80000, 16 }, /* private */
		{ 0xc6120000, 15 }, /* benchmarks */
		{ 0xc6336400, 24 }, /* documentation */
		{ 0xcb007100, 24 }, /* documentation */
		{ 0xe0000000, 3 },  /* multicast, reserved, broadcast */
	};
	wm_ip4 addr = (wm_ip4)a[0] << 24 | (wm_ip4)a[1] << 16 | (wm_ip4)a[2] << 8 | a[3];

	for (size_t i = 0; i < WM_ARRAY_LEN(special); i++) {
		if (wm_prefix_has(special[i], addr))
			return false;
	}
	return true;
}

/* Global unicast is 2000::/3; of that, documentation (2001:db8::/32, 3fff::/20) and what tunnels made up (2001::/23, 6to4). */
static bool is_public_6(const uint8_t *a)
{
	if ((a[0] & 0xe0) != 0x20)
		return false;
	if (a[0] == 0x20 && (a[1] == 0x02 || (a[1] == 0x01 && ((a[2] == 0x0d && a[3] == 0xb8) || a[2] < 2))))
		return false;
	return !(a[0] == 0x3f && a[1] == 0xff && a[2] < 0x10);
}

bool wm_endpoint_is_public(const struct wm_endpoint *ep)
{
	if (!ep->family)
		return false;
	return ep->family == 4 ? is_public_4(ep->addr) : is_public_6(ep->addr);
}

/* --- what the registry is told ----------------------------------------------------------------- */

bool wm_locate_decide(const struct wm_locate *l, const struct wm_located *located, const struct wm_endpoint *registry,
		      const struct wm_endpoint *said, struct wm_endpoint *ret)
{
	switch (l->by) {
	case WM_LOCATE_NEVER:
		return false;
	case WM_LOCATE_GIVEN:
		*ret = l->given;
		return true;
	case WM_LOCATE_NAME:
	case WM_LOCATE_ANY:
		/* That nothing was found does not mean that nobody gets there. */
		if (!located || !located->seen.family)
			return false;
		*ret = located->seen;
		return true;
	case WM_LOCATE_OWN:
		break;
	}
	/* What an operator has entered stays. */
	if (!located || (registry->family && !wm_endpoint_equal(registry, said)))
		return false;
	/* With IPv6 every machine has a public address, and nearly every router lets nobody in; and not everybody has IPv6. */
	*ret = located->own && located->seen.family == 4 ? located->seen : (struct wm_endpoint){ 0 };
	return true;
}
