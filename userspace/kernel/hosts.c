/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The two files that dnsmasq reads again on SIGHUP, the SIGHUP, and the piece of its configuration that names them.
 */
#include "kernel/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/linux.h"
#include "core/log.h"
#include "core/util.h"

#define FILE_MODE 0644 /* dnsmasq reads them without privileges */
#define HEADER "# Written by wm-gateway from the mesh's registry; changes made here are lost.\n"
#define LOCALISE "localise-queries\n"

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
	WM_AUTO_CLOSE int fd = pid ? wm_pidfd_open(pid) : -1;

	if (fd < 0 || !is_dnsmasq(pid))
		return; /* it will read the files when it starts */
	if (wm_pidfd_signal(fd, SIGHUP) < 0 && errno != ESRCH)
		wm_warning("cannot tell dnsmasq (pid %d) to read its names again: %s; restart it", (int)pid, strerror(errno));
}

/* What is printed. */
struct contents {
	const struct wm_instance *inst;
	const struct wm_plan *plan;
	bool localises; /* dnsmasq tells who asks the one of two addresses that is for him */
};

/* A million of them are written at a time: no printf. */
static int print_hosts(FILE *f, void *arg)
{
	const struct contents *c = arg;
	const struct wm_plan *plan = c->plan;
	char addr[WM_IP4_TEXT];

	fputs(HEADER, f);
	for (size_t i = 0; i < plan->nnames; i++) {
		if (plan->names[i].for_devices && !c->localises)
			continue;
		fputs_unlocked(wm_ip4_format(plan->names[i].addr, addr), f);
		putc_unlocked('\t', f);
		fputs_unlocked(plan->names[i].fqdn, f);
		putc_unlocked('\n', f);
	}
	return ferror(f) ? -EIO : 0;
}

/* A server without an address: the domain is ours, never ask upstream for it.
 * (`local=` would say the same, but a servers-file may not hold it.) */
static int print_servers(FILE *f, void *arg)
{
	const struct wm_plan *plan = ((const struct contents *)arg)->plan;

	fputs(HEADER, f);
	for (size_t i = 0; i < plan->ndomains; i++)
		fprintf(f, "server=/%s/\n", plan->domains[i]);
	return ferror(f) ? -EIO : 0;
}

/* "Nobody has that name" is not kept, or a host that was just added stays unknown for a while. Of a host's two addresses the one is
 * told that is in the subnet of the address that was asked: a LAN gets the LAN's, a device the overlay's. What dnsmasq is told to
 * keep from private networks (stop-dns-rebind) must not be a mesh's names, which are nothing else. */
static int print_conf(FILE *f, void *arg)
{
	const struct contents *c = arg;

	fputs(HEADER, f);
	fprintf(f, "addn-hosts=%s\nservers-file=%s\nno-negcache\n" LOCALISE, c->inst->hosts_file, c->inst->servers_file);
	for (size_t i = 0; i < c->plan->ndomains; i++)
		fprintf(f, "rebind-domain-ok=/%s/\n", c->plan->domains[i]);
	return ferror(f) ? -EIO : 0;
}

/* --- is it there already? -------------------------------------------------------------- */

/* Whether there is a file, of any mode. */
static bool mark(const char *path, struct wm_file_mark *ret, mode_t *ret_mode)
{
	struct stat st;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return false;
	*ret_mode = st.st_mode & 07777;
	*ret = (struct wm_file_mark){
		.dev = st.st_dev, .ino = st.st_ino, .size = (uint64_t)st.st_size,
		.mtime_ns = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec,
		.ctime_ns = st.st_ctim.tv_sec * 1000000000ll + st.st_ctim.tv_nsec,
	};
	return true;
}

static bool look(const char *path, struct wm_file_mark *ret)
{
	struct wm_file_mark now;
	mode_t mode;

	if (!mark(path, &now, &mode) || mode != FILE_MODE)
		return false;
	*ret = now;
	return true;
}

static bool same_mark(const struct wm_file_mark *a, const struct wm_file_mark *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns;
}

/* A stream that compares what is written into it with a file. */
struct compare {
	FILE *old;
	bool differs;
};

static ssize_t compare_write(void *cookie, const char *data, size_t len)
{
	struct compare *c = cookie;
	char part[4096];

	for (size_t done = 0; done < len && !c->differs;) {
		size_t n = WM_MIN(len - done, sizeof(part));

		c->differs = fread_unlocked(part, 1, n, c->old) != n || memcmp(part, data + done, n) != 0;
		done += n;
	}
	return (ssize_t)len;
}

static bool is_there(const char *path, int (*print)(FILE *f, void *what), const void *what)
{
	WM_AUTO_FCLOSE FILE *old = fopen(path, "re");
	struct compare c = { .old = old };
	FILE *f = old ? fopencookie(&c, "w", (cookie_io_functions_t){ .write = compare_write }) : NULL;
	int rc;

	if (!f)
		return false;
	rc = print(f, (void *)(uintptr_t)what);
	return !fclose(f) && !rc && !c.differs && getc(old) == EOF;
}

