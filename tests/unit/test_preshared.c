/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is known of preshared keys, on disk: lost, unreadable, and where it cannot be written.
 */
#include "agent/preshared.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"
#include "unit/mesh.h"

static struct wm_instance inst;
static char path[WM_PATH_SIZE];
static struct wm_preshared preshared;
static struct wm_wg_peer have_peer, want_peer;

static int make_place(void **state)
{
	char dir[] = "/tmp/wm-preshared-XXXXXX";

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	inst = (struct wm_instance){ 0 };
	preshared = (struct wm_preshared){ .stays = true };
	have_peer = want_peer = (struct wm_wg_peer){ .public_key = key(1), .preshared_key = key(101) };
	have_peer.last_handshake = wm_unix_time() - 10;
	return wm_copy(inst.state_dir, sizeof(inst.state_dir), dir) || wm_format(path, sizeof(path), "%s/preshared", dir);
}

static int remove_place(void **state)
{
	(void)state;
	wm_preshared_free(&preshared);
	unlink(path);
	rmdir(path);
	return rmdir(inst.state_dir);
}

static void look(void)
{
	const struct wm_wg_device have = { .peers = &have_peer, .npeers = 1 }, want = { .peers = &want_peer, .npeers = 1 };
	struct wm_wg_device ret;

	assert_int_equal(wm_preshared_begin(&preshared, &inst, &have, &want, &ret), 0);
	have_peer.preshared_key = ret.peers[0].preshared_key;
	wm_preshared_end(&want, &ret);
}

static void without_a_file_what_is_in_use_is_good_and_kept(void **state)
{
	struct stat st;

	(void)state;
	look();
	assert_int_equal(preshared.psk.ntrials, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* By the file, without a session. */
	wm_preshared_free(&preshared);
	preshared.stays = true;
	have_peer.last_handshake = 0;
	look();
	assert_int_equal(preshared.psk.ntrials, 0);
}

static void what_cannot_be_read_is_left_as_it_is(void **state)
{
	struct stat st;

	(void)state;
	/* EISDIR, also for root. */
	assert_int_equal(mkdir(path, 0700), 0);
	look();
	assert_true(preshared.unreadable);
	assert_int_equal(preshared.psk.ntrials, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
}

static void put(const char *text)
{
	assert_int_equal(wm_replace_file(path, 0600, text, strlen(text)), 0);
}

static char *got(void)
{
	char *text = NULL;

	assert_int_equal(wm_read_file(path, 4096, &text, NULL), 0);
	return text;
}

static void what_a_later_version_has_written_stays(void **state)
{
	WM_AUTO_FREE char *text = NULL;

	(void)state;
	put("preshared 12\nanything\n");
	look();
	assert_true(preshared.unreadable);
	text = got();
	assert_string_equal(text, "preshared 12\nanything\n");
}

static void the_file_says_which_version_it_is_of(void **state)
{
	WM_AUTO_FREE char *text = NULL;

	(void)state;
	look();
	text = got();
	assert_int_equal(strncmp(text, "preshared 1\n", 12), 0);
	/* From before that, without: it is known all the same. */
	put(text + 12);
	wm_preshared_free(&preshared);
	preshared.stays = true;
	have_peer.last_handshake = 0;
	look();
	assert_int_equal(preshared.psk.ntrials, 0);
	/* And one that says nothing of it, is on record: who is not there was not proved. */
	put("preshared 1\n");
	wm_preshared_free(&preshared);
	preshared.stays = true;
	have_peer.last_handshake = wm_unix_time();
	look();
	assert_int_equal(preshared.psk.ntrials, 1);
}

static void what_could_not_be_written_is_later(void **state)
{
	(void)state;
	assert_int_equal(rmdir(inst.state_dir), 0);
	look();
	assert_true(preshared.psk.unsaved);
	assert_int_equal(preshared.save_pause, 10);
	/* Not at each look. */
	assert_int_equal(mkdir(inst.state_dir, 0700), 0);
	look();
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(inst.state_dir), 0);
	for (int i = 0; i < 10; i++) {
		preshared.save_at = 0;
		look();
	}
	assert_int_equal(preshared.save_pause, 600);
	assert_int_equal(mkdir(inst.state_dir, 0700), 0);
	preshared.save_at = 0;
	look();
	assert_false(preshared.psk.unsaved);
	assert_int_equal(access(path, F_OK), 0);
}

/* 1 is on trial, 2 is not: whoever puts another key in place of either has it repaired, and told. */
static void only_a_trial_is_quiet(void **state)
{
	struct wm_wg_peer there[2] = { have_peer, { .public_key = key(2), .preshared_key = key(102), .last_handshake = have_peer.last_handshake } };
	struct wm_wg_peer wanted[2] = { want_peer, there[1] };
	const struct wm_wg_device have = { .peers = there, .npeers = 2 }, want = { .peers = wanted, .npeers = 2 };
	struct wm_wg_op op = { .kind = WM_WG_SET_PEER, .flags = WM_WG_OP_PSK, .peer.public_key = key(1) };
	const struct wm_wg_diff diff = { .ops = &op, .n = 1 };
	struct wm_wg_device ret;

	(void)state;
	there[0].preshared_key = (struct wm_key){ 0 };
	assert_int_equal(wm_preshared_begin(&preshared, &inst, &have, &want, &ret), 0);
	wm_preshared_end(&want, &ret);
	assert_int_equal(preshared.psk.ntrials, 1);
	assert_int_equal(wm_preshared_quiet(&preshared, &have, &diff), 1);
	there[0].preshared_key = want_peer.preshared_key;
	assert_int_equal(wm_preshared_quiet(&preshared, &have, &diff), 1);
	there[0].preshared_key = key(103);
	assert_int_equal(wm_preshared_quiet(&preshared, &have, &diff), 0);
	op.peer.public_key = key(2);
	assert_int_equal(wm_preshared_quiet(&preshared, &have, &diff), 0);
	op.peer.public_key = key(3);
	assert_int_equal(wm_preshared_quiet(&preshared, &have, &diff), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_a_file_what_is_in_use_is_good_and_kept, make_place, remove_place),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_left_as_it_is, make_place, remove_place),
		cmocka_unit_test_setup_teardown(what_a_later_version_has_written_stays, make_place, remove_place),
		cmocka_unit_test_setup_teardown(the_file_says_which_version_it_is_of, make_place, remove_place),
		cmocka_unit_test_setup_teardown(what_could_not_be_written_is_later, make_place, remove_place),
		cmocka_unit_test_setup_teardown(only_a_trial_is_quiet, make_place, remove_place),
	};

	wm_log_open("test_preshared", WM_LOG_ERROR);
	return UNIT_RUN("preshared", tests);
}
