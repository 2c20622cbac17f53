/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/show.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/util.h"

struct wm_out *show_begin(struct cli *cli)
{
	struct wm_out *out = wm_out_new(stdout, cli->opt[OPT_JSON] ? WM_OUT_JSON : WM_OUT_TEXT);

	if (!out)
		complain(WM_EXIT_FAILED, "out of memory");
	return out;
}

int show_end(struct wm_out *out, int code)
{
	int rc = wm_out_end(out);

	if (rc && rc != -EPIPE)
		return complain(WM_EXIT_FAILED, "cannot write the output: %s", strerror(-rc));
	return rc ? WM_EXIT_FAILED : code;
}

int show_removed(struct cli *cli, const struct mesh *mesh, const char *kind, const char *name)
{
	struct wm_out *out = show_begin(cli);
	char text[WM_FQDN_SIZE + 32];

	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), "%s %s removed", kind, name);
	wm_out_line(out, text);
	wm_out_str(out, "mesh", NULL, mesh->slug);
	wm_out_object(out, "removed", NULL);
	wm_out_str(out, "kind", NULL, kind);
	wm_out_str(out, "name", NULL, name);
	wm_out_object_end(out);
	return show_end(out, WM_EXIT_OK);
}

static const char *ip(wm_ip4 addr, char *buf)
{
	return addr ? wm_ip4_format(addr, buf) : NULL;
}

static const char *key_text(const struct wm_key *key, char *buf)
{
	return wm_key_is_zero(key) ? NULL : wm_key_format(key, buf);
}

static const char *endpoint_text(const struct wm_endpoint *ep, char *buf)
{
	return ep->family ? wm_endpoint_format(ep, buf) : NULL;
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

void show_site(struct wm_out *out, const struct wm_site *site)
{
	char buf[WM_ENDPOINT_TEXT];

	wm_out_str(out, "domain", NULL, site->domain);
	wm_out_str(out, "subnet", NULL, wm_prefix_format(site->subnet, buf));
	wm_out_str(out, "gateway", NULL, ip(wm_site_gateway(site), buf));
	wm_out_bool(out, "is_hub", NULL, site->hub);
	wm_out_str(out, "public_key", NULL, key_text(&site->public_key, buf));
	wm_out_str(out, "endpoint", NULL, endpoint_text(&site->endpoint, buf));
}

void show_host(struct wm_out *out, const struct wm_host *host)
{
	char buf[WM_MAC_TEXT];

	wm_out_str(out, "name", NULL, host->name);
	wm_out_str(out, "domain", NULL, host->domain);
	wm_out_str(out, "wg_ip", NULL, ip(host->overlay, buf));
	wm_out_str(out, "local_ip", NULL, ip(host->local, buf));
	wm_out_str(out, "type", NULL, wm_host_type_name(host->access));
	wm_out_str(out, "mac", NULL, host->has_mac ? wm_mac_format(&host->mac, buf) : NULL);
}

void show_device(struct wm_out *out, const struct placed_device *placed)
{
	const struct wm_device *device = &placed->device;
	char buf[WM_KEY_TEXT];

	wm_out_str(out, "name", NULL, device->name);
	wm_out_str(out, "domain", NULL, or_null(placed->domain));
	wm_out_str(out, "wg_ip", NULL, ip(device->overlay, buf));
	wm_out_str(out, "type", NULL, wm_device_type_name(device->access));
	wm_out_str(out, "public_key", NULL, key_text(&device->public_key, buf));
}

/* --- what a gateway reports ---------------------------------------------------------- */

static const struct report *report_of(const struct reports *reports, const char *domain)
{
	for (size_t i = 0; i < reports->n; i++) {
		if (!strcmp(reports->row[i].domain, domain))
			return &reports->row[i];
	}
	return NULL;
}

/* ", 12 s ago"; "" when the time is not understood. */
static const char *age_text(const char *rfc3339, char *buf, size_t size)
{
	static const struct {
		int64_t upto, unit;
		const char *name;
	} units[] = {{120, 1, "s"}, {7200, 60, "min"}, {172800, 3600, "h"}, {INT64_MAX, 86400, "days"}};
	struct tm tm = {0};
	size_t i = 0;
	int64_t age;

	*buf = '\0';
	if (!strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm))
		return buf;
	age = WM_MAX(wm_unix_time() - (int64_t)timegm(&tm), 0);
	while (age >= units[i].upto)
		i++;
	snprintf(buf, size, ", %lld %s ago", (long long)(age / units[i].unit), units[i].name);
	return buf;
}

