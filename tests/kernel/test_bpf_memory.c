/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a look at all of the BPF data plane's maps takes of memory: less than
 * the plan has for the same hosts, and for as long as it lasts. Sizes are the
 * same each time, so they can be held to.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"

#define HOSTS 60000

static struct rig rig;
static struct wm_end *ends;

static int setup(void **state)
{
	(void)state;
	rig_open(&rig);
	rig.plan.lans[0].prefix = (struct wm_prefix){ ntohl(inet_addr("10.0.0.0")), 12 };
	rig.plan.subnet = rig.plan.supernet;
	rig.plan.ends = ends = calloc(HOSTS, sizeof(*ends));
	rig.plan.nends = HOSTS;
	if (!ends)
		return -1;
	/* Not in the order of their LAN addresses. */
	for (uint32_t i = 0; i < HOSTS; i++) {
		ends[i] = (struct wm_end){ .overlay = rig.plan.subnet.addr + 2 + i, .kind = WM_END_HOST, .access = WM_ACCESS_FULL,
					   .local = rig.plan.lans[0].prefix.addr + 2 + i * 7919 % HOSTS };
		snprintf(ends[i].name, sizeof(ends[i].name), "h%u", i);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	free(ends);
	return 0;
}

/* KiB of this process's memory, by its name in /proc/self/status. */
static long memory(const char *name)
{
	WM_AUTO_FREE char *text = NULL;
	const char *line;

	assert_int_equal(wm_read_file("/proc/self/status", 65536, &text, NULL), 0);
	line = strstr(text, name);
	assert_non_null(line);
	return strtol(line + strlen(name), NULL, 10);
}

/* From here on the peak is that of what comes. What was freed before would hide it. */
static long begin(void)
{
	FILE *f;

	malloc_trim(0);
	f = fopen("/proc/self/clear_refs", "w");
	assert_non_null(f);
	fputs("5", f);
	assert_int_equal(fclose(f), 0);
	return memory("VmRSS:");
}

/* Looks at all, and expects so many changes at least; how many KiB that took at its peak. */
static long look(int changes)
{
	long before = begin(), took;
	int rc = rig_apply(&rig);

	took = memory("VmHWM:") - before;
	assert_true(changes ? rc >= changes : rc == 0);
	return took;
}

static void expect_less_than_the_plan(long took)
{
	long plan = (long)(HOSTS * sizeof(*ends) / 1024);

	print_message("a look at %d hosts took %ld KiB; the plan has %ld for them\n", HOSTS, took, plan);
	assert_true(took < plan);
}

static void test_nothing_to_do(void **state)
{
	(void)state;
	rig_apply(&rig);
	expect_less_than_the_plan(look(0));
}

static void test_some_to_change(void **state)
{
	(void)state;
	rig_apply(&rig);
	for (uint32_t i = 0; i < HOSTS; i += 100) {
		ends[i].access = i % 200 ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
		ends[i].local += HOSTS;
	}
	/* The maps of isolated ends are made: all is put into new ones. */
	rig_apply(&rig);
	for (uint32_t i = 0; i < HOSTS; i += 100)
		ends[i].local -= HOSTS;
	expect_less_than_the_plan(look(HOSTS / 100));
	expect_less_than_the_plan(look(0));
}

/* Other programs, or other parameters, on the maps that are there: an upgrade. What loading takes is libbpf's. */
static long load_anew(size_t hosts)
{
	rig.plan.nends = hosts;
	rig_apply(&rig);
	rig.plan.mtu--;
	return look(1);
}

static void test_loaded_anew(void **state)
{
	long loading;

	(void)state;
	(void)load_anew(1); /* what it does once for a process */
	loading = load_anew(1);
	expect_less_than_the_plan(load_anew(HOSTS) - loading);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

static int body(void)
{
	const struct CMUnitTest list[] = {
		TEST(test_nothing_to_do),
		TEST(test_some_to_change),
		TEST(test_loaded_anew),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bpf_memory", list, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
