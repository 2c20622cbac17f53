/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One netlink request and its whole answer (libmnl).
 */
#include "kernel/nl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/key.h"
#include "core/util.h"

/* The kernel makes a dump's messages as big as the biggest buffer it was ever
 * offered, up to this. */
#define RECEIVE_FIRST 32768
#define DUMP_ATTEMPTS 20

struct wm_nl {
	struct mnl_socket *sock;
	uint32_t seq;
	unsigned int changes;
	char *in;
	size_t in_cap;
	char said[256]; /* the kernel's sentence about the last request, or "" */
	char why[384];
	union {
		struct nlmsghdr nlh;
		char byte[WM_NL_REQUEST_MAX];
	} out;
};

/* How far the answer has come. */
struct answer {
	wm_nl_fn fn;
	void *arg;
	bool done;
	bool interrupted;
	int rc; /* first error: of the kernel or of fn */
};

void wm_nl_close(struct wm_nl *nl)
{
	if (!nl)
		return;
	if (nl->sock)
		mnl_socket_close(nl->sock);
	wm_wipe(nl->out.byte, sizeof(nl->out.byte));
	wm_wipe(nl->in, nl->in_cap);
	free(nl->in);
	free(nl);
}

void wm_nl_closep(struct wm_nl **nl)
{
	wm_nl_close(*nl);
}

/* What stands in the buffer is lost. Answers about WireGuard hold keys: wiped. */
static int grow_in(struct wm_nl *nl, size_t size)
{
	if (size <= nl->in_cap)
		return 0;
	char *in = malloc(size);
	if (!in)
		return -ENOMEM;
	wm_wipe(nl->in, nl->in_cap);
	free(nl->in);
	nl->in = in;
	nl->in_cap = size;
	return 0;
}

int wm_nl_open(int bus, struct wm_nl **ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = calloc(1, sizeof(*nl));
	const int on = 1;

	if (!nl || grow_in(nl, RECEIVE_FIRST) < 0)
		return wm_fail(err, ENOMEM, "out of memory");
	nl->sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->sock || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		int code = errno;
		return wm_fail(err, code, "cannot open a netlink socket to the kernel: %s", strerror(code));
	}
	/* Niceties, each without harm where the kernel lacks it: sentences about
	 * errors; acks that do not repeat the request; filters in dump requests. */
	mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, (void *)&on, sizeof(on));
	mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, (void *)&on, sizeof(on));
	mnl_socket_setsockopt(nl->sock, NETLINK_GET_STRICT_CHK, (void *)&on, sizeof(on));
	*ret = WM_STEAL(nl);
	return 0;
}

struct nlmsghdr *wm_nl_begin(struct wm_nl *nl, uint16_t type, uint16_t flags, size_t extra, void *ret_extra)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->out.byte);
	void *header = mnl_nlmsg_put_extra_header(nlh, extra);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	memset(header, 0, extra);
	if (ret_extra)
		*(void **)ret_extra = header;
	return nlh;
}

void wm_nl_attrs(const struct nlmsghdr *nlh, size_t extra, const struct nlattr **tb, unsigned int n)
{
	const struct nlattr *attr;

	memset(tb, 0, n * sizeof(*tb));
	mnl_attr_for_each(attr, nlh, extra)
		if (mnl_attr_get_type(attr) < n)
			tb[mnl_attr_get_type(attr)] = attr;
}

void wm_nl_nested(const struct nlattr *nest, const struct nlattr **tb, unsigned int n)
{
	const struct nlattr *attr;

	memset(tb, 0, n * sizeof(*tb));
	if (!nest)
		return;
	mnl_attr_for_each_nested(attr, nest)
		if (mnl_attr_get_type(attr) < n)
			tb[mnl_attr_get_type(attr)] = attr;
}

static void copy_value(const struct nlattr *attr, void *ret, size_t size)
{
	memset(ret, 0, size);
	if (attr && mnl_attr_get_payload_len(attr) == size)
		memcpy(ret, mnl_attr_get_payload(attr), size);
}

uint16_t wm_nl_u16(const struct nlattr *attr)
{
	uint16_t value;

	copy_value(attr, &value, sizeof(value));
	return value;
}

uint32_t wm_nl_u32(const struct nlattr *attr)
{
	uint32_t value;

	copy_value(attr, &value, sizeof(value));
	return value;
}

uint64_t wm_nl_u64(const struct nlattr *attr)
{
	uint64_t value;

	copy_value(attr, &value, sizeof(value));
	return value;
}

wm_ip4 wm_nl_ip4(const struct nlattr *attr)
{
	return ntohl(wm_nl_u32(attr));
}

const char *wm_nl_str(const struct nlattr *attr)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 ? mnl_attr_get_str(attr) : "";
}

/* The kernel's sentence stands in an attribute behind `skip` bytes of payload. */
static void keep_said(struct wm_nl *nl, const struct nlmsghdr *nlh, size_t skip)
{
	const struct nlattr *tb[NLMSGERR_ATTR_MSG + 1];

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || mnl_nlmsg_get_payload_len(nlh) < skip)
		return;
	wm_nl_attrs(nlh, MNL_ALIGN(skip), tb, WM_ARRAY_LEN(tb));
	wm_format(nl->said, sizeof(nl->said), "%.200s", wm_nl_str(tb[NLMSGERR_ATTR_MSG]));
}

