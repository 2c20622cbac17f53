/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A machine whose processors' numbers have gaps: what each counts has a place by
 * its number, so places are needed up to the highest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"

#define POSSIBLE "/sys/devices/system/cpu/possible"

static struct rig rig;
static uint32_t highest;

/* One more than there are, behind a gap. Before anybody has asked: libbpf remembers. */
static void pretend(void)
{
	WM_AUTO_FREE char *real = NULL;
	char path[] = "/tmp/wm-possible-XXXXXX", possible[256];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(wm_read_file(POSSIBLE, 200, &real, NULL), 0);
	real[strcspn(real, "\n")] = '\0';
	for (const char *at = real; *at; at += strspn(at, "-,"))
		highest = 2 + (uint32_t)strtoul(at, (char **)&at, 10);
	snprintf(possible, sizeof(possible), "%s,%u\n", real, highest);
	assert_int_equal(wm_write_full(fd, possible, strlen(possible)), 0);
	close(fd);
	assert_int_equal(mount(path, POSSIBLE, NULL, MS_BIND, NULL), 0);
	assert_int_equal(unlink(path), 0);
}

static int setup(void **state)
{
	(void)state;
	pretend();
	rig_open(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void test_the_highest_has_a_place(void **state)
{
	const struct wm_host_stats stats = { .to_packets = 7 };
	uint32_t at = highest * 512 + rig_index("172.30.2.2");
	struct wm_counters counters;
	int fd;

	(void)state;
	rig_apply(&rig);
	fd = rig_pin(&rig, "host_stats");
	assert_int_equal(bpf_map_update_elem(fd, &at, &stats, BPF_ANY), 0);
	at = (highest + 1) * 512;
	assert_int_not_equal(bpf_map_update_elem(fd, &at, &stats, BPF_ANY), 0);
	close(fd);
	assert_int_equal(wm_dataplane_bpf.read(&rig.inst, &counters, &rig.err), 0);
	assert_int_equal(counters.ends[0].to.packets, 7);
	wm_counters_free(&counters);
	assert_int_equal(rig_apply(&rig), 0);
}

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_highest_has_a_place, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cpus", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
