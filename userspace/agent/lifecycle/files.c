/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/files.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "agent/lifecycle/owed.h"
#include "agent/lifecycle/run.h"
#include "agent/lifecycle/service.h"
#include "core/util.h"

#define MARK WM_LIFE_MARK ".\n"
#define UNIT_MAX 16384
#define PACKAGE_BIN "/usr/bin/" /* in the files as they are in packaging/ */
#define OWN_BIN "/usr/local/bin"
#define OWN_LIBEXEC "/usr/local/libexec/wm"

/* The assembler finds the files: it is given -I of the checkout. */
#define EMBED(symbol, path)                                                            \
	__asm__(".pushsection .rodata.embedded,\"a\"\nembedded_" #symbol ":\n"         \
		".incbin \"" path "\"\n.byte 0\n.popsection\n");                       \
	extern const char embedded_##symbol[] __attribute__((visibility("hidden")));

EMBED(unit, "packaging/systemd/wm-gateway.service")
EMBED(template, "packaging/systemd/wm-gateway@.service")
EMBED(script, "packaging/openrc/wm-gateway")
EMBED(user, "packaging/sysusers.d/wm.conf")

/* Name of systemd's unit that serves this instance. */
static const char *unit_name(const struct wm_life *l)
{
	return *l->inst.name ? "wm-gateway@.service" : "wm-gateway.service";
}

static bool is_ours(const char *path)
{
	WM_AUTO_FREE char *text = NULL;

	return !wm_read_file(path, UNIT_MAX, &text, NULL) && strstr(text, MARK);
}

bool wm_files_packaged(const struct wm_life *l)
{
	static const char *const dirs[] = { "/usr/lib/systemd/system", "/lib/systemd/system", "/usr/local/lib/systemd/system" };
	char path[WM_PATH_SIZE];

	if (wm_service_manager(l) == WM_MANAGER_OPENRC)
		return !wm_life_path(l, path, NULL, "/etc/init.d/wm-gateway") && !access(path, F_OK) && !is_ours(path);
	for (size_t i = 0; i < WM_ARRAY_LEN(dirs); i++) {
		if (!wm_life_path(l, path, NULL, "%s/%s", dirs[i], unit_name(l)) && !access(path, F_OK))
			return true;
	}
	return false;
}

/* --- programs ------------------------------------------------------------------------------- */

int wm_own_path(char *ret, struct wm_error *err)
{
	ssize_t n = readlink("/proc/self/exe", ret, WM_PATH_SIZE - 1);

	if (n <= 0)
		return wm_fail(err, errno, "/proc/self/exe: cannot find out where this program lies: %s", strerror(errno));
	ret[n] = '\0';
	return 0;
}

int wm_own_dir(char *ret, struct wm_error *err)
{
	int rc = wm_own_path(ret, err);

	if (!rc)
		*strrchr(ret, '/') = '\0';
	return rc;
}

/* Where this program stays, and need not be copied from; a release is not what services start. */
static bool stays(const struct wm_life *l, const char *dir, char *ret)
{
	static const char *const dirs[] = { OWN_BIN, "/usr/bin" };
	char path[WM_PATH_SIZE];
	size_t releases = strlen(l->inst.releases);

	for (size_t i = 0; i < WM_ARRAY_LEN(dirs); i++) {
		if (wm_life_path(l, path, NULL, "%s", dirs[i]))
			continue;
		if (!strcmp(dir, path))
			return !wm_copy(ret, WM_PATH_SIZE, dirs[i]);
		if (!strncmp(dir, l->inst.releases, releases) && dir[releases] == '/' && !wm_format(path, sizeof(path), "%s%s/wm-agent", l->root, dirs[i]) &&
		    !access(path, X_OK))
			return !wm_copy(ret, WM_PATH_SIZE, dirs[i]);
	}
	return false;
}

int wm_files_program_dir(const struct wm_life *l, char *ret, struct wm_error *err)
{
	char dir[WM_PATH_SIZE];
	int rc = wm_own_dir(dir, err);

	if (rc || stays(l, dir, ret))
		return rc;
	return wm_copy(ret, WM_PATH_SIZE, OWN_BIN);
}

/* A home directory is not shown to the service, and /tmp is another one there: what lies anywhere else is copied. */
int wm_files_programs(struct wm_life *l, struct wm_error *err)
{
	char dir[WM_PATH_SIZE], bin[WM_PATH_SIZE], from[WM_PATH_SIZE], to[WM_PATH_SIZE], link[WM_PATH_SIZE];
	static const char *const names[] = { "wm-gateway", "wm-agent" };
	int rc = wm_own_dir(dir, err);

	if (rc || wm_files_packaged(l) || stays(l, dir, bin))
		return rc;
	for (size_t i = 0; !rc && i < WM_ARRAY_LEN(names); i++) {
		rc = wm_format(from, sizeof(from), "%s/%s", dir, names[i]) ? wm_fail(err, ENAMETOOLONG, "%s: the path is too long", dir) : 0;
		if (!rc)
			rc = wm_life_path(l, to, err, OWN_BIN "/%s", names[i]);
		if (!rc)
			rc = wm_step_copy(l, from, to, 0755, err);
	}
	if (!rc)
		rc = wm_life_path(l, link, err, OWN_BIN "/wm-bpf");
	if (!rc)
		rc = wm_step_link(l, link, "wm-gateway", err);
	if (!rc)
		rc = wm_life_path(l, to, err, OWN_LIBEXEC "/wm-fetch");
	return rc ? rc : wm_step_copy(l, l->inst.fetch_path, to, 0755, err);
}

/* --- units ------------------------------------------------------------------------------------ */

