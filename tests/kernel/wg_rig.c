/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/wg_rig.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/link.h"

struct wm_error err;

int wg_setup(void **state)
{
	struct wm_instance inst = { .ifname = WG, .name = "testing" };
	struct wm_plan plan = { 0 };
	uint32_t ifindex;

	(void)state;
	memset(&err, 0, sizeof(err));
	if (wm_link_prepare(&inst, &plan, &ifindex, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

int wg_teardown(void **state)
{
	(void)state;
	must("ip link del " WG);
	return 0;
}

struct wm_key key(uint32_t n)
{
	struct wm_key k = { 0 };

	memcpy(k.byte, &n, sizeof(n));
	k.byte[8] = 0x77;
	k.byte[31] = 0x40;
	return k;
}

void start(struct wm_wg_device *dev)
{
	*dev = (struct wm_wg_device){ .listen_port = 51999 };
	memset(dev->private_key.byte, 0x48, WM_KEY_LEN); /* is a clamped scalar already */
}

void add_peer(struct wm_wg_device *dev, uint32_t n, unsigned int count)
{
	struct wm_wg_peer peer = { .public_key = key(n) };

	assert_int_equal(wm_wg_add_peer(dev, &peer), 0);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(wm_wg_add_allowed(dev, (struct wm_prefix){ (10u << 24) + (n << 14) + i, 32 }), 0);
}

struct wm_wg_peer *last_peer(struct wm_wg_device *dev)
{
	return &dev->peers[dev->npeers - 1];
}

void read_device(struct wm_wg_device *ret)
{
	if (wm_wg_read(WG, ret, &err) < 0)
		fail_msg("%s", err.text);
}

size_t reach(struct wm_wg_device *want)
{
	struct wm_wg_device have;
	struct wm_wg_diff diff;

	assert_int_equal(wm_wg_finish(want), 0);
	read_device(&have);
	assert_int_equal(wm_wg_diff(&have, want, NULL, 0, 0, &diff), 0);
	wm_wg_device_free(&have);
	size_t n = diff.n;
	if (wm_wg_write(WG, &diff, &err) < 0)
		fail_msg("%s", err.text);
	wm_wg_diff_free(&diff);

	read_device(&have);
	assert_int_equal(have.npeers, want->npeers);
	assert_int_equal(have.nallowed, want->nallowed);
	for (size_t i = 0; i < want->npeers; i++) {
		const struct wm_wg_peer *h = &have.peers[i], *w = &want->peers[i];

		assert_memory_equal(&h->public_key, &w->public_key, sizeof(h->public_key));
		assert_memory_equal(&h->preshared_key, &w->preshared_key, sizeof(h->preshared_key));
		assert_int_equal(h->keepalive_s, w->keepalive_s);
		assert_true(!w->endpoint.family || wm_endpoint_equal(&h->endpoint, &w->endpoint));
		assert_int_equal(h->nallowed, w->nallowed);
		for (size_t a = 0; a < w->nallowed; a++)
			assert_true(wm_prefix_equal(have.allowed[h->first_allowed + a],
						    want->allowed[w->first_allowed + a]));
	}
	assert_int_equal(wm_wg_diff(&have, want, NULL, 0, 0, &diff), 0);
	assert_int_equal(diff.n, 0);
	wm_wg_diff_free(&diff);
	wm_wg_device_free(&have);
	wm_wg_device_free(want);
	return n;
}

void assert_wg_says(const char *what, const char *part, bool expected)
{
	char *out = run_out(NULL, "wg", "show", WG, what, NULL);

	if (!strstr(out, part) == expected)
		fail_msg("wg show %s: \"%s\" is %s in:\n%s", what, part, expected ? "not" : "still", out);
	free(out);
}
