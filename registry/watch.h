/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Requests that wait: for the next change (long-poll), or until changes can be made.
 *
 * A waiting request is handled again, from its beginning, when something
 * changed, when its time is over, when its client has gone or when the server
 * stops: the handler decides each time anew.
 */
#pragma once

#include <stdbool.h>

#include "registry/http.h"

#define WATCH_MAX 100000

struct watch {
	struct timers *timers;
	struct http_request *first;
	size_t n;
};

/* Suspends the request until `seconds` after its first call here. False: its
 * time is over (or the server is full or stopping), answer now. */
bool watch_wait(struct watch *watch, struct http_request *request, unsigned int seconds);
void watch_forget(struct http_request *request); /* nothing when it does not wait */
void watch_wake(struct watch *watch); /* everybody */
