/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * /v1/sites, /v1/hosts, /v1/devices: one set of handlers for all three.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "registry/problem.h"
#include "registry/registry.h"

/* The object that the path names; answers when it cannot be one. */
static bool wanted(struct call *call, struct object_key *ret)
{
	struct wm_error err = { 0 };

	if (!object_key_parse(call->kind, call->arg, ret))
		return true;
	wm_fail(&err, ENOENT, call->kind == OBJECT_HOST ? "'%.130s' names no host; write it as NAME.DOMAIN"
							: "'%.130s' is not a name that anything can have", call->arg);
	answer_failure(call, -ENOENT, &err);
	return false;
}

static void answer_object(struct call *call, unsigned int status, const struct object *object)
{
	answer_json(call, status, object_encode(object));
}

/* For who changes something of what is shown: If-Match. */
static void tag(struct call *call)
{
	if (call->request->answer.status == 200)
		call_tag(store_mesh(call->registry->store), call->request->answer.etag);
}

void api_list(struct call *call)
{
	static const enum stream_form forms[OBJECT_KINDS] = {
		[OBJECT_SITE] = STREAM_SITES,
		[OBJECT_HOST] = STREAM_HOSTS,
		[OBJECT_DEVICE] = STREAM_DEVICES,
	};

	answer_stream(call, forms[call->kind], "application/json");
	tag(call);
}

void api_get(struct call *call)
{
	struct wm_error err = { 0 };
	struct object_key key;
	struct object object;
	int rc;

	if (!wanted(call, &key))
		return;
	rc = store_get(call->registry->store, &key, &object, &err);
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_object(call, 200, &object);
	tag(call);
}

void api_create(struct call *call)
{
	struct wm_error err = { 0 };
	struct object object;
	int rc = object_decode_new(call->kind, call->request->body, call->request->len, &object, &err);

	if (!rc)
		rc = store_add(call->registry->store, call->who.who, &object, &err);
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_object(call, 201, &object);
}

/* A gateway sets its site's key and endpoint, a device its key, and nothing else of themselves. */
static int within_rights(const struct identity *who, const struct object *old, const struct object *object,
			 struct wm_error *err)
{
	const char *field = NULL;

	if (who->role == WM_TOKEN_GATEWAY && old->site.hub != object->site.hub)
		field = "is_hub";
	else if (who->role == WM_TOKEN_DEVICE && old->device.access != object->device.access)
		field = "type";
	else if (who->role == WM_TOKEN_DEVICE && old->device.overlay != object->device.overlay)
		field = "wg_ip";
	if (!field)
		return 0;
	return wm_fail_field(err, EPERM, field, "'%s' of %s is an operator's to change, not its own", field, who->name);
}

static int patch(void *arg, struct object *io, struct wm_error *err)
{
	const struct call *call = arg;
	struct object old = *io;
	int rc = object_decode_patch(io, call->request->body, call->request->len, err);

	return rc ? rc : within_rights(&call->who, &old, io, err);
}

void api_patch(struct call *call)
{
	struct wm_error err = { 0 };
	struct object_key key;
	struct object object;
	int rc;

	if (!wanted(call, &key))
		return;
	rc = store_change(call->registry->store, call->who.who, &key, patch, call, &object, &err);
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_object(call, 200, &object);
}

void api_delete(struct call *call)
{
	struct wm_error err = { 0 };
	struct object_key key;
	bool cascade;
	int rc;

	if (!wanted(call, &key) || !call_asks(call, "cascade", &cascade))
		return;
	/* Of many objects it is first in its group: to take it back alone, the database would have to copy all that it touches. */
	if (cascade)
		group_end(call->registry);
	/* A hub's gateway that leaves takes no devices with it: they are the operator's to move or remove. */
	rc = store_remove(call->registry->store, call->who.who, &key,
			  !cascade ? STORE_CASCADE_NONE : call->who.role == WM_TOKEN_GATEWAY ? STORE_CASCADE_HOSTS : STORE_CASCADE_ALL, &err);
	if (rc) {
		answer_failure(call, rc, &err);
		return;
	}
	if (key.kind == OBJECT_SITE)
		group_forget_report(call->registry, key.name);
	answer_none(call);
}
