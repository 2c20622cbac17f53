/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A gateway's secrets on disk: made once, for its owner only, and never
 * replaced by themselves.
 */
#include "agent/identity.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"
#include "unit/unit.h"

#define ENROLMENT "wme_enrolment"

static struct wm_instance inst;
static struct wm_identity id;
static int tests_run;

/* Directories of its own for each test; they do not exist yet. */
static int setup(void **state)
{
	char dir[400];

	snprintf(dir, sizeof(dir), "%s/id%d", unit_dir(), tests_run++);
	inst = (struct wm_instance){ .domain = "a", .env_file = "/etc/wm/gateway.env", .registry_token = ENROLMENT };
	assert_int_equal(wm_format(inst.key_file, sizeof(inst.key_file), "%s/etc/private.key", dir), 0);
	assert_int_equal(wm_format(inst.state_dir, sizeof(inst.state_dir), "%s/var/lib", dir), 0);
	memset(&id, 0, sizeof(id));
	return unit_setup(state);
}

static const char *token_file(void)
{
	static char path[WM_PATH_SIZE + 8];

	snprintf(path, sizeof(path), "%s/token", inst.state_dir);
	return path;
}

static int load(void)
{
	return wm_identity_load(&inst, &id, &err);
}

static void write_key_file(const char *text)
{
	char dir[WM_PATH_SIZE];

	strcpy(dir, inst.key_file);
	*strrchr(dir, '/') = '\0';
	assert_int_equal(wm_make_dirs(dir, 0755), 0);
	assert_int_equal(wm_replace_file(inst.key_file, 0600, text, strlen(text)), 0);
}

static void write_token_file(const char *text)
{
	assert_int_equal(wm_make_dirs(inst.state_dir, 0700), 0);
	assert_int_equal(wm_replace_file(token_file(), 0600, text, strlen(text)), 0);
}

static char *content(const char *path)
{
	char *text;

	assert_int_equal(wm_read_file(path, 1 << 20, &text, NULL), 0);
	return text;
}

static unsigned int mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void the_first_start_makes_key_and_token(void **state)
{
	char key_text[WM_KEY_TEXT + 1], token_text[WM_TOKEN_MAX + 1];
	WM_AUTO_FREE char *key_line = NULL, *token_line = NULL;
	struct wm_key public_key;
	mode_t mask = umask(0);

	(void)state;
	assert_ok(load());
	umask(mask);
	assert_true(id.fresh);
	assert_int_equal(wm_key_public(&id.private_key, &public_key), 0);
	assert_true(wm_key_equal(&id.public_key, &public_key));
	assert_false(wm_key_is_zero(&id.private_key));
	assert_true(wm_token_wellformed(WM_TOKEN_GATEWAY, id.token));
	assert_string_equal(id.enrolment, ENROLMENT);
	/* On disk before anybody is told, and for the owner only. */
	key_line = content(inst.key_file);
	token_line = content(token_file());
	wm_key_format(&id.private_key, key_text);
	strcat(key_text, "\n");
	strcpy(token_text, id.token);
	strcat(token_text, "\n");
	assert_string_equal(key_line, key_text);
	assert_string_equal(token_line, token_text);
	assert_int_equal(mode_of(inst.key_file), 0600);
	assert_int_equal(mode_of(token_file()), 0600);
	assert_int_equal(mode_of(inst.state_dir), 0700);
}

static void the_next_start_finds_the_same(void **state)
{
	struct wm_identity again;

	(void)state;
	assert_ok(load());
	assert_ok(wm_identity_load(&inst, &again, &err));
	assert_false(again.fresh);
	assert_true(wm_key_equal(&id.private_key, &again.private_key));
	assert_string_equal(id.token, again.token);
	/* The enrolment may be gone from gateway.env by then. */
	inst.registry_token[0] = '\0';
	assert_ok(wm_identity_load(&inst, &again, &err));
	assert_string_equal(id.token, again.token);
	assert_string_equal(again.enrolment, "");
}

static void ones_own_token_needs_no_other(void **state)
{
	(void)state;
	wm_token_generate(WM_TOKEN_GATEWAY, inst.registry_token);
	assert_ok(load());
	assert_string_equal(id.token, inst.registry_token);
	assert_string_equal(id.enrolment, "");
	assert_false(id.fresh);
	assert_int_equal(access(token_file(), F_OK), -1);
}

static void a_master_token_enrols_too(void **state)
{
	(void)state;
	strcpy(inst.registry_token, "correct horse battery staple");
	assert_ok(load());
	assert_string_equal(id.enrolment, "correct horse battery staple");
	assert_true(wm_token_wellformed(WM_TOKEN_GATEWAY, id.token));
	assert_true(id.fresh);
}

static void without_any_token_it_says_where_one_comes_from(void **state)
{
	(void)state;
	inst.registry_token[0] = '\0';
	assert_refused(load(), EACCES, "", "wm add-site a");
	assert_non_null(strstr(err.text, "/etc/wm/gateway.env"));
	assert_int_equal(access(token_file(), F_OK), -1);
}

