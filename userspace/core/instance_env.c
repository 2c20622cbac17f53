/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What gateway.env says of an instance, key by key.
 */
#include "core/instance.h"

#include <errno.h>
#include <string.h>

#include "core/env.h"
#include "core/util.h"

/* "24" */
static int parse_length(const char *text, uint8_t *ret)
{
	struct wm_prefix any;
	char prefix[WM_PREFIX_TEXT];

	if (wm_format(prefix, sizeof(prefix), "0.0.0.0/%s", text) || wm_prefix_parse(prefix, &any))
		return -EINVAL;
	*ret = any.len;
	return 0;
}

static int parse_lan(const char *item, struct wm_lan_wish *ret)
{
	struct wm_lan_wish wish = { 0 };
	const char *colon = strchr(item, ':');
	char addr[64];
	char *slash;

	if (colon) {
		if (colon - item >= WM_IFNAME_SIZE)
			return -EINVAL;
		memcpy(wish.ifname, item, (size_t)(colon - item));
	} else if (!(*item >= '0' && *item <= '9' && strchr(item, '.'))) {
		if (!wm_ifname_valid(item))
			return -EINVAL;
		strcpy(wish.ifname, item);
		*ret = wish;
		return 0;
	}
	if ((colon && !wm_ifname_valid(wish.ifname)) || wm_copy(addr, sizeof(addr), colon ? colon + 1 : item))
		return -EINVAL;
	slash = strchr(addr, '/');
	if (slash && parse_length(slash + 1, &wish.len))
		return -EINVAL;
	if (slash)
		*slash = '\0';
	if (wm_ip4_parse(addr, &wish.addr) || !wm_ip4_is_unicast(wish.addr))
		return -EINVAL;
	*ret = wish;
	return 0;
}

static int parse_lan_at(struct wm_instance *inst, unsigned int i, const char *item)
{
	return parse_lan(item, &inst->lans[i]);
}

static int parse_router_at(struct wm_instance *inst, unsigned int i, const char *item)
{
	return wm_mac_parse(item, &inst->routers[i]);
}

static int parse_prefix_at(struct wm_instance *inst, unsigned int i, const char *item)
{
	return wm_prefix_parse(item, &inst->lan_prefixes[i]);
}

struct env_list {
	const char *key;
	unsigned int most;
	int (*parse)(struct wm_instance *inst, unsigned int i, const char *item);
	const char *wrong; /* what an item is that parse refuses */
};

static const struct env_list lans_list = { "LXC_IFACES", WM_LANS_MAX, parse_lan_at,
					   "none of ADDRESS, INTERFACE:ADDRESS/LENGTH and INTERFACE" };
static const struct env_list routers_list = { "WM_LAN_ROUTERS", WM_LAN_ROUTERS_MAX, parse_router_at,
					      "no MAC address of one machine, like 02:00:5e:10:00:01" };
static const struct env_list prefixes_list = { "WM_LAN_PREFIXES", WM_LAN_PREFIXES_MAX, parse_prefix_at,
					       "no prefix like 192.168.1.0/24" };

static int parse_list(struct wm_instance *inst, const char *value, const struct env_list *list, unsigned int *io_n,
		      struct wm_error *err)
{
	WM_AUTO_FREE char *copy = strdup(value);
	char *save = NULL;

	if (!copy)
		return wm_fail(err, ENOMEM, "out of memory");
	for (char *item = strtok_r(copy, ", \t", &save); item; item = strtok_r(NULL, ", \t", &save)) {
		if (*io_n == list->most)
			return wm_fail(err, EINVAL, "%s has more than %u items", list->key, list->most);
		if (list->parse(inst, *io_n, item))
			return wm_fail(err, EINVAL, "%s: '%.60s' is %s", list->key, item, list->wrong);
		++*io_n;
	}
	return 0;
}

