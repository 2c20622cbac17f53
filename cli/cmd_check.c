/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm check: what can be told from the registry, the gateways' reports and a
 * byte to each endpoint.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/each.h"
#include "cli/findings.h"
#include "cli/here.h"
#include "cli/probe.h"
#include "cli/resolve.h"
#include "cli/text.h"
#include "core/time.h"
#include "core/util.h"

#define CLOCK_OFF_S 60
#define REPORT_LATE_S 180    /* gateways report every 15 s */
#define HANDSHAKE_LATE_S 300 /* WireGuard renews within 180 s where something is sent, and keepalives are */

/* Over all meshes: supernets seen before. */
struct checker {
	struct here here;
	struct wm_prefix *supernet;
	char (*slug)[MESH_SLUG_SIZE];
	size_t n;
};

static void check_registry(struct findings *f, const struct mesh *m, const struct got *got)
{
	bool admin = !strcmp(got->who.role, "admin");

	finding(f, admin ? STATE_OK : STATE_NOTE, "registry", m->url,
		admin ? NULL : "To change something: wm mesh add with an admin's", "up; our token is %s", got->who.role);
}

static void check_config(struct findings *f, struct wm_config *config)
{
	struct wm_error err = {0};

	if (wm_config_finish(config, &err))
		finding(f, STATE_WRONG, "config", "", "Gateways refuse all of it until this is mended: wm set, wm remove", "%s",
			err.text);
	else
		finding(f, STATE_OK, "config", "", NULL, "generation %llu, without duplicates or overlaps",
			(unsigned long long)config->mesh.generation);
	if (!config->nsites)
		finding(f, STATE_NOTE, "config", "", "Create one: wm add-site DOMAIN", "there are no sites");
	else if (!wm_config_hub(config))
		finding(f, STATE_WRONG, "config", "", "Create one: wm add-site DOMAIN --hub",
			"there is no hub, where devices connect and sites meet that do not reach each other");
}

/* Two meshes of this machine whose addresses are the same cannot be used side by side. */
static void check_others(struct findings *f, struct checker *c, const struct mesh *m, const struct wm_config *config)
{
	char net[WM_PREFIX_TEXT];

	for (size_t i = 0; i < c->n; i++) {
		if (wm_prefix_overlaps(c->supernet[i], config->mesh.supernet))
			finding(f, STATE_NOTE, "supernet", wm_prefix_format(config->mesh.supernet, net),
				"No machine can be in both", "overlaps that of mesh %s", c->slug[i]);
	}
	c->supernet[c->n] = config->mesh.supernet;
	memcpy(c->slug[c->n++], m->slug, MESH_SLUG_SIZE);
}

static void check_gateway(struct findings *f, const struct wm_config *config, const struct wm_site *s,
			  const struct report *r)
{
	uint64_t now = config->mesh.generation;
	int64_t age = r ? age_of(r->seen) : -1;
	char todo[160], ago[AGE_TEXT];

	if (wm_key_is_zero(&s->public_key)) {
		snprintf(todo, sizeof(todo), "Set it up with what 'wm enrol %s' prints", s->domain);
		finding(f, STATE_WRONG, "gateway", s->domain, todo, "has not enrolled yet");
	} else if (age < 0) {
		finding(f, STATE_WRONG, "gateway", s->domain, "Is it running, does it reach the registry? There: wm-gateway status",
			"has not reported since the registry was started");
	} else if (age > REPORT_LATE_S) {
		finding(f, STATE_WRONG, "gateway", s->domain, "Is it running, does it reach the registry? There: wm-gateway status",
			"has not reported for %s", age_text(age, ago));
	} else if (*r->problem) {
		finding(f, STATE_WRONG, "gateway", s->domain, "There: wm-gateway status", "has a problem: %s", r->problem);
	} else if (r->generation < now) {
		finding(f, STATE_WRONG, "gateway", s->domain, "If 'wm wait --synced' does not end, there: wm-gateway status",
			"has generation %llu of %llu in force", (unsigned long long)r->generation, (unsigned long long)now);
	} else if (!r->applied) {
		finding(f, STATE_WRONG, "gateway", s->domain, "If it stays so, there: wm-gateway status",
			"has in force what another registry said, or this one before it was restored");
	} else {
		finding(f, STATE_OK, "gateway", s->domain, NULL, "generation %llu in force (%s%s%s), %s ago",
			(unsigned long long)r->generation, r->dataplane, *r->note ? ": " : "", r->note, age_text(age, ago));
	}
}

