/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/hosts_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"

static char dir[64];
struct wm_instance inst;
struct wm_dns_name names[8];
char domains[2][WM_NAME_SIZE] = { "a", "b" };
struct wm_plan plan;
struct wm_hosts_memory memory;

const char *in_dir(char buf[WM_PATH_SIZE], const char *name)
{
	assert_int_equal(wm_format(buf, WM_PATH_SIZE, "%s/%s", dir, name), 0);
	return buf;
}

int hosts_setup(void **state)
{
	(void)state;
	/* A tmpfs of this namespace: gone with it. */
	(void)wm_copy(dir, sizeof(dir), "/var/run/wm-hosts-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	inst = (struct wm_instance){ 0 };
	in_dir(inst.hosts_file, "hosts");
	in_dir(inst.servers_file, "servers");
	in_dir(inst.dnsmasq_conf, "conf");
	in_dir(inst.dnsmasq_pid, "pid");
	names[0] = (struct wm_dns_name){ "gw.a", IP(172, 30, 2, 1) };
	names[1] = (struct wm_dns_name){ "nas.a", IP(192, 168, 1, 10) };
	names[2] = (struct wm_dns_name){ "nas.b", IP(172, 30, 3, 10) };
	plan = (struct wm_plan){ .names = names, .nnames = 3, .domains = domains, .ndomains = 2 };
	return 0;
}

int hosts_teardown(void **state)
{
	static const char *const files[] = { "hosts", "servers", "conf", "pid", "log" };
	char path[WM_PATH_SIZE];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(files); i++)
		unlink(in_dir(path, files[i]));
	assert_int_equal(rmdir(dir), 0); /* no temporary file was left */
	return 0;
}

int apply(void)
{
	struct wm_error err = { 0 };
	int rc = wm_hosts_apply(&inst, &plan, NULL, &memory, &err);

	if (rc < 0)
		fail_msg("%s", err.text);
	return rc;
}

void with_an_address_for_devices(void)
{
	memmove(&names[2], &names[1], 2 * sizeof(names[0]));
	names[1] = (struct wm_dns_name){ "nas.a", IP(172, 30, 2, 10), true };
	plan.nnames = 4;
}
