/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What status tells of the nftables back end stands in docs/dataplane-nft.md,
 * with the reason.
 */
#include "kernel/dataplane.h"
#include "unit/unit.h"

/* The row of the table of differences that has these words, with a reason behind them. */
static bool is_documented(FILE *doc, const char *words)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false, table = false;

	rewind(doc);
	while (!found && getline(&line, &size, doc) >= 0) {
		const char *why, *at = strstr(line, words);

		table |= !strncmp(line, "## Where netfilter differs", 26);
		why = at ? strstr(at, " | ") : NULL;
		found = table && line[0] == '|' && why && strlen(why) > 10;
	}
	free(line);
	return found;
}

static void every_difference_is_documented(void **state)
{
	FILE *doc = fopen("docs/dataplane-nft.md", "re");

	(void)state;
	assert_non_null(doc);
	assert_true(wm_nft_ndifferences > 0);
	for (size_t i = 0; i < wm_nft_ndifferences; i++)
		if (!is_documented(doc, wm_nft_differences[i].doc))
			fail_msg("not in docs/dataplane-nft.md: %s", wm_nft_differences[i].doc);
	assert_false(is_documented(doc, "words that stand nowhere"));
	fclose(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(every_difference_is_documented) };

	return UNIT_RUN("differences", tests);
}
