/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the host of a container has: its addresses, its bridges, its routers and
 * who answers on its links; and a device in the container's network namespace.
 */
#include "kernel/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/link_fib.h"
#include "kernel/link_priv.h"

#define DISCARD_PORT 9
#define LOOKS 10 /* for an answer to ARP, */
#define LOOK_MS 100

/* --- networks ---------------------------------------------------------------------------- */

/* A default route; the best of each interface counts. */
struct route {
	uint32_t ifindex, metric;
	wm_ip4 gateway;
};

struct routes {
	struct route *item;
	size_t n, cap;
};

static int read_route(const struct nlmsghdr *nlh, void *arg)
{
	struct routes *all = arg;
	const struct nlattr *tb[RTA_TABLE + 1];

	if (!nlh) {
		all->n = 0;
		return 0;
	}
	if (!wm_route_is_default(nlh, tb, WM_ARRAY_LEN(tb)))
		return 0;
	if (!tb[RTA_GATEWAY] || wm_grow((void **)&all->item, &all->cap, all->n + 1, sizeof(*all->item)))
		return tb[RTA_GATEWAY] ? -ENOMEM : 0;
	all->item[all->n++] = (struct route){ wm_nl_u32(tb[RTA_OIF]), wm_nl_u32(tb[RTA_PRIORITY]), wm_nl_ip4(tb[RTA_GATEWAY]) };
	return 0;
}

static wm_ip4 gateway_by(const struct routes *all, uint32_t ifindex)
{
	const struct route *best = NULL;

	for (size_t i = 0; i < all->n; i++)
		if (all->item[i].ifindex == ifindex && (!best || all->item[i].metric < best->metric))
			best = &all->item[i];
	return best ? best->gateway : 0;
}

struct building {
	const struct wm_link_addrs *addrs;
	const struct routes *routes;
	struct wm_host_net net;
};

static int add_rows(struct building *b, const char *ifname, uint32_t ifindex, bool bridge)
{
	struct wm_host_lan lan = { .bridge = bridge };
	unsigned int before = b->net.n;

	if (wm_copy(lan.ifname, sizeof(lan.ifname), ifname))
		return 0;
	for (size_t i = 0; i < b->addrs->n && b->net.n < WM_HOST_LANS_MAX; i++) {
		const struct wm_link_addr *a = &b->addrs->item[i];

		if (a->ifindex != ifindex)
			continue;
		lan.addr = a->addr;
		lan.len = a->len;
		wm_ip4 gateway = gateway_by(b->routes, ifindex);
		lan.gateway = ((gateway ^ a->addr) & wm_prefix_mask(a->len)) ? 0 : gateway;
		b->net.lan[b->net.n++] = lan;
	}
	if (b->net.n == before && bridge && b->net.n < WM_HOST_LANS_MAX)
		b->net.lan[b->net.n++] = lan;
	return 0;
}

static int read_interface(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[IFLA_LINKINFO + 1], *info[IFLA_INFO_KIND + 1];
	struct building *b = arg;

	if (!nlh) {
		b->net.n = 0;
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return 0;
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	wm_nl_attrs(nlh, sizeof(*ifi), tb, WM_ARRAY_LEN(tb));
	wm_nl_nested(tb[IFLA_LINKINFO], info, WM_ARRAY_LEN(info));
	const char *kind = wm_nl_str(info[IFLA_INFO_KIND]);
	return add_rows(b, wm_nl_str(tb[IFLA_IFNAME]), (uint32_t)ifi->ifi_index,
			!strcmp(kind, "bridge") || !strcmp(kind, "openvswitch"));
}

int wm_host_net_read(struct wm_host_net *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	WM_AUTO_LINK_ADDRS struct wm_link_addrs addrs = { 0 };
	struct routes routes = { 0 };
	struct building b = { .addrs = &addrs, .routes = &routes };
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc)
		return rc;
	rc = wm_link_read_addrs(nl, 0, &addrs);
	if (!rc)
		rc = wm_routes_dump_main(nl, read_route, &routes);
	if (!rc) {
		wm_nl_begin(nl, RTM_GETLINK, 0, sizeof(struct ifinfomsg), NULL);
		rc = wm_nl_dump(nl, read_interface, &b);
	}
	free(routes.item);
	if (rc)
		return wm_fail(err, -rc, "cannot read the networks of this machine: %s", wm_nl_why(nl, rc));
	*ret = b.net;
	return 0;
}

