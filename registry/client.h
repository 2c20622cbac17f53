/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who a request comes from, as far as addresses tell.
 */
#pragma once

#include "registry/http.h"

/* The peer's address. A proxy is believed when it runs on this machine: the last address of the last X-Forwarded-For,
 * which is the one that it saw itself. Before that CF-Connecting-IP, if it is a tunnel of Cloudflare, which sets that
 * anew; others pass on what a client said. ret: INET6_ADDRSTRLEN; "" for a local socket. */
void client_address(const struct http_request *request, bool tunnel, char *ret);
