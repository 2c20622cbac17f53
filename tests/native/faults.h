/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Helpers that fail, one after the other, under each packet of the table.
 */
#pragma once

#include "packets/packets.h"

/* For each step of a row and each helper that its packet calls: the same with
 * that call failing. Nothing may come out but what should have, and what does
 * not come out must be counted as dropped. Each on maps as they are at the
 * beginning of a config. *ret_runs rises by the number of runs. Says what was
 * wrong; false then. */
bool fault_row(const struct row *row, unsigned int number, enum config config, unsigned int mode,
	       unsigned long *ret_runs);
