/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/container.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/env.h"
#include "core/util.h"

/* --- /etc/default/lxc-net ------------------------------------------------------------ */

/* The assignments of that file that we read; lines of any other kind are shell. */
static int keep_assignments(const char *text, char **ret)
{
	static const char *const keys[] = { "USE_LXC_BRIDGE=", "LXC_BRIDGE=", "LXC_ADDR=", "LXC_NETMASK=" };
	size_t len = 0;
	char *kept = malloc(strlen(text) + 2);

	if (!kept)
		return -ENOMEM;
	for (const char *line = text, *end; *line; line = end + (*end == '\n')) {
		const char *start = line + strspn(line, " \t");

		end = start + strcspn(start, "\n");
		for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++) {
			if (strncmp(start, keys[i], strlen(keys[i])))
				continue;
			memcpy(kept + len, start, (size_t)(end - start));
			len += (size_t)(end - start);
			kept[len++] = '\n';
		}
	}
	kept[len] = '\0';
	*ret = kept;
	return 0;
}

/* "255.255.255.0" */
static int parse_netmask(const char *text, uint8_t *ret)
{
	wm_ip4 mask;

	if (wm_ip4_parse(text, &mask))
		return -EINVAL;
	for (uint8_t len = 1; len <= 30; len++) {
		if (wm_prefix_mask(len) != mask)
			continue;
		*ret = len;
		return 0;
	}
	return -EINVAL;
}

static int wrong(const char *key, const char *value, struct wm_error *err)
{
	return wm_fail(err, EINVAL, "/etc/default/lxc-net: %s is '%.40s', which cannot be; correct it, or say LXC_IFACES=BRIDGE:ADDRESS/LENGTH",
		       key, value);
}

int wm_lxc_net_parse(const char *text, struct wm_lxc_net *ret, struct wm_error *err)
{
	WM_AUTO_FREE char *kept = NULL;
	struct wm_lxc_net net = { 0 };
	struct wm_env *env = NULL;
	int use = 1, rc = keep_assignments(text ? text : "", &kept);

	if (rc)
		return wm_fail(err, -rc, "out of memory");
	rc = wm_env_parse(kept, "/etc/default/lxc-net", &env, err);
	if (rc)
		return rc;
	const char *bridge = wm_env_get(env, "LXC_BRIDGE", "lxcbr0");
	const char *addr = wm_env_get(env, "LXC_ADDR", "10.0.3.1");
	const char *mask = wm_env_get(env, "LXC_NETMASK", "255.255.255.0");
	if (!wm_ifname_valid(bridge) || wm_copy(net.bridge, sizeof(net.bridge), bridge))
		rc = wrong("LXC_BRIDGE", bridge, err);
	else if (wm_ip4_parse(addr, &net.addr) || !wm_ip4_is_unicast(net.addr))
		rc = wrong("LXC_ADDR", addr, err);
	else if (parse_netmask(mask, &net.len))
		rc = wrong("LXC_NETMASK", mask, err);
	else
		rc = wm_env_bool(env, "USE_LXC_BRIDGE", 1, &use, err);
	wm_env_free(env);
	if (rc)
		return rc;
	net.use = use;
	*ret = net;
	return 0;
}

/* --- the plan ---------------------------------------------------------------------------- */

static bool in_subnet_of(const struct wm_host_lan *lan, wm_ip4 addr)
{
	return lan->addr && lan->len && lan->len <= 30 && !((lan->addr ^ addr) & wm_prefix_mask(lan->len));
}

/* The row of that interface whose subnet has addr, else any row of it; NULL: no such interface. */
static const struct wm_host_lan *of_interface(const struct wm_host_net *host, const char *ifname, wm_ip4 addr)
{
	const struct wm_host_lan *any = NULL;

	for (unsigned int i = 0; i < host->n; i++) {
		if (strcmp(host->lan[i].ifname, ifname))
			continue;
		if (in_subnet_of(&host->lan[i], addr))
			return &host->lan[i];
		any = any ? any : &host->lan[i];
	}
	return any;
}

/* Of two that have it (a bridge, and the card in it that somebody gave an address too), the bridge. */
static const struct wm_host_lan *of_subnet(const struct wm_host_net *host, wm_ip4 addr)
{
	const struct wm_host_lan *best = NULL;

	for (unsigned int i = 0; i < host->n; i++) {
		if (in_subnet_of(&host->lan[i], addr) && (!best || (host->lan[i].bridge && !best->bridge)))
			best = &host->lan[i];
	}
	return best;
}

