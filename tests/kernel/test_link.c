/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The wg device, its address, routes, rules and sysctls, on this machine's own
 * WireGuard (the kernel's, or wireguard-go where the kernel has none).
 *
 *   lan0 192.168.1.1/24  veth  far0      lan1 192.168.2.1/24  veth  far1
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/link.h"
#include "kernel/netns.h"
#include "kernel/wg.h"

#define WG "wgtest"

static struct wm_instance inst;
static struct wm_plan plan;
static struct wm_error err;

static wm_ip4 ip(const char *text)
{
	wm_ip4 addr;

	assert_int_equal(wm_ip4_parse(text, &addr), 0);
	return addr;
}

static struct wm_prefix prefix(const char *text)
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

static int setup(void **state)
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

static int teardown(void **state)
{
	(void)state;
	works("ip link del " WG);
	must("ip link del lan0");
	must("ip link del lan1");
	while (works("ip rule del prio 20000") || works("ip rule del prio 20001"))
		;
	works("ip route del unreachable 172.30.0.0/16 metric 4278198272");
	return 0;
}

static uint32_t prepare(void)
{
	uint32_t ifindex = 0;

	if (wm_link_prepare(&inst, &plan, &ifindex, &err) < 0)
		fail_msg("prepare: %s", err.text);
	return ifindex;
}

static int up(uint32_t ifindex)
{
	int rc = wm_link_up(&inst, &plan, ifindex, &err);

	if (rc < 0)
		fail_msg("up: %s", err.text);
	return rc;
}

static void remove_all(void)
{
	if (wm_link_remove(&inst, &plan.supernet, &err) < 0)
		fail_msg("remove: %s", err.text);
}

#define assert_out(expect, ...)                              \
	do {                                                  \
		char *out_ = run_out(NULL, __VA_ARGS__, NULL); \
		assert_string_equal(out_, expect);            \
		free(out_);                                   \
	} while (0)

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

static long sysctl(const char *path)
{
	char full[128], text[32] = "";

	snprintf(full, sizeof(full), "/proc/sys/net/%s", path);
	FILE *f = fopen(full, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	return strtol(text, NULL, 10);
}

static void set_sysctl(const char *path, const char *value)
{
	char full[128];

	snprintf(full, sizeof(full), "/proc/sys/net/%s", path);
	FILE *f = fopen(full, "we");
	assert_non_null(f);
	fputs(value, f);
	assert_int_equal(fclose(f), 0);
}

/* What docs/architecture.md promises, told by ip(8). */
static void assert_state(void)
{
	assert_out("172.30.0.0/16 dev " WG " proto 87 scope link src 172.30.2.1 \n"
		   "unreachable 172.30.0.0/16 proto 87 metric 4278198272 \n",
		   "ip", "-4", "route", "show", "172.30.0.0/16");
	assert_out("20000:	from all fwmark 0x574d0000/0xffff0000 iif " WG " lookup main proto 87\n", "ip", "rule",
		   "show", "prio", "20000");
	assert_out("20001:	from all iif " WG " prohibit proto 87\n", "ip", "rule", "show", "prio", "20001");
	char *link = run_out(NULL, "ip", "-o", "link", "show", WG, NULL);
	assert_contains(link, "mtu 1380 ");
	assert_contains(link, ",UP");
	assert_contains(link, "alias wm:testing");
	free(link);
	char *addr = run_out(NULL, "ip", "-o", "-4", "addr", "show", WG, NULL);
	assert_contains(addr, "inet 172.30.2.1/32 scope global " WG);
	assert_ptr_equal(strchr(addr, '\n'), addr + strlen(addr) - 1);
	free(addr);
}

/* --- making it ----------------------------------------------------------------- */

static void prepare_makes_it_once_and_down(void **state)
{
	uint32_t ifindex = 0, again = 0;
	bool is_up = true;

	(void)state;
	assert_int_equal(wm_link_index(WG, NULL), 0);
	assert_null(wm_wg_implementation(WG));
	assert_true(wm_link_prepare(&inst, &plan, &ifindex, &err) > 0);
	assert_int_equal(wm_link_index(WG, &is_up), ifindex);
	assert_false(is_up);
	assert_non_null(wm_wg_implementation(WG));
	printf("# WireGuard here: %s\n", wm_wg_implementation(WG));
	int watch = watch_open();
	assert_int_equal(wm_link_prepare(&inst, &plan, &again, &err), 0);
	assert_int_equal(again, ifindex);
	assert_int_equal(watch_count(watch), 0);
	close(watch);
}

static void it_outlives_its_maker(void **state)
{
	struct wm_wg_device dev = { 0 };
	int fd[2];
	char made;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		uint32_t ifindex;

		setpgid(0, 0);
		if (wm_link_prepare(&inst, &plan, &ifindex, &err) > 0)
			(void)!write(fd[1], "y", 1);
		pause();
		_exit(0);
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], &made, 1), 1);
	close(fd[0]);
	kill(-pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(wm_wg_read(WG, &dev, &err), 0);
	wm_wg_device_free(&dev);
	assert_int_equal(wm_link_prepare(&inst, &plan, &(uint32_t){ 0 }, &err), 0);
}

