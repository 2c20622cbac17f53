/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/step.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lifecycle/owed.h"
#include "core/util.h"

#define FILE_MAX (256u << 20)
#define ANSWER_SIZE 16

int wm_life_begin(struct wm_life *ret, const struct wm_life_options *opt, struct wm_error *err)
{
	const char *root = getenv("WM_ROOT");

	umask(022); /* dnsmasq has to get at its files, wm-fetch at its libraries, whatever root's own is */

	*ret = (struct wm_life){ .opt = opt, .root = root ? root : "", .dry_run = opt->dry_run, .out = stdout };
	if (wm_instance_names(&ret->inst, opt->instance, err))
		return -EINVAL;
	if (opt->config && wm_copy(ret->inst.env_file, sizeof(ret->inst.env_file), opt->config))
		return wm_fail(err, ENAMETOOLONG, "the path of the config file is too long");
	return 0;
}

int wm_life_do(struct wm_life *l, const struct wm_step *steps, size_t n, struct wm_error *err)
{
	for (size_t i = 0; i < n; i++) {
		int rc = steps[i].go(l, err);

		rc = rc < 0 ? rc : wm_life_marked(l, err);
		if (rc < 0)
			return steps[i].what ? wm_fail_in(err, rc, "%s", steps[i].what) : rc;
	}
	return 0;
}

int wm_life_end(struct wm_life *l, int rc, const struct wm_error *err)
{
	if (rc < 0)
		fprintf(stderr, "wm-gateway: %s\n", *err->text ? err->text : strerror(-rc));
	else if (!l->changes)
		fprintf(l->out, "nothing to do\n");
	fflush(l->out);
	wm_wipe(l, sizeof(*l));
	return rc < 0 ? 1 : 0;
}

int wm_life_run(const struct wm_life_options *opt, const struct wm_step *steps, size_t n, void *own)
{
	struct wm_error err = { 0 };
	struct wm_life life;
	int rc = wm_life_begin(&life, opt, &err);

	life.own = own;
	if (!rc)
		rc = wm_life_do(&life, steps, n, &err);
	return wm_life_end(&life, rc, &err);
}

int wm_life_path(const struct wm_life *l, char *ret, struct wm_error *err, const char *fmt, ...)
{
	char path[WM_PATH_SIZE];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(path) || wm_format(ret, WM_PATH_SIZE, "%s%s", l->root, path))
		return wm_fail(err, ENAMETOOLONG, "a path below %s is too long", *l->root ? l->root : "/");
	return 0;
}

int wm_life_marked(const struct wm_life *l, struct wm_error *err)
{
	if (!l->unmarked)
		return 0;
	return wm_fail(err, -l->unmarked, "%s: cannot write there what has to follow a change: %s", l->inst.state_dir, strerror(-l->unmarked));
}

bool wm_life_change(struct wm_life *l, const char *done, const char *would, const char *fmt, ...)
{
	va_list ap;
	int rc = wm_owed_mark(l);

	if (rc || l->unmarked) {
		l->unmarked = l->unmarked ? l->unmarked : rc;
		return false;
	}
	fprintf(l->out, "%s%s ", l->dry_run ? "would " : "", l->dry_run ? would : done);
	va_start(ap, fmt);
	vfprintf(l->out, fmt, ap);
	va_end(ap);
	fputc('\n', l->out);
	fflush(l->out);
	l->changes++;
	return !l->dry_run;
}

void wm_life_note(const struct wm_life *l, const char *fmt, ...)
{
	va_list ap;

	fputs("note: ", l->out);
	va_start(ap, fmt);
	vfprintf(l->out, fmt, ap);
	va_end(ap);
	fputc('\n', l->out);
	fflush(l->out);
}

