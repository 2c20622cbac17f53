/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/gateway.h"
#include "core/env.h"
#include "core/util.h"

#define FILE_MAX (64 * 1024)
#define TOKEN "WM_REGISTRY_TOKEN"
#define LANS "LXC_IFACES"
#define VALUE_SIZE 1024
#define HEADER "# Settings of a gateway of wm, as 'wm-gateway install' wrote them; wm-gateway(8) says what there is.\n"

/* Asked for where nobody has said: in this order. */
static const struct question {
	const char *key, *text;
	bool needed, secret;
} questions[] = {
	{ "SITE_DOMAIN", "This site's domain (one word, like home)", true },
	{ "WM_REGISTRY_URL", "The registry's address (https://...)", true },
	{ TOKEN, "The enrolment that 'wm add-site' printed, or an admin token (not shown)", true, true },
	{ LANS, "This machine's LANs: addresses or interfaces, with commas" },
	{ "PUBLIC_IP", "Where others reach it: ADDRESS, NAME, auto or none (empty: looked up)" },
};

static const char *const keys[] = {
	"SITE_DOMAIN", "SITE_SUBNET", "IS_HUB", "WM_REGISTRY_URL", TOKEN, "WM_REGISTRY_CA", "WM_REGISTRY_ALLOW_HTTP", "PUBLIC_IP",
	"WM_ENDPOINT_SERVICES", LANS, "LXC_GATEWAY", "LXC_KIND", "LXC_CONTAINER", "LXC_VMID", "LXC_STORAGE", "LXC_TEMPLATE", "LXC_PATH", "LXC_PROGRAMS",
	"WM_CARRIER", "WM_LAN_PREFIXES", "WM_LAN_ROUTERS", "WM_INTERFACE", "WM_LISTEN_PORT",
	"WM_MTU", "WM_DATAPLANE", "WM_XDP", "WM_FASTPATH", "WM_MESH_SUPERNET", "WM_DNSMASQ_PID", "WM_WAIT", "WM_POLL",
	"WM_UPDATE_URL", "WM_UPDATE_INTERVAL", "WM_UPDATE_PROVE", "WM_TCX", "WM_TC_PRIO",
};

static bool known(const char *key)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++) {
		if (!strcmp(key, keys[i]))
			return true;
	}
	return false;
}

void wm_settings_free(struct wm_settings *s)
{
	wm_wipe_free(s->text);
	wm_wipe(s, sizeof(*s));
}

static int set(struct wm_settings *s, const char *key, const char *value, struct wm_error *err)
{
	char *text;
	int rc;

	if (!strcmp(key, TOKEN))
		return wm_copy(s->token, sizeof(s->token), value) ? wm_fail_field(err, EINVAL, key, TOKEN " is too long") : 0;
	rc = wm_env_edit(s->text, key, *value ? value : NULL, &text, err);
	if (rc)
		return rc;
	wm_wipe_free(s->text);
	s->text = text;
	return 0;
}

/* --- where they come from ------------------------------------------------------------------ */

/* The file that is there; the token in it counts as if it were given, and is not in the text. */
static int begin_with(struct wm_life *l, struct wm_settings *s, struct wm_error *err)
{
	struct wm_env *env = NULL;
	char *text = NULL;
	size_t len;
	int rc = wm_read_file(l->inst.env_file, FILE_MAX, &text, &len);

	s->was_there = !rc;
	if (rc == -ENOENT) {
		text = strdup(HEADER);
		rc = text ? 0 : -ENOMEM;
	} else if (!rc && strlen(text) != len) {
		rc = -EINVAL;
	}
	if (rc) {
		wm_wipe_free(text);
		return wm_fail(err, -rc, "%s: cannot read it: %s", l->inst.env_file, strerror(-rc));
	}
	rc = wm_env_parse(text, l->inst.env_file, &env, err);
	if (!rc)
		rc = set(s, TOKEN, wm_env_own(env, TOKEN, ""), err);
	if (!rc)
		rc = wm_env_edit(text, TOKEN, NULL, &s->text, err);
	wm_env_free(env);
	wm_wipe_free(text);
	return rc;
}

static int take_environment(struct wm_settings *s, struct wm_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < WM_ARRAY_LEN(keys); i++) {
		const char *value = getenv(keys[i]);

		if (value && *value)
			rc = set(s, keys[i], value, err);
		/* The service will not have it: what is checked is what is written. */
		unsetenv(keys[i]);
	}
	return rc ? wm_fail_in(err, rc, "the environment") : 0;
}

/* Of a service.env: what is not ours in it is somebody else's. */
static int take_file(const struct wm_life *l, struct wm_settings *s, struct wm_error *err)
{
	struct wm_env *env = NULL;
	const char *path = l->opt->env_file && !strcmp(l->opt->env_file, "-") ? "/dev/stdin" : l->opt->env_file;
	int rc = path ? wm_env_load(path, &env, err) : 0;

	for (size_t i = 0; env && !rc && i < WM_ARRAY_LEN(keys); i++) {
		const char *value = wm_env_own(env, keys[i], NULL);

		/* An empty one says that it is not set any more; a token is only ever added. */
		if (value && (*value || strcmp(keys[i], TOKEN)))
			rc = set(s, keys[i], value, err);
	}
	wm_env_free(env);
	return rc;
}

