/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From the plan to what is written to the kernel and for dnsmasq. The maps'
 * system calls are stubs that count: what they do is the kernel's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "core/wg.h"
#include "guard/guard.h"
#include "kernel/bpf_priv.h"
#include "kernel/hosts.h"

#define MANY 1000u /* peers */

/* --- libbpf, as far as bpf_maps.c needs it ------------------------------------------------------- */

static long writes;

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	(void)fd;
	(void)key;
	(void)value;
	(void)flags;
	writes++;
	return 0;
}

int bpf_map_delete_elem(int fd, const void *key)
{
	(void)fd;
	(void)key;
	writes++;
	return 0;
}

/* The same on every machine. */
int libbpf_num_possible_cpus(void)
{
	return 2;
}

/* --- the maps ------------------------------------------------------------------------------------- */

static const struct wm_plan *plan, *plan_changed;
static struct wm_bpf_content have, want, want_changed;
static struct wm_error err;
static const struct wm_bpf_set set;

static long have_plans(void)
{
	plan = mesh_plan(mesh());
	plan_changed = mesh_plan(mesh_changed());
	return 0;
}

static long contents(struct wm_bpf_content *content, const struct wm_plan *of)
{
	int rc;

	wm_bpf_content_free(content);
	rc = wm_bpf_content_plan(of, content, &err);
	if (!rc)
		rc = wm_bpf_shares(&have, content, 1024);
	return rc ? rc : (long)content->nlan_hosts;
}

static long have_contents(void)
{
	have_plans();
	wm_bpf_content_free(&have);
	if (contents(&have, plan) < 0 || contents(&want, plan) < 0)
		return -1;
	return contents(&want_changed, plan_changed);
}

static long content_of_plan(void)
{
	return contents(&want, plan);
}

static long changes(const struct wm_bpf_content *from, const struct wm_bpf_content *to)
{
	writes = 0;
	return wm_bpf_content_change(&set, from, to, &err) == writes ? writes : -1;
}

static long change_nothing(void)
{
	return changes(&have, &want);
}

static long change_one(void)
{
	return changes(&have, &want_changed);
}

static long fill(void)
{
	const struct wm_bpf_content nothing = { 0 };

	writes = 0;
	return wm_bpf_content_fill(&set, &nothing, &want, &err) == writes ? writes : -1;
}

/* --- WireGuard ------------------------------------------------------------------------------------- */

static struct wm_wg_device device, same, other;

/* change: one peer has another endpoint and one more network, another is gone, another is new. */
static int fill_device(struct wm_wg_device *dev, bool change)
{
	uint32_t state = 7;
	int rc = 0;

	for (uint32_t n = 0; n < MANY && !rc; n++) {
		struct wm_wg_peer peer = { .endpoint = { .family = 4, .addr = { 198, 51, 100, 1 }, .port = 51820 }, .keepalive_s = 25 };

		for (size_t i = 0; i < sizeof(peer.public_key.byte); i++)
			peer.public_key.byte[i] = (uint8_t)guard_random(&state);
		if (change && n == 10)
			peer.endpoint.port++;
		if (change && n == 20)
			peer.public_key.byte[0] ^= 1;
		rc = wm_wg_add_peer(dev, &peer);
		for (uint32_t i = 0; i < 3 && !rc; i++)
			rc = wm_wg_add_allowed(dev, (struct wm_prefix){ 0x0a000000 + n * 1024 + i * 256, 24 });
		if (change && n == 10 && !rc)
			rc = wm_wg_add_allowed(dev, (struct wm_prefix){ 0x0a000000 + n * 1024 + 3 * 256, 24 });
	}
	return rc ? rc : wm_wg_finish(dev);
}

static long have_devices(void)
{
	struct wm_wg_device *const all[] = { &device, &same, &other };

	for (size_t i = 0; i < WM_ARRAY_LEN(all); i++) {
		wm_wg_device_free(all[i]);
		*all[i] = (struct wm_wg_device){ 0 };
		if (fill_device(all[i], all[i] == &other))
			return -1;
	}
	return 0;
}

static long peers_from_scratch(void)
{
	wm_wg_device_free(&same);
	same = (struct wm_wg_device){ 0 };
	return fill_device(&same, false) ? -1 : (long)same.npeers;
}

static long difference(const struct wm_wg_device *to)
{
	struct wm_wg_diff diff = { 0 };
	int rc = wm_wg_diff(&device, to, NULL, 0, 1000, &diff);
	long n = rc ? rc : (long)diff.n;

	wm_wg_diff_free(&diff);
	return n;
}

static long difference_of_nothing(void)
{
	return difference(&same);
}

static long difference_of_three(void)
{
	return difference(&other);
}

/* --- dnsmasq's files ------------------------------------------------------------------------------- */

static struct wm_instance inst;
static char dir[] = "/tmp/wm-guard-XXXXXX";

static void remove_files(void)
{
	unlink(inst.hosts_file);
	unlink(inst.servers_file);
	unlink(inst.dnsmasq_conf);
	rmdir(dir);
}

static long have_no_files(void)
{
	have_plans();
	if (!*inst.hosts_file) {
		if (!mkdtemp(dir) || atexit(remove_files))
			return -1;
		wm_format(inst.hosts_file, sizeof(inst.hosts_file), "%s/hosts", dir);
		wm_format(inst.servers_file, sizeof(inst.servers_file), "%s/servers", dir);
		wm_format(inst.dnsmasq_conf, sizeof(inst.dnsmasq_conf), "%s/conf", dir);
		wm_format(inst.dnsmasq_pid, sizeof(inst.dnsmasq_pid), "%s/nobody", dir);
	}
	unlink(inst.hosts_file);
	unlink(inst.servers_file);
	unlink(inst.dnsmasq_conf);
	return 0;
}

static long write_files(void)
{
	struct wm_hosts_memory memory = { 0 };

	return wm_hosts_apply(&inst, plan, NULL, &memory, &err);
}

static long have_files(void)
{
	return have_no_files() ? -1 : write_files();
}

/* One host has another LAN address: its entry in hosts; in lan_hosts another instead of the old one; two of lan_hints. The
 * shield learns of the new one and then forgets the old one. */
#define ONE 7
/* Of addresses that stand one behind the other: 64 a word of the shield, 16 a line of lan_hints. */
#define SHIELD_WORDS 79
#define HINT_LINES 313

const struct guard_row kernel_rows[] = {
	{ "maps: content of a plan with 5,000 hosts", have_contents, content_of_plan, HOSTS / 2 },
	{ "maps: 5,000 hosts filled in", have_contents, fill, HOSTS + DEVICES + 1 + SHIELD_WORDS + HINT_LINES },
	{ "maps: 5,000 hosts, nothing changes", have_contents, change_nothing, 0 },
	{ "maps: 5,000 hosts, one changes", have_contents, change_one, ONE },
	{ "WireGuard: 1,000 peers put in order", have_devices, peers_from_scratch, MANY },
	{ "WireGuard: 1,000 peers, nothing changes", have_devices, difference_of_nothing, 0 },
	{ "WireGuard: 1,000 peers, three change", have_devices, difference_of_three, 7 },
	{ "hosts file of 10,000 hosts, written", have_no_files, write_files, 3 },
	{ "hosts file of 10,000 hosts, nothing changes", have_files, write_files, 0 },
};
const size_t nkernel_rows = WM_ARRAY_LEN(kernel_rows);