static int load_list(struct wm_instance *inst, const struct wm_env *env, const struct env_list *list, unsigned int *io_n,
		     struct wm_error *err)
{
	return parse_list(inst, wm_env_get(env, list->key, ""), list, io_n, err);
}

int wm_lan_wishes_parse(const char *value, struct wm_lan_wish ret[WM_LANS_MAX], unsigned int *ret_n, struct wm_error *err)
{
	struct wm_instance inst = { 0 };
	int rc = parse_list(&inst, value, &lans_list, &inst.nlans, err);

	if (rc)
		return rc;
	memcpy(ret, inst.lans, sizeof(inst.lans));
	*ret_n = inst.nlans;
	return 0;
}

/* "pve:192.168.1.5" */
static int load_carrier(struct wm_instance *inst, const struct wm_env *env, struct wm_error *err)
{
	const char *text = wm_env_get(env, "WM_CARRIER", ""), *colon = strchr(text, ':');
	char name[WM_NAME_SIZE];

	if (!*text)
		return 0;
	if (!colon || wm_format(name, sizeof(name), "%.*s", (int)(colon - text), text) || !wm_label_valid(name) ||
	    wm_ip4_parse(colon + 1, &inst->carrier_ip) || !wm_ip4_is_unicast(inst->carrier_ip))
		return wm_fail(err, EINVAL, "WM_CARRIER is '%.80s'; it must be NAME:ADDRESS of the machine that carries this container", text);
	strcpy(inst->carrier, name);
	return 0;
}

static int load_site(struct wm_instance *inst, const struct wm_env *env, struct wm_error *err)
{
	const char *domain = wm_env_get(env, "SITE_DOMAIN", NULL);
	const char *subnet = wm_env_get(env, "SITE_SUBNET", NULL);
	const char *supernet = wm_env_get(env, "WM_MESH_SUPERNET", NULL);
	int hub, rc;

	if (!domain)
		return wm_fail(err, EINVAL, "SITE_DOMAIN is missing; set it to this site's domain (wm list-sites shows them)");
	if (!wm_domain_valid(domain))
		return wm_fail(err, EINVAL, "SITE_DOMAIN is '%.80s'; it must be one label of a-z, 0-9 and '-' and no public domain", domain);
	strcpy(inst->domain, domain);
	if (subnet && wm_prefix_parse(subnet, &inst->subnet))
		return wm_fail(err, EINVAL, "SITE_SUBNET is '%.40s'; it must be a prefix like 172.30.2.0/24", subnet);
	if (supernet && wm_prefix_parse(supernet, &inst->supernet))
		return wm_fail(err, EINVAL, "WM_MESH_SUPERNET is '%.40s'; it must be a prefix like 172.30.0.0/16", supernet);
	rc = wm_env_bool(env, "IS_HUB", 0, &hub, err);
	inst->hub = hub;
	if (!rc)
		rc = load_list(inst, env, &lans_list, &inst->nlans, err);
	if (!rc)
		rc = load_list(inst, env, &prefixes_list, &inst->nlan_prefixes, err);
	return rc ? rc : load_list(inst, env, &routers_list, &inst->nrouters, err);
}

static int load_numbers(struct wm_instance *inst, const struct wm_env *env, struct wm_error *err)
{
	unsigned long port, mtu, poll, wait, prio;
	int rc = wm_env_uint(env, "WM_LISTEN_PORT", 51820, 1, 65535, &port, err);

	if (!rc)
		rc = wm_env_uint(env, "WM_MTU", 1420, 576, 65455, &mtu, err);
	if (!rc)
		rc = wm_env_uint(env, "WM_POLL", 5, 1, 3600, &poll, err);
	if (!rc)
		rc = wm_env_uint(env, "WM_WAIT", 50, 0, 60, &wait, err);
	if (!rc)
		rc = wm_env_uint(env, "WM_TC_PRIO", inst->tc_prio, 1, 65534, &prio, err);
	if (rc)
		return rc;
	inst->listen_port = (uint16_t)port;
	inst->mtu = (uint16_t)mtu;
	inst->poll_s = (unsigned int)poll;
	inst->wait_s = (unsigned int)wait;
	inst->tc_prio = (uint16_t)prio;
	return 0;
}

