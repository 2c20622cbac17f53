/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/xdp_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "kernel/shield.h"

#define MARK_MS 5000
#define MARK_TYPE 0x88b5 /* for experiments */

int frames_open(const char *ifname)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(ifname) };
	int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

void frame_send(int fd, const struct frame *f)
{
	assert_int_equal(write(fd, f->byte, f->len), (ssize_t)f->len);
}

static void put_tag_back(struct frame *f, const struct tpacket_auxdata *aux)
{
	uint16_t tag[] = { htons(aux->tp_status & TP_STATUS_VLAN_TPID_VALID ? aux->tp_vlan_tpid : ETH_P_8021Q),
			   htons(aux->tp_vlan_tci) };

	if (!(aux->tp_status & TP_STATUS_VLAN_VALID))
		return;
	memmove(f->byte + 16, f->byte + 12, f->len - 12);
	memcpy(f->byte + 12, tag, sizeof(tag));
	f->len += sizeof(tag);
}

static bool frame_take(int fd, struct frame *ret)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = { ret->byte, sizeof(ret->byte) - 4 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, 0);
	struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (n < 0)
		return false;
	ret->len = (size_t)n;
	if (c && c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
		put_tag_back(ret, (const struct tpacket_auxdata *)CMSG_DATA(c));
	return true;
}

size_t frames_until_mark(int from, int fd, struct frame *ret, size_t n)
{
	static uint32_t number;
	static struct frame got;
	struct frame mark = { .byte = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, MARK_TYPE >> 8, MARK_TYPE & 0xff },
			      .len = 60 };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t end = wm_monotonic_ms() + MARK_MS;
	size_t have = 0;

	number++;
	memcpy(mark.byte + 14, &number, sizeof(number));
	frame_send(from, &mark);
	while (wm_monotonic_ms() < end) {
		if (poll(&p, 1, 100) <= 0 || !frame_take(fd, &got))
			continue;
		if (got.len == mark.len && !memcmp(got.byte, mark.byte, mark.len))
			return have;
		/* IPv6 of the devices themselves, when they come up */
		if (got.byte[0] == 0x33 && got.byte[6] != 2)
			continue;
		if (have < n)
			ret[have] = got;
		have++;
	}
	fail_msg("the mark has not come");
	return 0;
}

struct wm_count rig_reason(const struct rig *rig, enum wm_reason reason)
{
	struct wm_counters c;
	struct wm_count count;

	assert_int_equal(wm_dataplane_bpf.read(&rig->inst, &c, NULL), 0);
	count = c.reason[reason];
	wm_counters_free(&c);
	return count;
}

uint32_t xdp_foreign(const char *ifname, uint32_t mode)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS }, { .code = BPF_JMP | BPF_EXIT },
	};
	WM_AUTO_CLOSE int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "GPL", code, WM_ARRAY_LEN(code), NULL);
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex(ifname), fd, mode, NULL), 0);
	return info.id;
}

void xdp_off(const char *ifname)
{
	struct wm_nic nic = xdp_at(ifname);

	assert_int_equal(bpf_xdp_detach((int)nic.ifindex, nic.mode, NULL), 0);
}

struct wm_nic xdp_at(const char *ifname)
{
	struct wm_nic nic;

	assert_int_equal(wm_nic_read(if_nametoindex(ifname), true, &nic, NULL), 0);
	return nic;
}

struct wm_shield xdp_status(const struct rig *rig, const char *ifname)
{
	struct wm_shield lan[WM_LANS_MAX];
	struct wm_error err = { 0 };
	int n = wm_shields_read(&rig->inst, lan, &err);

	for (int i = 0; i < n; i++) {
		if (!strcmp(lan[i].ifname, ifname))
			return lan[i];
	}
	fail_msg("status says nothing of %s (%d lines) %s", ifname, n, err.text);
	return lan[0];
}
