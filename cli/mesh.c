/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/mesh.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/api.h"
#include "core/env.h"
#include "core/util.h"

#define NAMED 4 /* so many meshes are named where one has to be chosen */

static const char *const keys[] = {
	"REGISTRY_URL", "REGISTRY_TOKEN", "REGISTRY_CA", "REGISTRY_ALLOW_HTTP", "MESH_NAME",
};

void mesh_slug(struct wm_prefix supernet, char ret[MESH_SLUG_SIZE])
{
	unsigned int octets = (supernet.len + 7u) / 8u;
	size_t at = 0;

	for (unsigned int i = 0; i < octets; i++)
		at += (size_t)snprintf(ret + at, MESH_SLUG_SIZE - at, "%s%u", i ? "-" : "",
				       supernet.addr >> (24 - 8 * i) & 255);
	if (supernet.len % 8 || !octets)
		snprintf(ret + at, MESH_SLUG_SIZE - at, "%sp%u", octets ? "-" : "", supernet.len);
}

void mesh_network(const char *url, char ret[WM_NAME_SIZE])
{
	const char *host = strstr(url, "://");
	bool numeric;
	size_t len, n = 0;

	host = host ? host + 3 : url;
	len = strcspn(host, "/?#");
	if (*host == '[')
		len = strcspn(host, "]");
	else
		len = WM_MIN(len, strcspn(host, ":"));
	if (len > 12 && !strncmp(host, "wm-registry.", 12)) {
		host += 12;
		len -= 12;
	}
	numeric = *host == '[' || strspn(host, "0123456789.") >= len;
	for (size_t i = 0; i < len && n < WM_NAME_SIZE - 1 && (numeric || host[i] != '.'); i++) {
		if (isalnum((unsigned char)host[i]))
			ret[n++] = (char)tolower((unsigned char)host[i]);
		else if (n)
			ret[n++] = '-';
	}
	ret[n] = '\0';
}

const char *mesh_title(const struct mesh *mesh, char buf[WM_NAME_SIZE])
{
	if (*mesh->name)
		return mesh->name;
	mesh_network(mesh->url, buf);
	return buf;
}

static int set_text(char *dst, size_t size, const struct wm_env *env, const char *key, const char *path,
		    struct wm_error *err)
{
	if (!wm_copy(dst, size, wm_env_get(env, key, "")))
		return 0;
	return wm_fail(err, EINVAL, "%s: %s is longer than %zu characters", path, key, size - 1);
}

static int mesh_load(struct mesh *m)
{
	struct wm_error *err = &m->problem;
	struct wm_env *env = NULL;
	struct stat st;
	int http = 0;
	int rc = wm_env_load(m->path, &env, err);

	if (!rc && !*wm_env_get(env, "REGISTRY_URL", ""))
		rc = wm_fail(err, EINVAL, "%s: REGISTRY_URL is missing", m->path);
	rc = rc ?: set_text(m->url, sizeof(m->url), env, "REGISTRY_URL", m->path, err);
	rc = rc ?: set_text(m->token, sizeof(m->token), env, "REGISTRY_TOKEN", m->path, err);
	rc = rc ?: set_text(m->ca, sizeof(m->ca), env, "REGISTRY_CA", m->path, err);
	rc = rc ?: set_text(m->name, sizeof(m->name), env, "MESH_NAME", m->path, err);
	rc = rc ?: wm_env_bool(env, "REGISTRY_ALLOW_HTTP", 0, &http, err);
	m->allow_http = http;
	if (!rc && *m->token && !stat(m->path, &st) && st.st_mode & 077)
		complain(0, "%s holds a token and others on this machine may read it; run: chmod 600 %s", m->path, m->path);
	wm_env_free(env);
	return rc;
}

static int is_mesh_file(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return e->d_name[0] != '.' && dot && !strcmp(dot, ".env") &&
	       (size_t)(dot - e->d_name) < MESH_SLUG_SIZE;
}

static int find_config_dir(struct cli *cli)
{
	const char *env = getenv("WM_CONFIG_DIR"), *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int rc;

	if (cli->opt[OPT_CONFIG_DIR])
		rc = wm_copy(cli->config_dir, sizeof(cli->config_dir), cli->opt[OPT_CONFIG_DIR]);
	else if (env && *env)
		rc = wm_copy(cli->config_dir, sizeof(cli->config_dir), env);
	else if (xdg && *xdg == '/')
		rc = wm_format(cli->config_dir, sizeof(cli->config_dir), "%s/wm", xdg);
	else if (home && *home)
		rc = wm_format(cli->config_dir, sizeof(cli->config_dir), "%s/.config/wm", home);
	else
		return complain(WM_EXIT_USAGE, "HOME is not set; say where meshes are kept with --config-dir");
	return rc ? complain(WM_EXIT_USAGE, "the name of the config directory is too long") : 0;
}

