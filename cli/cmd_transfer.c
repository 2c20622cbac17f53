/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm export, import: the whole mesh out, and in by a plan that is shown first
 * and applied only to the mesh that it was made for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/changes.h"
#include "cli/show.h"
#include "cli/text.h"
#include "core/util.h"

#define DOCUMENT_MAX (1024u * 1024 * 1024) /* a million hosts */

/* --- export ------------------------------------------------------------------------------ */

static int show_exported(struct cli *cli, const struct mesh *mesh, const char *file)
{
	char text[PATH_MAX + 64];
	struct wm_out *out = show_begin(cli);

	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), "mesh %s exported to %s", mesh->slug, file);
	show_change(cli, out, mesh, text);
	wm_out_str(out, "file", NULL, file);
	return show_end(out, WM_EXIT_OK);
}

static int write_in_place(const char *file, const char *text, size_t len)
{
	WM_AUTO_CLOSE int fd = open(file, O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? -errno : wm_write_full(fd, text, len);
}

/* A device, a pipe, a link, somebody else's file: it stays what it is. A file of ours is replaced as a whole, and
 * keeps its mode; a new one has that of any new file: nothing in it is secret. */
static int write_exported(const char *file, const char *text, size_t len)
{
	mode_t mask = umask(0);
	struct stat st;

	umask(mask);
	if (lstat(file, &st))
		return errno == ENOENT ? wm_replace_file(file, 0666 & ~mask, text, len) : -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return write_in_place(file, text, len);
	return wm_replace_file(file, st.st_mode & 0777, text, len);
}

int cmd_export(struct cli *cli)
{
	const char *file = cli->nargs && strcmp(cli->arg[0], "-") ? cli->arg[0] : NULL;
	WM_AUTO_FREE char *text = NULL;
	struct wm_error err = {0};
	struct mesh *mesh;
	struct api *api = NULL;
	size_t len = 0;
	int rc, code = mesh_choose(cli, &mesh);

	if (code)
		return code;
	rc = api_open(mesh, &api, &err);
	rc = rc ?: api_text(api, "GET", "/v1/export", NULL, &text, &len, "export", &err);
	api_close(api);
	if (rc)
		return complain_error(rc, &err);
	if (file) {
		rc = write_exported(file, text, len);
		return rc ? complain(WM_EXIT_FAILED, "%s: cannot write it: %s", file, strerror(-rc))
			  : show_exported(cli, mesh, file);
	}
	put_document(stdout, text, len);
	if (fflush(stdout) || ferror(stdout))
		return complain(WM_EXIT_FAILED, "cannot write the output: %s", strerror(errno));
	return WM_EXIT_OK;
}

/* --- import -------------------------------------------------------------------------------- */

static const struct {
	const char *key;
	char sign;
} parts[] = {{"add", '+'}, {"change", '~'}, {"remove", '-'}};

/* What would be done, a line each; how many lines. */
static size_t show_plan(struct wm_out *out, const struct wm_json *plan)
{
	char text[96];
	size_t n = 0;

	for (size_t p = 0; p < WM_ARRAY_LEN(parts); p++) {
		const struct wm_json *list = wm_json_get(plan, parts[p].key);

		for (size_t i = 0; i < wm_json_size(list); i++)
			change_line(out, parts[p].sign, wm_json_at(list, i));
		n += wm_json_size(list);
	}
	snprintf(text, sizeof(text), "%zu to add, %zu to change, %zu to remove", wm_json_size(wm_json_get(plan, "add")),
		 wm_json_size(wm_json_get(plan, "change")), wm_json_size(wm_json_get(plan, "remove")));
	wm_out_line(out, n ? text : "no change: the mesh is as the file says");
	return n;
}

static int post(struct api *api, bool dry, bool keep, const char *body, struct wm_json **ret, struct wm_error *err)
{
	char path[64];

	wm_format(path, sizeof(path), "/v1/import?%s%s", dry ? "dry_run=1&" : "", keep ? "keep=1" : "keep=0");
	return api_json(api, "POST", path, body, ret, "import", err);
}

static void show_result(struct cli *cli, struct wm_out *out, const struct mesh *mesh, const struct wm_json *answer, bool applied)
{
	WM_AUTO_FREE char *plan = wm_json_text(wm_json_get(answer, "plan"));
	char text[96];
	uint64_t generation = 0;

	wm_json_uint(wm_json_get(answer, "generation"), &generation);
	snprintf(text, sizeof(text), "done: the mesh is at generation %llu", (unsigned long long)generation);
	show_change(cli, out, mesh, applied ? text : "nothing was changed");
	wm_out_bool(out, "applied", NULL, applied);
	wm_out_uint(out, "generation", NULL, generation);
	wm_out_raw(out, "plan", plan ?: "null");
}

static int import(struct cli *cli, struct api *api, const struct mesh *mesh, struct wm_out *out, const char *body)
{
	bool keep = cli->opt[OPT_KEEP];
	struct wm_json *plan = NULL, *done = NULL;
	struct wm_error err = {0};
	struct whoami who;
	uint64_t generation = 0;
	size_t changes = 0;
	int code = 0, rc = api_whoami(api, &who, &err);

	rc = rc ?: post(api, true, keep, body, &plan, &err);
	if (!rc && !wm_json_uint(wm_json_get(plan, "generation"), &generation))
		rc = wm_fail(&err, EPROTO, "the registry's answer is not understood: its plan has no generation");
	rc = rc ?: api_only_if_same(api, who.instance, generation, &err);
	if (!rc)
		changes = show_plan(out, wm_json_get(plan, "plan"));
	if (!rc && changes && !cli->opt[OPT_DRY_RUN]) {
		code = confirm_change(cli, "Do it?");
		if (!code) {
			wm_json_free(plan); /* of a large mesh there should not be two in memory */
			plan = NULL;
			rc = post(api, false, keep, body, &done, &err);
		}
	}
	if (rc == -ESTALE)
		code = complain(WM_EXIT_FAILED, "nothing was changed: the mesh has changed since the plan was made; import again");
	else if (rc)
		code = complain_error(rc, &err);
	if (!code)
		show_result(cli, out, mesh, done ?: plan, done);
	wm_json_free(plan);
	wm_json_free(done);
	return code;
}

/* The file, or what stands on stdin. */
static int read_document(const char *file, char **ret)
{
	bool in = !strcmp(file, "-");
	int rc = wm_read_file(in ? "/dev/stdin" : file, DOCUMENT_MAX, ret, NULL);

	return rc ? complain(WM_EXIT_USAGE, "%s: cannot read it: %s", in ? "stdin" : file, strerror(-rc)) : 0;
}

int cmd_import(struct cli *cli)
{
	WM_AUTO_FREE char *body = NULL;
	struct wm_error err = {0};
	struct mesh *mesh;
	struct api *api = NULL;
	struct wm_out *out;
	int rc, code = read_document(cli->arg[0], &body);

	code = code ?: mesh_choose(cli, &mesh);
	if (code)
		return code;
	rc = api_open(mesh, &api, &err);
	if (rc)
		return complain_error(rc, &err);
	out = show_begin(cli);
	code = out ? show_end(out, import(cli, api, mesh, out, body)) : WM_EXIT_FAILED;
	api_close(api);
	return code;
}
