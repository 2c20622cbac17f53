/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/releases.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/linux.h"
#include "core/log.h"
#include "core/util.h"

#define CURRENT "current"
#define UNFINISHED ".new"

static int failed(const struct wm_instance *inst, const char *doing, const char *name, int code, struct wm_error *err)
{
	return wm_fail(err, code, "%s/%s: cannot %s: %s", inst->releases, name, doing, strerror(code));
}

static int open_releases(const struct wm_instance *inst)
{
	int fd = open(inst->releases, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int wm_releases_program(const struct wm_instance *inst, const struct wm_version *version, int program, char *ret)
{
	char text[WM_VERSION_TEXT];

	return wm_format(ret, PATH_MAX, "%s/%s/%s", inst->releases, wm_version_format(version, text),
			 wm_release_programs[program]);
}

int wm_releases_state(const struct wm_instance *inst, char *ret)
{
	return wm_format(ret, PATH_MAX, "%s/state", inst->releases);
}

int wm_releases_current(const struct wm_instance *inst, struct wm_version *ret)
{
	char link[PATH_MAX], to[WM_VERSION_TEXT] = "";
	struct wm_version v;
	struct stat st;
	ssize_t n;

	if (wm_format(link, sizeof(link), "%s/" CURRENT, inst->releases))
		return -ENAMETOOLONG;
	n = readlink(link, to, sizeof(to) - 1);
	if (n < 0)
		return errno == EINVAL ? -EBADMSG : -errno;
	to[n] = '\0';
	if (wm_version_parse(to, &v))
		return -EBADMSG;
	/* Root runs it: nobody else may have a hand in it. */
	if (wm_releases_program(inst, &v, WM_RELEASE_GATEWAY, link) || stat(link, &st))
		return -ENOENT;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) || !(st.st_mode & 0100))
		return -EBADMSG;
	*ret = v;
	return 0;
}

int wm_releases_proved(const struct wm_instance *inst, struct wm_version *ret)
{
	struct wm_version current;
	int rc = wm_releases_current(inst, &current);

	if (wm_version_parse(WM_VERSION, ret))
		*ret = (struct wm_version){ 0 };
	if (!rc && wm_version_compare(&current, ret) > 0)
		*ret = current;
	return rc;
}

/* A directory in which there are only files. */
static int remove_dir(int releases, const char *name)
{
	int fd = openat(releases, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return code == ENOENT ? 0 : -code;
	}
	while ((e = readdir(dir)))
		unlinkat(fd, e->d_name, 0);
	closedir(dir);
	return unlinkat(releases, name, AT_REMOVEDIR) ? -errno : 0;
}

int wm_releases_begin(const struct wm_instance *inst, const struct wm_version *version, int *ret_dir, struct wm_error *err)
{
	char name[WM_VERSION_TEXT], unfinished[WM_VERSION_TEXT + sizeof(UNFINISHED)];
	WM_AUTO_CLOSE int releases = open_releases(inst);
	int dir, rc = releases < 0 ? releases : 0;

	snprintf(unfinished, sizeof(unfinished), "%s" UNFINISHED, wm_version_format(version, name));
	if (!rc)
		rc = remove_dir(releases, unfinished);
	if (!rc && mkdirat(releases, unfinished, 0755))
		rc = -errno;
	if (rc)
		return failed(inst, "make the directory", unfinished, -rc, err);
	dir = openat(releases, unfinished, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return failed(inst, "open the directory", unfinished, errno, err);
	*ret_dir = dir;
	return 0;
}

/* Of the same version there may be one that was never proved: it gives way whole, where the file system can do that. */
static int put_in_place(int releases, const char *unfinished, const char *name)
{
	int rc;

	if (!renameat(releases, unfinished, releases, name))
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	if (!wm_renameat2(releases, unfinished, releases, name, RENAME_EXCHANGE))
		return remove_dir(releases, unfinished);
	rc = remove_dir(releases, name);
	return rc || !renameat(releases, unfinished, releases, name) ? rc : -errno;
}

int wm_releases_finish(const struct wm_instance *inst, const struct wm_version *version, int dir, struct wm_error *err)
{
	char name[WM_VERSION_TEXT], unfinished[WM_VERSION_TEXT + sizeof(UNFINISHED)];
	WM_AUTO_CLOSE int releases = open_releases(inst);
	int rc = releases < 0 ? releases : 0;

	snprintf(unfinished, sizeof(unfinished), "%s" UNFINISHED, wm_version_format(version, name));
	if (!rc && fsync(dir))
		rc = -errno;
	if (!rc)
		rc = put_in_place(releases, unfinished, name);
	if (!rc && fsync(releases))
		rc = -errno;
	return rc ? failed(inst, "put the release there", name, -rc, err) : 0;
}

int wm_releases_switch(const struct wm_instance *inst, const struct wm_version *version, struct wm_error *err)
{
	WM_AUTO_CLOSE int releases = open_releases(inst);
	char name[WM_VERSION_TEXT];
	int rc = releases < 0 ? releases : 0;

	wm_version_format(version, name);
	if (!rc && unlinkat(releases, CURRENT UNFINISHED, 0) && errno != ENOENT)
		rc = -errno;
	if (!rc && (symlinkat(name, releases, CURRENT UNFINISHED) ||
		    renameat(releases, CURRENT UNFINISHED, releases, CURRENT) || fsync(releases)))
		rc = -errno;
	return rc ? failed(inst, "name the release", CURRENT, -rc, err) : 0;
}

void wm_releases_forget(const struct wm_instance *inst)
{
	WM_AUTO_CLOSE int releases = open_releases(inst);

	if (releases < 0 || (unlinkat(releases, CURRENT, 0) && errno != ENOENT))
		wm_warning("%s/" CURRENT ": cannot take it away: %s", inst->releases, strerror(errno));
}

/* "0.3.0" or "0.3.0.new" */
static bool is_release(const char *name, struct wm_version *ret)
{
	char text[WM_VERSION_TEXT];
	size_t len = strlen(name), end = strlen(UNFINISHED);

	if (len > end && !strcmp(name + len - end, UNFINISHED)) {
		*ret = (struct wm_version){ 0 };
		return len - end < sizeof(text) && !wm_format(text, sizeof(text), "%.*s", (int)(len - end), name) &&
		       !wm_version_parse(text, &(struct wm_version){ 0 });
	}
	return !wm_version_parse(name, ret);
}

void wm_releases_prune(const struct wm_instance *inst, const struct wm_version *one, const struct wm_version *other)
{
	int fd = open_releases(inst);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct wm_version v;
	struct dirent *e;
	int rc;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir))) {
		if (!is_release(e->d_name, &v) || !wm_version_compare(&v, one) || !wm_version_compare(&v, other))
			continue;
		rc = remove_dir(fd, e->d_name);
		if (rc)
			wm_warning("%s/%s: cannot take it away: %s", inst->releases, e->d_name, strerror(-rc));
	}
	closedir(dir);
}
