/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where the data plane lives while no program of ours runs: sets of pinned maps
 * and programs in a bpffs. (bpffs refuses names with a dot.)
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

#include <bpf/bpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

#define META "meta"
#define STR_(x) #x
#define STR(x) STR_(x)
#define NOW "v" STR(WM_LAYOUT)

/* --- sets ------------------------------------------------------------------------ */

void wm_bpf_set_init(struct wm_bpf_set *set)
{
	*set = (struct wm_bpf_set){ .meta_fd = -1 };
	for (int i = 0; i < WM_BPF_MAPS; i++)
		set->map[i] = -1;
	for (int i = 0; i < WM_BPF_PROGS; i++)
		set->prog[i] = -1;
}

void wm_bpf_set_close(struct wm_bpf_set *set)
{
	for (int i = 0; i < WM_BPF_MAPS; i++)
		wm_closep(&set->map[i]);
	for (int i = 0; i < WM_BPF_PROGS; i++)
		wm_closep(&set->prog[i]);
	wm_closep(&set->meta_fd);
	wm_bpf_set_init(set);
}

/* --- paths ----------------------------------------------------------------------- */

/* <bpffs>/<instance>[/<set>[<suffix>][/<object>]] */
static int path_of(const struct wm_instance *inst, const char *set, const char *object, char ret[PATH_MAX])
{
	return wm_format(ret, PATH_MAX, "%s/%s%s%s%s%s", inst->bpffs, *inst->name ? inst->name : "default",
			 set ? "/" : "", set ? set : "", object ? "/" : "", object ? object : "");
}

/* What may not be looked at counts as there. */
static bool exists(const struct wm_instance *inst, const char *set, const char *object)
{
	char path[PATH_MAX];

	return !path_of(inst, set, object, path) && (!access(path, F_OK) || (errno != ENOENT && errno != ENOTDIR));
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

static int remove_set(const struct wm_instance *inst, const char *set, struct wm_error *err)
{
	char path[PATH_MAX];
	int rc = path_of(inst, set, NULL, path);

	if (!rc)
		rc = remove_tree(path);
	return rc ? wm_fail(err, -rc, "cannot remove %s: %s", path, strerror(-rc)) : 0;
}

static int remove_pin(const struct wm_instance *inst, const char *object, struct wm_error *err)
{
	char path[PATH_MAX];
	int rc = path_of(inst, NOW, object, path);

	if (!rc && unlink(path) && errno != ENOENT)
		rc = -errno;
	return rc ? wm_fail(err, -rc, "cannot remove %s: %s", path, strerror(-rc)) : 0;
}

int wm_bpf_pins_remove(const struct wm_instance *inst, struct wm_error *err)
{
	int rc = remove_set(inst, NULL, err);

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

	if (path_of(inst, NULL, NULL, path))
		return false;
	dir = opendir(path);
	found = !dir && errno != ENOENT && errno != ENOTDIR;
	while (dir && !found && (e = readdir(dir))) {
		for (int i = 0; e->d_name[0] == 'v' && i < WM_BPF_TC_PROGS; i++)
			found |= exists(inst, e->d_name, wm_bpf_progs[i]);
	}
	if (dir)
		closedir(dir);
	return found;
}

int wm_bpf_pins_retire(const struct wm_instance *inst, struct wm_error *err)
{
	int rc = remove_set(inst, NOW "_new", err);

	for (int i = 0; !rc && i < WM_BPF_MAPS; i++)
		rc = remove_pin(inst, wm_bpf_maps[i].name, err);
	for (int i = 0; !rc && i < WM_BPF_PROGS; i++)
		rc = remove_pin(inst, wm_bpf_progs[i], err);
	if (!rc)
		rc = remove_set(inst, NOW "_old", err);
	(void)wm_bpf_pins_prune(inst);
	return rc;
}

int wm_bpf_lock_following(const struct wm_instance *inst, int *ret_fd, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = -1;
	char path[PATH_MAX];
	int rc = path_of(inst, NULL, NULL, path);

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

	if (path_of(inst, NULL, NULL, path))
		return 0;
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == 'v' && strcmp(e->d_name, NOW))
			n += !remove_set(inst, e->d_name, NULL);
	}
	if (dir)
		closedir(dir);
	return n;
}

