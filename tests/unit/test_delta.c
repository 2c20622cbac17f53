/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A config and what has changed since are, or are refused as, the config that
 * was made of the same objects whole.
 */
#include "core/delta.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/model_index.h"
#include "core/plan.h"
#include "core/util.h"
#include "unit/mesh.h"

static void copy(const struct wm_config *from, struct wm_config *ret)
{
	*ret = (struct wm_config){ .mesh = from->mesh };
	for (size_t i = 0; i < from->nsites; i++)
		assert_int_equal(wm_config_add_site(ret, &from->sites[i]), 0);
	for (size_t i = 0; i < from->nhosts; i++)
		assert_int_equal(wm_config_add_host(ret, &from->hosts[i]), 0);
	for (size_t i = 0; i < from->ndevices; i++)
		assert_int_equal(wm_config_add_device(ret, &from->devices[i]), 0);
}

/* --- deltas to test with ----------------------------------------------------------- */

static int take(struct wm_delta *d, uint16_t type, const void *payload, size_t len)
{
	struct wm_record r = { .type = type, .len = (uint32_t)len };

	memcpy(r.byte, payload, len);
	return wm_delta_take(d, &r, &err);
}
#define TAKE(d, type, object) take(d, type, object, sizeof(*(object)))

/* To the next generation, and its mark. */
static void go_on(struct wm_mesh *mesh)
{
	mesh->generation++;
	snprintf(mesh->mark, sizeof(mesh->mark), "%016" PRIx64, mesh->generation);
}

static void begin(struct wm_delta *d, const struct wm_config *from)
{
	struct wm_changes head = { .mesh = from->mesh, .after = from->mesh.generation };

	*d = (struct wm_delta){ 0 };
	go_on(&head.mesh);
	assert_ok(TAKE(d, WM_RECORD_CHANGES, &head));
}

static void gone(struct wm_delta *d, const char *kind, const char *name, const char *domain)
{
	struct wm_gone g = { 0 };

	strcpy(g.kind, kind);
	strcpy(g.name, name);
	strcpy(g.domain, domain);
	assert_ok(TAKE(d, WM_RECORD_GONE, &g));
}

static void end(struct wm_delta *d)
{
	struct wm_record_end e = { .generation = d->head.mesh.generation, .count = d->n - d->first };

	assert_int_equal(TAKE(d, WM_RECORD_END, &e), 1);
}

static bool names_host(const struct wm_config *c, const struct wm_host *h)
{
	for (size_t i = 0; i < c->nhosts; i++) {
		if (!strcmp(c->hosts[i].name, h->name) && !strcmp(c->hosts[i].domain, h->domain))
			return true;
	}
	return false;
}

static bool names_device(const struct wm_config *c, const char *name)
{
	for (size_t i = 0; i < c->ndevices; i++) {
		if (!strcmp(c->devices[i].name, name))
			return true;
	}
	return false;
}

static bool names_site(const struct wm_config *c, const char *domain)
{
	for (size_t i = 0; i < c->nsites; i++) {
		if (!strcmp(c->sites[i].domain, domain))
			return true;
	}
	return false;
}

/* All that differs, and some that does not. */
static void difference(const struct wm_config *a, const struct wm_config *b, struct wm_delta *ret)
{
	begin(ret, a);
	for (size_t i = 0; i < b->nhosts; i++)
		assert_ok(TAKE(ret, WM_RECORD_HOST, &b->hosts[i]));
	for (size_t i = 0; i < a->nhosts; i++) {
		if (!names_host(b, &a->hosts[i]))
			gone(ret, "host", a->hosts[i].name, a->hosts[i].domain);
	}
	for (size_t i = 0; i < a->nsites; i++) {
		if (!names_site(b, a->sites[i].domain))
			gone(ret, "site", a->sites[i].domain, "");
	}
	for (size_t i = 0; i < b->nsites; i++)
		assert_ok(TAKE(ret, WM_RECORD_SITE, &b->sites[i]));
	for (size_t i = 0; i < a->ndevices; i++) {
		if (!names_device(b, a->devices[i].name))
			gone(ret, "device", a->devices[i].name, "");
	}
	for (size_t i = 0; i < b->ndevices; i++)
		assert_ok(TAKE(ret, WM_RECORD_DEVICE, &b->devices[i]));
	end(ret);
}

