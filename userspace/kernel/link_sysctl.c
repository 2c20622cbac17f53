/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel's switches that forwarding between the mesh and the LANs needs,
 * by table. Written only where they differ; never put back, because by then
 * others may rely on them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/link_priv.h"

enum where {
	ON_ALL = 1,  /* net.ipv4.conf.all */
	ON_WG = 2,
	ON_LAN = 4,
	MANY = 8,    /* only if there are several LANs */
	IPV6 = 16,   /* below net.ipv6; the kernel may have none */
};

enum rule { EXACTLY, AT_LEAST, LOOSE };

struct row {
	const char *leaf;
	enum rule rule;
	long want;
	unsigned int where;
};

/* ip_forward comes before these: changing it resets some of them. */
static const struct row table[] = {
	{ "forwarding", EXACTLY, 1, ON_WG | ON_LAN },
	/* The rule "iif wg prohibit" also meets the look-up by which the kernel
	 * validates the source of a packet on its way to wg. With the packet's mark
	 * in that look-up it finds the rule in front; without, every packet that
	 * passes the stack is lost as soon as rp_filter is on (1 or 2, any kernel). */
	{ "src_valid_mark", EXACTLY, 1, ON_WG | ON_LAN },
	{ "rp_filter", LOOSE, 2, ON_WG | ON_LAN },
	/* all OR device: a device's 0 counts only with all at 0, which changes
	 * nothing for devices that are at 1 themselves. */
	{ "send_redirects", EXACTLY, 0, ON_ALL | ON_WG | ON_LAN },
	{ "accept_redirects", EXACTLY, 0, ON_WG },
	{ "arp_ignore", AT_LEAST, 1, ON_LAN | MANY },
	/* A packet of the gateway's own to a host carries g: ARP must not ask in that name, which no host has a route to. */
	{ "arp_announce", AT_LEAST, 2, ON_LAN },
	/* The overlay is IPv4: no link-local chatter into the tunnels. */
	{ "disable_ipv6", EXACTLY, 1, ON_WG | IPV6 },
};

static int read_number(const char *path, long *ret)
{
	char text[32] = "";
	WM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	*ret = strtol(text, NULL, 10);
	return 0;
}

static int write_number(const char *path, long value)
{
	char text[32];
	WM_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	wm_format(text, sizeof(text), "%ld\n", value);
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int conf_path(char *path, size_t size, const struct row *row, const char *dev)
{
	return wm_format(path, size, "/proc/sys/net/%s/conf/%s/%s", row->where & IPV6 ? "ipv6" : "ipv4", dev, row->leaf);
}

/* The kernel takes the stricter of "all" and the device. */
static int is_strict(const struct row *row, long have, bool *ret)
{
	char path[128];
	long all;

	conf_path(path, sizeof(path), row, "all");
	int rc = read_number(path, &all);
	if (rc < 0)
		return rc;
	*ret = WM_MAX(all, have) == 1;
	return 0;
}

static int differs(const struct row *row, long have, bool *ret)
{
	switch (row->rule) {
	case EXACTLY:
		*ret = have != row->want;
		return 0;
	case AT_LEAST:
		*ret = have < row->want;
		return 0;
	case LOOSE:
		return is_strict(row, have, ret);
	}
	return -EINVAL;
}

static int set(struct wm_link_up *up, const char *path, long value, struct wm_error *err)
{
	int rc = write_number(path, value);

	if (rc < 0)
		return wm_fail(err, -rc,
			       "cannot set %s to %ld: %s; in a container, set it on the machine that carries it", path,
			       value, strerror(-rc));
	up->changes++;
	return 0;
}

static int apply_row(struct wm_link_up *up, const struct row *row, const char *dev, struct wm_error *err)
{
	char path[128];
	bool change = false;
	long have;

	int rc = conf_path(path, sizeof(path), row, dev);
	if (rc == 0)
		rc = read_number(path, &have);
	if (rc == -ENOENT && row->where & IPV6)
		return 0;
	if (rc == 0)
		rc = differs(row, have, &change);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot read %s: %s", path, strerror(-rc));
	return change ? set(up, path, row->want, err) : 0;
}

/* Of the whole machine. */
static int set_global(struct wm_link_up *up, const char *leaf, struct wm_error *err)
{
	char path[128];
	long have;

	wm_format(path, sizeof(path), "/proc/sys/net/ipv4/%s", leaf);
	int rc = read_number(path, &have);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot read %s: %s", path, strerror(-rc));
	return have == 1 ? 0 : set(up, path, 1, err);
}

/* The stack's own errors and resets carry the mark of what they answer, and so find its LAN among those that look
 * the same. */
static int set_reflect(struct wm_link_up *up, struct wm_error *err)
{
	for (unsigned int i = 0; i < up->plan->nlans; i++)
		if (wm_link_twin_table(up->inst, up->plan, i))
			return set_global(up, "fwmark_reflect", err);
	return 0;
}

int wm_link_sysctls(struct wm_link_up *up, struct wm_error *err)
{
	int rc = set_global(up, "ip_forward", err);

	if (rc == 0)
		rc = set_reflect(up, err);
	for (size_t i = 0; i < WM_ARRAY_LEN(table) && rc == 0; i++) {
		const struct row *row = &table[i];

		if (row->where & MANY && up->plan->nlans < 2)
			continue;
		if (row->where & ON_ALL)
			rc = apply_row(up, row, "all", err);
		if (row->where & ON_WG && rc == 0)
			rc = apply_row(up, row, up->inst->ifname, err);
		for (unsigned int l = 0; row->where & ON_LAN && l < up->plan->nlans && rc == 0; l++)
			rc = apply_row(up, row, up->plan->lans[l].ifname, err);
	}
	return rc;
}
