/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sockets as wm wants them: nobody waits for one, no program inherits one.
 * SOCK_CLOEXEC and SOCK_NONBLOCK are not everywhere.
 */
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of socket(): the descriptor, or -1 and errno. */
static inline int open_socket(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_NONBLOCK))) {
		close(fd);
		return -1;
	}
	return fd;
}
