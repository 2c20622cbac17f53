/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What stands in the data plane's maps: reading it, as it lies in the kernel or
 * into a copy.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

/* What is mapped counts as memory of this process while it is. A multiple of any page's size. */
#define MAPPED_AT_ONCE ((size_t)1 << 20)
/* More than ever fall into one bucket, of which the kernel gives all or none. */
#define KEYS_AT_ONCE 4096u

/* --- arrays ------------------------------------------------------------------------------- */

static int view_part(const struct wm_bpf_set *set, enum wm_bpf_map map, size_t from, size_t len, struct wm_bpf_view *ret)
{
	void *mapped = mmap(NULL, len, PROT_READ, MAP_SHARED, set->map[map], (off_t)from);

	if (mapped == MAP_FAILED)
		return -errno;
	*ret = (struct wm_bpf_view){ mapped, len };
	return 0;
}

static size_t array_len(const struct wm_bpf_set *set, enum wm_bpf_map map)
{
	return (size_t)set->size[map] * wm_bpf_maps[map].value_size;
}

int wm_bpf_view(const struct wm_bpf_set *set, enum wm_bpf_map map, struct wm_bpf_view *ret)
{
	return view_part(set, map, 0, array_len(set, map), ret);
}

void wm_bpf_view_end(struct wm_bpf_view *view)
{
	if (view->values)
		munmap((void *)view->values, view->len);
}

int wm_bpf_array_walk(const struct wm_bpf_set *set, enum wm_bpf_map map, wm_bpf_values_fn *take, void *arg)
{
	size_t size = wm_bpf_maps[map].value_size, len = array_len(set, map);
	int rc = 0;

	for (size_t from = 0; !rc && from < len; from += MAPPED_AT_ONCE) {
		struct wm_bpf_view view = { 0 };

		rc = view_part(set, map, from, WM_MIN(len - from, MAPPED_AT_ONCE), &view);
		if (!rc)
			rc = take(arg, (uint32_t)(from / size), view.values, (uint32_t)(view.len / size));
		wm_bpf_view_end(&view);
	}
	return rc;
}

struct copy {
	char *values;
	size_t size;
};

static int copy_values(void *arg, uint32_t first, const void *values, uint32_t n)
{
	const struct copy *copy = arg;

	memcpy(copy->values + first * copy->size, values, n * copy->size);
	return 0;
}

int wm_bpf_array_read(const struct wm_bpf_set *set, enum wm_bpf_map map, void **ret)
{
	struct copy copy = { malloc(array_len(set, map)), wm_bpf_maps[map].value_size };
	int rc = copy.values ? wm_bpf_array_walk(set, map, copy_values, &copy) : -ENOMEM;

	if (rc)
		free(copy.values);
	else
		*ret = copy.values;
	return rc;
}

int wm_bpf_lans_read(const struct wm_bpf_set *set, struct wm_bpf_content *ret)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < WM_LAN_SLOTS; i++)
		rc = bpf_map_lookup_elem(set->map[WM_BPF_LANS], &i, &ret->lans[i]);
	return rc;
}

/* --- LAN addresses -------------------------------------------------------------------------- */

struct batch {
	struct wm_lan_key keys[KEYS_AT_ONCE];
	uint32_t values[KEYS_AT_ONCE];
};

int wm_bpf_lan_hosts_walk(const struct wm_bpf_set *set, wm_bpf_lan_host_fn *take, void *arg)
{
	WM_AUTO_FREE struct batch *batch = malloc(sizeof(*batch));
	uint32_t cursor, *from = NULL, n;
	bool last = false;
	int rc = batch ? 0 : -ENOMEM;

	while (!rc && !last) {
		n = WM_MIN(set->size[WM_BPF_LAN_HOSTS], KEYS_AT_ONCE);
		rc = bpf_map_lookup_batch(set->map[WM_BPF_LAN_HOSTS], from, &cursor, batch->keys, batch->values, &n, NULL);
		last = rc == -ENOENT; /* its way of saying that this was all */
		if (last)
			rc = 0;
		for (uint32_t i = 0; !rc && i < n; i++)
			rc = take(arg, &(const struct wm_bpf_lan_host){ batch->keys[i], batch->values[i] });
		from = &cursor;
	}
	return rc;
}

struct list {
	struct wm_bpf_content *content;
	size_t cap;
};

static int list_lan_host(void *arg, const struct wm_bpf_lan_host *host)
{
	struct list *list = arg;
	struct wm_bpf_content *c = list->content;
	int rc = wm_grow((void **)&c->lan_hosts, &list->cap, c->nlan_hosts + 1, sizeof(*host));

	if (!rc)
		c->lan_hosts[c->nlan_hosts++] = *host;
	return rc;
}

static int read_lan_hosts(const struct wm_bpf_set *set, struct wm_bpf_content *io)
{
	struct list list = { .content = io };
	int rc = wm_bpf_lan_hosts_walk(set, list_lan_host, &list);

	if (!rc && io->nlan_hosts)
		qsort(io->lan_hosts, io->nlan_hosts, sizeof(*io->lan_hosts), wm_bpf_lan_host_order);
	return rc;
}

/* --- all of it --------------------------------------------------------------------------------- */

int wm_bpf_content_read_places(const struct wm_bpf_set *set, struct wm_bpf_content *ret, struct wm_error *err)
{
	WM_AUTO_BPF_CONTENT struct wm_bpf_content content = { .naddrs = set->size[WM_BPF_HOSTS] };
	int rc = wm_bpf_array_read(set, WM_BPF_LAN_HINTS, (void **)&content.lan_hints);

	if (!rc)
		rc = wm_bpf_array_read(set, WM_BPF_SHIELD, (void **)&content.shield);
	if (!rc)
		rc = wm_bpf_lans_read(set, &content);
	if (rc)
		return wm_bpf_fail(err, rc, "cannot read the data plane's maps");
	*ret = content;
	content = (struct wm_bpf_content){ 0 };
	return 0;
}

int wm_bpf_content_read_hosts(const struct wm_bpf_set *set, struct wm_bpf_content *io, struct wm_error *err)
{
	int rc = wm_bpf_array_read(set, WM_BPF_HOSTS, (void **)&io->hosts);

	if (!rc)
		rc = read_lan_hosts(set, io);
	return rc ? wm_bpf_fail(err, rc, "cannot read the data plane's maps") : 0;
}

int wm_bpf_content_read(const struct wm_bpf_set *set, struct wm_bpf_content *ret, struct wm_error *err)
{
	WM_AUTO_BPF_CONTENT struct wm_bpf_content content = { 0 };
	int rc = wm_bpf_content_read_places(set, &content, err);

	if (!rc)
		rc = wm_bpf_content_read_hosts(set, &content, err);
	if (rc)
		return rc;
	*ret = content;
	content = (struct wm_bpf_content){ 0 };
	return 0;
}
