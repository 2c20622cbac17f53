/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Listening sockets: bound here, or inherited from systemd (socket
 * activation), and the word back to it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/error.h"

#define SOCKET_TEXT 128

/* "127.0.0.1:8099" or "[::1]:8099"; port 0: any free one. *ret: a listening socket. */
int socket_listen(const char *text, int *ret, struct wm_error *err);

/* The i-th socket that was inherited (sd_listen_fds(3)): 0, -ENOENT no more, -EINVAL not a listening stream socket. */
int socket_inherited(unsigned int i, int *ret, struct wm_error *err);

/* "http://127.0.0.1:8099" */
const char *socket_url(int fd, bool tls, char *buf); /* buf: SOCKET_TEXT */
bool socket_is_public(int fd);                       /* reachable from other machines */

/* "READY=1", "STOPPING=1" to whoever started us (sd_notify(3)); nothing when nobody asked. */
void notify(const char *state);
uint64_t notify_watchdog_ms(void); /* how often it wants to hear "WATCHDOG=1" at least; 0: it does not */
