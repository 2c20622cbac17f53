/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a container is to be: from the settings, and from what this machine has.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/lifecycle/lxc_own.h"
#include "core/util.h"
#include "kernel/host.h"

#define LXC_NET "/etc/default/lxc-net"
#define FILE_MAX 65536

/* --- settings -------------------------------------------------------------------------------- */

/* A word that may stand in a command, a file of LXC and a path. */
static int check_word(const char *key, const char *value, const char *more, struct wm_error *err)
{
	size_t ok = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	while (value[ok] && strchr(more, value[ok]))
		ok += 1 + strspn(value + ok + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
	if (value[ok] || *value == '-')
		return wm_fail_field(err, EINVAL, key, "%s is '%.60s'; only letters, digits and '.', '_', '-'%s%s may be in it", key, value,
				     *more ? " and any of " : "", more);
	return 0;
}

static int check_words(const struct wm_life *l, struct wm_error *err)
{
	static const struct {
		const char *key, *more;
	} words[] = {
		{ "LXC_CONTAINER", "" }, { "LXC_VMID", "" }, { "LXC_STORAGE", "" }, { "LXC_TEMPLATE", "/:+" }, { "LXC_PATH", "/+" }, { "LXC_PROGRAMS", "/+" },
	};
	int rc = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(words) && !rc; i++)
		rc = check_word(words[i].key, wm_lxc_value(l, words[i].key, ""), words[i].more, err);
	return rc;
}

static int choose_kind(const struct wm_life *l, struct wm_box *box, struct wm_error *err)
{
	const char *kind = wm_lxc_value(l, "LXC_KIND", "");

	if (*kind && strcmp(kind, "lxc") && strcmp(kind, "pct"))
		return wm_fail_field(err, EINVAL, "LXC_KIND", "LXC_KIND is '%.40s'; it must be lxc (LXC's own programs) or pct (Proxmox)", kind);
	box->kind = !strcmp(kind, "pct") || (!*kind && wm_run_found("pct")) ? WM_BOX_PCT : WM_BOX_LXC;
	if (!wm_run_found(box->kind == WM_BOX_PCT ? "pct" : "lxc-start"))
		return wm_fail(err, ENOENT, "neither pct (Proxmox) nor lxc-start is on this machine: install LXC (apt install lxc, apk add lxc), or run 'wm-gateway install --native' to make the machine itself the gateway");
	return 0;
}

static int choose_box(const struct wm_life *l, struct wm_box *box, struct wm_error *err)
{
	char name[WM_NAME_SIZE];
	int rc = choose_kind(l, box, err);

	if (!rc)
		rc = wm_copy(box->path, sizeof(box->path), wm_lxc_value(l, "LXC_PATH", ""));
	if (!rc)
		rc = wm_format(name, sizeof(name), "wm-gateway%s%s", *l->inst.name ? "-" : "", l->inst.name);
	if (!rc)
		rc = wm_copy(box->name, sizeof(box->name), box->kind == WM_BOX_PCT ? wm_lxc_value(l, "LXC_VMID", "") : wm_lxc_value(l, "LXC_CONTAINER", name));
	return rc && err && !*err->text ? wm_fail(err, -rc, "LXC_CONTAINER or LXC_PATH is too long") : rc;
}

/* Proxmox's next free number. */
static int choose_number(struct wm_box *box, struct wm_error *err)
{
	static const char *const argv[] = { "pvesh", "get", "/cluster/nextid", NULL };
	char text[WM_RUN_OUTPUT];
	int rc = wm_run(argv, 60, text, err);

	text[strcspn(text, "\r\n")] = '\0';
	if (rc < 0)
		return rc;
	if (rc || !*text || text[strspn(text, "0123456789")] || wm_copy(box->name, sizeof(box->name), text))
		return wm_fail(err, EIO, "pvesh get /cluster/nextid says no free number for a container (%.60s); say one by LXC_VMID", text);
	return 0;
}

/* What was made stays where it is: moving it is not what a setting does. */
static int check_moved(const struct wm_lxc_facts *was, const struct wm_box *is, struct wm_error *err)
{
	if (was->box.kind != is->kind || (*is->name && strcmp(was->box.name, is->name)) || strcmp(was->box.path, is->path))
		return wm_fail(err, EEXIST, "this gateway is in container %s already; 'wm-gateway destroy' takes that away, --instance NAME makes another gateway",
			       was->box.name);
	return 0;
}

