/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random pairs of devices: the operations of their difference, done one by one
 * on a model of a WireGuard device (where adding an allowed IP moves it), turn
 * the one into the other, and no prefix that both have is ever ownerless.
 */
#include "core/wg.h"
#include "core/util.h"
#include "unit/mesh.h"

#define NOW 1700000000
#define PAIRS 1500
#define KEYS 10
#define PREFIXES 24

/* By number of key and prefix. */
struct model {
	bool there[KEYS];
	struct wm_wg_peer peer[KEYS];
	int owner[PREFIXES]; /* -1: nobody */
	struct wm_key private_key;
	uint16_t listen_port;
	uint32_t fwmark;
};

/* Nested and side by side. */
static struct wm_prefix nth_prefix(int n)
{
	static const uint8_t lengths[] = { 16, 17, 24, 32 };
	uint8_t len = lengths[n % 4];

	return (struct wm_prefix){ ip("10.0.0.0") + ((uint32_t)(n / 4) << 16), len };
}

static int prefix_number(struct wm_prefix p)
{
	for (int i = 0; i < PREFIXES; i++) {
		if (wm_prefix_equal(nth_prefix(i), p))
			return i;
	}
	fail_msg("a prefix nobody mentioned");
	return -1;
}

static int key_number(const struct wm_key *k)
{
	for (unsigned int i = 0; i < KEYS; i++) {
		struct wm_key candidate = key(i + 1);

		if (wm_key_equal(k, &candidate))
			return (int)i;
	}
	fail_msg("a peer nobody mentioned");
	return -1;
}

static struct wm_endpoint random_endpoint(struct rng *r)
{
	return rng_chance(r, 40) ? (struct wm_endpoint){ 0 }
				 : (struct wm_endpoint){ 4, { 192, 0, 2, (uint8_t)rng_below(r, 4) }, 51820 };
}

static void random_model(struct rng *r, struct model *m)
{
	memset(m, 0, sizeof(*m));
	for (unsigned int i = 0; i < KEYS; i++) {
		m->there[i] = rng_chance(r, 60);
		m->peer[i] = (struct wm_wg_peer){ .public_key = key(i + 1), .keepalive_s = rng_chance(r, 50) ? 25 : 0 };
		m->peer[i].endpoint = random_endpoint(r);
		if (rng_chance(r, 20))
			m->peer[i].preshared_key = key(50 + rng_below(r, 2));
	}
	for (int i = 0; i < PREFIXES; i++) {
		int owner = (int)rng_below(r, KEYS);

		m->owner[i] = rng_chance(r, 80) && m->there[owner] ? owner : -1;
	}
	m->private_key = key(80 + rng_below(r, 2));
	m->listen_port = (uint16_t)(51820 + rng_below(r, 2));
	m->fwmark = rng_below(r, 2);
}

/* Some of it changed: what happens in life. */
static void changed_model(struct rng *r, struct model *m)
{
	struct model other;

	random_model(r, &other);
	for (int i = 0; i < PREFIXES; i++) {
		if (rng_chance(r, 10) && (other.owner[i] < 0 || m->there[other.owner[i]]))
			m->owner[i] = other.owner[i];
	}
	for (int i = 0; i < KEYS; i++) {
		if (rng_chance(r, 10))
			m->peer[i].endpoint = other.peer[i].endpoint;
	}
}

static void build(const struct model *m, struct wm_wg_device *ret)
{
	*ret = (struct wm_wg_device){ .private_key = m->private_key, .listen_port = m->listen_port, .fwmark = m->fwmark };
	for (int i = KEYS; i--;) {
		if (!m->there[i])
			continue;
		assert_int_equal(wm_wg_add_peer(ret, &m->peer[i]), 0);
		for (int j = PREFIXES; j--;) {
			if (m->owner[j] == i)
				assert_int_equal(wm_wg_add_allowed(ret, nth_prefix(j)), 0);
		}
	}
	assert_int_equal(wm_wg_finish(ret), 0);
}

static void apply(struct model *m, const struct wm_wg_diff *diff, const struct wm_wg_op *op)
{
	int k = op->kind == WM_WG_SET_DEVICE ? -1 : key_number(&op->peer.public_key);

	switch (op->kind) {
	case WM_WG_SET_DEVICE:
		m->private_key = diff->private_key;
		m->listen_port = diff->listen_port;
		m->fwmark = diff->fwmark;
		break;
	case WM_WG_REMOVE_PEER:
		assert_true(m->there[k]);
		m->there[k] = false;
		for (int i = 0; i < PREFIXES; i++)
			m->owner[i] = m->owner[i] == k ? -1 : m->owner[i];
		break;
	case WM_WG_SET_PEER:
		assert_int_equal(m->there[k], !(op->flags & WM_WG_OP_NEW));
		if (!m->there[k])
			m->peer[k] = (struct wm_wg_peer){ .public_key = op->peer.public_key };
		m->there[k] = true;
		if (op->flags & WM_WG_OP_ENDPOINT)
			m->peer[k].endpoint = op->peer.endpoint;
		if (op->flags & WM_WG_OP_KEEPALIVE)
			m->peer[k].keepalive_s = op->peer.keepalive_s;
		if (op->flags & WM_WG_OP_PSK)
			m->peer[k].preshared_key = op->peer.preshared_key;
		break;
	case WM_WG_ADD_ALLOWED:
		assert_true(m->there[k]);
		assert_int_not_equal(m->owner[prefix_number(op->allowed)], k); /* else it is no difference */
		m->owner[prefix_number(op->allowed)] = k;
		break;
	case WM_WG_REMOVE_ALLOWED:
		assert_int_equal(m->owner[prefix_number(op->allowed)], k);
		m->owner[prefix_number(op->allowed)] = -1;
		break;
	}
}

