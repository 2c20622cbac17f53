/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Carries out a row.
 */
#pragma once

#include "packets/packets.h"

/* Whether everything came as the row says; if not, says what did not, a line
 * each, and leaves the row's packets in pcap (a path). `number` is unique. */
bool run_row(const struct row *row, unsigned int number, const char *pcap);

/* Called before the packet of a step is sent, if it is set; false: the row fails. */
extern bool (*run_before)(const struct step *step, unsigned int number, const char *where);
