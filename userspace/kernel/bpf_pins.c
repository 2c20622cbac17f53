/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where the data plane lives while no program of ours runs: directories in a
 * bpffs, one for each set of pinned maps and programs (bpf_set.c), made, moved
 * and removed. (bpffs refuses names with a dot.)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/bpf_pins_priv.h"

/* --- paths ----------------------------------------------------------------------- */

int wm_bpf_pins_path(const struct wm_instance *inst, const char *set, const char *object, char ret[PATH_MAX])
{
	return wm_format(ret, PATH_MAX, "%s/%s%s%s%s%s", inst->bpffs, *inst->name ? inst->name : "default",
			 set ? "/" : "", set ? set : "", object ? "/" : "", object ? object : "");
}

bool wm_bpf_pins_exist(const struct wm_instance *inst, const char *set, const char *object)
{
	char path[PATH_MAX];

	return !wm_bpf_pins_path(inst, set, object, path) && (!access(path, F_OK) || (errno != ENOENT && errno != ENOTDIR));
}

/* The deepest directory of path that is there. */
static void existing_part(const char *path, char ret[PATH_MAX])
{
	struct stat st;

	snprintf(ret, PATH_MAX, "%s", path);
	while (stat(ret, &st)) {
		char *slash = strrchr(ret, '/');

		if (!slash || slash == ret) {
			strcpy(ret, "/");
			return;
		}
		*slash = '\0';
	}
}

int wm_bpf_check_bpffs(const struct wm_instance *inst, struct wm_error *err)
{
	char found[PATH_MAX];
	struct statfs fs;
	bool whole;

	existing_part(inst->bpffs, found);
	whole = !strcmp(found, inst->bpffs);
	if (statfs(found, &fs))
		return wm_fail(err, errno, "%s: %s", found, strerror(errno));
	if ((uint32_t)fs.f_type == BPF_FS_MAGIC)
		return 0;
	/* Nobody can make directories in sysfs: it has a place for the mount. */
	if (whole || (uint32_t)fs.f_type == SYSFS_MAGIC)
		return wm_fail(err, ENOENT, "no BPF file system is mounted at %s: mount -t bpf bpf %s", found, found);
	return wm_fail(err, ENOENT, "no BPF file system is mounted at %s: mkdir -p %s && mount -t bpf bpf %s",
		       inst->bpffs, inst->bpffs, inst->bpffs);
}

/* --- removing ---------------------------------------------------------------------- */

static int remove_tree(const char *path)
{
	char below[PATH_MAX];
	DIR *dir = opendir(path);
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!rc && (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		rc = wm_format(below, sizeof(below), "%s/%s", path, e->d_name);
		if (!rc && e->d_type == DT_DIR)
			rc = remove_tree(below);
		else if (!rc && unlink(below) && errno != ENOENT)
			rc = -errno;
	}
	closedir(dir);
	if (!rc && rmdir(path) && errno != ENOENT)
		rc = -errno;
	return rc;
}

int wm_bpf_pins_remove_set(const struct wm_instance *inst, const char *set, struct wm_error *err)
{
	char path[PATH_MAX];
	int rc = wm_bpf_pins_path(inst, set, NULL, path);

	if (!rc)
		rc = remove_tree(path);
	return rc ? wm_fail(err, -rc, "cannot remove %s: %s", path, strerror(-rc)) : 0;
}

static int remove_pin(const struct wm_instance *inst, const char *object, struct wm_error *err)
{
	char path[PATH_MAX];
	int rc = wm_bpf_pins_path(inst, WM_BPF_NOW, object, path);

	if (!rc && unlink(path) && errno != ENOENT)
		rc = -errno;
	return rc ? wm_fail(err, -rc, "cannot remove %s: %s", path, strerror(-rc)) : 0;
}

int wm_bpf_pins_remove(const struct wm_instance *inst, struct wm_error *err)
{
	int rc = wm_bpf_pins_remove_set(inst, NULL, err);

	/* Ours too, unless it is a mount or others live there. */
	if (!rc)
		(void)rmdir(inst->bpffs);
	return rc;
}