/* text with the programs' directory in place of the package's, and the mark: before all but "#!". */
static int put_into(const char *text, const char *bin, char **ret, struct wm_error *err)
{
	size_t size, first = strncmp(text, "#!", 2) ? 0 : strcspn(text, "\n") + 1;
	FILE *f = open_memstream(ret, &size);
	const char *at;

	if (!f)
		return wm_fail(err, ENOMEM, "out of memory");
	fprintf(f, "%.*s" MARK, (int)first, text);
	for (text += first; (at = strstr(text, PACKAGE_BIN)); text = at + strlen(PACKAGE_BIN))
		fprintf(f, "%.*s%s/", (int)(at - text), text, bin);
	fputs(text, f);
	return fclose(f) ? wm_fail(err, ENOMEM, "out of memory") : 0;
}

static int write_unit(struct wm_life *l, const char *path, mode_t mode, const char *embedded, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	char bin[WM_PATH_SIZE];
	int rc = wm_files_program_dir(l, bin, err);

	if (!rc)
		rc = put_into(embedded, bin, &text, err);
	return rc ? rc : wm_step_file(l, path, mode, text, strlen(text), err);
}

/* The user of wm-fetch; without systemd-sysusers it is nobody. */
static int write_user(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE], root[WM_PATH_SIZE];
	const char *const argv[] = { "systemd-sysusers", root, path, NULL };
	int rc = wm_life_path(l, path, err, "/etc/sysusers.d/wm.conf");

	if (!rc && wm_format(root, sizeof(root), "--root=%s", *l->root ? l->root : "/"))
		rc = wm_fail(err, ENAMETOOLONG, "WM_ROOT is too long");
	wm_life_owe(l, WM_OWED_USER, true);
	if (!rc)
		rc = wm_step_file(l, path, 0644, embedded_user, strlen(embedded_user), err);
	wm_life_owe(l, WM_OWED_USER, false);
	if (rc || !wm_life_owed(l, WM_OWED_USER))
		return rc;
	if (wm_run_found(argv[0]))
		rc = wm_step_run(l, "made", "make", "the user wm-fetch", argv, err);
	return rc ? rc : wm_life_paid(l, WM_OWED_USER, err);
}

static int systemd_units(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc = write_user(l, err);

	wm_life_owe(l, WM_OWED_UNITS, true);
	if (!rc)
		rc = wm_life_path(l, path, err, "/etc/systemd/system/%s", unit_name(l));
	if (!rc)
		rc = write_unit(l, path, 0644, *l->inst.name ? embedded_template : embedded_unit, err);
	wm_life_owe(l, WM_OWED_UNITS, false);
	return rc;
}

static int openrc_script(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE], own[WM_PATH_SIZE];
	int rc = wm_life_path(l, path, err, "/etc/init.d/wm-gateway");

	if (!rc && !wm_files_packaged(l))
		rc = write_unit(l, path, 0755, embedded_script, err);
	if (rc || !*l->inst.name)
		return rc;
	rc = wm_life_path(l, own, err, "/etc/init.d/wm-gateway.%s", l->inst.name);
	return rc ? rc : wm_step_link(l, own, "wm-gateway", err);
}

int wm_files_units(struct wm_life *l, struct wm_error *err)
{
	int rc;

	switch (wm_service_manager(l)) {
	case WM_MANAGER_SYSTEMD:
		rc = wm_files_packaged(l) ? 0 : systemd_units(l, err);
		return rc ? rc : wm_step_reload_units(l, err);
	case WM_MANAGER_OPENRC:
		return openrc_script(l, err);
	case WM_MANAGER_NONE:
		break;
	}
	return 0;
}

/* Whether a service that is started at boot is served by what we wrote. */
static bool is_needed(const struct wm_life *l)
{
	static const char *const patterns[] = { "/etc/systemd/system/*.wants/wm-gateway", "/etc/runlevels/*/wm-gateway" };
	char path[WM_PATH_SIZE];
	glob_t found;
	bool any = false;

	for (size_t i = 0; i < WM_ARRAY_LEN(patterns); i++) {
		const char *rest = i ? "*" : *l->inst.name ? "@*" : ".service";

		if (wm_life_path(l, path, NULL, "%s%s", patterns[i], rest) || glob(path, GLOB_NOSORT, NULL, &found))
			continue;
		any |= found.gl_pathc > 0;
		globfree(&found);
	}
	return any;
}

static int remove_ours(struct wm_life *l, const char *name, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	char path[WM_PATH_SIZE];
	int rc = wm_life_path(l, path, err, "%s", name);

	if (rc || wm_read_file(path, UNIT_MAX, &text, NULL) || (!strstr(text, MARK) && strcmp(text, embedded_user)))
		return rc;
	return wm_step_remove(l, path, err);
}

int wm_files_remove_units(struct wm_life *l, struct wm_error *err)
{
	char name[WM_PATH_SIZE], path[WM_PATH_SIZE];
	int rc = 0;

	if (wm_service_manager(l) == WM_MANAGER_OPENRC && *l->inst.name) {
		rc = wm_life_path(l, path, err, "/etc/init.d/wm-gateway.%s", l->inst.name);
		if (!rc)
			rc = wm_step_unlink(l, path, err);
	}
	if (rc)
		return rc;
	if (is_needed(l))
		return wm_step_reload_units(l, err);
	wm_format(name, sizeof(name), "/etc/systemd/system/%s", unit_name(l));
	wm_life_owe(l, WM_OWED_UNITS, true);
	rc = remove_ours(l, name, err);
	wm_life_owe(l, WM_OWED_UNITS, false);
	if (!rc)
		rc = wm_step_reload_units(l, err);
	if (!rc && !*l->inst.name)
		rc = remove_ours(l, "/etc/sysusers.d/wm.conf", err);
	return rc ? rc : remove_ours(l, "/etc/init.d/wm-gateway", err);
}
