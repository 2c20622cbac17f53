/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Small things that every program of ours needs: cleanup attributes, files
 * that are replaced whole, clocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "core/error.h"

#define WM_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define WM_MIN(a, b) ((a) < (b) ? (a) : (b))
#define WM_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Locals that free themselves at the end of their scope. */
void wm_freep(void *p);
void wm_closep(int *fd);
void wm_fclosep(FILE **f);
#define WM_AUTO_FREE __attribute__((cleanup(wm_freep)))
#define WM_AUTO_CLOSE __attribute__((cleanup(wm_closep)))
#define WM_AUTO_FCLOSE __attribute__((cleanup(wm_fclosep)))

/* Hands a self-freeing local to someone else: returns p, leaves NULL (-1 for an fd). */
#define WM_STEAL(p) ({ __typeof__(p) wm_tmp_ = (p); (p) = NULL; wm_tmp_; })
int wm_steal_fd(int *fd);

/* Copies with a NUL at the end; -E2BIG (dst = "") when src does not fit. */
int wm_copy(char *dst, size_t size, const char *src);
/* snprintf that fails with -E2BIG (dst = "") instead of cutting. */
int wm_format(char *dst, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Grows *array (elements of `size` bytes) so that it holds `n` elements at
 * least; capacity doubles. 0 or -ENOMEM; on failure nothing changed. */
int wm_grow(void **array, size_t *capacity, size_t n, size_t size);

/* In a list sorted by the name that each element (of `size` bytes) begins with: where name is, or would have to be. */
size_t wm_place(const void *list, size_t n, size_t size, const char *name);

/* Whole file into malloc'd memory with a NUL behind it. Fails with -EFBIG
 * above `max` bytes. *ret and *ret_len (may be NULL) are set on success. */
int wm_read_file(const char *path, size_t max, char **ret, size_t *ret_len);

/* Replaces a file whole: temporary file in the same directory, fsync, rename,
 * fsync of the directory. A reader, a crash or a full disk sees the old file
 * or the new one. */
int wm_replace_file(const char *path, mode_t mode, const void *data, size_t len);

/* The same, written by `write` (0 or -errno) instead of from memory. */
int wm_replace_file_by(const char *path, mode_t mode, int (*write)(FILE *f, void *arg), void *arg);

/* What either of them has left beside that file when it was killed. Only where nobody else can be at it now. How many there
 * were, or -errno. */
int wm_remove_unfinished(const char *path);

/* mkdir -p; 0 when it exists. */
int wm_make_dirs(const char *path, mode_t mode);

int wm_read_full(int fd, void *data, size_t len);  /* 0, -EPIPE at end of file, -errno */
int wm_write_full(int fd, const void *data, size_t len); /* 0 or -errno */

uint64_t wm_monotonic_ms(void);
int64_t wm_unix_time(void); /* seconds since 1970, UTC */

/* Deterministic 32-bit FNV-1a; for names of kernel objects, not for security. */
uint32_t wm_hash32(const void *data, size_t len);
