/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who a request comes from, as far as addresses tell.
 */
#pragma once

#include "registry/http.h"

/* The peer's address. A proxy is believed when it runs on this machine: CF-Connecting-IP, else the last address of
 * X-Forwarded-For, which is the one that it saw itself. ret: INET6_ADDRSTRLEN; "" for a local socket. */
void client_address(const struct http_request *request, char *ret);