static void no_file_or_variable_of_ours_goes_along(void **state)
{
	char path[64], target[128];
	int fd;

	(void)state;
	setenv("WM_TEST_SECRET", "do-not-inherit", 1);
	fd = open("/dev/zero", O_RDONLY);
	assert_int_equal(dup2(fd, 40), 40);
	prepare();
	close(40);
	close(fd);
	char *pids = run_out(NULL, "pgrep", "-x", "wireguard-go", NULL);
	for (char *rest = pids, *pid; (pid = strtok_r(rest, "\n", &rest));) {
		for (int i = 0; i < 64; i++) {
			snprintf(path, sizeof(path), "/proc/%s/fd/%d", pid, i);
			ssize_t n = readlink(path, target, sizeof(target) - 1);
			if (n < 0)
				continue;
			target[n] = '\0';
			assert_string_not_equal(target, "/dev/zero");
			if (i <= 2)
				assert_string_equal(target, "/dev/null");
		}
		snprintf(path, sizeof(path), "/proc/%s/environ", pid);
		char *env = run_out(NULL, "cat", path, NULL);
		assert_null(strstr(env, "do-not-inherit"));
		free(env);
	}
	free(pids);
	unsetenv("WM_TEST_SECRET");
}

static void it_comes_back_when_it_was_lost(void **state)
{
	(void)state;
	up(prepare());
	char *pids = run_out(NULL, "pgrep", "-x", "wireguard-go", NULL);
	if (*pids) { /* a crash: the device goes, its socket file stays */
		assert_int_equal(kill((pid_t)atoi(pids), SIGKILL), 0);
		for (int i = 0; wm_link_index(WG, NULL) && i < 500; i++)
			usleep(10000);
	} else {
		must("ip link del " WG);
	}
	free(pids);
	assert_int_equal(wm_link_index(WG, NULL), 0);
	assert_out("unreachable 172.30.0.0/16 proto 87 metric 4278198272 \n", "ip", "-4", "route", "show",
		   "172.30.0.0/16");
	assert_true(up(prepare()) > 0);
	assert_state();
}

static void without_wireguard_it_says_what_to_do(void **state)
{
	const char *path = getenv("PATH");
	uint32_t ifindex = 0;

	(void)state;
	prepare();
	bool kernel = strcmp(wm_wg_implementation(WG), "kernel") == 0;
	must("ip link del " WG);
	must("mount --bind /dev/null /dev/net/tun");
	int rc = wm_link_prepare(&inst, &plan, &ifindex, &err);
	must("umount /dev/net/tun");
	assert_int_equal(rc, kernel ? 1 : -EIO);
	if (!kernel)
		assert_contains(err.text, "Failed to create TUN device");
	works("ip link del " WG);
	char *keep = strdup(path);
	setenv("PATH", "/nowhere:relative", 1);
	rc = wm_link_prepare(&inst, &plan, &ifindex, &err);
	setenv("PATH", keep, 1);
	free(keep);
	assert_int_equal(rc, kernel ? 1 : -ENOENT);
	if (!kernel)
		assert_contains(err.text, "install wireguard-go");
	assert_int_equal(wm_link_index(WG, NULL) != 0, kernel);
}

