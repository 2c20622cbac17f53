/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The numbered files of registry/migrations/, embedded. The store applies
 * those it has not seen, in order; one that was released is never edited.
 */
#pragma once

#include <stddef.h>

extern const char *const migrations[]; /* SQL; migrations[0] leads from nothing to version 1 */
extern const size_t nmigrations;

extern const char *const migrations_postgresql[]; /* the same for PostgreSQL, counted by themselves */
extern const size_t nmigrations_postgresql;
