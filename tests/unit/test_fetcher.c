/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The gateway's side of wm-fetch. The fetcher is this program itself, started
 * under that name (fetcher_stub.c).
 */
#include "agent/fetcher.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"
#include "unit/fetcher_stub.h"
#include "unit/mesh.h"

static struct wm_instance inst;
static struct wm_fetcher fetcher;
static struct wm_answer got;

static int setup(void **state)
{
	inst = (struct wm_instance){ .fetch_path = "/proc/self/exe" };
	fetcher = (struct wm_fetcher){ .fd = -1 };
	return unit_setup(state);
}

static int teardown(void **state)
{
	(void)state;
	wm_fetcher_stop(&fetcher);
	wm_fetcher_stop(&fetcher); /* fine when there is none */
	return 0;
}

static void request(const char *what)
{
	struct wm_fetch_request r = { .wait_s = 1 };

	strcpy(r.target.url, what);
	assert_ok(wm_fetcher_send(&fetcher, &inst, WM_RECORD_FETCH, &r, sizeof(r), &err));
	assert_true(fetcher.busy);
}

static void ask_for(const char *what)
{
	request(what);
	wm_fetcher_wait(&fetcher, 20, &got);
}

static void assert_problem(int status, int code, const char *says)
{
	if (got.kind != WM_ANSWER_PROBLEM || got.http_status != status || got.code != code || !strstr(got.err.text, says))
		fail_msg("kind %d, status %d, code %d: %s", got.kind, got.http_status, got.code, got.err.text);
}

static void assert_config_comes(void)
{
	struct wm_config small;

	ask_for("config");
	assert_int_equal(got.kind, WM_ANSWER_CONFIG);
	assert_false(fetcher.busy);
	mesh_small_finished(&small);
	assert_configs_equal(&got.config, &small);
	wm_config_free(&got.config);
	wm_config_free(&small);
}

static bool is_gone(int pid)
{
	return kill(pid, 0) && errno == ESRCH;
}

static void answers_of_every_kind_from_one_child(void **state)
{
	int pid;

	(void)state;
	assert_config_comes();
	pid = fetcher.pid;
	ask_for("unchanged");
	assert_int_equal(got.kind, WM_ANSWER_UNCHANGED);
	ask_for("done");
	assert_int_equal(got.kind, WM_ANSWER_DONE);
	ask_for("problem");
	assert_problem(503, EAGAIN, "the registry is tired");
	assert_false(fetcher.busy);
	ask_for("hostile");
	assert_problem(200, EPROTO, "x?[2J?2J?<3>wm-gateway: all is well?");
	ask_for("no code");
	assert_problem(0, EIO, "nonsense");
	assert_config_comes();
	assert_int_equal(fetcher.pid, pid);
	teardown(NULL);
	assert_true(is_gone(pid));
}

static void assert_changes_come(void)
{
	ask_for("changes");
	assert_int_equal(got.kind, WM_ANSWER_CHANGES);
	assert_int_equal(got.delta.n, 1);
	assert_int_equal(got.delta.head.after, 17);
	assert_int_equal(got.delta.head.mesh.generation, 18);
	assert_true(got.delta.items[0].gone);
	wm_answer_free(&got);
}

static void changes_come_whole_or_not_at_all(void **state)
{
	(void)state;
	assert_changes_come();
	ask_for("half the changes, then problem");
	assert_problem(0, EPIPE, "broke off");
	assert_changes_come();
	ask_for("half the changes twice");
	assert_problem(200, EBADMSG, "one header");
	ask_for("changes in a config");
	assert_problem(200, EBADMSG, "no place in a config");
	ask_for("a config in changes");
	assert_problem(200, EBADMSG, "no place among changes");
	assert_changes_come();
	assert_config_comes();
}

static void an_answer_in_crumbs_is_the_same(void **state)
{
	struct wm_config small;

	(void)state;
	ask_for("slowly");
	assert_int_equal(got.kind, WM_ANSWER_CONFIG);
	mesh_small_finished(&small);
	assert_configs_equal(&got.config, &small);
	wm_config_free(&got.config);
	wm_config_free(&small);
}

