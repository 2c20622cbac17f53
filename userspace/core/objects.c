/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/objects.h"

#include <stdlib.h>

#include "core/util.h"

void wm_objects_free(struct wm_objects *objects)
{
	free(objects->maps);
	free(objects->progs);
	*objects = (struct wm_objects){ 0 };
}

int wm_objects_add_map(struct wm_objects *objects, const struct wm_map_view *map)
{
	int rc = wm_grow((void **)&objects->maps, &objects->cap_maps, objects->nmaps + 1, sizeof(*map));

	if (!rc)
		objects->maps[objects->nmaps++] = *map;
	return rc;
}

int wm_objects_add_prog(struct wm_objects *objects, const struct wm_prog_view *prog)
{
	int rc = wm_grow((void **)&objects->progs, &objects->cap_progs, objects->nprogs + 1, sizeof(*prog));

	if (!rc)
		objects->progs[objects->nprogs++] = *prog;
	return rc;
}
