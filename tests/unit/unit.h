/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What every unit test needs: cmocka and what it wants included before it,
 * a seeded random source, a directory that goes away again.
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"

/* Of the call under test; unit_setup empties it. */
extern struct wm_error err;

int unit_setup(void **state);
#define TEST(fn) cmocka_unit_test_setup(fn, unit_setup)

/* Runs the tests and speaks TAP; what main returns. */
#define UNIT_RUN(name, tests) (unit_init() || cmocka_run_group_tests_name(name, tests, NULL, NULL))
int unit_init(void);

/* rc is 0; else the error's sentence is shown. */
#define assert_ok(rc) unit_assert_ok(rc, __FILE__, __LINE__)
void unit_assert_ok(int rc, const char *file, int line);
/* rc is -code, and err says so in a sentence: with this field, and with this text in it (NULL: any). */
#define assert_refused(rc, code, field, text) unit_assert_refused(rc, code, field, text, __FILE__, __LINE__)
void unit_assert_refused(int rc, int code, const char *field, const char *text, const char *file, int line);

/* The same numbers on every machine, so that a failure can be looked at again. */
struct rng {
	uint64_t state;
};
uint32_t rng_next(struct rng *r);
uint32_t rng_below(struct rng *r, uint32_t n); /* 0..n-1 */
bool rng_chance(struct rng *r, unsigned int percent);
void rng_fill(struct rng *r, void *data, size_t len);

/* A directory of this process, under TMPDIR or /tmp; made at the first call, gone when the process ends. */
const char *unit_dir(void);
/* <unit_dir>/<name>, in a buffer that the next calls use again after eight. */
const char *unit_path(const char *name);
/* Files in a directory of ours that are not "." or ".."; temporary files left behind show here. */
size_t unit_count_files(const char *dir);