/* --- a new set takes the place of the old -------------------------------------------- */

static int move(const struct wm_instance *inst, const char *from, const char *to, struct wm_error *err)
{
	char a[PATH_MAX], b[PATH_MAX];
	int rc = path_of(inst, from, NULL, a);

	if (!rc)
		rc = path_of(inst, to, NULL, b);
	if (!rc && rename(a, b))
		rc = -errno;
	return rc ? wm_fail(err, -rc, "cannot rename %s to %s: %s", a, b, strerror(-rc)) : 0;
}

/* The old one stays beside it: its programs write into its maps until the filters are replaced. */
static int swap(const struct wm_instance *inst, struct wm_error *err)
{
	int rc = 0;

	if (exists(inst, NOW, NULL)) {
		rc = remove_set(inst, NOW "_old", err);
		if (!rc)
			rc = move(inst, NOW, NOW "_old", err);
	}
	return rc ? rc : move(inst, NOW "_new", NOW, err);
}

int wm_bpf_pins_heal(const struct wm_instance *inst, struct wm_error *err)
{
	int rc;

	if (exists(inst, NOW "_new", META)) {
		rc = swap(inst, err);
		return rc ? rc : 1;
	}
	if (!exists(inst, NOW "_new", NULL))
		return 0;
	rc = remove_set(inst, NOW "_new", err);
	return rc ? rc : 1;
}

int wm_bpf_old_remove(const struct wm_instance *inst, struct wm_error *err)
{
	return remove_set(inst, NOW "_old", err);
}

/* --- opening --------------------------------------------------------------------------- */

/* A set's directory, for what opens its objects. */
struct place {
	const struct wm_instance *inst;
	const char *set;
};

/* An object of the set: a descriptor, -ENOENT, -errno. */
static int get(const struct place *in, const char *object, struct wm_error *err)
{
	char path[PATH_MAX];
	int fd, rc = path_of(in->inst, in->set, object, path);

	if (rc)
		return wm_fail(err, -rc, "the path %s/... is too long", in->inst->bpffs);
	fd = bpf_obj_get(path);
	if (fd >= 0 || fd == -ENOENT)
		return fd;
	return wm_bpf_fail(err, fd, "cannot open %s", path);
}

static int get_map(const struct place *in, const struct wm_bpf_shape *shape, int *ret_fd, uint32_t *ret_size,
		   uint32_t *ret_id, struct wm_error *err)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = get(in, shape->name, err);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.type != shape->type || info.key_size != shape->key_size ||
	    info.value_size != shape->value_size || info.map_flags != shape->flags) {
		close(fd);
		return 0;
	}
	*ret_fd = fd;
	*ret_size = info.max_entries;
	*ret_id = info.id;
	return 0;
}

static int get_prog(const struct place *in, const char *name, int *ret_fd, uint32_t *ret_id, struct wm_error *err)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = get(in, name, err);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len)) {
		close(fd);
		return 0;
	}
	*ret_fd = fd;
	*ret_id = info.id;
	return 0;
}

static int get_meta(const struct place *in, struct wm_bpf_set *set, struct wm_error *err)
{
	static const struct wm_bpf_shape shape = { META, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct wm_bpf_meta) };
	uint32_t size, id, zero = 0;
	int rc = get_map(in, &shape, &set->meta_fd, &size, &id, err);

	if (rc || set->meta_fd < 0)
		return rc;
	rc = bpf_map_lookup_elem(set->meta_fd, &zero, &set->meta);
	if (rc)
		return wm_bpf_fail(err, rc, "cannot read the pinned map " META);
	if (set->meta.ndevices > WM_BPF_DEVICES)
		close(wm_steal_fd(&set->meta_fd));
	return 0;
}

