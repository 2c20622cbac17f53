/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * System calls of Linux that not every C library has a function for: musl,
 * which Alpine and OpenWrt have, lacks all of these. As in their manual pages.
 */
#pragma once

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

static inline int wm_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static inline int wm_pidfd_signal(int fd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

/* All descriptors from that one on. */
static inline int wm_close_from(unsigned int first)
{
	return (int)syscall(SYS_close_range, first, ~0u, 0);
}

static inline int wm_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}
