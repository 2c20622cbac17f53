/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A set of maps and programs: opened from where it is pinned, and pinned, with
 * the meta map that says whether all of it is there.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "core/util.h"
#include "kernel/bpf_pins_priv.h"

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
	int fd, rc = wm_bpf_pins_path(in->inst, in->set, object, path);

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
	static const struct wm_bpf_shape shape = { WM_BPF_META, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct wm_bpf_meta) };
	uint32_t size, id, zero = 0;
	int rc = get_map(in, &shape, &set->meta_fd, &size, &id, err);

	if (rc || set->meta_fd < 0)
		return rc;
	rc = bpf_map_lookup_elem(set->meta_fd, &zero, &set->meta);
	if (rc)
		return wm_bpf_fail(err, rc, "cannot read the pinned map " WM_BPF_META);
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
	if (!wm_bpf_pins_exist(in->inst, in->set, NULL)) /* nor may BPF be asked, in some containers */
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
	return open_set(&(struct place){ inst, WM_BPF_NOW }, ret, err);
}

int wm_bpf_set_open_old(const struct wm_instance *inst, struct wm_bpf_set *ret, struct wm_error *err)
{
	return open_set(&(struct place){ inst, WM_BPF_OLD }, ret, err);
}

/* --- pinning ----------------------------------------------------------------------------- */

int wm_bpf_meta_write(const struct wm_bpf_set *set, struct wm_error *err)
{
	uint32_t zero = 0;
	int rc = bpf_map_update_elem(set->meta_fd, &zero, &set->meta, BPF_ANY);

	return rc ? wm_bpf_fail(err, rc, "cannot write the map " WM_BPF_META) : 0;
}

static int put(const struct wm_instance *inst, int fd, const char *object, struct wm_error *err)
{
	char path[PATH_MAX];
	int rc = wm_bpf_pins_path(inst, WM_BPF_NEW, object, path);

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
		return wm_bpf_fail(err, set->meta_fd, "cannot create the map " WM_BPF_META);
	return wm_bpf_meta_write(set, err);
}

int wm_bpf_set_pin(const struct wm_instance *inst, struct wm_bpf_set *set, struct wm_error *err)
{
	char path[PATH_MAX];
	int rc = wm_bpf_pins_remove_set(inst, WM_BPF_NEW, err);

	if (!rc)
		rc = make_meta(set, err);
	if (rc)
		return rc;
	rc = wm_bpf_pins_path(inst, WM_BPF_NEW, NULL, path);
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
		rc = put(inst, set->meta_fd, WM_BPF_META, err);
	if (!rc)
		rc = wm_bpf_pins_swap(inst, err);
	if (!rc)
		set->whole = true;
	return rc;
}