bool wm_life_sure(const struct wm_life *l, const char *question, struct wm_error *err)
{
	char answer[ANSWER_SIZE] = "";

	if (l->dry_run || l->opt->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		wm_fail(err, EPERM, "%s Nobody can be asked here; with --yes it is done", question);
		return false;
	}
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y'))
		return true;
	wm_fail(err, ECANCELED, "nothing was done");
	return false;
}

/* --- files ------------------------------------------------------------------------------- */

static int make_parent(const char *path, struct wm_error *err)
{
	char copy[WM_PATH_SIZE];
	int rc = wm_copy(copy, sizeof(copy), path);

	if (!rc)
		rc = wm_make_dirs(dirname(copy), 0755);
	return rc ? wm_fail(err, -rc, "%s: cannot make its directory: %s", path, strerror(-rc)) : 0;
}

/* -ENOENT: there is nothing of that name; 1: it is there and as it shall be; 0: something else is there. */
static int compare(const char *path, mode_t mode, const void *data, size_t len)
{
	WM_AUTO_FREE char *have = NULL;
	struct stat st;
	size_t n;

	if (lstat(path, &st))
		return errno == ENOENT || errno == ENOTDIR ? -ENOENT : -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) || (st.st_mode & 07777) != mode || st.st_uid != geteuid() || (size_t)st.st_size != len)
		return 0;
	if (wm_read_file(path, FILE_MAX, &have, &n))
		return 0;
	int same = n == len && !memcmp(have, data, len);

	wm_wipe(have, n); /* may be a key */
	return same;
}

int wm_step_file(struct wm_life *l, const char *path, mode_t mode, const void *data, size_t len, struct wm_error *err)
{
	int rc = compare(path, mode, data, len);

	if (rc == 1)
		return 0;
	if (rc && rc != -ENOENT)
		return wm_fail(err, -rc, "%s: cannot look at it: %s", path, strerror(-rc));
	if (!(rc ? wm_life_change(l, "created", "create", "%s", path) : wm_life_change(l, "changed", "change", "%s", path)))
		return 0;
	rc = make_parent(path, err);
	if (rc)
		return rc;
	wm_remove_unfinished(path); /* of one that was killed */
	rc = wm_replace_file(path, mode, data, len);
	return rc ? wm_fail(err, -rc, "%s: cannot write it: %s", path, strerror(-rc)) : 0;
}

int wm_step_copy(struct wm_life *l, const char *from, const char *path, mode_t mode, struct wm_error *err)
{
	WM_AUTO_FREE char *data = NULL;
	size_t len;
	int rc = wm_read_file(from, FILE_MAX, &data, &len);

	return rc ? wm_fail(err, -rc, "%s: cannot read it: %s", from, strerror(-rc)) : wm_step_file(l, path, mode, data, len, err);
}

int wm_step_dir(struct wm_life *l, const char *path, mode_t mode, struct wm_error *err)
{
	struct stat st;
	int rc;

	if (!stat(path, &st))
		return S_ISDIR(st.st_mode) ? 0 : wm_fail(err, ENOTDIR, "%s: is no directory, but should be; move it away", path);
	if (errno != ENOENT)
		return wm_fail(err, errno, "%s: cannot look at it: %s", path, strerror(errno));
	if (!wm_life_change(l, "created", "create", "%s", path))
		return 0;
	rc = make_parent(path, err);
	if (rc)
		return rc;
	rc = wm_make_dirs(path, mode);
	return rc ? wm_fail(err, -rc, "%s: cannot make it: %s", path, strerror(-rc)) : 0;
}

int wm_life_may_link(const char *path, struct wm_error *err)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT || errno == ENOTDIR ? 0 : wm_fail(err, errno, "%s: cannot look at it: %s", path, strerror(errno));
	return S_ISLNK(st.st_mode) ? 1 : wm_fail(err, EEXIST, "%s: is there already, and is not what wm-gateway puts there (a link); move it away and run this again", path);
}

