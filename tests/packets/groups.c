/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table: all rows of all configs, in the order in which they run.
 */
#include "core/util.h"
#include "packets/packets.h"

const struct group *const groups[] = {
	&group_translate, &group_offload, &group_drop_lan, &group_drop_wg, &group_drop_out, &group_self,
	&group_untouched, &group_initiate, &group_answer, &group_flows, &group_fragments, &group_errors,
	&group_router, &group_limits, &group_hairpin, &group_change, &group_mss, &group_nft, &group_odd,
	&group_states, &group_hub, &group_odd_hub,
	&group_mss_hub, &group_nft_hub, &group_attack, &group_pair,
};

const size_t ngroups = WM_ARRAY_LEN(groups);
