/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/status.h"

#include <stdio.h>
#include <string.h>

#include "agent/update_cmd.h"
#include "core/time.h"
#include "core/util.h"
#include "kernel/dataplane.h"
#include "kernel/fastpath.h"
#include "kernel/link.h"
#include "kernel/wg.h"
#include "tools/shields.h"

#define SCREEN_ROWS 8 /* of a table, in text */

static void print_config(struct wm_out *out, const struct wm_gateway *g, bool running)
{
	char text[WM_PREFIX_TEXT], age[WM_AGE_TEXT];

	wm_out_object(out, "registry", "registry");
	wm_out_str(out, "url", "url", g->inst->registry_url);
	wm_out_uint(out, "seen", NULL, (uint64_t)g->registry_seen);
	if (running)
		wm_out_str(out, NULL, "last answer", wm_time_age(g->registry_seen, wm_unix_time(), age));
	wm_out_str(out, "problem", *g->registry.text ? "problem" : NULL, *g->registry.text ? g->registry.text : NULL);
	wm_out_object_end(out);

	wm_out_object(out, "config", "config");
	if (g->have_config) {
		wm_out_str(out, "mesh_name", "mesh", g->config.mesh.name);
		wm_out_str(out, "supernet", "supernet", wm_prefix_format(g->config.mesh.supernet, text));
		wm_out_str(out, "instance", NULL, g->config.mesh.instance);
		wm_out_uint(out, "generation", "generation", g->config.mesh.generation);
		wm_out_uint(out, "sites", "sites", g->config.nsites);
		wm_out_uint(out, "hosts", "hosts", g->config.nhosts);
		wm_out_uint(out, "devices", "devices", g->config.ndevices);
	} else {
		wm_out_line(out, "none yet: the registry has not answered so far");
	}
	if (running) {
		wm_out_bool(out, "in_force", "in force", g->applied);
		wm_out_uint(out, "applied_ms", NULL, g->last.took_ms);
	}
	wm_out_str(out, "problem", *g->problem.text ? "problem" : NULL, *g->problem.text ? g->problem.text : NULL);
	wm_out_str(out, "waits", *g->waits.text ? "waits" : NULL, *g->waits.text ? g->waits.text : NULL);
	wm_out_uint(out, "waiting_generation", NULL, *g->waits.text ? g->removal.generation : 0);
	wm_out_object_end(out);
}

static void print_kernel(struct wm_out *out, const struct wm_gateway *g)
{
	const struct wm_instance *inst = g->inst;
	char text[200];
	bool up = false;
	struct wm_error unsure = { 0 };
	const char *plane = wm_dataplane_bpf.present(inst, &unsure) == 1 ? "bpf" :
			    wm_dataplane_nft.present(inst, NULL) == 1  ? "nft" : NULL;

	wm_out_object(out, "interface", "interface");
	wm_out_str(out, "name", "name", inst->ifname);
	wm_out_bool(out, "exists", NULL, wm_link_index(inst->ifname, &up) != 0);
	wm_out_bool(out, "up", "up", up);
	wm_out_str(out, "wireguard", "WireGuard", wm_wg_implementation(inst->ifname));
	wm_out_uint(out, "listen_port", "port", inst->listen_port);
	wm_out_object_end(out);

	wm_out_object(out, "dataplane", "data plane");
	wm_out_str(out, "name", "in force", plane);
	wm_out_str(out, "note", *g->last.dataplane_note ? "note" : NULL,
		   *g->last.dataplane_note ? g->last.dataplane_note : NULL);
	wm_out_str(out, "problem", *unsure.text ? "problem" : NULL, *unsure.text ? unsure.text : NULL);
	if (plane && !strcmp(plane, wm_dataplane_nft.name)) {
		wm_out_str(out, "fastpath", "fast path", wm_nft_fastpath(inst, text, sizeof(text)));
		wm_out_uint(out, "differences", "not as BPF (wm-bpf status)", wm_nft_ndifferences);
	}
	wm_shields_print(out, inst);
	wm_fronts_print(out, inst);
	wm_out_object_end(out);
}

/* Whose a key is. */
struct known {
	struct wm_key key;
	const char *name;
	bool site;
};

static int known_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wm_key));
}

/* Sorted by key; NULL: nobody is known, or no memory. The names are the config's. */
static struct known *know(const struct wm_config *c, size_t *ret_n)
{
	struct known *list = calloc(c->nsites + c->ndevices + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; list && i < c->nsites; i++)
		list[n++] = (struct known){ c->sites[i].public_key, c->sites[i].domain, true };
	for (size_t i = 0; list && i < c->ndevices; i++)
		list[n++] = (struct known){ c->devices[i].public_key, c->devices[i].name, false };
	if (list)
		qsort(list, n, sizeof(*list), known_order);
	*ret_n = n;
	return list;
}

