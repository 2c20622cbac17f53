/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/backup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lifecycle/owed.h"
#include "agent/lifecycle/service.h"
#include "core/key.h"
#include "core/minisign.h"
#include "core/util.h"

#define HEAD "wm-gateway backup 1\n"
#define TAIL "end\n"
#define PART_MAX (64 * 1024)

struct part {
	char *text; /* NULL: there is none */
	size_t len;
};

enum { KEY, ENV, TOKEN, RELEASES, CONTAINER, PARTS };

/* --- what is in it ------------------------------------------------------------------------------ */

static int check_key(const struct wm_life *l, const char *text, struct wm_error *err)
{
	char line[WM_KEY_TEXT];
	struct wm_key key;
	size_t len = strcspn(text, "\r\n");
	int rc = wm_format(line, sizeof(line), "%.*s", (int)WM_MIN(len, 64u), text);

	(void)l;
	if (!rc)
		rc = wm_key_parse(line, &key);
	if (!rc && wm_key_is_zero(&key))
		rc = -EINVAL;
	wm_wipe(line, sizeof(line));
	wm_wipe(&key, sizeof(key));
	return rc ? wm_fail(err, EINVAL, "it is not a WireGuard private key") : 0;
}

static int check_env(const struct wm_life *l, const char *text, struct wm_error *err)
{
	struct wm_instance inst;
	int rc = wm_instance_parse(&inst, l->opt->instance, l->inst.env_file, text, err);

	wm_wipe(&inst, sizeof(inst));
	return rc;
}

static int check_token(const struct wm_life *l, const char *text, struct wm_error *err)
{
	char line[WM_TOKEN_MAX];
	size_t len = strcspn(text, "\r\n");
	int rc = wm_format(line, sizeof(line), "%.*s", (int)WM_MIN(len, sizeof(line)), text);

	(void)l;
	rc = rc || !wm_token_wellformed(WM_TOKEN_GATEWAY, line);
	wm_wipe(line, sizeof(line));
	return rc ? wm_fail(err, EINVAL, "it is not a gateway's token") : 0;
}

static int check_keys(const struct wm_life *l, const char *text, struct wm_error *err)
{
	(void)l;
	(void)text;
	(void)err;
	return 0; /* who uses it reads it line by line, and takes what is a key */
}

static const struct {
	const char *name;
	mode_t mode;
	bool needed;
	int (*check)(const struct wm_life *l, const char *text, struct wm_error *err);
} parts[PARTS] = {
	[KEY] = { "private.key", 0600, true, check_key },
	[ENV] = { "gateway.env", 0600, true, check_env },
	[TOKEN] = { "token", 0600, false, check_token },
	[RELEASES] = { "release.pub", 0644, false, check_keys },
	[CONTAINER] = { "container.env", 0600, false, check_env },
};

static int path_of(const struct wm_life *l, int part, char *ret)
{
	switch (part) {
	case KEY:
		return wm_copy(ret, WM_PATH_SIZE, l->inst.key_file);
	case ENV:
		return wm_copy(ret, WM_PATH_SIZE, l->inst.env_file);
	case TOKEN:
		return wm_format(ret, WM_PATH_SIZE, "%s/token", l->inst.state_dir);
	default:
		return wm_copy(ret, WM_PATH_SIZE, l->inst.release_keys);
	}
}

static void free_parts(struct part *p)
{
	for (int i = 0; i < PARTS; i++) {
		if (p[i].text)
			wm_wipe(p[i].text, p[i].len);
		free(p[i].text);
	}
}

/* --- backup ----------------------------------------------------------------------------------------- */

static int read_parts(const struct wm_life *l, struct part *ret, struct wm_error *err)
{
	char path[WM_PATH_SIZE];

	for (int i = 0; i < CONTAINER; i++) {
		int rc = path_of(l, i, path);

		if (!rc)
			rc = wm_read_file(path, PART_MAX, &ret[i].text, &ret[i].len);
		if (rc && (rc != -ENOENT || parts[i].needed))
			return wm_fail(err, -rc, "%s: cannot read it: %s%s", path, strerror(-rc), rc == -ENOENT ? "; there is no gateway here to be backed up" : "");
	}
	return 0;
}