/* --- random changes, good and bad ----------------------------------------------------- */

static void change_host(struct rng *r, struct wm_config *c)
{
	struct wm_host *h = &c->hosts[rng_below(r, (uint32_t)c->nhosts)];

	switch (rng_below(r, 6)) {
	case 0:
		h->overlay += 1 - rng_below(r, 3);
		break;
	case 1:
		h->local = ip("192.168.1.0") + 10 + rng_below(r, 8);
		break;
	case 2:
		h->access ^= 1;
		break;
	case 3:
		h->overlay = c->hosts[rng_below(r, (uint32_t)c->nhosts)].overlay;
		break;
	case 4: { /* two change places */
		struct wm_host *other = &c->hosts[rng_below(r, (uint32_t)c->nhosts)];
		wm_ip4 overlay = h->overlay, local = h->local;

		if (strcmp(h->domain, other->domain))
			break;
		h->overlay = other->overlay;
		h->local = other->local;
		other->overlay = overlay;
		other->local = local;
		break;
	}
	default:
		*h = c->hosts[--c->nhosts];
	}
}

static void add_host(struct rng *r, struct wm_config *c)
{
	const struct wm_site *s = &c->sites[rng_below(r, (uint32_t)c->nsites)];
	struct wm_host h = { .overlay = s->subnet.addr + rng_below(r, 256), .access = WM_ACCESS_FULL };

	snprintf(h.name, sizeof(h.name), rng_chance(r, 10) ? "d%u" : "n%u", rng_below(r, 10));
	strcpy(h.domain, s->domain);
	h.local = ip("192.168.2.0") + rng_below(r, 40) * rng_chance(r, 90);
	if (!names_host(c, &h))
		assert_int_equal(wm_config_add_host(c, &h), 0);
}

static void change_site(struct rng *r, struct wm_config *c)
{
	struct wm_site *s = &c->sites[rng_below(r, (uint32_t)c->nsites)];

	switch (rng_below(r, 4)) {
	case 0:
		s->endpoint.family = s->endpoint.family ? 0 : 4;
		s->endpoint.port = 1;
		break;
	case 1:
		s->subnet.addr += 0x1000;
		break;
	case 2:
		s->hub = !s->hub;
		break;
	default:
		*s = c->sites[--c->nsites];
	}
}

static void change_device(struct rng *r, struct wm_config *c)
{
	struct wm_device *d = &c->devices[rng_below(r, (uint32_t)c->ndevices)];

	if (rng_chance(r, 30))
		d->public_key = c->devices[rng_below(r, (uint32_t)c->ndevices)].public_key;
	else if (rng_chance(r, 50))
		d->overlay += rng_below(r, 254);
	else
		*d = c->devices[--c->ndevices];
}

static void change(struct rng *r, struct wm_config *c)
{
	for (uint32_t n = 1 + rng_below(r, 4); n; n--) {
		if (c->nhosts && rng_chance(r, 50))
			change_host(r, c);
		if (c->nsites && rng_chance(r, 40))
			add_host(r, c);
		if (c->nsites && rng_chance(r, 15))
			change_site(r, c);
		if (c->ndevices && rng_chance(r, 15))
			change_device(r, c);
	}
	go_on(&c->mesh);
}

static void assert_indexed(const struct wm_config *c)
{
	size_t entries = 0;

	for (size_t i = 0; i < c->nhosts; i++) {
		const struct wm_host *h = &c->hosts[i];

		assert_ptr_equal(wm_config_host(c, h->name, h->domain), h);
		assert_ptr_equal(wm_config_host_at(c, h->overlay), h);
		if (h->local)
			assert_ptr_equal(wm_index_local(c, h->local, h->domain), h);
	}
	for (size_t i = 0; i < c->by_name.size; i++)
		entries += c->by_name.slot[i].overlay != 0;
	assert_int_equal(entries, c->nhosts);
}

