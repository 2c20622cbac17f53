/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the registry serves: one row for each method of each path, and the walk
 * that every request takes (who is it, what does it want, may it).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/util.h"
#include "registry/client.h"
#include "registry/guard.h"
#include "registry/problem.h"
#include "registry/routes.h"

#define ROLE_READERS (ROLE_ADMIN | ROLE_READ)
#define ROLE_MACHINES (ROLE_GATEWAY | ROLE_DEVICE)
#define ROLE_PEOPLE (ROLE_READERS | ROLE_ROAMING) /* a roaming device has a person before it, who may look */

#define LATER_S 60 /* how long a change waits until it can be made */

#define IMPORT_PATH "/v1/import"
#define IMPORT_MOST (32u * 1024 * 1024) /* bytes: 250,000 hosts or so */

const struct route registry_routes[] = {
	{ "GET", "/health", ROLE_PUBLIC, api_health },
	{ "GET", "/", ROLE_PUBLIC, api_page },
	{ "GET", "/web/{}", ROLE_PUBLIC, api_web },
	{ "GET", "/openapi.yaml", ROLE_PUBLIC, api_openapi },
	{ "GET", "/setup", ROLE_PUBLIC, api_setup_device },
	{ "GET", "/setup/{}", ROLE_PUBLIC, api_setup },
	{ "GET", "/v1/downloads", ROLE_PUBLIC, api_downloads },
	{ "GET", "/downloads/{}", ROLE_PUBLIC, api_download },
	{ "GET", "/config", ROLE_PEOPLE, api_document },
	{ "GET", "/v1/mesh", ROLE_PEOPLE, api_mesh },
	{ "GET", "/v1/config", ROLE_READERS | ROLE_MACHINES, api_config, .query = "instance after mark wait" },
	{ "GET", "/v1/changes", ROLE_READERS | ROLE_MACHINES, api_changes, .query = "instance after mark wait" },
	{ "GET", "/v1/whoami", ROLE_READERS | ROLE_MACHINES, api_whoami },
	{ "GET", "/v1/status", ROLE_PEOPLE, api_status },
	{ "GET", "/metrics", ROLE_READERS, api_metrics },

	{ "GET", "/v1/sites", ROLE_READERS, api_list, OBJECT_SITE },
	{ "POST", "/v1/sites", ROLE_ADMIN, api_create, OBJECT_SITE },
	{ "GET", "/v1/sites/{}", ROLE_READERS, api_get, OBJECT_SITE },
	{ "PATCH", "/v1/sites/{}", ROLE_ADMIN | ROLE_GATEWAY, api_patch, OBJECT_SITE },
	{ "DELETE", "/v1/sites/{}", ROLE_ADMIN | ROLE_GATEWAY, api_delete, OBJECT_SITE, .query = "cascade" },
	{ "PUT", "/v1/sites/{}/status", ROLE_ADMIN | ROLE_GATEWAY, api_status_put, OBJECT_SITE },

	{ "GET", "/v1/hosts", ROLE_READERS, api_list, OBJECT_HOST },
	{ "POST", "/v1/hosts", ROLE_ADMIN, api_create, OBJECT_HOST },
	{ "GET", "/v1/hosts/{}", ROLE_READERS, api_get, OBJECT_HOST },
	{ "PATCH", "/v1/hosts/{}", ROLE_ADMIN, api_patch, OBJECT_HOST },
	{ "DELETE", "/v1/hosts/{}", ROLE_ADMIN, api_delete, OBJECT_HOST },

	{ "GET", "/v1/devices", ROLE_READERS, api_list, OBJECT_DEVICE },
	{ "POST", "/v1/devices", ROLE_ADMIN, api_create, OBJECT_DEVICE },
	{ "GET", "/v1/devices/{}", ROLE_READERS, api_get, OBJECT_DEVICE },
	{ "PATCH", "/v1/devices/{}", ROLE_ADMIN | ROLE_DEVICE, api_patch, OBJECT_DEVICE },
	{ "DELETE", "/v1/devices/{}", ROLE_ADMIN | ROLE_DEVICE, api_delete, OBJECT_DEVICE },

	{ "GET", "/v1/audit", ROLE_READERS, api_audit, .query = "before limit" },
	{ "POST", "/v1/undo", ROLE_ADMIN, api_undo, .query = "dry_run" },
	{ "GET", "/v1/export", ROLE_READERS, api_export },
	{ "POST", IMPORT_PATH, ROLE_ADMIN, api_import, .query = "dry_run keep" },

	{ "GET", "/v1/enrolments", ROLE_ADMIN, api_enrolments },
	{ "POST", "/v1/enrolments", ROLE_ADMIN, api_enrolment_create },
	{ "DELETE", "/v1/enrolments/gateway/{}", ROLE_ADMIN, api_enrolment_delete, OBJECT_SITE },
	{ "DELETE", "/v1/enrolments/device/{}", ROLE_ADMIN, api_enrolment_delete, OBJECT_DEVICE },
	{ "POST", "/v1/enrol", ROLE_ADMIN | ROLE_ENROLMENT, api_enrol },
	{ "GET", "/v1/tokens", ROLE_ADMIN, api_tokens },
	{ "POST", "/v1/tokens", ROLE_ADMIN, api_token_create },
	{ "DELETE", "/v1/tokens/{}", ROLE_ADMIN, api_token_delete },
};
const size_t registry_nroutes = WM_ARRAY_LEN(registry_routes);