static void a_wireguard_go_elsewhere_with_our_name_is_told(void **state)
{
	uint32_t ifindex = 0;

	(void)state;
	prepare();
	bool kernel = strcmp(wm_wg_implementation(WG), "kernel") == 0;
	must("ip link del " WG);
	assert_true(works("unshare -n wireguard-go " WG));
	int rc = wm_link_prepare(&inst, &plan, &ifindex, &err);
	char *pid = run_out(NULL, "pgrep", "-n", "-x", "wireguard-go", NULL);
	assert_int_equal(kill((pid_t)atoi(pid), SIGKILL), 0);
	free(pid);
	assert_int_equal(rc, kernel ? 1 : -EADDRINUSE);
	if (!kernel)
		assert_contains(err.text, "namespace");
}

static void a_name_that_is_taken_is_refused(void **state)
{
	uint32_t ifindex = 0;

	(void)state;
	must("ip link add " WG " type veth peer name other");
	char *before = snapshot();
	assert_int_equal(wm_link_prepare(&inst, &plan, &ifindex, &err), -EEXIST);
	assert_contains(err.text, WG);
	assert_contains(err.text, "veth");
	assert_contains(err.text, "WM_INTERFACE");
	remove_all();
	char *after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
	must("ip link del " WG);
	must("ip tuntap add dev " WG " mode tun");
	assert_int_equal(wm_link_prepare(&inst, &plan, &ifindex, &err), -EEXIST);
	assert_contains(err.text, "TUN");
}

static void the_vpn_of_somebody_else_is_refused(void **state)
{
	struct wm_wg_device have = { 0 }, want = { 0 };
	struct wm_wg_diff diff;
	uint32_t ifindex = 0;

	(void)state;
	prepare();
	memset(want.private_key.byte, 0x18, WM_KEY_LEN);
	assert_int_equal(wm_wg_read(WG, &have, &err), 0);
	assert_int_equal(wm_wg_diff(&have, &want, NULL, 0, 0, &diff), 0);
	assert_int_equal(wm_wg_write(WG, &diff, &err), 0);
	wm_wg_diff_free(&diff);
	wm_wg_device_free(&have);
	must("ip link set " WG " alias their-vpn");
	assert_int_equal(wm_link_prepare(&inst, &plan, &ifindex, &err), -EEXIST);
	assert_contains(err.text, "not ours");
	remove_all();
	assert_int_not_equal(wm_link_index(WG, NULL), 0);
	must("ip link set " WG " alias wm:other");
	assert_int_equal(wm_link_prepare(&inst, &plan, &ifindex, &err), -EEXIST);
	assert_contains(err.text, "\"other\"");
	/* Ours again by its key: the mark was lost, say by a crash between two calls. */
	must("ip link set " WG " alias none");
	memset(plan.wg.private_key.byte, 0x18, WM_KEY_LEN);
	assert_int_equal(wm_wg_read(WG, &have, &err), 0);
	plan.wg.private_key = have.private_key; /* as the implementation has clamped it */
	wm_wg_device_free(&have);
	assert_int_equal(wm_link_prepare(&inst, &plan, &ifindex, &err), 1);
	assert_int_equal(wm_link_prepare(&inst, &plan, &ifindex, &err), 0);
}

/* --- bringing it up ---------------------------------------------------------------- */

