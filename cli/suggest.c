/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a mistyped word may have meant.
 */
#include <stdio.h>
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

/* As a whole word of name ("ip" of "local-ip", "hosts" of "list-hosts"), or as its beginning. */
static bool is_part(const char *name, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = name; (at = strstr(at, word)); at++) {
		if (at == name || ((at[-1] == '-' || at[-1] == ' ') && (!at[len] || at[len] == '-')))
			return true;
	}
	return false;
}

bool names_with(const char *word, const char *prefix, size_t n, const char *(*name_of)(const void *arg, size_t i), const void *arg,
	   char *ret, size_t size)
{
	const char *found[5];
	size_t nfound = 0, at = 0;

	for (size_t i = 0; *word && word[1] && i < n && nfound < WM_ARRAY_LEN(found); i++) {
		if (is_part(name_of(arg, i), word))
			found[nfound++] = name_of(arg, i);
	}
	*ret = '\0';
	if (nfound == WM_ARRAY_LEN(found)) /* of so many none is meant more than the others */
		return false;
	for (size_t i = 0; i < nfound && at < size; i++)
		at += (size_t)snprintf(ret + at, size - at, "%s%s%s", !i ? "" : i + 1 < nfound ? ", " : " or ", prefix, found[i]);
	return nfound;
}