static void changing_is_making_anew(void **state)
{
	struct rng r = { 5 };
	int good = 0, bad = 0;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct wm_config a, before, b;
		struct wm_config_diff diff;
		struct wm_delta delta;
		int rc;

		mesh_random(&r, &a);
		copy(&a, &before);
		copy(&a, &b);
		change(&r, &b);
		difference(&a, &b, &delta);
		rc = wm_config_finish(&b, &err);
		assert_int_equal(wm_config_change(&a, &delta, &diff, &err), rc);
		good += !rc;
		bad += rc == -EINVAL;
		assert_configs_equal(&a, rc ? &before : &b);
		assert_indexed(&a);
		if (!rc) {
			wm_config_undo(&a, &diff);
			assert_configs_equal(&a, &before);
			assert_indexed(&a);
		}
		wm_config_diff_free(&diff);
		wm_delta_free(&delta);
		wm_config_free(&a);
		wm_config_free(&before);
		wm_config_free(&b);
	}
	/* Both sides of the rule have been seen. */
	assert_true(good > 500 && bad > 500);
}

static void what_did_not_change_is_no_difference(void **state)
{
	struct wm_config c;
	struct wm_config_diff diff;
	struct wm_delta delta;

	(void)state;
	mesh_small_finished(&c);
	difference(&c, &c, &delta);
	assert_ok(wm_config_change(&c, &delta, &diff, &err));
	assert_int_equal(diff.nsites_gone + diff.nsites_come + diff.nhosts_gone + diff.nhosts_come + diff.ndevices_gone +
			 diff.ndevices_come, 0);
	assert_int_equal(c.mesh.generation, 18);
	assert_string_equal(c.mesh.mark, "0000000000000012");
	wm_config_diff_free(&diff);
	wm_delta_free(&delta);
	wm_config_free(&c);
}

static void of_two_about_one_object_the_later_holds(void **state)
{
	struct wm_config c;
	struct wm_config_diff diff;
	struct wm_delta delta;
	struct wm_host h;
	struct wm_changes head;

	(void)state;
	mesh_small_finished(&c);
	h = *mesh_host(&c, "nas", "a");
	begin(&delta, &c);
	gone(&delta, "host", "nas", "a");
	end(&delta);
	head = delta.head;
	head.after = head.mesh.generation++;
	assert_ok(TAKE(&delta, WM_RECORD_CHANGES, &head));
	h.local = ip("192.168.1.99");
	assert_ok(TAKE(&delta, WM_RECORD_HOST, &h));
	end(&delta);
	assert_ok(wm_config_change(&c, &delta, &diff, &err));
	assert_int_equal(mesh_host(&c, "nas", "a")->local, ip("192.168.1.99"));
	assert_int_equal(c.mesh.generation, 19);
	assert_int_equal(diff.nhosts_gone, 1);
	assert_int_equal(diff.nhosts_come, 1);
	wm_config_diff_free(&diff);
	wm_delta_free(&delta);
	wm_config_free(&c);
}

/* --- the plan follows ----------------------------------------------------------------------- */

