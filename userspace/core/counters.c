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

static bool rate(uint64_t was, uint64_t is, double seconds, double *ret)
{
	*ret = is < was ? 0 : (double)(is - was) / seconds;
	return is >= was;
}

bool wm_end_rates(const struct wm_end_counters *was, const struct wm_end_counters *is, double seconds,
		  double ret[WM_END_FIELDS])
{
	bool one = was->overlay == is->overlay && was->owner == is->owner && seconds > 0;

	for (int f = 0; one && f < WM_END_FIELDS; f++)
		one = rate(wm_end_field(was, (enum wm_end_field)f), wm_end_field(is, (enum wm_end_field)f), seconds, &ret[f]);
	return one;
}

bool wm_count_rates(const struct wm_count *was, const struct wm_count *is, double seconds, double *ret_packets,
		    double *ret_bytes)
{
	return seconds > 0 && rate(was->packets, is->packets, seconds, ret_packets) &&
	       rate(was->bytes, is->bytes, seconds, ret_bytes);
}