static int collect_box(struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	struct wm_lxc_facts was;
	struct wm_box box = { 0 };
	char path[WM_PATH_SIZE];
	int rc = wm_lxc_path(l, "container.state", path, err);

	if (!rc)
		rc = choose_box(l, &box, err);
	if (rc)
		return rc;
	rc = wm_lxc_facts_load(path, &was, err);
	if (rc && rc != -ENOENT)
		return rc;
	/* One without facts, which somebody has removed, was made and tamed before it got its mark. */
	if (rc)
		was = (struct wm_lxc_facts){ .box = box, .tamed = true };
	bool facts = !rc;
	rc = *was.box.name ? wm_lxc_ours(l, &was, err) : 0;
	own->known = rc > 0;
	if (rc < 0)
		return rc;
	/* One that could not be made, or that somebody has destroyed, is made as the settings say now. */
	if (!own->known) {
		own->facts = (struct wm_lxc_facts){ .box = box };
		return box.kind == WM_BOX_PCT && !*box.name ? choose_number(&own->facts.box, err) : 0;
	}
	if (facts && !was.made)
		return wm_fail(err, EEXIST, "the making of container %s was broken off, and what there is of it may be half; 'wm-gateway destroy --keep-site' removes that, then install again",
			       was.box.name);
	own->facts = was;
	own->facts.made = true;
	own->port = facts && !was.behind ? 0 : facts ? was.port : l->inst.listen_port;
	return facts ? check_moved(&was, &box, err) : 0;
}

/* The settings lie beside the facts and not in /etc/wm: there they would make this machine itself the gateway. */
int wm_lxc_collect(struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	char path[WM_PATH_SIZE];
	int rc = wm_lxc_path(l, "container.env", path, err);

	if (!rc && !access(l->inst.env_file, F_OK))
		return wm_fail(err, EEXIST, "this machine is itself a gateway (%s); 'wm-gateway destroy --keep-site' ends that, --instance NAME makes another gateway",
			       l->inst.env_file);
	if (rc)
		return rc;
	strcpy(l->inst.env_file, path);
	rc = wm_settings_collect(l, &own->settings, err);
	if (!rc)
		rc = wm_env_parse(own->settings.text, path, &own->env, err);
	if (!rc)
		rc = check_words(l, err);
	if (!rc)
		rc = collect_box(l, err);
	if (rc)
		return rc;
	/* In the container it is the only gateway, whatever the instance is called here. */
	own->facts.port = l->inst.listen_port;
	rc = wm_copy(own->facts.ifname, sizeof(own->facts.ifname), wm_lxc_value(l, "WM_INTERFACE", "wg0"));
	if (!rc)
		rc = wm_format(own->facts.table, sizeof(own->facts.table), *l->inst.name ? "wm_gateway_%s" : "wm-gateway", l->inst.name);
	return rc ? wm_fail(err, -rc, "WM_INTERFACE or the instance's name is too long") : 0;
}

/* --- networks ---------------------------------------------------------------------------------- */

static int read_lxc_net(const struct wm_life *l, struct wm_lxc_net *ret, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	char path[WM_PATH_SIZE];
	int rc = wm_life_path(l, path, err, LXC_NET);

	if (rc)
		return rc;
	rc = wm_read_file(path, FILE_MAX, &text, NULL);
	if (rc && rc != -ENOENT)
		return wm_fail(err, -rc, "%s: cannot read it: %s", path, strerror(-rc));
	return wm_lxc_net_parse(text, ret, err);
}

/* Behind NAT: the one that it has, else the lowest that nobody answers from. */
static int choose_address(const struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	struct wm_container_nic *nic = &own->net.nic[0];
	struct wm_prefix subnet = { nic->host & wm_prefix_mask(nic->len), nic->len };
	char text[WM_PREFIX_TEXT];

	if (own->known && own->facts.behind && wm_prefix_has(subnet, own->facts.addr)) {
		nic->addr = own->facts.addr;
		return 0;
	}
	for (wm_ip4 addr = subnet.addr + 2; addr < wm_prefix_last(subnet); addr++) {
		int rc = addr == nic->host ? 1 : wm_host_in_use(addr, err);

		if (rc < 0)
			return rc;
		nic->addr = rc ? 0 : addr;
		if (!rc)
			return 0;
	}
	return wm_fail(err, EADDRNOTAVAIL, "every address of %s on %s is in use; set LXC_IFACES", wm_prefix_format(subnet, text), nic->bridge);
}

/* Somebody else's: the container has it only where it had it before. */
static int check_free(const struct wm_life *l, struct wm_error *err)
{
	const struct wm_lxc_own *own = wm_lxc_own(l);
	char text[WM_IP4_TEXT], word[WM_IP4_TEXT + 2];

	for (unsigned int i = 0; i < own->net.n; i++) {
		wm_format(word, sizeof(word), ",%s/", wm_ip4_format(own->net.nic[i].addr, text));
		if (own->known && (!*own->facts.nics || strstr(own->facts.nics, word)))
			continue;
		int rc = wm_host_in_use(own->net.nic[i].addr, err);
		if (rc < 0)
			return rc;
		if (rc)
			return wm_fail_field(err, EADDRINUSE, "LXC_IFACES", "LXC_IFACES: another machine on %s answers from %s; choose a free address",
					     own->net.nic[i].bridge, text);
	}
	return 0;
}

