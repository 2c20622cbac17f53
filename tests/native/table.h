/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table as a whole: what its rows did, and whether some did the same.
 */
#pragma once

#include "native/rig.h"

/* What the packets of a row did when it ran in this mode. */
void table_add(const struct group *group, const struct row *row, unsigned int mode, const struct trace *item, size_t n);

/* Each says what is missing or too much, and returns false then. */
bool table_reasons(void);
bool table_is_large(void);
bool table_no_twins(void);
