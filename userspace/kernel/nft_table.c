/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Is there a table of ours, which one, and of which generation are the rulesets:
 * what is asked of the kernel without a look at what is in a table.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "core/util.h"
#include "kernel/nft_state_priv.h"

struct nlmsghdr *wm_nft_request(struct wm_nl *nl, enum wm_nft_part part, uint16_t type)
{
	struct nfgenmsg *header;
	struct nlmsghdr *nlh = wm_nl_begin(nl, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), 0, sizeof(*header), &header);

	header->nfgen_family = wm_nft_families[part];
	return nlh;
}

static int read_generation(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_GEN_ID + 1];

	if (!nlh)
		return 0;
	wm_nl_attrs(nlh, sizeof(struct nfgenmsg), tb, WM_ARRAY_LEN(tb));
	if (!tb[NFTA_GEN_ID])
		return -EBADMSG;
	*(uint32_t *)arg = ntohl(wm_nl_u32(tb[NFTA_GEN_ID]));
	return 0;
}

int wm_nft_generation(struct wm_nl *nl, uint32_t *ret)
{
	wm_nft_request(nl, WM_NFT_MAIN, NFT_MSG_GETGEN);
	return wm_nl_get(nl, read_generation, ret);
}

const char *wm_nft_comment_of(const struct nlattr *userdata)
{
	const char *tlv = userdata ? mnl_attr_get_payload(userdata) : NULL;
	size_t len = userdata ? mnl_attr_get_payload_len(userdata) : 0;

	/* Type 0 is the comment in tables' and in rules' userdata. */
	return len > 2 && tlv[0] == 0 && !tlv[len - 1] ? tlv + 2 : "";
}

static int read_table(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_TABLE_USERDATA + 1];
	struct wm_nft_found *t = arg;

	if (!nlh)
		return 0;
	wm_nl_attrs(nlh, sizeof(struct nfgenmsg), tb, WM_ARRAY_LEN(tb));
	t->ours = !strcmp(wm_nft_comment_of(tb[NFTA_TABLE_USERDATA]), WM_NFT_COMMENT);
	t->flags = ntohl(wm_nl_u32(tb[NFTA_TABLE_FLAGS]));
	t->handle = be64toh(wm_nl_u64(tb[NFTA_TABLE_HANDLE]));
	return 0;
}

int wm_nft_table_find(struct wm_nl *nl, enum wm_nft_part part, const char *table, struct wm_nft_found *ret)
{
	struct nlmsghdr *nlh = wm_nft_request(nl, part, NFT_MSG_GETTABLE);
	int rc;

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	rc = wm_nl_get(nl, read_table, ret);
	if (rc)
		return rc == -ENOENT || (rc == -EOPNOTSUPP && part == WM_NFT_FAST) ? 0 : rc; /* a kernel without that family */
	return ret->ours ? 1 : -EEXIST;
}

bool wm_nft_has_none(int rc)
{
	return rc == -EINVAL || rc == -EOPNOTSUPP || rc == -EPROTONOSUPPORT || rc == -EAFNOSUPPORT;
}

int wm_nft_table_exists(struct wm_nl *nl, enum wm_nft_part part, const char *table)
{
	struct wm_nft_found t = { 0 };

	return wm_nft_table_find(nl, part, table, &t);
}

int wm_nft_table_handle(struct wm_nl *nl, const char *table, uint64_t *ret)
{
	struct wm_nft_found t = { 0 };
	int rc = wm_nft_table_find(nl, WM_NFT_MAIN, table, &t);

	*ret = t.handle;
	return rc > 0 ? 0 : rc ? rc : -ENOENT;
}