static int open_set(const struct place *in, struct wm_bpf_set *ret, struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	uint32_t map_id[WM_BPF_MAPS] = { 0 }, prog_id[WM_BPF_PROGS] = { 0 };
	int rc;

	wm_bpf_set_init(ret);
	wm_bpf_set_init(&set);
	if (!exists(in->inst, in->set, NULL)) /* nor may BPF be asked, in some containers */
		return 0;
	rc = get_meta(in, &set, err);
	for (int i = 0; !rc && i < WM_BPF_MAPS; i++)
		rc = get_map(in, &wm_bpf_maps[i], &set.map[i], &set.size[i], &map_id[i], err);
	for (int i = 0; !rc && i < WM_BPF_PROGS; i++)
		rc = get_prog(in, wm_bpf_progs[i], &set.prog[i], &prog_id[i], err);
	if (rc)
		return rc;
	set.whole = set.meta_fd >= 0 && !memcmp(set.meta.map_id, map_id, sizeof(map_id)) &&
		    !memcmp(set.meta.prog_id, prog_id, sizeof(prog_id));
	*ret = set;
	wm_bpf_set_init(&set);
	return 0;
}

int wm_bpf_set_open(const struct wm_instance *inst, struct wm_bpf_set *ret, struct wm_error *err)
{
	return open_set(&(struct place){ inst, NOW }, ret, err);
}

int wm_bpf_set_open_old(const struct wm_instance *inst, struct wm_bpf_set *ret, struct wm_error *err)
{
	return open_set(&(struct place){ inst, NOW "_old" }, ret, err);
}

/* --- pinning ----------------------------------------------------------------------------- */

int wm_bpf_meta_write(const struct wm_bpf_set *set, struct wm_error *err)
{
	uint32_t zero = 0;
	int rc = bpf_map_update_elem(set->meta_fd, &zero, &set->meta, BPF_ANY);

	return rc ? wm_bpf_fail(err, rc, "cannot write the map " META) : 0;
}

static int put(const struct wm_instance *inst, int fd, const char *object, struct wm_error *err)
{
	char path[PATH_MAX];
	int rc = path_of(inst, NOW "_new", object, path);

	if (!rc)
		rc = bpf_obj_pin(fd, path);
	return rc ? wm_bpf_fail(err, rc, "cannot pin %s", path) : 0;
}

static int fill_ids(struct wm_bpf_set *set)
{
	int rc = 0;

	for (int i = 0; !rc && i < WM_BPF_MAPS; i++) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);

		rc = bpf_obj_get_info_by_fd(set->map[i], &info, &len);
		set->meta.map_id[i] = info.id;
	}
	for (int i = 0; !rc && i < WM_BPF_PROGS; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (set->prog[i] >= 0)
			rc = bpf_obj_get_info_by_fd(set->prog[i], &info, &len);
		set->meta.prog_id[i] = info.id;
	}
	return rc;
}

static int make_meta(struct wm_bpf_set *set, struct wm_error *err)
{
	int rc = fill_ids(set);

	if (rc)
		return wm_bpf_fail(err, rc, "cannot look at the loaded programs");
	set->meta_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "wm_meta", 4, sizeof(set->meta), 1, NULL);
	if (set->meta_fd < 0)
		return wm_bpf_fail(err, set->meta_fd, "cannot create the map " META);
	return wm_bpf_meta_write(set, err);
}

int wm_bpf_set_pin(const struct wm_instance *inst, struct wm_bpf_set *set, struct wm_error *err)
{
	char path[PATH_MAX];
	int rc = remove_set(inst, NOW "_new", err);

	if (!rc)
		rc = make_meta(set, err);
	if (rc)
		return rc;
	rc = path_of(inst, NOW "_new", NULL, path);
	if (!rc)
		rc = wm_make_dirs(path, 0700);
	if (rc)
		return wm_fail(err, -rc, "cannot make the directory %s: %s", path, strerror(-rc));
	for (int i = 0; !rc && i < WM_BPF_MAPS; i++)
		rc = put(inst, set->map[i], wm_bpf_maps[i].name, err);
	for (int i = 0; !rc && i < WM_BPF_PROGS; i++) {
		if (set->prog[i] >= 0)
			rc = put(inst, set->prog[i], wm_bpf_progs[i], err);
	}
	if (!rc)
		rc = put(inst, set->meta_fd, META, err);
	if (!rc)
		rc = swap(inst, err);
	if (!rc)
		set->whole = true;
	return rc;
}