/* *ret is malloc'd and secret. */
static int format(const struct part *p, char **ret, size_t *ret_len, struct wm_error *err)
{
	FILE *f = open_memstream(ret, ret_len);

	if (!f)
		return wm_fail(err, ENOMEM, "out of memory");
	fputs(HEAD, f);
	for (int i = 0; i < PARTS; i++) {
		if (!p[i].text)
			continue;
		fprintf(f, "%s %zu\n", parts[i].name, p[i].len);
		fwrite(p[i].text, 1, p[i].len, f);
		fputc('\n', f);
	}
	fputs(TAIL, f);
	return fclose(f) ? wm_fail(err, ENOMEM, "out of memory") : 0;
}

static bool is_backup(const char *text)
{
	return !strncmp(text, HEAD, strlen(HEAD));
}

/* What is there is not lost to a wrong name. */
static int may_replace(const char *path, struct wm_error *err)
{
	char *text = NULL;
	int rc = wm_read_file(path, WM_BACKUP_MAX, &text, NULL);
	bool may = rc == -ENOENT || (!rc && is_backup(text));

	wm_wipe_free(text);
	return may ? 0 : wm_fail(err, EEXIST, "%s: is there already and is no backup of a gateway; choose another name", path);
}

int wm_backup_target(const struct wm_life_options *opt, const char **ret, struct wm_error *err)
{
	*ret = opt->nargs && strcmp(opt->args[0], "-") ? opt->args[0] : NULL;
	if (!*ret && isatty(STDOUT_FILENO))
		return wm_fail(err, EINVAL, "a backup holds the private key and is not shown on a terminal; say into which FILE");
	return 0;
}

int wm_backup_put(struct wm_life *l, const char *path, const char *text, size_t len, struct wm_error *err)
{
	int rc;

	l->changes++; /* a backup that was written is not "nothing to do" */
	if (!path) {
		rc = wm_write_full(STDOUT_FILENO, text, len);
		return rc ? wm_fail(err, -rc, "standard output: cannot write the backup: %s", strerror(-rc)) : 0;
	}
	rc = may_replace(path, err);
	if (rc || !wm_life_change(l, "wrote", "write", "%s", path))
		return rc;
	rc = wm_replace_file(path, 0600, text, len);
	return rc ? wm_fail(err, -rc, "%s: cannot write it: %s", path, strerror(-rc)) : 0;
}

int wm_life_backup(const struct wm_life_options *opt)
{
	struct part p[PARTS] = { 0 };
	struct wm_error err = { 0 };
	const char *path = NULL;
	char *text = NULL;
	struct wm_life l;
	size_t len;
	int rc = wm_life_begin(&l, opt, &err);

	if (!rc)
		rc = read_parts(&l, p, &err);
	if (!rc)
		rc = wm_backup_target(opt, &path, &err);
	if (!rc)
		rc = format(p, &text, &len, &err);
	if (!rc)
		rc = wm_backup_put(&l, path, text, len, &err);
	free_parts(p);
	wm_wipe_free(text);
	return wm_life_end(&l, rc, &err);
}

/* --- restore ------------------------------------------------------------------------------------------ */

static int no_backup(struct wm_error *err, const char *path, const char *why)
{
	return wm_fail(err, EINVAL, "%s: is no whole backup of a gateway (%s); nothing was changed", path, why);
}

/* "NAME LENGTH": the part's number, or -1. */
static int parse_head(const char *line, size_t *ret_len)
{
	for (int i = 0; i < PARTS; i++) {
		size_t n = strlen(parts[i].name);
		char *end;

		if (strncmp(line, parts[i].name, n) || line[n] != ' ' || line[n + 1] < '0' || line[n + 1] > '9')
			continue;
		*ret_len = strtoul(line + n + 1, &end, 10);
		return *end == '\n' && *ret_len <= PART_MAX ? i : -1;
	}
	return -1;
}

static int parse(const struct wm_life *l, const char *path, const char *text, size_t len, struct part *ret, struct wm_error *err)
{
	const char *at = text + strlen(HEAD), *end = text + len;

	if (strlen(text) != len)
		return no_backup(err, path, "it has a NUL byte in it");
	if (!is_backup(text))
		return no_backup(err, path, "its first line says something else");
	while (strcmp(at, TAIL)) {
		size_t size;
		int i = memchr(at, '\n', (size_t)(end - at)) ? parse_head(at, &size) : -1;

		if (i < 0 || ret[i].text)
			return no_backup(err, path, "a part of it is cut off, unknown or there twice");
		at = strchr(at, '\n') + 1;
		if (size >= (size_t)(end - at) || at[size] != '\n' || memchr(at, '\0', size))
			return no_backup(err, path, "a part of it is cut off");
		ret[i] = (struct part){ strndup(at, size), size };
		if (!ret[i].text)
			return wm_fail(err, ENOMEM, "out of memory");
		if (parts[i].check(l, ret[i].text, err))
			return wm_fail_in(err, -EINVAL, "%s: %s in it cannot be used, and nothing was changed", path, parts[i].name);
		at += size + 1;
	}
	for (int i = 0; i < PARTS; i++) {
		if (parts[i].needed && !ret[i].text)
			return no_backup(err, path, "a part of it is missing");
	}
	return 0;
}