static void up_is_as_documented_and_free_the_second_time(void **state)
{
	(void)state;
	uint32_t ifindex = prepare();
	assert_true(up(ifindex) > 0);
	assert_state();
	char *before = snapshot();
	int watch = watch_open();
	assert_int_equal(up(ifindex), 0);
	assert_int_equal(watch_count(watch), 0);
	close(watch);
	char *after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void sysctls_let_packets_through_the_stack(void **state)
{
	(void)state;
	set_sysctl("ipv4/ip_forward", "0");
	set_sysctl("ipv4/conf/all/rp_filter", "0");
	set_sysctl("ipv4/conf/lan0/rp_filter", "1");
	set_sysctl("ipv4/conf/lan1/rp_filter", "1");
	up(prepare());
	assert_int_equal(sysctl("ipv4/ip_forward"), 1);
	assert_int_equal(sysctl("ipv4/conf/lan0/rp_filter"), 2);
	assert_int_equal(sysctl("ipv4/conf/lan1/rp_filter"), 1); /* not a LAN of the plan */
	assert_int_equal(sysctl("ipv4/conf/all/send_redirects"), 0);
	assert_int_equal(sysctl("ipv4/conf/lan0/send_redirects"), 0);
	assert_int_equal(sysctl("ipv4/conf/lan1/send_redirects"), 1);
	assert_int_equal(sysctl("ipv4/conf/" WG "/send_redirects"), 0);
	assert_int_equal(sysctl("ipv4/conf/" WG "/accept_redirects"), 0);
	assert_int_equal(sysctl("ipv4/conf/lan0/arp_ignore"), 0); /* one LAN only */

	/* Route look-ups of the kernel itself, source validation included: a LAN
	 * host's packet with our mark goes to wg, one from wg with our mark to the
	 * LAN, relayed ones back to wg; without the mark nothing is forwarded from wg. */
	set_sysctl("ipv4/conf/" WG "/rp_filter", "2");
	assert_true(works("ip route get 172.30.3.9 from 192.168.1.10 iif lan0 mark 0x574d0001"));
	assert_true(works("ip route get 192.168.1.10 from 172.30.3.9 iif " WG " mark 0x574d0001"));
	assert_true(works("ip route get 172.30.4.9 from 172.30.3.9 iif " WG " mark 0x574d0000"));
	assert_true(works("ip route get 172.30.2.1 from 172.30.3.9 iif " WG));
	assert_false(works("ip route get 192.168.1.10 from 172.30.3.9 iif " WG));
	assert_false(works("ip route get 172.30.4.9 from 172.30.3.9 iif " WG " mark 0x10000"));
}

static void two_lans_answer_only_for_themselves(void **state)
{
	(void)state;
	plan.nlans = 2;
	up(prepare());
	assert_int_equal(sysctl("ipv4/conf/lan0/arp_ignore"), 1);
	assert_int_equal(sysctl("ipv4/conf/lan1/arp_ignore"), 1);
	assert_int_equal(sysctl("ipv4/conf/lan1/arp_announce"), 2);
	assert_int_equal(up(wm_link_index(WG, NULL)), 0);
}

static void what_was_removed_by_hand_is_repaired(void **state)
{
	static const char *const damage[] = {
		"ip route del 172.30.0.0/16 dev " WG,
		"ip route del unreachable 172.30.0.0/16 metric 4278198272",
		"ip rule del prio 20000",
		"ip rule del prio 20001",
		"ip addr del 172.30.2.1/32 dev " WG,
		"ip link set " WG " down",
		"ip link set " WG " mtu 1300",
		"ip addr add 10.5.5.5/24 dev " WG,
		"ip route add 10.6.0.0/16 dev " WG,
		"ip route replace 172.30.0.0/16 dev " WG " proto 87 scope link",
		"ip rule add prio 20000 iif " WG " lookup main proto 87",
	};

	(void)state;
	uint32_t ifindex = prepare();
	up(ifindex);
	char *good = snapshot();
	for (size_t i = 0; i < WM_ARRAY_LEN(damage); i++) {
		must(damage[i]);
		if (up(ifindex) == 0)
			fail_msg("nothing was done after: %s", damage[i]);
		char *now = snapshot();
		if (strcmp(good, now) != 0)
			fail_msg("not healed after: %s\n%s", damage[i], now);
		free(now);
		assert_int_equal(up(ifindex), 0);
	}
	free(good);
}

static void a_moved_mesh_leaves_nothing_behind(void **state)
{
	(void)state;
	uint32_t ifindex = prepare();
	up(ifindex);
	plan.gateway = ip("172.30.9.1");
	assert_true(up(ifindex) > 0);
	assert_out("172.30.0.0/16 dev " WG " proto 87 scope link src 172.30.9.1 \n"
		   "unreachable 172.30.0.0/16 proto 87 metric 4278198272 \n",
		   "ip", "-4", "route", "show", "172.30.0.0/16");
	plan.supernet = prefix("10.44.0.0/16");
	plan.gateway = ip("10.44.1.1");
	assert_true(up(ifindex) > 0);
	assert_out("", "ip", "-4", "route", "show", "172.30.0.0/16");
	assert_out("10.44.0.0/16 dev " WG " proto 87 scope link src 10.44.1.1 \n"
		   "unreachable 10.44.0.0/16 proto 87 metric 4278198272 \n",
		   "ip", "-4", "route", "show", "10.44.0.0/16");
	assert_int_equal(up(ifindex), 0);
	remove_all();
	assert_out("", "ip", "-4", "route", "show", "proto", "87");
}

static void foreign_objects_stay_as_they_are(void **state)
{
	(void)state;
	must("ip addr add 192.168.1.77/24 dev lan0");
	must("ip route add 10.99.0.0/16 via 192.168.1.9 proto static");
	must("ip route add 10.98.0.0/16 dev lan1 proto 87");
	must("ip route add unreachable 10.97.0.0/16 metric 4278198272 proto 87");
	must("ip route add unreachable 10.96.0.0/16 metric 4278198272");
	must("ip rule add prio 5000 to 10.95.0.0/16 lookup 77");
	must("ip rule add prio 20000 from 10.94.0.0/16 lookup 78");
	must("ip rule add prio 19990 iif wg-other prohibit proto 87");
	char *before = snapshot();
	uint32_t ifindex = prepare();
	up(ifindex);
	assert_int_equal(up(ifindex), 0);
	char *during = snapshot(), *lines = strdup(before);
	for (char *line, *rest = lines; (line = strtok_r(rest, "\n", &rest));)
		if (!strstr(during, line))
			fail_msg("gone or changed: %s", line);
	free(during);
	free(lines);
	remove_all();
	char *after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
	must("ip rule del prio 5000");
	must("ip rule del prio 19990");
	must("ip route del unreachable 10.97.0.0/16 metric 4278198272");
	must("ip route del unreachable 10.96.0.0/16 metric 4278198272");
}

static void remove_is_complete_and_may_be_repeated(void **state)
{
	(void)state;
	remove_all();
	char *before = snapshot();
	up(prepare());
	remove_all();
	char *after = snapshot();
	assert_string_equal(before, after);
	remove_all();
	free(after);
	after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
	/* At once again: what is left of the old one must not get in the way. */
	up(prepare());
	assert_state();
}

static void a_route_in_the_way_is_an_error(void **state)
{
	(void)state;
	must("ip route add 172.30.0.0/16 via 192.168.1.9");
	uint32_t ifindex = prepare();
	assert_int_equal(wm_link_up(&inst, &plan, ifindex, &err), -EEXIST);
	assert_contains(err.text, "172.30.0.0/16");
	assert_contains(err.text, "supernet");
	must("ip route del 172.30.0.0/16 via 192.168.1.9");
	up(ifindex);
	assert_state();
}

static void overlapping_meshes_are_refused(void **state)
{
	(void)state;
	must("ip route add 172.16.0.0/12 dev lan1 proto 87");
	uint32_t ifindex = prepare();
	char *before = snapshot();
	assert_int_equal(wm_link_up(&inst, &plan, ifindex, &err), -EADDRINUSE);
	assert_contains(err.text, "172.16.0.0/12");
	char *after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* --- finding the LANs ------------------------------------------------------------- */

static void wish(const char *ifname, const char *addr)
{
	struct wm_lan_wish *w = &inst.lans[inst.nlans++];

	strcpy(w->ifname, ifname);
	w->addr = *addr ? ip(addr) : 0;
}

static void lans_are_found_by_address_or_name(void **state)
{
	struct wm_self self = { 0 };

	(void)state;
	must("ip addr add 192.168.2.77/25 dev lan1");
	must("ip link set lan1 address 02:00:00:00:00:77 mtu 1400");
	wish("vmbr7", "192.168.2.77"); /* the name is a hint: the address decides */
	wish("lan0", "");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), 0);
	assert_int_equal(self.nlans, 2);
	assert_string_equal(self.lans[0].ifname, "lan1");
	assert_int_equal(self.lans[0].ifindex, wm_link_index("lan1", NULL));
	assert_int_equal(self.lans[0].addr, ip("192.168.2.77"));
	assert_true(wm_prefix_equal(self.lans[0].prefix, prefix("192.168.2.0/25")));
	assert_int_equal(self.lans[0].mac.byte[5], 0x77);
	assert_int_equal(self.lans[0].mtu, 1400);
	assert_string_equal(self.lans[1].ifname, "lan0");
	assert_int_equal(self.lans[1].addr, ip("192.168.1.1"));
	assert_true(wm_prefix_equal(self.lans[1].prefix, prefix("192.168.1.0/24")));
}

