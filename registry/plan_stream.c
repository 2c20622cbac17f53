/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/plan_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/util.h"
#include "registry/pieces.h"
#include "registry/text.h"

#define NOTICE "tokens and enrolments that ended with a site or device are not brought back; enrol it again"

struct telling {
	struct plan plan;
	uint64_t generation, undone;
	bool begun, ended;
	enum plan_what what;
	bool mesh_told; /* of this `what` */
	enum object_kind kind;
	size_t i;
	bool later;     /* not the first of its list */
	bool tokens;    /* something came back whose tokens did not */
};

static bool next_item(struct telling *t, const struct plan_item **ret)
{
	for (; t->kind < OBJECT_KINDS; t->kind++, t->i = 0) {
		const struct plan_list *list = &t->plan.lists[t->kind];

		while (t->i < list->n) {
			const struct plan_item *item = &list->items[t->i++];

			if (plan_does(item, t->what)) {
				*ret = item;
				return true;
			}
		}
	}
	return false;
}

/* before, after: NULL: was not, is no more. In a list of changes each says what it is; in a plan, its list does. */
static int say_change(struct telling *t, const char *kind, const char *name, const char *before, const char *after, char **ret)
{
	const char *comma = t->later ? "," : "";

	t->later = true;
	if (t->undone)
		return pieces_say(ret, "%s{\"what\":\"%s\",\"kind\":\"%s\",\"name\":\"%s\",\"before\":%s,\"after\":%s}", comma,
				  plan_what_name(t->what), kind, name, before ? before : "null", after ? after : "null");
	return pieces_say(ret, "%s{\"kind\":\"%s\",\"name\":\"%s\"%s%s%s%s}", comma, kind, name, before ? ",\"before\":" : "",
			  before ? before : "", after ? ",\"after\":" : "", after ? after : "");
}

static int say_item(struct telling *t, const struct plan_item *item, char **ret)
{
	WM_AUTO_FREE char *before = item->before ? object_encode(item->before) : NULL;
	WM_AUTO_FREE char *after = item->gone ? NULL : object_encode(&item->object);
	char name[OBJECT_NAME_SIZE];
	struct object_key key;

	if ((item->before && !before) || (!item->gone && !after))
		return -ENOMEM;
	t->tokens |= t->what == PLAN_ADD && item->object.kind != OBJECT_HOST;
	object_key_of(&item->object, &key);
	return say_change(t, object_kind_name(key.kind), object_name(&key, name), before, after, ret);
}

static int say_mesh(struct telling *t, char **ret)
{
	WM_AUTO_FREE char *before = text_mesh_settings(t->plan.mesh_before);
	WM_AUTO_FREE char *after = text_mesh_settings(&t->plan.mesh_after);

	return before && after ? say_change(t, "mesh", "", before, after, ret) : -ENOMEM;
}

static int say_begin(struct telling *t, char **ret)
{
	t->begun = true;
	if (t->undone)
		return pieces_say(ret, "{\"undone\":%" PRIu64 ",\"generation\":%" PRIu64 ",\"changes\":[", t->undone, t->generation);
	return pieces_say(ret, "{\"generation\":%" PRIu64 ",\"plan\":{\"%s\":[", t->generation, plan_what_name(t->what));
}

static int say_end(struct telling *t, char **ret)
{
	t->ended = true;
	if (t->undone)
		return pieces_say(ret, "],\"notice\":%s}", t->tokens ? "\"" NOTICE "\"" : "null");
	return pieces_say(ret, "]}}");
}

static int telling_next(void *arg, char **ret)
{
	struct telling *t = arg;
	const struct plan_item *item;

	if (!t->begun)
		return say_begin(t, ret);
	while (!t->ended) {
		if (t->what == PLAN_CHANGE && t->plan.mesh_before && !t->mesh_told) {
			t->mesh_told = true;
			return say_mesh(t, ret);
		}
		if (next_item(t, &item))
			return say_item(t, item, ret);
		if (++t->what == PLAN_WHATS)
			return say_end(t, ret);
		t->kind = 0;
		t->i = 0;
		if (t->undone)
			continue;
		t->later = false;
		return pieces_say(ret, "],\"%s\":[", plan_what_name(t->what));
	}
	return 0;
}

static void telling_free(void *arg)
{
	struct telling *t = arg;

	plan_free(&t->plan);
	free(t);
}

int plan_stream_new(struct plan *io, uint64_t generation, uint64_t undone, struct http_stream *ret)
{
	static const struct pieces_ops ops = { .next = telling_next, .free = telling_free };
	struct telling *t = calloc(1, sizeof(*t));

	if (!t) {
		plan_free(io);
		return -ENOMEM;
	}
	*t = (struct telling){ .plan = *io, .generation = generation, .undone = undone };
	*io = (struct plan){ 0 };
	return pieces_new(&ops, t, ret);
}
