/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/env.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/key.h"
#include "core/util.h"

#define ENV_FILE_MAX (64 * 1024)

struct entry {
	char *key, *value;
};

struct wm_env {
	struct entry *entries;
	size_t n, cap;
};

void wm_env_free(struct wm_env *env)
{
	if (!env)
		return;
	for (size_t i = 0; i < env->n; i++) {
		wm_wipe(env->entries[i].value, strlen(env->entries[i].value));
		free(env->entries[i].value);
		free(env->entries[i].key);
	}
	free(env->entries);
	free(env);
}

static int add_entry(struct wm_env *env, const char *key, size_t key_len, const char *value, size_t value_len)
{
	struct entry e;
	int rc = wm_grow((void **)&env->entries, &env->cap, env->n + 1, sizeof(*env->entries));

	if (rc)
		return rc;
	e.key = strndup(key, key_len);
	e.value = strndup(value, value_len);
	if (!e.key || !e.value) {
		free(e.key);
		free(e.value);
		return -ENOMEM;
	}
	env->entries[env->n++] = e;
	return 0;
}

/* A value from s to the end of its line; NULL when a quote is not closed or something stands behind it. */
static const char *scan_value(const char *s, const char *end, const char **ret_start, size_t *ret_len)
{
	const char *stop;

	if (s < end && (*s == '"' || *s == '\'')) {
		stop = memchr(s + 1, *s, (size_t)(end - s - 1));
		if (!stop)
			return NULL;
		*ret_start = s + 1;
		*ret_len = (size_t)(stop - s - 1);
		for (s = stop + 1; s < end && isblank((unsigned char)*s); s++)
			;
		return s == end || (*s == '#' && s > stop + 1) ? end : NULL;
	}
	/* stop[-1] of the first is '=' or a blank: "KEY=#x" has a value, "KEY= #x" a comment. */
	for (stop = s; stop < end && !(*stop == '#' && isblank((unsigned char)stop[-1])); stop++)
		;
	while (stop > s && isspace((unsigned char)stop[-1]))
		stop--;
	*ret_start = s;
	*ret_len = (size_t)(stop - s);
	return end;
}

static int parse_line(struct wm_env *env, const char *s, const char *end, const char *what, int line,
		      struct wm_error *err)
{
	const char *key, *value;
	size_t key_len, value_len;

	if (end > s && end[-1] == '\r')
		end--;
	while (s < end && isblank((unsigned char)*s))
		s++;
	if (s == end || *s == '#')
		return 0;
	if (end - s > 7 && !strncmp(s, "export ", 7))
		s += 7;
	key = s;
	while (s < end && (isalnum((unsigned char)*s) || *s == '_'))
		s++;
	key_len = (size_t)(s - key);
	if (!key_len || isdigit((unsigned char)*key) || s == end || *s != '=')
		return wm_fail(err, EINVAL, "%s: line %d is not KEY=VALUE; correct or remove it", what, line);
	for (s++; s < end && isblank((unsigned char)*s); s++)
		;
	if (!scan_value(s, end, &value, &value_len))
		return wm_fail(err, EINVAL, "%s: line %d: the value of %.*s has an open quote or text behind its quotes",
			       what, line, (int)key_len, key);
	return add_entry(env, key, key_len, value, value_len) ? wm_fail(err, ENOMEM, "%s: out of memory", what) : 0;
}

int wm_env_parse(const char *text, const char *what, struct wm_env **ret, struct wm_error *err)
{
	struct wm_env *env = calloc(1, sizeof(*env));
	int line = 0;

	if (!env)
		return wm_fail(err, ENOMEM, "%s: out of memory", what);
	while (*text) {
		size_t len = strcspn(text, "\n");
		int rc = parse_line(env, text, text + len, what, ++line, err);

		if (rc) {
			wm_env_free(env);
			return rc;
		}
		text += len + (text[len] == '\n');
	}
	*ret = env;
	return 0;
}

int wm_env_load(const char *path, struct wm_env **ret, struct wm_error *err)
{
	char *text = NULL;
	size_t len;
	int rc = wm_read_file(path, ENV_FILE_MAX, &text, &len);

	if (rc)
		return wm_fail(err, -rc, "%s: cannot read it: %s", path, strerror(-rc));
	if (strlen(text) != len)
		rc = wm_fail(err, EINVAL, "%s: has a NUL byte in it; it should be lines of KEY=VALUE", path);
	else
		rc = wm_env_parse(text, path, ret, err);
	wm_wipe(text, len);
	free(text);
	return rc;
}

const char *wm_env_own(const struct wm_env *env, const char *key, const char *fallback)
{
	for (size_t i = env ? env->n : 0; i--;) {
		if (!strcmp(env->entries[i].key, key))
			return env->entries[i].value;
	}
	return fallback;
}

const char *wm_env_get(const struct wm_env *env, const char *key, const char *fallback)
{
	const char *value = wm_env_own(env, key, "");

	if (*value)
		return value;
	value = getenv(key);
	return value && *value ? value : fallback;
}

int wm_env_bool(const struct wm_env *env, const char *key, int fallback, int *ret, struct wm_error *err)
{
	static const char *const words[2][4] = { { "false", "no", "off", "0" }, { "true", "yes", "on", "1" } };
	const char *value = wm_env_get(env, key, NULL);

	if (!value) {
		*ret = fallback;
		return 0;
	}
	for (int is = 0; is < 2; is++) {
		for (size_t i = 0; i < WM_ARRAY_LEN(words[is]); i++) {
			if (!strcasecmp(value, words[is][i])) {
				*ret = is;
				return 0;
			}
		}
	}
	return wm_fail_field(err, EINVAL, key, "%s is '%.40s'; it must be true or false", key, value);
}

int wm_env_uint(const struct wm_env *env, const char *key, unsigned long fallback, unsigned long least,
		unsigned long most, unsigned long *ret, struct wm_error *err)
{
	const char *value = wm_env_get(env, key, NULL);
	unsigned long n;
	char *end;

	if (!value) {
		*ret = fallback;
		return 0;
	}
	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || *end || !isdigit((unsigned char)*value) || n < least || n > most)
		return wm_fail_field(err, EINVAL, key, "%s is '%.40s'; it must be a number from %lu to %lu", key, value,
				     least, most);
	*ret = n;
	return 0;
}
