/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/removal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/delta.h"
#include "core/util.h"

#define VERSION 1
#define SERIES_S 3600

bool wm_removal_is_mass(size_t removed, size_t known)
{
	return removed > 3 && removed > known / 2;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct wm_device *const *)a)->name, (*(const struct wm_device *const *)b)->name);
}

/* Devices are not kept by name. Out of memory: all count as gone, which asks the operator. */
static size_t lost_devices(const struct wm_device *list, size_t n, const struct wm_config *after)
{
	WM_AUTO_FREE const struct wm_device **view = n && after->ndevices ? calloc(after->ndevices, sizeof(*view)) : NULL;
	size_t lost = 0;

	if (!view)
		return n;
	for (size_t i = 0; i < after->ndevices; i++)
		view[i] = &after->devices[i];
	qsort(view, after->ndevices, sizeof(*view), by_name);
	for (size_t i = 0; i < n; i++) {
		const struct wm_device *key = &list[i];

		lost += !bsearch(&key, view, after->ndevices, sizeof(*view), by_name);
	}
	return lost;
}

static size_t lost_sites(const struct wm_site *list, size_t n, const struct wm_config *after)
{
	size_t lost = 0;

	for (size_t i = 0; i < n; i++)
		lost += !wm_config_site(after, list[i].domain);
	return lost;
}

static size_t lost_hosts(const struct wm_host *list, size_t n, const struct wm_config *after)
{
	size_t lost = 0;

	for (size_t i = 0; i < n; i++)
		lost += !wm_config_host(after, list[i].name, list[i].domain);
	return lost;
}

size_t wm_removal_count(const struct wm_config *before, const struct wm_config *after)
{
	return lost_sites(before->sites, before->nsites, after) + lost_hosts(before->hosts, before->nhosts, after) +
	       lost_devices(before->devices, before->ndevices, after);
}

size_t wm_removal_count_diff(const struct wm_config_diff *d, const struct wm_config *after, size_t *ret_known)
{
	size_t gone = d->nsites_gone + d->nhosts_gone + d->ndevices_gone;
	size_t come = d->nsites_come + d->nhosts_come + d->ndevices_come;

	*ret_known = after->nsites + after->nhosts + after->ndevices + gone - come;
	if (!wm_removal_is_mass(gone, *ret_known))
		return gone;
	return lost_sites(d->sites_gone, d->nsites_gone, after) + lost_hosts(d->hosts_gone, d->nhosts_gone, after) +
	       lost_devices(d->devices_gone, d->ndevices_gone, after);
}

struct wm_removal_series wm_removal_series_next(const struct wm_removal_series *series, size_t before, size_t left, int64_t now,
						bool goes_on)
{
	bool open = series->last && (goes_on || now - series->last < SERIES_S);
	struct wm_removal_series next = open ? *series : (struct wm_removal_series){ 0 };

	if (left < before) {
		next.known = WM_MAX(next.known, (uint64_t)before);
		next.last = now;
	} else if (open) {
		next.known = WM_MAX(next.known, (uint64_t)left);
	}
	return next;
}

const char *wm_removal_series_format(const struct wm_removal_series *s, char *buf)
{
	snprintf(buf, WM_REMOVAL_TEXT, "%d %" PRIu64 " %" PRId64 "\n", VERSION, s->known, s->last);
	return buf;
}

int wm_removal_series_parse(const char *text, struct wm_removal_series *ret)
{
	struct wm_removal_series s;
	int version, at = 0;

	if (sscanf(text, "%d %" SCNu64 " %" SCNd64 "%n", &version, &s.known, &s.last, &at) != 3 || version != VERSION ||
	    s.last <= 0 || strcmp(text + at, "\n"))
		return -EBADMSG;
	*ret = s;
	return 0;
}

void wm_removal_of(const struct wm_mesh *mesh, size_t removed, size_t known, struct wm_removal *ret)
{
	struct wm_digest_state state;

	*ret = (struct wm_removal){ .generation = mesh->generation, .removed = removed, .known = known };
	wm_digest_begin(&state);
	wm_digest_add(&state, mesh->instance, strlen(mesh->instance) + 1);
	wm_digest_add(&state, &mesh->generation, sizeof(mesh->generation));
	wm_digest_add(&state, mesh->mark, strlen(mesh->mark) + 1);
	wm_digest_end(&state, &ret->whose);
}

bool wm_removal_same(const struct wm_removal *a, const struct wm_removal *b)
{
	return a->generation == b->generation && wm_token_hash_equal(&a->whose, &b->whose);
}

const char *wm_removal_format(const struct wm_removal *r, char *buf)
{
	int n = snprintf(buf, WM_REMOVAL_TEXT, "%d %" PRIu64 " %" PRIu64 " %" PRIu64 " %d ", VERSION, r->generation,
			 r->removed, r->known, r->confirmed);

	for (size_t i = 0; i < sizeof(r->whose.byte); i++)
		n += snprintf(buf + n, WM_REMOVAL_TEXT - (size_t)n, "%02x", r->whose.byte[i]);
	strcpy(buf + n, "\n");
	return buf;
}

int wm_removal_parse(const char *text, struct wm_removal *ret)
{
	struct wm_removal r = { 0 };
	int version, confirmed, at = 0;
	unsigned int byte;

	if (sscanf(text, "%d %" SCNu64 " %" SCNu64 " %" SCNu64 " %d %n", &version, &r.generation, &r.removed, &r.known,
		   &confirmed, &at) != 5 || !at || version != VERSION || !r.generation)
		return -EBADMSG;
	r.confirmed = confirmed == 1;
	for (size_t i = 0; i < sizeof(r.whose.byte); i++) {
		if (strspn(text + at, "0123456789abcdef") < 2 || sscanf(text + at, "%2x", &byte) != 1)
			return -EBADMSG;
		r.whose.byte[i] = (uint8_t)byte;
		at += 2;
	}
	if (strcmp(text + at, "\n"))
		return -EBADMSG;
	*ret = r;
	return 0;
}
