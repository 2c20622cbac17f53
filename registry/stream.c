/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/record.h"
#include "core/util.h"
#include "registry/pieces.h"
#include "registry/text.h"

#define STEPS_AT_ONCE 500 /* of the walk through the log: a few milliseconds */

struct stream {
	struct snapshot *snapshot;
	struct identity who;
	struct wm_site self;      /* of a gateway; domain "": not looked up */
	const struct step *step;
	struct object object;     /* the last one sent, in this step */
	struct store_token token;
	uint64_t count;           /* objects sent in all */
	uint64_t after, seq;      /* of changes: since when, and how far it has come */
	unsigned int steps;       /* of that walk, since it has given somebody else a turn */
	bool whole;               /* of the mesh, also for a device */
	bool later;               /* not the first object of its step */
};

/* A stream is a list of steps; each makes pieces of text until it has no more. */
struct step {
	int (*next)(struct stream *s, char **ret); /* 1 a piece, 0 on to the next step, -errno */
	const char *text;
	enum object_kind kind;
};

/* Once: a fixed text. */
static int next_text(struct stream *s, char **ret)
{
	if (s->later)
		return 0;
	s->later = true;
	return pieces_say(ret, "%s", s->step->text);
}

/* Whose preshared keys are told: the gateway that asks. */
static int find_self(struct stream *s)
{
	struct object_key key = { .kind = OBJECT_SITE };
	struct object object;
	int rc;

	if (*s->self.domain || s->who.role != WM_TOKEN_GATEWAY)
		return 0;
	memcpy(key.name, s->who.name, sizeof(key.name));
	rc = snapshot_get(s->snapshot, &key, &object);
	if (rc > 0)
		s->self = object.site;
	return rc < 0 ? rc : 0;
}

static int next_header_line(struct stream *s, char **ret)
{
	struct wm_changes header = { .mesh = *snapshot_mesh(s->snapshot), .after = s->after };
	WM_AUTO_FREE char *line = NULL;

	int rc = s->later ? 0 : find_self(s);

	if (s->later || rc)
		return rc;
	s->later = true;
	if (s->who.role == WM_TOKEN_GATEWAY)
		memcpy(header.mesh.self, s->who.name, sizeof(header.mesh.self));
	line = s->after ? wm_encode_line(WM_RECORD_CHANGES, &header) : wm_encode_line(WM_RECORD_MESH, &header.mesh);
	return line ? pieces_say(ret, "%s\n", line) : -ENOMEM;
}

static int next_end_line(struct stream *s, char **ret)
{
	struct wm_record_end end = { .generation = snapshot_mesh(s->snapshot)->generation, .count = s->count };
	WM_AUTO_FREE char *line = NULL;

	if (s->later)
		return 0;
	s->later = true;
	line = wm_encode_line(WM_RECORD_END, &end);
	return line ? pieces_say(ret, "%s\n", line) : -ENOMEM;
}

/* The opening of the whole document, up to its first array. */
static int next_opening(struct stream *s, char **ret)
{
	WM_AUTO_FREE char *mesh = NULL;

	if (s->later)
		return 0;
	s->later = true;
	mesh = text_mesh(snapshot_mesh(s->snapshot));
	return mesh ? pieces_say(ret, "%.*s,\"sites\":[", (int)strlen(mesh) - 1, mesh) : -ENOMEM;
}

/* The same of an export. */
static int next_export(struct stream *s, char **ret)
{
	WM_AUTO_FREE char *mesh = NULL;

	if (s->later)
		return 0;
	s->later = true;
	mesh = text_mesh_settings(snapshot_mesh(s->snapshot));
	return mesh ? pieces_say(ret, "{\"version\":1,%.*s,\n\"sites\":[", (int)strlen(mesh) - 2, mesh + 1) : -ENOMEM;
}

/* What `who` gets to see next. In what it follows a device sees of hosts nothing and of devices itself. */
static int next_visible(struct stream *s)
{
	struct object_key self = { .kind = OBJECT_DEVICE };

	s->object.kind = s->step->kind;
	if (!s->whole && s->who.role == WM_TOKEN_DEVICE && s->step->kind != OBJECT_SITE) {
		if (s->step->kind == OBJECT_HOST || s->later)
			return 0;
		memcpy(self.name, s->who.name, sizeof(self.name));
		return snapshot_get(s->snapshot, &self, &s->object);
	}
	return snapshot_next(s->snapshot, &s->object);
}

