/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The backup of a gateway in a container: its own, and the settings that the
 * container was made by.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/lifecycle/backup.h"
#include "agent/lifecycle/lxc.h"
#include "agent/lifecycle/lxc_own.h"
#include "core/util.h"

#define INSIDE_S 300

/* --- backup ---------------------------------------------------------------------------------- */

static int take(const struct wm_life *l, char **ret, struct wm_error *err)
{
	static const char *const argv[] = { WM_LXC_PROGRAM, "backup", "-", NULL };
	const struct wm_box *box = &wm_lxc_own(l)->facts.box;
	WM_AUTO_CLOSE int fd = memfd_create("backup", MFD_CLOEXEC);
	char self[32], path[WM_PATH_SIZE], *text = NULL, *settings = NULL;
	int rc = wm_lxc_path(l, "container.env", path, err);

	if (!rc)
		rc = wm_read_file(path, WM_BACKUP_MAX, &settings, NULL);
	if (rc)
		return wm_fail(err, -rc, "%s: cannot read it: %s", path, strerror(-rc));
	wm_format(self, sizeof(self), "/proc/self/fd/%d", fd);
	rc = fd < 0 || wm_lxc_hear(box, argv, fd, WM_BACKUP_MAX) ? -EIO : wm_read_file(self, WM_BACKUP_MAX, &text, NULL);
	if (!rc)
		rc = wm_backup_with_container(text, settings, ret);
	wm_wipe_free(text);
	wm_wipe_free(settings);
	return rc ? wm_fail(err, EIO, "container %s: its gateway could not be backed up", box->name) : 0;
}

int wm_lxc_backup(const struct wm_life_options *opt)
{
	struct wm_lxc_own own = { 0 };
	struct wm_error err = { 0 };
	const char *path;
	struct wm_life life;
	char *text = NULL;
	int rc;

	if (wm_backup_target(opt, &path, &err)) {
		fprintf(stderr, "wm-gateway: %s\n", err.text);
		return 1;
	}
	if (wm_lxc_open_running(opt, &own, &life))
		return 1;
	rc = take(&life, &text, &err);
	if (!rc)
		rc = wm_backup_put(&life, path, text, strlen(text), &err);
	wm_wipe_free(text);
	return wm_life_end(&life, rc, &err);
}

/* --- restore, where the container is there --------------------------------------------------------- */

static int feed(const struct wm_life *l, const char *text, size_t len, char *out, struct wm_error *err)
{
	const struct wm_box *box = &wm_lxc_own(l)->facts.box;
	int rc = wm_box_run(box, text, len, INSIDE_S, out, err, WM_LXC_PROGRAM, "restore", "-", "--yes", l->opt->dry_run ? "--dry-run" : NULL, NULL);

	return rc <= 0 ? rc : wm_fail(err, EIO, "container %s: %s", box->name, wm_box_last_words(out));
}

static int restore_there(struct wm_life *l, const char *text, size_t len, struct wm_error *err)
{
	char out[WM_RUN_OUTPUT];
	int rc;

	if (!wm_life_sure(l, "Restore that into the container? Another gateway's key there would be lost.", err))
		return -ECANCELED;
	rc = feed(l, text, len, out, err);
	if (rc)
		return rc;
	wm_box_tame(out);
	fputs(out, stdout);
	l->changes++; /* it has said what it did */
	return 0;
}

/* --- restore, where there is none yet ---------------------------------------------------------------- */

