/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/check.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/ask_name.h"
#include "agent/ctl.h"
#include "agent/gateway.h"
#include "core/output.h"
#include "core/record_file.h"
#include "core/util.h"
#include "kernel/dataplane.h"
#include "kernel/front.h"
#include "kernel/link.h"
#include "kernel/wg.h"

#define SILENT_S 300     /* with keepalives, handshakes come every two minutes */
#define STRANGERS_MAX 5  /* unregistered machines that are named */
#define FIRST_RELEASE 1735689600 /* no clock that is right says less */

struct check {
	const struct wm_instance *inst;
	struct wm_out *out;
	const char *name; /* of the check that is at work */
	struct wm_config config;
	struct wm_plan plan;
	bool have_config, have_plan, running;
	unsigned int found;
};

/* A problem and what to do about it. */
static void found(struct check *c, const char *fix, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void found(struct check *c, const char *fix, const char *fmt, ...)
{
	char text[640];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	wm_out_object(c->out, NULL, text);
	wm_out_str(c->out, "check", NULL, c->name);
	wm_out_str(c->out, "problem", NULL, text);
	wm_out_str(c->out, "fix", "to do", fix);
	wm_out_object_end(c->out);
	c->found++;
}

/* A run says itself what it cannot do, a line each. */
static void check_run(struct check *c)
{
	WM_AUTO_FREE char *text = NULL;
	struct wm_error err = { 0 };
	char *save = NULL;
	int code, rc = wm_ctl_ask(c->inst, WM_CTL_PROBLEMS, 0, 0, 10, &text, &code, &err);

	c->running = !rc;
	if (rc == -ENOENT)
		found(c, "start wm-agent, which runs it (systemctl start wm-gateway); 'wm-gateway sync' says what hinders it", "no wm-gateway runs, so nobody follows the registry");
	else if (rc)
		found(c, "end it; wm-agent starts it again", "%s", err.text);
	for (char *line = rc ? NULL : strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		found(c, !strncmp(line, "registry: ", 10) ? "see WM_REGISTRY_URL and WM_REGISTRY_TOKEN in gateway.env, the way there (name, port, proxy), and 'wm health'" :
							   "do what the sentence says; what was in force stays", "%s", line);
}

static void check_config(struct check *c)
{
	char path[WM_PATH_SIZE];
	struct wm_error err = { 0 };
	struct wm_self self;
	int rc = wm_gateway_config_path(c->inst, path);

	if (!rc)
		rc = wm_config_load(path, &c->config, &err);
	c->have_config = !rc;
	if (rc) {
		found(c, "'wm-gateway sync' fetches it, or says what hinders it", "there is no config on disk: the registry has not answered so far");
		return;
	}
	/* What is missing of the LANs is found out on the way. */
	struct wm_error missing = { 0 };
	rc = wm_gateway_find_self(c->inst, &self, &missing, &err);
	if (*missing.text && !c->running)
		found(c, "bring the interface up, or correct LXC_IFACES in gateway.env", "%s", missing.text);
	if (!rc)
		rc = wm_plan_make(&c->config, &self, &c->plan, &err);
	c->have_plan = !rc;
	if (rc && !c->running)
		found(c, "do what the sentence says, then 'wm-gateway sync'", "%s", err.text);
	for (size_t i = 0; c->have_plan && i < c->plan.nproblems; i++)
		found(c, "correct its --local-ip with 'wm add-host' or 'wm remove', or LXC_IFACES here", "%s", c->plan.problems[i]);
}

static void check_kernel(struct check *c)
{
	bool up = false;

	if (!wm_link_index(c->inst->ifname, &up))
		found(c, "'wm-gateway sync' makes it, or says what hinders it", "there is no interface %s", c->inst->ifname);
	else if (!up)
		found(c, "'wm-gateway sync' brings it up, or says what hinders it", "the interface %s is down", c->inst->ifname);
	if (wm_dataplane_bpf.present(c->inst, NULL) != 1 && wm_dataplane_nft.present(c->inst, NULL) != 1)
		found(c, "'wm-gateway sync' brings it into force, or says what hinders it", "no data plane is in force: nothing is let through");
}

static void check_fronts(struct check *c)
{
	struct wm_front front[WM_FRONTS_MAX];
	int n = wm_fronts_read(c->inst, front, NULL);

	for (int i = 0; i < n; i++)
		found(c, "if mesh packets are missing, see what it does with them", "at %s of %s somebody gets the packets first: %s", front[i].side,
		      front[i].ifname, front[i].what);
}

static void check_clock(struct check *c)
{
	if (wm_unix_time() < FIRST_RELEASE)
		found(c, "set it, or let NTP do so: with a clock that has gone back no peer takes this gateway's handshakes",
		      "the clock of this machine is wrong");
}

/* Sites only: a laptop may sleep. */
static void check_peers(struct check *c)
{
	struct wm_wg_device dev = { 0 };
	int64_t now = wm_unix_time();
	const struct wm_site *me = wm_config_site(&c->config, c->inst->domain);

	if (!c->have_config || wm_wg_read(c->inst->ifname, &dev, NULL))
		return;
	if (me && wm_key_is_zero(&me->public_key))
		found(c, "'wm-gateway sync' tells it; then the others let this site in", "the registry does not have this gateway's key");
	for (size_t i = 0; i < dev.npeers; i++) {
		const struct wm_site *site = NULL;
		char ep[WM_ENDPOINT_TEXT], fix[200];

		for (size_t k = 0; k < c->config.nsites && !site; k++)
			if (wm_key_equal(&c->config.sites[k].public_key, &dev.peers[i].public_key))
				site = &c->config.sites[k];
		if (!site || now - dev.peers[i].last_handshake < SILENT_S)
			continue;
		/* Where both can be reached nobody sends keepalives: they may have had nothing to say. */
		if (dev.peers[i].last_handshake && site->endpoint.family && me && me->endpoint.family)
			continue;
		if (dev.peers[i].endpoint.family)
			snprintf(fix, sizeof(fix), "let UDP to %s through on the way there (a port forward on the router of '%s'), and see that its gateway runs ('wm check')",
				 wm_endpoint_format(&dev.peers[i].endpoint, ep), site->domain);
		else
			snprintf(fix, sizeof(fix), "it has to come to us: let UDP port %u in to this machine, and see that its gateway runs ('wm check')",
				 dev.listen_port);
		found(c, fix, "no handshake with site '%s' %s", site->domain,
		      dev.peers[i].last_handshake ? "for more than five minutes" : "so far");
	}
	wm_wg_device_free(&dev);
}

/* Devices ask at the overlay address, and there a host of the site has that of the overlay alone. */
static void check_names_for_devices(struct check *c, const char *fix)
{
	const struct wm_dns_name *name = NULL;
	char addr[WM_IP4_TEXT];
	wm_ip4 got;

	for (size_t i = 0; i < c->plan.nnames && !name; i++)
		if (c->plan.names[i].for_devices)
			name = &c->plan.names[i];
	if (!name)
		return;
	int n = wm_ask_name(c->plan.gateway, name->fqdn, &got);
	wm_ip4_format(c->plan.gateway, addr);
	if (n < 0)
		found(c, fix, "the name server does not answer devices, which ask at %s: %s", addr, strerror(-n));
	else if (!n)
		found(c, fix, "the name server at %s has no address for %s", addr, name->fqdn);
	else if (n > 1 || got != name->addr)
		found(c, "start dnsmasq again ('systemctl restart dnsmasq'): it does not have the line localise-queries of our dnsmasq.conf, which tells each the address that he can reach",
		      "devices are told the LAN address of %s, which they cannot reach", name->fqdn);
}

static void check_names(struct check *c)
{
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT], fix[WM_PATH_SIZE + 120];
	wm_ip4 server = 0x7f000001, got = 0;
	int rc;

	if (!c->have_plan || wm_format(name, sizeof(name), "gw.%s", c->plan.domain))
		return;
	if (access(c->inst->hosts_file, R_OK))
		found(c, "'wm-gateway sync' writes it", "%s is missing", c->inst->hosts_file);
	if (access(c->inst->dnsmasq_pid, R_OK)) {
		found(c, "start dnsmasq, or set WM_DNSMASQ_PID to its pid file", "no dnsmasq runs here (%s is missing): nobody on the LAN gets names", c->inst->dnsmasq_pid);
		return;
	}
	rc = wm_ask_name(server, name, &got);
	if (rc < 0 && c->plan.nlans) {
		server = c->plan.lans[0].addr;
		rc = wm_ask_name(server, name, &got);
	}
	snprintf(fix, sizeof(fix), "let dnsmasq listen here, with conf-file=%s (its addn-hosts and servers-file are ours); what hinders it is in its log",
		 c->inst->dnsmasq_conf);
	if (rc < 0)
		found(c, fix, "the name server at %s does not answer: %s", wm_ip4_format(server, addr), strerror(-rc));
	else if (got != c->plan.gateway)
		found(c, fix, "the name server at %s has %s for %s", wm_ip4_format(server, addr), got ? "another address" : "no address", name);
	else
		check_names_for_devices(c, fix);
}

/* Who has the route and is not registered. */
static void check_strangers(struct check *c)
{
	const struct wm_dataplane *plane = wm_dataplane_bpf.present(c->inst, NULL) == 1 ? &wm_dataplane_bpf : &wm_dataplane_nft;
	struct wm_drop_views views = { 0 };
	char addr[WM_IP4_TEXT], fix[200], ifname[IF_NAMESIZE] = "";
	unsigned int n = 0;

	if (plane->drops(c->inst, &views, NULL))
		return;
	for (size_t i = 0; i < views.n && n < STRANGERS_MAX; i++) {
		const struct wm_drop_view *v = &views.item[i];
		bool seen = v->reason != WM_REASON_UNREGISTERED || v->place != WM_DROP_FROM_LAN;

		for (size_t k = 0; k < i && !seen; k++)
			seen = views.item[k].src == v->src && views.item[k].reason == v->reason;
		if (seen)
			continue;
		snprintf(fix, sizeof(fix), "if it shall: wm add-host NAME.%s --local-ip %s; if it is registered, see its --mac", c->inst->domain,
			 wm_ip4_format(v->src, addr));
		found(c, fix, "%s on %s wants into the mesh and is not let in", addr,
		      if_indextoname(v->ifindex, ifname) ? ifname : "a LAN");
		n++;
	}
	wm_drop_views_free(&views);
}

static const struct {
	const char *name;
	void (*run)(struct check *c);
} checks[] = {
	{ "run", check_run }, { "clock", check_clock }, { "config", check_config }, { "kernel", check_kernel }, { "in front", check_fronts },
	{ "peers", check_peers }, { "names", check_names }, { "strangers", check_strangers },
};

int wm_check(const struct wm_instance *inst, bool json)
{
	struct check c = { .inst = inst, .out = wm_out_new(stdout, json ? WM_OUT_JSON : WM_OUT_TEXT) };

	if (!c.out)
		return 1;
	wm_out_array(c.out, "findings");
	for (size_t i = 0; i < WM_ARRAY_LEN(checks); i++) {
		c.name = checks[i].name;
		checks[i].run(&c);
	}
	wm_out_array_end(c.out);
	wm_out_bool(c.out, "ok", NULL, !c.found);
	if (!c.found)
		wm_out_line(c.out, "nothing wrong was found here; 'wm deepcheck' tries the rest of the mesh");
	wm_plan_free(&c.plan);
	wm_config_free(&c.config);
	return wm_out_end(c.out) || c.found ? 1 : 0;
}
