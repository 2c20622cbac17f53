/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Making the wg device on this machine's own WireGuard (the kernel's, or
 * wireguard-go where the kernel has none), and finding the LANs.
 */
#include "kernel/link_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/wg.h"

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

/* Neither back end looks for anything but Ethernet headers there: on a device without them nothing would be filtered. */
static void a_device_without_ethernet_is_no_lan(void **state)
{
	struct wm_self self = { .nlans = 5 };

	(void)state;
	must("ip tuntap add dev ppp7 mode tun");
	must("ip addr add 10.64.0.1/24 dev ppp7");
	must("ip link set ppp7 up");
	must("ip tuntap add dev tap7 mode tap");
	must("ip addr add 10.65.0.1/24 dev tap7");
	wish("ppp7", "");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), -EINVAL);
	assert_contains(err.text, "10.64.0.1 is on ppp7, which is no Ethernet device (tun)");
	inst.nlans = 0;
	wish("", "10.64.0.1");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), -EINVAL);
	assert_int_equal(self.nlans, 5);
	inst.nlans = 0;
	must("ip route add default dev ppp7");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), 0);
	assert_int_equal(self.nlans, 0);
	wish("tap7", "");
	assert_int_equal(wm_link_find_lans(&inst, &self, &err), 0);
	assert_int_equal(self.nlans, 1);
	must("ip link del ppp7");
	must("ip link del tap7");
}

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
		TEST(lans_are_found_by_address_or_name),
		TEST(a_missing_lan_is_named),
		TEST(without_wishes_the_default_route_decides),
		TEST(a_device_without_ethernet_is_no_lan),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
