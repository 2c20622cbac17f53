/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/group.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/util.h"
#include "registry/problem.h"
#include "registry/registry.h"

/* Whatever changes something or tries to; not the reports that gateways send all the time, and not what anybody at all
 * could fill the log with. */
void group_log(const struct http_request *request, const char *who)
{
	bool report = !strcmp(request->method, "PUT");

	if (!*who || !strcmp(request->method, "GET") || !request->answer.status || (report && request->answer.status < 400))
		return;
	wm_info("%s: %s %.100s: %u", who, request->method, request->path, request->answer.status);
}

int group_make_room(struct group *group)
{
	return wm_grow((void **)&group->members, &group->capacity, group->n + 1, sizeof(*group->members));
}

void group_join(struct call *call)
{
	struct group *group = &call->registry->group;
	struct group_member *member = &group->members[group->n++];

	member->request = call->request;
	wm_copy(member->who, sizeof(member->who), call->who.who);
	http_hold(call->request);
}

void group_leave(struct group *group, const struct http_request *request)
{
	for (size_t i = 0; i < group->n; i++) {
		if (group->members[i].request == request) {
			group->members[i] = group->members[--group->n];
			return;
		}
	}
}

void group_forget_report(struct registry *registry, const char *domain)
{
	struct group *group = &registry->group;

	if (!store_waits(registry->store) ||
	    wm_grow((void **)&group->gone, &group->gone_capacity, group->ngone + 1, sizeof(*group->gone)))
		reports_forget(&registry->reports, domain);
	else
		wm_copy(group->gone[group->ngone++], sizeof(*group->gone), domain);
}

static int commit(struct registry *registry, struct wm_error *err)
{
	struct group *group = &registry->group;
	uint64_t began = counts_now_us();
	int rc;

	if (!store_waits(registry->store))
		return 0;
	rc = store_commit(registry->store, err);
	counts_took(&registry->counts, COUNTS_COMMIT, began);
	for (size_t i = 0; !rc && i < group->ngone; i++)
		reports_forget(&registry->reports, group->gone[i]);
	group->ngone = 0;
	return rc;
}

void group_end(struct registry *registry)
{
	struct group *group = &registry->group;
	struct wm_error err = { 0 };
	int rc = commit(registry, &err);

	for (size_t i = 0; i < group->n; i++) {
		struct group_member *member = &group->members[i];

		/* Also who was refused, perhaps because of what is not there now. */
		if (rc) {
			member->request->answer.etag[0] = '\0';
			problem_from(&member->request->answer, rc, &err);
		}
		group_log(member->request, member->who);
		http_resume(member->request);
	}
	group->n = 0;
	registry_follow(registry);
}

void group_free(struct group *group)
{
	free(group->members);
	free(group->gone);
	*group = (struct group){ 0 };
}
