/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Answers that wait until what they say is on disk: all changes of a turn of
 * the loop are committed at its end by one commit (store_group), and until
 * then nobody hears of any of them.
 */
#pragma once

#include <stddef.h>

#include "registry/http.h"
#include "registry/store.h"

struct call;
struct registry;

struct group {
	struct group_member {
		struct http_request *request;
		char who[STORE_WHO_SIZE]; /* for the log */
	} *members;
	size_t n, capacity;
	/* sites that went, and what their gateways said with them when that is on disk */
	char (*gone)[WM_NAME_SIZE];
	size_t ngone, gone_capacity;
};

/* There is a place for one more: 0 or -ENOMEM. Before anything is changed. */
int group_make_room(struct group *group);
/* Its answer, which is there, was made while changes wait: it is sent with them. */
void group_join(struct call *call);
/* Commits what waits. Those who joined are answered, or told that nothing of it was done; who waits for news is woken. */
void group_end(struct registry *registry);
/* What a gateway said is forgotten, when the change that waits, if any, is on disk. */
void group_forget_report(struct registry *registry, const char *domain);
void group_leave(struct group *group, const struct http_request *request); /* it ends; nothing when it has not joined */
void group_free(struct group *group);
/* Into the log, where it is news: who did what, and how it went. */
void group_log(const struct http_request *request, const char *who);
