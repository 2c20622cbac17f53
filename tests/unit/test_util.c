/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/util.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

static void put(const char *path, const char *text, mode_t mode)
{
	assert_int_equal(wm_replace_file(path, mode, text, strlen(text)), 0);
}

static void assert_file(const char *path, const char *text, mode_t mode)
{
	WM_AUTO_FREE char *got = NULL;
	struct stat st;

	assert_int_equal(wm_read_file(path, 1000000, &got, NULL), 0);
	assert_string_equal(got, text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static const char *fresh_dir(const char *name)
{
	const char *path = unit_path(name);

	assert_int_equal(mkdir(path, 0700), 0);
	return path;
}

static void copying_and_formatting_never_cut(void **state)
{
	char buf[8];

	(void)state;
	assert_int_equal(wm_copy(buf, sizeof(buf), "seven77"), 0);
	assert_string_equal(buf, "seven77");
	assert_int_equal(wm_copy(buf, sizeof(buf), "eight888"), -E2BIG);
	assert_string_equal(buf, "");
	assert_int_equal(wm_copy(buf, 1, ""), 0);
	assert_int_equal(wm_format(buf, sizeof(buf), "%s%d", "abc", 1234), 0);
	assert_string_equal(buf, "abc1234");
	assert_int_equal(wm_format(buf, sizeof(buf), "%s%d", "abc", 12345), -E2BIG);
	assert_string_equal(buf, "");
}

static void stealing_leaves_nothing(void **state)
{
	char *p = malloc(1), *taken;
	int fd = 7;

	(void)state;
	taken = WM_STEAL(p);
	assert_non_null(taken);
	assert_null(p);
	free(taken);
	assert_int_equal(wm_steal_fd(&fd), 7);
	assert_int_equal(fd, -1);
}

static void scopes_clean_up(void **state)
{
	int fd, null = open("/dev/null", O_RDONLY);

	(void)state;
	assert_true(null >= 0);
	{
		WM_AUTO_CLOSE int held = null;
		WM_AUTO_CLOSE int none = -1;
		WM_AUTO_FCLOSE FILE *no_file = NULL;
		WM_AUTO_FREE char *no_memory = NULL;

		fd = held;
		assert_int_equal(none, -1);
		assert_null(no_file);
		assert_null(no_memory);
	}
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void arrays_double_and_fail_unchanged(void **state)
{
	void *array = NULL, *before;
	size_t cap = 0, cap_before;
	int moves = 0;

	(void)state;
	for (size_t n = 1; n <= 1000; n++) {
		cap_before = cap;
		assert_int_equal(wm_grow(&array, &cap, n, 24), 0);
		assert_true(cap >= n);
		memset((char *)array + (n - 1) * 24, 0x55, 24); /* under ASan: it is there */
		moves += cap != cap_before;
	}
	assert_true(moves <= 8);
	before = array;
	cap_before = cap;
	assert_int_equal(wm_grow(&array, &cap, SIZE_MAX / 2, 24), -ENOMEM);
	assert_int_equal(wm_grow(&array, &cap, SIZE_MAX, 1), -ENOMEM);
	assert_ptr_equal(array, before);
	assert_int_equal(cap, cap_before);
	free(array);
}

static void reading_files(void **state)
{
	char *text = NULL;
	size_t len;

	(void)state;
	assert_int_equal(wm_read_file(unit_path("absent"), 100, &text, &len), -ENOENT);
	assert_int_equal(wm_read_file(unit_dir(), 100, &text, &len), -EISDIR);
	assert_null(text);
	assert_int_equal(wm_replace_file(unit_path("hundred"), 0600, "0123456789\0bcdefghi", 19), 0);
	assert_int_equal(wm_read_file(unit_path("hundred"), 18, &text, &len), -EFBIG);
	assert_null(text);
	assert_int_equal(wm_read_file(unit_path("hundred"), 19, &text, &len), 0);
	assert_int_equal(len, 19);
	assert_memory_equal(text, "0123456789\0bcdefghi", 20); /* and a NUL behind it */
	free(text);
	put(unit_path("empty"), "", 0600);
	assert_int_equal(wm_read_file(unit_path("empty"), 0, &text, &len), 0);
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
	free(text);
	/* Files without a size of their own. */
	assert_int_equal(wm_read_file("/proc/self/status", 100000, &text, NULL), 0);
	assert_non_null(strstr(text, "VmRSS"));
	free(text);
}

static void big_files_come_whole(void **state)
{
	static char data[300001];
	WM_AUTO_FREE char *got = NULL;
	struct rng r = { 5 };
	size_t len;

	(void)state;
	rng_fill(&r, data, sizeof(data));
	assert_int_equal(wm_replace_file(unit_path("big"), 0600, data, sizeof(data)), 0);
	assert_int_equal(wm_read_file(unit_path("big"), sizeof(data), &got, &len), 0);
	assert_int_equal(len, sizeof(data));
	assert_memory_equal(got, data, len);
}

static void replacing_sets_content_and_mode(void **state)
{
	const char *dir = fresh_dir("replace"), *path = unit_path("replace/file");
	mode_t mask = umask(0077);

	(void)state;
	put(path, "one", 0644);
	assert_file(path, "one", 0644); /* whatever the umask */
	put(path, "two", 0600);
	assert_file(path, "two", 0600);
	umask(mask);
	assert_int_equal(unit_count_files(dir), 1);
}

/* A reader that has the old file open keeps it whole. */
static void replacing_does_not_touch_the_old_file(void **state)
{
	const char *path = unit_path("kept");
	char text[16] = { 0 };

	(void)state;
	put(path, "old content", 0600);

	WM_AUTO_CLOSE int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	put(path, "new", 0600);
	assert_int_equal(read(fd, text, sizeof(text) - 1), 11);
	assert_string_equal(text, "old content");
	assert_file(path, "new", 0600);
}

/* In a child: the limit holds for the whole process. RLIMIT_FSIZE stands for a full disk. */
static int replace_on_a_full_disk(const char *path, int (*replace)(const char *, mode_t, const void *, size_t))
{
	static char big[8192];
	const struct rlimit limit = { 4096, 4096 };
	pid_t pid = fork();
	int status;

	if (!pid) {
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		_exit(-replace(path, 0644, big, sizeof(big)));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
	const char *dir = fresh_dir("full"), *path = unit_path("full/file");

	(void)state;
	put(path, "old", 0600);
	assert_int_equal(replace_on_a_full_disk(path, wm_replace_file), -EFBIG);
	assert_file(path, "old", 0600);
	assert_int_equal(unit_count_files(dir), 1); /* no temporary file either */
}

static void replacing_where_nothing_can_be_written(void **state)
{
	char path[8192];

	(void)state;
	assert_int_equal(wm_replace_file(unit_path("no/such/dir"), 0600, "x", 1), -ENOENT);
	fresh_dir("is_dir");
	put(unit_path("is_dir/x"), "x", 0600);
	assert_int_equal(wm_replace_file(unit_path("is_dir"), 0600, "x", 1), -EISDIR);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(wm_replace_file(path, 0600, "x", 1), -E2BIG);
}

static int leave(FILE *f, void *arg)
{
	(void)arg;
	fputs("half", f);
	fflush(f);
	kill(getpid(), SIGKILL);
	return 0;
}

static void what_a_kill_leaves_is_removed(void **state)
{
	const char *dir = fresh_dir("left"), *path = unit_path("left/file");
	int status;
	pid_t child;

	(void)state;
	put(path, "whole", 0600);
	assert_int_equal(wm_remove_unfinished(path), 0);
	for (int i = 0; i < 3; i++) {
		child = fork();
		if (!child)
			_exit(wm_replace_file_by(path, 0600, leave, NULL) != 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
	}
	assert_int_equal(unit_count_files(dir), 4);
	/* Of others, and such as only look like it. */
	put(unit_path("left/file.backup"), "", 0600);
	put(unit_path("left/file.new-abcdefg"), "", 0600);
	put(unit_path("left/another.new-abcdef"), "", 0600);
	assert_int_equal(mkdir(unit_path("left/file.new-folder"), 0700), 0);
	assert_int_equal(symlink(path, unit_path("left/file.new-symlin")), 0);
	assert_int_equal(wm_remove_unfinished(path), 3);
	assert_file(path, "whole", 0600);
	assert_int_equal(unit_count_files(dir), 6);
	assert_int_equal(wm_remove_unfinished(unit_path("no/such")), 0);
}

static void making_directories(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(wm_make_dirs(unit_path("d/e/f"), 0700), 0);
	assert_int_equal(stat(unit_path("d/e/f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(wm_make_dirs(unit_path("d/e/f"), 0755), 0);
	assert_int_equal(wm_make_dirs(unit_path("d/e//g/"), 0700), 0);
	assert_int_equal(stat(unit_path("d/e/g"), &st), 0);
	assert_int_equal(wm_make_dirs("/", 0755), 0);
	assert_int_equal(wm_make_dirs("", 0755), -ENOENT);
	put(unit_path("d/file"), "x", 0600);
	assert_int_equal(wm_make_dirs(unit_path("d/file"), 0755), -ENOTDIR);
	assert_int_equal(wm_make_dirs(unit_path("d/file/x"), 0755), -ENOTDIR);
	assert_file(unit_path("d/file"), "x", 0600);
}

static void full_reads_and_writes_cross_a_narrow_pipe(void **state)
{
	static char out[200000], in[200000];
	struct rng r = { 9 };
	int fds[2], status;
	pid_t pid;

	(void)state;
	rng_fill(&r, out, sizeof(out));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		_exit(wm_write_full(fds[1], out, sizeof(out)) ? 1 : 0);
	}
	close(fds[1]);
	assert_int_equal(wm_read_full(fds[0], in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(wm_read_full(fds[0], in, 1), -EPIPE);
	assert_int_equal(wm_read_full(fds[0], in, 0), 0);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(wm_read_full(-1, in, 1), -EBADF);
	assert_int_equal(wm_write_full(-1, in, 1), -EBADF);
}

static void clocks(void **state)
{
	uint64_t a = wm_monotonic_ms(), b = wm_monotonic_ms();

	(void)state;
	assert_true(b >= a && b - a < 10000);
	assert_true(wm_unix_time() > 1600000000);
}

static void fnv_1a(void **state)
{
	(void)state;
	assert_int_equal(wm_hash32("", 0), 0x811c9dc5);
	assert_int_equal(wm_hash32("a", 1), 0xe40c292c);
	assert_int_equal(wm_hash32("foobar", 6), 0xbf9cf968);
}

static void a_name_has_one_place_in_a_sorted_list(void **state)
{
	const struct { char name[8]; int payload; } list[] = { { "b", 1 }, { "d", 2 }, { "f", 3 } };
	const char *names[] = { "a", "b", "c", "d", "e", "f", "g" };
	const size_t places[] = { 0, 0, 1, 1, 2, 2, 3 };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(names); i++)
		assert_int_equal(wm_place(list, WM_ARRAY_LEN(list), sizeof(list[0]), names[i]), places[i]);
	assert_int_equal(wm_place(NULL, 0, sizeof(list[0]), "a"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copying_and_formatting_never_cut),
		TEST(stealing_leaves_nothing),
		TEST(scopes_clean_up),
		TEST(arrays_double_and_fail_unchanged),
		TEST(reading_files),
		TEST(big_files_come_whole),
		TEST(replacing_sets_content_and_mode),
		TEST(replacing_does_not_touch_the_old_file),
		TEST(a_full_disk_leaves_the_old_file),
		TEST(replacing_where_nothing_can_be_written),
		TEST(what_a_kill_leaves_is_removed),
		TEST(making_directories),
		TEST(full_reads_and_writes_cross_a_narrow_pipe),
		TEST(clocks),
		TEST(fnv_1a),
		TEST(a_name_has_one_place_in_a_sorted_list),
	};

	return UNIT_RUN("util", tests);
}
