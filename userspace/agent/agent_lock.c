/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/agent_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/util.h"

/* A lock of POSIX: of the process, so that a worker does not inherit it, and it tells who has it. */
static const struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

static int lock_path(const struct wm_instance *inst, char *ret)
{
	return wm_format(ret, WM_PATH_SIZE, "%s/agent", inst->run_dir);
}

int wm_agent_lock(const struct wm_instance *inst, int *ret_fd, struct wm_error *err)
{
	struct flock lock = whole;
	WM_AUTO_CLOSE int fd = -1;
	char path[WM_PATH_SIZE];
	int rc = wm_make_dirs(inst->run_dir, 0755);

	if (!rc)
		rc = lock_path(inst, path);
	if (rc)
		return wm_fail(err, -rc, "%s: cannot make the directory: %s", inst->run_dir, strerror(-rc));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return wm_fail(err, errno, "%s: %s", path, strerror(errno));
	if (fcntl(fd, F_SETLK, &lock))
		return wm_fail(err, EBUSY, "%s: another wm-agent has it", path);
	*ret_fd = wm_steal_fd(&fd);
	return 0;
}

pid_t wm_agent_find(const struct wm_instance *inst)
{
	struct flock lock = whole;
	char path[WM_PATH_SIZE];
	WM_AUTO_CLOSE int fd = lock_path(inst, path) ? -1 : open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 || fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}
