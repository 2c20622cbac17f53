/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the client's files share; only they know libcurl. Not for threads: one
 * struct wm_http at a time does one request, blocking.
 */
#pragma once

#include <curl/curl.h>

#include "http/client.h"

struct wm_http {
	CURL *curl;
	const char *what;      /* "registry" */
	char *base;            /* without a slash at the end */
	struct curl_slist *headers;
	char message[CURL_ERROR_SIZE];
};
