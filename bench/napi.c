/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/napi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/place.h"
#include "core/util.h"

/* sysfs shows the devices of the namespace in which it is mounted. */
static int set_threaded(const char *ifname, struct wm_error *err)
{
	char path[128];
	int rc = 0;

	wm_format(path, sizeof(path), PLACE_SYS "/class/net/%s/threaded", ifname);
	if (mount("sysfs", PLACE_SYS, "sysfs", 0, NULL) < 0)
		return wm_fail(err, errno, "cannot mount sysfs: %s", strerror(errno));
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) < 0)
		rc = wm_fail(err, errno, "cannot give %s a NAPI thread (kernel 5.12): %s", ifname, strerror(errno));
	if (fd >= 0)
		close(fd);
	umount2(PLACE_SYS, MNT_DETACH);
	return rc;
}

static int rename_device(const char *from, const char *to, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };

	wm_copy(ifr.ifr_name, sizeof(ifr.ifr_name), from);
	wm_copy(ifr.ifr_newname, sizeof(ifr.ifr_newname), to);
	if (fd < 0 || ioctl(fd, SIOCSIFNAME, &ifr) < 0)
		return wm_fail(err, errno, "cannot rename %s to %s (kernel 6.2): %s", from, to, strerror(errno));
	return 0;
}

/* The process whose name begins so; 0: none. */
static uint32_t find_process(const char *prefix)
{
	DIR *proc = opendir("/proc");
	uint32_t found = 0;
	struct dirent *d;

	while (proc && !found && (d = readdir(proc))) {
		char path[300], comm[64] = "";
		int fd;

		if (d->d_name[0] < '0' || d->d_name[0] > '9')
			continue;
		wm_format(path, sizeof(path), "/proc/%s/comm", d->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, comm, sizeof(comm) - 1) > 0 && strncmp(comm, prefix, strlen(prefix)) == 0)
			found = (uint32_t)strtoul(d->d_name, NULL, 10);
		if (fd >= 0)
			close(fd);
	}
	if (proc)
		closedir(proc);
	return found;
}

/* Netlink does not tell of a TUN's thread. Its name does, made while the device has one that nothing else has. */
static int make_thread(const char *ifname, uint32_t *ret_pid, struct wm_error *err)
{
	static unsigned int number;
	char name[IFNAMSIZ], thread[IFNAMSIZ + 8];

	wm_format(name, sizeof(name), "n%d.%u", getpid(), number++);
	wm_format(thread, sizeof(thread), "napi/%s-", name);
	int rc = rename_device(ifname, name, err);
	if (rc == 0)
		rc = set_threaded(name, err);
	if (rc == 0)
		rc = rename_device(name, ifname, err);
	*ret_pid = rc < 0 ? 0 : find_process(thread);
	return rc < 0 || *ret_pid ? rc : wm_fail(err, ENOENT, "cannot find the NAPI thread of %s", ifname);
}

static int open_proc(uint32_t pid, const char *what)
{
	char path[64];

	wm_format(path, sizeof(path), "/proc/%u/%s", pid, what);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int napi_on(const char *ifname, struct wm_error *err)
{
	struct ethtool_value on = { .cmd = ETHTOOL_SGRO, .data = 1 };
	struct ifreq ifr = { .ifr_data = (char *)&on };
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	wm_copy(ifr.ifr_name, sizeof(ifr.ifr_name), ifname);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr) < 0)
		return wm_fail(err, errno, "cannot turn on GRO of %s: %s", ifname, strerror(errno));
	return 0;
}

int napi_thread(const char *ifname, unsigned int cpu, struct napi *ret, struct wm_error *err)
{
	struct sched_param first = { .sched_priority = NAPI_PRIORITY };
	cpu_set_t one;
	uint32_t pid;

	int rc = make_thread(ifname, &pid, err);
	if (rc < 0)
		return rc;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	/* As first in, first out, with whoever sends: neither interrupts the other, and nothing else them. */
	if (sched_setaffinity((pid_t)pid, sizeof(one), &one) < 0 ||
	    sched_setscheduler((pid_t)pid, SCHED_FIFO, &first) < 0)
		return wm_fail(err, errno, "cannot move the NAPI thread of %s: %s", ifname, strerror(errno));
	ret->schedstat_fd = open_proc(pid, "schedstat");
	ret->stat_fd = open_proc(pid, "stat");
	if (ret->schedstat_fd < 0 || ret->stat_fd < 0)
		return wm_fail(err, errno, "cannot read the times of thread %u: %s", pid, strerror(errno));
	return 0;
}

void napi_close(struct napi *n)
{
	if (n->schedstat_fd > 0)
		close(n->schedstat_fd);
	if (n->stat_fd > 0)
		close(n->stat_fd);
}

static bool read_text(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

uint64_t napi_cpu_ns(const struct napi *n)
{
	char text[128];

	return read_text(n->schedstat_fd, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

bool napi_sleeps(const struct napi *n)
{
	char text[512], *end;

	if (!read_text(n->stat_fd, text, sizeof(text)))
		return false;
	end = strrchr(text, ')'); /* of its name */
	return end && (end[2] == 'S' || end[2] == 'I');
}
