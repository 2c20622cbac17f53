/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm audit, undo: what was done, and taking it back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/changes.h"
#include "cli/each.h"
#include "cli/show.h"
#include "core/util.h"

/* --- audit ------------------------------------------------------------------------------ */

static const char *text_of(const struct wm_json *entry, const char *key)
{
	return wm_json_str(wm_json_get(entry, key)) ?: "";
}

static void audit_row(struct wm_out *out, const struct wm_json *entry)
{
	const char *when = text_of(entry, "at");
	char change[512], at[40];
	uint64_t seq = 0;

	wm_json_uint(wm_json_get(entry, "seq"), &seq);
	/* "2026-11-29T11:16:24Z" is read by people as "2026-11-29 11:16:24". */
	snprintf(at, sizeof(at), "%.10s %.8s", when, strlen(when) > 18 ? when + 11 : "");
	change_text(wm_json_get(entry, "before"), wm_json_get(entry, "after"), change, sizeof(change));
	wm_out_row(out);
	wm_out_cell_uint(out, seq);
	wm_out_cell_str(out, at);
	wm_out_cell_str(out, text_of(entry, "who"));
	wm_out_cell_str(out, text_of(entry, "what"));
	wm_out_cell_str(out, text_of(entry, "kind"));
	wm_out_cell_str(out, text_of(entry, "name"));
	wm_out_cell_str(out, change);
}

static void audit_table(struct wm_out *out, const struct wm_json *list)
{
	static const struct wm_col cols[] = {
		{NULL, "SEQ", WM_COL_RIGHT}, {NULL, "AT (UTC)", 0}, {NULL, "WHO", 0}, {NULL, "WHAT", 0},
		{NULL, "KIND", 0}, {NULL, "NAME", 0}, {NULL, "CHANGE", WM_COL_TRUNC},
	};

	wm_out_table(out, NULL, NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < wm_json_size(list); i++)
		audit_row(out, wm_json_at(list, i));
	wm_out_table_end(out, "nothing was done");
}

struct audit_wish {
	uint64_t limit, before;
};

static int audit_one(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	const struct audit_wish *wish = arg;
	struct wm_json *root = NULL;
	struct wm_error err = {0};
	struct api *api = NULL;
	char path[96];
	int rc = api_open(m, &api, &err);

	(void)cli, (void)got;
	wm_format(path, sizeof(path), wish->before ? "/v1/audit?limit=%llu&before=%llu" : "/v1/audit?limit=%llu",
		  (unsigned long long)wish->limit, (unsigned long long)wish->before);
	rc = rc ?: api_json(api, "GET", path, NULL, &root, "audit", &err);
	api_close(api);
	if (rc)
		return complain_error(rc, &err);
	WM_AUTO_FREE char *text = wm_json_text(wm_json_get(root, "audit"));
	wm_out_raw(out, "audit", text ?: "null");
	if (!cli->opt[OPT_JSON])
		audit_table(out, wm_json_get(root, "audit"));
	wm_json_free(root);
	return WM_EXIT_OK;
}

int cmd_audit(struct cli *cli)
{
	struct audit_wish wish;
	int code = option_number(cli, OPT_LIMIT, 50, 1000, &wish.limit);

	code = code ?: option_number(cli, OPT_BEFORE, 0, (uint64_t)1 << 53, &wish.before);
	return code ?: each_mesh(cli, 0, audit_one, &wish);
}

/* --- undo ----------------------------------------------------------------------------------- */

static char sign_of(const struct wm_json *change)
{
	const char *what = text_of(change, "what");

	return !strcmp(what, "add") ? '+' : !strcmp(what, "remove") ? '-' : '~';
}

static int ask_undo(struct api *api, const char *body, bool dry, struct wm_json **ret, uint64_t *ret_undone,
		    struct wm_error *err)
{
	int rc = api_json(api, "POST", dry ? "/v1/undo?dry_run=1" : "/v1/undo", body, ret, "undo", err);

	if (!rc && !wm_json_uint(wm_json_get(*ret, "undone"), ret_undone))
		rc = wm_fail(err, EPROTO, "the registry's answer is not understood: it does not say what is undone");
	return rc;
}

static void show_undo(struct wm_out *out, const struct wm_json *plan)
{
	const struct wm_json *changes = wm_json_get(plan, "changes");

	for (size_t i = 0; i < wm_json_size(changes); i++)
		change_line(out, sign_of(wm_json_at(changes, i)), wm_json_at(changes, i));
}

static int undo(struct cli *cli, struct api *api, const struct mesh *mesh, struct wm_out *out)
{
	struct wm_json *plan = NULL, *done = NULL;
	struct wm_error err = {0};
	uint64_t undone = 0;
	char body[64], text[160];
	int code = 0, rc = ask_undo(api, "{}", true, &plan, &undone, &err);

	if (!rc)
		show_undo(out, plan);
	if (!rc && !cli->opt[OPT_DRY_RUN])
		code = confirm_change(cli, "Take this back?");
	if (!rc && !code && !cli->opt[OPT_DRY_RUN]) {
		wm_format(body, sizeof(body), "{\"generation\":%llu}", (unsigned long long)undone);
		rc = ask_undo(api, body, false, &done, &undone, &err);
	}
	if (rc)
		code = complain_error(rc, &err);
	if (!code) {
		WM_AUTO_FREE char *changes = wm_json_text(wm_json_get(done ?: plan, "changes"));
		const char *notice = wm_json_str(wm_json_get(done ?: plan, "notice"));
		uint64_t generation = 0;

		wm_json_uint(wm_json_get(done ?: plan, "generation"), &generation);
		snprintf(text, sizeof(text), "generation %llu %s taken back", (unsigned long long)undone,
			 done ? "is" : "would be");
		show_change(cli, out, mesh, text);
		if (notice)
			wm_out_line(out, notice);
		wm_out_uint(out, "undone", NULL, undone);
		wm_out_uint(out, "generation", NULL, generation);
		wm_out_str(out, "notice", NULL, notice);
		wm_out_raw(out, "changes", changes ?: "null");
	}
	wm_json_free(plan);
	wm_json_free(done);
	return code;
}

int cmd_undo(struct cli *cli)
{
	struct wm_error err = {0};
	struct api *api = NULL;
	struct mesh *mesh;
	struct wm_out *out;
	int rc, code = mesh_choose(cli, &mesh);

	if (code)
		return code;
	rc = api_open(mesh, &api, &err);
	if (rc)
		return complain_error(rc, &err);
	out = show_begin(cli);
	code = out ? show_end(out, undo(cli, api, mesh, out)) : WM_EXIT_FAILED;
	api_close(api);
	return code;
}