/* Operations on one peer stand together, kinds ascend. */
static void assert_order(const struct wm_wg_diff *diff)
{
	bool done[KEYS] = { false };

	for (size_t i = 0; i < diff->n; i++) {
		const struct wm_wg_op *op = &diff->ops[i], *last = i ? op - 1 : NULL;
		int k;

		if (op->kind == WM_WG_SET_DEVICE) {
			assert_int_equal(i, 0);
			continue;
		}
		k = key_number(&op->peer.public_key);
		if (last && last->kind != WM_WG_SET_DEVICE && key_number(&last->peer.public_key) == k) {
			assert_true(last->kind <= op->kind);
			/* A peer is set once; and woken, by its keepalive alone. */
			assert_true(last->kind != op->kind || op->kind >= WM_WG_ADD_ALLOWED || op->flags == WM_WG_OP_KEEPALIVE);
			continue;
		}
		assert_false(done[k]);
		done[k] = true;
	}
}

static void assert_reached(const struct model *m, const struct model *want)
{
	for (int i = 0; i < KEYS; i++) {
		assert_int_equal(m->there[i], want->there[i]);
		if (!m->there[i])
			continue;
		assert_int_equal(m->peer[i].keepalive_s, want->peer[i].keepalive_s);
		assert_true(wm_key_equal(&m->peer[i].preshared_key, &want->peer[i].preshared_key));
		/* All are silent here (test_wg has the others): the registry's counts, where it has one. */
		if (want->peer[i].endpoint.family)
			assert_true(wm_endpoint_equal(&m->peer[i].endpoint, &want->peer[i].endpoint));
	}
	for (int i = 0; i < PREFIXES; i++)
		assert_int_equal(m->owner[i], want->owner[i]);
	assert_true(wm_key_equal(&m->private_key, &want->private_key));
	assert_int_equal(m->listen_port, want->listen_port);
	assert_int_equal(m->fwmark, want->fwmark);
}

static void turn_into(struct model *m, const struct model *want)
{
	const struct model before = *m;
	struct wm_wg_device have_dev, want_dev;
	struct wm_wg_diff diff;

	build(m, &have_dev);
	build(want, &want_dev);
	assert_int_equal(wm_wg_diff(&have_dev, &want_dev, NULL, 0, NOW, &diff), 0);
	assert_order(&diff);
	for (size_t i = 0; i < diff.n; i++) {
		apply(m, &diff, &diff.ops[i]);
		for (int p = 0; p < PREFIXES; p++) {
			if (before.owner[p] >= 0 && want->owner[p] >= 0 && m->owner[p] < 0)
				fail_msg("a prefix is nobody's after %zu of %zu writes", i + 1, diff.n);
		}
	}
	assert_reached(m, want);
	wm_wg_diff_free(&diff);
	wm_wg_device_free(&have_dev);
	wm_wg_device_free(&want_dev);
}

static void assert_nothing_to_do(const struct model *m, const struct model *want)
{
	struct wm_wg_device have_dev, want_dev;
	struct wm_wg_diff diff;

	build(m, &have_dev);
	build(want, &want_dev);
	assert_int_equal(wm_wg_diff(&have_dev, &want_dev, NULL, 0, NOW, &diff), 0);
	assert_int_equal(diff.n, 0);
	wm_wg_diff_free(&diff);
	wm_wg_device_free(&have_dev);
	wm_wg_device_free(&want_dev);
}

static void any_device_becomes_any_other(void **state)
{
	struct rng r = { 71 };

	(void)state;
	for (int i = 0; i < PAIRS; i++) {
		struct model have, want;

		random_model(&r, &have);
		random_model(&r, &want);
		turn_into(&have, &want);
		assert_nothing_to_do(&have, &want);
	}
}

static void a_device_follows_a_changing_mesh(void **state)
{
	struct rng r = { 72 };
	struct model have, want;

	(void)state;
	random_model(&r, &have);
	want = have;
	for (int i = 0; i < PAIRS; i++) {
		changed_model(&r, &want);
		turn_into(&have, &want);
		assert_nothing_to_do(&have, &want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_device_becomes_any_other),
		TEST(a_device_follows_a_changing_mesh),
	};

	return UNIT_RUN("wg_random", tests);
}
