/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/counters.h"

#include <stdlib.h>

void wm_counters_free(struct wm_counters *c)
{
	if (!c)
		return;
	free(c->ends);
	*c = (struct wm_counters){ 0 };
}
