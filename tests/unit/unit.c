/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <unistd.h>

#include "core/key.h"

struct wm_error err;

static char dir[256];
static pid_t dir_owner;

/* Running out of memory is a case to test, also under AddressSanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

int unit_setup(void **state)
{
	(void)state;
	memset(&err, 0, sizeof(err));
	return 0;
}

int unit_init(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return wm_key_init();
}

void unit_assert_ok(int rc, const char *file, int line)
{
	if (!rc)
		return;
	print_error("%d (%s), field '%s': %s\n", rc, strerror(rc < 0 ? -rc : 0), err.field, err.text);
	_fail(file, line);
}

void unit_assert_refused(int rc, int code, const char *field, const char *text, const char *file, int line)
{
	if (rc == -code && !strcmp(err.field, field) && strlen(err.text) >= 10 && (!text || strstr(err.text, text)))
		return;
	print_error("%d where -%d was expected; field '%s' where '%s' was expected; says: %s\n", rc, code, err.field, field,
		    err.text);
	_fail(file, line);
}

/* xorshift64* */
uint32_t rng_next(struct rng *r)
{
	if (!r->state)
		r->state = 0x9e3779b97f4a7c15u;
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return (uint32_t)((r->state * 0x2545f4914f6cdd1du) >> 32);
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
	return rng_next(r) % n;
}

bool rng_chance(struct rng *r, unsigned int percent)
{
	return rng_below(r, 100) < percent;
}

void rng_fill(struct rng *r, void *data, size_t len)
{
	uint8_t *p = data;

	while (len--)
		*p++ = (uint8_t)rng_next(r);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void remove_dir(void)
{
	/* Children that a test forks exit by _exit; this is for those that do not. */
	if (getpid() == dir_owner)
		nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Ended from outside: not what a handler may do in general, but the process is over anyway. */
static void on_end(int sig)
{
	remove_dir();
	_exit(128 + sig);
}

const char *unit_dir(void)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGPIPE, SIGTERM };
	const char *base = getenv("TMPDIR");

	if (*dir)
		return dir;
	snprintf(dir, sizeof(dir), "%.200s/wm-unit-XXXXXX", base && *base ? base : "/tmp");
	if (!mkdtemp(dir))
		fail_msg("%s: %s", dir, strerror(errno));
	dir_owner = getpid();
	atexit(remove_dir);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		signal(ends[i], on_end);
	return dir;
}

const char *unit_path(const char *name)
{
	static char paths[8][512];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", unit_dir(), name);
	return path;
}

size_t unit_count_files(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return n;
}
