/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/link_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wm_instance inst;
struct wm_plan plan;
struct wm_error err;

wm_ip4 ip(const char *text)
{
	wm_ip4 addr;

	assert_int_equal(wm_ip4_parse(text, &addr), 0);
	return addr;
}

struct wm_prefix prefix(const char *text)
{
	struct wm_prefix p;

	assert_int_equal(wm_prefix_parse(text, &p), 0);
	return p;
}

static void make_lan(unsigned int i, const char *addr, const char *subnet)
{
	struct wm_lan *lan = &plan.lans[i];

	snprintf(lan->ifname, sizeof(lan->ifname), "lan%u", i);
	lan->addr = ip(addr);
	lan->prefix = prefix(subnet);
	lan->ifindex = wm_link_index(lan->ifname, NULL);
}

int setup(void **state)
{
	(void)state;
	memset(&inst, 0, sizeof(inst));
	memset(&plan, 0, sizeof(plan));
	memset(&err, 0, sizeof(err));
	strcpy(inst.ifname, WG);
	strcpy(inst.name, "testing");
	strcpy(inst.env_file, "/etc/wm/testing/gateway.env");
	inst.fwmark = 0x574d0000;
	inst.rule_prio = 20000;
	must("ip link add lan0 type veth peer name far0");
	must("ip link add lan1 type veth peer name far1");
	must("ip addr add 192.168.1.1/24 dev lan0");
	must("ip addr add 192.168.2.1/24 dev lan1");
	must("ip link set lan0 up");
	must("ip link set far0 up");
	must("ip link set lan1 up");
	must("ip link set far1 up");
	plan.supernet = prefix("172.30.0.0/16");
	plan.subnet = prefix("172.30.2.0/24");
	plan.gateway = ip("172.30.2.1");
	plan.mtu = 1380;
	plan.nlans = 1;
	make_lan(0, "192.168.1.1", "192.168.1.0/24");
	make_lan(1, "192.168.2.1", "192.168.2.0/24");
	memset(plan.wg.private_key.byte, 0x42, WM_KEY_LEN);
	return 0;
}

int teardown(void **state)
{
	(void)state;
	works("ip link del " WG);
	must("ip link del lan0");
	must("ip link del lan1");
	while (works("ip rule del prio 20000") || works("ip rule del prio 20001") || works("ip rule del prio 19000"))
		;
	works("ip route del unreachable 172.30.0.0/16 metric 4278198272");
	return 0;
}

uint32_t prepare(void)
{
	uint32_t ifindex = 0;

	if (wm_link_prepare(&inst, &plan, &ifindex, &err) < 0)
		fail_msg("prepare: %s", err.text);
	return ifindex;
}

int up(uint32_t ifindex)
{
	int rc = wm_link_up(&inst, &plan, ifindex, &err);

	if (rc < 0)
		fail_msg("up: %s", err.text);
	return rc;
}

void remove_all(void)
{
	if (wm_link_remove(&inst, &plan.supernet, &err) < 0)
		fail_msg("remove: %s", err.text);
}

void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

void assert_state(void)
{
	assert_out("172.30.0.0/16 dev " WG " proto 87 scope link src 172.30.2.1 \n"
		   "unreachable 172.30.0.0/16 proto 87 metric 4278198272 \n",
		   "ip", "-4", "route", "show", "172.30.0.0/16");
	assert_out("20000:	from all fwmark 0x574d0000/0xffffff00 iif " WG " lookup main proto 87\n"
		   "20000:	from all to 172.30.0.0/16 fwmark 0x574d0000/0xffffff00 iif lan0 lookup main proto 87\n",
		   "ip", "rule", "show", "prio", "20000");
	assert_out("20001:	from all iif " WG " prohibit proto 87\n"
		   "20001:	from all to 172.30.0.0/16 iif lan0 prohibit proto 87\n",
		   "ip", "rule", "show", "prio", "20001");
	char *link = run_out(NULL, "ip", "-o", "link", "show", WG, NULL);
	assert_contains(link, "mtu 1380 ");
	assert_contains(link, ",UP");
	assert_contains(link, "alias wm:testing");
	free(link);
	char *addr = run_out(NULL, "ip", "-o", "-4", "addr", "show", WG, NULL);
	assert_contains(addr, "inet 172.30.2.1/24 scope global noprefixroute " WG);
	assert_ptr_equal(strchr(addr, '\n'), addr + strlen(addr) - 1);
	free(addr);
}