/* As `who` may know it: malloc'd, NULL without memory. */
static char *show(const struct stream *s, const struct object *object)
{
	struct object shown;
	char *text;

	if (s->who.role != WM_TOKEN_GATEWAY && s->who.role != WM_TOKEN_DEVICE)
		return object_encode(object);
	shown = *object;
	if (s->who.role == WM_TOKEN_DEVICE) /* is on no LAN, and its person may know who has been set up */
		object_veil(&shown, "", true);
	else
		object_veil(&shown, s->who.name, !strcmp(snapshot_hub(s->snapshot), s->who.name));
	if (shown.kind == OBJECT_SITE && *s->self.domain)
		snapshot_preshare(s->snapshot, &s->self, &shown.site);
	text = object_encode(&shown);
	if (shown.kind == OBJECT_SITE)
		wm_wipe(&shown.site.preshared_key, sizeof(shown.site.preshared_key));
	return text;
}

static int next_object(struct stream *s, char **ret)
{
	WM_AUTO_FREE char *json = NULL;
	int rc = next_visible(s);

	if (rc <= 0)
		return rc;
	json = show(s, &s->object);
	if (!json)
		return -ENOMEM;
	s->count++;
	rc = s->step->text ? pieces_say(ret, "{\"%s\":%s}\n", s->step->text, json) : pieces_say(ret, "%s%s", s->later ? "," : "", json);
	s->later = true;
	return rc;
}

/* A line of an export. */
static int next_wish(struct stream *s, char **ret)
{
	WM_AUTO_FREE char *json = NULL;
	int rc = next_visible(s);

	if (rc <= 0)
		return rc;
	json = object_encode_wish(&s->object);
	if (!json)
		return -ENOMEM;
	rc = pieces_say(ret, "%s\n%s", s->later ? "," : "", json);
	s->later = true;
	return rc;
}

static int say_gone(const struct object_key *key, char **ret)
{
	struct wm_gone gone = { 0 };
	WM_AUTO_FREE char *line = NULL;

	wm_copy(gone.kind, sizeof(gone.kind), object_kind_name(key->kind));
	memcpy(gone.name, key->name, sizeof(gone.name));
	memcpy(gone.domain, key->domain, sizeof(gone.domain));
	line = wm_encode_line(WM_RECORD_GONE, &gone);
	return line ? pieces_say(ret, "%s\n", line) : -ENOMEM;
}

static bool is_shown(const struct stream *s, const struct object_key *key)
{
	return s->who.role != WM_TOKEN_DEVICE || key->kind == OBJECT_SITE ||
	       (key->kind == OBJECT_DEVICE && !strcmp(key->name, s->who.name));
}

/* To the next object in the log that is there to be told. Who is shown little of a long log, or of one in which few
 * objects changed often, is not to hold up everybody else. */
static int walk(struct stream *s, struct object_key *ret)
{
	int rc;

	do {
		if (s->steps++ == STEPS_AT_ONCE) {
			s->steps = 0;
			return -EAGAIN;
		}
		rc = snapshot_next_change(s->snapshot, &s->seq, ret);
	} while (rc == 2 || (rc > 0 && !is_shown(s, ret)));
	return rc;
}

/* The next object that changed: what it is now, or that it is gone. */
static int next_change(struct stream *s, char **ret)
{
	WM_AUTO_FREE char *json = NULL;
	struct object_key key;
	int rc = walk(s, &key);

	if (rc > 0)
		s->count++;
	if (rc > 0 && !(rc = snapshot_get(s->snapshot, &key, &s->object)))
		return say_gone(&key, ret);
	if (rc <= 0)
		return rc;
	json = show(s, &s->object);
	return json ? pieces_say(ret, "{\"%s\":%s}\n", object_kind_name(key.kind), json) : -ENOMEM;
}

static int next_token(struct stream *s, char **ret)
{
	WM_AUTO_FREE char *json = NULL;
	int rc = snapshot_next_token(s->snapshot, &s->token);

	if (rc <= 0)
		return rc;
	json = text_token(&s->token, NULL);
	if (!json)
		return -ENOMEM;
	rc = pieces_say(ret, "%s%s", s->later ? "," : "", json);
	s->later = true;
	return rc;
}

