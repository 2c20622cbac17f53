/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Splicing sorted arrays is set arithmetic, or refused.
 */
#include "core/sorted.h"

#include "unit/unit.h"

static int number_order(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static size_t random_set(struct rng *r, int *ret, unsigned int percent)
{
	size_t n = 0;

	for (int i = 0; i < 30; i++) {
		if (rng_chance(r, percent))
			ret[n++] = i;
	}
	return n;
}

static void splicing_is_set_arithmetic(void **state)
{
	struct rng r = { 9 };
	int prepared = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int *v = calloc(30, sizeof(*v)), gone_[30], come[30], want[60];
		size_t n = random_set(&r, v, 50), cap = 30, nwant = 0, at;
		struct wm_splice splice = { gone_, come, random_set(&r, gone_, 8), random_set(&r, come, 12) };
		struct wm_sorted s = { (void **)&v, &n, &cap, sizeof(*v), number_order };
		bool fits = true;

		for (int x = 0; x < 30; x++) {
			bool had = bsearch(&x, v, n, sizeof(x), number_order) != NULL;
			bool goes = bsearch(&x, gone_, splice.ngone, sizeof(x), number_order) != NULL;
			bool comes = bsearch(&x, come, splice.ncome, sizeof(x), number_order) != NULL;

			fits &= !(goes && !had) && !(comes && had && !goes);
			if ((had && !goes) || comes)
				want[nwant++] = x;
		}
		assert_int_equal(!wm_sorted_prepare(&s, &splice, &at), fits);
		if (fits) {
			wm_sorted_splice(&s, &splice);
			assert_int_equal(n, nwant);
			assert_memory_equal(v, want, n * sizeof(*v));
			prepared++;
		}
		free(v);
	}
	assert_true(prepared > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(splicing_is_set_arithmetic),
	};

	return UNIT_RUN("sorted", tests);
}
