/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel's WireGuard, by generic netlink.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <string.h>

#include "core/util.h"
#include "kernel/nl.h"
#include "kernel/wg_priv.h"

static struct nlmsghdr *begin(struct wm_nl *nl, uint16_t family, uint8_t cmd, const char *ifname)
{
	struct genlmsghdr *genl;
	struct nlmsghdr *nlh = wm_nl_begin(nl, family, 0, sizeof(*genl), &genl);

	genl->cmd = cmd;
	genl->version = WG_GENL_VERSION;
	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, ifname);
	return nlh;
}

static int open_family(struct wm_nl **ret, uint16_t *ret_family, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;

	int rc = wm_nl_open(NETLINK_GENERIC, &nl, err);
	if (rc < 0)
		return rc;
	rc = wm_nl_family(nl, WG_GENL_NAME, ret_family);
	if (rc < 0)
		return wm_fail(err, -rc, "the kernel's WireGuard cannot be reached: %s", wm_nl_why(nl, rc));
	*ret = WM_STEAL(nl);
	return 0;
}

/* --- reading ------------------------------------------------------------- */

static void read_key(const struct nlattr *attr, struct wm_key *ret)
{
	if (attr && mnl_attr_get_payload_len(attr) == sizeof(*ret))
		memcpy(ret, mnl_attr_get_payload(attr), sizeof(*ret));
}

static void read_endpoint(const struct nlattr *attr, struct wm_endpoint *ret)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;

	if (len == sizeof(in)) {
		memcpy(&in, mnl_attr_get_payload(attr), sizeof(in));
		*ret = (struct wm_endpoint){ .family = 4, .port = ntohs(in.sin_port) };
		memcpy(ret->addr, &in.sin_addr, 4);
	} else if (len == sizeof(in6)) {
		memcpy(&in6, mnl_attr_get_payload(attr), sizeof(in6));
		*ret = (struct wm_endpoint){ .family = 6, .port = ntohs(in6.sin6_port) };
		memcpy(ret->addr, &in6.sin6_addr, 16);
	}
}

static int read_allowed(const struct nlattr *attr, struct wm_wg_device *dev)
{
	const struct nlattr *tb[WGALLOWEDIP_A_CIDR_MASK + 1];

	wm_nl_nested(attr, tb, WM_ARRAY_LEN(tb));
	if (wm_nl_u16(tb[WGALLOWEDIP_A_FAMILY]) != AF_INET || !tb[WGALLOWEDIP_A_CIDR_MASK])
		return 0;
	return wm_wg_add_allowed(dev, (struct wm_prefix){ wm_nl_ip4(tb[WGALLOWEDIP_A_IPADDR]),
							  mnl_attr_get_u8(tb[WGALLOWEDIP_A_CIDR_MASK]) });
}

static int read_peer(const struct nlattr *attr, struct wm_wg_device *dev)
{
	const struct nlattr *tb[WGPEER_A_ALLOWEDIPS + 1];
	struct wm_wg_peer peer = { 0 };
	struct __kernel_timespec when = { 0 };
	const struct nlattr *allowed;
	int rc = 0;

	wm_nl_nested(attr, tb, WM_ARRAY_LEN(tb));
	read_key(tb[WGPEER_A_PUBLIC_KEY], &peer.public_key);
	/* A peer that did not fit into a message goes on in the next one, and
	 * there has its key and more allowed IPs only. */
	if (!dev->npeers || !wm_key_equal(&dev->peers[dev->npeers - 1].public_key, &peer.public_key)) {
		read_key(tb[WGPEER_A_PRESHARED_KEY], &peer.preshared_key);
		read_endpoint(tb[WGPEER_A_ENDPOINT], &peer.endpoint);
		peer.keepalive_s = wm_nl_u16(tb[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL]);
		peer.rx_bytes = wm_nl_u64(tb[WGPEER_A_RX_BYTES]);
		peer.tx_bytes = wm_nl_u64(tb[WGPEER_A_TX_BYTES]);
		if (tb[WGPEER_A_LAST_HANDSHAKE_TIME] &&
		    mnl_attr_get_payload_len(tb[WGPEER_A_LAST_HANDSHAKE_TIME]) == sizeof(when))
			memcpy(&when, mnl_attr_get_payload(tb[WGPEER_A_LAST_HANDSHAKE_TIME]), sizeof(when));
		peer.last_handshake = when.tv_sec;
		rc = wm_wg_add_peer(dev, &peer);
		wm_wipe(&peer.preshared_key, sizeof(peer.preshared_key));
	}
	if (rc == 0 && tb[WGPEER_A_ALLOWEDIPS])
		mnl_attr_for_each_nested(allowed, tb[WGPEER_A_ALLOWEDIPS])
			if ((rc = read_allowed(allowed, dev)) < 0)
				break;
	return rc;
}

