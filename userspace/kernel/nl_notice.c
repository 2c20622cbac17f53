/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A router next door that learns a hundred thousand routes must not cost more
 * than reading them: what concerns us is told from what does not by looking at
 * each message, without asking the kernel anything.
 */
#include "kernel/nl_notice.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/link_priv.h"
#include "kernel/nl.h"

#define BUFFER_SIZE 65536
#define QUEUE_SIZE (1 << 20) /* bytes that the kernel keeps for us; beyond that it says that some were lost */
#define READS_MAX 256        /* at a time: whoever floods us must not keep us from the rest */
#define FILE_EVENTS (IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR)

/* As many as wm_notice.dir has. */
#define FILES(inst) { (inst)->hosts_file, (inst)->servers_file, (inst)->dnsmasq_conf, (inst)->dnsmasq_pid }

static const int route_groups[] = {
	RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV4_NETCONF, RTNLGRP_TC,
};

/* --- what concerns us ---------------------------------------------------------------------- */

static bool is_ours(const struct wm_notice *n, uint32_t ifindex)
{
	for (unsigned int i = 0; ifindex && i < n->nifindex; i++)
		if (n->ifindex[i] == ifindex)
			return true;
	return false;
}

static bool is_named(const struct wm_notice *n, const char *ifname)
{
	for (unsigned int i = 0; i < n->nifname; i++)
		if (!strcmp(n->ifname[i], ifname))
			return true;
	return false;
}

static bool link_matters(const struct wm_notice *n, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_IFNAME + 1];

	if (ifi->ifi_family == AF_BRIDGE) /* its ports, which are nobody's business here */
		return false;
	wm_nl_attrs(nlh, sizeof(*ifi), tb, WM_ARRAY_LEN(tb));
	return is_ours(n, (uint32_t)ifi->ifi_index) || is_named(n, wm_nl_str(tb[IFLA_IFNAME]));
}

/* Ours are known by their protocol; others may be in their way, or lead where the LAN is looked for. */
static bool route_matters(const struct wm_notice *n, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_OIF + 1];
	struct wm_prefix dst;
	uint32_t oif;

	wm_nl_attrs(nlh, sizeof(*rtm), tb, WM_ARRAY_LEN(tb));
	dst = (struct wm_prefix){ wm_nl_ip4(tb[RTA_DST]), rtm->rtm_dst_len };
	oif = wm_nl_u32(tb[RTA_OIF]);
	return rtm->rtm_protocol == WM_ROUTE_PROTOCOL || wm_prefix_overlaps(dst, n->supernet) || (oif && oif == n->ifindex[0]);
}

static bool netconf_matters(const struct wm_notice *n, const struct nlmsghdr *nlh)
{
	const struct netconfmsg *nc = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[NETCONFA_IFINDEX + 1];
	int ifindex;

	wm_nl_attrs(nlh, sizeof(*nc), tb, WM_ARRAY_LEN(tb));
	ifindex = (int)wm_nl_u32(tb[NETCONFA_IFINDEX]);
	return ifindex < 0 || is_ours(n, (uint32_t)ifindex); /* below 0: all of them */
}

/* By message type: how long the family's own header is, and whether it concerns us (NULL: always). */
static const struct kind {
	uint16_t first, last;
	size_t header;
	bool (*matters)(const struct wm_notice *n, const struct nlmsghdr *nlh);
} kinds[] = {
	{ RTM_NEWLINK, RTM_DELLINK, sizeof(struct ifinfomsg), link_matters },
	{ RTM_NEWADDR, RTM_DELADDR, sizeof(struct ifaddrmsg), NULL },
	{ RTM_NEWROUTE, RTM_DELROUTE, sizeof(struct rtmsg), route_matters },
	{ RTM_NEWRULE, RTM_DELRULE, sizeof(struct rtmsg), NULL },
	{ RTM_NEWNETCONF, RTM_DELNETCONF, sizeof(struct netconfmsg), netconf_matters },
};

static bool tc_matters(const struct wm_notice *n, const struct nlmsghdr *nlh)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

	return mnl_nlmsg_get_payload_len(nlh) >= sizeof(*tc) && is_ours(n, (uint32_t)tc->tcm_ifindex);
}

static bool rtnetlink_matters(const struct wm_notice *n, const struct nlmsghdr *nlh)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];

		if (nlh->nlmsg_type < k->first || nlh->nlmsg_type > k->last || mnl_nlmsg_get_payload_len(nlh) < k->header)
			continue;
		return n->all || !k->matters || k->matters(n, nlh);
	}
	return tc_matters(n, nlh); /* what else there is in these groups: qdiscs, filters, chains */
}