bool wm_bpf_pins_in_force(const struct wm_instance *inst)
{
	char path[PATH_MAX];
	struct dirent *e;
	bool found;
	DIR *dir;

	if (wm_bpf_pins_path(inst, NULL, NULL, path))
		return false;
	dir = opendir(path);
	found = !dir && errno != ENOENT && errno != ENOTDIR;
	while (dir && !found && (e = readdir(dir))) {
		for (int i = 0; e->d_name[0] == 'v' && i < WM_BPF_TC_PROGS; i++)
			found |= wm_bpf_pins_exist(inst, e->d_name, wm_bpf_progs[i]);
	}
	if (dir)
		closedir(dir);
	return found;
}

int wm_bpf_pins_retire(const struct wm_instance *inst, struct wm_error *err)
{
	int rc = wm_bpf_pins_remove_set(inst, WM_BPF_NEW, err);

	for (int i = 0; !rc && i < WM_BPF_MAPS; i++)
		rc = remove_pin(inst, wm_bpf_maps[i].name, err);
	for (int i = 0; !rc && i < WM_BPF_PROGS; i++)
		rc = remove_pin(inst, wm_bpf_progs[i], err);
	if (!rc)
		rc = wm_bpf_pins_remove_set(inst, WM_BPF_OLD, err);
	(void)wm_bpf_pins_prune(inst);
	return rc;
}

int wm_bpf_lock_following(const struct wm_instance *inst, int *ret_fd, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = -1;
	char path[PATH_MAX];
	int rc = wm_bpf_pins_path(inst, NULL, NULL, path);

	if (!rc)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return wm_fail(err, rc ? -rc : errno, "cannot open %s: %s", path, strerror(rc ? -rc : errno));
	if (flock(fd, LOCK_EX | LOCK_NB))
		return wm_fail(err, errno == EWOULDBLOCK ? EBUSY : errno, "cannot lock %s: %s", path,
			       errno == EWOULDBLOCK ? "another wm-bpf follows this mesh's drops already, and only one can; end that one first"
						    : strerror(errno));
	*ret_fd = wm_steal_fd(&fd);
	return 0;
}

int wm_bpf_pins_prune(const struct wm_instance *inst)
{
	char path[PATH_MAX];
	struct dirent *e;
	int n = 0;
	DIR *dir;

	if (wm_bpf_pins_path(inst, NULL, NULL, path))
		return 0;
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == 'v' && strcmp(e->d_name, WM_BPF_NOW))
			n += !wm_bpf_pins_remove_set(inst, e->d_name, NULL);
	}
	if (dir)
		closedir(dir);
	return n;
}

/* --- a new set takes the place of the old -------------------------------------------- */

static int move(const struct wm_instance *inst, const char *from, const char *to, struct wm_error *err)
{
	char a[PATH_MAX], b[PATH_MAX];
	int rc = wm_bpf_pins_path(inst, from, NULL, a);

	if (!rc)
		rc = wm_bpf_pins_path(inst, to, NULL, b);
	if (!rc && rename(a, b))
		rc = -errno;
	return rc ? wm_fail(err, -rc, "cannot rename %s to %s: %s", a, b, strerror(-rc)) : 0;
}

/* The old one stays: its programs write into its maps until the filters are replaced. */
int wm_bpf_pins_swap(const struct wm_instance *inst, struct wm_error *err)
{
	int rc = 0;

	if (wm_bpf_pins_exist(inst, WM_BPF_NOW, NULL)) {
		rc = wm_bpf_pins_remove_set(inst, WM_BPF_OLD, err);
		if (!rc)
			rc = move(inst, WM_BPF_NOW, WM_BPF_OLD, err);
	}
	return rc ? rc : move(inst, WM_BPF_NEW, WM_BPF_NOW, err);
}

int wm_bpf_pins_heal(const struct wm_instance *inst, struct wm_error *err)
{
	int rc;

	if (wm_bpf_pins_exist(inst, WM_BPF_NEW, WM_BPF_META)) {
		rc = wm_bpf_pins_swap(inst, err);
		return rc ? rc : 1;
	}
	if (!wm_bpf_pins_exist(inst, WM_BPF_NEW, NULL))
		return 0;
	rc = wm_bpf_pins_remove_set(inst, WM_BPF_NEW, err);
	return rc ? rc : 1;
}

int wm_bpf_old_remove(const struct wm_instance *inst, struct wm_error *err)
{
	return wm_bpf_pins_remove_set(inst, WM_BPF_OLD, err);
}