static int take_argument(const struct wm_life *l, struct wm_settings *s, const char *arg, struct wm_error *err)
{
	const char *equals = strchr(arg, '=');
	char key[64];

	if (!equals || equals == arg || wm_format(key, sizeof(key), "%.*s", (int)(equals - arg), arg))
		return wm_fail(err, EINVAL, "install takes KEY=VALUE, and '%.60s' is not that", arg);
	if (!known(key))
		return wm_fail(err, EINVAL, "there is no setting '%.60s'; wm-gateway(8) lists them", key);
	if (!strcmp(key, TOKEN) && equals[1])
		wm_life_note(l, "a token among arguments is seen by everybody on this machine who looks at its processes; give it by the environment, by --env FILE or when asked");
	int rc = set(s, key, equals + 1, err);

	/* What ps shows of us from now on has no token; argv is ours to write. */
	if (!strcmp(key, TOKEN))
		wm_wipe((char *)(equals + 1), strlen(equals + 1));
	return rc;
}

/* What an empty answer would mean now. */
static void say_default_lan(const struct wm_life *l)
{
	char addr[WM_IP4_TEXT];
	struct wm_self self;

	if (wm_gateway_find_self(&l->inst, &self, NULL, NULL))
		fprintf(stderr, "(no default route is on a LAN here: there is no default for the next)\n");
	else
		fprintf(stderr, "(empty: the default route's, which is %s with %s now)\n", self.lans[0].ifname, wm_ip4_format(self.lans[0].addr, addr));
}

static int ask_for_the_rest(const struct wm_life *l, struct wm_settings *s, struct wm_error *err)
{
	struct wm_env *env = NULL;
	char value[VALUE_SIZE];
	int rc;

	if (l->opt->yes || s->was_there || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return 0;
	rc = wm_env_parse(s->text, l->inst.env_file, &env, err);
	for (size_t i = 0; !rc && i < WM_ARRAY_LEN(questions); i++) {
		const struct question *q = &questions[i];

		if (q->secret ? *s->token : wm_env_own(env, q->key, NULL) != NULL)
			continue;
		if (!strcmp(q->key, LANS))
			say_default_lan(l);
		do {
			rc = wm_ask(q->text, "", q->secret, value, sizeof(value));
		} while (!rc && q->needed && !*value);
		rc = rc ? wm_fail(err, -rc, "%s: no answer", q->key) : set(s, q->key, value, err);
	}
	wm_wipe(value, sizeof(value));
	wm_env_free(env);
	return rc;
}

/* --- all of it ------------------------------------------------------------------------------ */

static int with_token(const struct wm_settings *s, char **ret, struct wm_error *err)
{
	return wm_env_edit(s->text, TOKEN, *s->token ? s->token : NULL, ret, err);
}

static int check(struct wm_life *l, const struct wm_settings *s, struct wm_error *err)
{
	struct wm_instance inst;
	char *text;
	int rc = with_token(s, &text, err);

	if (rc)
		return rc;
	rc = wm_instance_parse(&inst, l->opt->instance, l->inst.env_file, text, err);
	wm_wipe_free(text);
	if (!rc)
		l->inst = inst;
	wm_wipe(&inst, sizeof(inst));
	return rc;
}

int wm_settings_collect(struct wm_life *l, struct wm_settings *ret, struct wm_error *err)
{
	struct wm_settings s = { 0 };
	int rc = begin_with(l, &s, err);

	if (!rc)
		rc = take_environment(&s, err);
	if (!rc)
		rc = take_file(l, &s, err);
	for (unsigned int i = 0; !rc && i < l->opt->nargs; i++)
		rc = take_argument(l, &s, l->opt->args[i], err);
	if (!rc)
		rc = ask_for_the_rest(l, &s, err);
	if (!rc)
		rc = check(l, &s, err);
	if (!rc)
		*ret = s;
	else
		wm_settings_free(&s);
	return rc;
}

int wm_settings_write(struct wm_life *l, const struct wm_settings *s, bool keep_token, struct wm_error *err)
{
	char *text;
	int rc = keep_token ? with_token(s, &text, err) : wm_env_edit(s->text, TOKEN, NULL, &text, err);

	if (rc)
		return rc;
	rc = wm_step_file(l, l->inst.env_file, 0600, text, strlen(text), err);
	wm_wipe_free(text);
	return rc;
}

int wm_settings_whole(const char *text, char **ret, struct wm_error *err)
{
	struct wm_env *env = NULL;
	char *whole = NULL;
	size_t size;
	int rc = wm_env_parse(text, "settings", &env, err);
	FILE *f = rc ? NULL : open_memstream(&whole, &size);

	for (size_t i = 0; f && i < WM_ARRAY_LEN(keys); i++) {
		if (!wm_env_own(env, keys[i], NULL) && strcmp(keys[i], TOKEN))
			fprintf(f, "%s=\n", keys[i]);
	}
	wm_env_free(env);
	if (rc)
		return rc;
	if (f)
		fputs(text, f);
	if (!f || fclose(f)) {
		wm_wipe_free(whole);
		return wm_fail(err, ENOMEM, "out of memory");
	}
	*ret = whole;
	return 0;
}
