/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The list of drops and whoever follows them: who, to whom, why; a flood of
 * senders gets no more of the list than its share of a second; one follower at a
 * time, and one that was killed is followed by silence. Frames go into LAN
 * ingress by BPF_PROG_TEST_RUN.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"

#define FLOOD 2500
#define FRAME 74
#define GUEST 0xc0a80163 /* 192.168.1.99, unregistered */
#define CAM 0xc0a8010b   /* 192.168.1.11, isolated: 172.30.2.3 */
#define FAR 0xac1e0909   /* 172.30.9.9 */
#define WAIT_MS 10000

static struct rig rig;
static int prog;

static void start(void)
{
	cpu_set_t one;

	/* Budgets are per processor. */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	rig_open(&rig);
	must("ip link set lan0 address 02:00:00:00:00:01");
	rig_apply(&rig);
	prog = rig_pin(&rig, "wm_lan_in");
}

static void stop(void)
{
	close(prog);
	rig_close(&rig);
}

/* A UDP packet of 60 bytes to port 9000, dropped. */
static void drop(wm_ip4 src, wm_ip4 dst)
{
	uint8_t frame[FRAME] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17 };
	const uint32_t from = htonl(src), to = htonl(dst);
	struct __sk_buff skb = { .ifindex = if_nametoindex("lan0") };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));

	memcpy(frame + 26, &from, 4);
	memcpy(frame + 30, &to, 4);
	frame[36] = 9000 >> 8;
	frame[37] = 9000 & 0xff;
	assert_int_equal(bpf_prog_test_run_opts(prog, &run), 0);
	assert_int_equal(run.retval, TC_ACT_SHOT);
}

static struct wm_drop_views list(void)
{
	struct wm_drop_views views;

	if (wm_dataplane_bpf.drops(&rig.inst, &views, &rig.err))
		fail_msg("%s", rig.err.text);
	return views;
}

static uint64_t counted(enum wm_reason reason)
{
	struct wm_counters c;
	uint64_t n;

	assert_int_equal(wm_dataplane_bpf.read(&rig.inst, &c, &rig.err), 0);
	n = c.reason[reason].packets;
	wm_counters_free(&c);
	return n;
}

static struct wm_drop_pace pace(void)
{
	int fd = rig_pin(&rig, "drop_pace"), cpus;
	uint32_t zero = 0;
	struct wm_drop_pace all[1024], sum = { 0 };

	cpus = libbpf_num_possible_cpus();
	assert_in_range(cpus, 1, 1024);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, all), 0);
	close(fd);
	for (int i = 0; i < cpus; i++) {
		sum.listed += all[i].listed;
		sum.told += all[i].told;
	}
	return sum;
}

/* --- the list ---------------------------------------------------------------------------- */

static void listed_by_who_to_whom_and_why(void **state)
{
	int64_t before = wm_unix_time();
	struct wm_drop_views v;

	(void)state;
	start();
	v = list();
	assert_int_equal(v.n, 0);
	drop(GUEST, FAR);
	for (int i = 0; i < 3; i++)
		drop(CAM, FAR);
	v = list();
	assert_int_equal(v.n, 2);
	/* The same second: the one with more packets stands first. */
	if (v.item[0].src == GUEST) {
		struct wm_drop_view first = v.item[0];

		v.item[0] = v.item[1];
		v.item[1] = first;
	}
	assert_int_equal(v.item[0].src, CAM);
	assert_int_equal(v.item[0].dst, FAR);
	assert_int_equal(v.item[0].sender, 0xac1e0203);
	assert_int_equal(v.item[0].reason, WM_REASON_ISOLATED);
	assert_int_equal(v.item[0].place, WM_DROP_FROM_LAN);
	assert_int_equal(v.item[0].ifindex, if_nametoindex("lan0"));
	assert_int_equal(v.item[0].count.packets, 3);
	assert_int_equal(v.item[0].count.bytes, 180);
	assert_int_equal(v.item[0].proto, 17);
	assert_int_equal(v.item[0].port, 9000);
	assert_true(v.item[0].has_mac);
	assert_memory_equal(v.item[0].mac.byte, "\2\0\0\0\0\2", 6);
	assert_in_range(v.item[0].last, before - 1, wm_unix_time() + 1);
	assert_int_equal(v.item[1].sender, 0);
	assert_int_equal(v.item[1].reason, WM_REASON_UNREGISTERED);
	assert_int_equal(v.item[1].count.packets, 1);
	wm_drop_views_free(&v);
	stop();
}

/* What was listed goes over into a new set, as counters do. */
static void kept_when_programs_are_replaced(void **state)
{
	struct wm_drop_views v;

	(void)state;
	start();
	drop(GUEST, FAR);
	rig.plan.mtu = 1400;
	assert_true(rig_apply(&rig) > 0);
	v = list();
	assert_int_equal(v.n, 1);
	wm_drop_views_free(&v);
	stop();
}

