/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A place of its own for a test that changes the kernel: new namespaces of
 * network, mounts and processes. Everything in it dies with the test program,
 * however that ends; nothing of it is seen outside.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Runs `body` there and ends the program with its result. lo is up, /proc and
 * /var/run are the namespace's own. */
_Noreturn void netns_run(int (*body)(void));

/* Runs a program (found in PATH; arguments up to NULL) and returns what it
 * wrote to stdout, malloc'd; its status in *ret_status (may be NULL). */
char *run_out(int *ret_status, const char *program, ...) __attribute__((sentinel));

/* Runs the words of a line ("ip link add a type veth peer name b"); fails the
 * running cmocka test unless the program succeeds. */
void must(const char *line);
/* The same, but tells whether it succeeded. */
bool works(const char *line);

/* Links, addresses, routes of all tables and rules as `ip` tells them, without
 * what changes by itself; malloc'd. */
char *snapshot(void);

/* Watches rtnetlink: every change of links, addresses, routes and rules in this
 * namespace, by whomever. */
int watch_open(void);
unsigned int watch_count(int fd); /* changes since open or the last call */
