/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm token list, create, revoke.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/each.h"
#include "cli/show.h"
#include "core/util.h"

struct token {
	uint64_t id;
	char role[16];
	char name[WM_NAME_SIZE];
	char created[40], last_used[40];
	char token[WM_TOKEN_MAX]; /* only when it is made */
};

static const struct wm_field token_fields[] = {
	WM_FIELD(token, id, "id", WM_FIELD_UINT, 0),
	WM_FIELD(token, role, "role", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(token, name, "name", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(token, created, "created", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(token, last_used, "last_used", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(token, token, "token", WM_FIELD_STRING, 0),
};
static const struct wm_table token_table = WM_TABLE(token_fields);

static const char *const roles[] = {"admin", "read", "gateway", "device"};

struct open_enrolment {
	char kind[16], name[WM_NAME_SIZE], expires[40];
};

static const struct wm_field enrolment_fields[] = {
	WM_FIELD(open_enrolment, kind, "kind", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(open_enrolment, name, "name", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(open_enrolment, expires, "expires", WM_FIELD_STRING, WM_FIELD_REQUIRED),
};
static const struct wm_table enrolment_table = WM_TABLE(enrolment_fields);

/* *ret NULL: the registry is of a version that does not tell. */
static int get_enrolments(struct api *api, struct wm_json **ret, struct wm_error *err)
{
	int rc = api_json(api, "GET", "/v1/enrolments", NULL, ret, "enrolments", err);

	if (rc != -EOPNOTSUPP)
		return rc;
	*err = (struct wm_error){0};
	return 0;
}

/* list NULL: there are none, or it is not known. */
static int show_enrolments(struct wm_out *out, const struct wm_json *list, struct wm_error *err)
{
	static const struct wm_col cols[] = {
		{"kind", "ENROLMENT", 0}, {"name", "NAME", 0}, {"expires", "EXPIRES", 0},
	};
	int rc = 0;

	wm_out_table(out, "enrolments", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < wm_json_size(list) && !rc; i++) {
		struct open_enrolment e = {0};

		rc = wm_json_decode(&enrolment_table, wm_json_at(list, i), &e, err);
		wm_out_row(out);
		wm_out_cell_str(out, e.kind);
		wm_out_cell_str(out, e.name);
		wm_out_cell_str(out, e.expires);
	}
	wm_out_table_end(out, NULL);
	return rc;
}

static int token_one(struct cli *cli, struct wm_out *out, struct mesh *m, struct got *got, void *arg)
{
	static const struct wm_col cols[] = {
		{"id", "ID", WM_COL_RIGHT}, {"role", "ROLE", 0}, {"name", "NAME", 0}, {"created", "CREATED", 0},
		{"last_used", "LAST USED", 0},
	};
	struct wm_json *root = NULL, *open = NULL;
	struct wm_error err = {0};
	struct api *api = NULL;
	int rc = api_open(m, &api, &err);
	const struct wm_json *list;

	(void)cli, (void)got, (void)arg;
	rc = rc ?: api_json(api, "GET", "/v1/tokens", NULL, &root, "tokens", &err);
	if (!rc)
		rc = get_enrolments(api, &open, &err);
	api_close(api);
	if (rc) {
		wm_json_free(root);
		return complain_error(rc, &err);
	}
	list = wm_json_get(root, "tokens");
	wm_out_table(out, "tokens", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < wm_json_size(list) && !rc; i++) {
		struct token t = {0};

		rc = wm_json_decode(&token_table, wm_json_at(list, i), &t, &err);
		wm_out_row(out);
		wm_out_cell_uint(out, t.id);
		wm_out_cell_str(out, t.role);
		wm_out_cell_str(out, show_text(t.name));
		wm_out_cell_str(out, show_text(t.created));
		wm_out_cell_str(out, show_text(t.last_used));
	}
	wm_out_table_end(out, "no tokens but the master's");
	rc = rc ?: show_enrolments(out, wm_json_get(open, "enrolments"), &err);
	wm_json_free(root);
	wm_json_free(open);
	return rc ? complain_error(wm_fail_in(&err, -EPROTO, "the registry's answer is not understood"), &err) : WM_EXIT_OK;
}

int cmd_token_list(struct cli *cli)
{
	return each_mesh(cli, 0, token_one, NULL);
}

static int check_token(const struct cli *cli, struct token *t)
{
	const char *role = cli->opt[OPT_ROLE];
	size_t i = 0;

	if (!role)
		return complain(WM_EXIT_USAGE, "--role is missing: what the token may do, admin or read (gateway, device: as that "
					       "site's gateway or that device)");
	while (i < WM_ARRAY_LEN(roles) && strcmp(roles[i], role))
		i++;
	if (i == WM_ARRAY_LEN(roles) || wm_copy(t->role, sizeof(t->role), role))
		return complain(WM_EXIT_USAGE, "--role '%s' must be admin, read, gateway or device", role);
	if (!wm_title_valid(cli->arg[0]) || wm_copy(t->name, sizeof(t->name), cli->arg[0]))
		return complain(WM_EXIT_USAGE, "'%s' cannot be a token's name: 1 to 63 printable characters", cli->arg[0]);
	return 0;
}

static int show_token(struct cli *cli, const struct mesh *mesh, const struct token *t)
{
	char text[160];
	struct wm_out *out = show_begin(cli);

	if (!out)
		return WM_EXIT_FAILED;
	snprintf(text, sizeof(text), "token of %s (%s), shown this once:", t->name, t->role);
	show_change(cli, out, mesh, text);
	wm_out_line(out, t->token);
	wm_out_object(out, "token", NULL);
	if (t->id)
		wm_out_uint(out, "id", NULL, t->id);
	wm_out_str(out, "role", NULL, t->role);
	wm_out_str(out, "name", NULL, t->name);
	wm_out_str(out, "token", NULL, t->token);
	wm_out_object_end(out);
	return show_end(out, WM_EXIT_OK);
}

int cmd_token_create(struct cli *cli)
{
	struct token t = {0};
	struct wm_error err = {0};
	struct mesh *mesh;
	struct api *api = NULL;
	char text[160];
	int rc, code = check_token(cli, &t);

	code = code ?: mesh_choose(cli, &mesh);
	if (code)
		return code;
	if (cli->opt[OPT_DRY_RUN]) {
		snprintf(text, sizeof(text), "a token of %s (%s) would be made", t.name, t.role);
		return show_would(cli, mesh, text);
	}
	rc = api_open(mesh, &api, &err);
	rc = rc ?: api_send(api, "POST", "/v1/tokens", &token_table, &t,
			    field_bit(&token_table, "role") | field_bit(&token_table, "name"), &token_table, &t, t.name, &err);
	api_close(api);
	code = rc ? complain_error(rc, &err) : show_token(cli, mesh, &t);
	wm_wipe(&t, sizeof(t));
	return code;
}

/* By its number, or by its name where only one is called so. */
static int find_token(struct api *api, const char *which, struct token *ret, struct wm_error *err)
{
	struct wm_json *root = NULL;
	int rc = api_json(api, "GET", "/v1/tokens", NULL, &root, "tokens", err);
	const struct wm_json *list = wm_json_get(root, "tokens");
	char id[24];
	size_t n = 0;

	for (size_t i = 0; i < wm_json_size(list) && !rc; i++) {
		struct token t = {0};

		rc = wm_json_decode(&token_table, wm_json_at(list, i), &t, err);
		snprintf(id, sizeof(id), "%llu", (unsigned long long)t.id);
		if (!rc && !strcmp(id, which)) {
			*ret = t;
			n = 1;
			break;
		}
		if (!rc && !strcmp(t.name, which)) {
			*ret = t;
			n++;
		}
	}
	wm_json_free(root);
	if (rc)
		return rc;
	if (n > 1)
		return wm_fail(err, EEXIST, "%zu tokens are called '%s'; give the number of one: wm token list", n, which);
	return n ? 0 : wm_fail(err, ENOENT, "there is no token '%s'; 'wm token list' shows what there is", which);
}

int cmd_token_revoke(struct cli *cli)
{
	char path[48], question[192], name[WM_NAME_SIZE + 48];
	struct wm_error err = {0};
	struct token t = {0};
	struct mesh *mesh;
	struct api *api = NULL;
	int rc, code = mesh_choose(cli, &mesh);

	if (code)
		return code;
	rc = api_open(mesh, &api, &err);
	rc = rc ?: find_token(api, cli->arg[0], &t, &err);
	if (!rc) {
		snprintf(name, sizeof(name), "%llu of %s (%s)", (unsigned long long)t.id, t.name, t.role);
		snprintf(question, sizeof(question), "Revoke token %s? Who has it is shut out at once.", name);
		code = cli->opt[OPT_DRY_RUN] ? 0 : confirm_change(cli, question);
	}
	if (!rc && !code && !cli->opt[OPT_DRY_RUN]) {
		wm_format(path, sizeof(path), "/v1/tokens/%llu", (unsigned long long)t.id);
		rc = api_send(api, "DELETE", path, NULL, NULL, 0, NULL, NULL, name, &err);
	}
	api_close(api);
	if (rc || code)
		return code ?: complain_error(rc, &err);
	return show_removed(cli, mesh, "token", name);
}