/* What an operator wants to know of a gateway at a glance. */
static const char *state_text(const struct wm_config *config, const struct wm_site *site, const struct report *r,
			      char *buf, size_t size)
{
	char age[32] = "";

	if (r && *r->seen)
		age_text(r->seen, age, sizeof(age));
	if (wm_key_is_zero(&site->public_key))
		snprintf(buf, size, "not enrolled yet");
	else if (!r || !*r->seen)
		snprintf(buf, size, "no report yet");
	else if (*r->problem)
		snprintf(buf, size, "problem%s: %s", age, r->problem);
	else if (r->generation < config->mesh.generation)
		snprintf(buf, size, "behind: %llu of %llu%s", (unsigned long long)r->generation,
			 (unsigned long long)config->mesh.generation, age);
	else
		snprintf(buf, size, "in sync (%s)%s", r->dataplane, age);
	return buf;
}

static void cell_of_report(struct wm_out *out, const struct report *r, uint64_t value)
{
	if (*r->seen)
		wm_out_cell_uint(out, value);
	else
		wm_out_cell_str(out, NULL);
}

/* --- tables with the API's keys ---------------------------------------------------------- */

void show_sites(struct wm_out *out, const struct wm_config *config, const struct reports *reports)
{
	static const struct wm_col cols[] = {
		{"domain", "DOMAIN", 0},   {"subnet", "SUBNET", 0},     {"gateway", "GATEWAY", 0},
		{"is_hub", "HUB", 0},      {"public_key", NULL, 0},     {"endpoint", "ENDPOINT", 0},
		{"seen", NULL, 0},         {"generation", NULL, 0},     {"dataplane", NULL, 0},
		{"problem", NULL, 0},      {"version", NULL, 0},        {"applied_ms", NULL, 0},
		{NULL, "STATE", WM_COL_TRUNC},
	};
	static const struct report none;

	wm_out_table(out, "sites", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < config->nsites; i++) {
		const struct wm_site *s = &config->sites[i];
		const struct report *r = report_of(reports, s->domain) ?: &none;
		char buf[WM_ENDPOINT_TEXT], state[384];

		wm_out_row(out);
		wm_out_cell_str(out, s->domain);
		wm_out_cell_str(out, wm_prefix_format(s->subnet, buf));
		wm_out_cell_str(out, ip(wm_site_gateway(s), buf));
		wm_out_cell_bool(out, s->hub);
		wm_out_cell_str(out, key_text(&s->public_key, buf));
		wm_out_cell_str(out, endpoint_text(&s->endpoint, buf));
		wm_out_cell_str(out, or_null(r->seen));
		cell_of_report(out, r, r->generation);
		wm_out_cell_str(out, or_null(r->dataplane));
		wm_out_cell_str(out, or_null(r->problem));
		wm_out_cell_str(out, or_null(r->version));
		cell_of_report(out, r, r->applied_ms);
		wm_out_cell_str(out, state_text(config, s, r, state, sizeof(state)));
	}
	wm_out_table_end(out, "no sites; create one: wm add-site DOMAIN");
}

void show_hosts(struct wm_out *out, const struct wm_config *config)
{
	static const struct wm_col cols[] = {
		{"name", "NAME", 0},         {"domain", "DOMAIN", 0}, {"wg_ip", "OVERLAY", 0},
		{"local_ip", "LAN", 0},      {"type", "TYPE", 0},     {"mac", "MAC", 0},
	};

	wm_out_table(out, "hosts", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < config->nhosts; i++) {
		const struct wm_host *h = &config->hosts[i];
		char buf[WM_MAC_TEXT];

		wm_out_row(out);
		wm_out_cell_str(out, h->name);
		wm_out_cell_str(out, h->domain);
		wm_out_cell_str(out, ip(h->overlay, buf));
		wm_out_cell_str(out, ip(h->local, buf));
		wm_out_cell_str(out, wm_host_type_name(h->access));
		wm_out_cell_str(out, h->has_mac ? wm_mac_format(&h->mac, buf) : NULL);
	}
	wm_out_table_end(out, "no hosts; register one: wm add-host NAME.DOMAIN --local-ip ADDRESS");
}

