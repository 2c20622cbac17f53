/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The last good config on disk: damaged anywhere, it is not used.
 */
#include "core/record.h"

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
	assert_ok(wm_config_save(path, &c, &err));
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
	assert_ok(wm_config_save(path, &c, &err));
	assert_ok(wm_config_load(path, &again, &err));
	assert_configs_equal(&c, &again);
	wm_config_free(&again);
	assert_refused(wm_config_save(unit_path("no/such/config"), &c, &err), ENOENT, "", "no/such/config");
	wm_config_free(&c);
}

static char *saved(size_t *ret_len)
{
	struct wm_config c;
	char *data;

	mesh_small_finished(&c);
	assert_ok(wm_config_save(unit_path("whole"), &c, &err));
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
	assert_ok(wm_config_save(unit_path("broken"), &c, &err));
	wm_config_free(&c);
	assert_refused(wm_config_load(unit_path("broken"), &c, &err), EBADMSG, "is_hub", unit_path("broken"));
	/* Nobody saves such a one; names can be had from it all the same. */
	assert_ok(wm_config_recall(unit_path("broken"), &c, &err));
	wm_config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(saved_and_loaded_again),
		TEST(a_damaged_file_is_refused_wherever_it_is_damaged),
		TEST(a_file_of_another_kind_is_refused),
		TEST(a_saved_config_that_breaks_a_rule_is_damaged),
	};

	return UNIT_RUN("record_file", tests);
}
