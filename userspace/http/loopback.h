/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What counts as this very machine, where a token may go over plain http.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

bool wm_host_is_loopback(const char *host); /* of a URL: "127.0.0.1", "[::1]", "localhost" */
bool wm_sockaddr_is_loopback(const struct sockaddr *sa);
