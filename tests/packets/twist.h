/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "packets/random.h"

/* One oddity, which fits a packet that comes in there; or none. */
void twist(struct traffic *t, enum place at, struct pkt *p);
/* What only the gateway itself may try: more than the smallest LAN takes. */
void twist_own(struct traffic *t, struct pkt *p);
