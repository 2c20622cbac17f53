/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A delta and its records.
 */
#include <errno.h>
#include <string.h>

#include "core/delta_priv.h"
#include "core/util.h"

void wm_delta_free(struct wm_delta *delta)
{
	if (!delta)
		return;
	/* Sites may have a preshared key. */
	if (delta->n)
		wm_wipe(delta->items, delta->n * sizeof(*delta->items));
	free(delta->items);
	*delta = (struct wm_delta){ 0 };
}

int wm_delta_same_order(const struct wm_delta_item *a, const struct wm_delta_item *b)
{
	int c;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->type == WM_RECORD_SITE)
		return strcmp(a->site.domain, b->site.domain);
	if (a->type == WM_RECORD_DEVICE)
		return strcmp(a->device.name, b->device.name);
	c = strcmp(a->host.domain, b->host.domain);
	return c ? c : strcmp(a->host.name, b->host.name);
}

static int add(struct wm_delta *delta, const struct wm_delta_item *item, struct wm_error *err)
{
	if (delta->n - delta->first >= WM_DELTA_MAX)
		return wm_fail(err, EBADMSG, "more than %d changes at once", WM_DELTA_MAX);
	if (wm_grow((void **)&delta->items, &delta->cap, delta->n + 1, sizeof(*item)))
		return wm_fail(err, ENOMEM, "out of memory");
	delta->items[delta->n++] = *item;
	return 0;
}

static int add_gone(struct wm_delta *delta, const struct wm_gone *gone, struct wm_error *err)
{
	struct wm_delta_item item = { .gone = true };

	if (!strcmp(gone->kind, "site")) {
		item.type = WM_RECORD_SITE;
		memcpy(item.site.domain, gone->name, sizeof(item.site.domain));
	} else if (!strcmp(gone->kind, "host")) {
		item.type = WM_RECORD_HOST;
		memcpy(item.host.name, gone->name, sizeof(item.host.name));
		memcpy(item.host.domain, gone->domain, sizeof(item.host.domain));
	} else if (!strcmp(gone->kind, "device")) {
		item.type = WM_RECORD_DEVICE;
		memcpy(item.device.name, gone->name, sizeof(item.device.name));
	} else {
		return wm_fail(err, EBADMSG, "'%.15s' is no kind of object", gone->kind);
	}
	return add(delta, &item, err);
}

static int begin(struct wm_delta *delta, const struct wm_changes *head, struct wm_error *err)
{
	const struct wm_changes *had = &delta->head;

	if (delta->open)
		return wm_fail(err, EBADMSG, "changes have one header, and it stands first");
	if (!head->after || head->mesh.generation <= head->after)
		return wm_fail(err, EBADMSG, "changes that lead from generation %llu to %llu are none",
			       (unsigned long long)head->after, (unsigned long long)head->mesh.generation);
	if (had->after && (head->after != had->mesh.generation || strcmp(head->mesh.instance, had->mesh.instance)))
		return wm_fail(err, EBADMSG, "the changes do not follow on those before");
	delta->first = delta->n;
	delta->open = true;
	if (had->after)
		delta->head.mesh = head->mesh;
	else
		delta->head = *head;
	return 0;
}

int wm_delta_take(struct wm_delta *delta, const struct wm_record *r, struct wm_error *err)
{
	struct wm_delta_item item = { .type = r->type };

	if (r->type == WM_RECORD_CHANGES)
		return begin(delta, &r->changes, err);
	if (!delta->open)
		return wm_fail(err, EBADMSG, "changes have one header, and it stands first");
	switch (r->type) {
	case WM_RECORD_SITE:
		item.site = r->site;
		return add(delta, &item, err);
	case WM_RECORD_HOST:
		item.host = r->host;
		return add(delta, &item, err);
	case WM_RECORD_DEVICE:
		item.device = r->device;
		return add(delta, &item, err);
	case WM_RECORD_GONE:
		return add_gone(delta, &r->gone, err);
	case WM_RECORD_END:
		if (r->end.generation != delta->head.mesh.generation || r->end.count != delta->n - delta->first)
			return wm_fail(err, EBADMSG, "the changes are not complete: their end counts other records");
		delta->open = false;
		return 1;
	default:
		return wm_fail(err, EBADMSG, "a record of type %u has no place among changes", r->type);
	}
}

static int write_gone(FILE *f, const struct wm_delta_item *item)
{
	struct wm_gone gone = { 0 };

	if (item->type == WM_RECORD_SITE) {
		strcpy(gone.kind, "site");
		memcpy(gone.name, item->site.domain, sizeof(gone.name));
	} else if (item->type == WM_RECORD_HOST) {
		strcpy(gone.kind, "host");
		memcpy(gone.name, item->host.name, sizeof(gone.name));
		memcpy(gone.domain, item->host.domain, sizeof(gone.domain));
	} else {
		strcpy(gone.kind, "device");
		memcpy(gone.name, item->device.name, sizeof(gone.name));
	}
	return wm_record_write(f, WM_RECORD_GONE, &gone, sizeof(gone));
}

static int write_item(FILE *f, const struct wm_delta_item *item)
{
	if (item->gone)
		return write_gone(f, item);
	if (item->type == WM_RECORD_SITE)
		return wm_record_write(f, item->type, &item->site, sizeof(item->site));
	if (item->type == WM_RECORD_HOST)
		return wm_record_write(f, item->type, &item->host, sizeof(item->host));
	return wm_record_write(f, item->type, &item->device, sizeof(item->device));
}

int wm_delta_write(FILE *f, const struct wm_delta *delta)
{
	struct wm_record_end end = { .generation = delta->head.mesh.generation, .count = delta->n };
	int rc = wm_record_write(f, WM_RECORD_CHANGES, &delta->head, sizeof(delta->head));

	for (size_t i = 0; !rc && i < delta->n; i++)
		rc = write_item(f, &delta->items[i]);
	return rc ? rc : wm_record_write(f, WM_RECORD_END, &end, sizeof(end));
}