/* Both times are of the moment at which it reported, each by its own clock. */
static void check_clock(struct findings *f, const struct wm_site *s, const struct report *r)
{
	int64_t seen, clock, off;
	char text[AGE_TEXT];

	if (!r || wm_time_parse(r->seen, &seen) || wm_time_parse(r->clock, &clock))
		return;
	off = clock - seen;
	if (off > -CLOCK_OFF_S && off < CLOCK_OFF_S)
		return;
	finding(f, STATE_WRONG, "clock", s->domain, "Have its clock set (NTP): certificates and ages go by it",
		"the gateway's is %s %s", age_text(off < 0 ? -off : off, text), off < 0 ? "behind the registry's" : "ahead of the registry's");
}

/* Between a site without an endpoint and one that has one, keepalives run, so a handshake
 * is never old; two that both have one may just have had nothing to say. */
static void check_site_peer(struct findings *f, const struct wm_site *s, const struct wm_site *other,
			    const struct peer *p)
{
	bool quiet = s->endpoint.family && other->endpoint.family;
	int64_t age = age_of(p->handshake);
	char what[WM_FQDN_SIZE + 8], todo[256], ago[AGE_TEXT];

	if (age >= 0 && (age <= HANDSHAKE_LATE_S || quiet))
		return;
	if (wm_key_is_zero(&other->public_key))
		return; /* said of the gateway already */
	snprintf(what, sizeof(what), "%s - %s", s->domain, other->domain);
	snprintf(todo, sizeof(todo), "Does UDP get to %s%s? Port forward on its router, firewall",
		 other->endpoint.family ? other->domain : s->domain, quiet ? " if they should talk" : "");
	if (age < 0)
		finding(f, quiet ? STATE_NOTE : STATE_WRONG, "handshake", what, todo, "there was none yet");
	else
		finding(f, STATE_WRONG, "handshake", what, todo, "the last was %s ago", age_text(age, ago));
}

static void check_peers(struct findings *f, const struct wm_config *config, const struct reports *reports)
{
	const struct wm_site *hub = wm_config_hub(config);
	const struct report *of_hub = hub ? report_of(reports, hub->domain) : NULL;

	for (size_t i = 0; i < config->nsites; i++) {
		const struct wm_site *s = &config->sites[i];
		const struct report *r = report_of(reports, s->domain);

		for (size_t k = 0; r && k < r->npeers; k++) {
			const struct wm_site *other = wm_config_site(config, r->peers[k].name);

			/* Each pair once, by the one without an endpoint or the first by name. */
			if (strcmp(r->peers[k].kind, "site") || !other)
				continue;
			if (!s->endpoint.family || (other->endpoint.family && strcmp(s->domain, other->domain) < 0))
				check_site_peer(f, s, other, &r->peers[k]);
		}
	}
	for (size_t i = 0; of_hub && of_hub->npeers && i < config->ndevices; i++) {
		const struct wm_device *d = &config->devices[i];
		const struct peer *p = report_peer(of_hub, "device", d->name);
		char todo[128];

		snprintf(todo, sizeof(todo), "Is its WireGuard up? A new config for it: wm device-setup %s", d->name);
		if (!wm_key_is_zero(&d->public_key) && p && !*p->handshake)
			finding(f, STATE_NOTE, "device", d->name, todo, "the hub has not heard of it yet");
	}
}

static bool is_private(const struct wm_endpoint *ep)
{
	const uint8_t *a = ep->addr;

	if (ep->family == 6)
		return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
	return a[0] == 10 || a[0] == 127 || (a[0] == 172 && (a[1] & 0xf0) == 16) || (a[0] == 192 && a[1] == 168) ||
	       (a[0] == 100 && (a[1] & 0xc0) == 64) || (a[0] == 169 && a[1] == 254);
}

