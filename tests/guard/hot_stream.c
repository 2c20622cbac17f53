/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the registry writes to a gateway that asks for its config. The store is
 * a stub: what SQLite does is SQLite's.
 */
#include <string.h>

#include "core/util.h"
#include "guard/guard.h"
#include "registry/stream.h"

#define PIECE 16384 /* as the server asks for it */

/* --- registry/store.h, as far as a stream needs it --------------------------------------------- */

struct snapshot {
	size_t at[OBJECT_KINDS];
};

void snapshot_drop(struct snapshot *snapshot)
{
	(void)snapshot;
}

const struct wm_mesh *snapshot_mesh(const struct snapshot *snapshot)
{
	(void)snapshot;
	return &mesh()->mesh;
}

const char *snapshot_hub(const struct snapshot *snapshot)
{
	(void)snapshot;
	return "s0";
}

int snapshot_get(struct snapshot *snapshot, const struct object_key *key, struct object *ret)
{
	(void)snapshot;
	(void)key;
	(void)ret;
	return 0;
}

int snapshot_next(struct snapshot *snapshot, struct object *io)
{
	const struct wm_config *config = mesh();
	const size_t n[OBJECT_KINDS] = { [OBJECT_SITE] = config->nsites, [OBJECT_HOST] = config->nhosts, [OBJECT_DEVICE] = config->ndevices };
	size_t at = snapshot->at[io->kind]++;

	if (at >= n[io->kind])
		return 0;
	if (io->kind == OBJECT_SITE)
		io->site = config->sites[at];
	else if (io->kind == OBJECT_HOST)
		io->host = config->hosts[at];
	else
		io->device = config->devices[at];
	wm_copy(io->hub, sizeof(io->hub), "s0");
	return 1;
}

int snapshot_next_token(struct snapshot *snapshot, struct store_token *io)
{
	(void)snapshot;
	(void)io;
	return 0;
}

void snapshot_preshare(const struct snapshot *snapshot, const struct wm_site *self, struct wm_site *io_other)
{
	(void)snapshot;
	(void)self;
	(void)io_other;
}

int snapshot_next_change(struct snapshot *snapshot, uint64_t *io_seq, struct object_key *ret)
{
	(void)snapshot;
	(void)io_seq;
	(void)ret;
	return 0;
}

/* Of tokens, which no row writes. */
const char *auth_role_name(enum wm_token_kind role)
{
	(void)role;
	return "";
}

/* --- rows --------------------------------------------------------------------------------------- */

static struct snapshot snapshot;

static long begin(void)
{
	snapshot = (struct snapshot){ 0 };
	return mesh() ? 0 : -1;
}

static long all_of(enum stream_form form, const struct identity *who)
{
	static char piece[PIECE];
	struct http_stream stream;
	long lines = 0;
	ssize_t len;

	if (stream_new(&snapshot, form, who, &stream))
		return -1;
	while ((len = stream.read(stream.arg, piece, sizeof(piece))) > 0)
		for (ssize_t i = 0; i < len; i++)
			lines += piece[i] == '\n';
	stream.free(stream.arg);
	return len < 0 ? -1 : lines;
}

static long to_a_gateway(void)
{
	return all_of(STREAM_LINES, &(struct identity){ .role = WM_TOKEN_GATEWAY, .name = "s0" });
}

static long to_an_admin(void)
{
	return all_of(STREAM_DOCUMENT, &(struct identity){ .role = WM_TOKEN_ADMIN });
}

const struct guard_row stream_rows[] = {
	{ "registry: config of 10,000 hosts to a gateway", begin, to_a_gateway, OBJECTS + 2 },
	{ "registry: the whole mesh as a document", begin, to_an_admin, 1 },
};
const size_t nstream_rows = WM_ARRAY_LEN(stream_rows);
