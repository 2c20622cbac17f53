/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "registry/auth.h"

#define PEM_MAX (256 * 1024)

static const char usage[] =
	"Usage: wm-registry serve [OPTION]...\n"
	"Serves the registry of a mesh: its sites, hosts, devices and tokens, over HTTP.\n"
	"\n"
	"  --data DIR          where the database lies (/var/lib/wm-registry)\n"
	"  --listen ADDR:PORT  listen there; may be given several times (127.0.0.1:8099);\n"
	"                      port 0 takes a free one; sockets inherited from systemd are used too\n"
	"  --tls-cert FILE     serve https with this certificate chain (PEM)\n"
	"  --tls-key FILE      and this private key (PEM)\n"
	"  --token-file FILE   the master token, instead of WM_REGISTRY_TOKEN\n"
	"  --mesh-name NAME    the mesh's name, for people (home)\n"
	"  --supernet PREFIX   what all sites' subnets lie in (172.30.0.0/16)\n"
	"  --help, --version\n"
	"\n"
	"Environment: WM_REGISTRY_TOKEN (needed; at least 16 characters), WM_REGISTRY_PORT (8099),\n"
	"WM_REGISTRY_DATA, WM_MESH_NAME, WM_MESH_SUPERNET. Options win.\n"
	"\n"
	"Exit status: 0 stopped as asked, 1 cannot serve, 2 wrong usage or settings.\n";

/* What is given as text and means something else. */
struct raw {
	const char *cert, *key, *token_file, *supernet, *port;
};

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

enum { OPT_DATA = 256, OPT_LISTEN, OPT_CERT, OPT_KEY, OPT_TOKEN, OPT_NAME, OPT_SUPERNET, OPT_HELP, OPT_VERSION };

static const struct option long_options[] = {
	{ "data", required_argument, NULL, OPT_DATA },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "tls-cert", required_argument, NULL, OPT_CERT },
	{ "tls-key", required_argument, NULL, OPT_KEY },
	{ "token-file", required_argument, NULL, OPT_TOKEN },
	{ "mesh-name", required_argument, NULL, OPT_NAME },
	{ "supernet", required_argument, NULL, OPT_SUPERNET },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static int take(int opt, struct options *o, struct raw *raw, struct wm_error *err)
{
	switch (opt) {
	case OPT_DATA: o->store.dir = optarg; return 0;
	case OPT_CERT: raw->cert = optarg; return 0;
	case OPT_KEY: raw->key = optarg; return 0;
	case OPT_TOKEN: raw->token_file = optarg; return 0;
	case OPT_NAME: o->store.mesh_name = optarg; return 0;
	case OPT_SUPERNET: raw->supernet = optarg; return 0;
	case OPT_LISTEN:
		if (o->nlisten == OPTIONS_LISTEN_MAX)
			return wm_fail(err, EINVAL, "more than %d times --listen; leave some out", OPTIONS_LISTEN_MAX);
		o->listen[o->nlisten++] = optarg;
		return 0;
	case OPT_HELP:
		fputs(usage, stdout);
		return 1;
	case OPT_VERSION:
		puts("wm-registry " WM_VERSION);
		return 1;
	}
	return wm_fail(err, EINVAL, "wrong arguments (above); wm-registry --help says what there is");
}

static int read_arguments(int argc, char **argv, struct options *o, struct raw *raw, struct wm_error *err)
{
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		rc = take(opt, o, raw, err);
		if (rc)
			return rc;
	}
	if (argc - optind != 1 || strcmp(argv[optind], "serve"))
		return wm_fail(err, EINVAL, "what to do is missing or not known; write: wm-registry serve [OPTION]...");
	return 0;
}

static int read_text(const char *path, const char *what, size_t max, char **ret, struct wm_error *err)
{
	int rc = wm_read_file(path, max, ret, NULL);

	if (rc)
		return wm_fail(err, -rc, "cannot read %s %s: %s; check the path and who may read it", what, path, strerror(-rc));
	return 0;
}

static int read_token(const char *file, struct options *o, struct wm_error *err)
{
	char *text = NULL;
	int rc;

	if (!file) {
		char *token = getenv("WM_REGISTRY_TOKEN");

		rc = wm_copy(o->token, sizeof(o->token), token ? token : "");
		if (token) /* gone from /proc/<pid>/environ, too */
			wm_wipe(token, strlen(token));
	} else {
		rc = read_text(file, "the token file", 64 * 1024, &text, err);
		if (rc)
			return rc;
		text[strcspn(text, "\r\n")] = '\0';
		rc = wm_copy(o->token, sizeof(o->token), text);
		wm_wipe(text, strlen(text));
		free(text);
	}
	if (rc)
		return wm_fail(err, EINVAL, "the master token is longer than %d characters; take a shorter one", WM_TOKEN_MAX - 1);
	return auth_check_master(o->token, err);
}

static int read_tls(const struct raw *raw, struct options *o, struct wm_error *err)
{
	int rc;

	if (!raw->cert != !raw->key)
		return wm_fail(err, EINVAL, "--tls-cert and --tls-key need each other; give both");
	if (!raw->cert)
		return 0;
	rc = read_text(raw->cert, "the certificate", PEM_MAX, &o->cert, err);
	return rc ? rc : read_text(raw->key, "the private key", PEM_MAX, &o->key, err);
}

static int settle(const struct raw *raw, struct options *o, struct wm_error *err)
{
	int rc;

	if (strspn(raw->port, "0123456789") != strlen(raw->port) || strlen(raw->port) > 5 || atoi(raw->port) > 65535)
		return wm_fail(err, EINVAL, "WM_REGISTRY_PORT is '%s'; it must be a port number", raw->port);
	wm_format(o->default_listen, sizeof(o->default_listen), "127.0.0.1:%s", raw->port);
	if (raw->supernet && wm_prefix_parse(raw->supernet, &o->store.supernet))
		return wm_fail(err, EINVAL, "the supernet '%s' is not a prefix; write it like 172.30.0.0/16 (no host bits)",
			       raw->supernet);
	rc = read_token(raw->token_file, o, err);
	return rc ? rc : read_tls(raw, o, err);
}

int options_read(int argc, char **argv, struct options *ret, struct wm_error *err)
{
	const char *data = env("WM_REGISTRY_DATA"), *port = env("WM_REGISTRY_PORT");
	struct raw raw = { .supernet = env("WM_MESH_SUPERNET"), .port = port ? port : "8099" };
	int rc;

	*ret = (struct options){ .store = { .dir = data ? data : "/var/lib/wm-registry", .mesh_name = env("WM_MESH_NAME") } };
	rc = read_arguments(argc, argv, ret, &raw, err);
	if (!rc)
		rc = settle(&raw, ret, err);
	if (rc)
		options_clear(ret);
	return rc;
}

void options_clear(struct options *options)
{
	wm_wipe(options->token, sizeof(options->token));
	if (options->key)
		wm_wipe(options->key, strlen(options->key));
	free(options->key);
	free(options->cert);
	options->key = options->cert = NULL;
}
