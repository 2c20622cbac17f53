/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Times and amounts as people read them, documents as a terminal may.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define AGE_TEXT 32
#define BYTES_TEXT 32

/* Seconds since an RFC 3339 UTC time, at least 0; -1 when it is none. */
int64_t age_of(const char *rfc3339);
const char *age_text(int64_t seconds, char buf[AGE_TEXT]); /* "12 s", "3 h"; "-" for -1 */
const char *bytes_text(uint64_t bytes, char buf[BYTES_TEXT]); /* "1.2 MiB" */

/* A registry's JSON document as it is, but what a terminal would obey as \u001b and the like. */
void put_document(FILE *f, const char *json, size_t len);