/* --- the walk --------------------------------------------------------------------------- */

/* Does path fit the pattern? What stands for {} goes to arg. */
static bool fits(const char *pattern, const char *path, char *arg, size_t size)
{
	const char *hole = strstr(pattern, "{}");
	size_t before, len;

	if (!hole)
		return !strcmp(pattern, path);
	before = (size_t)(hole - pattern);
	if (strncmp(pattern, path, before))
		return false;
	len = strcspn(path + before, "/");
	if (!len || len >= size || strcmp(hole + 2, path + before + len))
		return false;
	memcpy(arg, path + before, len);
	arg[len] = '\0';
	return true;
}

/* NULL: no such path, or (allow is filled) not with this method. */
static const struct route *find_route(struct call *call, char *allow, size_t size)
{
	*allow = '\0';
	for (size_t i = 0; i < registry_nroutes; i++) {
		size_t len = strlen(allow);

		if (!fits(registry_routes[i].path, call->request->path, call->arg, sizeof(call->arg)))
			continue;
		if (!strcmp(registry_routes[i].method, call->request->method))
			return &registry_routes[i];
		wm_format(allow + len, size - len, "%s%s", len ? ", " : "", registry_routes[i].method);
	}
	return NULL;
}

static void no_route(struct call *call, const char *allow)
{
	struct http_answer *answer = answer_fresh(call);

	if (!*allow) {
		problem_set(answer, 404, "", "there is nothing at this path; docs/api.md says what there is");
		return;
	}
	problem_set(answer, 405, "", "this path does not take %.16s; it takes: %s", call->request->method, allow);
	wm_copy(answer->allow, sizeof(answer->allow), allow);
}

/* Whoever comes with bad tokens all the time is told to wait; a good one is never asked how many bad ones came with it. */
static void refuse(struct call *call)
{
	char client[INET6_ADDRSTRLEN];
	unsigned int seconds;
	bool first;

	answer_unknown(call);
	if (!*call->request->token)
		return;
	client_address(call->request, *call->registry->url, client);
	seconds = throttle_strike(&call->registry->throttle, client, wm_monotonic_ms(), &first);
	if (!seconds)
		return;
	if (first)
		wm_warning("%s: too many tokens that are not accepted; more are answered with 429 for a while",
			   *client ? client : "a local client");
	problem_set(&call->request->answer, 429, "", "too many tokens from %s that are not accepted; correct the token, and try again in %u s",
		    *client ? client : "there", seconds);
	call->request->answer.retry_after = seconds;
}

/* Thousands are woken by one change, and of few of them it was the token: who has been looked up is not looked up again
 * while none has come or gone. */
static int identify(struct call *call, struct wm_error *err)
{
	const struct known_client *known = call->request->known;

	if (!known || !known->tokens || known->tokens != store_tokens_version(call->registry->store))
		return auth_identify(call->registry, call->request->token, &call->who, err);
	call->who = known->who;
	return 0;
}

/* Without memory for it, he is looked up again. */
static void remember_who(struct call *call)
{
	struct http_request *request = call->request;

	if (!request->known)
		request->known = malloc(sizeof(*request->known));
	if (request->known)
		*request->known = (struct known_client){ .who = call->who, .tokens = store_tokens_version(call->registry->store) };
}

/* Who it is, and then the mesh as it is now: for nobody the database is not asked for it. */
static bool let_in(struct call *call)
{
	struct wm_error err = { 0 };
	int rc = identify(call, &err);

	/* One that has waited was woken by what is new. */
	if (!rc && !call->request->wait_until_ms)
		rc = store_refresh(call->registry->store, &err);
	if (rc == -EACCES)
		refuse(call);
	else if (rc)
		answer_failure(call, rc, &err);
	return !rc;
}

/* Looked up each time: that it is isolated from now on holds at once, also where its token was known before. 1 it may,
 * 0 it may not, -errno. */
static int is_roaming(struct call *call, struct wm_error *err)
{
	struct object_key key = { .kind = OBJECT_DEVICE };
	struct object object;
	int rc;

	memcpy(key.name, call->who.name, sizeof(key.name));
	rc = store_get(call->registry->store, &key, &object, err);
	return rc == -ENOENT ? 0 : rc ?: object.device.access == WM_ACCESS_FULL;
}

/* Is it let do this? Else it is answered. */
static bool has_right(struct call *call, const struct route *route)
{
	struct wm_error err = { 0 };
	int may = !!(route->roles & (1u << call->who.role | ROLE_PUBLIC));

	if (*call->arg && !auth_owns(&call->who, route->kind, call->arg))
		may = 0;
	else if (call->who.role == WM_TOKEN_DEVICE && route->roles & ROLE_ROAMING)
		may = is_roaming(call, &err);
	if (may < 0)
		answer_failure(call, may, &err);
	if (!may)
		problem_set(answer_fresh(call), 403, "", "a token with role '%s' (%s) may not do this; use one that may",
			    auth_role_name(call->who.role), call->who.name);
	return may > 0;
}