static void a_missing_lan_is_named(void **state)
{
	struct wm_self self = { .nlans = 5 };

	(void)state;
	wish("lan0", "192.168.7.7");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), -ENODEV);
	assert_contains(err.text, "192.168.7.7");
	inst.nlans = 0;
	wish("enp77s0", "");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), -ENODEV);
	assert_contains(err.text, "enp77s0");
	inst.nlans = 0;
	wish("far0", "");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), -ENODEV);
	assert_contains(err.text, "far0");
	inst.nlans = 0;
	wish("", "127.0.0.1");
	must("ip addr replace 127.0.0.1/8 dev lo");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), -EINVAL);
	inst.nlans = 0;
	wish("lan0", "");
	wish("", "192.168.1.1");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), -EINVAL);
	assert_int_equal(self.nlans, 5); /* untouched by failures */
}

static void without_wishes_the_default_route_decides(void **state)
{
	struct wm_self self = { .nlans = 5 };

	(void)state;
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), 0);
	assert_int_equal(self.nlans, 0); /* no default route: a hub needs no LAN */
	must("ip route add default via 192.168.2.9 metric 50");
	must("ip route add default via 192.168.1.9 metric 100");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), 0);
	assert_int_equal(self.nlans, 1);
	assert_string_equal(self.lans[0].ifname, "lan1");
	must("ip route add default dev far0 metric 10");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), 0);
	assert_int_equal(self.nlans, 0); /* it has no IPv4 address */
}

