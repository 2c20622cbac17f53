/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The flow sets' elements, as the kernel has them.
 */
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "core/util.h"
#include "kernel/nft_dump.h"
#include "kernel/nft_flow.h"

struct reader {
	enum wm_nft_flow_set set;
	int (*fn)(void *arg, const struct wm_nft_trace *trace);
	void (*forget)(void *arg, enum wm_nft_flow_set set);
	void *arg;
};

static int read_elem(void *arg, const struct nlattr *nest)
{
	const struct reader *r = arg;
	const struct nlattr *tb[NFTA_SET_ELEM_EXPIRATION + 1], *value[NFTA_DATA_VALUE + 1];
	struct wm_nft_trace trace = { .set = r->set };

	wm_nl_nested(nest, tb, WM_ARRAY_LEN(tb));
	wm_nl_nested(tb[NFTA_SET_ELEM_KEY], value, WM_ARRAY_LEN(value));
	if (!value[NFTA_DATA_VALUE] || mnl_attr_get_payload_len(value[NFTA_DATA_VALUE]) != wm_nft_flow_sets[r->set].key_len)
		return -EBADMSG;
	memcpy(trace.key, mnl_attr_get_payload(value[NFTA_DATA_VALUE]), wm_nft_flow_sets[r->set].key_len);
	trace.timeout_ms = be64toh(wm_nl_u64(tb[NFTA_SET_ELEM_TIMEOUT]));
	trace.expires_ms = be64toh(wm_nl_u64(tb[NFTA_SET_ELEM_EXPIRATION]));
	if (!trace.timeout_ms)
		trace.timeout_ms = wm_nft_flow_sets[r->set].timeout_s * 1000ull;
	return r->fn(r->arg, &trace);
}

static void begin_again(void *arg)
{
	const struct reader *r = arg;

	r->forget(r->arg, r->set);
}

int wm_nft_flows_read(struct wm_nl *nl, const char *table, int (*fn)(void *arg, const struct wm_nft_trace *trace),
		      void (*forget)(void *arg, enum wm_nft_flow_set set), void *arg)
{
	int rc = 0;

	for (int i = 0; i < WM_NFT_FLOW_SETS && !rc; i++) {
		struct reader r = { (enum wm_nft_flow_set)i, fn, forget, arg };

		rc = wm_nft_dump_elems(nl, table, wm_nft_flow_sets[i].name, &(struct wm_nft_dump){ read_elem, begin_again, &r });
	}
	return rc;
}
