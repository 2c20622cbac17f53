/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tcx (Linux 6.6): each device has, in front of clsact, a list of programs at
 * its ingress and one at its egress. A program there costs half of what it costs
 * as a filter. They are put there without a link, so they stay when we go, and
 * are replaced in place. Whose one is says a parameter of it. libbpf knows tcx
 * from 1.3 on; what follows is the kernel's own interface, linux/bpf.h of 6.6.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

#define AT_INGRESS 46 /* BPF_TCX_INGRESS */
#define AT_EGRESS 47
#define REPLACE (1u << 2) /* BPF_F_REPLACE */
#define LOOPBACK 1

/* What union bpf_attr is for BPF_PROG_ATTACH and BPF_PROG_DETACH. */
struct placing {
	uint32_t ifindex, prog_fd, type, flags, old_fd, relative_fd;
	uint64_t revision;
};

/* And for BPF_PROG_QUERY. */
struct question {
	uint32_t ifindex, type, query_flags, attach_flags;
	uint64_t ids;
	uint32_t count, pad;
	uint64_t flags_of_each, links, flags_of_links, revision;
};

static int ask_kernel(enum bpf_cmd cmd, void *attr, size_t len)
{
	return syscall(SYS_bpf, cmd, attr, (unsigned int)len) < 0 ? -errno : 0;
}

static uint32_t type_of(enum wm_bpf_side side)
{
	return side == WM_BPF_OUT ? AT_EGRESS : AT_INGRESS;
}

int wm_bpf_tcx_list(uint32_t ifindex, enum wm_bpf_side side, uint32_t ret[WM_BPF_TCX_MOST])
{
	struct question q = { .ifindex = ifindex, .type = type_of(side), .ids = (uintptr_t)ret, .count = WM_BPF_TCX_MOST };
	int rc = ask_kernel(BPF_PROG_QUERY, &q, sizeof(q));

	if (rc == -ENOENT) /* nobody has ever put one there */
		return 0;
	return rc ? rc : (int)WM_MIN(q.count, (uint32_t)WM_BPF_TCX_MOST);
}

/* A kernel does not learn while it runs; who may not ask now may later. */
int wm_bpf_tcx_is_there(void)
{
	static bool known, there;
	uint32_t ids[WM_BPF_TCX_MOST];
	int rc;

	if (known)
		return there;
	rc = wm_bpf_tcx_list(LOOPBACK, WM_BPF_IN, ids);
	if (rc < 0 && rc != -EINVAL)
		return rc;
	known = true;
	there = rc >= 0;
	return there;
}

int64_t wm_bpf_tcx_at(uint32_t ifindex, enum wm_bpf_side side, uint16_t prio)
{
	uint32_t ids[WM_BPF_TCX_MOST];
	struct wm_bpf_owner owner;
	int n = wm_bpf_tcx_is_there();

	if (n > 0)
		n = wm_bpf_tcx_list(ifindex, side, ids);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (wm_bpf_owner_of(ids[i], &owner) && owner.tc_prio == prio)
			return ids[i];
	}
	return 0;
}

int wm_bpf_tcx_put(uint32_t ifindex, enum wm_bpf_side side, int prog, uint32_t old)
{
	WM_AUTO_CLOSE int old_fd = old ? bpf_prog_get_fd_by_id(old) : -1;
	struct placing p = { .ifindex = ifindex, .prog_fd = (uint32_t)prog, .type = type_of(side) };

	if (old && old_fd < 0)
		return old_fd;
	if (old) {
		p.flags = REPLACE;
		p.old_fd = (uint32_t)old_fd;
	}
	return ask_kernel(BPF_PROG_ATTACH, &p, sizeof(p));
}

int wm_bpf_tcx_take(uint32_t ifindex, enum wm_bpf_side side, uint32_t id)
{
	WM_AUTO_CLOSE int fd = bpf_prog_get_fd_by_id(id);
	struct placing p = { .ifindex = ifindex, .prog_fd = (uint32_t)fd, .type = type_of(side) };
	int rc = fd < 0 ? fd : ask_kernel(BPF_PROG_DETACH, &p, sizeof(p));

	return rc == -ENOENT || rc == -ENODEV ? 0 : rc;
}