/* Each with a source of its own: all counted, the list takes its share of each second. */
static void a_flood_of_senders(void **state)
{
	uint64_t begin = wm_monotonic_ms(), seconds;
	struct wm_drop_views v;
	unsigned int sum = 0;

	(void)state;
	start();
	for (uint32_t i = 0; i < FLOOD; i++)
		drop(0x0a000000 + i, FAR);
	seconds = (wm_monotonic_ms() - begin) / 1000 + 2;
	v = list();
	for (size_t i = 0; i < v.n; i++)
		sum += (unsigned int)v.item[i].count.packets;
	assert_int_equal(counted(WM_REASON_UNREGISTERED), FLOOD);
	assert_int_equal(sum, v.n);
	assert_in_range(v.n, 1, WM_MIN(seconds * WM_DROPS_NEW_PER_S, WM_DROPS_MAX));
	assert_in_range(v.n, WM_MIN(FLOOD, WM_DROPS_NEW_PER_S) / 4, WM_DROPS_MAX);
	wm_drop_views_free(&v);
	stop();
}

/* What wm-bpf maps tells: of each map what it is for, how full and how large it is. */
static void maps_and_programs_are_told(void **state)
{
	struct wm_objects o;

	(void)state;
	start();
	drop(GUEST, FAR);
	assert_int_equal(wm_dataplane_bpf.objects(&rig.inst, &o, &rig.err), 0);
	assert_int_equal(o.nmaps, WM_BPF_MAPS);
	assert_in_range(o.nprogs, WM_BPF_TC_PROGS, WM_BPF_PROGS); /* the shield's, where the kernel takes them */
	for (size_t i = 0; i < o.nmaps; i++) {
		assert_string_not_equal(o.maps[i].help, "");
		assert_int_not_equal(o.maps[i].id, 0);
		assert_true(o.maps[i].most > 0 && o.maps[i].bytes > 0 && o.maps[i].bytes != WM_UNKNOWN);
	}
	assert_int_equal(o.maps[WM_BPF_HOSTS].used, 2);
	assert_int_equal(o.maps[WM_BPF_HOSTS].most, 512);
	assert_int_equal(o.maps[WM_BPF_LAN_HOSTS].used, 2);
	assert_int_equal(o.maps[WM_BPF_LANS].used, 1);
	assert_int_equal(o.maps[WM_BPF_COUNTERS].used, 1);
	assert_int_equal(o.maps[WM_BPF_DROPS].used, 1);
	for (size_t i = 0; i < o.nprogs; i++)
		assert_true(o.progs[i].id && o.progs[i].instructions > 100);
	wm_objects_free(&o);
	stop();
}

/* --- following --------------------------------------------------------------------------- */

struct follower {
	pid_t pid;
	int out;   /* what it is told, a struct wm_drop_view each */
	int stop;  /* closing it ends the follower */
};

static int pass_on(void *arg, const struct wm_drop_view *v)
{
	return write(*(int *)arg, v, sizeof(*v)) != sizeof(*v);
}

static int pass_on_untold(void *arg, uint64_t n)
{
	struct wm_drop_view v = { .reason = WM_REASON_COUNT, .count = { .packets = n } };

	return pass_on(arg, &v);
}

/* The program's exit status: 0 or the error. */
static void follow_in(int out, int stop)
{
	struct wm_drop_follower f = { .stop_fd = stop, .told = pass_on, .untold = pass_on_untold, .arg = &out };

	_exit(-wm_dataplane_bpf.follow(&rig.inst, &f, &rig.err) & 0xff);
}

static bool is_followed(void)
{
	int fd = rig_pin(&rig, "follow");
	uint64_t until = 0, now = 0;
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &until), 0);
	assert_int_equal(wm_bpf_jiffies(&now), 0);
	close(fd);
	return until > now;
}

static struct follower begin_following(void)
{
	int out[2], ends[2];
	struct follower f;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	f.pid = fork();
	if (!f.pid) {
		close(ends[1]);
		follow_in(out[1], ends[0]);
	}
	close(out[1]);
	close(ends[0]);
	f.out = out[0];
	f.stop = ends[1];
	return f;
}

static void wait_until_followed(void)
{
	for (int i = 0; !is_followed(); i++) {
		assert_in_range(i, 0, 1000);
		usleep(10000);
	}
}