/* What was received of an answer that ended in a problem is not the beginning of the next. */
static void half_a_config_is_forgotten(void **state)
{
	(void)state;
	ask_for("half, then problem");
	assert_problem(0, EPIPE, "broke off");
	assert_config_comes();
	ask_for("half, then gone");
	assert_problem(0, EPIPE, "ended unexpectedly");
	assert_config_comes();
}

/* A child that dies or lies is ended; the next request starts another. */
static void a_child_that_fails_is_replaced(void **state)
{
	static const struct {
		const char *what, *says;
		int status, code;
	} rows[] = {
		{ "gone", "ended unexpectedly", 0, EPIPE },
		{ "garbage", "not a record", 200, EBADMSG },
		{ "two headers", "header", 200, EBADMSG },
		{ "breaks a rule", "com", 200, EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		int pid;

		request(rows[i].what);
		pid = fetcher.pid;
		wm_fetcher_wait(&fetcher, 20, &got);
		assert_problem(rows[i].status, rows[i].code, rows[i].says);
		assert_int_equal(fetcher.fd, -1);
		assert_false(fetcher.busy);
		assert_true(is_gone(pid)); /* and no zombie */
		assert_config_comes();
	}
	ask_for("breaks a rule");
	assert_string_equal(got.err.field, "domain");
}

static bool said_too_much(void)
{
	return got.kind == WM_ANSWER_PROBLEM && strstr(got.err.text, "more than it was asked");
}

/* The second answer comes with the first or after it; it is never the next question's. */
static void a_second_answer_ends_the_child(void **state)
{
	static const char *const asked[] = { "config, then problem", "without end" };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(asked); i++) {
		uint64_t end = wm_monotonic_ms() + 20000;

		ask_for(asked[i]);
		while (!said_too_much() && wm_monotonic_ms() < end) {
			wm_config_free(&got.config);
			wm_fetcher_read(&fetcher, &got);
		}
		assert_true(said_too_much());
		assert_int_equal(fetcher.fd, -1);
		assert_config_comes();
	}
}

static void silence_ends_in_time(void **state)
{
	uint64_t start = wm_monotonic_ms();
	int pid;

	(void)state;
	request("silent");
	pid = fetcher.pid;
	wm_fetcher_wait(&fetcher, 1, &got);
	assert_problem(0, ETIMEDOUT, "in time");
	assert_true(wm_monotonic_ms() - start >= 1000 && wm_monotonic_ms() - start < 10000);
	assert_true(is_gone(pid));
	assert_config_comes();
}

/* More records than fit, as of a report, to a child that reads the first of them and no other. */
static void a_child_that_does_not_read_is_ended(void **state)
{
	struct wm_fetch_request r = { .target = { .url = "deaf" } };
	int pid, rc = 0;

	(void)state;
	request("deaf");
	pid = fetcher.pid;
	for (int i = 0; !rc && i < 10000; i++)
		rc = wm_fetcher_send(&fetcher, &inst, WM_RECORD_FETCH, &r, sizeof(r), &err);
	assert_refused(rc, ETIMEDOUT, "", "does not take");
	assert_int_equal(fetcher.fd, -1);
	assert_true(is_gone(pid));
	assert_config_comes();
}

static void reading_does_not_wait(void **state)
{
	struct pollfd p;

	(void)state;
	request("silent");
	wm_fetcher_read(&fetcher, &got);
	assert_int_equal(got.kind, WM_ANSWER_NONE);
	assert_true(fetcher.busy);
	request("unchanged");
	p = (struct pollfd){ .fd = fetcher.fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 20000), 1);
	wm_fetcher_read(&fetcher, &got);
	assert_int_equal(got.kind, WM_ANSWER_UNCHANGED);
}