static int read_message(const struct nlmsghdr *nlh, void *arg)
{
	struct wm_wg_device *dev = arg;
	const struct nlattr *tb[WGDEVICE_A_PEERS + 1];
	const struct nlattr *peer;
	int rc = 0;

	if (!nlh) {
		wm_wg_device_free(dev);
		*dev = (struct wm_wg_device){ 0 };
		return 0;
	}
	wm_nl_attrs(nlh, sizeof(struct genlmsghdr), tb, WM_ARRAY_LEN(tb));
	read_key(tb[WGDEVICE_A_PRIVATE_KEY], &dev->private_key);
	if (tb[WGDEVICE_A_LISTEN_PORT])
		dev->listen_port = wm_nl_u16(tb[WGDEVICE_A_LISTEN_PORT]);
	if (tb[WGDEVICE_A_FWMARK])
		dev->fwmark = wm_nl_u32(tb[WGDEVICE_A_FWMARK]);
	if (tb[WGDEVICE_A_PEERS])
		mnl_attr_for_each_nested(peer, tb[WGDEVICE_A_PEERS])
			if ((rc = read_peer(peer, dev)) < 0)
				break;
	return rc;
}

static int genl_read(const char *ifname, struct wm_wg_device *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	uint16_t family;

	int rc = open_family(&nl, &family, err);
	if (rc < 0)
		return rc;
	begin(nl, family, WG_CMD_GET_DEVICE, ifname);
	rc = wm_nl_dump(nl, read_message, ret);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot read the WireGuard interface %s: %s", ifname, wm_nl_why(nl, rc));
	return 0;
}

/* --- writing: each put_... returns 1 it is in, 0 the message is full --------- */

static bool put(struct nlmsghdr *nlh, uint16_t type, size_t len, const void *data)
{
	return mnl_attr_put_check(nlh, WM_NL_REQUEST_MAX, type, len, data);
}

static void put_device(struct nlmsghdr *nlh, const struct wm_wg_diff *diff)
{
	put(nlh, WGDEVICE_A_PRIVATE_KEY, sizeof(diff->private_key), &diff->private_key);
	put(nlh, WGDEVICE_A_LISTEN_PORT, sizeof(diff->listen_port), &diff->listen_port);
	put(nlh, WGDEVICE_A_FWMARK, sizeof(diff->fwmark), &diff->fwmark);
}

static int put_endpoint(struct nlmsghdr *nlh, const struct wm_endpoint *ep)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(ep->port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(ep->port) };

	memcpy(&in.sin_addr, ep->addr, 4);
	memcpy(&in6.sin6_addr, ep->addr, 16);
	if (ep->family == 4)
		return put(nlh, WGPEER_A_ENDPOINT, sizeof(in), &in);
	if (ep->family == 6)
		return put(nlh, WGPEER_A_ENDPOINT, sizeof(in6), &in6);
	return 1;
}

static int put_fields(struct nlmsghdr *nlh, const struct wm_wg_op *op)
{
	const struct wm_wg_peer *p = &op->peer;

	return (!(op->flags & WM_WG_OP_PSK) ||
		put(nlh, WGPEER_A_PRESHARED_KEY, sizeof(p->preshared_key), &p->preshared_key)) &&
	       (!(op->flags & WM_WG_OP_KEEPALIVE) ||
		put(nlh, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, sizeof(p->keepalive_s), &p->keepalive_s)) &&
	       (!(op->flags & WM_WG_OP_ENDPOINT) || put_endpoint(nlh, &p->endpoint));
}

