/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How hosts, devices, gateways, protocols and interfaces are called, and whom a word means.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "core/writer.h"
#include "tools/tools.h"

/* --- from an address ---------------------------------------------------------------------- */

/* Hosts are sorted by overlay address, and there may be a million of them. */
static const struct wm_host *host_at(const struct wm_config *config, wm_ip4 overlay)
{
	for (size_t low = 0, high = config->nhosts; low < high;) {
		size_t mid = low + (high - low) / 2;

		if (config->hosts[mid].overlay == overlay)
			return &config->hosts[mid];
		if (config->hosts[mid].overlay < overlay)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static bool is_here(const struct context *ctx, const char *domain)
{
	return !strcmp(ctx->config.mesh.self, domain);
}

static void is_host(const struct context *ctx, const struct wm_host *h, struct tool_who *ret)
{
	*ret = (struct tool_who){
		.overlay = h->overlay, .local = is_here(ctx, h->domain) ? h->local : 0, .known = true,
		.isolated = h->access != WM_ACCESS_FULL, .here = is_here(ctx, h->domain), .has_mac = h->has_mac, .mac = h->mac,
	};
	snprintf(ret->name, sizeof(ret->name), "%s.%s", h->name, h->domain);
}

static void is_device(const struct context *ctx, const struct wm_device *d, struct tool_who *ret)
{
	const struct wm_site *hub = wm_config_hub(&ctx->config);

	*ret = (struct tool_who){ .overlay = d->overlay, .known = true, .device = true, .isolated = d->access != WM_ACCESS_FULL,
				  .here = hub && is_here(ctx, hub->domain) };
	snprintf(ret->name, sizeof(ret->name), "%s%s%s", d->name, hub ? "." : "", hub ? hub->domain : "");
}

static void is_gateway(const struct context *ctx, const struct wm_site *site, struct tool_who *ret)
{
	*ret = (struct tool_who){ .overlay = wm_site_gateway(site), .known = true, .gateway = true, .here = is_here(ctx, site->domain) };
	snprintf(ret->name, sizeof(ret->name), "gw.%s", site->domain);
}

void tool_find_overlay(const struct context *ctx, wm_ip4 overlay, struct tool_who *ret)
{
	const struct wm_config *config = &ctx->config;
	const struct wm_host *h = host_at(config, overlay);

	*ret = (struct tool_who){ .overlay = overlay };
	if (h) {
		is_host(ctx, h, ret);
		return;
	}
	for (size_t i = 0; i < config->ndevices; i++) {
		if (config->devices[i].overlay == overlay) {
			is_device(ctx, &config->devices[i], ret);
			return;
		}
	}
	for (size_t i = 0; i < config->nsites; i++) {
		if (wm_site_gateway(&config->sites[i]) == overlay)
			is_gateway(ctx, &config->sites[i], ret);
	}
}

const char *tool_name(const struct context *ctx, wm_ip4 overlay, char buf[WM_FQDN_SIZE])
{
	struct tool_who who;

	tool_find_overlay(ctx, overlay, &who);
	if (!who.known)
		return NULL;
	memcpy(buf, who.name, sizeof(who.name));
	return buf;
}

/* --- from a word -------------------------------------------------------------------------- */

static bool is_called(const char *word, const char *name, const char *domain)
{
	size_t len = strlen(name);

	return !strncmp(word, name, len) && word[len] == '.' && !strcmp(word + len + 1, domain);
}

static int find_name(const struct context *ctx, const char *word, struct tool_who *ret)
{
	const struct wm_config *config = &ctx->config;
	const struct wm_site *hub = wm_config_hub(config);

	for (size_t i = 0; i < config->nhosts; i++) {
		const struct wm_host *h = &config->hosts[i];

		if (is_called(word, h->name, h->domain)) {
			is_host(ctx, h, ret);
			return 0;
		}
	}
	for (size_t i = 0; i < config->ndevices; i++) {
		const struct wm_device *d = &config->devices[i];

		if (!strcmp(word, d->name) || (hub && is_called(word, d->name, hub->domain))) {
			is_device(ctx, d, ret);
			return 0;
		}
	}
	for (size_t i = 0; i < config->nsites; i++) {
		if (is_called(word, "gw", config->sites[i].domain)) {
			is_gateway(ctx, &config->sites[i], ret);
			return 0;
		}
	}
	return -ENOENT;
}

int tool_find(const struct context *ctx, const char *word, struct tool_who *ret)
{
	const struct wm_config *config = &ctx->config;
	wm_ip4 addr;

	if (wm_ip4_parse(word, &addr))
		return find_name(ctx, word, ret);
	if (wm_prefix_has(config->mesh.supernet, addr)) {
		tool_find_overlay(ctx, addr, ret);
		return 0;
	}
	for (size_t i = 0; i < config->nhosts; i++) {
		const struct wm_host *h = &config->hosts[i];

		if (h->local == addr && is_here(ctx, h->domain)) {
			is_host(ctx, h, ret);
			return 0;
		}
	}
	*ret = (struct tool_who){ .local = addr };
	return 0;
}

int tool_number(const char *word, unsigned long most, unsigned long *ret)
{
	char *end;

	if (*word < '0' || *word > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoul(word, &end, 10);
	return errno || *end || *ret > most ? -EINVAL : 0;
}

/* --- words for numbers -------------------------------------------------------------------- */

static const struct {
	uint8_t proto;
	const char *name;
} protocols[] = {
	{ IPPROTO_TCP, "tcp" }, { IPPROTO_UDP, "udp" }, { IPPROTO_ICMP, "icmp" }, { IPPROTO_GRE, "gre" },
	{ IPPROTO_ESP, "esp" }, { IPPROTO_SCTP, "sctp" }, { IPPROTO_UDPLITE, "udplite" }, { IPPROTO_IPIP, "ipip" },
};

const char *tool_protocol(uint8_t proto, char buf[TOOL_PROTOCOL])
{
	for (size_t i = 0; i < WM_ARRAY_LEN(protocols); i++) {
		if (protocols[i].proto == proto)
			return protocols[i].name;
	}
	snprintf(buf, TOOL_PROTOCOL, "%u", proto);
	return buf;
}

int tool_protocol_parse(const char *word, uint8_t *ret)
{
	unsigned long number;

	for (size_t i = 0; i < WM_ARRAY_LEN(protocols); i++) {
		if (!strcmp(protocols[i].name, word)) {
			*ret = protocols[i].proto;
			return 0;
		}
	}
	if (tool_number(word, 255, &number))
		return -EINVAL;
	*ret = (uint8_t)number;
	return 0;
}

const char *tool_age(int64_t unix_time, char buf[TOOL_AGE])
{
	int64_t now = wm_unix_time();

	if (!unix_time)
		return "never";
	strcpy(wm_uint_format(now > unix_time ? (uint64_t)(now - unix_time) : 0, buf), " s ago");
	return buf;
}

const char *tool_ifname(uint32_t ifindex, char buf[TOOL_IFNAME])
{
	if (!if_indextoname(ifindex, buf))
		snprintf(buf, TOOL_IFNAME, "interface-%u", ifindex);
	/* The kernel allows whatever is no space in a name, escape sequences among it. */
	for (char *c = buf; *c; c++) {
		if (*c < 0x21 || *c > 0x7e)
			*c = '?';
	}
	return buf;
}

const char *tool_advice(unsigned int reason)
{
	static const char *const advice[WM_REASON_COUNT] = {
		[WM_REASON_INVALID] = "look at who sends such packets",
		[WM_REASON_SPOOFED] = "look at that device's or site's addresses: each may send only from its own",
		[WM_REASON_UNREGISTERED] = "register the machine (wm add-host), or set the MAC it has (wm set --mac)",
		[WM_REASON_ISOLATED] = "if it may initiate: wm set NAME --type standard (or roaming)",
		[WM_REASON_NO_HOST] = "register a machine at that address, or correct the address",
		[WM_REASON_NOT_RELAY] = "sites reach each other directly or through the hub: look at routes and allowed IPs",
		[WM_REASON_UNTRANSLATED] = "what is behind this gateway must be a registered host of a LAN of its own",
		[WM_REASON_REDIRECT] = "nothing: the packets themselves are forwarded",
		[WM_REASON_FLOW_FULL] = "too many connections to one isolated end at once: look at wm-bpf flows",
		[WM_REASON_NO_NEIGHBOUR] = "look whether the LAN is up and the host is on it",
	};

	return reason < WM_REASON_COUNT && advice[reason] ? advice[reason] : "";
}