static int describe(const struct wm_container_net *net, char *ret, struct wm_error *err)
{
	char addr[WM_IP4_TEXT], gateway[WM_IP4_TEXT];
	size_t len = 0;

	for (unsigned int i = 0; i < net->n; i++) {
		const struct wm_container_nic *nic = &net->nic[i];

		if (wm_format(ret + len, WM_NICS_TEXT - len, "%s%s,%s/%u,%s", i ? ";" : "", nic->bridge, wm_ip4_format(nic->addr, addr), nic->len,
			      wm_ip4_format(nic->gateway, gateway)))
			return wm_fail(err, E2BIG, "LXC_IFACES: too many networks");
		len += strlen(ret + len);
	}
	return 0;
}

int wm_lxc_plan_networks(struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	struct wm_lan_wish wishes[WM_LANS_MAX];
	struct wm_host_net host;
	struct wm_lxc_net lxc_net;
	unsigned int n;
	wm_ip4 gateway = 0;
	const char *text = wm_lxc_value(l, "LXC_GATEWAY", "");
	int rc = wm_lan_wishes_parse(wm_lxc_value(l, "LXC_IFACES", ""), wishes, &n, err);

	if (!rc && *text && (wm_ip4_parse(text, &gateway) || !wm_ip4_is_unicast(gateway)))
		rc = wm_fail_field(err, EINVAL, "LXC_GATEWAY", "LXC_GATEWAY is '%.40s'; it must be the address of the LAN's router", text);
	if (!rc && !n && own->facts.box.kind == WM_BOX_PCT)
		rc = wm_fail_field(err, EINVAL, "LXC_IFACES", "LXC_IFACES is empty; on Proxmox it says the container's address on the LAN, like 192.168.1.250 or vmbr0:192.168.1.250/24");
	if (!rc)
		rc = read_lxc_net(l, &lxc_net, err);
	if (!rc)
		rc = wm_host_net_read(&host, err);
	if (!rc)
		rc = wm_container_plan(&host, &lxc_net, wishes, n, gateway, &own->net, err);
	if (!rc)
		rc = own->net.behind ? choose_address(l, err) : check_free(l, err);
	if (!rc && own->net.behind && !l->inst.hub)
		wm_life_note(l, "LXC_IFACES is empty: the container is behind this machine's NAT, and %s is its LAN; machines elsewhere are not in this site",
			     own->net.nic[0].bridge);
	return rc;
}

/* --- its UDP port ---------------------------------------------------------------------------------- */

static int takes_port(const char *path, const struct wm_lxc_facts *facts, void *arg)
{
	struct wm_lxc_facts *ours = arg;

	(void)path;
	if (!facts || !facts->behind || facts->port != ours->port)
		return 0;
	ours->box = facts->box;
	return 1;
}

static bool is_bound(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) && errno == EADDRINUSE;
}

/* Behind the host's NAT it is a port of the host, which leads to one. */
int wm_lxc_plan_port(struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	struct wm_lxc_facts other = { .port = own->facts.port };

	if (!own->net.behind)
		return 0;
	if (wm_lxc_others(l, takes_port, &other))
		return wm_fail_field(err, EADDRINUSE, "WM_LISTEN_PORT", "UDP port %u of this machine leads into container %s already, which is behind the same NAT; set WM_LISTEN_PORT to another",
				     other.port, other.box.name);
	if (own->port != own->facts.port && is_bound(own->facts.port))
		return wm_fail_field(err, EADDRINUSE, "WM_LISTEN_PORT", "UDP port %u of this machine, which is to lead into the container, is in use ('ss -lunp' says by what); set WM_LISTEN_PORT to another",
				     own->facts.port);
	return 0;
}

/* --- kept ------------------------------------------------------------------------------------------ */

int wm_lxc_keep(struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	struct wm_lxc_facts *facts = &own->facts;
	char nics[WM_NICS_TEXT];
	int rc = describe(&own->net, nics, err);

	if (rc)
		return rc;
	own->rewired = own->known && strcmp(nics, facts->nics);
	/* Of one that runs with others they are remembered once it has these. */
	if (!own->rewired)
		strcpy(facts->nics, nics);
	facts->behind = own->net.behind;
	facts->addr = own->net.nic[0].addr;
	strcpy(facts->bridge, own->net.nic[0].bridge);
	rc = wm_step_dir(l, l->inst.state_dir, 0700, err);
	/* No token: it is handed on into the container and not kept here. */
	if (!rc)
		rc = wm_settings_write(l, &own->settings, false, err);
	return rc ? rc : wm_step_lxc_facts(l, facts, err);
}

int wm_lxc_keep_networks(struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	int rc = own->rewired ? describe(&own->net, own->facts.nics, err) : 0;

	return rc || !own->rewired ? rc : wm_step_lxc_facts(l, &own->facts, err);
}