/* --- who has an address -------------------------------------------------------------------- */

enum { UNKNOWN, ANSWERED, SILENT };

struct neighbour {
	wm_ip4 addr;
	uint32_t ifindex; /* where it is known of, if it is */
	int is;
};

#define FIXED (NUD_PERMANENT | NUD_NOARP) /* by hand, for good: nobody asks by ARP */

static int read_neighbour(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NDA_LLADDR + 1];
	struct neighbour *n = arg;

	if (!nlh) {
		n->is = UNKNOWN;
		n->ifindex = 0;
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ndmsg))
		return 0;
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	wm_nl_attrs(nlh, sizeof(*nd), tb, WM_ARRAY_LEN(tb));
	if (wm_nl_ip4(tb[NDA_DST]) != n->addr)
		return 0;
	if (!(nd->ndm_state & FIXED))
		n->ifindex = (uint32_t)nd->ndm_ifindex;
	if (nd->ndm_state & (NUD_REACHABLE | NUD_PERMANENT))
		n->is = ANSWERED;
	else if (nd->ndm_state & (NUD_FAILED | NUD_NOARP) && n->is != ANSWERED)
		n->is = SILENT;
	return 0;
}

static int read_neighbours(struct wm_nl *nl, struct neighbour *io, struct wm_error *err)
{
	struct ndmsg *nd;
	int rc;

	wm_nl_begin(nl, RTM_GETNEIGH, 0, sizeof(*nd), &nd);
	nd->ndm_family = AF_INET;
	rc = wm_nl_dump(nl, read_neighbour, io);
	return rc ? wm_fail(err, -rc, "cannot read who answers on this machine's links: %s", wm_nl_why(nl, rc)) : 0;
}

/* Who had it a while ago may have gone since: what is remembered of that is forgotten, so that the kernel asks anew. */
static int forget(struct wm_nl *nl, const struct neighbour *n, struct wm_error *err)
{
	struct nlmsghdr *nlh;
	struct ndmsg *nd;
	int rc;

	nlh = wm_nl_begin(nl, RTM_DELNEIGH, 0, sizeof(*nd), &nd);
	nd->ndm_family = AF_INET;
	nd->ndm_ifindex = (int)n->ifindex;
	mnl_attr_put_u32(nlh, NDA_DST, htonl(n->addr));
	rc = wm_nl_write(nl);
	return rc && rc != -ENOENT ? wm_fail(err, -rc, "cannot have it asked anew who answers on this machine's links: %s", wm_nl_why(nl, rc)) : 0;
}

/* Has the kernel ask by ARP. What is sent says nothing to anybody. */
static int provoke(wm_ip4 addr)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(DISCARD_PORT), .sin_addr.s_addr = htonl(addr) };
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_DONTROUTE, &on, sizeof(on)); /* never by a router */
	return sendto(fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

int wm_host_in_use(wm_ip4 addr, struct wm_error *err)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct neighbour n = { .addr = addr };
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (!rc)
		rc = read_neighbours(nl, &n, err);
	if (!rc && n.ifindex)
		rc = forget(nl, &n, err);
	if (rc)
		return rc;
	if (provoke(addr))
		return 0;
	n.is = UNKNOWN;
	for (int i = 0; i < LOOKS && n.is == UNKNOWN; i++) {
		nanosleep(&pause, NULL);
		rc = read_neighbours(nl, &n, err);
		if (rc)
			return rc;
	}
	return n.is == ANSWERED;
}

/* --- WireGuard -------------------------------------------------------------------------------- */

bool wm_host_has_wireguard(void)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	uint16_t family;

	return !wm_nl_open(NETLINK_GENERIC, &nl, NULL) && !wm_nl_family(nl, WG_GENL_NAME, &family);
}

/* --- a device elsewhere ---------------------------------------------------------------------- */

/* Made there in one go: so it has no name here, and nothing of it stays when the container ends. WireGuard sends and receives
 * in the namespace of whoever made the device. */
int wm_host_make_device(pid_t pid, const char *ifname, const char *kind, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct nlmsghdr *nlh;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc)
		return rc;
	nlh = wm_nl_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg), NULL);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, ifname);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_PID, (uint32_t)pid);
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(nlh, info);
	rc = wm_nl_write(nl);
	if (rc == -EEXIST)
		return 0;
	if (rc)
		return wm_fail(err, -rc, "cannot make the %s device %s in the container: %s", kind, ifname, wm_nl_why(nl, rc));
	return 1;
}
