/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The nftables back end's list of drops: who, to whom, why and where; and that a
 * full one drops as ever. The topology is drawn in nft_rig.h.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "kernel/nft_setup.h"

#define LIST_SIZE 4096
#define AT_ONCE 500 /* counters that the kernel soon has memory for */
#define MOST_SENDERS 8000 /* what follows 192.168 before addresses of other kinds do */

static struct wm_drop_views list(void)
{
	struct wm_error err = { 0 };
	struct wm_drop_views views;

	if (wm_dataplane_nft.drops(&rig.inst, &views, &err))
		fail_msg("%s", err.text);
	return views;
}

static struct wm_drop_view only(const struct wm_drop_views *views, wm_ip4 src, wm_ip4 dst)
{
	struct wm_drop_view found = { .reason = WM_REASON_COUNT };

	for (size_t i = 0; i < views->n; i++) {
		if (views->item[i].src != src || views->item[i].dst != dst)
			continue;
		assert_int_equal(found.reason, WM_REASON_COUNT);
		found = views->item[i];
	}
	return found;
}

static void listed_by_who_to_whom_and_why(void **state)
{
	const struct packet guest = udp(STRANGER_LAN, FAR, 20), cam = udp(CAM_LAN, FAR, 20), liar = udp(G, NAS, 20);
	int64_t before = wm_unix_time();
	struct wm_drop_views views = list();
	struct wm_drop_view v;

	(void)state;
	assert_int_equal(views.n, 0);
	for (int i = 0; i < 3; i++)
		send_lan(&rig, 0, PLAIN_MAC, &guest);
	rig_counted(&rig, WM_REASON_UNREGISTERED, 3);
	rig_mark(&rig);
	send_lan(&rig, 0, PLAIN_MAC, &cam);
	rig_counted(&rig, WM_REASON_ISOLATED, 1);
	rig_mark(&rig);
	send_wg(&rig, &liar);
	rig_counted(&rig, WM_REASON_SPOOFED, 1);
	rig_mark(&rig);
	say(0, NOBODY);
	rig_counted(&rig, WM_REASON_NO_HOST, 1);

	views = list();
	assert_int_equal(views.n, 4);
	v = only(&views, STRANGER_LAN, FAR);
	assert_int_equal(v.reason, WM_REASON_UNREGISTERED);
	assert_int_equal(v.count.packets, 3);
	assert_int_equal(v.count.bytes, 3 * (20 + 8 + 20));
	assert_int_equal(v.place, WM_DROP_FROM_LAN);
	assert_int_equal(v.ifindex, if_nametoindex("lan0"));
	assert_int_equal(v.proto, IPPROTO_UDP);
	assert_int_equal(v.sender, 0);
	assert_in_range(v.last, before - 1, wm_unix_time() + 1);
	v = only(&views, CAM, FAR); /* its source was translated before it was judged */
	assert_int_equal(v.reason, WM_REASON_ISOLATED);
	assert_int_equal(v.sender, CAM);
	assert_int_equal(v.place, WM_DROP_FROM_LAN);
	v = only(&views, G, NAS);
	assert_int_equal(v.reason, WM_REASON_SPOOFED);
	assert_int_equal(v.place, WM_DROP_FROM_WG);
	v = only(&views, G, NOBODY);
	assert_int_equal(v.reason, WM_REASON_NO_HOST);
	assert_int_equal(v.place, WM_DROP_GOING_OUT);
	assert_int_equal(v.ifindex, 0);
	wm_drop_views_free(&views);
}

static void a_bound_hosts_name_is_known(void **state)
{
	const struct packet p = udp(BOUND_LAN, FAR, 20);
	struct wm_drop_views views;

	(void)state;
	send_lan(&rig, 0, OTHER_MAC, &p);
	rig_counted(&rig, WM_REASON_UNREGISTERED, 1);
	views = list();
	assert_int_equal(views.n, 1);
	assert_int_equal(views.item[0].sender, BOUND);
	wm_drop_views_free(&views);
}

