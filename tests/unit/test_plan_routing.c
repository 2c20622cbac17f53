/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The plans of all gateways of a mesh, made each from its own config, have to
 * fit: WireGuard sends a packet to the peer whose allowed IPs hold its
 * destination, and drops one whose source is not the sender's. Random meshes;
 * the seed is fixed.
 */
#include "core/plan.h"
#include "core/util.h"
#include "unit/mesh.h"

#define MESHES 400
#define SITES_MAX 16

static struct wm_config config;
static struct wm_plan plans[SITES_MAX]; /* by index of config.sites */

/* What the registry would send to this site: LAN addresses of its own hosts, keys of devices to the hub. */
static void make_plan(size_t site)
{
	struct wm_config mine = config;
	struct wm_self self = { .private_key = key(200 + (unsigned int)site), .listen_port = 51820, .mtu = 1420 };
	WM_AUTO_FREE struct wm_host *hosts = calloc(config.nhosts + 1, sizeof(*hosts));
	WM_AUTO_FREE struct wm_device *devices = calloc(config.ndevices + 1, sizeof(*devices));

	for (size_t i = 0; i < config.nhosts; i++) {
		hosts[i] = config.hosts[i];
		if (strcmp(hosts[i].domain, config.sites[site].domain))
			hosts[i].local = 0;
	}
	for (size_t i = 0; i < config.ndevices; i++) {
		devices[i] = config.devices[i];
		if (!config.sites[site].hub)
			devices[i].public_key = (struct wm_key){ 0 };
	}
	mine.hosts = hosts;
	mine.devices = devices;
	strcpy(mine.mesh.self, config.sites[site].domain);
	strcpy(self.domain, config.sites[site].domain);
	assert_ok(wm_plan_make(&mine, &self, &plans[site], &err));
}

/* Cryptokey routing: the peer with the longest allowed IP that has addr. */
static const struct wm_key *peer_of(const struct wm_plan *plan, wm_ip4 addr)
{
	const struct wm_key *best = NULL;
	int best_len = -1;

	for (size_t i = 0; i < plan->wg.npeers; i++) {
		const struct wm_wg_peer *peer = &plan->wg.peers[i];

		for (size_t j = 0; j < peer->nallowed; j++) {
			struct wm_prefix p = plan->wg.allowed[peer->first_allowed + j];

			if (wm_prefix_has(p, addr) && p.len > best_len) {
				best = &peer->public_key;
				best_len = p.len;
			}
		}
	}
	return best;
}

static size_t site_of_key(const struct wm_key *k)
{
	for (size_t i = 0; i < config.nsites; i++) {
		if (wm_key_equal(k, &config.sites[i].public_key))
			return i;
	}
	return SIZE_MAX;
}

/* Carries a packet from site to site until nobody has a peer for it or it is accepted where
 * dst lives; returns the number of tunnels it went through, 0 when it never arrived. */
static int carry(size_t from, wm_ip4 src, wm_ip4 dst)
{
	for (int hops = 1; hops <= 3; hops++) {
		const struct wm_key *to = peer_of(&plans[from], dst), *sender;
		size_t next;

		if (!to)
			return 0;
		next = site_of_key(to);
		assert_true(next != SIZE_MAX);
		/* At the other end: whose is this source? */
		sender = peer_of(&plans[next], src);
		if (!sender || !wm_key_equal(sender, &config.sites[from].public_key))
			fail_msg("%s drops what %s sends it", config.sites[next].domain, config.sites[from].domain);
		if (wm_prefix_has(config.sites[next].subnet, dst))
			return hops;
		/* Only a hub relays. */
		assert_true(config.sites[next].hub);
		from = next;
	}
	fail_msg("a packet goes round and round");
	return 0;
}

static bool has_key(const struct wm_site *s)
{
	return !wm_key_is_zero(&s->public_key);
}

/* How many tunnels there should be from a to b: 0 none, 1 direct, 2 through the hub. */
static int expected_hops(const struct wm_site *a, const struct wm_site *b)
{
	const struct wm_site *hub = wm_config_hub(&config);

	if (!has_key(a) || !has_key(b))
		return 0;
	if (a->hub || b->hub || a->endpoint.family || b->endpoint.family)
		return 1;
	return hub && has_key(hub) ? 2 : 0;
}

static void with_random_meshes(uint64_t seed, void (*check)(void))
{
	struct rng r = { seed };

	for (int i = 0; i < MESHES; i++) {
		mesh_random(&r, &config);
		for (size_t s = 0; s < config.nsites; s++)
			make_plan(s);
		check();
		for (size_t s = 0; s < config.nsites; s++)
			wm_plan_free(&plans[s]);
		wm_config_free(&config);
	}
}