static int load_endpoint(struct wm_instance *inst, const struct wm_env *env, struct wm_error *err)
{
	return wm_locate_load(env, inst->listen_port, &inst->locate, err);
}

static int copy_value(char *dst, size_t size, const struct wm_env *env, const char *key, const char *fallback,
		      struct wm_error *err)
{
	if (wm_copy(dst, size, wm_env_get(env, key, fallback)))
		return wm_fail(err, EINVAL, "%s is too long; %zu characters are allowed", key, size - 1);
	return 0;
}

static int load_registry(struct wm_instance *inst, const struct wm_env *env, struct wm_error *err)
{
	const char *url = wm_env_get(env, "WM_REGISTRY_URL", NULL);
	int allow, rc;

	if (!url)
		return wm_fail(err, EINVAL, "WM_REGISTRY_URL is missing; set it to the registry's address, like https://wm-registry.example.com");
	if (strncmp(url, "https://", 8) && strncmp(url, "http://", 7))
		return wm_fail(err, EINVAL, "WM_REGISTRY_URL is '%.80s'; it must start with https:// or http://", url);
	rc = wm_env_bool(env, "WM_REGISTRY_ALLOW_HTTP", 0, &allow, err);
	if (rc)
		return rc;
	inst->allow_http = allow;
	rc = copy_value(inst->registry_url, sizeof(inst->registry_url), env, "WM_REGISTRY_URL", "", err);
	if (!rc)
		rc = copy_value(inst->registry_token, sizeof(inst->registry_token), env, "WM_REGISTRY_TOKEN", "", err);
	if (!rc)
		rc = copy_value(inst->registry_ca, sizeof(inst->registry_ca), env, "WM_REGISTRY_CA", "", err);
	if (!rc)
		rc = copy_value(inst->dnsmasq_pid, sizeof(inst->dnsmasq_pid), env, "WM_DNSMASQ_PID",
				"/run/dnsmasq/dnsmasq.pid", err);
	return rc;
}

/* No token is sent there, and signatures tell what is believed: plain http is as good. */
static int load_update(struct wm_instance *inst, const struct wm_env *env, struct wm_error *err)
{
	const char *url = wm_env_get(env, "WM_UPDATE_URL", "");
	unsigned long interval, prove;
	int rc = wm_env_uint(env, "WM_UPDATE_INTERVAL", 600, 1, 604800, &interval, err);

	if (!rc)
		rc = wm_env_uint(env, "WM_UPDATE_PROVE", 120, 1, 3600, &prove, err);
	if (rc)
		return rc;
	inst->update_interval_s = (unsigned int)interval;
	inst->update_prove_s = (unsigned int)prove;
	inst->update = strcmp(url, "off");
	if (*url && inst->update && strncmp(url, "https://", 8) && strncmp(url, "http://", 7))
		return wm_fail(err, EINVAL, "WM_UPDATE_URL is '%.80s'; it must be 'off', or start with https:// or http://", url);
	if (*url)
		return copy_value(inst->update_url, sizeof(inst->update_url), env, "WM_UPDATE_URL", "", err);
	return wm_format(inst->update_url, sizeof(inst->update_url), "%s%sdownloads", inst->registry_url,
			 inst->registry_url[strlen(inst->registry_url) - 1] == '/' ? "" : "/");
}

/* One of n words, the first of which is the default; its number in *ret. `allowed` lists them for the error. */
static int load_choice(const struct wm_env *env, const char *key, const char *const words[], size_t n, const char *allowed,
		       unsigned int *ret, struct wm_error *err)
{
	const char *choice = wm_env_get(env, key, words[0]);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(choice, words[i]))
			continue;
		*ret = (unsigned int)i;
		return 0;
	}
	return wm_fail(err, EINVAL, "%s is '%.40s'; it must be %s", key, choice, allowed);
}