static void assert_plans_equal(const struct wm_plan *a, const struct wm_plan *b)
{
	assert_int_equal(a->generation, b->generation);
	assert_int_equal(a->hub, b->hub);
	assert_int_equal(a->nends, b->nends);
	assert_int_equal(a->nnames, b->nnames);
	assert_int_equal(a->ndomains, b->ndomains);
	assert_int_equal(a->nproblems, b->nproblems);
	assert_int_equal(a->wg.npeers, b->wg.npeers);
	assert_int_equal(a->wg.nallowed, b->wg.nallowed);
	for (size_t i = 0; i < a->nends; i++) {
		const struct wm_end *x = &a->ends[i], *y = &b->ends[i];

		assert_true(x->overlay == y->overlay && x->local == y->local && x->kind == y->kind && x->access == y->access &&
			    x->lan == y->lan && x->has_mac == y->has_mac && !memcmp(&x->mac, &y->mac, sizeof(x->mac)) &&
			    !strcmp(x->name, y->name));
	}
	for (size_t i = 0; i < a->nnames; i++) {
		assert_string_equal(a->names[i].fqdn, b->names[i].fqdn);
		assert_int_equal(a->names[i].addr, b->names[i].addr);
		assert_int_equal(a->names[i].for_devices, b->names[i].for_devices);
	}
	for (size_t i = 0; i < a->ndomains; i++)
		assert_string_equal(a->domains[i], b->domains[i]);
	for (size_t i = 0; i < a->wg.npeers; i++) {
		assert_true(wm_key_equal(&a->wg.peers[i].public_key, &b->wg.peers[i].public_key));
		assert_true(wm_endpoint_equal(&a->wg.peers[i].endpoint, &b->wg.peers[i].endpoint));
		assert_int_equal(a->wg.peers[i].first_allowed, b->wg.peers[i].first_allowed);
		assert_int_equal(a->wg.peers[i].nallowed, b->wg.peers[i].nallowed);
	}
	for (size_t i = 0; i < a->wg.nallowed; i++)
		assert_true(wm_prefix_equal(a->wg.allowed[i], b->wg.allowed[i]));
}

/* Where something of the plan is another, the difference has it; what the difference has is so. */
static void assert_difference(const struct wm_plan_diff *d, const struct wm_plan *after)
{
	for (size_t i = 0; i < d->ncome; i++) {
		const struct wm_end *e = NULL;

		for (size_t k = 0; k < after->nends && !e; k++)
			e = after->ends[k].overlay == d->come[i].overlay ? &after->ends[k] : NULL;
		assert_non_null(e);
		assert_string_equal(e->name, d->come[i].name);
	}
	for (size_t i = 0; i < d->nnames_gone; i++) {
		for (size_t k = 0; k < after->nnames; k++)
			assert_false(!strcmp(after->names[k].fqdn, d->names_gone[i].fqdn) &&
				     after->names[k].addr == d->names_gone[i].addr);
	}
}

static void changing_a_plan_is_making_it_anew(void **state)
{
	struct rng r = { 11 };
	int by_parts = 0, anew = 0;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct wm_self self = { .listen_port = 51820, .mtu = 1420, .nlans = 1,
					.lans = { { .ifname = "eth1", .ifindex = 7, .addr = ip("192.168.0.1"),
						    .prefix = prefix("192.168.0.0/20"), .mtu = 1500 } } };
		struct wm_plan plan = { 0 }, want = { 0 };
		struct wm_plan_diff plan_diff;
		struct wm_config_diff diff = { 0 };
		struct wm_config a, b;
		struct wm_delta delta;
		int rc;

		mesh_random(&r, &a);
		strcpy(self.domain, a.sites[rng_below(&r, (uint32_t)a.nsites)].domain);
		assert_ok(wm_plan_make(&a, &self, &plan, &err));
		copy(&a, &b);
		change(&r, &b);
		difference(&a, &b, &delta);
		if (!wm_config_change(&a, &delta, &diff, &err)) {
			rc = wm_plan_change(&plan, &a, &self, &diff, &plan_diff);
			assert_true(!rc || rc == -EAGAIN);
			by_parts += !rc;
			anew += rc != 0;
			if (!rc) {
				assert_ok(wm_plan_make(&a, &self, &want, &err));
				assert_plans_equal(&plan, &want);
				assert_difference(&plan_diff, &want);
				wm_plan_diff_free(&plan_diff);
			}
		}
		wm_plan_free(&plan);
		wm_plan_free(&want);
		wm_config_diff_free(&diff);
		wm_delta_free(&delta);
		wm_config_free(&a);
		wm_config_free(&b);
	}
	assert_true(by_parts > 500 && anew > 20);
}

