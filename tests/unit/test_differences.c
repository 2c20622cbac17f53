/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What status tells of the nftables back end stands in docs/dataplane-nft.md,
 * with the reason; and what stands there status tells.
 */
#include "kernel/dataplane.h"
#include "unit/unit.h"

#define HEADING "## Where netfilter differs"

/* Calls fn for each row of the table of differences that has a reason; how many there are. */
static unsigned int each_row(bool (*fn)(const char *row, const char *words), const char *words, unsigned int *ret_matches)
{
	FILE *doc = fopen("docs/dataplane-nft.md", "re");
	char *line = NULL;
	size_t size = 0;
	unsigned int rows = 0;
	bool table = false;

	assert_non_null(doc);
	*ret_matches = 0;
	while (getline(&line, &size, doc) >= 0) {
		const char *why = strrchr(line, '|') ? strstr(line + 1, " | ") : NULL;

		table |= !strncmp(line, HEADING, sizeof(HEADING) - 1);
		if (!table || line[0] != '|' || !why || strlen(why) <= 10)
			continue;
		rows++;
		*ret_matches += fn(line, words);
	}
	free(line);
	fclose(doc);
	return rows;
}

static bool has_words(const char *row, const char *words)
{
	return strstr(row, words);
}

static bool is_told(const char *row, const char *unused)
{
	(void)unused;
	for (size_t i = 0; i < wm_nft_ndifferences; i++)
		if (strstr(row, wm_nft_differences[i].doc))
			return true;
	print_error("status does not tell: %.100s\n", row);
	return false;
}

static void every_difference_is_documented(void **state)
{
	unsigned int rows;

	(void)state;
	assert_true(wm_nft_ndifferences > 0);
	for (size_t i = 0; i < wm_nft_ndifferences; i++) {
		each_row(has_words, wm_nft_differences[i].doc, &rows);
		if (rows != 1)
			fail_msg("in %u rows of docs/dataplane-nft.md: %s", rows, wm_nft_differences[i].doc);
	}
	each_row(has_words, "words that stand nowhere", &rows);
	assert_int_equal(rows, 0);
}

static void status_tells_every_difference(void **state)
{
	unsigned int told, rows = each_row(is_told, NULL, &told);

	(void)state;
	assert_true(rows > 30);
	assert_int_equal(told, rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(every_difference_is_documented), TEST(status_tells_every_difference) };

	return UNIT_RUN("differences", tests);
}
