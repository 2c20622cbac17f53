/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The config itself, and what stands around it: /health, /v1/whoami.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "registry/client.h"
#include "registry/problem.h"
#include "registry/registry.h"
#include "registry/text.h"

#define WAIT_MAX_S 60

void api_health(struct call *call)
{
	struct wm_error err = { 0 };
	int rc = store_refresh(call->registry->store, &err);

	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_json(call, 200, strdup("{\"status\":\"ok\"}"));
}

void api_whoami(struct call *call)
{
	char address[INET6_ADDRSTRLEN];

	client_address(call->request, *call->registry->url, address);
	answer_json(call, 200, text_whoami(call->registry, &call->who, address));
}

void api_document(struct call *call)
{
	const struct wm_mesh *mesh = store_mesh(call->registry->store);
	const char *known = http_header(call->request, "If-None-Match");
	struct http_answer *answer = &call->request->answer;
	char etag[CALL_TAG_SIZE];

	call_tag(mesh, etag);
	if (known && call_tag_is_in(known, etag))
		answer->status = 304;
	else
		answer_stream(call, STREAM_DOCUMENT, "application/json");
	if (answer->status < 400)
		memcpy(answer->etag, etag, sizeof(etag));
}

void api_mesh(struct call *call)
{
	answer_stream(call, STREAM_MESH, "application/x-ndjson");
}

/* What a reader has, as it says: a generation of an instance, and its mark. */
struct known {
	const char *instance, *mark; /* "": not said */
	uint64_t after, wait;
};

static bool read_known(struct call *call, struct known *ret)
{
	const char *instance = http_query(call->request, "instance"), *mark = http_query(call->request, "mark");

	*ret = (struct known){ .instance = instance ? instance : "", .mark = mark ? mark : "" };
	return call_number(call, "after", (uint64_t)1 << 53, &ret->after) &&
	       call_number(call, "wait", WAIT_MAX_S, &ret->wait);
}

/* A generation that is to come, or one by the number of ours: it is from what this registry was before it was put back
 * to an earlier state. Of those before ours the log knows. */
static bool is_of_another_history(const struct wm_mesh *mesh, const struct known *known)
{
	return *known->mark && known->after >= mesh->generation &&
	       (known->after > mesh->generation || strcmp(known->mark, mesh->mark));
}

void api_config(struct call *call)
{
	const struct wm_mesh *mesh = store_mesh(call->registry->store);
	struct known known;

	if (!read_known(call, &known))
		return;
	if (mesh->generation > known.after || (*known.instance && strcmp(known.instance, mesh->instance)) ||
	    is_of_another_history(mesh, &known))
		answer_stream(call, STREAM_LINES, "application/x-ndjson");
	else if (!watch_wait(&call->registry->watch, call->request, (unsigned int)known.wait))
		answer_none(call);
}

/* What has changed is asked for by a reader that is shown all or most of it. A device is shown next to nothing, for which
 * the whole log would be walked: one that is far behind has the whole, which is small. */
#define DEVICE_BEHIND_MAX 1000

static bool is_too_far_behind(const struct call *call, uint64_t after, uint64_t now)
{
	return call->who.role == WM_TOKEN_DEVICE && now - after > DEVICE_BEHIND_MAX;
}

void api_changes(struct call *call)
{
	const struct wm_mesh *mesh = store_mesh(call->registry->store);
	struct known known;

	if (!read_known(call, &known))
		return;
	/* A generation means something only within the instance that it was counted in. */
	if (strcmp(known.instance, mesh->instance) || known.after > mesh->generation ||
	    is_of_another_history(mesh, &known) || is_too_far_behind(call, known.after, mesh->generation))
		answer_changes(call, 0, "");
	else if (mesh->generation > known.after)
		answer_changes(call, known.after, known.mark);
	else if (!watch_wait(&call->registry->watch, call->request, (unsigned int)known.wait))
		answer_none(call);
}
