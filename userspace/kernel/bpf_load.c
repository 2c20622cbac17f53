/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The programs of bpf/, embedded here as bpftool's skeletons: sized, given their
 * parameters, loaded on new or existing maps. The shield is an object of its
 * own, on the maps of the others, so that they do not depend on it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "wm_tc.skel.h"
#include "wm_xdp.skel.h"

#define PROBE_HALF 256 /* flows_half, when the programs are only tried */

uint32_t wm_bpf_object_hash(void)
{
	static uint32_t hash;
	size_t size;

	if (!hash) {
		const void *elf = wm_tc__elf_bytes(&size);

		hash = wm_hash32(elf, size);
		elf = wm_xdp__elf_bytes(&size);
		hash = hash * 31 + wm_hash32(elf, size);
	}
	return hash;
}

static int take(int fd, int *ret)
{
	*ret = dup(fd);
	return *ret < 0 ? -errno : 0;
}

/* Descriptors of what was loaded, so that the object can go. */
static int take_all(const struct bpf_object *obj, struct wm_bpf_set *set)
{
	int rc = 0;

	for (int i = 0; !rc && i < WM_BPF_MAPS; i++) {
		const struct bpf_map *map = bpf_object__find_map_by_name(obj, wm_bpf_maps[i].name);

		rc = take(bpf_map__fd(map), &set->map[i]);
		set->size[i] = bpf_map__max_entries(map);
	}
	for (int i = 0; !rc && i < WM_BPF_TC_PROGS; i++) {
		const struct bpf_program *prog = bpf_object__find_program_by_name(obj, wm_bpf_progs[i]);

		if (bpf_program__autoload(prog))
			rc = take(bpf_program__fd(prog), &set->prog[i]);
	}
	return rc;
}

/* The shapes of bpf_shape.c and the object's are one contract. */
static bool has_shape(const struct bpf_map *map, const struct wm_bpf_shape *shape)
{
	return map && bpf_map__type(map) == shape->type && bpf_map__key_size(map) == shape->key_size &&
	       bpf_map__value_size(map) == shape->value_size;
}

static int prepare(struct wm_tc *skel, const struct wm_bpf_set *from, const bool share[WM_BPF_MAPS],
		   const uint32_t size[WM_BPF_MAPS], struct wm_error *err)
{
	for (int i = 0; i < WM_BPF_MAPS; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, wm_bpf_maps[i].name);
		int rc = 0;

		if (!has_shape(map, &wm_bpf_maps[i]))
			return wm_fail(err, EPROTO,
				       "this program does not fit its own BPF object (map %s): build it anew",
				       wm_bpf_maps[i].name);
		if (share && share[i])
			rc = bpf_map__reuse_fd(map, from->map[i]);
		else if (size[i])
			rc = bpf_map__set_max_entries(map, size[i]);
		if (!rc && !(share && share[i]))
			rc = bpf_map__set_map_flags(map, wm_bpf_maps[i].flags);
		if (rc)
			return wm_bpf_fail(err, rc, "cannot prepare the map %s", wm_bpf_maps[i].name);
	}
	return 0;
}

/* On all maps of the set, which its object declares as the other does. */
static int prepare_shield(struct wm_xdp *skel, const struct wm_bpf_set *set, bool frags)
{
	int rc = bpf_program__set_autoload(skel->progs.wm_shield_frags, frags);

	for (int i = 0; !rc && i < WM_BPF_MAPS; i++)
		rc = bpf_map__reuse_fd(bpf_object__find_map_by_name(skel->obj, wm_bpf_maps[i].name), set->map[i]);
	return rc;
}

static int load_shield(const struct wm_params *params, struct wm_bpf_set *set, bool frags)
{
	struct wm_xdp *skel = wm_xdp__open();
	int rc;

	if (!skel)
		return -errno;
	skel->rodata->params = *params;
	rc = prepare_shield(skel, set, frags);
	if (!rc)
		rc = wm_xdp__load(skel);
	if (!rc)
		rc = take(bpf_program__fd(skel->progs.wm_shield), &set->prog[WM_BPF_XDP]);
	if (!rc && frags)
		rc = take(bpf_program__fd(skel->progs.wm_shield_frags), &set->prog[WM_BPF_XDP_FRAGS]);
	wm_xdp__destroy(skel);
	return rc;
}

