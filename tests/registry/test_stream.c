/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What has changed, told to readers that are shown little of it: all of that, and never more than some hundred rows of
 * the log in one go. The store is this file's: a log of so many rows.
 */
#include "registry/stream.h"

#include <stdio.h>

#include "core/util.h"
#include "unit/unit.h"

#define ROWS 10000
#define AT_ONCE_MOST 1000

struct snapshot {
	int steps;
};

static struct snapshot store;
static int (*log_row)(uint64_t seq, struct object_key *ret); /* 1 or 2 as snapshot_next_change */

static const struct wm_mesh mesh = { .instance = "i", .name = "m", .generation = 9 };

const struct wm_mesh *store_mesh(const struct store *unused)
{
	(void)unused;
	return &mesh;
}

const struct wm_mesh *snapshot_mesh(const struct snapshot *snapshot)
{
	(void)snapshot;
	return &mesh;
}

const char *snapshot_hub(const struct snapshot *snapshot)
{
	(void)snapshot;
	return "hub";
}

void snapshot_drop(struct snapshot *snapshot)
{
	(void)snapshot;
}

int snapshot_get(struct snapshot *snapshot, const struct object_key *key, struct object *ret)
{
	(void)snapshot;
	(void)key;
	(void)ret;
	return 0; /* all are gone */
}

int snapshot_next(struct snapshot *snapshot, struct object *io)
{
	(void)snapshot;
	(void)io;
	return 0;
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

int snapshot_changes(struct snapshot *snapshot, uint64_t after, const char *mark, const char *self, uint64_t *ret_seq)
{
	(void)self;
	(void)snapshot;
	(void)after;
	(void)mark;
	*ret_seq = 0;
	return 1;
}

int snapshot_next_change(struct snapshot *snapshot, uint64_t *io_seq, struct object_key *ret)
{
	snapshot->steps++;
	if (*io_seq == ROWS)
		return 0;
	return log_row(++*io_seq, ret);
}

/* Of tokens, which no stream here has. */
const char *auth_role_name(enum wm_token_kind role)
{
	(void)role;
	return "";
}

/* One host that changed all the time. */
static int same_host(uint64_t seq, struct object_key *ret)
{
	*ret = (struct object_key){ .kind = OBJECT_HOST, .name = "nas", .domain = "b" };
	return seq == ROWS ? 1 : 2;
}

/* Hosts, which a device is not shown, and in the end itself. */
static int many_hosts(uint64_t seq, struct object_key *ret)
{
	*ret = (struct object_key){ .kind = seq == ROWS ? OBJECT_DEVICE : OBJECT_HOST, .name = "phone" };
	return 1;
}

/* All of the stream; *ret_turns: how often others had theirs. */
static void read_all(const struct identity *who, char *ret, size_t size, int *ret_turns)
{
	struct http_stream stream;
	size_t len = 0;

	*ret_turns = 0;
	assert_int_equal(stream_changes_new(&store, who, 1, "", &stream), 0);
	for (;;) {
		ssize_t n;

		store.steps = 0;
		n = stream.read(stream.arg, ret + len, WM_MIN(size - 1 - len, (size_t)4096));
		assert_true(store.steps <= AT_ONCE_MOST);
		*ret_turns += n == -EAGAIN;
		if (!n)
			break;
		assert_true(n > 0 || n == -EAGAIN);
		len += n > 0 ? (size_t)n : 0;
	}
	ret[len] = '\0';
	stream.free(stream.arg);
}

static void assert_one(const struct identity *who, const char *line)
{
	char text[4096];
	int turns;

	read_all(who, text, sizeof(text), &turns);
	assert_non_null(strstr(text, line));
	assert_non_null(strstr(text, "{\"end\":{\"generation\":9,\"count\":1}}\n"));
	assert_true(turns >= ROWS / AT_ONCE_MOST - 1);
}

static void rows_that_later_ones_replace_are_walked_in_parts(void **state)
{
	struct identity admin = { .role = WM_TOKEN_ADMIN };

	(void)state;
	log_row = same_host;
	assert_one(&admin, "{\"gone\":{\"kind\":\"host\",\"name\":\"nas\",\"domain\":\"b\"}}\n");
}

static void rows_that_a_device_is_not_shown_are_walked_in_parts(void **state)
{
	struct identity device = { .role = WM_TOKEN_DEVICE, .name = "phone" };

	(void)state;
	log_row = many_hosts;
	assert_one(&device, "{\"gone\":{\"kind\":\"device\",\"name\":\"phone\",\"domain\":null}}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_that_later_ones_replace_are_walked_in_parts),
		TEST(rows_that_a_device_is_not_shown_are_walked_in_parts),
	};

	return UNIT_RUN("stream", tests);
}
