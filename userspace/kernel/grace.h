/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Until packets are out that a filter or a rule has seen which was taken off before. */
void wm_grace(void);