static int find_lan(const struct wm_host_net *host, const struct wm_lan_wish *wish, const struct wm_host_lan **ret,
		    struct wm_error *err)
{
	const struct wm_host_lan *lan = NULL;
	char text[WM_IP4_TEXT];

	if (!wish->addr)
		return wm_fail_field(err, EINVAL, "LXC_IFACES", "LXC_IFACES: '%s' has no address: a container needs one of its own, like %s:192.168.1.250/24",
				     wish->ifname, wish->ifname);
	wm_ip4_format(wish->addr, text);
	lan = *wish->ifname ? of_interface(host, wish->ifname, wish->addr) : of_subnet(host, wish->addr);
	if (!lan && *wish->ifname)
		return wm_fail_field(err, ENODEV, "LXC_IFACES", "LXC_IFACES: this machine has no interface %s (for %s); name one of its bridges",
				     wish->ifname, text);
	if (!lan)
		return wm_fail_field(err, ENODEV, "LXC_IFACES", "LXC_IFACES: no interface of this machine has a subnet with %s; say which bridge leads there, like LXC_IFACES=vmbr0:%s/24",
				     text, text);
	if (!lan->bridge)
		return wm_fail_field(err, ENODEV, "LXC_IFACES", "LXC_IFACES: %s is in the subnet of %s, which is no bridge, so no container can hang in it; put %s into a bridge that has its address, and name that",
				     text, lan->ifname, lan->ifname);
	*ret = lan;
	return 0;
}

/* Whose it can be: nobody's yet, as far as the host's own addresses tell. */
static int check_address(const struct wm_host_net *host, const struct wm_container_net *net,
			 const struct wm_container_nic *nic, struct wm_error *err)
{
	struct wm_prefix subnet = { nic->addr & wm_prefix_mask(nic->len), nic->len };
	char text[WM_IP4_TEXT], prefix[WM_PREFIX_TEXT];

	wm_ip4_format(nic->addr, text);
	if (nic->addr == subnet.addr || nic->addr == wm_prefix_last(subnet))
		return wm_fail_field(err, EINVAL, "LXC_IFACES", "LXC_IFACES: %s is the network's or the broadcast address of %s; choose another",
				     text, wm_prefix_format(subnet, prefix));
	for (unsigned int i = 0; i < host->n; i++) {
		if (host->lan[i].addr == nic->addr)
			return wm_fail_field(err, EADDRINUSE, "LXC_IFACES", "LXC_IFACES: %s is this machine's own address (on %s); the container needs another in %s",
					     text, host->lan[i].ifname, wm_prefix_format(subnet, prefix));
		if (host->lan[i].gateway == nic->addr)
			return wm_fail_field(err, EADDRINUSE, "LXC_IFACES", "LXC_IFACES: %s is the router of %s; choose another address in %s",
					     text, host->lan[i].ifname, wm_prefix_format(subnet, prefix));
	}
	for (unsigned int i = 0; i < net->n; i++) {
		if (net->nic[i].addr == nic->addr)
			return wm_fail_field(err, EINVAL, "LXC_IFACES", "LXC_IFACES: %s is named twice", text);
		if (!strcmp(net->nic[i].bridge, nic->bridge))
			return wm_fail_field(err, EINVAL, "LXC_IFACES", "LXC_IFACES: two addresses lead to the bridge %s; one is enough for a LAN",
					     nic->bridge);
	}
	return 0;
}

static int add_nic(const struct wm_host_net *host, const struct wm_lan_wish *wish, struct wm_container_net *net,
		   struct wm_error *err)
{
	struct wm_container_nic nic = { .addr = wish->addr };
	const struct wm_host_lan *lan = NULL;
	char text[WM_IP4_TEXT];
	int rc = find_lan(host, wish, &lan, err);

