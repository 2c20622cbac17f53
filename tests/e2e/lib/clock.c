/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A clock that is wrong, for a program that is started with this in LD_PRELOAD: the file WM_CLOCK says by how many seconds,
 * each time anew. Time that only passes (CLOCK_MONOTONIC) passes as ever.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long wrong_by(void)
{
	const char *path = getenv("WM_CLOCK");
	char text[32];
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t which, struct timespec *ret)
{
	int rc = (int)syscall(SYS_clock_gettime, which, ret);

	if (!rc && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
		ret->tv_sec += wrong_by();
	return rc;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
