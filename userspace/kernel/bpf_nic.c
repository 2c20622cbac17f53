/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether the shield may go onto a device, and how.
 */
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

/* As containers of systemd, Docker, Podman and LXC tell. */
bool wm_bpf_in_container(void)
{
	static const char *const marks[] = { "/run/systemd/container", "/.dockerenv", "/run/.containerenv" };
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *f;

	for (size_t i = 0; i < WM_ARRAY_LEN(marks); i++) {
		if (!access(marks[i], F_OK))
			return true;
	}
	f = fopen("/proc/1/environ", "re");
	while (f && !found && getdelim(&line, &size, '\0', f) > 0)
		found = !strncmp(line, "container=", strlen("container="));
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* --- may it go there? -------------------------------------------------------------------------- */

/* Their other side sends packets larger than a frame, until there is a native XDP program here. */
static bool is_paravirtual(const char *driver)
{
	static const char *const drivers[] = { "virtio_net", "vmxnet3", "hv_netvsc", "vif" };

	for (size_t i = 0; i < WM_ARRAY_LEN(drivers); i++) {
		if (!strcmp(driver, drivers[i]))
			return true;
	}
	return false;
}

/* "" when nothing speaks against the native shield where nobody has asked for it. */
static void why_not_unasked(bool container, const struct wm_nic *nic, char ret[WM_NO_SHIELD_SIZE])
{
	*ret = '\0';
	if (*nic->kind)
		snprintf(ret, WM_NO_SHIELD_SIZE, "not on a virtual device (%s), unless WM_XDP asks for it", nic->kind);
	else if (nic->port)
		snprintf(ret, WM_NO_SHIELD_SIZE, "not on a port of a bridge or bond, unless WM_XDP asks for it");
	else if (!nic->hardware)
		snprintf(ret, WM_NO_SHIELD_SIZE, "not on a device without hardware (%s), unless WM_XDP asks for it",
			 *nic->driver ? nic->driver : "unknown driver");
	else if (container)
		snprintf(ret, WM_NO_SHIELD_SIZE, "not in a container, unless WM_XDP asks for it");
	else if (is_paravirtual(nic->driver))
		snprintf(ret, WM_NO_SHIELD_SIZE, "not on %s, which would lose its large packets, unless WM_XDP asks for it",
			 nic->driver);
}

/* A tag that the card has taken off is not in the frame: those of a VLAN would pass for untagged ones. Where no VLAN device
 * is on it, the kernel drops them anyway. */
static void why_not_with_vlans(const struct wm_nic *nic, char ret[WM_NO_SHIELD_SIZE])
{
	if (nic->takes_tags && nic->vlans)
		snprintf(ret, WM_NO_SHIELD_SIZE, "VLAN devices are on it, whose tags XDP may not see: ethtool -K %s rxvlan off",
			 nic->name);
}

uint32_t wm_bpf_shield_mode(enum wm_xdp_choice choice, bool container, const struct wm_nic *nic,
			    char ret_why[WM_NO_SHIELD_SIZE])
{
	*ret_why = '\0';
	if (choice == WM_XDP_OFF)
		snprintf(ret_why, WM_NO_SHIELD_SIZE, "WM_XDP is off");
	else if (choice == WM_XDP_AUTO)
		why_not_unasked(container, nic, ret_why);
	if (!*ret_why)
		why_not_with_vlans(nic, ret_why);
	if (!*ret_why && !nic->ethernet)
		snprintf(ret_why, WM_NO_SHIELD_SIZE, "it is no Ethernet device");
	if (*ret_why)
		return 0;
	return choice == WM_XDP_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}
