/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/status.h"

#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "kernel/dataplane.h"
#include "kernel/fastpath.h"
#include "kernel/link.h"
#include "kernel/wg.h"
#include "tools/shields.h"

/* "12 s", "5 min", "3 h", "2 d" */
static const char *age_text(int64_t then, char *buf, size_t size)
{
	int64_t s = wm_unix_time() - then;

	if (!then)
		return "never";
	if (s < 0)
		s = 0;
	if (s < 120)
		snprintf(buf, size, "%lld s ago", (long long)s);
	else if (s < 7200)
		snprintf(buf, size, "%lld min ago", (long long)s / 60);
	else if (s < 172800)
		snprintf(buf, size, "%lld h ago", (long long)s / 3600);
	else
		snprintf(buf, size, "%lld d ago", (long long)s / 86400);
	return buf;
}

static void print_config(struct wm_out *out, const struct wm_gateway *g, bool running)
{
	char text[WM_PREFIX_TEXT], age[32];

	wm_out_object(out, "registry", "registry");
	wm_out_str(out, "url", "url", g->inst->registry_url);
	wm_out_uint(out, "seen", NULL, (uint64_t)g->registry_seen);
	if (running)
		wm_out_str(out, NULL, "last answer", age_text(g->registry_seen, age, sizeof(age)));
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

/* "b" or "laptop (device)"; NULL: not in the config */
static const char *peer_name(const struct wm_config *c, const struct wm_key *key, char *buf, size_t size)
{
	for (size_t i = 0; i < c->nsites; i++) {
		if (wm_key_equal(&c->sites[i].public_key, key))
			return c->sites[i].domain;
	}
	for (size_t i = 0; i < c->ndevices; i++) {
		if (!wm_key_equal(&c->devices[i].public_key, key))
			continue;
		snprintf(buf, size, "%s (device)", c->devices[i].name);
		return buf;
	}
	return NULL;
}

static void print_peers(struct wm_out *out, const struct wm_gateway *g)
{
	static const struct wm_col cols[] = {
		{ "name", "PEER", 0 }, { "public_key", NULL, 0 }, { "endpoint", "ENDPOINT", 0 },
		{ NULL, "HANDSHAKE", 0 }, { "last_handshake", NULL, 0 }, { "rx_bytes", "RECEIVED", WM_COL_RIGHT },
		{ "tx_bytes", "SENT", WM_COL_RIGHT },
	};
	struct wm_wg_device dev = { 0 };
	char key[WM_KEY_TEXT], ep[WM_ENDPOINT_TEXT], age[32], name[WM_NAME_SIZE + 16];

	if (wm_wg_read(g->inst->ifname, &dev, NULL))
		dev = (struct wm_wg_device){ 0 };
	wm_out_table(out, "peers", "peers", cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < dev.npeers; i++) {
		const struct wm_wg_peer *p = &dev.peers[i];

		wm_out_row(out);
		wm_out_cell_str(out, peer_name(&g->config, &p->public_key, name, sizeof(name)));
		wm_out_cell_str(out, wm_key_format(&p->public_key, key));
		wm_out_cell_str(out, *wm_endpoint_format(&p->endpoint, ep) ? ep : NULL);
		wm_out_cell_str(out, age_text(p->last_handshake, age, sizeof(age)));
		wm_out_cell_uint(out, (uint64_t)p->last_handshake);
		wm_out_cell_uint(out, p->rx_bytes);
		wm_out_cell_uint(out, p->tx_bytes);
	}
	wm_out_table_end(out, "  none");
	wm_wg_device_free(&dev);
}

static void print_unplaced(struct wm_out *out, const struct wm_plan *plan)
{
	static const struct wm_col cols[] = { { "problem", "HOSTS THAT CANNOT BE REACHED", 0 } };

	wm_out_table(out, "unplaced", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < plan->nproblems; i++) {
		wm_out_row(out);
		wm_out_cell_str(out, plan->problems[i]);
	}
	wm_out_table_end(out, NULL);
}

void wm_status_print(struct wm_out *out, const struct wm_gateway *g, bool running)
{
	char key[WM_KEY_TEXT];

	wm_out_str(out, "site", "site", g->inst->domain);
	wm_out_str(out, "version", "version", WM_VERSION);
	wm_out_bool(out, "running", "running", running);
	wm_out_str(out, "public_key", "public key", wm_key_is_zero(&g->id.public_key) ? NULL : wm_key_format(&g->id.public_key, key));
	print_config(out, g, running);
	print_kernel(out, g);
	print_peers(out, g);
	print_unplaced(out, &g->plan);
}

int wm_status_exit_code(const struct wm_gateway *g, bool running)
{
	return running && g->applied && !*wm_gateway_wrong(g) ? 0 : 1;
}
