/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a release says of itself before it is started, with data planes that
 * are what each row says.
 */
#include "agent/workable.h"

#include "core/util.h"
#include "kernel/dataplane.h"
#include "unit/unit.h"

static int bpf_works, bpf_present, nft_works;

static int probe_bpf(const struct wm_instance *inst, struct wm_error *ret)
{
	(void)inst;
	return bpf_works ? 0 : wm_fail(ret, EPERM, "no BPF here");
}

static int present_bpf(const struct wm_instance *inst, struct wm_error *ret)
{
	(void)inst;
	(void)ret;
	return bpf_present;
}

static int probe_nft(const struct wm_instance *inst, struct wm_error *ret)
{
	(void)inst;
	return nft_works ? 0 : wm_fail(ret, EPERM, "no nftables here");
}

const struct wm_dataplane wm_dataplane_bpf = { .name = "bpf", .probe = probe_bpf, .present = present_bpf };
const struct wm_dataplane wm_dataplane_nft = { .name = "nft", .probe = probe_nft };

static void it_can_what_is_needed_here(void **state)
{
	static const struct {
		enum wm_dataplane_choice choice;
		int bpf_works, bpf_present, nft_works;
		int expected;
	} rows[] = {
		{ WM_DATAPLANE_AUTO, 1, 0, 0, 0 }, { WM_DATAPLANE_AUTO, 0, 0, 1, 0 }, { WM_DATAPLANE_AUTO, 0, 0, 0, 1 },
		/* In force by our own choice: nftables instead of it would be less than before. */
		{ WM_DATAPLANE_AUTO, 0, 1, 1, 1 }, { WM_DATAPLANE_AUTO, 1, 1, 0, 0 },
		{ WM_DATAPLANE_BPF, 1, 0, 0, 0 }, { WM_DATAPLANE_BPF, 0, 0, 1, 1 },
		{ WM_DATAPLANE_NFT, 0, 0, 1, 0 }, { WM_DATAPLANE_NFT, 1, 0, 0, 1 },
		/* Somebody has asked for nftables, and BPF is still there. */
		{ WM_DATAPLANE_NFT, 1, 1, 1, 0 }, { WM_DATAPLANE_NFT, 0, 1, 1, 0 }, { WM_DATAPLANE_NFT, 1, 1, 0, 1 },
	};
	struct wm_instance inst = { .fetch_path = "/proc/self/exe" };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		inst.dataplane = rows[i].choice;
		bpf_works = rows[i].bpf_works;
		bpf_present = rows[i].bpf_present;
		nft_works = rows[i].nft_works;
		assert_int_equal(wm_workable(&inst), rows[i].expected);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { TEST(it_can_what_is_needed_here) };

	return UNIT_RUN("workable", tests);
}