static void check_sites(void)
{
	for (size_t a = 0; a < config.nsites; a++) {
		for (size_t b = 0; b < config.nsites; b++) {
			const struct wm_site *from = &config.sites[a], *to = &config.sites[b];

			if (a == b)
				continue;
			assert_int_equal(wm_sites_direct(from, to), wm_sites_direct(to, from));
			assert_int_equal(carry(a, wm_site_gateway(from), wm_site_gateway(to)), expected_hops(from, to));
			assert_int_equal(carry(a, from->subnet.addr + 200, to->subnet.addr + 254), expected_hops(from, to));
		}
	}
}

static void every_site_reaches_every_other_or_both_know_that_not(void **state)
{
	(void)state;
	with_random_meshes(61, check_sites);
}

/* A device sends all of the supernet to its hub and takes all of it from there. */
static void check_devices(void)
{
	const struct wm_site *hub = wm_config_hub(&config);
	size_t at = hub ? (size_t)(hub - config.sites) : 0;

	for (size_t i = 0; hub && has_key(hub) && i < config.ndevices; i++) {
		const struct wm_device *d = &config.devices[i];
		const struct wm_key *peer = peer_of(&plans[at], d->overlay);

		/* The hub takes from the device its own address, and sends it there. */
		if (wm_key_is_zero(&d->public_key)) {
			assert_null(peer);
			continue;
		}
		assert_true(peer && wm_key_equal(peer, &d->public_key));
		for (size_t s = 0; s < config.nsites; s++) {
			const struct wm_site *site = &config.sites[s];

			if (site->hub || !has_key(site))
				continue;
			assert_int_equal(carry(at, d->overlay, site->subnet.addr + 9), 1);
			assert_int_equal(carry(s, site->subnet.addr + 9, d->overlay), 1);
		}
	}
}

static void every_device_reaches_every_site_and_back(void **state)
{
	(void)state;
	with_random_meshes(62, check_devices);
}

static void check_peers(void)
{
	for (size_t s = 0; s < config.nsites; s++) {
		const struct wm_plan *plan = &plans[s];

		for (size_t i = 0; i < plan->wg.npeers; i++) {
			const struct wm_wg_peer *peer = &plan->wg.peers[i];
			size_t other = site_of_key(&peer->public_key);

			assert_false(wm_key_is_zero(&peer->public_key));
			assert_int_not_equal(other, s); /* not oneself */
			assert_true(peer->nallowed > 0);
			assert_true(!i || memcmp(&peer[-1].public_key, &peer->public_key, WM_KEY_LEN) < 0);
			if (other == SIZE_MAX)
				continue;
			/* Both know each other, so a handshake can succeed; one of them knows the way. */
			assert_true(wm_sites_direct(&config.sites[s], &config.sites[other]));
			assert_true(wm_endpoint_equal(&peer->endpoint, &config.sites[other].endpoint));
			assert_int_equal(peer->keepalive_s, peer->endpoint.family && !config.sites[s].endpoint.family ? 25 : 0);
		}
		/* Nobody is promised what is his own, or outside the mesh. */
		for (size_t i = 0; i < plan->wg.nallowed; i++) {
			assert_true(wm_prefix_covers(config.mesh.supernet, plan->wg.allowed[i]));
			assert_true(plan->hub || !wm_prefix_overlaps(plan->subnet, plan->wg.allowed[i]));
		}
	}
}

static void peers_know_each_other_and_have_only_their_own(void **state)
{
	(void)state;
	with_random_meshes(63, check_peers);
}

static void check_names(void)
{
	size_t n = config.nsites + config.nhosts + config.ndevices;

	for (size_t s = 0; s < config.nsites; s++) {
		const struct wm_plan *plan = &plans[s];

		assert_int_equal(plan->nnames, n);
		for (size_t i = 0; i < n; i++) {
			const struct wm_dns_name *name = &plan->names[i];
			char domain[WM_NAME_SIZE], host[WM_NAME_SIZE];

			assert_int_equal(wm_fqdn_split(name->fqdn, host, domain), 0);
			assert_non_null(wm_config_site(&config, domain));
			assert_true(!i || strcmp(name[-1].fqdn, name->fqdn) < 0);
			/* A LAN address only at home. */
			if (!wm_prefix_has(config.mesh.supernet, name->addr))
				assert_string_equal(domain, plan->domain);
		}
	}
}

static void every_name_is_known_everywhere(void **state)
{
	(void)state;
	with_random_meshes(64, check_names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_site_reaches_every_other_or_both_know_that_not),
		TEST(every_device_reaches_every_site_and_back),
		TEST(peers_know_each_other_and_have_only_their_own),
		TEST(every_name_is_known_everywhere),
	};

	return UNIT_RUN("plan_routing", tests);
}