int cli_load_meshes(struct cli *cli)
{
	struct dirent **found = NULL;
	int n, code = find_config_dir(cli);

	if (code)
		return code;
	/* A mesh is what its file says: the environment must not lend one's token to another. */
	for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++)
		unsetenv(keys[i]);
	n = scandir(cli->config_dir, &found, is_mesh_file, alphasort);
	if (n < 0 && errno != ENOENT)
		return complain(WM_EXIT_USAGE, "%s: cannot read it: %s", cli->config_dir, strerror(errno));
	if (n > 0)
		cli->meshes = calloc((size_t)n, sizeof(*cli->meshes));
	for (int i = 0; i < n; i++) {
		struct mesh *m = cli->meshes ? &cli->meshes[cli->nmeshes] : NULL;
		const char *name = found[i]->d_name;

		if (m && !wm_format(m->path, sizeof(m->path), "%s/%s", cli->config_dir, name)) {
			snprintf(m->slug, sizeof(m->slug), "%.*s", (int)(strlen(name) - strlen(".env")), name);
			mesh_load(m);
			cli->nmeshes++;
		}
		free(found[i]);
	}
	free(found);
	return n > 0 && !cli->meshes ? complain(WM_EXIT_FAILED, "out of memory") : 0;
}

void cli_free_meshes(struct cli *cli)
{
	for (size_t i = 0; i < cli->nmeshes; i++)
		wm_wipe(cli->meshes[i].token, sizeof(cli->meshes[i].token));
	free(cli->meshes);
}

/* Quoted so that core/env and a shell read it alike; nothing has to be quoted that needs both kinds. */
static int put_line(FILE *f, const char *key, const char *value, struct wm_error *err)
{
	char quote = strchr(value, '\'') ? '"' : '\'';

	if (!*value)
		return 0;
	if (strpbrk(value, "\n\r") || (quote == '"' && strpbrk(value, "\"$`\\")))
		return wm_fail(err, EINVAL, "%s holds characters that a file of KEY=VALUE cannot", key);
	fprintf(f, "%s=%c%s%c\n", key, quote, value, quote);
	return 0;
}

int mesh_place(const struct cli *cli, struct mesh *mesh, struct wm_error *err)
{
	if (wm_format(mesh->path, sizeof(mesh->path), "%s/%s.env", cli->config_dir, mesh->slug))
		return wm_fail(err, EINVAL, "the name of the config directory is too long");
	return 0;
}

int mesh_save(const struct cli *cli, struct mesh *mesh, struct wm_error *err)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int rc;

	if (!f)
		return wm_fail(err, ENOMEM, "out of memory");
	rc = put_line(f, keys[0], mesh->url, err);
	rc = rc ?: put_line(f, keys[1], mesh->token, err);
	rc = rc ?: put_line(f, keys[2], mesh->ca, err);
	rc = rc ?: put_line(f, keys[3], mesh->allow_http ? "true" : "", err);
	rc = rc ?: put_line(f, keys[4], mesh->name, err);
	if (fclose(f) && !rc)
		rc = wm_fail(err, ENOMEM, "out of memory");
	if (!rc) {
		rc = wm_make_dirs(cli->config_dir, 0700);
		rc = rc ?: wm_replace_file(mesh->path, 0600, text, len);
		if (rc)
			wm_fail(err, -rc, "%s: cannot write it: %s", mesh->path, strerror(-rc));
	}
	if (text)
		wm_wipe(text, len);
	free(text);
	return rc;
}

/* --- which one ------------------------------------------------------------------ */

static bool is_called(struct mesh *m, const char *which)
{
	char title[WM_NAME_SIZE];

	return !strcmp(m->slug, which) || !strcmp(mesh_title(m, title), which);
}

/* A file written by hand has no name in it; its registry knows one. */
static void learn_name(struct mesh *m)
{
	struct whoami who;
	struct api *api;

	if (*m->name || *m->problem.text || api_open(m, &api, NULL))
		return;
	if (!api_whoami(api, &who, NULL))
		wm_copy(m->name, sizeof(m->name), who.mesh_name);
	api_close(api);
}

/* Slugs first, then names. */
static const char *called(const void *arg, size_t i)
{
	const struct cli *cli = arg;

	return i < cli->nmeshes ? cli->meshes[i].slug : cli->meshes[i - cli->nmeshes].name;
}

static int not_found(struct cli *cli, const char *which)
{
	int like;

	if (!cli->nmeshes)
		return complain(WM_EXIT_FAILED, "no mesh is configured; connect to one: wm mesh add https://REGISTRY");
	like = nearest(which, 2 * cli->nmeshes, called, cli);
	return complain(WM_EXIT_FAILED, "no mesh '%s' is configured; %s%s%s", which, like >= 0 ? "did you mean '" : "",
			like >= 0 ? called(cli, (size_t)like) : "'wm mesh list' shows what is", like >= 0 ? "'?" : "");
}