static int read_backup(const struct wm_life *l, struct part *ret, struct wm_error *err)
{
	const char *path = l->opt->nargs ? l->opt->args[0] : "-";
	char *text = NULL;
	size_t len;
	int rc = wm_read_file(strcmp(path, "-") ? path : "/dev/stdin", WM_BACKUP_MAX, &text, &len);

	if (rc)
		return wm_fail(err, -rc, "%s: cannot read it: %s", path, strerror(-rc));
	rc = parse(l, path, text, len, ret, err);
	wm_wipe(text, len);
	free(text);
	return rc;
}

static bool replaces_key(const struct wm_life *l, const struct part *p)
{
	char *text = NULL;
	size_t len;
	bool other;

	if (wm_read_file(l->inst.key_file, PART_MAX, &text, &len))
		return false;
	other = len != p->len || memcmp(text, p->text, len);
	wm_wipe(text, len);
	free(text);
	return other;
}

/* Settings last: with them there is a gateway. */
static int write_files(struct wm_life *l, const struct part *p, struct wm_error *err)
{
	static const int order[] = { KEY, TOKEN, RELEASES, ENV };
	char path[WM_PATH_SIZE], name[WM_PATH_SIZE];
	unsigned int before = l->changes;
	int rc = wm_step_dir(l, l->inst.state_dir, 0700, err);

	wm_life_owe(l, WM_OWED_RESTART, true);
	for (size_t i = 0; !rc && i < WM_ARRAY_LEN(order); i++) {
		const struct part *part = &p[order[i]];

		if (!part->text)
			continue;
		rc = path_of(l, order[i], path) ? wm_fail(err, ENAMETOOLONG, "a path is too long")
						: wm_step_file(l, path, parts[order[i]].mode, part->text, part->len, err);
	}
	wm_life_owe(l, WM_OWED_RESTART, false);
	rc = rc ? rc : wm_life_marked(l, err);
	if (rc)
		return rc;
	wm_service_own(l, name);
	if (wm_service_active(l, name))
		return wm_life_owed(l, WM_OWED_RESTART) ? wm_step_renew(l, err) : 0;
	if (l->changes > before)
		wm_life_note(l, "'wm-gateway install' makes a gateway of it again");
	return wm_life_paid(l, WM_OWED_RESTART, err);
}

int wm_life_restore(const struct wm_life_options *opt)
{
	struct part p[PARTS] = { 0 };
	struct wm_error err = { 0 };
	struct wm_life l;
	int rc = wm_life_begin(&l, opt, &err);

	if (!rc && !opt->nargs && isatty(STDIN_FILENO))
		rc = wm_fail(&err, EINVAL, "say of which FILE ('-' for standard input)");
	if (!rc)
		rc = read_backup(&l, p, &err);
	if (!rc && replaces_key(&l, &p[KEY]) &&
	    !wm_life_sure(&l, "There is another gateway's key here, which would be lost. Replace it?", &err))
		rc = -ECANCELED;
	if (!rc)
		rc = write_files(&l, p, &err);
	free_parts(p);
	return wm_life_end(&l, rc, &err);
}

/* --- of a container ----------------------------------------------------------------------------------- */

int wm_backup_with_container(const char *text, const char *settings, char **ret)
{
	size_t len = strlen(text), tail = strlen(TAIL);

	if (!is_backup(text) || len < tail || strcmp(text + len - tail, TAIL))
		return -EINVAL;
	return asprintf(ret, "%.*s%s %zu\n%s\n" TAIL, (int)(len - tail), text, parts[CONTAINER].name, strlen(settings), settings) < 0 ? -ENOMEM : 0;
}

int wm_backup_settings(const struct wm_life *l, const char *path, const char *text, size_t len, char **ret, char **ret_plain, struct wm_error *err)
{
	struct part p[PARTS] = { 0 };
	int rc = parse(l, path, text, len, p, err);

	if (!rc) {
		*ret = p[CONTAINER].text;
		*ret_plain = p[ENV].text;
		p[CONTAINER].text = p[ENV].text = NULL;
	}
	free_parts(p);
	return rc;
}
