/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a handler answers with.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "registry/problem.h"
#include "registry/registry.h"

struct http_answer *answer_fresh(struct call *call)
{
	struct http_answer *answer = &call->request->answer;

	free(answer->body);
	*answer = (struct http_answer){ 0 };
	return answer;
}

void answer_json(struct call *call, unsigned int status, char *body)
{
	struct http_answer *answer = answer_fresh(call);

	if (!body) {
		problem_set(answer, 503, "", "the registry is out of memory; try again");
		return;
	}
	answer->status = status;
	answer->type = "application/json";
	answer->body = body;
	answer->len = strlen(body);
}

void answer_none(struct call *call)
{
	answer_fresh(call)->status = 204;
}

void answer_unknown(struct call *call)
{
	problem_set(answer_fresh(call), 401, "",
		    "the token is missing or not accepted; send a valid one as 'Authorization: Bearer TOKEN'");
}

void answer_failure(struct call *call, int rc, const struct wm_error *err)
{
	if (rc == -EACCES)
		answer_unknown(call);
	else
		problem_from(answer_fresh(call), rc, err);
}

void answer_text(struct call *call, int rc, char *text, const struct wm_error *err)
{
	if (!rc) {
		answer_json(call, 200, text);
		return;
	}
	free(text);
	answer_failure(call, rc, err);
}

/* Reads what is short to its end, so that it can be told to others, too: as many wait for a change as there are gateways. */
static void remember(struct call *call, const struct wm_mesh *mesh, uint64_t after, const char *mark)
{
	struct http_answer *answer = &call->request->answer;
	struct http_stream *stream = &answer->stream;
	ssize_t n = 1;

	answer->body = malloc(HTTP_BEGUN_MAX);
	while (answer->body && n > 0 && answer->len < HTTP_BEGUN_MAX) {
		n = stream->read(stream->arg, answer->body + answer->len, HTTP_BEGUN_MAX - answer->len);
		answer->len += n > 0 ? (size_t)n : 0;
	}
	if (n)
		return;
	news_keep(&call->registry->news, mesh, &call->who, after, mark, answer->body, answer->len);
	stream->free(stream->arg);
	*stream = (struct http_stream){ 0 };
}

/* 0 or -ENODATA, -errno. */
static int make_changes(struct call *call, uint64_t after, const char *mark, struct wm_error *err)
{
	struct snapshot *snapshot = NULL;
	struct wm_mesh mesh;
	int rc = after ? store_snapshot(call->registry->store, &snapshot, err) : -ENODATA;

	if (rc)
		return rc;
	mesh = *snapshot_mesh(snapshot);
	rc = stream_changes_new(snapshot, &call->who, after, mark, &call->request->answer.stream);
	if (!rc)
		remember(call, &mesh, after, mark);
	return rc;
}

void answer_changes(struct call *call, uint64_t after, const char *mark)
{
	struct registry *registry = call->registry;
	struct http_answer *answer = answer_fresh(call);
	struct wm_error err = { 0 };
	int rc = news_find(&registry->news, store_mesh(registry->store), &call->who, after, mark, &answer->body, &answer->len);

	if (!rc)
		rc = make_changes(call, after, mark, &err);
	if (rc == -ENODATA) {
		problem_set(answer, 410, "", "what has changed since then is not known here any more; fetch all of it from /v1/config");
		return;
	}
	if (rc < 0) {
		answer_failure(call, rc, &err);
		return;
	}
	answer->status = 200;
	answer->type = "application/x-ndjson";
}

void answer_with(struct call *call, const struct http_stream *stream, const char *type)
{
	struct http_answer *answer = answer_fresh(call);

	answer->stream = *stream;
	answer->status = 200;
	answer->type = type;
}

void answer_stream(struct call *call, enum stream_form form, const char *type)
{
	struct http_answer *answer = answer_fresh(call);
	struct snapshot *snapshot;
	struct wm_error err = { 0 };
	int rc = store_snapshot(call->registry->store, &snapshot, &err);

	if (!rc)
		rc = stream_new(snapshot, form, &call->who, &answer->stream);
	if (rc) {
		answer_failure(call, rc, &err);
		return;
	}
	answer->status = 200;
	answer->type = type;
}

void answer_pieces(struct call *call, const char *type, pieces_write_fn write, void *arg)
{
	struct http_stream stream;

	if (!arg || pieces_written(write, arg, &stream))
		problem_set(answer_fresh(call), 503, "", "the registry is out of memory; try again");
	else
		answer_with(call, &stream, type);
}

void answer_later(struct call *call)
{
	problem_set(answer_fresh(call), 503, "", "a long change is being made, and others have to wait for it; nothing was changed; try again");
	call->request->answer.retry_after = 1;
}
