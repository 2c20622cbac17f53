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
#include "core/key.h"

#define SHELF_NAME_SIZE 120

struct shelf_known {
	char name[SHELF_NAME_SIZE]; /* first: files are found by it */
	struct stat st; /* as it was when it was hashed */
	uint64_t began_ms;
	char sha256[WM_SHA256_TEXT];
};

struct shelf {
	bool there;
	int dir;
	struct shelf_known *known; /* sorted by name */
	size_t nknown, cap;
	struct shelf_work {
		bool under_way;
		int fd;
		struct shelf_known of;
		struct wm_sha256_state sha;
		uint64_t rests_until_ms;
	} work; /* the one file that is being hashed, for all who wait */
};

int shelf_open(struct shelf *shelf, const char *dir, struct wm_error *err); /* dir NULL: none */
void shelf_close(struct shelf *shelf);
bool shelf_name_valid(const char *name);
/* A regular file directly in the directory, never by a symlink. -ENOENT: nothing of that kind. */
int shelf_file(const struct shelf *shelf, const char *name, int *ret_fd, struct stat *ret);
/* The file and its hash, as it is or was at since_ms or later (a file that changes all the time would have none). Until the
 * next call. -EAGAIN: ask again when others had their turn, until then a piece of it, or of another file that somebody
 * waits for, may have been read; -errno: there is none, or it cannot be read. */
int shelf_hash(struct shelf *shelf, const char *name, uint64_t since_ms, const struct shelf_known **ret);
/* Forgets the hashes of all but these, which are sorted. */
void shelf_keep(struct shelf *shelf, char (*names)[SHELF_NAME_SIZE], size_t n);
