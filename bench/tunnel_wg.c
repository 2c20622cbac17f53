/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A WireGuard device, the kernel's or wireguard-go's, set up by wm's own code.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/tunnel.h"
#include "core/util.h"
#include "core/wg.h"
#include "kernel/link_priv.h"
#include "kernel/nl.h"
#include "kernel/wg.h"

#define GO "wireguard-go"
#define GO_SOCKETS "/run/wireguard"
#define START_MS 10000
#define POLL_MS 10
#define PORT 51820

/* --- making one --------------------------------------------------------------------------- */

static int make_kernels(struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc < 0)
		return rc;
	rc = wm_link_create(nl, RIG_WG);
	return rc < 0 ? wm_fail(err, -rc, "this kernel makes no WireGuard device: %s", wm_nl_why(nl, rc)) : 0;
}

/* It ends with us, whatever ends us. */
static _Noreturn void become_go(unsigned int cpu)
{
	int null = open("/dev/null", O_RDWR);
	cpu_set_t one;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (null < 0 || sched_setaffinity(0, sizeof(one), &one) < 0)
		_exit(126);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close_range(3, ~0u, 0);
	setenv("WG_PROCESS_FOREGROUND", "1", 1);
	execlp(GO, GO, RIG_WG, NULL);
	_exit(127);
}

/* All of them are called wg0, and their sockets lie in one place: each gets it empty. The latest is whom wm_wg_read and
 * wm_wg_write find there. */
static int make_go(struct tunnel_wg *wg, unsigned int cpu, struct wm_error *err)
{
	uint64_t end = wm_monotonic_ms() + START_MS;
	int rc;

	if ((mkdir(GO_SOCKETS, 0700) < 0 && errno != EEXIST) || mount("tmpfs", GO_SOCKETS, "tmpfs", 0, "mode=700") < 0)
		return wm_fail(err, errno, "cannot mount %s: %s", GO_SOCKETS, strerror(errno));
	wg->go = fork();
	if (wg->go < 0)
		return wm_fail(err, errno, "cannot start " GO ": %s", strerror(errno));
	if (wg->go == 0)
		become_go(cpu);
	do {
		struct wm_wg_device dev = { 0 };

		rc = wm_wg_read(RIG_WG, &dev, err);
		wm_wg_device_free(&dev);
		if (rc < 0)
			poll(NULL, 0, POLL_MS);
	} while (rc < 0 && wm_monotonic_ms() < end);
	return rc < 0 ? wm_fail_in(err, rc, GO " (is it installed?)") : 0;
}

int tunnel_wg_keys(struct tunnel_wg *wg, struct wm_error *err)
{
	wm_key_generate(&wg->key);
	return wm_key_public(&wg->key, &wg->public_key) < 0 ? wm_fail(err, EIO, "cannot make a key") : 0;
}

int tunnel_wg_make(struct tunnel_wg *wg, bool kernel, unsigned int cpu, struct wm_error *err)
{
	return kernel ? make_kernels(err) : make_go(wg, cpu, err);
}

void tunnel_wg_end(struct tunnel_wg *wg)
{
	if (wg->go > 0) {
		kill(wg->go, SIGKILL);
		waitpid(wg->go, NULL, 0);
	}
	wm_wipe(&wg->key, sizeof(wg->key));
	wg->go = 0;
}

/* --- its peer ------------------------------------------------------------------------------ */

static int describe(const struct tunnel_wg *self, const struct tunnel_wg *other, wm_ip4 other_addr,
		    const struct wm_prefix *behind_other, size_t n, struct wm_wg_device *ret)
{
	struct wm_wg_peer peer = { .public_key = other->public_key, .endpoint = { .family = 4, .port = PORT } };
	uint32_t addr = htonl(other_addr);

	memcpy(peer.endpoint.addr, &addr, sizeof(addr));
	ret->private_key = self->key;
	ret->listen_port = PORT;
	int rc = wm_wg_add_peer(ret, &peer);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = wm_wg_add_allowed(ret, behind_other[i]);
	return rc < 0 ? rc : wm_wg_finish(ret);
}

int tunnel_wg_meet(const struct tunnel_wg *self, const struct tunnel_wg *other, wm_ip4 other_addr,
		   const struct wm_prefix *behind_other, size_t n, struct wm_error *err)
{
	struct wm_wg_device have = { 0 }, want = { 0 };
	struct wm_wg_diff diff = { 0 };
	int rc = wm_wg_read(RIG_WG, &have, err);

	if (rc == 0)
		rc = describe(self, other, other_addr, behind_other, n, &want);
	if (rc == 0)
		rc = wm_wg_diff(&have, &want, NULL, 0, 0, &diff);
	if (rc == 0)
		rc = wm_wg_write(RIG_WG, &diff, err);
	wm_wg_diff_free(&diff);
	wm_wg_device_free(&have);
	wm_wg_device_free(&want);
	if (rc < 0 && !*err->text)
		return wm_fail(err, -rc, "cannot set up " RIG_WG ": %s", strerror(-rc));
	return rc < 0 ? rc : 0;
}

/* --- what has run ---------------------------------------------------------------------------- */

uint64_t tunnel_process_ns(pid_t pid)
{
	char path[300];
	uint64_t sum = 0;
	struct dirent *d;

	wm_format(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *tasks = opendir(path);
	while (tasks && (d = readdir(tasks))) {
		char text[128] = "";

		wm_format(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, d->d_name);
		int fd = *d->d_name == '.' ? -1 : open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
			sum += strtoull(text, NULL, 10);
		if (fd >= 0)
			close(fd);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

/* "cpu0 1 2 3 4 5 6 <ns that tasks have run> ...", of all but the idle one, counted when they stop: so this one does. */
uint64_t tunnel_machine_ns(void)
{
	WM_AUTO_FREE char *text = NULL;
	uint64_t sum = 0;

	poll(NULL, 0, 1);
	if (wm_read_file("/proc/schedstat", 1 << 20, &text, NULL) < 0)
		return 0;
	for (const char *at = strstr(text, "\ncpu"); at; at = strstr(at + 1, "\ncpu")) {
		unsigned long long ns = 0;

		if (sscanf(at, "\ncpu%*u %*u %*u %*u %*u %*u %*u %llu", &ns) == 1)
			sum += ns;
	}
	return sum;
}