static int load_choices(struct wm_instance *inst, const struct wm_env *env, struct wm_error *err)
{
	static const char *const planes[] = { [WM_DATAPLANE_AUTO] = "auto", [WM_DATAPLANE_BPF] = "bpf", [WM_DATAPLANE_NFT] = "nft" };
	static const char *const shields[] = {
		[WM_XDP_AUTO] = "auto", [WM_XDP_NATIVE] = "native", [WM_XDP_GENERIC] = "generic", [WM_XDP_OFF] = "off",
	};
	static const char *const lists[] = { "auto", "off" };
	const char *ifname = wm_env_get(env, "WM_INTERFACE", inst->ifname);
	unsigned int plane = 0, xdp = 0, tcx = 0;
	int fast, rc = wm_env_bool(env, "WM_FASTPATH", 1, &fast, err);

	if (!rc)
		rc = load_choice(env, "WM_DATAPLANE", planes, WM_ARRAY_LEN(planes), "auto, bpf or nft", &plane, err);
	if (!rc)
		rc = load_choice(env, "WM_XDP", shields, WM_ARRAY_LEN(shields), "auto, native, generic or off", &xdp, err);
	if (!rc)
		rc = load_choice(env, "WM_TCX", lists, WM_ARRAY_LEN(lists), "auto or off", &tcx, err);
	if (rc)
		return rc;
	inst->dataplane = (enum wm_dataplane_choice)plane;
	inst->xdp = (enum wm_xdp_choice)xdp;
	inst->no_tcx = tcx;
	inst->fastpath = fast;
	if (!wm_ifname_valid(ifname))
		return wm_fail(err, EINVAL, "WM_INTERFACE is '%.40s'; it must be an interface name of at most 15 characters", ifname);
	if (ifname != inst->ifname)
		strcpy(inst->ifname, ifname);
	return 0;
}

/* Names and paths are there already. */
static int load_parts(struct wm_instance *inst, const struct wm_env *env, struct wm_error *err)
{
	static int (*const parts[])(struct wm_instance *, const struct wm_env *, struct wm_error *) = {
		load_site, load_carrier, load_numbers, load_endpoint, load_registry, load_update, load_choices,
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(parts); i++) {
		int rc = parts[i](inst, env, err);

		if (rc)
			return wm_fail_in(err, rc, "%s", inst->env_file);
	}
	return 0;
}

/* text: NULL, the file is read. */
static int load(struct wm_instance *ret, const char *name, const char *env_file, const char *text, struct wm_error *err)
{
	struct wm_instance inst;
	struct wm_env *env = NULL;
	int rc = wm_instance_names(&inst, name, err);

	if (!rc && env_file && wm_copy(inst.env_file, sizeof(inst.env_file), env_file))
		rc = wm_fail(err, ENAMETOOLONG, "the path of the config file is too long");
	if (!rc)
		rc = text ? wm_env_parse(text, inst.env_file, &env, err) : wm_env_load(inst.env_file, &env, err);
	if (rc == -ENOENT)
		wm_fail(err, ENOENT, "%s: there is no such file; 'wm add-site DOMAIN', or 'wm enrol DOMAIN' later, prints what belongs there",
			inst.env_file);
	if (!rc)
		rc = load_parts(&inst, env, err);
	wm_env_free(env);
	if (!rc)
		*ret = inst;
	wm_wipe(&inst, sizeof(inst));
	return rc;
}

int wm_instance_load(struct wm_instance *ret, const char *name, const char *env_file, struct wm_error *err)
{
	return load(ret, name, env_file, NULL, err);
}

int wm_instance_parse(struct wm_instance *ret, const char *name, const char *env_file, const char *text, struct wm_error *err)
{
	return load(ret, name, env_file, text, err);
}