static int read_error(struct wm_nl *nl, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*e);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return -EBADMSG;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - sizeof(e->msg);
	if (e->error)
		keep_said(nl, nlh, skip);
	return e->error > 0 ? -e->error : e->error;
}

/* The end of a dump carries the error that ended it. */
static int read_done(struct wm_nl *nl, const struct nlmsghdr *nlh)
{
	int code;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(code))
		return 0;
	memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	if (code < 0)
		keep_said(nl, nlh, sizeof(code));
	return code < 0 ? code : 0;
}

static void read_message(struct wm_nl *nl, const struct nlmsghdr *nlh, struct answer *a)
{
	int rc = 0;

	if (nlh->nlmsg_seq != nl->seq || nlh->nlmsg_pid != mnl_socket_get_portid(nl->sock))
		return; /* the rest of an answer that was given up */
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		a->interrupted = true;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		rc = read_error(nl, nlh);
		a->done = true;
	} else if (nlh->nlmsg_type == NLMSG_DONE) {
		rc = read_done(nl, nlh);
		a->done = true;
	} else if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && a->fn && !a->rc) {
		rc = a->fn(nlh, a->arg);
	}
	if (rc < 0 && !a->rc)
		a->rc = rc;
}

/* One datagram, whatever its size, into nl->in; its length or -errno. */
static ssize_t receive(struct wm_nl *nl)
{
	int fd = mnl_socket_get_fd(nl->sock);
	ssize_t len;

	do
		len = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	if (grow_in(nl, (size_t)len) < 0)
		return -ENOMEM;
	do
		len = mnl_socket_recvfrom(nl->sock, nl->in, nl->in_cap);
	while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : len;
}

static int transact(struct wm_nl *nl, struct answer *a)
{
	struct nlmsghdr *out = &nl->out.nlh;

	nl->said[0] = '\0';
	out->nlmsg_flags |= NLM_F_REQUEST;
	out->nlmsg_seq = ++nl->seq;
	if (a->fn)
		a->fn(NULL, a->arg);
	if (mnl_socket_sendto(nl->sock, out, out->nlmsg_len) < 0)
		return -errno;
	while (!a->done) {
		ssize_t len = receive(nl);
		if (len < 0)
			return (int)len;
		int left = (int)len;
		for (const struct nlmsghdr *nlh = (void *)nl->in; mnl_nlmsg_ok(nlh, left) && !a->done;
		     nlh = mnl_nlmsg_next(nlh, &left))
			read_message(nl, nlh, a);
	}
	return a->rc;
}

int wm_nl_get(struct wm_nl *nl, wm_nl_fn fn, void *arg)
{
	struct answer a = { .fn = fn, .arg = arg };

	nl->out.nlh.nlmsg_flags |= NLM_F_ACK;
	int rc = transact(nl, &a);
	wm_wipe(nl->out.byte, nl->out.nlh.nlmsg_len);
	return rc;
}

int wm_nl_write(struct wm_nl *nl)
{
	int rc = wm_nl_get(nl, NULL, NULL);

	if (rc == 0)
		nl->changes++;
	return rc;
}

int wm_nl_dump(struct wm_nl *nl, wm_nl_fn fn, void *arg)
{
	nl->out.nlh.nlmsg_flags |= NLM_F_DUMP;
	for (int i = 0; i < DUMP_ATTEMPTS; i++) {
		struct answer a = { .fn = fn, .arg = arg };
		int rc = transact(nl, &a);
		if (rc < 0 && rc != -EINTR)
			return rc;
		if (rc == 0 && !a.interrupted)
			return 0;
	}
	return -EBUSY;
}

const char *wm_nl_why(struct wm_nl *nl, int rc)
{
	if (nl->said[0])
		wm_format(nl->why, sizeof(nl->why), "%s (%s)", strerror(-rc), nl->said);
	else
		wm_format(nl->why, sizeof(nl->why), "%s", strerror(-rc));
	return nl->why;
}

unsigned int wm_nl_changes(const struct wm_nl *nl)
{
	return nl->changes;
}

static int read_family(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[CTRL_ATTR_FAMILY_ID + 1];

	if (!nlh)
		return 0;
	wm_nl_attrs(nlh, sizeof(struct genlmsghdr), tb, WM_ARRAY_LEN(tb));
	*(uint16_t *)arg = wm_nl_u16(tb[CTRL_ATTR_FAMILY_ID]);
	return 0;
}

int wm_nl_family(struct wm_nl *nl, const char *name, uint16_t *ret)
{
	uint16_t id = 0;
	struct genlmsghdr *genl;
	struct nlmsghdr *nlh = wm_nl_begin(nl, GENL_ID_CTRL, 0, sizeof(*genl), &genl);

	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	int rc = wm_nl_get(nl, read_family, &id);
	if (rc < 0)
		return rc;
	if (!id)
		return -ENOENT;
	*ret = id;
	return 0;
}
