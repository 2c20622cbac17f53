/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ctrl-C, for commands that go on until then.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tools/tools.h"

/* Not blocked and read as a descriptor: it must also end a write that waits for a reader. */
static int signals[2];

static void note_signal(int number)
{
	const char byte = (char)number;
	int was = errno;

	(void)!write(signals[1], &byte, 1);
	errno = was;
}

int tool_stop_open(int *ret_fd, struct wm_error *err)
{
	const struct sigaction end = { .sa_handler = note_signal };

	if (pipe2(signals, O_CLOEXEC | O_NONBLOCK))
		return wm_fail(err, errno, "cannot wait for signals: %s", strerror(errno));
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	signal(SIGPIPE, SIG_IGN);
	*ret_fd = signals[0];
	return 0;
}

bool tool_stopped(int fd, uint64_t ms)
{
	struct pollfd stop = { .fd = fd, .events = POLLIN };
	int rc;

	do
		rc = poll(&stop, 1, (int)ms);
	while (rc < 0 && errno == EINTR);
	return rc != 0;
}

bool tool_reader_left(int code)
{
	return code == EPIPE || code == EINTR;
}