/* Settings and backup wait for `install`, which has to make what they are put into. */
static int prepare(struct wm_life *l, const char *name, const char *text, size_t len, struct wm_error *err)
{
	char path[WM_PATH_SIZE], *settings = NULL, *plain = NULL;
	int rc = wm_backup_settings(l, name, text, len, &settings, &plain, err);

	/* A machine's own LANs and carrier are not those of a container on it. */
	for (int i = 0; i < 2 && !rc && !settings; i++) {
		static const char *const keys[] = { "LXC_IFACES", "WM_CARRIER" };
		char *less;

		rc = wm_env_edit(plain, keys[i], NULL, &less, err);
		if (rc)
			break;
		wm_wipe_free(plain);
		plain = less;
		if (i)
			wm_life_note(l, "it is the backup of a machine that was itself the gateway: give 'install' the container's addresses by LXC_IFACES, or it is behind this machine's NAT");
	}
	if (!rc)
		rc = wm_step_dir(l, l->inst.state_dir, 0700, err);
	if (!rc)
		rc = wm_lxc_path(l, WM_LXC_BACKUP, path, err);
	if (!rc)
		rc = wm_step_file(l, path, 0600, text, len, err);
	if (!rc)
		rc = wm_lxc_path(l, "container.env", path, err);
	if (!rc)
		rc = wm_step_file(l, path, 0600, settings ? settings : plain, strlen(settings ? settings : plain), err);
	if (!rc)
		wm_life_note(l, "'wm-gateway install --lxc' makes the container, and restores it there");
	wm_wipe_free(settings);
	wm_wipe_free(plain);
	return rc;
}

int wm_lxc_restore_into(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE], out[WM_RUN_OUTPUT], *text = NULL, *end, *line;
	size_t len;
	int rc = wm_lxc_path(l, WM_LXC_BACKUP, path, err);

	if (rc || access(path, F_OK))
		return rc;
	if (!wm_lxc_own(l)->there)
		return wm_life_change(l, "restored", "restore", "%s into container %s", path, wm_lxc_own(l)->facts.box.name) ? -EINVAL : 0;
	rc = wm_read_file(path, WM_BACKUP_MAX, &text, &len);
	rc = rc ? wm_fail(err, -rc, "%s: cannot read it: %s", path, strerror(-rc)) : feed(l, text, len, out, err);
	wm_wipe_free(text);
	if (rc)
		return wm_fail_in(err, rc, "%s was not restored", path);
	/* What is to be done next is done next. */
	for (line = out; (line = strstr(line, "note: ")); memmove(line, end, strlen(end) + 1))
		end = line + strcspn(line, "\n");
	wm_lxc_pass_on(l, out);
	return wm_step_remove(l, path, err);
}

/* --- restore --------------------------------------------------------------------------------------------- */

/* 1: there is a container of ours, or there was. */
static int is_there(const struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_facts facts;
	char path[WM_PATH_SIZE];
	int rc = wm_lxc_path(l, "container.state", path, err);

	if (!rc)
		rc = wm_lxc_facts_load(path, &facts, err);
	if (!rc)
		rc = wm_lxc_ours(l, &facts, err);
	return rc == -ENOENT && access(path, F_OK) ? 0 : rc;
}

int wm_lxc_restore(const struct wm_life_options *opt)
{
	const char *path = opt->nargs && strcmp(opt->args[0], "-") ? opt->args[0] : "/dev/stdin";
	struct wm_lxc_own own = { 0 };
	struct wm_error err = { 0 };
	struct wm_life life;
	char *text = NULL;
	size_t len;
	int rc, there;

	if (!opt->nargs && isatty(STDIN_FILENO)) {
		fprintf(stderr, "wm-gateway: say of which FILE ('-' for standard input)\n");
		return 1;
	}
	rc = there = wm_life_begin(&life, opt, &err);
	if (!rc)
		rc = there = is_there(&life, &err);
	if (there > 0 && wm_lxc_open_running(opt, &own, &life))
		return 1;
	life.own = &own;
	if (rc >= 0) {
		rc = wm_read_file(path, WM_BACKUP_MAX, &text, &len);
		rc = rc ? wm_fail(&err, -rc, "%s: cannot read it: %s", path, strerror(-rc)) :
			  (there ? restore_there(&life, text, len, &err) : prepare(&life, path, text, len, &err));
	}
	wm_wipe_free(text);
	return wm_life_end(&life, rc, &err);
}
