/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/like.h"
#include "core/util.h"
#include "http/client.h"

#define ANSWER_MAX (1024u * 1024)
#define CONFIG_MAX (1024u * 1024 * 1024) /* of /config as text: a million hosts */
#define TIMEOUT_S 30
#define LONG_S 300 /* of what may be as large */
#define HEALTH_S 5

struct api {
	struct wm_http *http;
	bool device; /* it is asked with a device's token */
	char tag[80]; /* ETag of the last answer, without quotes, or "" */
};

static const struct wm_field whoami_fields[] = {
	WM_FIELD(whoami, role, "role", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(whoami, name, "name", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(whoami, mesh_name, "mesh_name", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(whoami, supernet, "supernet", WM_FIELD_PREFIX, WM_FIELD_REQUIRED),
	WM_FIELD(whoami, instance, "instance", WM_FIELD_STRING, 0),
	WM_FIELD(whoami, url, "url", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(whoami, generation, "generation", WM_FIELD_UINT, 0),
};
static const struct wm_table whoami_table = WM_TABLE(whoami_fields);

static const struct wm_field enrolment_fields[] = {
	WM_FIELD(enrolment, kind, "kind", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(enrolment, name, "name", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(enrolment, token, "token", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(enrolment, expires, "expires", WM_FIELD_STRING, WM_FIELD_REQUIRED),
};
static const struct wm_table enrolment_table = WM_TABLE(enrolment_fields);

static const struct wm_field placed_device_fields[] = {
	WM_FIELD(placed_device, device.name, "name", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(placed_device, domain, "domain", WM_FIELD_LABEL, WM_FIELD_NULLABLE),
	WM_FIELD(placed_device, device.overlay, "wg_ip", WM_FIELD_IP4, WM_FIELD_REQUIRED),
	WM_FIELD(placed_device, device.access, "type", WM_FIELD_DEVICE_TYPE, 0),
	WM_FIELD(placed_device, device.public_key, "public_key", WM_FIELD_KEY, WM_FIELD_NULLABLE),
};
const struct wm_table placed_device_table = WM_TABLE(placed_device_fields);

uint32_t field_bit(const struct wm_table *table, const char *key)
{
	size_t i = 0;

	while (strcmp(table->fields[i].key, key))
		i++;
	return 1u << i;
}

int api_open(const struct mesh *mesh, struct api **ret, struct wm_error *err)
{
	const char *ca = *mesh->ca ? mesh->ca : getenv("WM_REGISTRY_CA");
	struct wm_http_options options = {
		.url = mesh->url,
		.token = mesh->token,
		.ca_file = ca,
		.allow_http = mesh->allow_http,
		.agent = "wm/" WM_VERSION,
	};
	struct api *api;
	int rc;

	if (!*mesh->token)
		return wm_fail(err, EPERM, "%s has no REGISTRY_TOKEN; add it, or give --token-file or WM_REGISTRY_TOKEN",
			       mesh->path);
	api = calloc(1, sizeof(*api));
	if (!api)
		return wm_fail(err, ENOMEM, "out of memory");
	api->device = wm_token_kind(mesh->token) == WM_TOKEN_DEVICE;
	rc = wm_http_new(&options, &api->http, err);
	if (rc) {
		free(api);
		return rc == -ENOMEM ? rc : -EPERM; /* what the mesh's file says is at fault */
	}
	*ret = api;
	return 0;
}

void api_close(struct api *api)
{
	if (!api)
		return;
	wm_http_free(api->http);
	free(api);
}

/* What stands between the quotes: a proxy that may compress answers makes tags weak (W/"x"). */
static void keep_tag(struct api *api, const char *etag)
{
	etag += strncmp(etag, "W/", 2) ? 0 : 2;
	etag += *etag == '"';
	snprintf(api->tag, sizeof(api->tag), "%.*s", (int)strcspn(etag, "\""), etag);
}

/* A request whose answer is 2xx, or a sentence. */
static int call(struct api *api, const char *method, const char *path, const char *body, size_t max,
		unsigned int timeout_s, struct wm_http_answer *ret, const char *doing, struct wm_error *err)
{
	int rc = wm_http_request(api->http, method, path, body, max, timeout_s, ret, err);

	if ((rc == -ETIMEDOUT || rc == -ECONNRESET) && strcmp(method, "GET") && err) {
		struct wm_error first = *err;

		return wm_fail(err, -rc, "%.400s. Whether the change was made is not known: look with 'wm list'", first.text);
	}
	if (rc)
		return rc;
	keep_tag(api, ret->etag);
	if (ret->status >= 200 && ret->status < 300)
		return 0;
	rc = wm_http_problem(ret, doing, err);
	wm_http_answer_free(ret);
	return rc;
}

static int not_understood(struct wm_error *err)
{
	return wm_fail_in(err, -EPROTO, "the registry's answer is not understood");
}

int api_send(struct api *api, const char *method, const char *path, const struct wm_table *table, const void *obj,
	     uint32_t mask, const struct wm_table *ret_table, void *ret, const char *doing, struct wm_error *err)
{
	char *body = table ? wm_encode(table, obj, mask) : NULL;
	struct wm_http_answer answer = {0};
	int rc = 0;

	if (table && !body)
		return wm_fail(err, ENOMEM, "out of memory");
	rc = call(api, method, path, body, ANSWER_MAX, TIMEOUT_S, &answer, doing, err);
	if (!rc && ret_table && wm_decode(ret_table, answer.body, answer.len, ret, NULL, err))
		rc = not_understood(err);
	if (answer.body)
		wm_wipe(answer.body, answer.len);
	wm_http_answer_free(&answer);
	free(body);
	return rc;
}

int api_text(struct api *api, const char *method, const char *path, const char *body, char **ret, size_t *ret_len,
	     const char *doing, struct wm_error *err)
{
	struct wm_http_answer answer = {0};
	int rc = call(api, method, path, body, CONFIG_MAX, LONG_S, &answer, doing, err);

	if (rc)
		return rc;
	*ret = answer.body;
	*ret_len = answer.len;
	return 0;
}

int api_json(struct api *api, const char *method, const char *path, const char *body, struct wm_json **ret,
	     const char *doing, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	size_t len = 0;
	int rc = api_text(api, method, path, body, &text, &len, doing, err);

	if (!rc && wm_json_load(text, len, ret, err))
		rc = not_understood(err);
	if (text)
		wm_wipe(text, len); /* it may have a token in it */
	return rc;
}

/* The registry adds its mark, in hex; with what some proxies add ("-gzip") it would never be the same. */
static bool is_tag_of(const char *tag, const char *plain)
{
	size_t len = strlen(plain);

	if (strncmp(tag, plain, len))
		return false;
	tag += len;
	return !*tag || (*tag == '-' && strspn(tag + 1, "0123456789abcdefABCDEF") == strlen(tag + 1));
}

int api_only_if_same(struct api *api, const char *instance, uint64_t generation, struct wm_error *err)
{
	char plain[sizeof(api->tag)];

	wm_format(plain, sizeof(plain), "%s-%llu", instance, (unsigned long long)generation);
	if (!is_tag_of(api->tag, plain))
		wm_copy(api->tag, sizeof(api->tag), plain);
	return wm_http_if_match(api->http, api->tag, err);
}

int api_health(struct api *api, struct wm_error *err)
{
	struct wm_http_answer answer = {0};
	WM_AUTO_FREE char *status = NULL;
	int rc = call(api, "GET", "/health", NULL, ANSWER_MAX, HEALTH_S, &answer, "health", err);

	if (rc)
		return rc;
	status = wm_json_member(answer.body, answer.len, "status");
	wm_http_answer_free(&answer);
	if (!status || strcmp(status, "ok"))
		return wm_fail(err, EPROTO, "what answers there is not a registry in good health");
	return 0;
}

int api_whoami(struct api *api, struct whoami *ret, struct wm_error *err)
{
	memset(ret, 0, sizeof(*ret));
	return api_send(api, "GET", "/v1/whoami", NULL, NULL, 0, &whoami_table, ret, "registry", err);
}

int api_config_text(struct api *api, char **ret, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	size_t len = 0;
	int rc = api_text(api, "GET", "/config", NULL, &text, &len, "config", err);

	if (rc)
		return rc;
	*ret = wm_json_pretty(text, len);
	return *ret ? 0 : wm_fail(err, EPROTO, "what answers there is not a registry: it sends no JSON");
}

/* --- the config stream ------------------------------------------------------------- */

struct reader {
	struct wm_config *config;
	uint64_t lines; /* since the header */
	bool begun, ended;
	struct wm_error *err;
};

static int take_record(struct reader *r, const struct wm_record *record)
{
	if (r->ended || r->begun == (record->type == WM_RECORD_MESH))
		return wm_fail(r->err, EPROTO, "the config's lines are out of order");
	switch (record->type) {
	case WM_RECORD_MESH:
		r->config->mesh = record->mesh;
		r->begun = true;
		return 0;
	case WM_RECORD_SITE:
		return wm_config_add_site(r->config, &record->site);
	case WM_RECORD_HOST:
		return wm_config_add_host(r->config, &record->host);
	case WM_RECORD_DEVICE:
		return wm_config_add_device(r->config, &record->device);
	case WM_RECORD_END:
		r->ended = true;
		if (record->end.count == r->lines)
			return 0;
		return wm_fail(r->err, EPROTO, "the config is cut: %llu of %llu lines came", (unsigned long long)r->lines,
			       (unsigned long long)record->end.count);
	}
	return 0;
}

static int take_line(void *arg, const char *line, size_t len)
{
	struct reader *r = arg;
	struct wm_record record;
	int rc = wm_decode_line(line, len, &record, r->err);

	if (rc < 0)
		return wm_fail_in(r->err, -EPROTO, "the registry's config is not understood");
	if (rc == 0) {
		rc = take_record(r, &record);
		if (rc || record.type == WM_RECORD_MESH || record.type == WM_RECORD_END)
			return rc;
	}
	r->lines++;
	return 0;
}

int api_config(struct api *api, struct wm_config *ret, struct wm_error *err)
{
	struct wm_config config = {0};
	struct reader r = {.config = &config, .err = err};
	struct wm_http_answer answer = {0};
	/* What a device follows is made for it, and only about it. */
	int rc = wm_http_stream(api->http, api->device ? "/v1/mesh" : "/v1/config", TIMEOUT_S, TIMEOUT_S, take_line, &r, &answer, err);

	if (!rc && answer.status != 200)
		rc = wm_http_problem(&answer, "config", err);
	else if (!rc && !r.ended)
		rc = wm_fail(err, EPROTO, "the registry's config broke off before its end");
	wm_http_answer_free(&answer);
	if (rc)
		wm_config_free(&config);
	else
		*ret = config;
	return rc;
}

/* --- waiting ------------------------------------------------------------------------- */

static int take_generation(void *arg, const char *line, size_t len)
{
	struct wm_record record;

	if (!wm_decode_line(line, len, &record, NULL) && record.type == WM_RECORD_CHANGES)
		*(uint64_t *)arg = record.changes.mesh.generation;
	return 0;
}

int api_wait(struct api *api, const char *instance, uint64_t generation, unsigned int seconds, uint64_t *ret_generation,
	     struct wm_error *err)
{
	struct wm_http_answer answer = {0};
	struct whoami now;
	char path[160];
	int rc;

	*ret_generation = 0;
	wm_format(path, sizeof(path), "/v1/changes?instance=%s&after=%llu&wait=%u", instance, (unsigned long long)generation,
		  seconds);
	rc = wm_http_stream(api->http, path, seconds + TIMEOUT_S, TIMEOUT_S, take_generation, ret_generation, &answer, err);
	if (!rc && answer.status == 204)
		rc = -EAGAIN;
	else if (!rc && answer.status != 200 && answer.status != 410) /* 410: it cannot be told what has changed */
		rc = wm_http_problem(&answer, "changes", err);
	wm_http_answer_free(&answer);
	if (rc || *ret_generation)
		return rc;
	rc = api_whoami(api, &now, err);
	*ret_generation = now.generation;
	return rc;
}

/* --- changes --------------------------------------------------------------------------- */

int api_enrolment(struct api *api, const char *kind, const char *name, struct enrolment *ret, struct wm_error *err)
{
	struct enrolment wish = {0};
	int rc;

	wm_copy(wish.kind, sizeof(wish.kind), kind);
	wm_copy(wish.name, sizeof(wish.name), name);
	memset(ret, 0, sizeof(*ret));
	rc = api_send(api, "POST", "/v1/enrolments", &enrolment_table, &wish,
		      field_bit(&enrolment_table, "kind") | field_bit(&enrolment_table, "name"), &enrolment_table, ret, name,
		      err);
	/* It goes into files and shells. */
	if (!rc && !wm_token_wellformed(WM_TOKEN_ENROLMENT, ret->token))
		rc = wm_fail(err, EPROTO, "%s: the registry's answer is not understood: 'token' is none", name);
	return rc;
}

/* Whether GET finds it; a device's domain must be the one that was said. */
static int probe(struct api *api, const char *path, const char *domain, const char *doing, struct wm_error *err)
{
	struct wm_http_answer answer = {0};
	WM_AUTO_FREE char *has = NULL;
	int rc = call(api, "GET", path, NULL, ANSWER_MAX, TIMEOUT_S, &answer, doing, err);

	if (rc)
		return rc;
	has = wm_json_member(answer.body, answer.len, "domain");
	wm_http_answer_free(&answer);
	return !domain || (has && !strcmp(has, domain)) ? 0 : -ENOENT;
}

int api_target(struct api *api, const char *text, struct target *ret, struct wm_error *err)
{
	char name[WM_NAME_SIZE], domain[WM_NAME_SIZE] = "", like[LIKE_TEXT];
	int rc = -ENOENT;

	if (wm_fqdn_split(text, name, domain) && (!wm_label_valid(text) || wm_copy(name, sizeof(name), text)))
		return wm_fail(err, EINVAL, "'%s' is not a name: hosts are called NAME.DOMAIN, devices NAME", text);
	wm_copy(ret->name, sizeof(ret->name), text);
	ret->device = !*domain;
	if (*domain) {
		wm_format(ret->path, sizeof(ret->path), "/v1/hosts/%s.%s", name, domain);
		rc = probe(api, ret->path, NULL, text, err);
	}
	if (rc == -ENOENT) { /* "laptop.hub" is how a device is called in DNS */
		ret->device = true;
		wm_format(ret->path, sizeof(ret->path), "/v1/devices/%s", name);
		rc = probe(api, ret->path, *domain ? domain : NULL, text, err);
	}
	if (rc != -ENOENT)
		return rc;
	return wm_fail(err, ENOENT, "there is no %s '%s'; %s", *domain ? "host or device" : "device", text,
		       did_you_mean(api, LIKE_HOSTS | LIKE_DEVICES, text,
				    *domain ? "'wm list' shows what there is"
					    : "'wm list' shows what there is (a host is called NAME.DOMAIN)",
				    like));
}
