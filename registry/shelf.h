/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the registry gives out to everybody: the files of a directory that an
 * operator names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "core/error.h"

#define SHELF_NAME_SIZE 120
#define SHELF_KEPT 256 /* files whose hashes are remembered */

struct shelf_known {
	char name[SHELF_NAME_SIZE];
	struct stat st; /* as it was when it was hashed */
	char sha256[65];
};

struct shelf {
	bool there;
	int dir;
	struct shelf_known known[SHELF_KEPT]; /* the oldest goes first */
	size_t next;
};

int shelf_open(struct shelf *shelf, const char *dir, struct wm_error *err); /* dir NULL: none */
void shelf_close(struct shelf *shelf);
bool shelf_name_valid(const char *name);
/* A regular file directly in the directory, never by a symlink. -ENOENT: nothing of that kind. */
int shelf_file(const struct shelf *shelf, const char *name, int *ret_fd, struct stat *ret);
/* Its hash, if it is still the file that was hashed; else NULL. */
const char *shelf_hash(const struct shelf *shelf, const char *name, const struct stat *st);
void shelf_learn(struct shelf *shelf, const char *name, const struct stat *st, const char *sha256);