static int end_following(struct follower *f)
{
	int status = 0;

	close(f->stop);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	close(f->out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The next that a follower was told; false: nothing in so many ms. */
static bool next_told(const struct follower *f, struct wm_drop_view *ret, int ms)
{
	struct pollfd in = { .fd = f->out, .events = POLLIN };

	return poll(&in, 1, ms) == 1 && read(f->out, ret, sizeof(*ret)) == sizeof(*ret);
}

static void told_as_they_happen(void **state)
{
	struct wm_drop_view v;
	struct follower f;

	(void)state;
	start();
	drop(GUEST, FAR); /* before anybody follows */
	f = begin_following();
	wait_until_followed();
	drop(CAM, FAR);
	assert_true(next_told(&f, &v, WAIT_MS));
	assert_int_equal(v.src, CAM);
	assert_int_equal(v.sender, 0xac1e0203);
	assert_int_equal(v.dst, FAR);
	assert_int_equal(v.reason, WM_REASON_ISOLATED);
	assert_int_equal(v.port, 9000);
	assert_int_equal(v.count.packets, 1);
	assert_int_equal(v.count.bytes, 60);
	/* Longer than the programs would have gone on by themselves. */
	sleep(WM_FOLLOW_S + 1);
	drop(GUEST, FAR);
	assert_true(next_told(&f, &v, WAIT_MS));
	assert_int_equal(v.src, GUEST);
	assert_int_equal(end_following(&f), 0);
	assert_false(is_followed());
	stop();
}

static void one_at_a_time(void **state)
{
	struct wm_drop_view v;
	struct follower first, second;

	(void)state;
	start();
	first = begin_following();
	wait_until_followed();
	second = begin_following();
	assert_int_equal(end_following(&second), EBUSY);
	drop(GUEST, FAR);
	assert_true(next_told(&first, &v, WAIT_MS));
	assert_int_equal(end_following(&first), 0);
	stop();
}

static void silence_behind_a_killed_one(void **state)
{
	struct wm_drop_view v;
	struct follower f;

	(void)state;
	start();
	f = begin_following();
	wait_until_followed();
	kill(f.pid, SIGSTOP); /* it reads no more */
	drop(GUEST, FAR);
	kill(f.pid, SIGKILL);
	assert_int_equal(end_following(&f), -1);
	for (int i = 0; is_followed(); i++) {
		assert_in_range(i, 0, (WM_FOLLOW_S + 2) * 10);
		usleep(100000);
	}
	drop(GUEST, FAR);
	/* The next one may follow, and hears nothing of what was before. */
	f = begin_following();
	wait_until_followed();
	drop(CAM, FAR);
	assert_true(next_told(&f, &v, WAIT_MS));
	assert_int_equal(v.src, CAM);
	assert_int_equal(end_following(&f), 0);
	stop();
}

/* Nobody reads: packets are dropped and counted as ever. */
static void a_full_ring(void **state)
{
	int follow = 0, paces = 0;
	struct wm_drop_pace zero[1024] = { 0 };
	uint64_t for_ever = UINT64_MAX;
	uint32_t index = 0, n = 0, last = 0;

	(void)state;
	start();
	follow = rig_pin(&rig, "follow");
	paces = rig_pin(&rig, "drop_pace");
	assert_int_equal(bpf_map_update_elem(follow, &index, &for_ever, BPF_ANY), 0);
	/* No room is when nothing of a hundred is told; fewer than all may be where a new second has begun among them. */
	do {
		assert_int_equal(bpf_map_update_elem(paces, &index, zero, BPF_ANY), 0);
		for (int i = 0; i < 100; i++, n++)
			drop(GUEST, FAR);
		last = pace().told;
	} while (last > 0 && n < 2 * WM_DROP_EVENTS_BYTES / sizeof(struct wm_drop_event));
	assert_int_equal(last, 0);
	assert_in_range(n, WM_DROP_EVENTS_BYTES / 2 / sizeof(struct wm_drop_event), 100 + WM_DROP_EVENTS_BYTES / sizeof(struct wm_drop_event));
	assert_int_equal(counted(WM_REASON_UNREGISTERED), n);
	close(follow);
	close(paces);
	stop();
}

/* More than a second may have, or than a follower without processor time can ask for: it is told how many it has not seen. */
static void told_how_many_were_not(void **state)
{
	uint64_t told = 0, untold = 0;
	struct wm_drop_view v;
	struct follower f;

	(void)state;
	start();
	f = begin_following();
	wait_until_followed();
	for (uint32_t i = 0; i < FLOOD; i++)
		drop(GUEST, FAR);
	while (told + untold < FLOOD && next_told(&f, &v, WAIT_MS * 3))
		*(v.reason == WM_REASON_COUNT ? &untold : &told) += v.count.packets;
	assert_int_equal(told + untold, FLOOD);
	assert_int_equal(end_following(&f), 0);
	stop();
}

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(listed_by_who_to_whom_and_why),
		cmocka_unit_test(kept_when_programs_are_replaced),
		cmocka_unit_test(a_flood_of_senders),
		cmocka_unit_test(maps_and_programs_are_told),
		cmocka_unit_test(told_as_they_happen),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(silence_behind_a_killed_one),
		cmocka_unit_test(a_full_ring),
		cmocka_unit_test(told_how_many_were_not),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bpf_drops", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
