/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm deepcheck: the mesh as it is seen from this machine. Names, who answers,
 * how large a packet may be, and where it breaks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/each.h"
#include "cli/findings.h"
#include "cli/here.h"
#include "cli/probe.h"
#include "cli/resolve.h"
#include "core/util.h"

enum kind { KIND_GATEWAY, KIND_HOST, KIND_DEVICE };
static const char *const kind_names[] = {"gateway", "host", "device"};

struct target_of {
	enum kind kind;
	const struct wm_site *site; /* where its packets end; of a device: the hub */
	wm_ip4 overlay, local;      /* local: of a host */
	const char *own_name;       /* without the domain; "gw" */
	bool answered;
};

/* Over all meshes. */
struct deep_all {
	struct here here;
	bool known[ARGS_MAX]; /* arguments that some mesh has something for */
};

struct deep {
	struct findings f;
	const struct wm_config *config;
	char at[WM_NAME_SIZE]; /* the domain this machine is at, "": it is in none */
	bool isolated, gateway;
	struct target_of *target;
	size_t n, cap;
	enum probe_how how;
};

/* --- whom it is about ----------------------------------------------------------------- */

static bool is_called(const struct target_of *t, const char *word)
{
	char name[WM_FQDN_SIZE];

	wm_format(name, sizeof(name), "%s.%s", t->own_name, t->site->domain);
	return !strcmp(word, t->site->domain) || !strcmp(word, name) || (t->kind == KIND_DEVICE && !strcmp(word, t->own_name));
}

/* Without arguments all of it; else sites, hosts and devices by name. */
static bool is_wanted(const struct cli *cli, const struct target_of *t)
{
	for (int i = 0; i < cli->nargs; i++) {
		if (is_called(t, cli->arg[i]))
			return true;
	}
	return !cli->nargs;
}

static int add_target(const struct cli *cli, struct deep *d, const struct target_of *t)
{
	int rc = 0;

	/* A gateway always: it tells where the way to the others ends. */
	if (!t->site || (t->kind != KIND_GATEWAY && !is_wanted(cli, t)))
		return 0;
	rc = wm_grow((void **)&d->target, &d->cap, d->n + 1, sizeof(*t));
	if (!rc)
		d->target[d->n++] = *t;
	return rc;
}

static int find_targets(const struct cli *cli, struct deep *d)
{
	const struct wm_config *c = d->config;
	const struct wm_site *hub = wm_config_hub(c);
	int rc = 0;

	for (size_t i = 0; i < c->nsites && !rc; i++)
		rc = add_target(cli, d, &(struct target_of){.kind = KIND_GATEWAY, .site = &c->sites[i], .own_name = "gw",
							    .overlay = wm_site_gateway(&c->sites[i])});
	for (size_t i = 0; i < c->nhosts && !rc; i++) {
		const struct wm_host *h = &c->hosts[i];

		rc = add_target(cli, d, &(struct target_of){.kind = KIND_HOST, .site = wm_config_site(c, h->domain),
							    .own_name = h->name, .overlay = h->overlay, .local = h->local});
	}
	for (size_t i = 0; i < c->ndevices && !rc; i++) {
		const struct wm_device *v = &c->devices[i];

		if (!wm_key_is_zero(&v->public_key))
			rc = add_target(cli, d, &(struct target_of){.kind = KIND_DEVICE, .site = hub, .own_name = v->name,
								    .overlay = v->overlay});
	}
	return rc;
}

static const char *full_name(const struct target_of *t, char buf[WM_FQDN_SIZE])
{
	wm_format(buf, WM_FQDN_SIZE, "%s.%s", t->own_name, t->site->domain);
	return buf;
}

/* --- from where -------------------------------------------------------------------------- */

static void take_place(void *arg, const struct place *p)
{
	struct deep *d = arg;

	wm_copy(d->at, sizeof(d->at), p->domain);
	d->isolated = p->isolated;
	d->gateway |= !strcmp(p->kind, "gateway");
	finding(&d->f, p->isolated ? STATE_WRONG : STATE_OK, "here", p->name,
		p->isolated ? "Ask from a machine that is not" : NULL, "this machine is the %s%s", p->kind,
		p->isolated ? ", and isolated: it may answer, not ask" : "");
}

