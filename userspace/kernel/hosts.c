/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The two files that dnsmasq reads again on SIGHUP, and the SIGHUP.
 */
#include "kernel/hosts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"

#define FILE_MODE 0644 /* dnsmasq reads them without privileges */
#define HEADER "# Written by wm-gateway from the mesh's registry; changes made here are lost.\n"

/* Whether the process behind pid is a dnsmasq; its pid file may be a leftover. */
static bool is_dnsmasq(pid_t pid)
{
	WM_AUTO_FREE char *comm = NULL;
	char path[64];

	return wm_format(path, sizeof(path), "/proc/%d/comm", (int)pid) == 0 &&
	       wm_read_file(path, 64, &comm, NULL) == 0 && !strcmp(comm, "dnsmasq\n");
}

/* 0: there is no dnsmasq to be told, or the file holds something else. */
static pid_t read_pid(const char *path)
{
	WM_AUTO_FREE char *text = NULL;
	char *end;
	long pid;

	if (wm_read_file(path, 32, &text, NULL) || *text < '1' || *text > '9')
		return 0;
	pid = strtol(text, &end, 10);
	return *end == '\n' && pid > 1 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

/* The pidfd is taken before the look at who it is: the pid cannot pass to
 * someone else in between. */
static void reload_dnsmasq(const char *pid_file)
{
	pid_t pid = read_pid(pid_file);
	WM_AUTO_CLOSE int fd = pid ? pidfd_open(pid, 0) : -1;

	if (fd < 0 || !is_dnsmasq(pid))
		return; /* it will read the files when it starts */
	if (pidfd_send_signal(fd, SIGHUP, NULL, 0) < 0 && errno != ESRCH)
		wm_warning("cannot tell dnsmasq (pid %d) to read its names again: %s; restart it", (int)pid, strerror(errno));
}

static void print_hosts(FILE *f, const struct wm_plan *plan)
{
	char addr[WM_IP4_TEXT];

	for (size_t i = 0; i < plan->nnames; i++)
		fprintf(f, "%s\t%s\n", wm_ip4_format(plan->names[i].addr, addr), plan->names[i].fqdn);
}

/* A server without an address: the domain is ours, never ask upstream for it.
 * (`local=` would say the same, but a servers-file may not hold it.) */
static void print_servers(FILE *f, const struct wm_plan *plan)
{
	for (size_t i = 0; i < plan->ndomains; i++)
		fprintf(f, "server=/%s/\n", plan->domains[i]);
}

static int update(const char *path, void (*print)(FILE *f, const struct wm_plan *plan), const struct wm_plan *plan,
		  struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int rc;

	if (f) {
		fputs(HEADER, f);
		print(f, plan);
	}
	if (!f || fclose(f))
		return wm_fail(err, ENOMEM, "no memory for the names of %s", path);
	rc = wm_update_file(path, FILE_MODE, text, len);
	return rc < 0 ? wm_fail(err, -rc, "cannot write %s: %s", path, strerror(-rc)) : rc;
}

int wm_hosts_apply(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err)
{
	int hosts, servers;

	hosts = update(inst->hosts_file, print_hosts, plan, err);
	servers = update(inst->servers_file, print_servers, plan, hosts < 0 ? NULL : err);
	if (hosts > 0 || servers > 0)
		reload_dnsmasq(inst->dnsmasq_pid);
	return hosts < 0 ? hosts : servers < 0 ? servers : hosts + servers;
}

int wm_hosts_remove(const struct wm_instance *inst, struct wm_error *err)
{
	const char *const paths[] = { inst->hosts_file, inst->servers_file };
	int rc = 0, gone = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(paths); i++) {
		if (!unlink(paths[i]))
			gone++;
		else if (errno != ENOENT && !rc)
			rc = wm_fail(err, errno, "cannot remove %s: %s", paths[i], strerror(errno));
	}
	if (gone)
		reload_dnsmasq(inst->dnsmasq_pid);
	return rc;
}