static const struct step lines[] = {
	{ next_header_line },
	{ next_object, "site", OBJECT_SITE },
	{ next_object, "host", OBJECT_HOST },
	{ next_object, "device", OBJECT_DEVICE },
	{ next_end_line },
	{ NULL },
};
static const struct step changes[] = {
	{ next_header_line },
	{ next_change },
	{ next_end_line },
	{ NULL },
};
static const struct step document[] = {
	{ next_opening },
	{ next_object, NULL, OBJECT_SITE },
	{ next_text, "],\"hosts\":[" },
	{ next_object, NULL, OBJECT_HOST },
	{ next_text, "],\"devices\":[" },
	{ next_object, NULL, OBJECT_DEVICE },
	{ next_text, "]}\n" },
	{ NULL },
};
static const struct step export[] = {
	{ next_export },
	{ next_wish, NULL, OBJECT_SITE },
	{ next_text, "\n],\n\"hosts\":[" },
	{ next_wish, NULL, OBJECT_HOST },
	{ next_text, "\n],\n\"devices\":[" },
	{ next_wish, NULL, OBJECT_DEVICE },
	{ next_text, "\n]}\n" },
	{ NULL },
};
static const struct step sites[] = {
	{ next_text, "{\"sites\":[" }, { next_object, NULL, OBJECT_SITE }, { next_text, "]}\n" }, { NULL },
};
static const struct step hosts[] = {
	{ next_text, "{\"hosts\":[" }, { next_object, NULL, OBJECT_HOST }, { next_text, "]}\n" }, { NULL },
};
static const struct step devices[] = {
	{ next_text, "{\"devices\":[" }, { next_object, NULL, OBJECT_DEVICE }, { next_text, "]}\n" }, { NULL },
};
static const struct step tokens[] = {
	{ next_text, "{\"tokens\":[" }, { next_token }, { next_text, "]}\n" }, { NULL },
};

static const struct step *const forms[] = {
	[STREAM_LINES] = lines,	   [STREAM_DOCUMENT] = document, [STREAM_SITES] = sites, [STREAM_CHANGES] = changes, [STREAM_MESH] = lines,
	[STREAM_HOSTS] = hosts,	   [STREAM_DEVICES] = devices,	 [STREAM_TOKENS] = tokens, [STREAM_EXPORT] = export,
};

static int stream_next(void *arg, char **ret)
{
	struct stream *s = arg;

	while (s->step->next) {
		int rc = s->step->next(s, ret);

		if (rc)
			return rc;
		s->step++;
		s->later = false;
		s->object = (struct object){ 0 };
	}
	return 0;
}

static void stream_free(void *arg)
{
	struct stream *s = arg;

	snapshot_drop(s->snapshot);
	free(s);
}

static int stream_make(struct snapshot *snapshot, enum stream_form form, const struct identity *who, uint64_t after,
		       uint64_t seq, struct http_stream *ret)
{
	static const struct pieces_ops ops = { .next = stream_next, .free = stream_free };
	struct stream *s = calloc(1, sizeof(*s));

	if (!s) {
		snapshot_drop(snapshot);
		return -ENOMEM;
	}
	*s = (struct stream){ .snapshot = snapshot, .who = *who, .step = forms[form], .whole = form == STREAM_DOCUMENT || form == STREAM_MESH,
			      .after = after, .seq = seq };
	return pieces_new(&ops, s, ret);
}

int stream_new(struct snapshot *snapshot, enum stream_form form, const struct identity *who, struct http_stream *ret)
{
	return stream_make(snapshot, form, who, 0, 0, ret);
}

int stream_changes_new(struct snapshot *snapshot, const struct identity *who, uint64_t after, const char *mark,
		       struct http_stream *ret)
{
	uint64_t seq;
	int rc = snapshot_changes(snapshot, after, mark, who->role == WM_TOKEN_GATEWAY ? who->name : "", &seq);

	if (rc <= 0) {
		snapshot_drop(snapshot);
		return rc ? rc : -ENODATA;
	}
	return stream_make(snapshot, STREAM_CHANGES, who, after, seq, ret);
}