/* One packet each of n strangers more, all of them dropped; returns how many strangers there have been. */
static uint32_t strangers(uint32_t so_far, size_t n)
{
	uint32_t end = so_far + (uint32_t)n;

	for (uint32_t i = so_far; i < end; i++) {
		const struct packet p = udp(IP(192, 168, 1, 100) + (i << 16), FAR, 20);

		send_lan(&rig, 0, PLAIN_MAC, &p);
		if (i % 100 == 99)
			rig_counted(&rig, WM_REASON_UNREGISTERED, i + 1);
	}
	rig_counted(&rig, WM_REASON_UNREGISTERED, end);
	return end;
}

/* No place in the list: dropped and counted all the same. Before it is full the kernel may lack the memory for an entry's
 * counter (per-CPU memory, which it fetches in the background): then later strangers are listed instead. */
static void a_full_list_drops_as_ever(void **state)
{
	struct wm_drop_views views = list();
	uint64_t packets = 0;
	uint32_t sent = 0;

	(void)state;
	while (views.n < LIST_SIZE && sent + AT_ONCE <= MOST_SENDERS) {
		poll(NULL, 0, sent == views.n ? 0 : 50);
		sent = strangers(sent, WM_MIN(AT_ONCE, LIST_SIZE - views.n));
		wm_drop_views_free(&views);
		views = list();
	}
	assert_int_equal(views.n, LIST_SIZE);
	wm_drop_views_free(&views);
	strangers(sent, 100);
	assert_silence(&rig);
	views = list();
	for (size_t i = 0; i < views.n; i++)
		packets += views.item[i].count.packets;
	assert_int_equal(views.n, LIST_SIZE);
	assert_int_equal(packets, LIST_SIZE);
	wm_drop_views_free(&views);
}

static void kept_when_the_plan_changes(void **state)
{
	const struct packet p = udp(STRANGER_LAN, FAR, 20);
	struct wm_drop_views views;

	(void)state;
	send_lan(&rig, 0, PLAIN_MAC, &p);
	rig_counted(&rig, WM_REASON_UNREGISTERED, 1);
	rig.plan.mtu = 1380;
	assert_true(rig_apply(&rig) > 0);
	views = list();
	assert_int_equal(views.n, 1);
	wm_drop_views_free(&views);
}

static void nft_can_show_it(void **state)
{
	const struct packet p = udp(STRANGER_LAN, FAR, 20);
	char *text;

	(void)state;
	send_lan(&rig, 0, PLAIN_MAC, &p);
	rig_counted(&rig, WM_REASON_UNREGISTERED, 1);
	text = run_out(NULL, "nft", "list", "table", "netdev", rig.inst.nft_table, NULL);
	assert_non_null(strstr(text, "drop_unregistered"));
	if (!strstr(text, "192.168.1.66"))
		fail_msg("%s", strstr(text, "set fast_drops"));
	free(text);
}

/* What wm-bpf maps tells: of each set what it is for and how full it is. */
static void sets_are_told(void **state)
{
	struct wm_error err = { 0 };
	struct wm_objects o;
	uint64_t to = 0, drops = WM_UNKNOWN;

	(void)state;
	assert_int_equal(wm_dataplane_nft.objects(&rig.inst, &o, &err), 0);
	assert_int_equal(o.nprogs, 0);
	for (size_t i = 0; i < o.nmaps; i++) {
		assert_string_not_equal(o.maps[i].help, "");
		assert_true(o.maps[i].bytes == WM_UNKNOWN);
		if (!strcmp(o.maps[i].name, "to"))
			to = o.maps[i].used;
		if (!strcmp(o.maps[i].name, "drops"))
			drops = o.maps[i].used;
	}
	assert_int_equal(to, rig.plan.nends);
	assert_int_equal(drops, 0);
	wm_objects_free(&o);
}

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		SPOKE(listed_by_who_to_whom_and_why),
		SPOKE(a_bound_hosts_name_is_known),
		SPOKE(a_full_list_drops_as_ever),
		SPOKE(kept_when_the_plan_changes),
		SPOKE(nft_can_show_it),
		SPOKE(sets_are_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft_drops", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