int wm_step_link(struct wm_life *l, const char *path, const char *target, struct wm_error *err)
{
	char have[WM_PATH_SIZE], temporary[WM_PATH_SIZE];
	int rc = wm_life_may_link(path, err);
	ssize_t n = rc > 0 ? readlink(path, have, sizeof(have) - 1) : -1;

	if (rc < 0)
		return rc;
	if (n >= 0) {
		have[n] = '\0';
		if (!strcmp(have, target))
			return 0;
	}
	if (!wm_life_change(l, n < 0 ? "created" : "changed", n < 0 ? "create" : "change", "%s -> %s", path, target))
		return 0;
	rc = make_parent(path, err);
	if (!rc && wm_format(temporary, sizeof(temporary), "%s.new-link", path))
		rc = wm_fail(err, ENAMETOOLONG, "%s: the path is too long", path);
	if (rc)
		return rc;
	unlink(temporary);
	if (symlink(target, temporary) || rename(temporary, path)) {
		rc = wm_fail(err, errno, "%s: cannot make the link: %s", path, strerror(errno));
		unlink(temporary);
	}
	return rc;
}

int wm_step_remove(struct wm_life *l, const char *path, struct wm_error *err)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT || errno == ENOTDIR ? 0 : wm_fail(err, errno, "%s: cannot look at it: %s", path, strerror(errno));
	if (!wm_life_change(l, "removed", "remove", "%s", path))
		return 0;
	return remove(path) ? wm_fail(err, errno, "%s: cannot remove it: %s", path, strerror(errno)) : 0;
}

int wm_step_unlink(struct wm_life *l, const char *path, struct wm_error *err)
{
	struct stat st;

	if (!lstat(path, &st) && !S_ISLNK(st.st_mode)) {
		wm_life_note(l, "kept: %s, which wm-gateway has not put there", path);
		return 0;
	}
	return wm_step_remove(l, path, err);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

int wm_step_remove_tree(struct wm_life *l, const char *path, struct wm_error *err)
{
	struct stat st;

	if (lstat(path, &st) || !S_ISDIR(st.st_mode))
		return wm_step_remove(l, path, err);
	if (!wm_life_change(l, "removed", "remove", "%s and what is in it", path))
		return 0;
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) ?
		       wm_fail(err, errno, "%s: cannot remove all of it: %s", path, strerror(errno)) : 0;
}

/* --- sysctls ------------------------------------------------------------------------------- */

/* The kernel's own: never below WM_ROOT. */
static int set_now(struct wm_life *l, const char *key, const char *value, struct wm_error *err)
{
	WM_AUTO_FREE char *have = NULL;
	WM_AUTO_CLOSE int fd = -1;
	char path[WM_PATH_SIZE];
	int rc = wm_format(path, sizeof(path), "/proc/sys/%s", key);

	if (rc)
		return wm_fail(err, -rc, "%s: the name is too long", key);
	for (char *c = path; *c; c++)
		*c = *c == '.' ? '/' : *c;
	rc = wm_read_file(path, 256, &have, NULL);
	if (rc)
		return wm_fail(err, -rc, "sysctl %s: cannot read it: %s", key, strerror(-rc));
	have[strcspn(have, "\n")] = '\0';
	if (!strcmp(have, value) || !wm_life_change(l, "set", "set", "%s = %s", key, value))
		return 0;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	rc = fd < 0 ? -errno : wm_write_full(fd, value, strlen(value));
	return rc ? wm_fail(err, -rc, "sysctl %s: cannot set it: %s", key, strerror(-rc)) : 0;
}

int wm_step_sysctl(struct wm_life *l, const char *file, const char *key, const char *value, struct wm_error *err)
{
	char text[256];
	int rc = wm_format(text, sizeof(text), WM_LIFE_MARK ".\n%s = %s\n", key, value);

	if (rc)
		return wm_fail(err, -rc, "sysctl %s: the value is too long", key);
	rc = wm_step_file(l, file, 0644, text, strlen(text), err);
	return rc ? rc : set_now(l, key, value, err);
}
