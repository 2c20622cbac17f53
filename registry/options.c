/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

static const char usage[] =
	"Usage: wm-registry serve [OPTION]...\n"
	"       wm-registry backup FILE | restore FILE | renew | migrate | check [OPTION]...\n"
	"The registry of a mesh: its sites, hosts, devices and tokens, over HTTP.\n"
	"\n"
	"  serve         until it is told to stop\n"
	"  backup FILE   all of it as of one moment, also while it is served\n"
	"  restore FILE  puts a backup in place, with a new instance, so that gateways take all of it;\n"
	"                so a mesh goes from one kind of store to the other, too\n"
	"  renew         gives the mesh a new instance, after its database was put back by other means\n"
	"  migrate       brings the database to this program's schema (serve does it too)\n"
	"  check         whether database and mesh hold together, also while it is served\n"
	"\n"
	"  --data DIR          where the database lies (/var/lib/wm-registry)\n"
	"  --store URL         a PostgreSQL database instead, which several registries may share:\n"
	"                      postgresql://USER@HOST/DATABASE?sslmode=verify-full\n"
	"  --env-file FILE     read settings from there instead of /etc/wm/registry.env\n"
	"  --preshared-keys    renew: all preshared keys become others, too\n"
	"  --force             backup: replace FILE; restore: replace the database, and keep it aside\n"
	"Of serve:\n"
	"  --listen ADDR:PORT  listen there; may be given several times (127.0.0.1:8099);\n"
	"                      port 0 takes a free one; sockets inherited from systemd are used too\n"
	"  --tls-cert FILE     serve https with this certificate chain (PEM)\n"
	"  --tls-key FILE      and this private key (PEM)\n"
	"  --token-file FILE   the master token, instead of WM_REGISTRY_TOKEN\n"
	"  --mesh-name NAME    the mesh's name, for people (home)\n"
	"  --supernet PREFIX   what all sites' subnets lie in (172.30.0.0/16)\n"
	"  --downloads DIR     give out the files of this directory to everybody, without a token\n"
	"  --audit-keep ROWS   how much of the audit is kept, the newest (1000000); 0: all\n"
	"  --help, --version\n"
	"\n"
	"Settings, in the file as lines of KEY=VALUE, or in the environment; options win, then the file:\n"
	"  WM_REGISTRY_TOKEN   the master token; needed, at least 16 characters: openssl rand -hex 32\n"
	"  WM_REGISTRY_PORT    on 127.0.0.1 (8099)\n"
	"  WM_REGISTRY_STORE   as --store, which may not hold a password: everybody could read it there\n"
	"  WM_REGISTRY_DATA, WM_MESH_NAME, WM_MESH_SUPERNET (or MESH_SUPERNET), WM_REGISTRY_DOWNLOADS,\n"
	"  WM_REGISTRY_AUDIT_KEEP\n"
	"  CF_DOMAIN           wm-registry.example.com|8099: the name that a tunnel shows to the world, from\n"
	"                      which the public URL is made, and the port here that it leads to\n"
	"\n"
	"Exit status: 0 done, or stopped as asked; 1 failed, or check found something; 2 wrong usage or settings.\n";

static const struct {
	const char *name;
	bool takes_file;
} verbs[] = {
	[VERB_SERVE] = { "serve", false },     [VERB_BACKUP] = { "backup", true }, [VERB_RESTORE] = { "restore", true },
	[VERB_RENEW] = { "renew", false },     [VERB_MIGRATE] = { "migrate", false }, [VERB_CHECK] = { "check", false },
};

enum {
	OPT_DATA = 256, OPT_STORE, OPT_ENV, OPT_FORCE, OPT_PRESHARED, OPT_LISTEN, OPT_CERT, OPT_KEY, OPT_TOKEN, OPT_NAME, OPT_SUPERNET, OPT_DOWNLOADS, OPT_AUDIT,
	OPT_HELP, OPT_VERSION
};

static const struct option long_options[] = {
	{ "data", required_argument, NULL, OPT_DATA },
	{ "store", required_argument, NULL, OPT_STORE },
	{ "env-file", required_argument, NULL, OPT_ENV },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "preshared-keys", no_argument, NULL, OPT_PRESHARED },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "tls-cert", required_argument, NULL, OPT_CERT },
	{ "tls-key", required_argument, NULL, OPT_KEY },
	{ "token-file", required_argument, NULL, OPT_TOKEN },
	{ "mesh-name", required_argument, NULL, OPT_NAME },
	{ "supernet", required_argument, NULL, OPT_SUPERNET },
	{ "downloads", required_argument, NULL, OPT_DOWNLOADS },
	{ "audit-keep", required_argument, NULL, OPT_AUDIT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static int take(int opt, struct options *o, struct wm_error *err)
{
	switch (opt) {
	case OPT_DATA: o->store.dir = optarg; return 0;
	case OPT_STORE: o->store_url = optarg; return 0;
	case OPT_ENV: o->env_file = optarg; return 0;
	case OPT_FORCE: o->force = true; return 0;
	case OPT_PRESHARED: o->preshared_keys = true; return 0;
	case OPT_CERT: o->cert_file = optarg; return 0;
	case OPT_KEY: o->key_file = optarg; return 0;
	case OPT_TOKEN: o->token_file = optarg; return 0;
	case OPT_NAME: o->store.mesh_name = optarg; return 0;
	case OPT_SUPERNET: o->supernet = optarg; return 0;
	case OPT_DOWNLOADS: o->downloads = optarg; return 0;
	case OPT_AUDIT: o->audit_keep = optarg; return 0;
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

static int read_verb(int argc, char **argv, struct options *o, struct wm_error *err)
{
	for (enum verb verb = VERB_SERVE; argc && verb < WM_ARRAY_LEN(verbs); verb++) {
		if (strcmp(argv[0], verbs[verb].name))
			continue;
		if (argc != 1 + verbs[verb].takes_file)
			return wm_fail(err, EINVAL, "%s; write: wm-registry %s%s [OPTION]...",
				       argc == 1 ? "the file is missing" : "there is an argument too many", verbs[verb].name,
				       verbs[verb].takes_file ? " FILE" : "");
		o->verb = verb;
		o->file = argv[1];
		return 0;
	}
	return argc ? wm_fail(err, EINVAL, "there is no '%.40s'; it is one of serve, backup, restore, renew, migrate and check: wm-registry --help",
			      argv[0]) :
		      wm_fail(err, EINVAL, "what is to be done? write: wm-registry serve [OPTION]..., or see wm-registry --help");
}

static int read_arguments(int argc, char **argv, struct options *o, struct wm_error *err)
{
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		rc = take(opt, o, err);
		if (rc)
			return rc;
	}
	return read_verb(argc - optind, argv + optind, o, err);
}

int options_read(int argc, char **argv, struct options *ret, struct wm_error *err)
{
	int rc;

	*ret = (struct options){ 0 };
	rc = read_arguments(argc, argv, ret, err);
	if (!rc)
		rc = settings_read(ret, err);
	if (rc)
		options_clear(ret);
	return rc;
}

void options_clear(struct options *options)
{
	wm_wipe(options->token, sizeof(options->token));
	if (options->key)
		wm_wipe(options->key, strlen(options->key));
	if (options->store_copy)
		wm_wipe(options->store_copy, strlen(options->store_copy));
	free(options->store_copy);
	free(options->key);
	free(options->cert);
	wm_env_free(options->env);
	*options = (struct options){ 0 };
}