static void check_way(struct deep *d, const struct here *here)
{
	char net[WM_PREFIX_TEXT], via[WM_IP4_TEXT];
	struct way way;

	wm_prefix_format(d->config->mesh.supernet, net);
	if (!here_places(here, d->config, take_place, d))
		finding(&d->f, STATE_NOTE, "here", "", "Gateways let only registered hosts in: wm add-host",
			"this machine has no address of the mesh, and none of a registered host");
	here_way(d->config->mesh.supernet.addr + 1, &way);
	if (!*way.ifname)
		finding(&d->f, STATE_WRONG, "route", net, "Send it to the site's gateway: wm host-setup, on a device wg-NET-update", "there is none here");
	else
		finding(&d->f, STATE_OK, "route", net, NULL, "%s%s%s%s", way.ifname, way.via ? " via " : "",
			way.via ? wm_ip4_format(way.via, via) : "", way.len ? "" : ", the default route");
}

/* --- names --------------------------------------------------------------------------------- */

static void check_name(struct deep *d, const struct target_of *t, const struct lookup *l, size_t *good)
{
	/* At home a host's name means its address on the LAN. */
	wm_ip4 want = t->local && !strcmp(t->site->domain, d->at) ? t->local : t->overlay;
	char is[WM_IP4_TEXT], should[WM_IP4_TEXT];

	if (l->failure) /* a gateway tells others the names, and may well ask somebody else */
		finding(&d->f, d->gateway ? STATE_NOTE : STATE_WRONG, "name", l->name,
			"This machine's DNS must ask its gateway for the mesh's domains: wm host-setup, on a device wg-NET-update", "does not resolve: %s", resolve_why(l));
	else if (!resolve_is(l, want) && !resolve_is(l, t->overlay))
		finding(&d->f, STATE_WRONG, "name", l->name, "Another name server answers for it, or the gateway is behind",
			"resolves to %s instead of %s", wm_ip4_format(l->addr[0], is), wm_ip4_format(want, should));
	else
		++*good;
}

static void check_names(struct deep *d)
{
	WM_AUTO_FREE struct lookup *lookup = calloc(d->n + 1, sizeof(*lookup));
	size_t good = 0;

	if (!lookup || !d->n)
		return;
	for (size_t i = 0; i < d->n; i++)
		full_name(&d->target[i], lookup[i].name);
	resolve(lookup, 1);
	if (lookup->failure) { /* the first says it for all; nobody waits for as many time limits */
		check_name(d, d->target, lookup, &good);
		return;
	}
	resolve(lookup + 1, d->n - 1);
	for (size_t i = 0; i < d->n; i++)
		check_name(d, &d->target[i], &lookup[i], &good);
	finding(&d->f, STATE_OK, "names", "", NULL, "%zu of %zu resolve as they should", good, d->n);
}

/* --- who answers ------------------------------------------------------------------------------ */

static const struct target_of *gateway_of(const struct deep *d, const struct wm_site *site)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->target[i].kind == KIND_GATEWAY && d->target[i].site == site)
			return &d->target[i];
	}
	return NULL;
}

static void say_silent(struct deep *d, const struct target_of *t, int error, bool anybody)
{
	const struct target_of *gw = gateway_of(d, t->site), *hub = NULL;
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT];

	if (wm_config_hub(d->config))
		hub = gateway_of(d, wm_config_hub(d->config));
	full_name(t, name);
	wm_ip4_format(t->overlay, addr);
	if (error)
		finding(&d->f, STATE_WRONG, kind_names[t->kind], name, "It breaks on this machine: its routes, its firewall",
			"%s cannot even be sent to: %s", addr, strerror(error));
	else if (!anybody)
		finding(&d->f, STATE_WRONG, kind_names[t->kind], name,
			"It breaks before the first gateway: the route of this machine, its registration, its site's gateway",
			"%s does not answer, and nobody else does", addr);
	else if (t->kind == KIND_DEVICE && gw && gw->answered)
		finding(&d->f, STATE_NOTE, "device", name, NULL,
			"%s does not answer; the hub does: it is off or not connected", addr);
	else if (t->kind != KIND_GATEWAY && gw && gw->answered)
		finding(&d->f, STATE_WRONG, "host", name,
			"Is it on, does it answer ping, is its LAN address right? wm list; there: wm-bpf drops",
			"%s does not answer; its gateway does: it breaks on the LAN of %s", addr, t->site->domain);
	else if (t->kind != KIND_GATEWAY)
		finding(&d->f, STATE_WRONG, kind_names[t->kind], name, "See to its gateway first",
			"%s does not answer; its gateway neither", addr);
	else if (hub && hub != t && hub->answered)
		finding(&d->f, STATE_WRONG, "gateway", name, "What it says of itself: wm check. There: wm-gateway status",
			"%s does not answer; the hub does: it breaks between the two", addr);
	else
		finding(&d->f, STATE_WRONG, "gateway", name, "What it says of itself: wm check. There: wm-gateway status",
			"%s does not answer", addr);
}

