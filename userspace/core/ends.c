/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/ends.h"

#include <string.h>

#include "core/util.h"

static void forget(struct wm_ends *e, size_t n)
{
	memmove(e->end, e->end + n, (e->n - n) * sizeof(*e->end));
	e->n -= n;
}

/* Of the last n. The first of them may have run for years. */
static uint64_t longest(const struct wm_ends *e, size_t n)
{
	uint64_t most = 0;

	for (size_t i = e->n - n; i < e->n; i++)
		most = WM_MAX(most, e->end[i].lasted);
	return WM_MIN(most, (uint64_t)WM_ENDS_WITHIN_MS);
}

bool wm_ends_add(struct wm_ends *e, uint64_t now, uint64_t lasted, uint64_t *ret_longest)
{
	while (e->n && (e->n == WM_ENDS_MANY || now - e->end[0].at > WM_ENDS_WITHIN_MS))
		forget(e, 1);
	e->end[e->n++] = (struct wm_end){ now, lasted };
	if (e->n >= WM_ENDS_ROW && longest(e, WM_ENDS_ROW) <= WM_ENDS_SOON_MS)
		*ret_longest = longest(e, WM_ENDS_ROW);
	else if (e->n == WM_ENDS_MANY)
		*ret_longest = longest(e, WM_ENDS_MANY);
	else
		return false;
	return true;
}

bool wm_ends_hang(struct wm_ends *e, uint64_t now)
{
	if (e->nhung == WM_ENDS_HUNG)
		memmove(e->hung, e->hung + 1, --e->nhung * sizeof(*e->hung));
	e->hung[e->nhung++] = now;
	return e->nhung == WM_ENDS_HUNG && now - e->hung[0] <= WM_ENDS_HUNG_WITHIN_MS;
}
