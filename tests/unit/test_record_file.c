/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The last good config on disk: damaged anywhere, it is not used.
 */
#include "core/record_file.h"

#include <sys/stat.h>

#include "core/util.h"
#include "unit/mesh.h"

static void saved_and_loaded_again(void **state)
{
	const char *path = unit_path("config");
	struct wm_config c, again;
	struct stat st;

	(void)state;
	mesh_small_finished(&c);
	assert_refused(wm_config_load(path, &again, &err), ENOENT, "", path);
	assert_ok(wm_config_save(path, &c, NULL, &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ok(wm_config_load(path, &again, &err));
	assert_configs_equal(&c, &again);
	wm_config_free(&again);
	assert_ok(wm_config_recall(path, &again, &err));
	assert_configs_equal(&c, &again);
	wm_config_free(&again);
	/* The next generation replaces it. */
	c.mesh.generation++;
	c.nhosts--;
	assert_ok(wm_config_save(path, &c, NULL, &err));
	assert_ok(wm_config_load(path, &again, &err));
	assert_configs_equal(&c, &again);
	wm_config_free(&again);
	assert_refused(wm_config_save(unit_path("no/such/config"), &c, NULL, &err), ENOENT, "", "no/such/config");
	wm_config_free(&c);
}

static char *saved(size_t *ret_len)
{
	struct wm_config c;
	char *data;

	mesh_small_finished(&c);
	assert_ok(wm_config_save(unit_path("whole"), &c, NULL, &err));
	wm_config_free(&c);
	assert_int_equal(wm_read_file(unit_path("whole"), 1 << 20, &data, ret_len), 0);
	return data;
}

static int load(const void *data, size_t len)
{
	struct wm_config c = { .nsites = 4711 };
	FILE *f = fopen(unit_path("file"), "w");
	int rc;

	assert_non_null(f);
	assert_true(!len || fwrite(data, len, 1, f) == 1);
	assert_int_equal(fclose(f), 0);
	rc = wm_config_recall(unit_path("file"), &c, &err);
	if (!rc) {
		wm_config_free(&c);
		c.nsites = 4711;
	}
	/* What is damaged is so for both. */
	assert_int_equal(wm_config_load(unit_path("file"), &c, &err), rc);
	if (rc)
		assert_int_equal(c.nsites, 4711);
	else
		wm_config_free(&c);
	return rc;
}

#define RESERVED_AT 12 /* the four bytes of the header that say nothing yet */

static void a_damaged_file_is_refused_wherever_it_is_damaged(void **state)
{
	size_t len;
	char *data = saved(&len);

	(void)state;
	assert_int_equal(load(data, len), 0);
	for (size_t i = 0; i < len; i++) {
		data[i] ^= 0x10;
		if (i >= RESERVED_AT && i < RESERVED_AT + 4)
			assert_int_equal(load(data, len), 0);
		else
			assert_refused(load(data, len), EBADMSG, "", NULL);
		data[i] ^= 0x10;
	}
	for (size_t n = 0; n < len; n++)
		assert_refused(load(data, n), EBADMSG, "", NULL);
	data = realloc(data, len + 1);
	data[len] = 0;
	assert_refused(load(data, len + 1), EBADMSG, "", NULL);
	free(data);
}

/* Right checksum, wrong content: what another version or somebody's editor would leave. */
static void a_file_of_another_kind_is_refused(void **state)
{
	struct {
		char magic[8];
		uint32_t version, reserved;
		uint64_t len;
		struct wm_token_hash sum;
		char content[64];
	} file = { .magic = "wmconf\n", .version = 1 };
	const size_t head = offsetof(__typeof__(file), content);

	(void)state;
	wm_digest(file.content, 0, &file.sum);
	assert_refused(load(&file, head), EBADMSG, "", "ends before"); /* nothing in it */
	file.len = sizeof(file.content);
	wm_digest(file.content, file.len, &file.sum);
	assert_refused(load(&file, head + file.len), EBADMSG, "", "not a record");
	file.version = 2;
	assert_refused(load(&file, head + file.len), EBADMSG, "", "version");
	memcpy(file.magic, "WMCONF\n", 8);
	file.version = 1;
	assert_refused(load(&file, head + file.len), EBADMSG, "", NULL);
	assert_refused(load("", 0), EBADMSG, "", "short");
}

static void a_saved_config_that_breaks_a_rule_is_damaged(void **state)
{
	struct wm_config c;

	(void)state;
	mesh_small(&c);
	mesh_site(&c, "a")->hub = true;
	assert_ok(wm_config_save(unit_path("broken"), &c, NULL, &err));
	wm_config_free(&c);
	assert_refused(wm_config_load(unit_path("broken"), &c, &err), EBADMSG, "is_hub", unit_path("broken"));
	/* Nobody saves such a one; names can be had from it all the same. */
	assert_ok(wm_config_recall(unit_path("broken"), &c, &err));
	wm_config_free(&c);
}

/* Longer than what is read at a time: records lie across. */
static void a_large_file(void **state)
{
	const char *path = unit_path("large");
	struct wm_site site = { .domain = "large", .subnet = prefix("172.30.16.0/20") };
	struct wm_config c, again;
	size_t len;
	char *data;

	(void)state;
	mesh_small(&c);
	assert_ok(wm_config_add_site(&c, &site));
	for (unsigned int n = 0; n < 2000; n++) {
		struct wm_host host = { .domain = "large", .overlay = ip("172.30.16.10") + n, .local = ip("10.1.0.10") + n };

		snprintf(host.name, sizeof(host.name), "h%u", n);
		assert_ok(wm_config_add_host(&c, &host));
	}
	assert_ok(wm_config_finish(&c, &err));
	assert_ok(wm_config_save(path, &c, NULL, &err));
	assert_ok(wm_config_load(path, &again, &err));
	assert_configs_equal(&c, &again);
	wm_config_free(&again);
	assert_ok(wm_config_recall(path, &again, &err));
	assert_configs_equal(&c, &again);
	wm_config_free(&again);
	wm_config_free(&c);
	assert_int_equal(wm_read_file(path, 1 << 20, &data, &len), 0);
	assert_int_equal(load(data, len), 0);
	for (size_t i = 100; i < len; i += 30011) {
		data[i] ^= 0x10;
		assert_refused(load(data, len), EBADMSG, "", "damaged");
		data[i] ^= 0x10;
		assert_refused(load(data, i), EBADMSG, "", "short");
	}
	free(data);
}

/* --- the journal ----------------------------------------------------------------------- */

/* Nth change of the small mesh: a host that comes, goes, changes. */
static void make_delta(const struct wm_config *c, unsigned int n, struct wm_delta *ret)
{
	struct wm_record r = { .type = WM_RECORD_CHANGES };
	struct wm_host h = *mesh_host((struct wm_config *)(uintptr_t)c, "nas", "b");

	*ret = (struct wm_delta){ 0 };
	r.changes.mesh = c->mesh;
	r.changes.after = c->mesh.generation;
	r.changes.mesh.generation++;
	assert_ok(wm_delta_take(ret, &r, &err));
	r = (struct wm_record){ .type = WM_RECORD_HOST };
	if (n % 3 == 2) {
		r.type = WM_RECORD_GONE;
		strcpy(r.gone.kind, "host");
		snprintf(r.gone.name, sizeof(r.gone.name), "n%u", n - 1);
		strcpy(r.gone.domain, "b");
	} else {
		snprintf(h.name, sizeof(h.name), "n%u", n);
		h.overlay = ip("172.30.3.10") + n;
		h.local = ip("192.168.1.100") + n;
		r.host = h;
	}
	assert_ok(wm_delta_take(ret, &r, &err));
	r = (struct wm_record){ .type = WM_RECORD_END };
	r.end = (struct wm_record_end){ c->mesh.generation + 1, 1 };
	assert_int_equal(wm_delta_take(ret, &r, &err), 1);
}

static int change(const char *path, struct wm_config *c, struct wm_journal *j, unsigned int n)
{
	struct wm_config_diff diff;
	struct wm_delta delta;
	int rc;

	make_delta(c, n, &delta);
	assert_ok(wm_config_change(c, &delta, &diff, &err));
	rc = wm_config_append(path, j, &delta, &err);
	wm_config_diff_free(&diff);
	wm_delta_free(&delta);
	return rc;
}

static void assert_loads(const char *path, const struct wm_config *c)
{
	struct wm_config again;

	assert_ok(wm_config_load(path, &again, &err));
	assert_configs_equal(&again, c);
	wm_config_free(&again);
	assert_ok(wm_config_recall(path, &again, &err));
	assert_configs_equal(&again, c);
	wm_config_free(&again);
}

static void what_has_changed_since_is_loaded_too(void **state)
{
	const char *path = unit_path("changing");
	struct wm_journal j = { 0 };
	struct wm_config c;

	(void)state;
	mesh_small_finished(&c);
	assert_ok(wm_config_save(path, &c, &j, &err));
	for (unsigned int n = 0; n < 9; n++) {
		/* Another process looks for itself where the journal ends. */
		if (n % 4 == 3)
			j = (struct wm_journal){ 0 };
		assert_ok(change(path, &c, &j, n));
		assert_loads(path, &c);
	}
	assert_ok(wm_config_save(path, &c, &j, &err));
	assert_loads(path, &c);
	assert_ok(change(path, &c, &j, 9));
	assert_loads(path, &c);
	wm_config_free(&c);
}

/* A config of the small mesh and its journal of four changes: the journal's bytes, and each state on the way. */
static char *journalled(const char *path, struct wm_config states[5], size_t *ret_len)
{
	struct wm_journal j = { 0 };
	struct wm_config c;
	char *data;

	mesh_small_finished(&c);
	assert_ok(wm_config_save(path, &c, &j, &err));
	for (unsigned int n = 0; n < 5; n++) {
		assert_ok(wm_config_load(path, &states[n], &err));
		if (n < 4)
			assert_ok(change(path, &c, &j, n));
	}
	wm_config_free(&c);
	assert_int_equal(wm_read_file(unit_path("j.changes"), 1 << 20, &data, ret_len), 0);
	return data;
}

/* unit_path's buffers are used again. */
static const char *keep(const char *path)
{
	static char kept[512];

	strcpy(kept, path);
	return kept;
}

/* Which of the states is on disk; fails when it is none. */
static unsigned int state_on_disk(const char *path, const struct wm_config states[5])
{
	struct wm_config c;
	uint64_t n;

	assert_ok(wm_config_load(path, &c, &err));
	n = c.mesh.generation - 17;
	assert_true(n < 5);
	assert_configs_equal(&c, &states[n]);
	wm_config_free(&c);
	return (unsigned int)n;
}

static void cut_at_every_byte_it_is_an_earlier_config(void **state)
{
	const char *path = keep(unit_path("j"));
	struct wm_config states[5];
	size_t len;
	char *data = journalled(path, states, &len);
	unsigned int last = 0;

	(void)state;
	for (size_t n = 0; n <= len; n++) {
		struct wm_journal j = { 0 };
		struct wm_config c;
		unsigned int now;

		assert_int_equal(wm_replace_file(unit_path("j.changes"), 0600, data, n), 0);
		now = state_on_disk(path, states);
		assert_in_range(now, last, last + 1);
		last = now;
		/* It goes on from there. */
		assert_ok(wm_config_load(path, &c, &err));
		assert_ok(change(path, &c, &j, 30));
		assert_loads(path, &c);
		wm_config_free(&c);
	}
	assert_int_equal(last, 4);
	for (int n = 0; n < 5; n++)
		wm_config_free(&states[n]);
	free(data);
}

static void damaged_anywhere_it_is_an_earlier_config(void **state)
{
	const char *path = keep(unit_path("j"));
	struct wm_config states[5];
	size_t len;
	char *data = journalled(path, states, &len);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		data[i] ^= 0x10;
		assert_int_equal(wm_replace_file(unit_path("j.changes"), 0600, data, len), 0);
		if (i < RESERVED_AT || i >= RESERVED_AT + 4)
			assert_true(state_on_disk(path, states) < 4);
		data[i] ^= 0x10;
	}
	for (int n = 0; n < 5; n++)
		wm_config_free(&states[n]);
	free(data);
}

/* The machine stopped between saving the whole and taking the old journal away. */
static void a_journal_of_another_file_is_nobodys(void **state)
{
	const char *path = keep(unit_path("j"));
	struct wm_journal j = { 0 };
	struct wm_config states[5], c;
	size_t len;
	char *data = journalled(path, states, &len);

	(void)state;
	mesh_small_finished(&c);
	c.mesh.generation = 40;
	assert_ok(wm_config_save(path, &c, NULL, &err));
	assert_int_equal(wm_replace_file(unit_path("j.changes"), 0600, data, len), 0);
	assert_loads(path, &c);
	assert_ok(change(path, &c, &j, 0));
	assert_loads(path, &c);
	wm_config_free(&c);
	for (int n = 0; n < 5; n++)
		wm_config_free(&states[n]);
	free(data);
}

/* Sums and all are right, but it does not lead on from the file. */
static void a_journal_that_makes_no_sense_is_done_without(void **state)
{
	const char *path = keep(unit_path("j"));
	struct wm_journal j = { 0 };
	struct wm_config c, before;

	(void)state;
	mesh_small_finished(&c);
	mesh_small_finished(&before);
	assert_ok(wm_config_save(path, &c, &j, &err));
	c.mesh.generation = 30;
	assert_ok(change(path, &c, &j, 0));
	assert_loads(path, &before);
	j = (struct wm_journal){ 0 };
	assert_ok(change(path, &before, &j, 0));
	assert_loads(path, &before);
	wm_config_free(&c);
	wm_config_free(&before);
}

static void a_long_journal_says_that_it_is_one(void **state)
{
	const char *path = unit_path("long");
	struct wm_journal j = { 0 };
	struct wm_config c;
	unsigned int n = 0;
	int rc;

	(void)state;
	mesh_small_finished(&c);
	assert_ok(wm_config_save(path, &c, &j, &err));
	while (!(rc = change(path, &c, &j, 3 * (n % 40))) && n < 10000)
		n++;
	assert_int_equal(rc, 1);
	assert_in_range(n, 100, 2000);
	assert_loads(path, &c);
	assert_ok(wm_config_save(path, &c, &j, &err));
	assert_ok(change(path, &c, &j, 0));
	assert_loads(path, &c);
	wm_config_free(&c);
}

static void a_journal_that_cannot_be_written_is_told(void **state)
{
	const char *path = unit_path("no/such/config");
	struct wm_journal j = { 0 };
	struct wm_config c;

	(void)state;
	mesh_small_finished(&c);
	assert_refused(change(path, &c, &j, 0), ENOENT, "", path);
	wm_config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(saved_and_loaded_again),
		TEST(a_damaged_file_is_refused_wherever_it_is_damaged),
		TEST(a_file_of_another_kind_is_refused),
		TEST(a_saved_config_that_breaks_a_rule_is_damaged),
		TEST(a_large_file),
		TEST(what_has_changed_since_is_loaded_too),
		TEST(cut_at_every_byte_it_is_an_earlier_config),
		TEST(damaged_anywhere_it_is_an_earlier_config),
		TEST(a_journal_of_another_file_is_nobodys),
		TEST(a_journal_that_makes_no_sense_is_done_without),
		TEST(a_long_journal_says_that_it_is_one),
		TEST(a_journal_that_cannot_be_written_is_told),
	};

	return UNIT_RUN("record_file", tests);
}
