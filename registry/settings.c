/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Settings that are not arguments: registry.env and the environment.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/name.h"
#include "core/util.h"
#include "registry/auth.h"
#include "registry/db.h"
#include "registry/options.h"

#define PEM_MAX (256 * 1024)
#define TOKEN_FILE_MAX (64 * 1024)
#define DOMAIN_MAX 253
#define AUDIT_KEEP_DEFAULT 1000000 /* rows: some hundred MB at most */
#define AUDIT_KEEP_LEAST 1000

static const char *setting(const struct options *o, const char *key)
{
	return wm_env_get(o->env, key, NULL);
}

/* --- registry.env --------------------------------------------------------------------- */

/* It has the master token in it. A group may be let in on purpose: a service's own. */
static int check_privacy(const char *path, struct wm_error *err)
{
	struct stat st;

	if (stat(path, &st))
		return wm_fail(err, errno, "cannot read the settings %s: %s; check the path and who may read it", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return 0;
	if (st.st_uid && st.st_uid != geteuid())
		return wm_fail(err, EPERM, "the settings %s belong to another user, who could change them; make them root's: chown root %s",
			       path, path);
	if (st.st_mode & (S_IRWXO | S_IWGRP))
		return wm_fail(err, EPERM, "the settings %s can be read or written by others, and hold the master token; take that away: chmod 600 %s",
			       path, path);
	return 0;
}

static int load_env(struct options *o, struct wm_error *err)
{
	const char *etc = getenv("WM_ETC");
	char standard[PATH_MAX];
	const char *path = o->env_file;
	int rc;

	if (!path) {
		if (wm_format(standard, sizeof(standard), "%s/registry.env", etc && *etc ? etc : "/etc/wm"))
			return wm_fail(err, EINVAL, "WM_ETC is too long; give a shorter path");
		if (access(standard, F_OK) && (errno == ENOENT || errno == ENOTDIR))
			return 0;
		path = standard;
	}
	rc = check_privacy(path, err);
	return rc ? rc : wm_env_load(path, &o->env, err);
}

/* --- one setting each ------------------------------------------------------------------- */

static int read_text(const char *path, const char *what, size_t max, char **ret, struct wm_error *err)
{
	int rc = wm_read_file(path, max, ret, NULL);

	if (rc)
		return wm_fail(err, -rc, "cannot read %s %s: %s; check the path and who may read it", what, path, strerror(-rc));
	return 0;
}

static int read_token(struct options *o, struct wm_error *err)
{
	const char *token = setting(o, "WM_REGISTRY_TOKEN");
	char *inherited = getenv("WM_REGISTRY_TOKEN"), *text = NULL;
	int rc;

	if (o->token_file) {
		rc = read_text(o->token_file, "the token file", TOKEN_FILE_MAX, &text, err);
		if (rc)
			return rc;
		text[strcspn(text, "\r\n")] = '\0';
		token = text;
	}
	rc = wm_copy(o->token, sizeof(o->token), token ? token : "");
	if (text)
		wm_wipe(text, strlen(text));
	free(text);
	if (inherited) /* gone from /proc/<pid>/environ, too */
		wm_wipe(inherited, strlen(inherited));
	if (rc)
		return wm_fail(err, EINVAL, "the master token is longer than %d characters; take a shorter one", WM_TOKEN_MAX - 1);
	return auth_check_master(o->token, err);
}

/* What is not an argument may hold a password; it is gone from /proc/<pid>/environ, too. */
static int read_store(struct options *o, struct wm_error *err)
{
	const char *url = o->store_url ? o->store_url : setting(o, "WM_REGISTRY_STORE");
	char *inherited = getenv("WM_REGISTRY_STORE");
	int rc = o->store_url ? db_check_public(o->store_url, err) : 0;

	if (!rc && url && *url && !db_is_url(url))
		rc = wm_fail(err, EINVAL, "%s is not the URL of a PostgreSQL database; write it like postgresql://USER@HOST/DATABASE",
			     o->store_url ? "--store" : "WM_REGISTRY_STORE");
	if (!rc && url && *url) {
		o->store_copy = strdup(url);
		rc = o->store_copy ? 0 : wm_fail(err, ENOMEM, "out of memory");
	}
	o->store.url = o->store_copy;
	if (inherited)
		wm_wipe(inherited, strlen(inherited));
	return rc;
}

static int read_tls(struct options *o, struct wm_error *err)
{
	int rc;

	if (!o->cert_file != !o->key_file)
		return wm_fail(err, EINVAL, "--tls-cert and --tls-key need each other; give both");
	if (!o->cert_file)
		return 0;
	rc = read_text(o->cert_file, "the certificate", PEM_MAX, &o->cert, err);
	return rc ? rc : read_text(o->key_file, "the private key", PEM_MAX, &o->key, err);
}

static bool is_port(const char *text)
{
	size_t len = strlen(text);

	return len && len <= 5 && strspn(text, "0123456789") == len && atoi(text) <= 65535;
}

/* A name as the public DNS has them; lower case. */
static bool is_domain(const char *name)
{
	char label[WM_NAME_SIZE];

	while (*name) {
		size_t len = strcspn(name, ".");

		if (len >= sizeof(label))
			return false;
		memcpy(label, name, len);
		label[len] = '\0';
		if (!wm_label_valid(label))
			return false;
		name += len;
		if (!*name)
			return true;
		name++;
	}
	return false;
}

/* CF_DOMAIN=wm-registry.example.com|8099: what a tunnel shows to the world, and the port here that it leads to. */
static int read_domain(struct options *o, const char **ret_port, struct wm_error *err)
{
	const char *text = setting(o, "CF_DOMAIN"), *bar = text ? strchr(text, '|') : NULL;
	char domain[DOMAIN_MAX + 1];
	size_t len;

	if (!text)
		return 0;
	len = bar ? (size_t)(bar - text) : strlen(text);
	if (len < sizeof(domain)) {
		for (size_t i = 0; i < len; i++)
			domain[i] = (char)tolower((unsigned char)text[i]);
		domain[len] = '\0';
	}
	if (len >= sizeof(domain) || !is_domain(domain) || (bar && !is_port(bar + 1)))
		return wm_fail(err, EINVAL, "CF_DOMAIN is '%.80s'; write it like wm-registry.example.com|8099", text);
	if (bar)
		*ret_port = bar + 1;
	return wm_format(o->url, sizeof(o->url), "https://%s", domain);
}

static int read_port(struct options *o, const char *behind_tunnel, struct wm_error *err)
{
	const char *port = setting(o, "WM_REGISTRY_PORT");

	if (port && !is_port(port))
		return wm_fail(err, EINVAL, "WM_REGISTRY_PORT is '%.20s'; it must be a port number", port);
	return wm_format(o->default_listen, sizeof(o->default_listen), "127.0.0.1:%s",
			 port ? port : behind_tunnel ? behind_tunnel : "8099");
}

static int read_mesh(struct options *o, struct wm_error *err)
{
	if (!o->store.mesh_name)
		o->store.mesh_name = setting(o, "WM_MESH_NAME");
	if (!o->supernet)
		o->supernet = setting(o, "WM_MESH_SUPERNET");
	if (!o->supernet)
		o->supernet = setting(o, "MESH_SUPERNET");
	if (o->supernet && wm_prefix_parse(o->supernet, &o->store.supernet))
		return wm_fail(err, EINVAL, "the supernet '%.40s' is not a prefix; write it like 172.30.0.0/16 (no host bits)",
			       o->supernet);
	return 0;
}

/* A few are needed for undo, and to find out what went wrong; 0 is for who wants all. */
static int read_audit_keep(struct options *o, struct wm_error *err)
{
	const char *text = o->audit_keep ? o->audit_keep : setting(o, "WM_REGISTRY_AUDIT_KEEP");
	size_t len = text ? strlen(text) : 0;

	o->store.audit_keep = AUDIT_KEEP_DEFAULT;
	if (!text)
		return 0;
	if (len && len <= 12 && strspn(text, "0123456789") == len)
		o->store.audit_keep = strtoull(text, NULL, 10);
	else
		len = 0;
	if (!len || (o->store.audit_keep && o->store.audit_keep < AUDIT_KEEP_LEAST))
		return wm_fail(err, EINVAL, "%s is '%.20s'; it must be a number of rows, %d at least, or 0 to keep all",
			       o->audit_keep ? "--audit-keep" : "WM_REGISTRY_AUDIT_KEEP", text, AUDIT_KEEP_LEAST);
	return 0;
}

int settings_read(struct options *io, struct wm_error *err)
{
	const char *behind_tunnel = NULL;
	int rc = load_env(io, err);

	if (rc)
		return rc;
	if (!io->store.dir)
		io->store.dir = setting(io, "WM_REGISTRY_DATA");
	if (!io->store.dir)
		io->store.dir = "/var/lib/wm-registry";
	rc = read_store(io, err);
	if (rc || io->verb != VERB_SERVE)
		return rc;
	if (!io->downloads)
		io->downloads = setting(io, "WM_REGISTRY_DOWNLOADS");
	rc = read_domain(io, &behind_tunnel, err);
	if (!rc)
		rc = read_port(io, behind_tunnel, err);
	if (!rc)
		rc = read_mesh(io, err);
	if (!rc)
		rc = read_audit_keep(io, err);
	if (!rc)
		rc = read_token(io, err);
	return rc ? rc : read_tls(io, err);
}