static void a_damaged_token_is_replaced_if_it_can_be_accepted_again(void **state)
{
	char long_one[2000];
	static const char *const damaged[] = { "", "\n", "garbage\n", "wmg_\n", "wmd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", NULL, NULL };

	(void)state;
	memset(long_one, 'x', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	for (size_t i = 0; i < WM_ARRAY_LEN(damaged); i++) {
		WM_AUTO_FREE char *before = NULL, *after = NULL;

		write_token_file(damaged[i] ? damaged[i] : long_one);
		before = content(token_file());
		inst.registry_token[0] = '\0';
		assert_refused(load(), EACCES, "", "WM_REGISTRY_TOKEN");
		after = content(token_file());
		assert_string_equal(before, after);
		strcpy(inst.registry_token, ENROLMENT);
		assert_ok(load());
		assert_true(id.fresh);
		assert_true(wm_token_wellformed(WM_TOKEN_GATEWAY, id.token));
		long_one[600] = '\0'; /* the second time: longer than a token, but read whole */
	}
}

static void a_damaged_key_is_refused_and_kept(void **state)
{
	static char megabyte[1 << 20];
	static const char *const damaged[] = {
		"", "\n", "garbage\n",
		"wHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSw\n",	/* one character lost */
		"wHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq=\n",	/* one too many */
		"wHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduS\x80=\n",
		" wHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSw=\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",	/* a disk's zeroes */
		megabyte,
	};

	(void)state;
	memset(megabyte, 'x', sizeof(megabyte) - 1);
	for (size_t i = 0; i < WM_ARRAY_LEN(damaged); i++) {
		WM_AUTO_FREE char *after = NULL;

		write_key_file(damaged[i]);
		assert_refused(load(), EINVAL, "", inst.key_file);
		assert_refused(wm_identity_peek(&inst, &id, &err), EINVAL, "", "remove the file");
		after = content(inst.key_file);
		assert_string_equal(after, damaged[i]);
		assert_int_equal(access(token_file(), F_OK), -1);
		assert_true(wm_key_is_zero(&id.private_key));
		/* The key, or what is left of it, is not for logs. */
		assert_null(strstr(err.text, "wHcH"));
	}
}

/* As `openssl rand -base64 32` makes them: the kernel would show another key than we set. */
static void a_key_made_elsewhere_is_clamped(void **state)
{
	static const char *const lines[] = {
		"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n", "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\r\n",
		"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=", "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n# made in 2020\n",
	};
	char text[WM_KEY_TEXT];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(lines); i++) {
		write_key_file(lines[i]);
		assert_ok(load());
		assert_int_equal(id.private_key.byte[0] & 7, 0);
		assert_int_equal(id.private_key.byte[31] & 0xc0, 0x40);
		/* Alice's of RFC 7748, 6.1 */
		assert_string_equal(wm_key_format(&id.public_key, text), "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
	}
}

static void looking_makes_nothing(void **state)
{
	struct wm_identity seen;

	(void)state;
	assert_int_equal(wm_identity_peek(&inst, &seen, &err), -ENOENT);
	assert_int_equal(access(inst.key_file, F_OK), -1);
	assert_int_equal(access(inst.state_dir, F_OK), -1);
	assert_ok(load());
	assert_ok(wm_identity_peek(&inst, &seen, &err));
	assert_true(wm_key_equal(&seen.public_key, &id.public_key));
	assert_string_equal(seen.token, "");
	assert_string_equal(seen.enrolment, "");
}

static void where_nothing_can_be_written_nothing_is_made(void **state)
{
	(void)state;
	strcpy(inst.key_file, "/proc/none/private.key");
	assert_refused(load(), ENOENT, "", "/proc/none/private.key");
	setup(NULL);
	strcpy(inst.state_dir, "/proc/none");
	assert_refused(load(), ENOENT, "", "/proc/none");
	assert_string_equal(id.token, "");
	/* A directory where the key should be is no missing key. */
	setup(NULL);
	assert_int_equal(wm_make_dirs(inst.key_file, 0755), 0);
	assert_refused(load(), EISDIR, "", inst.key_file);
}

static void wiping_leaves_nothing(void **state)
{
	struct wm_identity zero;

	(void)state;
	assert_ok(load());
	wm_identity_wipe(&id);
	memset(&zero, 0, sizeof(zero));
	assert_memory_equal(&id, &zero, sizeof(id));
}

#define ID_TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ID_TEST(the_first_start_makes_key_and_token),
		ID_TEST(the_next_start_finds_the_same),
		ID_TEST(ones_own_token_needs_no_other),
		ID_TEST(a_master_token_enrols_too),
		ID_TEST(without_any_token_it_says_where_one_comes_from),
		ID_TEST(a_damaged_token_is_replaced_if_it_can_be_accepted_again),
		ID_TEST(a_damaged_key_is_refused_and_kept),
		ID_TEST(a_key_made_elsewhere_is_clamped),
		ID_TEST(looking_makes_nothing),
		ID_TEST(where_nothing_can_be_written_nothing_is_made),
		ID_TEST(wiping_leaves_nothing),
	};

	wm_log_open("unit", WM_LOG_ERROR);
	return UNIT_RUN("identity", tests);
}
