/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sending nf_tables batches. Kept apart from kernel/nl.c, whose requests are
 * small and answered one by one: a batch is megabytes in one datagram, and its
 * answers are there as soon as sendmsg returns.
 */
#include "kernel/nft_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "core/util.h"

#define ANSWER_BUFFER (1 << 20) /* bytes of answers the kernel may queue */
#define SKB_SLACK 512           /* what the kernel keeps of the send buffer, and our begin and end */

const uint8_t wm_nft_families[WM_NFT_PARTS] = { [WM_NFT_MAIN] = NFPROTO_IPV4, [WM_NFT_FAST] = NFPROTO_NETDEV };

void wm_nft_batch_free(struct wm_nft_batch *batch)
{
	free(batch->buf);
	*batch = (struct wm_nft_batch){ 0 };
}

struct nlmsghdr *wm_nft_msg(struct wm_nft_batch *batch, uint16_t type, uint16_t flags)
{
	if (!batch->error)
		batch->error = wm_grow((void **)&batch->buf, &batch->cap, batch->len + WM_NFT_MSG_MAX, 1);
	if (batch->error)
		return NULL;
	return nftnl_nlmsg_build_hdr(batch->buf + batch->len, type, wm_nft_families[batch->part], flags, ++batch->seq);
}

void wm_nft_msg_end(struct wm_nft_batch *batch, struct nlmsghdr *nlh)
{
	batch->len += NLMSG_ALIGN(nlh->nlmsg_len);
}

struct nlmsghdr *wm_nft_elems_begin(struct wm_nft_batch *batch, uint16_t type, uint16_t flags, const char *table, const char *set,
				    struct nlattr **ret_list)
{
	struct nlmsghdr *nlh = wm_nft_msg(batch, type, flags);

	if (!nlh)
		return NULL;
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	*ret_list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	return nlh;
}

void wm_nft_elems_end(struct wm_nft_batch *batch, struct nlmsghdr *nlh, struct nlattr *list)
{
	mnl_attr_nest_end(nlh, list);
	wm_nft_msg_end(batch, nlh);
}

/* A socket that can send `want` bytes at once, if this process is allowed to;
 * *ret_limit is what it can. */
static int open_socket(size_t want, struct mnl_socket **ret, size_t *ret_limit)
{
	struct mnl_socket *sock = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int on = 1, size = 0, fd;
	socklen_t len = sizeof(size);

	if (!sock)
		return -errno;
	if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		goto fail;
	fd = mnl_socket_get_fd(sock);
	/* Refusals without a copy of what was refused (it can be 64 kB), but with a reason. */
	mnl_socket_setsockopt(sock, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(sock, NETLINK_EXT_ACK, &on, sizeof(on));
	size = ANSWER_BUFFER;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	size = (int)WM_MIN(want + SKB_SLACK, (size_t)(1 << 30));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0)
		goto fail;
	*ret = sock;
	*ret_limit = (size_t)size - SKB_SLACK;
	return 0;
fail:
	size = -errno;
	mnl_socket_close(sock);
	return size;
}

/* The kernel's sentence behind an error message; with NETLINK_CAP_ACK only the
 * header of what was refused stands between. */
static void copy_why(const struct nlmsghdr *nlh, struct wm_nft_answer *ret)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(*e);
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += e->msg.nlmsg_len - sizeof(e->msg);
	mnl_attr_for_each(attr, nlh, offset) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG && !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
			snprintf(ret->why, sizeof(ret->why), "%s", mnl_attr_get_str(attr));
	}
}

/* Everything the kernel has to say is queued by now. `last` asked for an ack. */
static int collect(struct mnl_socket *sock, uint32_t last, struct wm_nft_answer *ret)
{
	bool acked = false;
	int rc = 0;

	for (;;) {
		char buf[MNL_SOCKET_BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
		ssize_t n = recv(mnl_socket_get_fd(sock), buf, sizeof(buf), MSG_DONTWAIT);
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		for (const struct nlmsghdr *nlh = (void *)buf; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
				continue;
			acked |= !e->error && nlh->nlmsg_seq == last;
			if (!e->error || rc)
				continue;
			rc = e->error;
			ret->refused = nlh->nlmsg_seq;
			ret->type = e->msg.nlmsg_type & 0xff;
			copy_why(nlh, ret);
		}
	}
	if (errno != EAGAIN && !rc)
		rc = -errno;
	return rc || acked ? rc : -EIO;
}

/* One transaction: buf[0..len) are whole messages. */
static int transact(struct mnl_socket *sock, char *buf, size_t len, uint32_t gen, struct wm_nft_answer *ret)
{
	char begin[64], end[64];
	struct nlmsghdr *first = nftnl_batch_begin(begin, 0), *final = nftnl_batch_end(end, 0), *last = NULL;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	mnl_attr_put_u32(first, NFNL_BATCH_GENID, htonl(gen));
	for (size_t at = 0; at < len; at += NLMSG_ALIGN(last->nlmsg_len))
		last = (struct nlmsghdr *)(buf + at);
	last->nlmsg_flags |= NLM_F_ACK;

	struct iovec iov[] = { { begin, first->nlmsg_len }, { buf, len }, { end, final->nlmsg_len } };
	struct msghdr msg = { .msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = iov, .msg_iovlen = 3 };

	if (sendmsg(mnl_socket_get_fd(sock), &msg, 0) < 0)
		return -errno;
	return collect(sock, last->nlmsg_seq, ret);
}

int wm_nft_batch_send(const struct wm_nft_batch *batch, uint32_t gen, struct wm_nft_answer *ret)
{
	struct mnl_socket *sock = NULL;
	size_t limit = 0, start = 0, at = 0;
	int n = 0, rc;

	*ret = (struct wm_nft_answer){ 0 };
	if (batch->error)
		return batch->error;
	rc = open_socket(batch->len, &sock, &limit);
	if (!rc && batch->whole > limit)
		rc = -EMSGSIZE;
	while (!rc && start < batch->len) {
		while (at < batch->len) {
			size_t next = at + NLMSG_ALIGN(((struct nlmsghdr *)(batch->buf + at))->nlmsg_len);

			if (next - start > limit && at > start && at >= batch->whole)
				break;
			at = next;
		}
		rc = transact(sock, batch->buf + start, at - start, gen + (uint32_t)n, ret);
		start = at;
		n++;
	}
	if (sock)
		mnl_socket_close(sock);
	return rc ? rc : n;
}