/* A table of which text shows no more than fits a screen. */
struct rows {
	struct wm_out *out;
	size_t left, more;
};

static bool begin_row(struct rows *rows)
{
	if (!rows->left) {
		rows->more++;
		return false;
	}
	rows->left--;
	wm_out_row(rows->out);
	return true;
}

static void end_rows(struct rows *rows, const char *if_empty)
{
	char text[64];

	wm_out_table_end(rows->out, if_empty);
	snprintf(text, sizeof(text), "  and %zu more: -j shows all", rows->more);
	if (rows->more)
		wm_out_line(rows->out, text);
}

static void print_peer(struct rows *rows, const struct wm_wg_peer *p, const struct known *who)
{
	char key[WM_KEY_TEXT], ep[WM_ENDPOINT_TEXT], age[WM_AGE_TEXT], name[WM_NAME_SIZE + 16];

	if (!begin_row(rows))
		return;
	if (who)
		snprintf(name, sizeof(name), "%s%s", who->name, who->site ? "" : " (device)");
	wm_out_cell_str(rows->out, who ? name : NULL);
	wm_out_cell_str(rows->out, wm_key_format(&p->public_key, key));
	wm_out_cell_str(rows->out, *wm_endpoint_format(&p->endpoint, ep) ? ep : NULL);
	wm_out_cell_str(rows->out, wm_time_age(p->last_handshake, wm_unix_time(), age));
	wm_out_cell_uint(rows->out, (uint64_t)p->last_handshake);
	wm_out_cell_uint(rows->out, p->rx_bytes);
	wm_out_cell_uint(rows->out, p->tx_bytes);
	wm_out_cell_bool(rows->out, !wm_key_is_zero(&p->preshared_key));
}

/* Sites first: in text a hub's thousand phones would hide them. */
static void print_peers(struct wm_out *out, const struct wm_gateway *g, size_t most)
{
	static const struct wm_col cols[] = {
		{ "name", "PEER", 0 }, { "public_key", NULL, 0 }, { "endpoint", "ENDPOINT", 0 },
		{ NULL, "HANDSHAKE", 0 }, { "last_handshake", NULL, 0 }, { "rx_bytes", "RECEIVED", WM_COL_RIGHT },
		{ "tx_bytes", "SENT", WM_COL_RIGHT }, { "preshared", NULL, 0 },
	};
	struct wm_wg_device dev = { 0 };
	struct rows rows = { .out = out, .left = most };
	size_t nknown;
	WM_AUTO_FREE struct known *known = know(&g->config, &nknown);

	if (wm_wg_read(g->inst->ifname, &dev, NULL))
		dev = (struct wm_wg_device){ 0 };
	wm_out_table(out, "peers", "peers", cols, WM_ARRAY_LEN(cols));
	for (int sites = 1; sites >= 0; sites--) {
		for (size_t i = 0; i < dev.npeers; i++) {
			const struct wm_wg_peer *p = &dev.peers[i];
			const struct known *who = known ? bsearch(&p->public_key, known, nknown, sizeof(*known), known_order) : NULL;

			if ((who && who->site) == sites)
				print_peer(&rows, p, who);
		}
	}
	end_rows(&rows, "  none");
	wm_wg_device_free(&dev);
}

static void print_unplaced(struct wm_out *out, const struct wm_plan *plan, size_t most)
{
	struct rows rows = { .out = out, .left = most };
	static const struct wm_col cols[] = { { "problem", "HOSTS THAT CANNOT BE REACHED", 0 } };

	wm_out_table(out, "unplaced", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < plan->nproblems; i++) {
		if (begin_row(&rows))
			wm_out_cell_str(out, plan->problems[i]);
	}
	end_rows(&rows, NULL);
}

void wm_status_print(struct wm_out *out, const struct wm_gateway *g, bool running, bool whole)
{
	const size_t most = whole ? SIZE_MAX : SCREEN_ROWS;
	char key[WM_KEY_TEXT];

	wm_out_str(out, "site", "site", g->inst->domain);
	wm_out_str(out, "version", "version", WM_VERSION);
	wm_out_bool(out, "running", "running", running);
	wm_update_print(out, g->inst);
	wm_out_str(out, "public_key", "public key", wm_key_is_zero(&g->id.public_key) ? NULL : wm_key_format(&g->id.public_key, key));
	print_config(out, g, running);
	wm_locating_print(out, &g->locating, g->inst);
	print_kernel(out, g);
	print_peers(out, g, most);
	print_unplaced(out, &g->plan, most);
}

int wm_status_exit_code(const struct wm_gateway *g, bool running)
{
	return running && g->applied && !*wm_gateway_wrong(g) ? 0 : 1;
}