static void check_reach(struct cli *cli, struct deep *d, struct echo *echo)
{
	bool anybody = false;

	for (size_t i = 0; i < d->n; i++)
		echo[i] = (struct echo){.addr = d->target[i].overlay};
	d->how = probe_echo(echo, d->n);
	if (d->how == PROBE_TCP)
		finding(&d->f, STATE_NOTE, "here", "",
			"As root, or with this group in sysctl net.ipv4.ping_group_range, it sees more",
			"this user may not send ping, so port 22 is asked; a firewall there looks as if nobody were");
	for (size_t i = 0; i < d->n; i++)
		anybody |= d->target[i].answered = echo[i].answered;
	for (size_t i = 0; i < d->n; i++) {
		if (!echo[i].answered && is_wanted(cli, &d->target[i]))
			say_silent(d, &d->target[i], echo[i].error, anybody);
	}
}

/* --- how large --------------------------------------------------------------------------------- */

static void check_paths(struct cli *cli, struct deep *d, const struct here *here)
{
	WM_AUTO_FREE struct path *path = calloc(d->n + 1, sizeof(*path));
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT];
	size_t n = 0;

	for (size_t i = 0; path && i < d->n; i++) {
		if (d->target[i].answered && is_wanted(cli, &d->target[i]))
			path[n++].addr = d->target[i].overlay;
	}
	if (path && d->how == PROBE_ICMP)
		probe_paths(path, n);
	for (size_t i = 0, k = 0; path && i < d->n; i++) {
		const struct target_of *t = &d->target[i];
		const struct path *p;

		if (!t->answered || !is_wanted(cli, t))
			continue;
		p = &path[k++];
		full_name(t, name);
		wm_ip4_format(t->overlay, addr);
		if (here_has(here, t->overlay))
			finding(&d->f, STATE_OK, kind_names[t->kind], name, NULL, "%s is this machine", addr);
		else if (p->mtu && !p->said)
			finding(&d->f, STATE_WRONG, kind_names[t->kind], name,
				"ICMP 'fragmentation needed' is lost on the way. Let it through, or lower WM_MTU in gateway.env",
				"%s answers, but packets over %u bytes vanish without a word", addr, p->mtu);
		else if (p->mtu)
			finding(&d->f, STATE_OK, kind_names[t->kind], name, NULL, "%s answers, path MTU %u", addr, p->mtu);
		else
			finding(&d->f, STATE_OK, kind_names[t->kind], name, NULL, "%s answers", addr);
	}
}

static int deep_one(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	struct deep d = {.config = &got->config};
	struct deep_all *all = arg;
	WM_AUTO_FREE struct echo *echo = NULL;
	int code;

	(void)m;
	findings_begin(&d.f, out);
	check_way(&d, &all->here);
	if (!find_targets(cli, &d) && (echo = calloc(d.n + 1, sizeof(*echo))) && !d.isolated) {
		check_names(&d);
		check_reach(cli, &d, echo);
		check_paths(cli, &d, &all->here);
	}
	for (size_t i = 0; i < d.n; i++) {
		for (int k = 0; k < cli->nargs; k++)
			all->known[k] |= is_called(&d.target[i], cli->arg[k]);
	}
	code = findings_end(&d.f);
	free(d.target);
	return echo ? code : complain(WM_EXIT_FAILED, "out of memory");
}

int cmd_deepcheck(struct cli *cli)
{
	struct deep_all all = {0};
	int code, rc = here_load(&all.here);

	if (rc)
		return complain(WM_EXIT_FAILED, "this machine's addresses cannot be read: %s", strerror(-rc));
	code = each_mesh(cli, NEED_CONFIG, deep_one, &all);
	here_free(&all.here);
	for (int i = 0; i < cli->nargs && code <= WM_EXIT_FAILED; i++) {
		if (!all.known[i])
			code = complain(WM_EXIT_FAILED, "no site, host or enrolled device is called '%s'; 'wm list' shows what there is",
					cli->arg[i]);
	}
	return code;
}