static int put_allowed(struct nlmsghdr *nlh, struct wm_prefix prefix)
{
	const uint32_t addr = htonl(prefix.addr);
	const uint16_t family = AF_INET;
	struct nlattr *nest = mnl_attr_nest_start_check(nlh, WM_NL_REQUEST_MAX, 0);

	if (!nest)
		return 0;
	if (!put(nlh, WGALLOWEDIP_A_FAMILY, sizeof(family), &family) ||
	    !put(nlh, WGALLOWEDIP_A_IPADDR, sizeof(addr), &addr) ||
	    !put(nlh, WGALLOWEDIP_A_CIDR_MASK, sizeof(prefix.len), &prefix.len)) {
		mnl_attr_nest_cancel(nlh, nest);
		return 0;
	}
	mnl_attr_nest_end(nlh, nest);
	return 1;
}

static bool same_peer(const struct wm_wg_steps *steps, size_t i, const struct wm_key *peer)
{
	return i < steps->n && wm_key_equal(steps->step[i].peer, peer);
}

/* Allowed IPs of one peer from step *i on, as many as fit. */
static int put_alloweds(struct nlmsghdr *nlh, const struct wm_wg_steps *steps, size_t *i, const struct wm_key *peer)
{
	struct nlattr *nest = mnl_attr_nest_start_check(nlh, WM_NL_REQUEST_MAX, WGPEER_A_ALLOWEDIPS);
	int fits = 1;

	if (!nest)
		return 0;
	while (same_peer(steps, *i, peer) && steps->step[*i].kind == WM_WG_STEP_ALLOW) {
		fits = put_allowed(nlh, steps->step[*i].op->allowed);
		if (!fits)
			break;
		++*i;
	}
	mnl_attr_nest_end(nlh, nest);
	return fits;
}

/* A peer from step *i on; what does not fit goes on in the next message. */
static int put_peer(struct nlmsghdr *nlh, const struct wm_wg_steps *steps, size_t *i)
{
	const struct wm_wg_step *step = &steps->step[*i];
	uint32_t flags = step->create ? 0 : WGPEER_F_UPDATE_ONLY;
	size_t first = *i;
	int fits = 1;

	if (step->kind == WM_WG_STEP_REMOVE)
		flags |= WGPEER_F_REMOVE_ME;
	struct nlattr *nest = mnl_attr_nest_start_check(nlh, WM_NL_REQUEST_MAX, 0);
	if (!nest)
		return 0;
	if (!put(nlh, WGPEER_A_PUBLIC_KEY, sizeof(*step->peer), step->peer) ||
	    !put(nlh, WGPEER_A_FLAGS, sizeof(flags), &flags) ||
	    (step->kind == WM_WG_STEP_SET && !put_fields(nlh, step->op))) {
		mnl_attr_nest_cancel(nlh, nest);
		return 0;
	}
	if (step->kind != WM_WG_STEP_ALLOW)
		++*i;
	if (step->kind != WM_WG_STEP_REMOVE && same_peer(steps, *i, step->peer) &&
	    steps->step[*i].kind == WM_WG_STEP_ALLOW)
		fits = put_alloweds(nlh, steps, i, step->peer);
	if (*i == first)
		mnl_attr_nest_cancel(nlh, nest);
	else
		mnl_attr_nest_end(nlh, nest);
	return fits;
}

static int put_peers(struct nlmsghdr *nlh, const struct wm_wg_steps *steps, size_t *i)
{
	struct nlattr *nest = mnl_attr_nest_start_check(nlh, WM_NL_REQUEST_MAX, WGDEVICE_A_PEERS);
	int fits = 1;

	if (!nest)
		return 0;
	while (fits && *i < steps->n)
		fits = put_peer(nlh, steps, i);
	mnl_attr_nest_end(nlh, nest);
	return fits;
}

static int genl_write(const char *ifname, const struct wm_wg_steps *steps, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	uint16_t family;
	size_t i = 0;

	int rc = open_family(&nl, &family, err);
	if (rc < 0)
		return rc;
	do {
		struct nlmsghdr *nlh = begin(nl, family, WG_CMD_SET_DEVICE, ifname);

		if (i == 0 && steps->device)
			put_device(nlh, steps->device);
		if (i < steps->n)
			put_peers(nlh, steps, &i);
		rc = wm_nl_write(nl);
		if (rc < 0)
			return wm_fail(err, -rc, "cannot configure the WireGuard interface %s: %s", ifname,
				       wm_nl_why(nl, rc));
	} while (i < steps->n);
	return 0;
}

const struct wm_wg_way wm_wg_kernel = { .name = "kernel", .read = genl_read, .write = genl_write };