int mesh_find(struct cli *cli, const char *which, struct mesh **ret)
{
	struct mesh *found = NULL;

	for (size_t i = 0; i < cli->nmeshes; i++) {
		if (!strcmp(cli->meshes[i].slug, which)) {
			*ret = &cli->meshes[i];
			return 0;
		}
	}
	for (int asked = 0; asked < 2 && !found; asked++) {
		for (size_t i = 0; i < cli->nmeshes; i++) {
			if (asked)
				learn_name(&cli->meshes[i]);
			if (!is_called(&cli->meshes[i], which))
				continue;
			if (found)
				return complain(WM_EXIT_USAGE, "two meshes are called '%s'; give the slug: %s or %s", which,
						found->slug, cli->meshes[i].slug);
			found = &cli->meshes[i];
		}
	}
	if (!found)
		return not_found(cli, which);
	*ret = found;
	return 0;
}

/* On a terminal, by its number in the list, slug or name; a mistake may be made twice. */
static int ask_mesh(struct cli *cli, struct mesh **ret)
{
	char title[WM_NAME_SIZE], answer[MESH_SLUG_SIZE];
	int code = WM_EXIT_USAGE;

	for (size_t i = 0; i < cli->nmeshes; i++) {
		char line[MESH_SLUG_SIZE + WM_NAME_SIZE + 32];

		snprintf(line, sizeof(line), "  %zu  %s (%s)", i + 1, cli->meshes[i].slug, mesh_title(&cli->meshes[i], title));
		wm_printable(line);
		fprintf(stderr, "%s\n", line);
	}
	for (int tries = 0; code && tries < 3; tries++) {
		unsigned long number;
		char *end;

		if (ask_line("Which mesh?", false, answer, sizeof(answer)))
			break;
		number = strtoul(answer, &end, 10);
		if (*answer && !*end && number && number <= cli->nmeshes) {
			*ret = &cli->meshes[number - 1];
			return 0;
		}
		code = mesh_find(cli, answer, ret);
	}
	return code ? complain(WM_EXIT_USAGE, "no mesh was chosen") : 0;
}

/* Nobody can be asked. */
static int say_which(const struct cli *cli)
{
	char names[256] = " (see 'wm mesh list')", title[WM_NAME_SIZE];
	size_t at = 0;

	for (size_t i = 0; cli->nmeshes <= NAMED && i < cli->nmeshes && at < sizeof(names); i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", !i ? ": " : i + 1 < cli->nmeshes ? ", " : " or ",
				       mesh_title(&cli->meshes[i], title));
	return complain(WM_EXIT_USAGE, "%zu meshes are configured; say which one with --mesh%s", cli->nmeshes, names);
}

int mesh_choose(struct cli *cli, struct mesh **ret)
{
	struct mesh *m = NULL;
	int code = 0;

	if (cli->opt[OPT_MESH])
		code = mesh_find(cli, cli->opt[OPT_MESH], &m);
	else if (!cli->nmeshes)
		code = not_found(cli, "");
	else if (cli->nmeshes == 1)
		m = &cli->meshes[0];
	else if (!on_terminal())
		code = say_which(cli);
	else
		code = ask_mesh(cli, &m);
	if (!code && *m->problem.text)
		code = complain(WM_EXIT_USAGE, "%s", m->problem.text);
	if (!code)
		code = mesh_token(cli, m, true);
	if (!code)
		*ret = m;
	return code;
}

int token_from_file(const char *path, char ret[WM_TOKEN_MAX])
{
	char *text = NULL;
	size_t len = 0;
	int rc = wm_read_file(path, 4096, &text, &len);

	if (!rc) {
		while (len && isspace((unsigned char)text[len - 1]))
			text[--len] = '\0';
		rc = strlen(text) != len || !len ? -EINVAL : wm_copy(ret, WM_TOKEN_MAX, text);
		wm_wipe(text, len);
		free(text);
	}
	if (rc == -EINVAL || rc == -E2BIG)
		return complain(WM_EXIT_USAGE, "%s: should hold one token and nothing else", path);
	return rc ? complain(WM_EXIT_USAGE, "%s: cannot read it: %s", path, strerror(-rc)) : 0;
}

int mesh_token(struct cli *cli, struct mesh *mesh, bool only)
{
	const char *env = getenv("WM_REGISTRY_TOKEN");

	if (cli->opt[OPT_TOKEN_FILE] && !only)
		return complain(WM_EXIT_USAGE, "a token belongs to one mesh; say which one with --mesh");
	if (cli->opt[OPT_TOKEN_FILE])
		return token_from_file(cli->opt[OPT_TOKEN_FILE], mesh->token);
	if (!*mesh->token && only && env && wm_copy(mesh->token, sizeof(mesh->token), env))
		return complain(WM_EXIT_USAGE, "WM_REGISTRY_TOKEN is longer than a token can be");
	return 0;
}
