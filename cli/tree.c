/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The compact table of everything: each site with its hosts and devices under
 * it. Text only; in JSON the tables of tables.c say more.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/show.h"
#include "cli/text.h"
#include "core/util.h"

#define OTHER_COLUMNS 60 /* beside the name: what lets the state be read */
#define NAME_LEAST 12

/* A row before it is written; what is not wide has no place for the rest. */
struct tree_row {
	bool site; /* which may lack an endpoint, and that is said */
	const char *name, *type, *overlay, *place;
	const char *mac, *generation, *version; /* wide */
	const char *handshake;
	bool counted; /* rx, tx are known */
	uint64_t rx, tx;
	const char *state;
};

static void put_row(struct wm_out *out, const struct tree_row *r, bool wide)
{
	char bytes[BYTES_TEXT];

	wm_out_row(out);
	wm_out_cell_str(out, r->name);
	wm_out_cell_str(out, r->type);
	wm_out_cell_str(out, r->overlay);
	wm_out_cell_str(out, r->place ?: r->site ? r->place : "");
	if (wide) {
		wm_out_cell_str(out, r->mac ?: "");
		wm_out_cell_str(out, r->generation ?: "");
		wm_out_cell_str(out, r->version ?: "");
		wm_out_cell_str(out, r->handshake ?: "");
		wm_out_cell_str(out, r->counted ? bytes_text(r->rx, bytes) : "");
		wm_out_cell_str(out, r->counted ? bytes_text(r->tx, bytes) : "");
	}
	wm_out_cell_str(out, r->state ?: "");
}

/* How long a name may be so that the state is still seen. 0: as long as it is. */
static int name_room(bool wide)
{
	struct winsize size;

	if (wide || !isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		size.ws_col = 80;
	return WM_MAX(size.ws_col - OTHER_COLUMNS, NAME_LEAST);
}

/* "  nas.b"; one that is too long loses the end of its own name, and shows it: "  nas-of-the-~.b". */
static void tree_name(char *buf, size_t size, const char *name, const char *domain, int room)
{
	int most = WM_MAX(room - 4 - (int)strlen(domain), NAME_LEAST / 2);

	if (room && (int)strlen(name) > most)
		snprintf(buf, size, "  %.*s~.%s", most - 1, name, domain);
	else
		snprintf(buf, size, "  %s.%s", name, domain);
}

static void tree_site(struct wm_out *out, const struct wm_config *config, const struct wm_site *s,
		      const struct report *r, bool wide)
{
	char subnet[WM_PREFIX_TEXT], endpoint[WM_ENDPOINT_TEXT], state[STATE_TEXT], generation[24] = "", age[AGE_TEXT];
	struct tree_row row = {
		.site = true,
		.name = s->domain,
		.type = s->hub ? "hub" : "site",
		.overlay = wm_prefix_format(s->subnet, subnet),
		.place = show_endpoint(&s->endpoint, endpoint),
		.generation = generation,
		.state = state_text(config, s, r, state),
	};

	if (r && *r->seen) {
		const struct peer sum = report_sum(r);

		snprintf(generation, sizeof(generation), "%llu", (unsigned long long)r->generation);
		row.version = r->version;
		row.handshake = *sum.handshake ? age_text(age_of(sum.handshake), age) : r->npeers ? "never" : "";
		row.counted = r->npeers;
		row.rx = sum.rx;
		row.tx = sum.tx;
	}
	put_row(out, &row, wide);
}

static void tree_host(struct wm_out *out, const struct wm_host *h, const struct report *r, bool wide)
{
	const struct traffic *t = report_traffic(r, h->name);
	char name[WM_FQDN_SIZE + 4], overlay[WM_IP4_TEXT], local[WM_IP4_TEXT], mac[WM_MAC_TEXT + 4] = "mac ";
	struct tree_row row = {
		.name = name,
		.type = wm_host_type_name(h->access),
		.overlay = show_ip(h->overlay, overlay),
		.place = show_ip(h->local, local),
		.counted = t,
		.rx = t ? t->rx : 0,
		.tx = t ? t->tx : 0,
	};

	tree_name(name, sizeof(name), h->name, h->domain, name_room(wide));
	if (h->has_mac) {
		wm_mac_format(&h->mac, mac + 4);
		row.mac = mac + 4;
		row.state = wide ? NULL : mac;
	}
	put_row(out, &row, wide);
}

static void tree_device(struct wm_out *out, const struct wm_device *d, const char *domain, const struct report *r,
			bool wide)
{
	const struct peer *p = report_peer(r, "device", d->name);
	char name[WM_FQDN_SIZE + 4], overlay[WM_IP4_TEXT], state[STATE_TEXT], age[AGE_TEXT];
	struct tree_row row = {
		.name = name,
		.type = wm_device_type_name(d->access),
		.overlay = show_ip(d->overlay, overlay),
		.place = p ? show_text(p->endpoint) : NULL,
		.handshake = !p ? "" : *p->handshake ? age_text(age_of(p->handshake), age) : "never",
		.counted = p,
		.rx = p ? p->rx : 0,
		.tx = p ? p->tx : 0,
		.state = device_state(d, p, state),
	};

	tree_name(name, sizeof(name), d->name, domain, name_room(wide));
	put_row(out, &row, wide);
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

static void under_site(struct wm_out *out, const struct wm_config *config, const struct wm_site *s,
		       const struct report *r, bool wide)
{
	size_t i = 0;

	if (config->nhosts)
		i = first_from(&config->hosts->overlay, sizeof(*config->hosts), config->nhosts, s->subnet.addr);
	for (; i < config->nhosts && wm_prefix_has(s->subnet, config->hosts[i].overlay); i++)
		tree_host(out, &config->hosts[i], r, wide);
	i = 0;
	if (config->ndevices)
		i = first_from(&config->devices->overlay, sizeof(*config->devices), config->ndevices, s->subnet.addr);
	for (; i < config->ndevices && wm_prefix_has(s->subnet, config->devices[i].overlay); i++)
		tree_device(out, &config->devices[i], s->domain, r, wide);
}

void show_tree(struct wm_out *out, const struct wm_config *config, const struct reports *reports, bool wide)
{
	static const struct wm_col narrow[] = {
		{NULL, "NAME", 0}, {NULL, "TYPE", 0}, {NULL, "OVERLAY", 0}, {NULL, "LAN, ENDPOINT", 0},
		{NULL, "STATE", WM_COL_TRUNC},
	};
	static const struct wm_col all[] = {
		{NULL, "NAME", 0},      {NULL, "TYPE", 0},      {NULL, "OVERLAY", 0},
		{NULL, "LAN, ENDPOINT", 0}, {NULL, "MAC", 0},   {NULL, "GENERATION", WM_COL_RIGHT},
		{NULL, "VERSION", 0},   {NULL, "HANDSHAKE", WM_COL_RIGHT}, {NULL, "RECEIVED", WM_COL_RIGHT},
		{NULL, "SENT", WM_COL_RIGHT}, {NULL, "STATE", 0},
	};

	wm_out_table(out, NULL, NULL, wide ? all : narrow, wide ? WM_ARRAY_LEN(all) : WM_ARRAY_LEN(narrow));
	for (size_t i = 0; i < config->nsites; i++) {
		const struct wm_site *s = &config->sites[i];
		const struct report *r = report_of(reports, s->domain);

		tree_site(out, config, s, r, wide);
		under_site(out, config, s, r, wide);
	}
	wm_out_table_end(out, "no sites; create one: wm add-site DOMAIN");
}