static void a_child_killed_between_requests_is_an_error_once(void **state)
{
	struct wm_fetch_request r = { .target = { .url = "config" } };
	int rc;

	(void)state;
	ask_for("unchanged");
	kill(fetcher.pid, SIGKILL);
	/* Until it is dead, sending may work; then it is an error, here or as the answer. */
	rc = wm_fetcher_send(&fetcher, &inst, WM_RECORD_FETCH, &r, sizeof(r), &err);
	if (!rc) {
		wm_fetcher_wait(&fetcher, 20, &got);
		assert_problem(0, EPIPE, "ended unexpectedly");
	} else {
		assert_refused(rc, EPIPE, "", "ended unexpectedly");
	}
	assert_config_comes();
}

static void it_inherits_nothing_of_root(void **state)
{
	int null = open("/dev/null", O_RDONLY), secret = fcntl(null, F_DUPFD, 100); /* not O_CLOEXEC: a library's, say */
	sigset_t term, before;

	(void)state;
	assert_true(secret >= 100);
	assert_int_equal(setenv("WM_REGISTRY_TOKEN", "wma_secret", 1), 0);
	assert_int_equal(setenv("LD_PRELOAD_OF_ROOT", "x", 1), 0);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &before);
	ask_for("inherited");
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(got.kind, WM_ANSWER_PROBLEM);
	assert_string_equal(got.err.text, "");
	unsetenv("WM_REGISTRY_TOKEN");
	unsetenv("LD_PRELOAD_OF_ROOT");
	close(secret);
	close(null);
}

static void a_fetcher_that_is_not_there_is_named(void **state)
{
	struct wm_fetch_request r = { .wait_s = 0 };
	int rc;

	(void)state;
	strcpy(inst.fetch_path, unit_path("wm-fetch"));
	assert_refused(wm_fetcher_send(&fetcher, &inst, WM_RECORD_FETCH, &r, sizeof(r), &err), ENOENT, "", inst.fetch_path);
	assert_int_equal(wm_replace_file(inst.fetch_path, 0755, "not a program", 13), 0);
	/* It can be run as far as anybody can tell beforehand. Who is faster decides whether sending or waiting finds out. */
	rc = wm_fetcher_send(&fetcher, &inst, WM_RECORD_FETCH, &r, sizeof(r), &err);
	if (rc) {
		assert_refused(rc, EPIPE, "", "ended unexpectedly");
		return;
	}
	wm_fetcher_wait(&fetcher, 20, &got);
	assert_problem(0, EPIPE, "ended unexpectedly");
}

static void a_target_carries_url_token_and_trust(void **state)
{
	struct wm_fetch_target target;

	(void)state;
	strcpy(inst.registry_url, "https://wm-registry.example.com");
	strcpy(inst.registry_ca, "/etc/wm/ca.pem");
	strcpy(inst.registry_token, "wme_not this one");
	inst.allow_http = true;
	wm_fetcher_target(&inst, "wmg_mine", &target);
	assert_string_equal(target.url, inst.registry_url);
	assert_string_equal(target.ca_file, inst.registry_ca);
	assert_string_equal(target.token, "wmg_mine");
	assert_int_equal(target.allow_http, 1);
}

#define FETCH_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		FETCH_TEST(answers_of_every_kind_from_one_child),
		FETCH_TEST(changes_come_whole_or_not_at_all),
		FETCH_TEST(an_answer_in_crumbs_is_the_same),
		FETCH_TEST(half_a_config_is_forgotten),
		FETCH_TEST(a_child_that_fails_is_replaced),
		FETCH_TEST(a_second_answer_ends_the_child),
		FETCH_TEST(silence_ends_in_time),
		FETCH_TEST(a_child_that_does_not_read_is_ended),
		FETCH_TEST(reading_does_not_wait),
		FETCH_TEST(a_child_killed_between_requests_is_an_error_once),
		FETCH_TEST(it_inherits_nothing_of_root),
		FETCH_TEST(a_fetcher_that_is_not_there_is_named),
		FETCH_TEST(a_target_carries_url_token_and_trust),
	};

	if (argc && !strcmp(argv[0], "wm-fetch"))
		return fetcher_main();
	return UNIT_RUN("fetcher", tests);
}