static void a_machine_without_any_route_is_fine(void **state)
{
	int status = -1;

	(void)state;
	plan.nlans = 0;
	fflush(stdout);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct wm_self self = { .nlans = 5 };
		uint32_t ifindex = 0;

		if (unshare(CLONE_NEWNET) < 0 || wm_link_find_lans(&inst, &self, &err) < 0 || self.nlans != 0 ||
		    wm_link_prepare(&inst, &plan, &ifindex, &err) < 0 || wm_link_up(&inst, &plan, ifindex, &err) <= 0 ||
		    wm_link_up(&inst, &plan, ifindex, &err) != 0 || wm_link_remove(&inst, &plan.supernet, &err) < 0) {
			printf("# %s\n", err.text);
			fflush(stdout);
			_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int body(void)
{
	const struct CMUnitTest tests[] = {
		TEST(prepare_makes_it_once_and_down),
		TEST(it_outlives_its_maker),
		TEST(no_file_or_variable_of_ours_goes_along),
		TEST(it_comes_back_when_it_was_lost),
		TEST(without_wireguard_it_says_what_to_do),
		TEST(a_wireguard_go_elsewhere_with_our_name_is_told),
		TEST(a_name_that_is_taken_is_refused),
		TEST(the_vpn_of_somebody_else_is_refused),
		TEST(up_is_as_documented_and_free_the_second_time),
		TEST(sysctls_let_packets_through_the_stack),
		TEST(two_lans_answer_only_for_themselves),
		TEST(what_was_removed_by_hand_is_repaired),
		TEST(a_moved_mesh_leaves_nothing_behind),
		TEST(foreign_objects_stay_as_they_are),
		TEST(remove_is_complete_and_may_be_repeated),
		TEST(a_route_in_the_way_is_an_error),
		TEST(overlapping_meshes_are_refused),
		TEST(lans_are_found_by_address_or_name),
		TEST(a_missing_lan_is_named),
		TEST(without_wishes_the_default_route_decides),
		TEST(a_machine_without_any_route_is_fine),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