/* --- refused ----------------------------------------------------------------------------- */

static void other_instance(struct wm_changes *h) { h->mesh.instance[0] ^= 1; }
static void other_self(struct wm_changes *h) { strcpy(h->mesh.self, "b"); }
static void other_name(struct wm_changes *h) { strcpy(h->mesh.name, "other"); }
static void other_supernet(struct wm_changes *h) { h->mesh.supernet.len--; }
static void from_earlier(struct wm_changes *h) { h->after--; }
static void from_later(struct wm_changes *h) { h->after++, h->mesh.generation++; }
static void needs_more(struct wm_changes *h) { h->mesh.requires = 1; }

static void deltas_of_something_else_are_refused(void **state)
{
	static void (*const spoil[])(struct wm_changes *) = { other_instance, other_self, other_name, other_supernet,
							      from_earlier, from_later, needs_more };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(spoil); i++) {
		struct wm_config c;
		struct wm_config_diff diff;
		struct wm_delta delta;

		mesh_small_finished(&c);
		begin(&delta, &c);
		gone(&delta, "host", "nas", "a");
		end(&delta);
		spoil[i](&delta.head);
		assert_refused(wm_config_change(&c, &delta, &diff, &err), spoil[i] == needs_more ? EINVAL : ESTALE,
			       spoil[i] == needs_more ? "requires" : "", NULL);
		assert_int_equal(c.mesh.generation, 17);
		mesh_host(&c, "nas", "a");
		wm_delta_free(&delta);
		wm_config_free(&c);
		err = (struct wm_error){ 0 };
	}
}

static void records_come_in_order_and_complete(void **state)
{
	struct wm_changes back = { .mesh.generation = 17, .after = 17 };
	struct wm_record_end wrong = { .generation = 18, .count = 2 }, other = { .generation = 17, .count = 1 };
	struct wm_gone unknown = { .kind = "printer", .name = "x" };
	struct wm_delta d = { 0 };
	struct wm_config c;

	(void)state;
	mesh_small_finished(&c);
	assert_refused(TAKE(&d, WM_RECORD_HOST, &c.hosts[0]), EBADMSG, "", "header");
	assert_refused(TAKE(&d, WM_RECORD_CHANGES, &back), EBADMSG, "", "are none");
	begin(&d, &c);
	gone(&d, "host", "nas", "a");
	assert_refused(TAKE(&d, WM_RECORD_MESH, &c.mesh), EBADMSG, "", "no place");
	assert_refused(TAKE(&d, WM_RECORD_GONE, &unknown), EBADMSG, "", "no kind");
	assert_refused(TAKE(&d, WM_RECORD_END, &wrong), EBADMSG, "", "not complete");
	assert_refused(TAKE(&d, WM_RECORD_END, &other), EBADMSG, "", "not complete");
	end(&d);
	back.after = 19;
	back.mesh.generation = 20;
	assert_refused(TAKE(&d, WM_RECORD_CHANGES, &back), EBADMSG, "", "do not follow");
	wm_delta_free(&d);
	wm_config_free(&c);
}

static void more_than_a_log_has_is_refused(void **state)
{
	struct wm_config c;
	struct wm_delta d;
	int n = 0;

	(void)state;
	mesh_small_finished(&c);
	begin(&d, &c);
	while (n < 2 * WM_DELTA_MAX && !TAKE(&d, WM_RECORD_HOST, &c.hosts[0]))
		n++;
	assert_int_equal(n, WM_DELTA_MAX);
	wm_delta_free(&d);
	wm_config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(changing_is_making_anew),
		TEST(changing_a_plan_is_making_it_anew),
		TEST(what_did_not_change_is_no_difference),
		TEST(of_two_about_one_object_the_later_holds),
		TEST(deltas_of_something_else_are_refused),
		TEST(records_come_in_order_and_complete),
		TEST(more_than_a_log_has_is_refused),
	};

	return UNIT_RUN("delta", tests);
}