static void check_endpoint(struct findings *f, const struct wm_config *config, const struct wm_site *s, bool refused)
{
	char at[WM_ENDPOINT_TEXT];
	size_t i = 0;

	wm_endpoint_format(&s->endpoint, at);
	while (i < config->nsites && (&config->sites[i] == s || !wm_endpoint_equal(&config->sites[i].endpoint, &s->endpoint)))
		i++;
	if (i < config->nsites && &config->sites[i] > s)
		finding(f, STATE_WRONG, "endpoint", s->domain, "One of them is mistaken: PUBLIC_IP in their gateway.env",
			"%s is also that of %s", at, config->sites[i].domain);
	if (refused)
		finding(f, STATE_WRONG, "endpoint", s->domain,
			"Is its gateway up? Is UDP forwarded to it? Is the address still its own?", "nothing listens at %s", at);
	else if (is_private(&s->endpoint))
		finding(f, STATE_NOTE, "endpoint", s->domain, "Others reach it only from there",
			"%s is an address of a local network", at);
}

static void check_endpoints(struct findings *f, const struct wm_config *config)
{
	WM_AUTO_FREE struct knock *knock = calloc(config->nsites + 1, sizeof(*knock));
	const struct wm_site *hub = wm_config_hub(config);
	size_t n = 0;

	if (hub && !hub->endpoint.family)
		finding(f, STATE_WRONG, "endpoint", hub->domain, "Set PUBLIC_IP in its gateway.env",
			"the hub has none, so nobody can reach it");
	for (size_t i = 0; knock && i < config->nsites; i++) {
		if (config->sites[i].endpoint.family)
			knock[n++].to = config->sites[i].endpoint;
	}
	if (n)
		probe_knock(knock, n);
	for (size_t i = 0, k = 0; knock && i < config->nsites; i++) {
		if (config->sites[i].endpoint.family)
			check_endpoint(f, config, &config->sites[i], knock[k++].refused);
	}
}

static void is_gateway(void *arg, const struct place *p)
{
	*(bool *)arg |= !strcmp(p->kind, "gateway");
}

/* Only of a machine that is in the mesh can it be said that it should know its names; a
 * gateway tells others, and may well ask somebody else. */
static void check_names(struct findings *f, const struct here *here, const struct wm_config *config)
{
	bool gateway = false;

	if (!here_places(here, config, is_gateway, &gateway))
		return;
	for (size_t i = 0; i < config->nsites; i++) {
		struct lookup l = {0};
		char want[WM_IP4_TEXT];

		wm_format(l.name, sizeof(l.name), "gw.%s", config->sites[i].domain);
		resolve(&l, 1);
		wm_ip4_format(wm_site_gateway(&config->sites[i]), want);
		if (!l.failure && resolve_is(&l, wm_site_gateway(&config->sites[i])))
			finding(f, STATE_OK, "name", l.name, NULL, "resolves here, to %s", want);
		else
			finding(f, gateway ? STATE_NOTE : STATE_WRONG, "name", l.name,
				"This machine's DNS must ask its gateway for the mesh's domains: wm host-setup, on a device wg-NET-update",
				l.failure ? "does not resolve here: %s" : "resolves here to something else than %s",
				l.failure ? resolve_why(&l) : want);
		if (l.failure) /* one says it for all of them */
			return;
	}
}

static int check_one(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	struct checker *c = arg;
	struct findings f;

	(void)cli;
	findings_begin(&f, out);
	check_registry(&f, m, got);
	check_config(&f, &got->config);
	check_others(&f, c, m, &got->config);
	for (size_t i = 0; i < got->config.nsites; i++) {
		const struct wm_site *site = &got->config.sites[i];
		const struct report *report = report_of(&got->reports, site->domain);

		check_gateway(&f, &got->config, site, report);
		check_clock(&f, site, report);
	}
	check_peers(&f, &got->config, &got->reports);
	check_endpoints(&f, &got->config);
	check_names(&f, &c->here, &got->config);
	return findings_end(&f);
}

int cmd_check(struct cli *cli)
{
	struct checker c = {
		.supernet = calloc(cli->nmeshes + 1, sizeof(*c.supernet)),
		.slug = calloc(cli->nmeshes + 1, sizeof(*c.slug)),
	};
	int code, rc = c.supernet && c.slug ? here_load(&c.here) : -ENOMEM;

	if (rc)
		code = complain(WM_EXIT_FAILED, "this machine's addresses cannot be read: %s", strerror(-rc));
	else
		code = each_mesh(cli, NEED_HEALTH | NEED_CONFIG | NEED_REPORTS, check_one, &c);
	here_free(&c.here);
	free(c.supernet);
	free(c.slug);
	return code;
}
