/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a mistyped word may have meant.
 */
#include <string.h>

#include "cli/cli.h"
#include "core/util.h"

#define WORD_MAX 40

/* Optimal string alignment: insert, delete, replace, swap neighbours. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int d[WORD_MAX + 1][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= la; i++)
		d[i][0] = (unsigned int)i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			unsigned int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			best = WM_MIN(best, d[i - 1][j] + 1);
			best = WM_MIN(best, d[i][j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = WM_MIN(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	}
	return d[la][lb];
}

int nearest(const char *word, size_t n, const char *(*name_of)(const void *arg, size_t i), const void *arg)
{
	/* A third of the letters may be wrong; of "x" nothing is near. */
	unsigned int most = (unsigned int)WM_MIN(strlen(word), WORD_MAX) / 3;
	int best = -1;

	for (size_t i = 0; i < n; i++) {
		unsigned int far = distance(word, name_of(arg, i));

		if (far > most)
			continue;
		best = (int)i;
		most = far - !!far;
		if (!far)
			break;
	}
	return best;
}
