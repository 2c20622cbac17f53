/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/owed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"

static const char *const names[WM_OWED_KINDS] = {
	[WM_OWED_RESTART] = "owed.restart", [WM_OWED_UNITS] = "owed.units", [WM_OWED_USER] = "owed.user", [WM_OWED_DNS] = "owed.dns",
};

int wm_owed_path(const struct wm_life *l, enum wm_owed what, char *ret)
{
	return wm_format(ret, WM_PATH_SIZE, "%s/%s", l->inst.state_dir, names[what]);
}

void wm_life_owe(struct wm_life *l, enum wm_owed what, bool on)
{
	if (on)
		l->owing |= 1u << what;
	else
		l->owing &= ~(1u << what);
}

bool wm_life_owed(const struct wm_life *l, enum wm_owed what)
{
	char path[WM_PATH_SIZE];

	return l->owed & 1u << what || (!wm_owed_path(l, what, path) && !access(path, F_OK));
}

int wm_life_paid(struct wm_life *l, enum wm_owed what, struct wm_error *err)
{
	char path[WM_PATH_SIZE];

	if (l->dry_run)
		return 0;
	l->owed &= ~(1u << what);
	if (wm_owed_path(l, what, path) || !unlink(path) || errno == ENOENT || errno == ENOTDIR)
		return 0;
	return wm_fail(err, errno, "%s: cannot remove it: %s; it stands for what has been done", path, strerror(errno));
}

/* That it is there is all it says; a machine that loses power does all of these as it boots. */
static int touch(const char *path)
{
	WM_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : 0;
}

int wm_owed_mark(struct wm_life *l)
{
	char path[WM_PATH_SIZE];
	int rc = 0;

	for (enum wm_owed i = 0; i < WM_OWED_KINDS && !rc; i++) {
		if (!(l->owing & ~l->owed & 1u << i))
			continue;
		if (!l->dry_run) {
			rc = wm_owed_path(l, i, path);
			if (!rc)
				rc = wm_make_dirs(l->inst.state_dir, 0700);
			if (!rc)
				rc = touch(path);
		}
		if (!rc)
			l->owed |= 1u << i;
	}
	return rc;
}