/* A mistyped wait= or dry_run= is never passed over: what it was to do would not be done, or worse, would. */
static bool query_is_known(struct call *call, const struct route *route)
{
	const char *known = route->query ? route->query : "";
	char name[32];
	struct wm_error err = { 0 };

	if (!http_query_beside(call->request, known, name, sizeof(name)))
		return true;
	wm_fail_field(&err, EINVAL, name, "there is no '%s' in the query of this request%s%s; nothing was done", name,
		      *known ? ", which takes: " : "", known);
	answer_failure(call, -EINVAL, &err);
	return false;
}

/* What a gateway reports: of it only little is kept in the store, and seldom. */
static bool is_report(const struct http_request *request)
{
	return !strcmp(request->method, "PUT");
}

/* May it be handled now? Else it waits, or is answered. */
static bool may_change(struct call *call)
{
	struct registry *registry = call->registry;

	if (registry->aside.busy && !is_report(call->request)) {
		if (!watch_wait(&registry->later, call->request, LATER_S))
			answer_later(call);
		return false;
	}
	call->changes = !group_make_room(&registry->group);
	if (!call->changes)
		answer_json(call, 200, NULL);
	return call->changes;
}

static void walk(struct call *call)
{
	char allow[64];
	const struct route *route = find_route(call, allow, sizeof(allow));
	uint64_t began;

	if (!route) {
		no_route(call, allow);
		return;
	}
	call->request->route = 1 + (unsigned int)(route - registry_routes);
	if (!(route->roles & ROLE_PUBLIC) && !let_in(call))
		return;
	call->kind = route->kind;
	if (!has_right(call, route))
		return;
	if (!(route->roles & ROLE_PUBLIC) && !query_is_known(call, route))
		return;
	if (strcmp(call->request->method, "GET") && !may_change(call))
		return;
	began = counts_now_us();
	store_expect(call->registry->store, call_is_meant, (void *)(uintptr_t)http_header(call->request, "If-Match"));
	route->handle(call);
	store_expect(call->registry->store, NULL, NULL);
	counts_took(&call->registry->counts, strcmp(route->method, "GET") ? COUNTS_WRITE : COUNTS_READ, began);
}

static void on_request(void *app, struct http_request *request)
{
	struct registry *registry = app;
	struct call call = { .registry = registry, .request = request };
	unsigned int waiting = store_waits(registry->store);

	watch_forget(request);
	walk(&call);
	if (request->waits_in == &registry->watch)
		remember_who(&call);
	/* Also who was refused, perhaps for what waits. */
	if (call.changes && request->answer.status && store_waits(registry->store) > (is_report(request) ? waiting : 0))
		group_join(&call);
	else
		group_log(request, call.who.who);
	registry_follow(registry);
}

static void on_turn(void *app)
{
	struct registry *registry = app;

	if (registry->group.n || store_waits(registry->store))
		group_end(registry);
}

void registry_follow(void *app)
{
	struct registry *registry = app;
	const struct wm_mesh *mesh = store_mesh(registry->store);

	store_follow(registry->store);
	/* A new instance is of the same generation (wm-registry renew). */
	if (mesh->generation == registry->newest.generation && !strcmp(mesh->instance, registry->newest.instance))
		return;
	memcpy(registry->newest.instance, mesh->instance, sizeof(registry->newest.instance));
	registry->newest.generation = mesh->generation;
	registry->newest.since_ms = wm_monotonic_ms();
	watch_wake(&registry->watch);
}

/* A mesh as a document is larger than all else. Who may send one is known before its body is read, and one is read at
 * a time. */
static size_t room_for(void *app, struct http_request *request)
{
	struct registry *registry = app;
	struct identity who;

	if (strcmp(request->method, "POST") || strcmp(request->path, IMPORT_PATH) ||
	    auth_identify(registry, request->token, &who, NULL) || who.role != WM_TOKEN_ADMIN)
		return GUARD_BODY_MAX;
	if (registry->importing) {
		problem_set(&request->answer, 503, "", "another import is being read; try again when it is over");
		return 0;
	}
	registry->importing = request;
	return IMPORT_MOST;
}

static void on_done(void *app, struct http_request *request)
{
	struct registry *registry = app;

	if (registry->importing == request)
		registry->importing = NULL;
	watch_forget(request);
	group_leave(&registry->group, request);
	free(request->known);
	counts_answered(&registry->counts, request->route, request->answer.status);
}

static void on_stop(void *app)
{
	struct registry *registry = app;

	watch_wake(&registry->watch);
	watch_wake(&registry->later);
	aside_give_up(&registry->aside);
}

const struct http_ops registry_ops = {
	.room_for = room_for, .handle = on_request, .done = on_done, .turn = on_turn, .stop = on_stop,
};
