/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What wm-fetch gives up before it reads a byte from the network, so that whoever takes it over by a fault in HTTP,
 * TLS or JSON holds a process that can talk to the network and to wm-gateway's socket, and change nothing else here.
 * What it is left: it reads files that all may read (names, certificates and libraries lie there), connects to Unix
 * sockets in the file system that all may connect to, and binds UDP ports, which this Landlock does not deny.
 */
#pragma once

#include "core/util.h"

/* Another user (root only: the user wm-fetch, else nobody), no way to gain rights, no core dumps, and death with the parent.
 * 0 or -errno, after which the process must end. */
int wm_confine_user(void);

/* No file is written, made or executed, no TCP port is bound and nobody outside is signalled, as far as the kernel knows
 * Landlock (5.13; ports 6.7; signals and abstract sockets 6.12). 1 in force, 0 the kernel has none, -errno. */
int wm_confine_files(void);

/* Only the system calls that a client of TCP and UDP needs: no execve, no new process, no other socket families, no
 * ptrace, mount, bpf, io_uring or keyring. What is refused is ENOSYS, as on a kernel that has no such call, because libraries know
 * how to go without. After it the process may still start threads (libcurl looks names up in one).
 * 1 in force, 0 the kernel has no seccomp, -errno with err's sentence. */
int wm_confine_calls(struct wm_error *err);