	if (rc)
		return rc;
	strcpy(nic.bridge, lan->ifname);
	if (in_subnet_of(lan, wish->addr)) {
		nic.len = lan->len;
		nic.host = lan->addr;
		nic.gateway = lan->gateway;
	}
	if (wish->len)
		nic.len = wish->len;
	wm_ip4_format(wish->addr, text);
	if (!nic.len)
		return wm_fail_field(err, EINVAL, "LXC_IFACES", "LXC_IFACES: this machine has no address in %s's subnet on %s, so the subnet's length has to be said: LXC_IFACES=%s:%s/24",
				     text, lan->ifname, lan->ifname, text);
	if (nic.len < 8 || nic.len > 30)
		return wm_fail_field(err, EINVAL, "LXC_IFACES", "LXC_IFACES: %s/%u is no subnet of a LAN; /8 to /30 are", text,
				     (unsigned int)nic.len);
	rc = check_address(host, net, &nic, err);
	if (!rc)
		net->nic[net->n++] = nic;
	return rc;
}

/* One interface keeps a gateway: where LXC_GATEWAY is, else the first that has the host's. */
static int choose_gateway(struct wm_container_net *net, wm_ip4 gateway, struct wm_error *err)
{
	bool found = false;
	char text[WM_IP4_TEXT];

	for (unsigned int i = 0; i < net->n; i++) {
		struct wm_container_nic *nic = &net->nic[i];

		if (gateway)
			nic->gateway = !((nic->addr ^ gateway) & wm_prefix_mask(nic->len)) && nic->addr != gateway ? gateway : 0;
		if (found)
			nic->gateway = 0;
		found |= nic->gateway != 0;
	}
	if (found)
		return 0;
	if (gateway)
		return wm_fail_field(err, EINVAL, "LXC_GATEWAY", "LXC_GATEWAY: %s is in the subnet of none of LXC_IFACES, or the container's own; correct it",
				     wm_ip4_format(gateway, text));
	return wm_fail_field(err, ENODEV, "LXC_GATEWAY", "this machine has no default route by %s, so the LAN's router is not known; set LXC_GATEWAY to its address",
			     net->nic[0].bridge);
}

/* The address is chosen by who can ask whether somebody has it. */
static int plan_behind(const struct wm_host_net *host, const struct wm_lxc_net *lxc_net, struct wm_container_net *ret,
		       struct wm_error *err)
{
	const struct wm_host_lan *lan = lxc_net->use ? of_interface(host, lxc_net->bridge, lxc_net->addr) : NULL;

	if (!lxc_net->use)
		return wm_fail_field(err, ENODEV, "LXC_IFACES", "LXC_IFACES is empty, and lxc-net is switched off (USE_LXC_BRIDGE in /etc/default/lxc-net); switch it on and start it, or set LXC_IFACES to the container's address in a bridge of this machine");
	if (!lan || !lan->bridge || lan->addr != lxc_net->addr)
		return wm_fail_field(err, ENODEV, "LXC_IFACES", "LXC_IFACES is empty, and lxc-net's bridge %s is not there or has no address; start lxc-net (systemctl start lxc-net), or set LXC_IFACES to the container's address in a bridge of this machine",
				     lxc_net->bridge);
	*ret = (struct wm_container_net){ .n = 1, .behind = true };
	ret->nic[0] = (struct wm_container_nic){ .len = lan->len, .gateway = lan->addr, .host = lan->addr };
	strcpy(ret->nic[0].bridge, lan->ifname);
	return 0;
}

int wm_container_plan(const struct wm_host_net *host, const struct wm_lxc_net *lxc_net, const struct wm_lan_wish *wishes,
		      unsigned int nwishes, wm_ip4 gateway, struct wm_container_net *ret, struct wm_error *err)
{
	struct wm_container_net net = { 0 };
	int rc = 0;

	if (!nwishes)
		return plan_behind(host, lxc_net, ret, err);
	for (unsigned int i = 0; i < nwishes && !rc; i++)
		rc = add_nic(host, &wishes[i], &net, err);
	if (!rc)
		rc = choose_gateway(&net, gateway, err);
	if (!rc)
		*ret = net;
	return rc;
}

const char *wm_container_lans_format(const struct wm_container_net *net, char *buf)
{
	char text[WM_IP4_TEXT];
	size_t len = 0;

	*buf = '\0';
	for (unsigned int i = 0; i < net->n; i++)
		len += (size_t)snprintf(buf + len, WM_CONTAINER_LANS_TEXT - len, "%s%s", i ? "," : "",
					wm_ip4_format(net->nic[i].addr, text));
	return buf;
}
