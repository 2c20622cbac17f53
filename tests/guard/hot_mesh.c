/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *	s0	10.128.0.0/18	the hub, ours: 5,000 hosts on one LAN, every tenth isolated, every seventh with a MAC; 50 devices
 *	s1..s50	10.129.<n>.0/24	100 hosts each, every third site not to be reached from outside
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/util.h"
#include "guard/guard.h"

#define SUPERNET 0x0a800000u /* 10.128.0.0/12 */
#define ELSEWHERE 0x0a810000u
#define LAN 0xc0a80000u      /* 192.168.0.0/16 */
#define OURS (HOSTS / 2)
#define THEIRS (HOSTS / 2 / (SITES - 1))

uint32_t guard_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void must(int rc, const struct wm_error *err)
{
	if (rc >= 0)
		return;
	printf("# the mesh cannot be made: %s (%d)\n", err->text, rc);
	exit(1);
}

static struct wm_key key_of(uint32_t n)
{
	struct wm_key key;
	uint32_t state = n + 1;

	for (size_t i = 0; i < sizeof(key.byte); i++)
		key.byte[i] = (uint8_t)guard_random(&state);
	return key;
}

static void add_site(struct wm_config *config, uint32_t n)
{
	struct wm_error err = { .text = "no memory" };
	struct wm_site site = {
		.subnet = n ? (struct wm_prefix){ ELSEWHERE + (n << 8), 24 } : (struct wm_prefix){ SUPERNET, 18 },
		.public_key = key_of(n), .hub = !n,
	};

	wm_format(site.domain, sizeof(site.domain), "s%u", n);
	if (n % 3 != 2)
		site.endpoint = (struct wm_endpoint){ .family = 4, .addr = { 198, 51, 100, (uint8_t)(n + 1) }, .port = 51820 };
	must(wm_config_add_site(config, &site), &err);
}

static void add_host(struct wm_config *config, uint32_t site, uint32_t n)
{
	struct wm_error err = { .text = "no memory" };
	struct wm_host host = {
		.overlay = (site ? ELSEWHERE + (site << 8) : SUPERNET) + 2 + n, .local = LAN + 256 + n,
		.access = n % 10 ? WM_ACCESS_FULL : WM_ACCESS_ISOLATED, .has_mac = n % 7 == 0,
	};

	if (host.has_mac)
		host.mac = (struct wm_mac){ { 2, 0, (uint8_t)site, 0, (uint8_t)(n >> 8), (uint8_t)n } };
	wm_format(host.name, sizeof(host.name), "machine-%u", n);
	wm_format(host.domain, sizeof(host.domain), "s%u", site);
	must(wm_config_add_host(config, &host), &err);
}

static void add_device(struct wm_config *config, uint32_t n)
{
	struct wm_error err = { .text = "no memory" };
	struct wm_device device = {
		.overlay = SUPERNET + 2 + OURS + n, .public_key = key_of(1000 + n), .access = n % 5 ? WM_ACCESS_FULL : WM_ACCESS_ISOLATED,
	};

	wm_format(device.name, sizeof(device.name), "laptop-%u", n);
	must(wm_config_add_device(config, &device), &err);
}

static void make(struct wm_config *config)
{
	struct wm_error err = { .text = "" };

	*config = (struct wm_config){ .mesh = { .generation = 17, .supernet = { SUPERNET, 12 }, .name = "home", .self = "s0",
						.instance = "5e0c0f0e-8d3f-4b7e-9a51-0d3f6f1c2b4a" } };
	for (uint32_t n = 0; n < SITES; n++)
		add_site(config, n);
	for (uint32_t site = 0; site < SITES; site++)
		for (uint32_t n = 0; n < (site ? THEIRS : OURS); n++)
			add_host(config, site, n);
	for (uint32_t n = 0; n < DEVICES; n++)
		add_device(config, n);
	must(wm_config_finish(config, &err), &err);
}

const struct wm_config *mesh(void)
{
	static struct wm_config config;

	if (!config.nsites)
		make(&config);
	return &config;
}

const struct wm_config *mesh_changed(void)
{
	static struct wm_config config;
	struct wm_error err = { .text = "" };

	if (config.nsites)
		return &config;
	make(&config);
	config.hosts[OURS - 1].local = LAN + 256 + HOSTS;
	config.mesh.generation++;
	must(wm_config_finish(&config, &err), &err);
	return &config;
}

const struct wm_self *mesh_self(void)
{
	static struct wm_self self = {
		.domain = "s0", .private_key = { { 1 } }, .listen_port = 51820, .mtu = 1420, .nlans = 1,
		.lans = { { .ifname = "lan0", .ifindex = 3, .addr = LAN + 1, .prefix = { LAN, 16 }, .mac = { { 2 } }, .mtu = 1500 } },
	};

	return &self;
}

const struct wm_plan *mesh_plan(const struct wm_config *config)
{
	struct wm_error err = { .text = "no memory" };
	struct wm_plan *plan = calloc(1, sizeof(*plan));

	must(plan ? wm_plan_make(config, mesh_self(), plan, &err) : -1, &err);
	return plan;
}