/* Kernels before 5.18 know no frames in several buffers. */
static void try_shield(const struct wm_params *params, struct wm_bpf_set *set)
{
	struct wm_error why;
	int rc = load_shield(params, set, true);

	if (rc) {
		wm_closep(&set->prog[WM_BPF_XDP]);
		set->prog[WM_BPF_XDP] = -1;
		wm_bpf_log_start();
		rc = load_shield(params, set, false);
	}
	if (!rc)
		return;
	wm_bpf_fail(&why, rc, "the kernel does not take the program");
	snprintf(set->meta.no_shield, sizeof(set->meta.no_shield), "%.*s", WM_NO_SHIELD_SIZE - 1, why.text);
}

/* only: that program; WM_BPF_PROGS: all of them. */
static int load(const struct wm_params *params, const struct wm_bpf_set *from, const bool share[WM_BPF_MAPS],
		const uint32_t size[WM_BPF_MAPS], enum wm_bpf_prog only, struct wm_bpf_set *ret, struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	struct wm_tc *skel;
	int rc;

	wm_bpf_set_init(&set);
	skel = wm_tc__open();
	if (!skel)
		return wm_bpf_fail(err, -errno, "cannot read the BPF programs");
	skel->rodata->params = *params;
	rc = prepare(skel, from, share, size, err);
	for (int i = 0; !rc && i < WM_BPF_TC_PROGS; i++)
		bpf_program__set_autoload(bpf_object__find_program_by_name(skel->obj, wm_bpf_progs[i]),
					  only == WM_BPF_PROGS || (int)only == i);
	if (!rc) {
		rc = wm_tc__load(skel);
		if (rc)
			wm_bpf_fail(err, rc, "the kernel does not take the BPF programs");
	}
	if (!rc) {
		rc = take_all(skel->obj, &set);
		if (rc)
			wm_fail(err, -rc, "cannot hold the BPF programs: %s", strerror(-rc));
	}
	wm_tc__destroy(skel);
	if (rc)
		return rc;
	if (only == WM_BPF_PROGS)
		try_shield(params, &set);
	for (int i = 0; i < WM_BPF_MAPS; i++)
		set.fresh[i] = !(share && share[i]);
	set.meta.object = wm_bpf_object_hash();
	set.meta.params = *params;
	*ret = set;
	wm_bpf_set_init(&set);
	return 0;
}

int wm_bpf_load(const struct wm_params *params, const struct wm_bpf_set *from, const bool share[WM_BPF_MAPS],
		const uint32_t size[WM_BPF_MAPS], struct wm_bpf_set *ret, struct wm_error *err)
{
	return load(params, from, share, size, WM_BPF_PROGS, ret, err);
}

int wm_bpf_load_one(const struct wm_params *params, const struct wm_bpf_set *from, const bool share[WM_BPF_MAPS],
		    const uint32_t size[WM_BPF_MAPS], enum wm_bpf_prog prog, struct wm_bpf_set *ret, struct wm_error *err)
{
	return load(params, from, share, size, prog, ret, err);
}

int wm_bpf_try_load(struct wm_error *err)
{
	WM_AUTO_BPF_SET struct wm_bpf_set set;
	const uint32_t size[WM_BPF_MAPS] = { [WM_BPF_FLOWS_HALF] = PROBE_HALF, [WM_BPF_FRAGS] = PROBE_HALF };
	const struct wm_params params = { .fastpath = 1, .hz = wm_bpf_hz() };

	wm_bpf_set_init(&set);
	return wm_bpf_load(&params, NULL, NULL, size, &set, err);
}

int wm_bpf_permitted(struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "wm_probe", 4, 4, 1, NULL);

	int rc = fd < 0 ? 0 : wm_bpf_may_ask();

	if (fd < 0)
		return wm_bpf_fail(err, fd, "cannot create a map");
	return rc ? wm_bpf_fail(err, rc, "cannot ask whose the BPF programs in force are") : 0;
}