void show_devices(struct wm_out *out, const struct wm_config *config)
{
	static const struct wm_col cols[] = {
		{"name", "NAME", 0}, {"domain", "DOMAIN", 0},   {"wg_ip", "OVERLAY", 0},
		{"type", "TYPE", 0}, {"public_key", NULL, 0}, {NULL, "KEY", 0},
	};
	const struct wm_site *hub = wm_config_hub(config);

	wm_out_table(out, "devices", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < config->ndevices; i++) {
		const struct wm_device *d = &config->devices[i];
		char buf[WM_KEY_TEXT];

		wm_out_row(out);
		wm_out_cell_str(out, d->name);
		wm_out_cell_str(out, hub ? hub->domain : NULL);
		wm_out_cell_str(out, ip(d->overlay, buf));
		wm_out_cell_str(out, wm_device_type_name(d->access));
		wm_out_cell_str(out, key_text(&d->public_key, buf));
		wm_out_cell_str(out, wm_key_is_zero(&d->public_key) ? "not enrolled yet" : "yes");
	}
	wm_out_table_end(out, "no devices; register one: wm add-device NAME");
}

/* --- the compact table ------------------------------------------------------------------------ */

static void tree_row(struct wm_out *out, const char *name, const char *type, const char *overlay, const char *place,
		     const char *state)
{
	wm_out_row(out);
	wm_out_cell_str(out, name);
	wm_out_cell_str(out, type);
	wm_out_cell_str(out, overlay);
	wm_out_cell_str(out, place);
	wm_out_cell_str(out, state);
}

static void tree_host(struct wm_out *out, const struct wm_host *h)
{
	char name[WM_FQDN_SIZE + 2], overlay[WM_IP4_TEXT], local[WM_IP4_TEXT], mac[WM_MAC_TEXT + 4] = "";

	snprintf(name, sizeof(name), "  %s.%s", h->name, h->domain);
	if (h->has_mac) {
		memcpy(mac, "mac ", 4);
		wm_mac_format(&h->mac, mac + 4);
	}
	tree_row(out, name, wm_host_type_name(h->access), ip(h->overlay, overlay), ip(h->local, local), mac);
}

static void tree_device(struct wm_out *out, const struct wm_device *d, const char *domain)
{
	char name[WM_FQDN_SIZE + 2], overlay[WM_IP4_TEXT];

	snprintf(name, sizeof(name), "  %s.%s", d->name, domain);
	tree_row(out, name, wm_device_type_name(d->access), ip(d->overlay, overlay), "",
		 wm_key_is_zero(&d->public_key) ? "not enrolled yet" : "");
}

/* Hosts and devices are sorted by address, so those of a site stand together:
 * the first at or above `addr`. `stride` walks either array by its overlay. */
static size_t first_from(const wm_ip4 *overlay, size_t stride, size_t n, wm_ip4 addr)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (*(const wm_ip4 *)((const char *)overlay + mid * stride) < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void show_tree(struct wm_out *out, const struct wm_config *config, const struct reports *reports)
{
	static const struct wm_col cols[] = {
		{NULL, "NAME", 0}, {NULL, "TYPE", 0}, {NULL, "OVERLAY", 0}, {NULL, "LAN, ENDPOINT", 0},
		{NULL, "STATE", WM_COL_TRUNC},
	};

	wm_out_table(out, NULL, NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < config->nsites; i++) {
		const struct wm_site *s = &config->sites[i];
		char subnet[WM_PREFIX_TEXT], endpoint[WM_ENDPOINT_TEXT], state[384];

		tree_row(out, s->domain, s->hub ? "hub" : "site", wm_prefix_format(s->subnet, subnet),
			 endpoint_text(&s->endpoint, endpoint),
			 state_text(config, s, report_of(reports, s->domain), state, sizeof(state)));
		for (size_t h = config->nhosts ? first_from(&config->hosts->overlay, sizeof(*config->hosts),
							    config->nhosts, s->subnet.addr) : 0;
		     h < config->nhosts && wm_prefix_has(s->subnet, config->hosts[h].overlay); h++)
			tree_host(out, &config->hosts[h]);
		for (size_t d = config->ndevices ? first_from(&config->devices->overlay, sizeof(*config->devices),
							      config->ndevices, s->subnet.addr) : 0;
		     d < config->ndevices && wm_prefix_has(s->subnet, config->devices[d].overlay); d++)
			tree_device(out, &config->devices[d], s->domain);
	}
	wm_out_table_end(out, "no sites; create one: wm add-site DOMAIN");
}
