/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Configs to test with: a small one that a person can follow, and random ones.
 */
#pragma once

#include "core/model.h"
#include "unit/unit.h"

/* Shorthands that fail the test on bad text. */
wm_ip4 ip(const char *text);
struct wm_prefix prefix(const char *text);
struct wm_mac mac(const char *text);
struct wm_endpoint endpoint(const char *text);
struct wm_key key(unsigned int n); /* a different one for each n */

/* Mesh "home", 172.30.0.0/16, generation 17, not yet finished, out of order:
 *
 *	hub	172.30.1.0/24	hub, key 1, 198.51.100.1:51820
 *	a	172.30.2.0/24	key 2, no endpoint		nas .2 192.168.1.10; cam .3 192.168.1.11, isolated, MAC
 *	b	172.30.3.0/24	key 3, 198.51.100.3:51820	nas .2 192.168.1.10
 *	laptop	172.30.1.2	key 11, roaming
 *	sensor	172.30.1.3	key 12, isolated
 */
void mesh_small(struct wm_config *ret);

/* The same, finished. */
void mesh_small_finished(struct wm_config *ret);

/* Finished; up to 12 sites with and without key and endpoint, with and without hub, hosts and devices. */
void mesh_random(struct rng *r, struct wm_config *ret);

struct wm_site *mesh_site(struct wm_config *c, const char *domain);
struct wm_host *mesh_host(struct wm_config *c, const char *name, const char *domain);
struct wm_device *mesh_device(struct wm_config *c, const char *name);

/* Member by member: padding does not count. */
void assert_sites_equal(const struct wm_site *a, const struct wm_site *b);
void assert_hosts_equal(const struct wm_host *a, const struct wm_host *b);
void assert_devices_equal(const struct wm_device *a, const struct wm_device *b);
void assert_meshes_equal(const struct wm_mesh *a, const struct wm_mesh *b);
void assert_configs_equal(const struct wm_config *a, const struct wm_config *b);
