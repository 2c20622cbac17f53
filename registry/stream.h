/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Long answers, made object by object from one snapshot while they are sent:
 * memory does not depend on the size of the mesh.
 */
#pragma once

#include "registry/auth.h"
#include "registry/http.h"
#include "registry/store.h"

enum stream_form {
	STREAM_LINES,    /* GET /v1/config, made for `who` */
	STREAM_MESH,     /* GET /v1/mesh: all of it, also for a device */
	STREAM_CHANGES,  /* GET /v1/changes, made for `who`: stream_changes_new makes it */
	STREAM_DOCUMENT, /* GET /config */
	STREAM_EXPORT,   /* GET /v1/export */
	STREAM_SITES,    /* GET /v1/sites ... */
	STREAM_HOSTS,
	STREAM_DEVICES,
	STREAM_TOKENS,   /* GET /v1/tokens */
};

/* Takes over the snapshot, also on failure. *ret is handed to http. */
int stream_new(struct snapshot *snapshot, enum stream_form form, const struct identity *who, struct http_stream *ret);
/* The same of what changed after a generation (its mark, or ""): -ENODATA when that cannot be told. */
int stream_changes_new(struct snapshot *snapshot, const struct identity *who, uint64_t after, const char *mark,
		       struct http_stream *ret);