/* news: its contents are others than last time. */
struct file {
	const char *path;
	int (*print)(FILE *f, void *what);
	const void *what;
	struct wm_file_mark *mark;
	bool news;
};

/* 1 written, 0 it was so, -errno */
static int update(const struct file *file, bool known, struct wm_error *err)
{
	struct wm_file_mark now = { 0 };
	bool there = look(file->path, &now);
	int rc;

	if (known && !file->news && there && same_mark(&now, file->mark))
		return 0;
	*file->mark = (struct wm_file_mark){ 0 };
	if (!(known && file->news) && is_there(file->path, file->print, file->what)) {
		if (!there && chmod(file->path, FILE_MODE))
			return wm_fail(err, errno, "cannot write %s: %s", file->path, strerror(errno));
		look(file->path, file->mark);
		return 0;
	}
	rc = wm_replace_file_by(file->path, FILE_MODE, file->print, (void *)(uintptr_t)file->what);
	if (rc)
		return wm_fail(err, -rc, "cannot write %s: %s", file->path, strerror(-rc));
	look(file->path, file->mark);
	return 1;
}

/* It may have read the files just before they changed, and written its pid just after we looked for it. */
static bool is_another_dnsmasq(const char *pid_file, struct wm_hosts_memory *memory)
{
	struct wm_file_mark now = { 0 };
	mode_t mode;
	bool there = mark(pid_file, &now, &mode), another = there && memory->know_pid && !same_mark(&now, &memory->pid);

	memory->pid = now;
	memory->know_pid = true;
	return another;
}

/* --- all of them -------------------------------------------------------------------------- */

static bool has_localise(const char *path)
{
	WM_AUTO_FCLOSE FILE *f = fopen(path, "re");
	char line[512];
	bool has = false;

	while (f && !has && fgets(line, sizeof(line), f))
		has = !strcmp(line, LOCALISE);
	return has;
}

/* The time of the file stays that of when it was first told to localise: other lines may come and go. */
static int update_conf(const struct file *conf, bool known, struct wm_error *err)
{
	struct wm_file_mark before;
	mode_t mode;
	bool keep = mark(conf->path, &before, &mode) && has_localise(conf->path);
	int rc = update(conf, known, err);

	if (rc > 0 && keep) {
		const struct timespec then = { before.mtime_ns / 1000000000, before.mtime_ns % 1000000000 };

		(void)utimensat(AT_FDCWD, conf->path, (const struct timespec[]){ then, then }, 0);
		look(conf->path, conf->mark);
	}
	return rc;
}

/* One that was started with a configuration of ours from before would tell both addresses to everybody: the second ones wait
 * until it is started again. */
static bool localises(const struct wm_instance *inst)
{
	struct wm_file_mark conf, pid;
	mode_t mode;

	if (!mark(inst->dnsmasq_pid, &pid, &mode))
		return true; /* it will read it when it starts */
	return mark(inst->dnsmasq_conf, &conf, &mode) && pid.mtime_ns >= conf.mtime_ns;
}

/* A mark that was never taken, or not after the last failure, tells nothing. */
static bool is_known(const struct file *file, const struct wm_plan_diff *since)
{
	return since && file->mark->ino;
}

int wm_hosts_apply(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_plan_diff *since,
		   struct wm_hosts_memory *memory, struct wm_error *err)
{
	struct contents contents = { inst, plan, false };
	const bool domains = since && since->domains, names = since && since->nnames_gone + since->nnames_come;
	const struct file conf = { inst->dnsmasq_conf, print_conf, &contents, &memory->conf, domains };
	const struct file files[] = {
		{ inst->hosts_file, print_hosts, &contents, &memory->hosts, names },
		{ inst->servers_file, print_servers, &contents, &memory->servers, domains },
	};
	int rc = update_conf(&conf, is_known(&conf, since), err), failed = WM_MIN(rc, 0), changes = rc > 0;
	bool tell = false;

	contents.localises = rc >= 0 && localises(inst);
	if (contents.localises != memory->localises)
		memory->hosts = (struct wm_file_mark){ 0 }; /* it is to be compared */
	memory->localises = contents.localises;
	for (size_t i = 0; i < WM_ARRAY_LEN(files); i++) {
		rc = update(&files[i], is_known(&files[i], since), failed ? NULL : err);
		if (rc < 0 && !failed)
			failed = rc;
		changes += rc > 0;
		tell |= rc > 0;
	}
	if (is_another_dnsmasq(inst->dnsmasq_pid, memory) || tell)
		reload_dnsmasq(inst->dnsmasq_pid);
	return failed ? failed : changes;
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
