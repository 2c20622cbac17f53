/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tables of one kind of object, with the API's keys in JSON.
 */
#include <stdio.h>
#include <string.h>

#include "cli/show.h"
#include "cli/text.h"
#include "core/util.h"

const char *state_text(const struct wm_config *config, const struct wm_site *site, const struct report *r,
		       char buf[STATE_TEXT])
{
	char ago[AGE_TEXT + 8] = "", age[AGE_TEXT];

	if (r && age_of(r->seen) >= 0)
		snprintf(ago, sizeof(ago), ", %s ago", age_text(age_of(r->seen), age));
	if (wm_key_is_zero(&site->public_key))
		snprintf(buf, STATE_TEXT, "not enrolled yet");
	else if (!r || !*r->seen)
		snprintf(buf, STATE_TEXT, "no report yet");
	else if (*r->problem)
		snprintf(buf, STATE_TEXT, "problem%s: %s", ago, r->problem);
	else if (r->generation < config->mesh.generation)
		snprintf(buf, STATE_TEXT, "behind: %llu of %llu%s", (unsigned long long)r->generation,
			 (unsigned long long)config->mesh.generation, ago);
	else if (!r->applied)
		snprintf(buf, STATE_TEXT, "behind: what another registry said%s", ago);
	else
		snprintf(buf, STATE_TEXT, "in sync (%s)%s", r->dataplane, ago);
	return buf;
}

const char *device_state(const struct wm_device *device, const struct peer *peer, char buf[STATE_TEXT])
{
	char age[AGE_TEXT];

	if (wm_key_is_zero(&device->public_key))
		return "not enrolled yet";
	if (!peer)
		return "";
	if (!*peer->handshake)
		return "never seen by the hub";
	snprintf(buf, STATE_TEXT, "seen %s ago", age_text(age_of(peer->handshake), age));
	return buf;
}

static void cell_if(struct wm_out *out, bool known, uint64_t value)
{
	if (known)
		wm_out_cell_uint(out, value);
	else
		wm_out_cell_str(out, NULL);
}

void show_sites(struct wm_out *out, const struct wm_config *config, const struct reports *reports)
{
	static const struct wm_col cols[] = {
		{"domain", "DOMAIN", 0},   {"subnet", "SUBNET", 0},     {"gateway", "GATEWAY", 0},
		{"is_hub", "HUB", 0},      {"public_key", NULL, 0},     {"endpoint", "ENDPOINT", 0},
		{"seen", NULL, 0},         {"generation", NULL, 0},     {"dataplane", NULL, 0},     {"dataplane_note", NULL, 0},
		{"problem", NULL, 0},      {"version", NULL, 0},        {"applied_ms", NULL, 0},
		{"delay_ms", NULL, 0},
		{"handshake", NULL, 0},    {"rx", NULL, 0},             {"tx", NULL, 0},
		{NULL, "STATE", WM_COL_TRUNC},
	};
	static const struct report none;

	wm_out_table(out, "sites", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < config->nsites; i++) {
		const struct wm_site *s = &config->sites[i];
		const struct report *r = report_of(reports, s->domain) ?: &none;
		const struct peer sum = report_sum(r);
		char buf[WM_ENDPOINT_TEXT], state[STATE_TEXT];

		wm_out_row(out);
		wm_out_cell_str(out, s->domain);
		wm_out_cell_str(out, wm_prefix_format(s->subnet, buf));
		wm_out_cell_str(out, show_ip(wm_site_gateway(s), buf));
		wm_out_cell_bool(out, s->hub);
		wm_out_cell_str(out, show_key(&s->public_key, buf));
		wm_out_cell_str(out, show_endpoint(&s->endpoint, buf));
		wm_out_cell_str(out, show_text(r->seen));
		cell_if(out, *r->seen, r->generation);
		wm_out_cell_str(out, show_text(r->dataplane));
		wm_out_cell_str(out, show_text(r->note));
		wm_out_cell_str(out, show_text(r->problem));
		wm_out_cell_str(out, show_text(r->version));
		cell_if(out, *r->seen, r->applied_ms);
		cell_if(out, r->delay_ms, r->delay_ms);
		wm_out_cell_str(out, show_text(sum.handshake));
		cell_if(out, r->npeers, sum.rx);
		cell_if(out, r->npeers, sum.tx);
		wm_out_cell_str(out, state_text(config, s, r, state));
	}
	wm_out_table_end(out, "no sites; create one: wm add-site DOMAIN");
}

void show_hosts(struct wm_out *out, const struct wm_config *config, const struct reports *reports)
{
	static const struct wm_col cols[] = {
		{"name", "NAME", 0},         {"domain", "DOMAIN", 0}, {"wg_ip", "OVERLAY", 0},
		{"local_ip", "LAN", 0},      {"type", "TYPE", 0},     {"mac", "MAC", 0},
		{"rx", NULL, 0},             {"tx", NULL, 0},
	};

	wm_out_table(out, "hosts", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < config->nhosts; i++) {
		const struct wm_host *h = &config->hosts[i];
		const struct traffic *t = report_traffic(report_of(reports, h->domain), h->name);
		char buf[WM_MAC_TEXT];

		wm_out_row(out);
		wm_out_cell_str(out, h->name);
		wm_out_cell_str(out, h->domain);
		wm_out_cell_str(out, show_ip(h->overlay, buf));
		wm_out_cell_str(out, show_ip(h->local, buf));
		wm_out_cell_str(out, wm_host_type_name(h->access));
		wm_out_cell_str(out, h->has_mac ? wm_mac_format(&h->mac, buf) : NULL);
		cell_if(out, t, t ? t->rx : 0);
		cell_if(out, t, t ? t->tx : 0);
	}
	wm_out_table_end(out, "no hosts; register one: wm add-host NAME.DOMAIN --local-ip ADDRESS");
}

void show_devices(struct wm_out *out, const struct wm_config *config, const struct reports *reports)
{
	static const struct wm_col cols[] = {
		{"name", "NAME", 0}, {"domain", "DOMAIN", 0},   {"wg_ip", "OVERLAY", 0},
		{"type", "TYPE", 0}, {"public_key", NULL, 0},   {"handshake", NULL, 0},
		{"endpoint", NULL, 0}, {"rx", NULL, 0},         {"tx", NULL, 0},
		{NULL, "STATE", 0},
	};
	const struct wm_site *hub = wm_config_hub(config);
	const struct report *report = hub ? report_of(reports, hub->domain) : NULL;
	static const struct peer none;

	wm_out_table(out, "devices", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < config->ndevices; i++) {
		const struct wm_device *d = &config->devices[i];
		const struct peer *known = report_peer(report, "device", d->name), *p = known ?: &none;
		char buf[WM_KEY_TEXT], state[STATE_TEXT];

		wm_out_row(out);
		wm_out_cell_str(out, d->name);
		wm_out_cell_str(out, hub ? hub->domain : NULL);
		wm_out_cell_str(out, show_ip(d->overlay, buf));
		wm_out_cell_str(out, wm_device_type_name(d->access));
		wm_out_cell_str(out, show_key(&d->public_key, buf));
		wm_out_cell_str(out, show_text(p->handshake));
		wm_out_cell_str(out, show_text(p->endpoint));
		cell_if(out, known, p->rx);
		cell_if(out, known, p->tx);
		wm_out_cell_str(out, show_text(device_state(d, known, state)) ?: "enrolled");
	}
	wm_out_table_end(out, "no devices; register one: wm add-device NAME");
}