/* In all messages about nftables but the last of a transaction, the first attribute is the table's name. */
static bool nft_matters(const struct wm_notice *n, const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[NFTA_TABLE_NAME + 1];

	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_NEWGEN || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
		return false;
	wm_nl_attrs(nlh, sizeof(struct nfgenmsg), tb, WM_ARRAY_LEN(tb));
	return !strncmp(wm_nl_str(tb[NFTA_TABLE_NAME]), n->inst->nft_table, strlen(n->inst->nft_table));
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool read_netlink(const struct wm_notice *n, int fd, bool (*matters)(const struct wm_notice *, const struct nlmsghdr *))
{
	static _Alignas(struct nlmsghdr) char buf[BUFFER_SIZE];
	bool found = false;

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		int left = (int)len;

		if (len < 0 && errno == ENOBUFS)
			found = true; /* some were lost */
		else if (len <= 0)
			break;
		for (const struct nlmsghdr *nlh = (void *)buf; len > 0 && !found && mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left))
			found = matters(n, nlh);
	}
	return found;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool read_files(struct wm_notice *n)
{
	static _Alignas(struct inotify_event) char buf[BUFFER_SIZE];
	const char *const files[] = FILES(n->inst);
	bool found = false;
	ssize_t len;

	for (int i = 0; i < READS_MAX && (len = read(n->fd[WM_NOTICE_FILES], buf, sizeof(buf))) > 0; i++) {
		for (char *p = buf; p < buf + len; p += sizeof(struct inotify_event) + ((struct inotify_event *)p)->len) {
			const struct inotify_event *ev = (void *)p;

			for (size_t f = 0; f < WM_ARRAY_LEN(files); f++) {
				found |= ev->len && n->dir[f] == ev->wd && !strcmp(ev->name, base_of(files[f]));
				if (ev->mask & IN_IGNORED && n->dir[f] == ev->wd)
					n->dir[f] = -1; /* the directory has gone */
			}
			found |= (ev->mask & (IN_Q_OVERFLOW | IN_IGNORED)) != 0;
		}
	}
	return found;
}

bool wm_notice_read(struct wm_notice *n)
{
	bool found = false;

	if (n->fd[WM_NOTICE_ROUTE] >= 0)
		found |= read_netlink(n, n->fd[WM_NOTICE_ROUTE], rtnetlink_matters);
	if (n->fd[WM_NOTICE_NFT] >= 0)
		found |= read_netlink(n, n->fd[WM_NOTICE_NFT], nft_matters);
	if (n->fd[WM_NOTICE_FILES] >= 0)
		found |= read_files(n);
	return found;
}

/* --- watching ------------------------------------------------------------------------------------ */

static int listen_to(int bus)
{
	const int size = QUEUE_SIZE;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus);
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	/* More than others may have; without the right to it, what they have does. */
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

int wm_notice_open(struct wm_notice *ret, const struct wm_instance *inst, struct wm_error *err)
{
	int missing = 0, code = 0;

	*ret = (struct wm_notice){ .inst = inst, .all = true, .dir = { -1, -1, -1, -1 } };
	ret->fd[WM_NOTICE_ROUTE] = listen_to(NETLINK_ROUTE);
	for (size_t i = 0; ret->fd[WM_NOTICE_ROUTE] >= 0 && i < WM_ARRAY_LEN(route_groups); i++)
		setsockopt(ret->fd[WM_NOTICE_ROUTE], SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &route_groups[i], sizeof(int));
	ret->fd[WM_NOTICE_NFT] = listen_to(NETLINK_NETFILTER);
	ret->fd[WM_NOTICE_FILES] = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (int i = 0; i < WM_NOTICE_SOURCES; i++) {
		missing += ret->fd[i] < 0;
		code = ret->fd[i] < 0 ? errno : code;
	}
	return missing == WM_NOTICE_SOURCES ? wm_fail(err, code, "the kernel gives no notices of changes: %s; they are looked for from time to time",
						      strerror(code)) : 0;
}

void wm_notice_close(struct wm_notice *n)
{
	for (int i = 0; i < WM_NOTICE_SOURCES; i++) {
		if (n->fd[i] >= 0)
			close(n->fd[i]);
		n->fd[i] = -1;
	}
}

static void add_name(struct wm_notice *n, const char *ifname)
{
	if (*ifname && n->nifname < WM_ARRAY_LEN(n->ifname))
		strcpy(n->ifname[n->nifname++], ifname);
}

/* Directories, because files are replaced; one that is not there yet is tried again. The same watch may stand for several. */
static void watch_files(struct wm_notice *n)
{
	const char *const files[] = FILES(n->inst);
	char dir[WM_PATH_SIZE];

	for (size_t i = 0; i < WM_ARRAY_LEN(files) && n->fd[WM_NOTICE_FILES] >= 0; i++) {
		size_t len = (size_t)(base_of(files[i]) - files[i]);

		if (n->dir[i] >= 0 || !len)
			continue;
		memcpy(dir, files[i], len);
		dir[len] = '\0';
		n->dir[i] = inotify_add_watch(n->fd[WM_NOTICE_FILES], dir, FILE_EVENTS);
	}
}

void wm_notice_watch(struct wm_notice *n, const struct wm_plan *plan, uint32_t wg_ifindex, bool nft)
{
	const int group = NFNLGRP_NFTABLES;

	watch_files(n);
	n->all = !plan;
	n->nifname = n->nifindex = 0;
	add_name(n, n->inst->ifname);
	for (unsigned int i = 0; i < n->inst->nlans; i++)
		add_name(n, n->inst->lans[i].ifname);
	if (!plan)
		return;
	n->supernet = plan->supernet;
	n->ifindex[n->nifindex++] = wg_ifindex;
	for (unsigned int i = 0; i < plan->nlans; i++) {
		add_name(n, plan->lans[i].ifname);
		n->ifindex[n->nifindex++] = plan->lans[i].ifindex;
	}
	/* Who listens makes the kernel write a message for each element, also of our own ten thousand. */
	if (nft != n->nft && n->fd[WM_NOTICE_NFT] >= 0)
		setsockopt(n->fd[WM_NOTICE_NFT], SOL_NETLINK, nft ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group,
			   sizeof(group));
	n->nft = nft;
}
